"""The commands of plans: asked about, run once and in order, and what a crash makes of them."""

from collections.abc import Sequence
from typing import Any

import pytest
from anyio import create_task_group

from contracts.events import (
    ApprovalConfirmed,
    ApprovalExpired,
    ApprovalRequest,
    RunStarted,
    SessionError,
    SessionOutput,
    SessionStatus,
)
from contracts.requests import AnswerApproval, ForkSession, MoveSession
from contracts.views import Rule
from domain.access import OWNER
from domain.errors import AgentUnavailable, ApprovalOver, Draining, SessionBusy, SessionNotFound
from domain.ids import SessionId
from domain.ports import Turn, TurnEnd
from tests.domain.stage import Stage, of, staged, status, turns
from tests.factories import TURN_ID
from tests.fakes import PID, FakeAgent, FaultyEventLog, persist, wait

PLAN = "plan-0001"
RULES = [
    Rule(rule_id="configured_1", source="configured", effect="allow", command="make *"),
    Rule(rule_id="configured_2", source="configured", effect="deny", command="rm *"),
]


async def shell(agent: FakeAgent, turn: Turn) -> TurnEnd:
    """Say what a shell says."""
    await agent.emit(SessionStatus(status="running", pid=PID))
    await agent.emit(SessionOutput(turn_id=turn.turn_id, stream="exit", content="", exit_code=0))
    return TurnEnd(stop_reason="end")


async def reply(stage: Stage, session_id: SessionId, approval_id: str | None, *, approved: bool = True) -> None:
    answer = AnswerApproval(approved=approved)
    await stage.approvals.answer(session_id, str(approval_id), answer, by=OWNER, peer="")


async def over(stage: Stage, session_id: SessionId, runs: int = 1) -> list[Any]:
    """Return a session's events once so many commands are over and nothing else goes on."""
    return await stage.until(
        session_id, lambda events: len(exits(events)) >= runs and status(events) in ("idle", "waiting", "interrupted")
    )


def exits(events: Sequence[Any]) -> list[Any]:
    return [event for event in of(events, SessionOutput) if event.stream == "exit"]


async def test_what_the_rules_say_of_each_command_is_done() -> None:
    async with staged(rules=RULES, play=shell) as stage:
        session_id = await stage.open()
        outcomes = await stage.commands.request(session_id, PLAN, ["make all", "npm test", "sudo rm -rf /"])
        events = await over(stage, session_id)

    assert [outcome.outcome for outcome in outcomes] == ["running", "asked", "denied"]
    (question,) = of(events, ApprovalRequest)
    assert (question.plan_id, question.command, question.approval_id) == (PLAN, "npm test", outcomes[1].approval_id)
    assert not isinstance(question.turn_id, str)
    assert [event.code for event in of(events, SessionError)] == ["denied-by-rule"]
    (started,) = of(events, RunStarted)
    assert (started.command, exits(events)[0].turn_id) == ("make all", started.turn_id)
    assert stage.launcher.commands == ["make all"]
    assert status(events) == "waiting"


async def test_an_allowed_command_runs_beside_the_turn_and_leaves_its_status_alone() -> None:
    async with staged(play=wait) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "serve")
        await stage.running(session_id)
        (outcome,) = await stage.commands.request(session_id, PLAN, ["npm test"])
        asked = (await stage.reading.get(session_id)).status

        await reply(stage, session_id, outcome.approval_id)
        await stage.until(session_id, lambda _: len(stage.launcher.agents) == 2)
        stage.launcher.agent.go.set()
        events = await stage.until(session_id, lambda events: bool(exits(events)))
        beside = status(events)
        stage.launcher.agents[0].go.set()
        await stage.rested(session_id)

    assert (asked, beside) == ("running", "running")
    assert [event.status for event in of(events, SessionStatus)] == ["idle", "starting", "running"]


async def test_a_session_runs_until_its_command_is_over() -> None:
    async with staged(play=wait) as stage:
        session_id = await stage.open()
        (outcome,) = await stage.commands.request(session_id, PLAN, ["npm test"])
        asked = (await stage.reading.get(session_id)).status
        await reply(stage, session_id, outcome.approval_id)
        await stage.until(session_id, lambda _: bool(stage.launcher.commands))
        running = (await stage.reading.get(session_id)).status
        stage.launcher.agent.go.set()
        events = await over(stage, session_id)

    assert (asked, running, status(events)) == ("waiting", "running", "idle")
    assert exits(events)[0].content == "The command could not be run.\n"  # it never said how it ended


async def test_commands_run_one_after_another_in_the_order_in_which_they_were_allowed() -> None:
    at_once = most = 0

    async def count(agent: FakeAgent, turn: Turn) -> TurnEnd:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await turns(5)
        at_once -= 1
        return await shell(agent, turn)

    async with staged(play=count) as stage:
        session_id = await stage.open()
        outcomes = await stage.commands.request(session_id, PLAN, ["a", "b", "c"])
        for outcome in (outcomes[1], outcomes[0], outcomes[2]):
            await reply(stage, session_id, outcome.approval_id)
        events = await over(stage, session_id, runs=3)

    assert most == 1
    assert stage.launcher.commands == ["b", "a", "c"]
    assert [event.turn_id for event in exits(events)] == [event.turn_id for event in of(events, RunStarted)]


async def test_a_refused_command_does_not_run_and_the_session_rests() -> None:
    async with staged(play=shell) as stage:
        session_id = await stage.open()
        (outcome,) = await stage.commands.request(session_id, PLAN, ["npm test"])
        await reply(stage, session_id, outcome.approval_id, approved=False)
        events = await stage.events(session_id)

    assert status(events) == "idle"
    assert stage.launcher.agents == []


async def test_a_question_of_a_plan_expires_like_any_other() -> None:
    async with staged(play=shell) as stage:
        session_id = await stage.open()
        await stage.commands.request(session_id, PLAN, ["npm test"])
        stage.clock.time += 60_000
        await stage.approvals.expire()
        events = await stage.events(session_id)

    assert status(events) == "idle"


async def test_a_question_that_two_find_late_expires_once() -> None:
    async with staged(play=shell) as stage:
        session_id = await stage.open()
        outcomes = await stage.commands.request(session_id, PLAN, ["npm test", "npm start"])
        stage.clock.time += 60_000
        stage.log.held = True

        async def late() -> None:
            with pytest.raises(ApprovalOver):
                await reply(stage, session_id, outcomes[1].approval_id)

        async with create_task_group() as tasks:
            tasks.start_soon(stage.approvals.expire)
            await turns(2)
            tasks.start_soon(late)
            tasks.start_soon(stage.approvals.expire)
            await turns(2)
            stage.log.release()
            await turns(2)
            stage.log.release()
        events = await stage.events(session_id)

    assert [event.approval_id for event in of(events, ApprovalExpired)] == [outcome.approval_id for outcome in outcomes]
    assert status(events) == "idle"


async def test_a_plan_s_question_is_answered_after_a_restart_and_its_command_runs_once() -> None:
    log = FaultyEventLog()
    async with staged(log=log) as stage:
        session_id = await stage.open()
        (outcome,) = await stage.commands.request(session_id, PLAN, ["npm test"])
    async with staged(log=log, play=shell) as stage:
        await stage.sessions.recover()
        before = (await stage.reading.get(session_id)).status
        await reply(stage, session_id, outcome.approval_id)
        events = await over(stage, session_id)

    assert (before, status(events)) == ("waiting", "idle")
    assert stage.launcher.commands == ["npm test"]
    assert of(events, RunStarted)[0].approval_id == outcome.approval_id


async def test_a_command_that_a_crash_cut_short_is_over_and_never_runs_again() -> None:
    log = FaultyEventLog()
    async with staged(log=log, play=wait) as stage:
        session_id = await stage.open()
        first, second = await stage.commands.request(session_id, PLAN, ["a", "b"])
        await reply(stage, session_id, first.approval_id)
        await stage.until(session_id, lambda _: bool(stage.launcher.commands))
    async with staged(log=log) as stage:
        await stage.sessions.recover()
        events = await stage.events(session_id)
        await stage.sessions.recover()

    assert stage.launcher.agents == []
    assert [event.turn_id for event in exits(events)] == [of(events, RunStarted)[0].turn_id]
    assert not isinstance(exits(events)[0].exit_code, int)
    assert [event.status for event in of(events, SessionStatus)[-2:]] == ["interrupted", "waiting"]
    assert len(of(events, ApprovalConfirmed)) == 1
    assert second.outcome == "asked"


async def test_what_waits_in_line_is_dropped_when_its_session_goes() -> None:
    async with staged(play=persist) as stage:
        session_id = await stage.open()
        for outcome in await stage.commands.request(session_id, PLAN, ["a", "b"]):
            await reply(stage, session_id, outcome.approval_id)
        await stage.until(session_id, lambda _: bool(stage.launcher.commands))

        async with create_task_group() as tasks:
            tasks.start_soon(stage.sessions.delete, session_id)
            await turns(3)
            with pytest.raises(SessionNotFound):
                await stage.commands.request(session_id, PLAN, ["c"])

    assert stage.launcher.commands == ["a"]
    assert stage.launcher.agent.ended.is_set()


async def test_a_drain_ends_commands_and_takes_no_more() -> None:
    async with staged(play=persist) as stage:
        session_id = await stage.open()
        for outcome in await stage.commands.request(session_id, PLAN, ["a", "b"]):
            await reply(stage, session_id, outcome.approval_id)
        await stage.until(session_id, lambda _: bool(stage.launcher.commands))
        await stage.sessions.drain()
        events = await stage.events(session_id)

        with pytest.raises(Draining):
            await stage.commands.request(session_id, PLAN, ["c"])

    assert stage.launcher.commands == ["a"]
    assert len(exits(events)) == 2
    assert status(events) == "idle"


async def test_a_shell_that_can_not_be_started_ends_the_run_and_not_the_session() -> None:
    async def fail(_agent: FakeAgent, _turn: Turn) -> TurnEnd:
        raise AgentUnavailable("There is no shell.")

    async with staged(rules=RULES, play=fail) as stage:
        session_id = await stage.open()
        await stage.commands.request(session_id, PLAN, ["make"])
        events = await over(stage, session_id)

    assert [event.content for event in exits(events)] == ["There is no shell.\n"]
    assert status(events) == "idle"


async def test_a_background_job_of_a_command_lives_as_long_as_its_session() -> None:
    async def leave(agent: FakeAgent, turn: Turn) -> TurnEnd:
        agent.alive = turn.command == "make serve"
        return await shell(agent, turn)

    async with staged(rules=RULES, play=leave) as stage:
        session_id = await stage.open()
        await stage.commands.request(session_id, PLAN, ["make serve", "make all"])
        await over(stage, session_id, runs=2)
        kept = len((await stage.owners.get(session_id)).run_agents)
        await stage.sessions.delete(session_id)

    assert kept == 2
    assert all(agent.ended.is_set() for agent in stage.launcher.agents)


async def test_a_long_command_is_kept_whole() -> None:
    long = "make " + "x" * 100_000
    async with staged(play=shell) as stage:
        session_id = await stage.open()
        (outcome,) = await stage.commands.request(session_id, PLAN, [long])
        await reply(stage, session_id, outcome.approval_id)
        await over(stage, session_id)

    assert stage.launcher.commands == [long]


async def test_nothing_is_recorded_for_a_plan_without_commands() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        before = (await stage.log.head(session_id)).seq

        assert await stage.commands.request(session_id, TURN_ID, []) == []
        assert (await stage.log.head(session_id)).seq == before


async def test_a_copy_of_a_session_whose_command_runs_rests() -> None:
    async with staged(rules=RULES, play=wait) as stage:
        session_id = await stage.open()
        await stage.commands.request(session_id, PLAN, ["make", "npm test"])
        await stage.until(session_id, lambda _: bool(stage.launcher.commands))

        copy = await stage.copies.fork(session_id, ForkSession())
        state = (await stage.owners.get(SessionId(copy.session.session_id))).state
        with pytest.raises(SessionBusy):
            await stage.copies.move(session_id, MoveSession(working_dir="/srv/other"))

    assert (state.runs, state.pending_approvals, state.status, state.at_rest) == ((), (), "idle", True)


async def test_the_listing_knows_at_once_that_a_command_is_over() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        owner = await stage.owners.get(session_id)
        await owner.record(RunStarted(turn_id=TURN_ID, command="make"))
        during = (await stage.log.head(session_id)).listing

        await owner.record(SessionOutput(turn_id=TURN_ID, stream="exit", content="", exit_code=0))

        after = (await stage.log.head(session_id)).listing
        assert during is not None
        assert after is not None
        assert (during.at_rest, after.at_rest) == (False, True)
