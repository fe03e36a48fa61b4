"""What is held against the rules, how a human is asked where they say so, and the answers that are remembered."""

import logging
from collections.abc import Sequence
from typing import Any

from contracts.events import ApprovalRequest, Event, RuleCreated, RuleDeleted, Text
from contracts.views import Rule, RuleRemoved
from domain.access import Principal
from domain.errors import RuleConfigured, RuleNotFound
from domain.ids import SessionId
from domain.policy import Action, Policy, Verdict
from domain.ports import Asking, Audit, Clock
from domain.questions import question, tool_question
from domain.state import SessionState
from domain.system import SystemLog, SystemState

logger = logging.getLogger(__name__)


class Rules:
    """The configured rules and the remembered answers. A question stands for *approval_ms*."""

    def __init__(self, *, policy: Policy, system: SystemLog, clock: Clock, audit: Audit, approval_ms: int) -> None:
        self._policy = policy
        self._system = system
        self._clock = clock
        self._audit = audit
        self._approval_ms = approval_ms

    async def judge(self, action: Action) -> Verdict:
        """Say what is to be done about an action. Raises LogUnavailable, SessionQuarantined."""
        return self._policy.judge(action, (await self._system.state()).rules)

    def question(self, state: SessionState, command: Text, verdict: Verdict, **about: Any) -> ApprovalRequest:
        """Return the question whether a session may run a command: that of ``turn_id``, or one of ``plan_id``."""
        return question(state, command, verdict, expires_at=self._clock.now() + self._approval_ms, **about)

    def tool_question(
        self, state: SessionState, asking: Asking, asked: Action, verdict: Verdict, *, turn_id: str
    ) -> ApprovalRequest:
        """Return the question whether the agent at work on a turn may do what it asks for."""
        expires_at = self._clock.now() + self._approval_ms
        return tool_question(state, asking, asked, verdict, expires_at=expires_at, turn_id=turn_id)

    async def all(self) -> list[Rule]:
        """Return the configured rules in their order, then the remembered ones, the oldest first."""
        return [*self._policy.rules, *(await self._system.state()).rules]

    async def remember(self, rule: RuleCreated) -> None:
        """Remember an answer, once. Raises LogFull, LogUnavailable."""

        def unless_known(state: SystemState) -> Sequence[Event]:
            return () if any(_alike(known, rule) for known in state.rules) else (rule,)

        await self._system.decide(unless_known)

    async def remove(self, rule_id: str, *, by: Principal, peer: str) -> RuleRemoved:
        """Forget a remembered answer. Raises RuleNotFound, RuleConfigured, LogFull."""
        if any(rule.rule_id == rule_id for rule in self._policy.rules):
            raise RuleConfigured("This rule stands in the configuration file; change it there.")

        def forget(state: SystemState) -> Sequence[Event]:
            if all(rule.rule_id != rule_id for rule in state.rules):
                raise RuleNotFound(f"There is no rule {rule_id}.")
            return (RuleDeleted(rule_id=rule_id),)

        await self._system.decide(forget)
        self._audit.note("rule-removed", by=by.token_id, peer=peer, rule_id=rule_id)
        return forgotten(rule_id)

    async def forget_session(self, session_id: SessionId) -> None:
        """Forget what was remembered for a session that is gone. Never raises: what stays matches nothing."""
        try:
            await self._system.decide(
                lambda state: [
                    RuleDeleted(rule_id=each.rule_id) for each in state.rules if each.for_session == session_id
                ]
            )
        except Exception:
            logger.exception("the answers that were remembered for session %s stay", session_id)


def forgotten(rule_id: str) -> RuleRemoved:
    """Return what is answered once a rule is removed."""
    return RuleRemoved(message=f"Rule {rule_id} is forgotten.", rule_id=rule_id)


def _alike(known: Rule, rule: RuleCreated) -> bool:
    return all(
        getattr(known, name) == getattr(rule, name)
        for name in ("effect", "command", "kind", "working_dir", "for_session", "for_project")
    )
