"""What a session offers to its agent: its log, and the humans who may be asked."""

from collections.abc import Awaitable, Callable

from msgspec import UNSET

from contracts.events import (
    ApprovalConfirmed,
    ApprovalRequest,
    Event,
    OptionKind,
    RunStarted,
    SessionError,
    SessionStatus,
)
from domain.owner import Answered, Owner
from domain.policy import Action
from domain.ports import Asking, Emit, Permission
from domain.questions import describe, permission, subject
from domain.rules import Rules
from domain.tools import tool_action

Ask = Callable[[ApprovalRequest], Awaitable[ApprovalConfirmed | None]]
Settle = Callable[[Awaitable[None]], Awaitable[None]]


class SessionDesk:
    """The desk of one live session; *emit*, *ask* and *settle* are its owner's."""

    def __init__(self, *, owner: Owner, rules: Rules, emit: Emit, ask: Ask, settle: Settle) -> None:
        self._owner = owner
        self._rules = rules
        self._emit = emit
        self._ask = ask
        self._settle = settle

    @property
    def agent_session_id(self) -> str | None:
        return self._owner.state.agent_session_id or None

    @property
    def agent_mode(self) -> str | None:
        return self._owner.state.agent_mode or None

    async def emit(self, *events: Event) -> None:
        at_work = self._owner.state.turn is not None
        told = [e for e in events if not (at_work and isinstance(e, SessionStatus) and e.status == "exited")]
        if told:
            await self._emit(*told)

    async def ask(self, asking: Asking) -> Permission | None:
        asked = tool_action(self._owner.state, asking.tool_call_id)
        verdict = await self._rules.judge(asked)
        turn = self._owner.state.turn
        if turn is None or self._is_stopped(turn.turn_id):
            return None
        if verdict.effect == "deny":
            assert verdict.rule is not None
            reason = f"{describe(verdict.rule)} forbids this: {asking.command}"
            await self.emit(SessionError(error=reason, code="denied-by-rule", recoverable=True))
            return permission(asking.options, "reject-once", None)
        if (answered := self._take(asking, asked)) is not None:
            return await self._allowed_before(turn.turn_id, asking, answered)
        if verdict.effect == "allow":
            return permission(asking.options, "allow-once", None)
        question = self._rules.tool_question(self._owner.state, asking, asked, verdict, turn_id=turn.turn_id)
        outcome = await self._ask(question)
        if outcome is None:
            return None if self._is_stopped(turn.turn_id) else permission(asking.options, "reject-once", None)
        return permission(asking.options, _kind(question, outcome), outcome)

    def _is_stopped(self, turn_id: str) -> bool:
        return self._owner.closing or self._owner.cancelled == turn_id

    def _take(self, asking: Asking, asked: Action) -> Answered | None:
        """Take the answer that was given to the same question before the server stopped: it counts once."""
        same = subject(asking, asked)
        found = next((answered for answered in self._owner.answers if answered.question.subject == same), None)
        if found is not None:
            self._owner.answers.remove(found)
        return found

    async def _allowed_before(self, turn_id: str, asking: Asking, answered: Answered) -> Permission:
        """Record that what a human allowed begins, and tell it; found after a crash it may have run."""
        question, outcome = answered.question, answered.outcome
        if outcome.approved:
            text = question.command if outcome.custom_command is UNSET else outcome.custom_command
            started = RunStarted(turn_id=turn_id, approval_id=outcome.approval_id, command=text)
            await self._settle(self._owner.record(started))
        return permission(asking.options, _kind(question, outcome), outcome)


def _kind(question: ApprovalRequest, outcome: ApprovalConfirmed) -> OptionKind:
    chosen = (option.kind for option in question.options if option.option_id == outcome.option_id)
    return next(chosen, "allow-once" if outcome.approved else "reject-once")
