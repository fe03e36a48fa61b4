"""How sessions end, outlive their server and a full disk, and are kept small."""

import pytest
from anyio import Event as Signal
from anyio import create_task_group
from anyio.lowlevel import checkpoint

from contracts.events import (
    CommandSent,
    SessionDeleted,
    SessionOutput,
    SessionStatus,
    TokenRevoked,
    TurnCompleted,
)
from contracts.requests import UpdateSession
from domain import sessions as module
from domain.errors import Draining, LogFull, SessionNotFound
from domain.ids import SessionId
from domain.ports import Turn, TurnEnd
from domain.reading import fold
from domain.system import SYSTEM, SystemLog
from tests.domain.stage import Stage, ends, folded, of, staged, status
from tests.factories import TURN_ID
from tests.fakes import FakeAgent, FaultyEventLog, answer, persist, wait, work


async def turns(count: int) -> None:
    """Let every other task go on as far as it gets without the log."""
    for _ in range(count):
        await checkpoint()


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
        stage.sessions._loading[session_id] = loading = Signal()
        refused: list[bool] = []

        async def submit() -> None:
            with pytest.raises(Draining):
                await stage.submit(session_id)
            refused.append(True)

        async with create_task_group() as tasks:
            tasks.start_soon(submit)
            await turns(2)
            await stage.sessions.drain()
            del stage.sessions._loading[session_id]
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


# A full disk


async def test_a_prompt_on_a_full_disk_is_refused_and_starts_nothing() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        stage.log.full = True

        with pytest.raises(LogFull):
            await stage.submit(session_id, "lost")
        stage.log.full = False
        await stage.submit(session_id, "kept")
        events = await stage.rested(session_id)

    assert stage.launcher.commands == ["kept"]
    assert len(of(events, CommandSent)) == 1


async def test_a_change_on_a_full_disk_is_refused_and_works_again_when_there_is_room() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        stage.log.full = True
        for title in ("a", "b"):
            with pytest.raises(LogFull):
                await stage.sessions.update(session_id, UpdateSession(title=title))
        stage.log.full = False

        view = await stage.sessions.update(session_id, UpdateSession(title="c"))

    assert view.title == "c"


async def test_a_session_that_a_full_disk_kept_from_its_deletion_stays_and_works() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        stage.log.full = True
        with pytest.raises(LogFull):
            await stage.sessions.delete(session_id)
        stage.log.full = False

        await stage.submit(session_id)
        await stage.rested(session_id)
        await stage.sessions.delete(session_id)


async def test_a_queued_prompt_that_was_refused_never_runs() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "a")
        await stage.running(session_id)
        stage.log.full = True
        with pytest.raises(LogFull):
            await stage.submit(session_id, "lost")
        stage.log.full = False
        await stage.submit(session_id, "b")
        await stage.until(session_id, lambda events: status(events) == "running")

    assert "lost" not in stage.launcher.commands


async def test_a_disk_that_fills_in_mid_turn_ends_the_agent_and_the_log_says_so() -> None:
    async def go_on(agent: FakeAgent, turn: Turn) -> TurnEnd:
        await work(agent, turn)
        return TurnEnd(stop_reason="cancelled")

    async with staged(play=go_on) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "a")
        await stage.running(session_id)
        agent = stage.launcher.agent
        stage.log.full = True

        # it says one thing more, and the log does not take it: nobody else looks
        await agent.emit(SessionOutput(stream="stdout", content="lost"))
        await agent.ended.wait()
        with pytest.raises(LogFull):
            await agent.emit(SessionOutput(stream="stdout", content="lost, too"))
        stage.log.full = False
        await stage.sessions.trim()
        events = await stage.rested(session_id)

        assert (ends(events)[0][1], status(events)) == ("interrupted", "interrupted")
        assert (await stage.reading.get(session_id)).status == "interrupted"
        assert not of(events, SessionOutput)
        stage.launcher.play = answer
        await stage.submit(session_id, "b")
        events = await stage.rested(session_id, turns=2)

    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert stage.launcher.commands == ["a", "b"]


async def test_what_a_lost_owner_still_says_never_enters_the_log() -> None:
    async with staged(play=persist) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "a")
        await stage.running(session_id)
        agent = stage.launcher.agent
        stage.log.full = True
        with pytest.raises(LogFull):
            await stage.sessions.update(session_id, UpdateSession(title="new"))
        stage.log.full = False
        await stage.rested(session_id)

        with pytest.raises(LogFull):
            await agent.emit(SessionOutput(stream="stdout", content="stale"))
        await stage.submit(session_id, "b")
        events = await stage.events(session_id)

    assert not of(events, SessionOutput)


# Keeping it small


async def test_sessions_at_rest_are_forgotten_first_and_fold_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OWNERS_KEPT", 2)
    async with staged(play=wait) as stage:
        busy = await stage.open()
        await stage.submit(busy)
        await stage.running(busy)
        others = [await stage.open(title=str(number)) for number in range(4)]

        kept = set(stage.sessions._owners)
        await stage.sessions.update(others[0], UpdateSession(archived=True))
        view = await stage.reading.get(others[0])

    assert busy in kept
    assert len(kept) <= 3
    assert (view.title, view.archived) == ("0", True)


async def test_an_owner_with_a_background_job_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OWNERS_KEPT", 1)
    async with staged() as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.rested(session_id)
        stage.launcher.agent.alive = True
        for _ in range(3):
            await stage.open()

        await stage.sessions.drain()

    assert stage.launcher.agents[0].ended.is_set()


async def test_an_owner_with_an_undurable_change_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OWNERS_KEPT", 1)
    async with staged() as stage:
        session_id = await stage.open()
        other = await stage.open()
        stage.log.held = True
        async with create_task_group() as tasks:
            tasks.start_soon(stage.sessions.update, session_id, UpdateSession(title="a"))
            await turns(2)
            tasks.start_soon(stage.sessions.update, other, UpdateSession(title="b"))
            tasks.start_soon(stage.sessions.update, session_id, UpdateSession(archived=True))
            await turns(2)
            stage.log.release()
        view = await stage.reading.get(session_id)

    assert (view.title, view.archived) == ("a", True)


async def test_trimming_keeps_the_state_whole() -> None:
    async with staged(retention_bytes=1_000) as stage:
        session_id = await stage.open(title="kept")
        for number in range(1, 21):
            await stage.submit(session_id)
            await stage.rested(session_id, turns=number)
        before = await fold(stage.log, session_id)
        expected = folded(await stage.events(session_id))

        await stage.sessions.trim()
        head = await stage.log.head(session_id)
        after = await fold(stage.log, session_id)
        await stage.submit(session_id)
        await stage.until(session_id, lambda events: status(events) == "idle")

    assert head.earliest > 50
    assert before == after == expected
    assert sum(len(event.data) for event in stage.log._sessions[session_id].events) < 3_000


async def test_a_long_log_has_a_snapshot_and_folds_to_the_same() -> None:
    async def babble(agent: FakeAgent, turn: Turn) -> TurnEnd:
        for number in range(2_500):
            await agent.emit(SessionOutput(turn_id=turn.turn_id, stream="stdout", content=str(number)))
        return TurnEnd(stop_reason="end")

    async with staged(play=babble) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        events = await stage.rested(session_id)
        stored = await stage.log.snapshot(session_id)
        state = await fold(stage.log, session_id)

    assert stored is not None
    assert stored.seq > 1_900
    assert state == folded(events)


async def test_the_log_of_the_system_is_trimmed_too(caplog: pytest.LogCaptureFixture) -> None:
    async with staged(retention_ms=1_000) as stage:
        system = SystemLog(log=stage.log, clock=stage.clock)
        for _ in range(3):
            await system.emit(TokenRevoked(token_id=TURN_ID))
        stage.clock.time += 5_000

        await stage.sessions.trim()
        await system.emit(TokenRevoked(token_id=TURN_ID))

        assert (await stage.log.head(SYSTEM)).earliest == 2
        assert (await stage.log.head(SYSTEM)).seq == 4
    assert not caplog.records


async def test_tombstones_go_when_they_had_their_time() -> None:
    async with staged(retention_ms=1_000) as stage:
        session_id = await stage.open()
        await stage.sessions.delete(session_id)
        await stage.sessions.trim()
        assert (await stage.log.head(session_id)).deleted

        stage.clock.time += 2_000
        await stage.sessions.trim()

        with pytest.raises(SessionNotFound):
            await stage.log.head(session_id)


async def test_the_keeper_of_the_log_s_size_never_raises(caplog: pytest.LogCaptureFixture) -> None:
    async with staged() as stage:

        async def fail(**_: object) -> None:
            raise LogFull("The disk is full.")

        stage.log.forget = fail  # type: ignore[method-assign]
        await stage.sessions.trim()

    assert "could not be trimmed" in caplog.text


# The system's own log


async def test_the_system_s_log_goes_on_after_a_restart_and_after_a_full_disk() -> None:
    async with staged() as stage:
        system = SystemLog(log=stage.log, clock=stage.clock)
        for _ in range(2):
            system = SystemLog(log=stage.log, clock=stage.clock)
            async with create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(system.emit, TokenRevoked(token_id=TURN_ID))
        stage.log.full = True
        with pytest.raises(LogFull):
            await system.emit(TokenRevoked(token_id=TURN_ID))
        stage.log.full = False
        await system.emit(TokenRevoked(token_id=TURN_ID))
        events = await stage.events(SYSTEM)

        with pytest.raises(SessionNotFound):
            await stage.submit(SYSTEM)
        with pytest.raises(SessionNotFound):
            await stage.reading.get(SYSTEM)
    assert [event.seq for event in events] == list(range(1, 8))
