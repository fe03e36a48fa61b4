"""The log of what belongs to no session, and what its events mean together."""

from typing import Any

import pytest
from anyio import create_task_group

from contracts.events import (
    Event,
    ProjectCreated,
    ProjectDeleted,
    ProjectUpdated,
    RuleCreated,
    RuleDeleted,
    TokenRevoked,
)
from domain import system
from domain.errors import LogFull, SessionNotFound
from domain.system import SYSTEM, SystemLog, SystemState
from tests.domain.stage import Stage, staged, turns
from tests.factories import TURN_ID

PROJECT, OTHER = "project-1", "project-2"


def project(project_id: str = PROJECT, name: str = "one") -> ProjectCreated:
    return ProjectCreated(project_id=project_id, name=name, root_dir=f"/srv/{name}")


def rule(rule_id: str = "rule-001", **members: Any) -> RuleCreated:
    return RuleCreated(rule_id=rule_id, effect="allow", command="make", **members)


def again(stage: Stage) -> SystemLog:
    """Return the log as a restarted server opens it."""
    return SystemLog(log=stage.log, clock=stage.clock)


async def test_a_restart_knows_the_projects_and_rules_that_there_are() -> None:
    async with staged() as stage:
        assert await stage.system.state() == SystemState()
        await stage.system.emit(project(), project(OTHER, "two"), TokenRevoked(token_id=TURN_ID))
        await stage.system.emit(rule(for_project=PROJECT), rule("rule-002", for_project=OTHER), rule("rule-003"))
        await stage.system.emit(ProjectUpdated(project_id=PROJECT, name="new"), ProjectDeleted(project_id=OTHER))
        await stage.system.emit(RuleDeleted(rule_id="rule-003"))

        live, restarted = await stage.system.state(), await again(stage).state()

    assert live == restarted
    assert [(one.project_id, one.name, one.root_dir) for one in live.projects] == [(PROJECT, "new", "/srv/one")]
    assert [(one.rule_id, one.for_project) for one in live.rules] == [("rule-001", PROJECT)]
    assert live.seq == 9


async def test_trimming_keeps_what_the_events_meant() -> None:
    async with staged(retention_ms=1_000) as stage:
        await stage.system.emit(project(), rule(), TokenRevoked(token_id=TURN_ID))
        stage.clock.time += 5_000

        await stage.retention.trim()
        await stage.system.emit(TokenRevoked(token_id=TURN_ID))
        state = await again(stage).state()
        head = await stage.log.head(SYSTEM)

    assert (head.earliest, head.seq) == (2, 4)
    assert (len(state.projects), len(state.rules), state.seq) == (1, 1, 4)


async def test_a_long_log_has_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "SNAPSHOT_EVENTS", 10)
    async with staged() as stage:
        for number in range(25):
            await stage.system.emit(rule(f"rule-{number:03}"))
        stored = await stage.log.snapshot(SYSTEM)
        state = await again(stage).state()

    assert stored is not None
    assert stored.seq == 20
    assert len(state.rules) == 25


async def test_a_decision_sees_all_that_was_decided_before_it() -> None:
    async with staged() as stage:

        def once(state: SystemState) -> list[Event]:
            return [] if state.projects else [project()]

        async with create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(stage.system.decide, once)

        assert (await stage.log.head(SYSTEM)).seq == 1


async def test_what_an_error_says_no_to_is_not_recorded_and_stops_nobody() -> None:
    async with staged() as stage:

        def refuse(_: SystemState) -> list[Event]:
            raise SessionNotFound(SYSTEM)

        with pytest.raises(SessionNotFound):
            await stage.system.decide(refuse)
        await stage.system.emit(project())

        assert (await stage.log.head(SYSTEM)).seq == 1


async def test_every_emit_around_a_full_disk_says_that_the_disk_is_full() -> None:
    async with staged() as stage:
        await stage.system.emit(project())
        failures: list[str] = []

        async def emit() -> None:
            try:
                await stage.system.emit(rule())
            except LogFull:
                failures.append("full")

        stage.log.held = True
        async with create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(emit)
            await turns(3)
            stage.log.full = True
            stage.log.release()
        stage.log.full = False
        await stage.system.emit(rule())
        state = await stage.system.state()
        events = await stage.events(SYSTEM)

    assert failures == ["full"] * 3
    assert [event.seq for event in events] == [1, 2]
    assert len(state.rules) == 1


async def test_a_reader_who_goes_away_does_not_undo_what_was_decided() -> None:
    async with staged() as stage:
        stage.log.held = True
        async with create_task_group() as tasks:
            tasks.start_soon(stage.system.emit, project())
            await turns(3)
            tasks.cancel_scope.cancel()
            stage.log.release()

        assert len((await stage.system.state()).projects) == 1


async def test_the_system_is_no_session() -> None:
    async with staged() as stage:
        await stage.system.emit(project())

        with pytest.raises(SessionNotFound):
            await stage.submit(SYSTEM)
        with pytest.raises(SessionNotFound):
            await stage.reading.get(SYSTEM)
