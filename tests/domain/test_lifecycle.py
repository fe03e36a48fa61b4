"""How sessions end, and how they outlive their server."""

import pytest
from anyio import Event as Signal
from anyio import create_task_group
from anyio.lowlevel import checkpoint

from contracts.events import (
    SessionDeleted,
    SessionOutput,
    SessionStatus,
    TurnCompleted,
)
from contracts.requests import UpdateSession
from domain.errors import Draining, SessionNotFound
from domain.ids import SessionId
from domain.ports import Turn, TurnEnd
from tests.domain.stage import Stage, ends, staged, status, turns
from tests.fakes import FakeAgent, FaultyEventLog, persist, work

# Ends


async def test_deleting_ends_the_agent_and_leaves_a_tombstone() -> None:
    async with staged(play=persist) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "a")
        await stage.submit(session_id, "b")
        await stage.running(session_id)

        await stage.sessions.delete(session_id)

        assert stage.launcher.agent.ended.is_set()
        assert stage.launcher.commands == ["a"]
        assert [type(event) for event in await stage.events(session_id)] == [SessionDeleted]
        for use in (
            stage.sessions.delete(session_id),
            stage.submit(session_id),
            stage.cancel(session_id),
            stage.sessions.resume(session_id),
            stage.sessions.update(session_id, UpdateSession(title="x")),
        ):
            with pytest.raises(SessionNotFound):
                await use


async def test_two_who_delete_at_once_delete_once() -> None:
    outcomes: list[str] = []
    async with staged(play=work) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.running(session_id)

        async def delete() -> None:
            try:
                await stage.sessions.delete(session_id)
                outcomes.append("deleted")
            except SessionNotFound:
                outcomes.append("not found")

        async with create_task_group() as tasks:
            tasks.start_soon(delete)
            tasks.start_soon(delete)

    assert sorted(outcomes) == ["deleted", "not found"]


async def test_no_prompt_is_taken_while_its_session_is_deleted() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.running(session_id)

        async with create_task_group() as tasks:
            tasks.start_soon(stage.sessions.delete, session_id)
            await checkpoint()
            with pytest.raises(SessionNotFound):
                await stage.submit(session_id)

    assert stage.launcher.commands == ["ls"]


async def test_a_change_that_meets_a_deletion_finds_no_session() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        stage.log.held = True

        async def change() -> None:
            with pytest.raises(SessionNotFound):
                await stage.sessions.update(session_id, UpdateSession(title="x"))

        async with create_task_group() as tasks:
            tasks.start_soon(change)
            await turns(2)
            tasks.start_soon(stage.sessions.delete, session_id)
            await turns(2)
            stage.log.release()


async def test_what_an_agent_says_after_the_deletion_is_dropped() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.rested(session_id)
        await stage.sessions.delete(session_id)

        await stage.launcher.agent.emit(SessionOutput(stream="stdout", content="late"))

        assert (await stage.log.head(session_id)).deleted


async def test_draining_ends_all_sessions_and_tells_the_truth() -> None:
    async with staged(play=work) as stage:
        idle, busy, queued = [await stage.open() for _ in range(3)]
        await stage.submit(busy)
        await stage.submit(queued, "a")
        await stage.submit(queued, "b")
        await stage.running(busy)
        await stage.running(queued)

        await stage.sessions.drain()

        assert [(await stage.reading.get(one)).status for one in (idle, busy, queued)] == [
            "idle",
            "interrupted",
            "interrupted",
        ]
        assert [reason for _, reason in ends(await stage.events(busy))] == ["interrupted"]
        assert (await stage.reading.snapshot(queued)).state.held
        assert all(agent.ended.is_set() for agent in stage.launcher.agents)
        assert stage.sessions.active == 0
        with pytest.raises(Draining):
            await stage.submit(idle)
        with pytest.raises(Draining):
            await stage.open()
        with pytest.raises(Draining):
            await stage.sessions.resume(queued)


async def test_a_turn_that_ends_by_itself_during_the_drain_was_not_interrupted() -> None:
    async def finish(agent: FakeAgent, turn: Turn) -> TurnEnd:
        await work(agent, turn)
        return TurnEnd(stop_reason="end")

    async with staged(play=finish) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.running(session_id)

        await stage.sessions.drain()
        events = await stage.events(session_id)

    assert (ends(events)[0][1], status(events)) == ("end", "idle")


async def test_an_agent_that_can_not_be_closed_does_not_hold_the_others() -> None:
    async with staged(play=work) as stage:
        first, second = await stage.open(), await stage.open()
        for session_id in (first, second):
            await stage.submit(session_id)
            await stage.running(session_id)
        agent = stage.launcher.agents[0]

        async def fail() -> None:
            agent.stop.set()
            raise RuntimeError

        agent.close = fail  # type: ignore[method-assign]
        await stage.sessions.drain()

        assert (await stage.reading.get(second)).status == "interrupted"


async def test_a_prompt_that_waits_for_its_session_to_load_does_not_pass_a_drain() -> None:
    log = FaultyEventLog()
    async with staged(log=log) as stage:
        session_id = await stage.open()
    async with staged(log=log) as stage:
        stage.owners._loading[session_id] = loading = Signal()
        refused: list[bool] = []

        async def submit() -> None:
            with pytest.raises(Draining):
                await stage.submit(session_id)
            refused.append(True)

        async with create_task_group() as tasks:
            tasks.start_soon(submit)
            await turns(2)
            await stage.sessions.drain()
            del stage.owners._loading[session_id]
            loading.set()

    assert refused


# Restarts


async def interrupted(stage: Stage) -> SessionId:
    """Leave a session as a killed server does: a turn runs, two prompts wait."""
    session_id = await stage.open()
    for name in ("a", "b", "c"):
        await stage.submit(session_id, name)
    await stage.running(session_id)
    return session_id


async def test_a_start_tells_the_truth_about_what_the_crash_left() -> None:
    log = FaultyEventLog()
    async with staged(play=work, log=log) as stage:
        session_id = await interrupted(stage)
        at_rest = await stage.open()
    async with staged(log=log) as stage:
        before = (await log.head(at_rest)).seq

        await stage.sessions.recover()
        await stage.sessions.recover()
        events = await stage.events(session_id)
        state = (await stage.reading.snapshot(session_id)).state

    assert [type(event) for event in events[-2:]] == [TurnCompleted, SessionStatus]
    assert [reason for _, reason in ends(events)] == ["interrupted"]
    assert (status(events), state.held, [prompt.command for prompt in state.queue]) == ("interrupted", True, ["b", "c"])
    assert stage.launcher.agents == []
    assert (await log.head(at_rest)).seq == before
    assert not await log.restless()


async def test_resuming_releases_the_queue_in_its_order() -> None:
    log = FaultyEventLog()
    async with staged(play=work, log=log) as stage:
        session_id = await interrupted(stage)
    async with staged(log=log) as stage:
        await stage.sessions.recover()

        resumed = await stage.sessions.resume(session_id)
        again = await stage.sessions.resume(session_id)
        events = await stage.rested(session_id, turns=3)

    assert (resumed.released, again.released) == (2, 0)
    assert stage.launcher.commands == ["b", "c"]
    assert status(events) == "idle"


async def test_the_next_prompt_releases_the_queue_before_it() -> None:
    log = FaultyEventLog()
    async with staged(play=work, log=log) as stage:
        session_id = await interrupted(stage)
    async with staged(log=log) as stage:
        await stage.sessions.recover()

        accepted = await stage.submit(session_id, "d")
        await stage.rested(session_id, turns=4)

    assert accepted.state == "queued"
    assert stage.launcher.commands == ["b", "c", "d"]


async def test_a_steering_prompt_goes_before_a_held_queue() -> None:
    log = FaultyEventLog()
    async with staged(play=work, log=log) as stage:
        session_id = await interrupted(stage)
    async with staged(log=log) as stage:
        await stage.sessions.recover()

        accepted = await stage.submit(session_id, "d", delivery="steer")
        await stage.rested(session_id, turns=4)

    assert accepted.state == "started"
    assert stage.launcher.commands == ["d", "b", "c"]


async def test_resuming_an_interrupted_session_without_a_queue_makes_it_idle() -> None:
    log = FaultyEventLog()
    async with staged(play=work, log=log) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.running(session_id)
    async with staged(log=log) as stage:
        resumed = await stage.sessions.resume(session_id)
        events = await stage.events(session_id)

    assert (resumed.released, status(events)) == (0, "idle")


async def test_a_session_is_put_right_by_its_first_use_too() -> None:
    log = FaultyEventLog()
    async with staged(play=work, log=log) as stage:
        session_id = await interrupted(stage)
    async with staged(log=log) as stage:
        async with create_task_group() as tasks:
            for name in ("d", "e"):
                tasks.start_soon(stage.submit, session_id, name)
        events = await stage.rested(session_id, turns=5)

    assert [reason for _, reason in ends(events)] == ["interrupted", "end", "end", "end", "end"]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


async def test_one_broken_session_does_not_keep_the_others_from_starting() -> None:
    log = FaultyEventLog()
    async with staged(play=work, log=log) as stage:
        broken, whole = await interrupted(stage), await interrupted(stage)
    log._sessions[broken].events[0] = log._sessions[broken].events[1]
    async with staged(log=log) as stage:
        await stage.sessions.recover()

        assert (await stage.reading.get(whole)).status == "interrupted"
