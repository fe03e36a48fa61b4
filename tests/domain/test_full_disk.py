"""What a log that takes nothing does to sessions: nothing is told that is not so, and all works when there is room."""

import pytest

from contracts.events import (
    CommandSent,
    SessionOutput,
)
from contracts.requests import UpdateSession
from domain.errors import LogFull
from domain.ports import ListingFilter, Turn, TurnEnd
from tests.domain.stage import ends, of, staged, status
from tests.fakes import FakeAgent, answer, persist, work


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
        await stage.retention.trim()
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


async def test_a_session_that_a_full_disk_does_not_take_is_not_there() -> None:
    async with staged() as stage:
        stage.log.full = True
        with pytest.raises(LogFull):
            await stage.open()
        stage.log.full = False

        await stage.submit(await stage.open())

        assert len(await stage.reading.page(ListingFilter(), before=None, limit=9)) == 1
