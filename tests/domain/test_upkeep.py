"""How sessions are kept small: owners, snapshots, retention."""

import pytest
from anyio import create_task_group

from contracts.events import (
    SessionOutput,
    TurnCompleted,
)
from contracts.requests import UpdateSession
from domain import owners
from domain.errors import LogFull, SessionNotFound
from domain.ports import Turn, TurnEnd
from domain.reading import fold
from tests.domain.stage import folded, of, staged, status, turns
from tests.fakes import FakeAgent, wait


async def test_sessions_at_rest_are_forgotten_first_and_fold_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "OWNERS_KEPT", 2)
    async with staged(play=wait) as stage:
        busy = await stage.open()
        await stage.submit(busy)
        await stage.running(busy)
        others = [await stage.open(title=str(number)) for number in range(4)]

        kept = set(stage.owners._kept)
        await stage.sessions.update(others[0], UpdateSession(archived=True))
        view = await stage.reading.get(others[0])

    assert busy in kept
    assert len(kept) <= 3
    assert (view.title, view.archived) == ("0", True)


async def test_an_owner_with_a_background_job_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "OWNERS_KEPT", 1)
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
    monkeypatch.setattr(owners, "OWNERS_KEPT", 1)
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

        await stage.retention.trim()
        head = await stage.log.head(session_id)
        after = await fold(stage.log, session_id)
        await stage.submit(session_id)
        await stage.until(session_id, lambda events: status(events) == "idle")

    assert head.earliest > 50
    assert before == after == expected
    assert sum(len(event.data) for event in stage.log._sessions[session_id].events) < 3_000


async def test_a_flood_is_trimmed_while_it_flows() -> None:
    async def flood(agent: FakeAgent, turn: Turn) -> TurnEnd:
        for _ in range(1_000):
            await agent.emit(SessionOutput(turn_id=turn.turn_id, stream="stdout", content="x" * 10_000))
        return TurnEnd(stop_reason="end")

    async with staged(play=flood, retention_bytes=2_000_000) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.until(session_id, lambda events: bool(of(events, TurnCompleted)))
        kept = sum(len(event.data) for event in stage.log._sessions[session_id].events)
        head = await stage.log.head(session_id)

    assert kept < 4_000_000
    assert head.earliest > 600


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


async def test_tombstones_go_when_they_had_their_time() -> None:
    async with staged(retention_ms=1_000) as stage:
        session_id = await stage.open()
        await stage.sessions.delete(session_id)
        await stage.retention.trim()
        assert (await stage.log.head(session_id)).deleted

        stage.clock.time += 2_000
        await stage.retention.trim()

        with pytest.raises(SessionNotFound):
            await stage.log.head(session_id)


async def test_the_keeper_of_the_log_s_size_never_raises(caplog: pytest.LogCaptureFixture) -> None:
    async with staged() as stage:

        async def fail(**_: object) -> None:
            raise LogFull("The disk is full.")

        stage.log.forget = fail  # type: ignore[method-assign]
        await stage.retention.trim()

    assert "could not be trimmed" in caplog.text
