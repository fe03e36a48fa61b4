"""A session's state as a fold over its events. `apply` is the only place where state changes."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from contracts.codec import decoder
from contracts.events import (
    AgentMessage,
    AgentThought,
    ApprovalConfirmed,
    ApprovalExpired,
    ApprovalRequest,
    CommandSent,
    Event,
    OperationsDetected,
    OperationsError,
    OperationsExecuted,
    OperationsReverted,
    Origin,
    PlanEntry,
    PlanUpdated,
    ProjectCreated,
    ProjectDeleted,
    ProjectUpdated,
    RuleCreated,
    RuleDeleted,
    RunStarted,
    SessionCreated,
    SessionDeleted,
    SessionError,
    SessionOutput,
    SessionStatus,
    SessionUpdated,
    Status,
    TerminalClosed,
    TerminalCreated,
    TokenCreated,
    TokenRevoked,
    ToolCall,
    TurnCompleted,
    TurnStarted,
    UsageUpdated,
)
from contracts.views import QueuedPrompt, RunningTurn
from domain.context import Touched, carried_out, given, touch, used
from domain.ids import SessionId
from domain.known_plans import KnownPlan, proposed, settled
from domain.ports import Listing

OPEN_CALLS = 200  # of the tool calls that are not over, the newest: an agent may begin them without an end


class SessionState(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What all events of a session up to ``seq`` mean together. Stored as the session's snapshot."""

    session_id: SessionId
    seq: int
    mode: str
    title: str
    working_dir: str
    cwd: str
    created_at: int
    last_activity: int
    status: Status = "idle"
    archived: bool = False
    deleted: bool = False
    project_id: str | UnsetType = UNSET
    origin: Origin | UnsetType = UNSET
    agent_mode: str | UnsetType = UNSET
    agent_session_id: str | UnsetType = UNSET
    pid: int | UnsetType = UNSET
    process_started_at: int | UnsetType = UNSET
    turn: RunningTurn | None = None
    queue: tuple[QueuedPrompt, ...] = ()
    pending_approvals: tuple[ApprovalRequest, ...] = ()
    runs: tuple[str, ...] = ()
    plan: tuple[PlanEntry, ...] = ()
    open_tool_calls: tuple[ToolCall, ...] = ()
    usage: UsageUpdated | None = None
    files: tuple[Touched, ...] = ()
    plans: tuple[KnownPlan, ...] = ()
    terminals: tuple[str, ...] = ()

    @property
    def inherited(self) -> int:
        """Up to which seq the events were another session's: plans from there can be read here, not executed."""
        return 0 if self.origin is UNSET or self.origin.kind == "duplicate" else self.origin.seq

    @property
    def held(self) -> bool:
        """Whether the queue waits for a human: nothing runs by surprise after a restart."""
        return self.turn is None and bool(self.queue)

    @property
    def at_rest(self) -> bool:
        """Whether nothing works here. A start after a crash puts right what is not so, and looks for open terminals."""
        busy = self.turn is not None or self.runs or self.status in ("starting", "running")
        return not busy and not self.pending_approvals

    @property
    def waits(self) -> bool:
        """Whether the turn waits for a human's answer."""
        return self.turn is not None and any(
            question.turn_id == self.turn.turn_id for question in self.pending_approvals
        )

    @property
    def standing(self) -> Status:
        """What the status is while no agent works on the turn."""
        if self.runs and not self.waits:
            return "running"
        return "waiting" if self.pending_approvals else "idle"


decode_state = decoder(SessionState)


def begin(event: SessionCreated) -> SessionState:
    """Return the state that a session's first event makes."""
    return SessionState(
        session_id=SessionId(event.session_id),
        seq=event.seq,
        mode=event.mode,
        title=event.title,
        working_dir=event.working_dir,
        cwd=event.working_dir,
        created_at=event.timestamp,
        last_activity=event.timestamp,
        project_id=event.project_id,
        origin=event.origin,
    )


def apply(state: SessionState, event: Event) -> SessionState:
    """Return the state after *event*."""
    changes = _changes(state, event)
    if not changes:  # most of all events
        return replace(state, seq=event.seq, last_activity=event.timestamp)
    return replace(state, seq=event.seq, last_activity=event.timestamp, **changes)


# One arm an event, without a catch-all: the type checker names each place where a new event was forgotten.
def _changes(state: SessionState, event: Event) -> dict[str, Any]:  # noqa: C901, PLR0911, PLR0912
    match event:
        case SessionOutput(stream="exit", turn_id=turn_id) if turn_id in state.runs:
            return {"runs": tuple(run for run in state.runs if run != turn_id)}
        case SessionOutput() | AgentMessage() | AgentThought() | SessionError():
            return {}
        case RunStarted(turn_id=turn_id):
            of_turn = turn_id is UNSET or (state.turn is not None and state.turn.turn_id == turn_id)
            return {} if of_turn else {"runs": (*state.runs, turn_id)}
        case ToolCall():
            return _tool_call(state, event)
        case CommandSent():
            return {
                "queue": _enqueue(state.queue, event),
                "files": touch(state.files, given(event, state.working_dir)),
            }
        case TurnStarted():
            return _start(state, event)
        case TurnCompleted(turn_id=turn_id):
            if state.turn is None or state.turn.turn_id != turn_id:
                return {"queue": _without(state.queue, turn_id)}
            cwd = state.cwd if event.cwd is UNSET else event.cwd
            return {"turn": None, "cwd": cwd, "open_tool_calls": (), "files": _files_at_the_end(state, event)}
        case SessionStatus():
            started = UNSET if event.pid is UNSET else event.timestamp - event.uptime
            return {"status": event.status, "pid": event.pid, "process_started_at": started}
        case SessionUpdated():
            return _updates(event)
        case PlanUpdated(entries=entries):
            return {"plan": tuple(entries)}
        case UsageUpdated():
            return {"usage": event}
        case ApprovalRequest():
            return {"pending_approvals": (*state.pending_approvals, event)}
        case ApprovalConfirmed(approval_id=answered) | ApprovalExpired(approval_id=answered):
            return {"pending_approvals": tuple(a for a in state.pending_approvals if a.approval_id != answered)}
        case SessionDeleted():
            return {"deleted": True}
        case SessionCreated():
            raise ValueError("a session is created once")
        case OperationsExecuted(results=results):
            done = carried_out(results, state.working_dir, event.timestamp)
            return {"files": touch(state.files, done), "plans": settled(state.plans, event)}
        case OperationsReverted(results=results):
            undone = carried_out(results, state.working_dir, event.timestamp, reverted=True)
            return {"files": touch(state.files, undone), "plans": settled(state.plans, event)}
        case OperationsDetected():
            return {"plans": proposed(state.plans, event)}
        case OperationsError():
            return {"plans": settled(state.plans, event)}
        case TerminalCreated(terminal_id=opened):
            return {"terminals": (*state.terminals, opened)}
        case TerminalClosed(terminal_id=closed):
            return {"terminals": tuple(terminal for terminal in state.terminals if terminal != closed)}
        case ProjectCreated() | ProjectUpdated() | ProjectDeleted() | RuleCreated() | RuleDeleted():
            return {}
        case TokenCreated() | TokenRevoked():
            return {}


def _enqueue(queue: tuple[QueuedPrompt, ...], event: CommandSent) -> tuple[QueuedPrompt, ...]:
    prompt = QueuedPrompt(
        turn_id=event.turn_id,
        command=event.command,
        context=event.context,
        delivery=event.delivery,
        sent_at=event.timestamp,
    )
    return (prompt, *queue) if event.delivery == "steer" else (*queue, prompt)


def _without(queue: tuple[QueuedPrompt, ...], turn_id: str) -> tuple[QueuedPrompt, ...]:
    return tuple(prompt for prompt in queue if prompt.turn_id != turn_id)


def _updates(event: SessionUpdated) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in ("title", "project_id", "working_dir", "archived", "agent_mode", "agent_session_id"):
        value = getattr(event, name)
        if value is not UNSET:
            changes[name] = UNSET if value is None else value
    if "working_dir" in changes:
        changes["cwd"] = changes["working_dir"]
    return changes


def _start(state: SessionState, event: TurnStarted) -> dict[str, Any]:
    prompt = next((prompt for prompt in state.queue if prompt.turn_id == event.turn_id), None)
    turn = RunningTurn(
        turn_id=event.turn_id,
        command="" if prompt is None else prompt.command,
        context=UNSET if prompt is None else prompt.context,
        started_at=event.timestamp,
    )
    return {"turn": turn, "queue": _without(state.queue, event.turn_id)}


def _tool_call(state: SessionState, event: ToolCall) -> dict[str, Any]:
    known = next((call for call in state.open_tool_calls if call.tool_call_id == event.tool_call_id), None)
    others = tuple(call for call in state.open_tool_calls if call is not known)
    changed = {name: value for name in event.__struct_fields__ if (value := getattr(event, name)) is not UNSET}
    call = event if known is None else replace(known, **changed)
    if event.status == "completed":
        return {"open_tool_calls": others, "files": touch(state.files, used(call, state.working_dir))}
    return {"open_tool_calls": others if event.status == "failed" else (*others[1 - OPEN_CALLS :], call)}


def _files_at_the_end(state: SessionState, event: TurnCompleted) -> tuple[Touched, ...]:
    """Count the tool calls that were at work when their turn ended, and that nobody will tell more of."""
    at_work = (call for call in state.open_tool_calls if call.status == "running")
    return touch(
        state.files,
        (new for call in at_work for new in used(replace(call, timestamp=event.timestamp), state.working_dir)),
    )


def interruption(state: SessionState, reason: str) -> Sequence[Event]:
    """Return the events that tell the truth about a session whose processes are gone; none if it is at rest.

    A turn that waits for a human stays: the question stands. A command that had begun may have run: it never runs
    again.
    """
    turn = None if state.waits else state.turn
    if turn is None and not state.runs and state.status not in ("starting", "running"):
        return () if state.pid is UNSET else (SessionStatus(status=state.status, reason=reason),)
    over: list[Event] = [] if turn is None else [TurnCompleted(turn_id=turn.turn_id, stop_reason="interrupted")]
    over += [SessionOutput(turn_id=run, stream="exit", content=f"{reason}\n") for run in state.runs]
    return (*over, *interrupted(state, reason))


def interrupted(state: SessionState, reason: str) -> Sequence[Event]:
    """Return what tells that work was interrupted; where a question stands, the session waits from then on."""
    waiting = [SessionStatus(status="waiting")] if state.pending_approvals else []
    return (SessionStatus(status="interrupted", reason=reason), *waiting)


def listing(state: SessionState) -> Listing:
    """Return the session's row in the listing."""
    return Listing(
        session_id=state.session_id,
        mode=state.mode,
        title=state.title,
        working_dir=state.working_dir,
        status=state.status,
        created_at=state.created_at,
        archived=state.archived,
        at_rest=state.at_rest and not state.terminals,
        project_id=state.project_id,
        origin=state.origin,
        agent_mode=state.agent_mode,
        agent_session_id=state.agent_session_id,
        pid=state.pid,
        process_started_at=state.process_started_at,
    )
