"""Files that an agent reads and writes through its session."""

from typing import Any

import pytest

from contracts.events import OperationsDetected, OperationsError, OperationsExecuted, SessionError, ToolCall
from domain.errors import FilesUnavailable, PathOutside, TowpathError
from domain.ports import FileState, Turn, TurnEnd
from tests.domain.stage import Stage, of, staged
from tests.fakes import FakeAgent

ROOT = "/srv/project"


async def at_work(stage: Stage, **files: bytes) -> list[Any]:
    """Run a turn whose agent has *files*; return the session's events."""
    stage.files.states = {path: FileState(data, 0o644) for path, data in files.items()}
    session_id = await stage.open(mode="writer")
    await stage.submit(session_id)
    return await stage.rested(session_id)


async def test_what_is_read_is_cut_to_lines_and_counts_as_read_once() -> None:
    said: list[str] = []

    async def reads(agent: FakeAgent, turn: Turn) -> TurnEnd:
        del turn
        said.append(await agent.desk.read_text(f"{ROOT}/a"))
        said.append(await agent.desk.read_text(f"{ROOT}/a", line=2))
        said.append(await agent.desk.read_text(f"{ROOT}/a", line=2, limit=1))
        said.append(await agent.desk.read_text(f"{ROOT}/a", line=9, limit=0))
        return TurnEnd(stop_reason="end")

    async with staged(play=reads) as stage:
        events = await at_work(stage, a=b"1\f\n2\n3")
        state = (await stage.owners.get(events[0].session_id)).state

    assert said == ["1\f\n2\n3", "2\n3", "2\n", ""]
    assert [(file.name, file.how) for file in state.files] == [(f"{ROOT}/a", "read")]


@pytest.mark.parametrize(
    ("path", "error"),
    [(f"{ROOT}/nowhere", FileNotFoundError), ("/etc/passwd", FileNotFoundError), (f"{ROOT}/bytes", FilesUnavailable)],
)
async def test_what_can_not_be_read_is_refused(path: str, error: type[Exception]) -> None:
    async def reads(agent: FakeAgent, turn: Turn) -> TurnEnd:
        del turn
        with pytest.raises(error):
            await agent.desk.read_text(path)
        return TurnEnd(stop_reason="end")

    async with staged(play=reads) as stage:
        events = await at_work(stage, bytes=b"\xff")

    assert not of(events, ToolCall)


async def test_what_is_written_is_a_plan_that_can_be_reverted() -> None:
    async def writes(agent: FakeAgent, turn: Turn) -> TurnEnd:
        del turn
        await agent.desk.write_text(f"{ROOT}/src/../a", "new")
        return TurnEnd(stop_reason="end")

    async with staged(play=writes) as stage:
        events = await at_work(stage, a=b"old")
        (detected,), (executed,) = of(events, OperationsDetected), of(events, OperationsExecuted)
        made = stage.files.contents
        await stage.plans.revert(events[0].session_id, detected.plan_id)

    assert detected.turn_id == events[-2].turn_id
    assert (executed.plan_id, executed.results[0].path) == (detected.plan_id, "a")
    assert made == {"a": b"new"}
    assert stage.files.contents == {"a": b"old"}
    assert stage.files.unsettled == []


async def test_a_write_beside_the_session_s_directory_is_refused_and_told() -> None:
    async def writes(agent: FakeAgent, turn: Turn) -> TurnEnd:
        del turn
        for path in ("/srv/other/a", f"{ROOT}/../a", "/etc/passwd"):
            with pytest.raises(PathOutside):
                await agent.desk.write_text(path, "new")
        return TurnEnd(stop_reason="end")

    async with staged(play=writes) as stage:
        events = await at_work(stage)

    assert [error.code for error in of(events, SessionError)] == ["path-outside"] * 3
    assert not of(events, OperationsDetected)


async def test_a_write_that_fails_is_told_and_changes_nothing() -> None:
    async def writes(agent: FakeAgent, turn: Turn) -> TurnEnd:
        del turn
        stage.files.failure = FilesUnavailable("The disk is away.")
        with pytest.raises(TowpathError):
            await agent.desk.write_text(f"{ROOT}/a", "new")
        return TurnEnd(stop_reason="end")

    async with staged(play=writes) as stage:
        events = await at_work(stage)

    assert [error.error for error in of(events, OperationsError)] == ["The disk is away."]
    assert not of(events, OperationsExecuted)
