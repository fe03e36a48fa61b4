"""Questions to a human: how they are put, and what an answer to one means."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from contracts.codec import encode
from contracts.events import (
    ApprovalExpired,
    ApprovalOption,
    ApprovalRequest,
    Event,
    OptionKind,
    RuleCreated,
    Text,
)
from contracts.requests import AnswerApproval
from contracts.views import Rule
from domain.access import Principal
from domain.errors import InsufficientScope, InvalidAnswer, NotEditable
from domain.fitting import INLINE_TEXT_BYTES
from domain.ids import SessionId, make_id
from domain.policy import OPERATION, PROMPT, TOOL, Action, Verdict
from domain.state import SessionState

_OPTIONS: Sequence[tuple[OptionKind, str]] = (
    ("allow-once", "Allow once"),
    ("allow-session", "Always allow in this session"),
    ("allow-project", "Always allow in this project"),
    ("reject-once", "Reject"),
    ("reject-always", "Always reject"),
)
_ONCE = ("allow-once", "reject-once")


def question(
    state: SessionState,
    command: Text,
    verdict: Verdict,
    *,
    expires_at: int,
    turn_id: str | UnsetType = UNSET,
    plan_id: str | UnsetType = UNSET,
) -> ApprovalRequest:
    """Return the question whether a session may run a command: its turn's, or one of a plan."""
    fits = isinstance(command, str) and len(encode(command)) <= INLINE_TEXT_BYTES  # else too long to be remembered
    offered = [(kind, name) for kind, name in _OPTIONS if fits or kind in _ONCE]
    if state.project_id is UNSET:
        offered = [(kind, name) for kind, name in offered if kind != "allow-project"]
    return ApprovalRequest(
        approval_id=make_id(),
        turn_id=turn_id,
        plan_id=plan_id,
        command=command,
        explanation=_explanation(verdict, plan=plan_id is not UNSET),
        options=[ApprovalOption(option_id=kind, name=name, kind=kind) for kind, name in offered],
        editable=True,
        expires_at=expires_at,
    )


def _explanation(verdict: Verdict, *, plan: bool) -> str:
    what = "A plan wants to run this." if plan else "A prompt wants to run this."
    if verdict.rule is None:
        return what
    return f"{what} {describe(verdict.rule)} says to ask."


def describe(rule: Rule) -> str:
    """Name a rule to a human."""
    if rule.source == "remembered":
        return f"A remembered answer ({rule.rule_id})"
    return f"Rule {rule.rule_id.rpartition('_')[2]} of the configuration"


def action(state: SessionState, request: ApprovalRequest, command: str) -> Action:
    """Return what *command* would be, run in place of what a question is about."""
    kind = PROMPT if request.plan_id is UNSET else OPERATION
    if request.tool_call_id is not UNSET:
        calls = (call.kind for call in state.open_tool_calls if call.tool_call_id == request.tool_call_id)
        kind = next(calls, UNSET) or TOOL
    return command_action(state, kind, command)


def command_action(state: SessionState, kind: str, command: str) -> Action:
    """Return what running a command in the session would be: a prompt where the last one ended, all else at home."""
    return Action(
        session_id=state.session_id,
        project_id=state.project_id,
        mode=state.mode,
        kind=kind,
        command=command,
        working_dir=state.cwd if kind == PROMPT else state.working_dir,
    )


def choose(request: ApprovalRequest, answer: AnswerApproval, by: Principal) -> ApprovalOption:
    """Return the option that an answer chooses. Raises InvalidAnswer, NotEditable, InsufficientScope."""
    wanted = "allow" if answer.approved else "reject"
    if answer.option_id is UNSET:
        chosen = next((option for option in request.options if option.kind == f"{wanted}-once"), None)
        if chosen is None:
            raise InvalidAnswer("Say which of the options you choose.", member="$.optionId")
    else:
        chosen = next((option for option in request.options if option.option_id == answer.option_id), None)
        if chosen is None:
            raise InvalidAnswer("The question has no such option.", member="$.optionId")
        if not chosen.kind.startswith(wanted):
            raise InvalidAnswer("The option contradicts `approved`.", member="$.optionId")
    if answer.custom_command is not UNSET:
        if not answer.approved:
            raise InvalidAnswer("Another command can only be approved.", member="$.customCommand")
        if not request.editable:
            raise NotEditable(
                "This can be allowed or refused, and not changed.", session_id=SessionId(request.session_id)
            )
    if by.scope != "full" and chosen.kind != "reject-once":
        raise InsufficientScope("A token of one session may refuse once, and allow nothing: what is allowed runs.")
    return chosen


def remembered(state: SessionState, about: Action, chosen: ApprovalOption) -> RuleCreated | None:
    """Return the rule that an answer makes; `None` for one that counts once."""
    if chosen.kind in _ONCE or about.command is None:
        return None
    allows = chosen.kind.startswith("allow")
    everywhere = state.project_id is not UNSET and chosen.kind != "allow-session"
    return RuleCreated(
        rule_id=make_id(),
        effect="allow" if allows else "deny",
        command=about.command,
        kind=about.kind,
        working_dir=about.working_dir if allows else UNSET,
        for_project=state.project_id if everywhere else UNSET,
        for_session=UNSET if everywhere else state.session_id,
    )


def withdrawn(state: SessionState, turn_id: str) -> Sequence[Event]:
    """Return what closes the questions of a turn that ends unanswered."""
    return [
        ApprovalExpired(approval_id=question.approval_id)
        for question in state.pending_approvals
        if question.turn_id == turn_id
    ]


def pending(state: SessionState, approval_id: str) -> ApprovalRequest | None:
    """Return the question if it still stands."""
    return next((one for one in state.pending_approvals if one.approval_id == approval_id), None)
