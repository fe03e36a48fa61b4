"""Questions to a human: asked, answered once, and still there whatever happens to the server."""

from collections.abc import Awaitable
from typing import Any

import pytest
from anyio import create_task_group
from msgspec.structs import replace

from contracts.events import (
    ApprovalConfirmed,
    ApprovalExpired,
    ApprovalOption,
    ApprovalRequest,
    RuleCreated,
    RunStarted,
    SessionError,
    SessionStatus,
    ToolCall,
    TurnCompleted,
)
from contracts.requests import AnswerApproval
from contracts.views import Rule
from domain.access import OWNER, Principal
from domain.errors import (
    ApprovalNotFound,
    ApprovalOver,
    DeniedByRule,
    Draining,
    InsufficientScope,
    InvalidAnswer,
    LogFull,
    NotEditable,
    RuleConfigured,
    RuleNotFound,
    SessionNotFound,
)
from domain.ids import SessionId
from domain.policy import Verdict
from domain.ports import Turn, TurnEnd
from domain.system import SYSTEM
from tests.domain.stage import Stage, ends, of, staged, status, turns
from tests.factories import TURN_ID
from tests.fakes import PID, FakeAgent, FaultyEventLog, wait, work

LONG = "echo " + "x" * 20_000


def rule(effect: Any, command: str, number: int = 1, **members: Any) -> Rule:
    return Rule(rule_id=f"configured_{number}", source="configured", effect=effect, command=command, **members)


ASK = [rule("ask", "deploy *"), rule("deny", "rm *", 2), rule("ask", "echo *", 3)]


async def asked(stage: Stage, session_id: SessionId, count: int = 1) -> Any:
    """Return the question that was asked last, once so many were."""
    events = await stage.until(session_id, lambda events: len(of(events, ApprovalRequest)) >= count)
    return of(events, ApprovalRequest)[-1]


def reply(
    stage: Stage, session_id: SessionId, question: Any, *, approved: bool = True, by: Principal = OWNER, **members: Any
) -> Awaitable[Any]:
    answer = AnswerApproval(approved=approved, **members)
    return stage.approvals.answer(session_id, question.approval_id, answer, by=by, peer="peer")


def kind(event: Any) -> str:
    name: str = event.__struct_config__.tag
    return f"{name} {event.status}" if isinstance(event, SessionStatus) else name


async def test_a_prompt_that_is_asked_about_waits_and_runs_once_it_is_allowed() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open(title="t")
        turn = await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        listed = await stage.approvals.pending(session_id)
        waiting = (await stage.reading.get(session_id)).status
        ran_before = list(stage.launcher.commands)

        answered = await reply(stage, session_id, question)
        events = await stage.rested(session_id)

    assert listed == [question]
    assert (question.turn_id, question.command, question.editable) == (turn.turn_id, "deploy now", True)
    assert question.expires_at == question.timestamp + 60_000
    assert question.explanation == "A prompt wants to run this. Rule 1 of the configuration says to ask."
    assert [option.kind for option in question.options] == [
        "allow-once", "allow-session", "reject-once", "reject-always"
    ]  # fmt: skip
    assert (waiting, ran_before) == ("waiting", [])
    assert (answered.approved, answered.option_id, answered.answered_by) == (True, "allow-once", "owner_token")
    assert stage.launcher.commands == ["deploy now"]
    assert [kind(event) for event in events[2:]] == [
        "command-sent", "turn-started", "session-status starting", "approval-request", "session-status waiting",
        "approval-confirmed", "session-status starting", "run-started", "session-status running", "session-output",
        "turn-completed", "session-status idle",
    ]  # fmt: skip
    assert of(events, RunStarted)[0].approval_id == question.approval_id
    assert ("approval", "owner_token") in [(line["action"], line["by"]) for line in stage.audit.notes]


async def test_what_is_refused_does_not_run_and_the_next_prompt_does() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        refused = await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        queued = await stage.submit(session_id, "ls")

        await reply(stage, session_id, question, approved=False)
        events = await stage.rested(session_id, turns=2)

    assert queued.state == "queued"
    assert ends(events) == [(refused.turn_id, "refused"), (queued.turn_id, "end")]
    assert stage.launcher.commands == ["ls"]
    assert not of(events, RunStarted)


async def test_another_command_runs_in_the_place_of_the_one_that_was_asked_about() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)

        await reply(stage, session_id, question, custom_command="deploy --dry-run")
        events = await stage.rested(session_id)

    assert stage.launcher.commands == ["deploy --dry-run"]
    assert [event.command for event in of(events, RunStarted)] == ["deploy --dry-run"]


async def test_a_long_prompt_is_asked_about_once_and_runs_whole() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, LONG)
        question = await asked(stage, session_id)
        with pytest.raises(InvalidAnswer):
            await reply(stage, session_id, question, option_id="allow-session")

        await reply(stage, session_id, question)
        await stage.rested(session_id)

    assert [option.kind for option in question.options] == ["allow-once", "reject-once"]
    assert stage.launcher.commands == [LONG]


async def test_a_forbidden_prompt_is_refused_and_says_by_which_rule() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        turn = await stage.submit(session_id, "cd x && rm -rf y")
        events = await stage.rested(session_id)

    assert ends(events) == [(turn.turn_id, "refused")]
    assert [(event.code, event.error) for event in of(events, SessionError)] == [
        ("denied-by-rule", "Rule 2 of the configuration forbids this command.")
    ]
    assert stage.launcher.commands == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"option_id": "reject-once"}, InvalidAnswer),
        ({"approved": False, "option_id": "allow-session"}, InvalidAnswer),
        ({"option_id": "allow-project"}, InvalidAnswer),
        ({"option_id": "no such"}, InvalidAnswer),
        ({"approved": False, "custom_command": "ls"}, InvalidAnswer),
        ({"custom_command": "ls; rm x"}, DeniedByRule),
    ],
)
async def test_an_answer_that_can_not_be_meant_leaves_the_question_open(
    answer: dict[str, Any], error: type[Exception]
) -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)

        with pytest.raises(error):
            await reply(stage, session_id, question, **answer)

        assert await stage.approvals.pending(session_id) == [question]
        assert stage.launcher.commands == []


async def test_a_token_of_one_session_may_refuse_once_and_nothing_else() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        guest = Principal(token_id="guest_token", name="guest", scope="session", session_id=session_id)

        for answer in ({}, {"custom_command": "ls"}, {"approved": False, "option_id": "reject-always"}):
            with pytest.raises(InsufficientScope):
                await reply(stage, session_id, question, by=guest, **answer)
        await reply(stage, session_id, question, by=guest, approved=False)
        events = await stage.rested(session_id)

    assert of(events, ApprovalConfirmed)[0].answered_by == "guest_token"


async def test_of_fifty_answers_one_counts_and_all_others_learn_which() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        won: list[Any] = []
        lost: list[Any] = []

        async def answer(number: int) -> None:
            by = Principal(token_id=f"token-{number:03}", name="", scope="full")
            try:
                won.append(await reply(stage, session_id, question, by=by, approved=number % 2 == 0))
            except ApprovalOver as over:
                lost.append(over.answer)

        async with create_task_group() as tasks:
            for number in range(50):
                tasks.start_soon(answer, number)
        events = await stage.rested(session_id)

    (confirmed,) = of(events, ApprovalConfirmed)
    assert (len(won), len(lost)) == (1, 49)
    assert won[0].answered_by == confirmed.answered_by
    assert all(outcome == confirmed for outcome in lost)
    assert len(stage.launcher.commands) == len(of(events, RunStarted)) == int(confirmed.approved)


async def test_a_late_answer_waits_until_the_first_one_is_durable() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        outcomes: list[str] = []

        async def answer() -> None:
            try:
                await reply(stage, session_id, question)
                outcomes.append("won")
            except (ApprovalOver, LogFull) as error:
                outcomes.append(type(error).__name__)

        stage.log.held = True
        async with create_task_group() as tasks:
            tasks.start_soon(answer)
            tasks.start_soon(answer)
            await turns(5)
            told_early, ran_early = list(outcomes), list(stage.launcher.commands)
            stage.log.release()

    assert (told_early, ran_early) == ([], [])
    assert sorted(outcomes) == ["ApprovalOver", "won"]


async def test_an_answer_that_the_log_does_not_take_counts_for_nobody() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        stage.log.full = True
        with pytest.raises(LogFull):
            await reply(stage, session_id, question)
        stage.log.full = False

        assert await stage.approvals.pending(session_id) == [question]
        assert stage.launcher.commands == []
        await reply(stage, session_id, question)
        events = await stage.rested(session_id)

    assert stage.launcher.commands == ["deploy now"]
    assert len(of(events, ApprovalConfirmed)) == 1


async def test_an_unknown_question_is_not_found() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        other = await stage.open()
        await stage.submit(other, "deploy now")
        question = await asked(stage, other)

        with pytest.raises(ApprovalNotFound):
            await reply(stage, session_id, question)
        await stage.sessions.delete(other)
        with pytest.raises(SessionNotFound):
            await reply(stage, other, question)


# Cancel, steer, delete, drain


async def test_cancelling_closes_the_question_and_the_next_prompt_runs() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        turn = await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        queued = await stage.submit(session_id, "ls")

        await stage.cancel(session_id)
        events = await stage.rested(session_id, turns=2)
        with pytest.raises(ApprovalOver) as late:
            await reply(stage, session_id, question)

    assert ends(events) == [(turn.turn_id, "cancelled"), (queued.turn_id, "end")]
    assert late.value.answer == of(events, ApprovalExpired)[0]
    assert stage.launcher.commands == ["ls"]


async def test_a_steering_prompt_takes_the_place_of_one_that_waits_for_a_human() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        first = await stage.submit(session_id, "deploy now")
        await asked(stage, session_id)

        second = await stage.submit(session_id, "ls", delivery="steer")
        events = await stage.rested(session_id, turns=2)

    assert second.state == "started"
    assert ends(events) == [(first.turn_id, "cancelled"), (second.turn_id, "end")]


async def test_a_drain_leaves_the_question_and_takes_no_answer() -> None:
    log = FaultyEventLog()
    async with staged(rules=ASK, log=log) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)

        await stage.sessions.drain()
        with pytest.raises(Draining):
            await reply(stage, session_id, question)
    async with staged(rules=ASK, log=log) as stage:
        await stage.sessions.recover()
        await reply(stage, session_id, question)
        await stage.rested(session_id)

    assert stage.launcher.commands == ["deploy now"]


# Restarts


async def left_waiting(log: FaultyEventLog, *queued: str) -> tuple[SessionId, Any]:
    """Leave a turn that waits, and prompts behind it, as a killed server does."""
    async with staged(rules=ASK, log=log) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        for command in queued:
            await stage.submit(session_id, command)
    return session_id, question


@pytest.mark.parametrize("approved", [True, False], ids=["yes", "no"])
async def test_a_question_is_answered_after_a_restart(approved: bool) -> None:
    log = FaultyEventLog()
    session_id, question = await left_waiting(log)
    async with staged(rules=ASK, log=log) as stage:
        await stage.sessions.recover()
        before = (await stage.reading.get(session_id)).status

        await reply(stage, session_id, question, approved=approved)
        events = await stage.rested(session_id)

    assert before == "waiting"
    assert ends(events) == [(question.turn_id, "end" if approved else "refused")]
    assert stage.launcher.commands == (["deploy now"] if approved else [])
    assert len(of(events, RunStarted)) == int(approved)


async def test_a_prompt_behind_a_question_that_outlived_a_restart_is_held_until_somebody_goes_on() -> None:
    log = FaultyEventLog()
    session_id, question = await left_waiting(log, "ls")
    async with staged(rules=ASK, log=log) as stage:
        await stage.sessions.recover()
        await reply(stage, session_id, question)
        await stage.rested(session_id)
        held = (await stage.reading.snapshot(session_id)).state.held

        resumed = await stage.sessions.resume(session_id)
        await stage.rested(session_id, turns=2)

    assert (held, resumed.released) == (True, 1)
    assert stage.launcher.commands == ["deploy now", "ls"]


async def test_a_queue_that_was_released_while_the_question_stood_runs_after_it() -> None:
    log = FaultyEventLog()
    session_id, question = await left_waiting(log, "ls")
    async with staged(rules=ASK, log=log) as stage:
        resumed = await stage.sessions.resume(session_id)
        await reply(stage, session_id, question)
        await stage.rested(session_id, turns=2)

    assert resumed.released == 1
    assert stage.launcher.commands == ["deploy now", "ls"]


def cut(log: FaultyEventLog, session_id: SessionId, *, after: type[Any]) -> None:
    """Let a session's log end with the status that followed an event: what came later died with the server."""
    session = log._sessions[session_id]
    names = [event.type for event in session.events]
    session.seq = names.index("session-status", names.index(after.__struct_config__.tag)) + 1
    del session.events[session.seq :], session.timestamps[session.seq :]
    session.batches.clear()


async def test_a_crash_between_the_answer_and_the_run_means_that_it_never_runs() -> None:
    log = FaultyEventLog()
    async with staged(rules=ASK, log=log, play=wait) as stage:
        session_id = await stage.open()
        turn = await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        await reply(stage, session_id, question)
        await stage.running(session_id)
    cut(log, session_id, after=ApprovalConfirmed)
    async with staged(rules=ASK, log=log) as stage:
        await stage.sessions.recover()
        events = await stage.events(session_id)
        with pytest.raises(ApprovalOver):
            await reply(stage, session_id, question)

    assert stage.launcher.commands == []
    assert ends(events) == [(turn.turn_id, "interrupted")]
    assert not of(events, RunStarted)
    assert status(events) == "interrupted"


async def test_what_had_begun_before_a_crash_never_runs_again() -> None:
    log = FaultyEventLog()
    async with staged(rules=ASK, log=log, play=wait) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        await reply(stage, session_id, await asked(stage, session_id))
        await stage.running(session_id)
    async with staged(rules=ASK, log=log) as stage:
        await stage.sessions.recover()
        events = await stage.events(session_id)

    assert len(of(events, RunStarted)) == 1
    assert [end.stop_reason for end in of(events, TurnCompleted)] == ["interrupted"]
    assert stage.launcher.agents == []


# Expiry


async def test_nobody_s_answer_is_a_no() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        turn = await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        queued = await stage.submit(session_id, "ls")
        await stage.approvals.expire()
        stage.clock.time = question.expires_at

        await stage.approvals.expire()
        await stage.approvals.expire()
        events = await stage.rested(session_id, turns=2)

    assert ends(events) == [(turn.turn_id, "refused"), (queued.turn_id, "end")]
    assert len(of(events, ApprovalExpired)) == 1


async def test_an_answer_after_the_time_is_too_late_even_before_anybody_looked() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        stage.clock.time = question.expires_at

        with pytest.raises(ApprovalOver) as late:
            await reply(stage, session_id, question)
        events = await stage.rested(session_id)

    assert late.value.answer == of(events, ApprovalExpired)[0]
    assert stage.launcher.commands == []


async def test_what_expired_while_the_server_was_down_is_closed_at_its_start_and_starts_nothing() -> None:
    log = FaultyEventLog()
    session_id, question = await left_waiting(log, "ls")
    async with staged(rules=ASK, log=log) as stage:
        stage.clock.time = question.expires_at + 1
        await stage.sessions.recover()

        await stage.approvals.expire()
        events = await stage.events(session_id)
        state = (await stage.reading.snapshot(session_id)).state

    assert ends(events) == [(question.turn_id, "refused")]
    assert (state.held, state.pending_approvals, state.session.status) == (True, [], "idle")
    assert stage.launcher.commands == []


async def test_a_question_that_can_not_be_closed_is_closed_later(caplog: pytest.LogCaptureFixture) -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        question = await asked(stage, session_id)
        stage.clock.time = question.expires_at
        stage.log.full = True
        await stage.approvals.expire()
        stage.log.full = False
        await stage.owners.get(session_id)

        await stage.approvals.expire()
        events = await stage.rested(session_id)

    assert "could not be closed" in caplog.text
    assert len(of(events, ApprovalExpired)) == 1


# Remembered answers


async def test_an_answer_for_the_session_is_not_asked_for_again() -> None:
    log = FaultyEventLog()
    async with staged(rules=ASK, log=log) as stage:
        session_id, other = await stage.open(), await stage.open()
        await stage.submit(session_id, "deploy now")
        await reply(stage, session_id, await asked(stage, session_id), option_id="allow-session")
        await stage.rested(session_id)
    async with staged(rules=ASK, log=log) as stage:
        await stage.submit(session_id, "deploy now")
        await stage.rested(session_id, turns=2)
        ran = list(stage.launcher.commands)
        await stage.submit(other, "deploy now")
        await stage.submit(session_id, "deploy later")
        questions = [await asked(stage, other), await asked(stage, session_id, 2)]
        rules = await stage.rules.all()

    assert ran == ["deploy now"]
    assert [question.command for question in questions] == ["deploy now", "deploy later"]
    assert [(one.source, one.effect, one.command, one.for_session) for one in rules[len(ASK) :]] == [
        ("remembered", "allow", "deploy now", session_id)
    ]


async def test_always_no_is_remembered_and_no_longer_asked() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        await reply(stage, session_id, await asked(stage, session_id), approved=False, option_id="reject-always")
        await stage.submit(session_id, "cd x; deploy  'now'")
        events = await stage.rested(session_id, turns=2)

    assert [reason for _, reason in ends(events)] == ["refused", "refused"]
    assert len(of(events, ApprovalRequest)) == 1
    assert stage.launcher.commands == []


async def test_a_remembered_answer_is_forgotten_when_it_is_removed_or_its_session_goes() -> None:
    async with staged(rules=ASK) as stage:
        session_id, other = await stage.open(), await stage.open()
        for one in (session_id, other):
            await stage.submit(one, "deploy now")
            await reply(stage, one, await asked(stage, one), option_id="allow-session")
            await stage.rested(one)
        first, second = (await stage.system.state()).rules

        await stage.rules.remove(first.rule_id, by=OWNER, peer="")
        await stage.sessions.delete(other)
        for rule_id, error in ((second.rule_id, RuleNotFound), ("configured_1", RuleConfigured)):
            with pytest.raises(error):
                await stage.rules.remove(rule_id, by=OWNER, peer="")
        await stage.submit(session_id, "deploy now")
        await asked(stage, session_id, 2)

        assert await stage.rules.all() == ASK
        assert len(of(await stage.events(SYSTEM), RuleCreated)) == 2


# Agents that ask in the midst of their work


def agent_s(number: int) -> ApprovalRequest:
    kinds: Any = ("allow-once", "reject-once")
    return ApprovalRequest(
        approval_id=f"agent-asks-{number}",
        turn_id=TURN_ID,
        tool_call_id="call",
        command="Edit it",
        explanation="The agent wants to.",
        options=[ApprovalOption(option_id=kind, name=kind, kind=kind) for kind in kinds],
        editable=False,
        expires_at=1 << 50,
    )


async def at_work(stage: Stage) -> Any:
    """Return the owner of a session whose agent is at work."""
    session_id = await stage.open()
    await stage.submit(session_id)
    await stage.running(session_id)
    return await stage.owners.get(session_id)


def asking(owner: Any, number: int) -> ApprovalRequest:
    question: ApprovalRequest = replace(agent_s(number), turn_id=owner.state.turn.turn_id)
    return question


async def test_an_agent_goes_on_when_all_that_it_asks_is_answered() -> None:
    async with staged(play=wait) as stage:
        owner = await at_work(stage)
        answers: list[Any] = []

        async def ask(number: int) -> None:
            answers.append(await stage.turns.ask(owner, asking(owner, number)))

        async with create_task_group() as tasks:
            tasks.start_soon(ask, 1)
            tasks.start_soon(ask, 2)
            session_id = owner.state.session_id
            first = await asked(stage, session_id, 2)
            with pytest.raises(NotEditable):
                await reply(stage, session_id, first, custom_command="ls")
            await reply(stage, session_id, first)
            between = status(await stage.events(session_id))
            await reply(stage, session_id, agent_s(1), approved=False)
        stage.launcher.agent.go.set()
        events = await stage.rested(session_id)

    assert [answer.approved for answer in answers] == [True, False]
    assert between == "waiting"
    assert [(event.status, event.pid) for event in of(events, SessionStatus)[2:-1]] == [
        ("running", PID), ("waiting", PID), ("waiting", PID), ("running", PID)
    ]  # fmt: skip
    assert [reason for _, reason in ends(events)] == ["end"]


async def test_what_is_remembered_of_an_agent_s_tool_is_no_prompt() -> None:
    async with staged(play=wait) as stage:
        owner = await at_work(stage)
        always = ApprovalOption(option_id="always", name="", kind="allow-session")
        question = replace(asking(owner, 1), options=[always])
        call = ToolCall(
            turn_id=str(question.turn_id), tool_call_id="call", kind="execute", input={"command": "Edit it"}
        )
        await stage.turns.emit(owner, call)
        async with create_task_group() as tasks:
            tasks.start_soon(stage.turns.ask, owner, question)
            await asked(stage, owner.state.session_id)
            with pytest.raises(InvalidAnswer):
                await reply(stage, owner.state.session_id, question)
            await reply(stage, owner.state.session_id, question, option_id="always")
        (remembered,) = (await stage.system.state()).rules

    assert (remembered.kind, remembered.command) == ("execute", "Edit it")


async def test_a_turn_that_is_stopped_closes_what_its_agent_asks() -> None:
    async with staged(play=work) as stage:
        owner = await at_work(stage)
        answers: list[Any] = []

        async def ask() -> None:
            answers.append(await stage.turns.ask(owner, asking(owner, 1)))

        async with create_task_group() as tasks:
            tasks.start_soon(ask)
            await asked(stage, owner.state.session_id)
            await stage.cancel(owner.state.session_id)
        events = await stage.rested(owner.state.session_id)

    assert answers == [None]
    assert len(of(events, ApprovalExpired)) == 1
    assert [reason for _, reason in ends(events)] == ["cancelled"]


async def test_a_turn_that_ends_by_itself_leaves_no_question_open() -> None:
    async with staged(play=wait) as stage:
        owner = await at_work(stage)
        session_id = owner.state.session_id
        async with create_task_group() as tasks:
            tasks.start_soon(stage.turns.ask, owner, asking(owner, 1))
            await asked(stage, session_id)
            stage.launcher.agent.go.set()
            events = await stage.rested(session_id)
            tasks.cancel_scope.cancel()

    assert [kind(event) for event in events[-3:]] == ["approval-expired", "turn-completed", "session-status idle"]


async def test_an_agent_whose_session_is_lost_gets_no_answer() -> None:
    async with staged(play=wait) as stage:
        owner = await at_work(stage)

        async def ask() -> None:
            with pytest.raises(LogFull):
                await stage.turns.ask(owner, asking(owner, 1))

        async with create_task_group() as tasks:
            tasks.start_soon(ask)
            await asked(stage, owner.state.session_id)
            stage.log.full = True
            with pytest.raises(LogFull):
                await reply(stage, owner.state.session_id, agent_s(1))


async def test_a_question_that_its_agent_gave_up_is_over_and_allows_nothing() -> None:
    async def gives_up(agent: FakeAgent, turn: Turn) -> TurnEnd:
        if turn.command == "first":
            owner = await stage.owners.get(session_id)
            question = stage.rules.question(owner.state, "x", Verdict("ask"), turn_id=turn.turn_id)
            async with create_task_group() as tasks:
                tasks.start_soon(stage.turns.ask, owner, question)
                await asked(stage, session_id)
                tasks.cancel_scope.cancel()
            return await wait(agent, turn)
        return TurnEnd(stop_reason="end")

    async with staged(play=gives_up, rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "first")
        question = await asked(stage, session_id)
        await stage.running(session_id)
        await stage.submit(session_id, "deploy now")

        with pytest.raises(ApprovalOver):
            await reply(stage, session_id, question)
        stage.launcher.agents[0].go.set()
        await asked(stage, session_id, 2)

    assert stage.launcher.commands == ["first"]


async def test_a_session_is_gone_though_a_full_disk_kept_what_was_remembered_for_it() -> None:
    async with staged(rules=ASK) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "deploy now")
        await reply(stage, session_id, await asked(stage, session_id), option_id="allow-session")
        await stage.rested(session_id)
        stage.log.refused = SYSTEM

        answer = await stage.sessions.delete(session_id)

        assert answer.message == "The session was deleted."
