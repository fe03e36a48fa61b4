"""What humans answer: the first answer counts, what it allows runs once, and no answer is a no."""

import logging
from collections.abc import Awaitable

import anyio
from msgspec import UNSET
from msgspec.structs import replace

from contracts import views
from contracts.codec import decode_event
from contracts.events import ApprovalConfirmed, ApprovalExpired, ApprovalOutcome, ApprovalRequest
from contracts.requests import AnswerApproval
from domain.access import Principal
from domain.commands import Commands
from domain.contexts import whole_text
from domain.errors import ApprovalNotFound, ApprovalOver, CursorExpired, DeniedByRule, TowpathError
from domain.ids import SessionId
from domain.owner import Owner
from domain.owners import Owners
from domain.ports import Audit, Clock, EventLog
from domain.questions import action, choose, describe, pending, remembered
from domain.reading import fold
from domain.receipts import aside
from domain.rules import Rules
from domain.turns import Turns

logger = logging.getLogger(__name__)


class Approvals:
    """The questions of all sessions. They are in the log, so they stand whatever becomes of the server."""

    def __init__(
        self,
        *,
        log: EventLog,
        owners: Owners,
        turns: Turns,
        commands: Commands,
        rules: Rules,
        clock: Clock,
        audit: Audit,
    ) -> None:
        self._log = log
        self._owners = owners
        self._turns = turns
        self._commands = commands
        self._rules = rules
        self._clock = clock
        self._audit = audit

    async def pending(self, session_id: SessionId) -> list[ApprovalRequest]:
        """Return the questions that wait for an answer, the oldest first. Raises SessionNotFound."""
        return list((await fold(self._log, session_id)).pending_approvals)

    async def answer(
        self, session_id: SessionId, approval_id: str, answer: AnswerApproval, *, by: Principal, peer: str
    ) -> views.ApprovalAnswered:
        """Answer a question: the answer is durable when this returns, and what it allows has begun.

        Raises SessionNotFound, ApprovalNotFound, ApprovalOver with what closed the question first, InvalidAnswer,
        NotEditable, InsufficientScope, DeniedByRule, Draining; LogFull, also where the answer counts and only could
        not be remembered as a rule.
        """
        owner = await self._turns.working(session_id)
        question = await self._standing(owner, approval_id)
        chosen = choose(question, answer, by)
        command = answer.custom_command
        if command is UNSET:
            command = await whole_text(self._log, session_id, question.command)
        about = action(owner.state, question, command)
        if answer.approved and (verdict := await self._rules.judge(about)).effect == "deny":
            assert verdict.rule is not None
            raise DeniedByRule(f"{describe(verdict.rule)} forbids this command.")
        owner = await self._turns.working(session_id)
        question = await self._standing(owner, approval_id)
        confirmed = ApprovalConfirmed(
            approval_id=approval_id,
            approved=answer.approved,
            option_id=chosen.option_id,
            custom_command=answer.custom_command,
            answered_by=by.token_id,
        )
        await self._close(owner, question, confirmed, command)
        self._audit.note(
            "approval",
            by=by.token_id,
            peer=peer,
            session_id=session_id,
            approval_id=approval_id,
            option=chosen.kind,
            edited=str(answer.custom_command is not UNSET).lower(),
        )
        if (rule := remembered(owner.state, about, chosen)) is not None:
            await self._rules.remember(rule)
        return answered(replace(confirmed, session_id=session_id))

    async def expire(self) -> None:
        """Close the questions that nobody answered in time, those of the time before a start included. Never raises."""
        for owner in list(self._owners):
            late = [question for question in owner.state.pending_approvals if self._is_late(question)]
            for question in late:
                if owner.closing or pending(owner.state, question.approval_id) is None:  # closed meanwhile
                    continue
                try:
                    await self._expire(owner, question)
                except Exception:
                    logger.exception("a question of session %s could not be closed", owner.state.session_id)

    async def _standing(self, owner: Owner, approval_id: str) -> ApprovalRequest:
        """Return a question that can be answered now; raises what tells why there is none."""
        question = pending(owner.state, approval_id)
        if question is not None and self._is_late(question):
            with aside():
                await self._expire(owner, question)
            question = None
        if question is None:
            raise await self._over(owner, approval_id)
        return question

    def _is_late(self, question: ApprovalRequest) -> bool:
        return question.expires_at <= self._clock.now()

    async def _expire(self, owner: Owner, question: ApprovalRequest) -> None:
        await self._close(owner, question, ApprovalExpired(approval_id=question.approval_id), "")

    async def _close(self, owner: Owner, question: ApprovalRequest, outcome: ApprovalOutcome, command: str) -> None:
        """Record what became of a question and have go on what waited for it; durable when this returns."""
        if question.plan_id is UNSET:
            durable = self._turns.go_on(owner, outcome)
        else:
            durable = self._commands.go_on(owner, question, outcome, command)
        owner.deciding[question.approval_id] = durable
        try:
            await self._owners.settle(owner, durable)
        finally:
            del owner.deciding[question.approval_id]

    async def _over(self, owner: Owner, approval_id: str) -> TowpathError:
        """Return what tells a late one who was first, once that is durable."""
        await _durable(owner.deciding.get(approval_id))
        outcome = await self._outcome(owner.state.session_id, approval_id)
        if outcome is None:
            return ApprovalNotFound(f"Session {owner.state.session_id} never asked {approval_id}.")
        return ApprovalOver(outcome)

    async def _outcome(self, session_id: SessionId, approval_id: str) -> ApprovalOutcome | None:
        """Look through the log for what closed a question; only who comes late pays for it."""
        head = await self._log.head(session_id)
        after = head.earliest
        while after < head.seq:
            try:
                batch = await self._log.read(
                    session_id, after=after, limit=512, types=("approval-confirmed", "approval-expired")
                )
            except CursorExpired as expired:
                after = expired.earliest
                continue
            for recorded in batch.events:
                event = decode_event(recorded.data)
                if isinstance(event, (ApprovalConfirmed, ApprovalExpired)) and event.approval_id == approval_id:
                    return event
            after = batch.upto
        return None


def answered(confirmed: ApprovalConfirmed) -> views.ApprovalAnswered:
    """Return what is answered to the one whose answer counts."""
    return views.ApprovalAnswered(
        session_id=confirmed.session_id,
        approval_id=confirmed.approval_id,
        approved=confirmed.approved,
        option_id=confirmed.option_id,
        custom_command=confirmed.custom_command,
        answered_by=confirmed.answered_by,
    )


async def _durable(decision: Awaitable[None] | None) -> None:
    if decision is not None:
        with anyio.CancelScope(shield=True):  # others wait for the same
            await decision
