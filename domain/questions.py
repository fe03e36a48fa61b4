"""Questions to a human: how they are put, and what an answer to one means."""

from collections.abc import Sequence
from hashlib import blake2b

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from contracts.codec import encode, encode_sorted
from contracts.events import (
    ApprovalConfirmed,
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
from domain.errors import ContradictoryAnswer, InsufficientScope, InvalidAnswer, NotEditable
from domain.fitting import INLINE_TEXT_BYTES
from domain.ids import SessionId, make_id
from domain.policy import OPERATION, PROMPT, Action, Verdict
from domain.ports import Asking, Permission
from domain.state import SessionState
from domain.tools import tool_action

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


def tool_question(
    state: SessionState, asking: Asking, asked: Action, verdict: Verdict, *, expires_at: int, turn_id: str
) -> ApprovalRequest:
    """Return the question whether an agent at work may do what it asks for: with its options, and ours beside them."""
    says = "" if verdict.rule is None else f" {describe(verdict.rule)} says to ask."
    return ApprovalRequest(
        approval_id=make_id(),
        turn_id=turn_id,
        tool_call_id=asking.tool_call_id,
        command=asking.command if asked.command is None else asked.command,
        explanation=f"{asking.explanation}{says}",
        options=_offered(state, asking.options, asked),
        editable=asking.editable,
        subject=subject(asking, asked),
        expires_at=expires_at,
    )


def subject(asking: Asking, asked: Action) -> str:
    """Return a digest of all that an agent asks for: the same for the same, whenever it asks."""
    what = asking.command if asked.command is None else asked.command
    whole = (asked.kind, what, sorted(asked.paths), asking.input)
    return blake2b(encode_sorted(whole), digest_size=16).hexdigest()


def _offered(state: SessionState, theirs: Sequence[ApprovalOption], asked: Action) -> list[ApprovalOption]:
    """Return an agent's options, and those that it lacks of ours: a no, and what is remembered of an exact command."""
    kinds = {option.kind for option in theirs}
    taken = {option.option_id for option in theirs}
    wanted = set[OptionKind]() if kinds & {"reject-once", "reject-always"} else {"reject-once"}
    if asked.command is not None and len(encode(asked.command)) <= INLINE_TEXT_BYTES:
        wanted.add("reject-always")
        if kinds & {"allow-once", "allow-session"}:
            wanted.add("allow-session")
            wanted |= set() if state.project_id is UNSET else {"allow-project"}
    ours = [
        ApprovalOption(option_id=kind, name=name, kind=kind)
        for kind, name in _OPTIONS
        if kind in wanted - kinds and kind not in taken
    ]
    return [*theirs, *ours]


def permission(options: Sequence[ApprovalOption], kind: OptionKind, outcome: ApprovalConfirmed | None) -> Permission:
    """Return what an agent that offered *options* is told: the option that was chosen, or else is nearest to *kind*."""
    says = kind.partition("-")[0]
    fitting = [option for option in options if option.kind.startswith(says)]
    chosen = [option for option in fitting if outcome is not None and option.option_id == outcome.option_id]
    ranked = [
        *chosen,
        *(option for want in (kind, f"{says}-once") for option in fitting if option.kind == want),
        *fitting,
    ]
    return Permission(
        approved=says == "allow",
        option_id=ranked[0].option_id if ranked else "",
        custom_command=UNSET if outcome is None else outcome.custom_command,
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
    if request.tool_call_id is not UNSET:
        asked = tool_action(state, request.tool_call_id)
        return asked if asked.command is None else replace(asked, command=command)
    return command_action(state, PROMPT if request.plan_id is UNSET else OPERATION, command)


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
            raise ContradictoryAnswer("The option contradicts `approved`.", member="$.optionId")
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
