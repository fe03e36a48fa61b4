"""What agents ask for in the midst of their work, and what becomes of it: by the rules, by humans, over a restart."""

from typing import Any

import pytest
from anyio import create_task_group

from contracts.events import (
    ApprovalConfirmed,
    ApprovalExpired,
    ApprovalOption,
    ApprovalRequest,
    RunStarted,
    SessionError,
    SessionStatus,
    SessionUpdated,
    ToolCall,
)
from contracts.requests import AnswerApproval, ForkSession
from contracts.views import Rule
from domain.access import Principal
from domain.ids import SessionId
from domain.ports import Asking, Permission, Turn, TurnEnd
from tests.domain.stage import Stage, ends, of, staged, status
from tests.fakes import PID, FakeAgent, FaultyEventLog

OWNER = Principal(token_id="owner", name="owner", scope="full")
OPTIONS = (
    ApprovalOption(option_id="proceed", name="Yes", kind="allow-once"),
    ApprovalOption(option_id="cancel", name="No", kind="reject-once"),
)
SAID: list[Permission | None] = []


def make_asking(command: str = "rm x", call: str = "call-1", **members: Any) -> Asking:
    asking = {"explanation": "The agent wants to run this.", "options": OPTIONS, "input": {"command": command}}
    return Asking(tool_call_id=call, command=command, **(asking | members))


async def asks(agent: FakeAgent, turn: Turn) -> TurnEnd:
    """Ask for each line of the prompt, one after another."""
    await agent.emit(SessionStatus(status="running", pid=PID))
    for number, command in enumerate(turn.command.split("\n")):
        call = f"call-{len(agent.turns)}-{number}-{turn.again}"
        told = {"title": command, "kind": "execute", "input": {"command": command}, "status": "pending"}
        await agent.emit(ToolCall(turn_id=turn.turn_id, tool_call_id=call, **told))  # type: ignore[arg-type]
        async with create_task_group() as tasks:
            tasks.start_soon(_ask, agent, make_asking(command, call), tasks.cancel_scope.cancel)
            tasks.start_soon(_give_up, agent, tasks.cancel_scope.cancel)
    return TurnEnd(stop_reason="cancelled" if agent.stop.is_set() else "end")


async def _ask(agent: FakeAgent, asking: Asking, done: Any) -> None:
    SAID.append(await agent.desk.ask(asking))
    done()


async def _give_up(agent: FakeAgent, done: Any) -> None:
    await agent.stop.wait()
    done()


@pytest.fixture(autouse=True)
def _nothing_said() -> None:
    SAID.clear()


async def asked(stage: Stage, session_id: SessionId, count: int = 1) -> ApprovalRequest:
    events = await stage.until(session_id, lambda events: len(of(events, ApprovalRequest)) >= count)
    question: ApprovalRequest = of(events, ApprovalRequest)[count - 1]
    return question


async def reply(stage: Stage, question: ApprovalRequest, **members: Any) -> None:
    answer = AnswerApproval(**({"approved": True} | members))
    session_id = SessionId(question.session_id)
    await stage.approvals.answer(session_id, question.approval_id, answer, by=OWNER, peer="")


async def test_an_agent_is_told_its_own_option_for_what_a_human_chose() -> None:
    async with staged(play=asks) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id, "rm x\nrm y")
        await reply(stage, await asked(stage, session_id))
        await reply(stage, await asked(stage, session_id, 2), approved=False)
        events = await stage.rested(session_id)

    assert [Permission(approved=True, option_id="proceed"), Permission(approved=False, option_id="cancel")] == SAID
    assert [question.command for question in of(events, ApprovalRequest)] == ["rm x", "rm y"]
    assert not of(events, RunStarted)


async def test_an_exact_command_may_be_remembered_though_the_agent_does_not_offer_it() -> None:
    async with staged(play=asks) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id, "rm x\nrm x")
        question = await asked(stage, session_id)
        await reply(stage, question, option_id="allow-session")
        events = await stage.rested(session_id)

    assert [option.kind for option in question.options] == [
        "allow-once", "reject-once", "allow-session", "reject-always"
    ]  # fmt: skip
    assert [Permission(approved=True, option_id="proceed")] * 2 == SAID
    assert len(of(events, ApprovalRequest)) == 1


async def test_rules_answer_an_agent_without_a_human() -> None:
    rules = [
        Rule(rule_id="configured_1", source="configured", effect="deny", command="rm **"),
        Rule(rule_id="configured_2", source="configured", effect="allow", command="ls **", kind="execute"),
    ]
    async with staged(play=asks, rules=rules) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id, "rm x\nls y")
        events = await stage.rested(session_id)

    assert [permission and permission.option_id for permission in SAID] == ["cancel", "proceed"]
    assert [error.code for error in of(events, SessionError)] == ["denied-by-rule"]
    assert not of(events, ApprovalRequest)


async def test_a_rule_forbids_a_command_however_long_it_is() -> None:
    rules = [
        Rule(rule_id="configured_1", source="configured", effect="deny", command="rm **"),
        Rule(rule_id="configured_2", source="configured", effect="allow", kind="execute"),
    ]
    async with staged(play=asks, rules=rules) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id, f"rm x {'y' * 100_000}")
        events = await stage.rested(session_id)

    assert [permission and permission.option_id for permission in SAID] == ["cancel"]
    assert "denied-by-rule" in [error.code for error in of(events, SessionError)]


async def test_a_turn_that_is_stopped_answers_nothing() -> None:
    async with staged(play=asks) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id)
        await asked(stage, session_id)
        await stage.cancel(session_id)
        events = await stage.rested(session_id)

    assert SAID in ([], [None])
    assert len(of(events, ApprovalExpired)) == 1
    assert ends(events)[0][1] == "cancelled"


@pytest.mark.parametrize("drained", [True, False], ids=["drained", "killed"])
@pytest.mark.parametrize("approved", [True, False], ids=["yes", "no"])
async def test_an_answer_after_a_restart_is_given_to_the_same_question_once(drained: bool, approved: bool) -> None:
    log = FaultyEventLog()
    async with staged(play=asks, log=log) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id, "rm x\nrm x")
        question = await asked(stage, session_id)
        if drained:
            await stage.sessions.drain()
    SAID.clear()
    async with staged(play=asks, log=log) as stage:
        await stage.sessions.recover()
        found = (await stage.reading.get(session_id)).status
        pid = (await stage.owners.get(session_id)).state.pid
        await reply(stage, question, approved=approved)
        if approved:
            await reply(stage, await asked(stage, session_id, 2), approved=False)
        events = await stage.rested(session_id)
        turns = [turn.again for agent in stage.launcher.agents for turn in agent.turns]

    assert (found, bool(pid)) == ("waiting", False)
    assert ends(events) == [(question.turn_id, "end" if approved else "refused")]
    assert turns == ([True] if approved else [])
    assert [permission and permission.approved for permission in SAID] == ([True, False] if approved else [])
    assert [run.approval_id for run in of(events, RunStarted)] == ([question.approval_id] if approved else [])


async def test_an_answer_after_a_restart_allows_nothing_else() -> None:
    log = FaultyEventLog()
    async with staged(play=asks, log=log) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id, "rm x")
        question = await asked(stage, session_id)

    async def asks_for_more(agent: FakeAgent, turn: Turn) -> TurnEnd:
        agent.turns[-1] = turn = Turn(turn_id=turn.turn_id, command="rm -r x", cwd=turn.cwd, again=turn.again)
        return await asks(agent, turn)

    async with staged(play=asks_for_more, log=log) as stage:
        await stage.sessions.recover()
        await reply(stage, question)
        await reply(stage, await asked(stage, session_id, 2), approved=False)
        events = await stage.rested(session_id)

    assert [permission and permission.approved for permission in SAID] == [False]
    assert not of(events, RunStarted)


async def test_several_questions_of_one_turn_are_all_answered_before_it_goes_on_after_a_restart() -> None:
    log = FaultyEventLog()

    async def asks_both(agent: FakeAgent, turn: Turn) -> TurnEnd:
        await agent.emit(SessionStatus(status="running", pid=PID))
        async with create_task_group() as tasks:
            for command in ("rm x", "rm y"):
                tasks.start_soon(_ask, agent, make_asking(command, command), lambda: None)
        del turn
        return TurnEnd(stop_reason="end")

    async with staged(play=asks_both, log=log) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id)
        first, second = await asked(stage, session_id), await asked(stage, session_id, 2)
    async with staged(play=asks_both, log=log) as stage:
        await stage.sessions.recover()
        await reply(stage, second)
        between = status(await stage.events(session_id)), list(stage.launcher.agents)
        await reply(stage, first, approved=False)
        await stage.rested(session_id)

    assert between == ("waiting", [])
    assert sorted(permission.approved for permission in SAID if permission) == [False, True]


async def test_what_had_begun_before_a_second_crash_is_interrupted() -> None:
    log = FaultyEventLog()
    async with staged(play=asks, log=log) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id, "rm x")
        question = await asked(stage, session_id)

    async def begins(agent: FakeAgent, turn: Turn) -> TurnEnd:
        del turn
        call = ToolCall(turn_id="t" * 10, tool_call_id="c", kind="execute", input={"command": "rm x"})
        await agent.emit(call)
        await agent.desk.ask(make_asking("rm x", "c"))
        await agent.ended.wait()
        return TurnEnd(stop_reason="cancelled")

    async with staged(play=begins, log=log) as stage:
        await stage.sessions.recover()
        await reply(stage, question)
        await stage.until(session_id, lambda events: bool(of(events, RunStarted)))
    async with staged(play=asks, log=log) as stage:
        await stage.sessions.recover()
        events = await stage.events(session_id)

    assert stage.launcher.agents == []
    assert len(of(events, ApprovalConfirmed)) == len(of(events, RunStarted)) == 1
    assert ends(events) == [(question.turn_id, "interrupted")]


async def test_an_agent_that_is_gone_says_so_only_where_no_turn_is_at_work() -> None:
    async def leaves(agent: FakeAgent, turn: Turn) -> TurnEnd:
        del turn
        await agent.emit(SessionStatus(status="exited"))
        return TurnEnd(stop_reason="end")

    async with staged(play=leaves) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id)
        during = [event.status for event in of(await stage.rested(session_id), SessionStatus)]
        await stage.launcher.agent.emit(SessionStatus(status="exited", reason="It was killed."))
        after = await stage.until(session_id, lambda events: status(events) == "exited")

    assert "exited" not in during
    assert of(after, SessionStatus)[-1].reason == "It was killed."


async def test_an_agent_finds_its_own_session_again_and_a_fork_does_not_take_it() -> None:
    async def names(agent: FakeAgent, turn: Turn) -> TurnEnd:
        del turn
        if agent.desk.agent_session_id is None:
            await agent.emit(SessionUpdated(agent_session_id="theirs"))
        return TurnEnd(stop_reason="end")

    async with staged(play=names) as stage:
        session_id = await stage.open(mode="writer")
        await stage.submit(session_id)
        await stage.rested(session_id)
        fork = await stage.copies.fork(session_id, ForkSession())
        states = [(await stage.owners.get(SessionId(name))).state for name in (session_id, fork.session.session_id)]

    assert [state.agent_session_id or None for state in states] == ["theirs", None]
