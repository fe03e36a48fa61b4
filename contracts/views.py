"""What a client may look up: response bodies."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.events import (
    ApprovalRequest,
    ContextItem,
    Cost,
    Count,
    Cursor,
    Delivery,
    Identifier,
    Milliseconds,
    Operation,
    OperationResult,
    Origin,
    Pid,
    PlanEntry,
    SessionEvent,
    Status,
    Text,
    TokenScope,
    ToolCall,
    UsageUpdated,
)

Touch = Literal["read", "written", "given", "deleted"]


class View(Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of response bodies."""


class Session(View, frozen=True, kw_only=True):
    """A session as listings show it."""

    session_id: Identifier
    mode: str
    title: str
    working_dir: str
    project_id: Identifier | UnsetType = UNSET
    status: Status
    created_at: Milliseconds
    last_activity: Milliseconds
    cursor: Cursor
    origin: Origin | UnsetType = UNSET
    archived: bool
    agent_mode: str | UnsetType = UNSET
    snippet: Annotated[str, Meta(description="With `q`: a piece of the text that was found.")] | UnsetType = UNSET


class SessionPage(View, frozen=True, kw_only=True):
    """A page of sessions, the last active first; ``nextCursor`` fetches the next page."""

    sessions: list[Session]
    next_cursor: str | UnsetType = UNSET


class SessionRemoved(View, frozen=True, kw_only=True):
    """A session was deleted and its processes ended."""

    success: Literal[True] = True
    message: str
    session_id: Identifier
    kept_worktree: (
        Annotated[str, Meta(description="Where the session's worktree stays, since it holds what no commit does.")]
        | UnsetType
    ) = UNSET
    kept_branch: (
        Annotated[str, Meta(description="The branch that stays in the repository, with the session's commits.")]
        | UnsetType
    ) = UNSET


class SessionForked(View, frozen=True, kw_only=True):
    """The new session, and whether its agent remembers what the original's did."""

    success: Literal[True] = True
    session: Session
    agent_memory: Literal["forked", "none"]


class SessionMoved(View, frozen=True, kw_only=True):
    """The session where it is now, and whether its agent went with it; one that did not was ended."""

    success: Literal[True] = True
    session: Session
    agent_memory: Literal["kept", "lost"]
    message: str


ChangeStatus = Literal["added", "modified", "deleted", "renamed"]


class ChangedFile(View, frozen=True, kw_only=True):
    """A file that differs from the base commit. Lines are not counted in a binary file."""

    path: str
    previous_path: str | UnsetType = UNSET
    status: ChangeStatus
    additions: Count | UnsetType = UNSET
    deletions: Count | UnsetType = UNSET


class Changes(View, frozen=True, kw_only=True):
    """What differs in a session's worktree from the commit that it began with: committed, uncommitted and new files.

    ``diff`` is in git's format and holds whole files only; ``truncated`` says that it, or ``files``, is not all.
    """

    base_commit: str
    branch: str
    files: list[ChangedFile]
    diff: str
    truncated: bool


class SessionStatusView(View, frozen=True, kw_only=True):
    """How a session stands. ``pid`` is ``null`` and ``uptime`` 0 where no process runs."""

    session_id: Identifier
    status: Status
    mode: str
    created_at: Milliseconds
    last_activity: Milliseconds
    pid: Pid | None
    uptime: Milliseconds


class PromptAccepted(View, frozen=True, kw_only=True):
    """The prompt is in the log; what it does arrives on the stream."""

    success: Literal[True] = True
    session_id: Identifier
    turn_id: Identifier
    state: Literal["started", "queued"]
    message: str
    timestamp: Milliseconds


class TurnCancelled(View, frozen=True, kw_only=True):
    """The turn is being stopped, or was taken out of the queue."""

    success: Literal[True] = True
    session_id: Identifier
    turn_id: Identifier
    message: str


class SessionResumed(View, frozen=True, kw_only=True):
    """The queue is released."""

    success: Literal[True] = True
    session_id: Identifier
    released: Count
    message: str


class ApprovalList(View, frozen=True, kw_only=True):
    """The questions that wait for an answer, the oldest first."""

    approvals: list[ApprovalRequest]


class ApprovalAnswered(View, frozen=True, kw_only=True):
    """The answer counts: it is the first."""

    success: Literal[True] = True
    session_id: Identifier
    approval_id: Identifier
    approved: bool
    option_id: str
    custom_command: str | UnsetType = UNSET
    answered_by: str


class BlobUploaded(View, frozen=True, kw_only=True):
    """The body is kept for a day; a prompt that names it by then keeps it in its session."""

    success: Literal[True] = True
    blob_id: Identifier
    bytes: Count


class EventsStatus(View, frozen=True, kw_only=True):
    """How a session's stream stands."""

    active_connections: Count
    cursor: Cursor
    earliest: Cursor


class RunningTurn(View, frozen=True, kw_only=True):
    """The turn that runs now."""

    turn_id: Identifier
    command: Text
    context: list[ContextItem] | UnsetType = UNSET
    started_at: Milliseconds


class QueuedPrompt(View, frozen=True, kw_only=True):
    """A prompt that waits for its turn."""

    turn_id: Identifier
    command: Text
    context: list[ContextItem] | UnsetType = UNSET
    delivery: Delivery
    sent_at: Milliseconds


PlanState = Literal["proposed", "executed", "reverted", "failed"]


class PlanSummary(View, frozen=True, kw_only=True):
    """A plan, without its operations. ``failed``: nothing was changed, and it may be tried again."""

    plan_id: Identifier
    turn_id: Identifier | UnsetType = UNSET
    created_at: Milliseconds
    count: Count
    state: PlanState


class SessionState(View, frozen=True, kw_only=True):
    """The state that all events up to the cursor fold to."""

    session: Session
    turn: RunningTurn | None
    queue: list[QueuedPrompt]
    held: Annotated[bool, Meta(description="The queue waits for the next prompt or for a resume.")]
    cwd: str
    pending_approvals: list[ApprovalRequest]
    plan: list[PlanEntry]
    open_tool_calls: list[ToolCall]
    usage: UsageUpdated | None
    plans: list[PlanSummary]


class Snapshot(View, frozen=True, kw_only=True):
    """A session's state, and the cursor from which a stream goes on after it."""

    cursor: Cursor
    state: SessionState


class ContextEntry(View, frozen=True, kw_only=True):
    """A file by its absolute path, a text by its name, or an uploaded body by its id, that a session has touched.

    ``how`` is the strongest of what was done to it: a change before a gift before a reading. ``size`` is in bytes, of a
    file what it holds now; ``null`` where no regular file of this path is below the working directory.
    """

    path: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    blob_id: Identifier | UnsetType = UNSET
    how: Touch
    size: Count | None
    token_estimate: Annotated[Count, Meta(description="A quarter of the size, rounded up.")] | None
    last_touched: Milliseconds
    turn_id: Identifier | UnsetType = UNSET


class ContextWindow(View, frozen=True, kw_only=True):
    """How full the agent's context window is, in tokens, as the agent last told."""

    used: Count
    size: Count
    cost: Cost | UnsetType = UNSET


class SessionContext(View, frozen=True, kw_only=True):
    """What a session has read, written or was given: the newest 500, the last touched first."""

    files: list[ContextEntry]
    token_estimate: Annotated[Count, Meta(description="Of all that have a size.")]
    window: ContextWindow | UnsetType = UNSET


class History(View, frozen=True, kw_only=True):
    """A window of a session's events, ascending; ``nextBefore`` and ``nextAfter`` fetch its neighbours."""

    epoch: Identifier
    events: list[SessionEvent]
    earliest: Cursor
    cursor: Cursor
    next_before: Count | UnsetType = UNSET
    next_after: Count | UnsetType = UNSET


class PlannedOperation(View, frozen=True, kw_only=True):
    """One operation of a plan, and what it would do, coming after those before it."""

    index: Count
    operation: Annotated[Operation, Meta(description="Whole: its texts are never cut.")]
    path: (
        Annotated[str, Meta(description="Where the file is, from the plan's directory; not there for commands.")]
        | UnsetType
    ) = UNSET
    to: Annotated[str, Meta(description="Where a rename takes it.")] | UnsetType = UNSET
    base_hash: Annotated[
        str | None, Meta(description="SHA-256 of the file before the plan, in hex; `null` where there is none.")
    ]
    diff: Annotated[str, Meta(description="What it changes, as a unified diff.")] | UnsetType = UNSET
    no_diff: (
        Annotated[
            Literal["binary", "too-large", "unchanged", "not-applicable"], Meta(description="Why there is no diff.")
        ]
        | UnsetType
    ) = UNSET
    applies: bool
    reason: Annotated[str, Meta(description="Why it does not apply.")] | UnsetType = UNSET
    conflicts: Annotated[list[Count], Meta(description="Operations of the plan that it contradicts.")]


class Plan(View, frozen=True, kw_only=True):
    """Operations as previewed."""

    plan_id: Identifier
    turn_id: Identifier | UnsetType = UNSET
    message_id: Identifier | UnsetType = UNSET
    created_at: Milliseconds
    state: PlanState
    working_dir: str
    operations: list[PlannedOperation]


class PlanList(View, frozen=True, kw_only=True):
    """A session's newest plans, the oldest first."""

    plans: list[PlanSummary]


class OperationsPreviewed(View, frozen=True, kw_only=True):
    """What was found in a text. There is no plan where nothing was found."""

    success: Literal[True] = True
    plan_id: Identifier | UnsetType = UNSET
    operations: list[PlannedOperation]
    count: Count


class PlanExecuted(View, frozen=True, kw_only=True):
    """A plan was carried out; its commands run once they are approved."""

    success: Literal[True] = True
    plan_id: Identifier
    results: list[OperationResult]
    executed: Annotated[Count, Meta(description="How many operations succeeded.")]
    approvals: Annotated[list[Identifier], Meta(description="The questions that its commands wait for.")]


class PlanReverted(View, frozen=True, kw_only=True):
    """A plan was undone."""

    success: Literal[True] = True
    plan_id: Identifier
    results: list[OperationResult]


class Agent(View, frozen=True, kw_only=True):
    """An agent profile: what a session's ``mode`` may name."""

    mode: str
    title: str
    protocol: Literal["shell", "acp", "claude"]
    available: bool
    reason: Annotated[str, Meta(description="Why it is not available, and what to do.")] | UnsetType = UNSET
    detects_operations: Annotated[bool, Meta(description="Whether its answers are searched for operations.")] = False


class AgentList(View, frozen=True, kw_only=True):
    """The agent profiles."""

    agents: list[Agent]


class AgentSession(View, frozen=True, kw_only=True):
    """A conversation that an agent remembers. ``sessionId`` is the session that goes on with it, where there is one."""

    agent_session_id: str
    title: str
    updated_at: Milliseconds | UnsetType = UNSET
    session_id: Identifier | UnsetType = UNSET


class AgentSessionList(View, frozen=True, kw_only=True):
    """What an agent remembers of a directory, the newest first."""

    working_dir: str
    agent_sessions: list[AgentSession]


class Project(View, frozen=True, kw_only=True):
    """A directory that groups sessions."""

    project_id: Identifier
    name: str
    root_dir: str
    created_at: Milliseconds


class ProjectList(View, frozen=True, kw_only=True):
    """The projects, the oldest first."""

    projects: list[Project]


class ProjectRemoved(View, frozen=True, kw_only=True):
    """A project was deleted; so many sessions were its own, and stay."""

    success: Literal[True] = True
    project_id: Identifier
    detached: Count


class FileName(View, frozen=True, kw_only=True):
    """A file or a directory; ``path`` counts from the root that was asked about."""

    path: str
    directory: bool


class FileNames(View, frozen=True, kw_only=True):
    """What a path may go on with, in the order of names; ``truncated`` says that there is more."""

    root: str
    files: list[FileName]
    truncated: bool


class Rule(View, frozen=True, kw_only=True):
    """What may run without asking, must be asked, or may not run: from the configuration, or a remembered answer.

    An absent member does not restrict. Configured rules are patterns, in their order; a remembered one is for exactly
    this command, as `kind` wanted it, in exactly this directory where it allows.
    """

    rule_id: Identifier
    source: Literal["configured", "remembered"]
    effect: Literal["allow", "ask", "deny"]
    mode: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    command: str | UnsetType = UNSET
    path: str | UnsetType = UNSET
    working_dir: str | UnsetType = UNSET
    for_session: Identifier | UnsetType = UNSET
    for_project: Identifier | UnsetType = UNSET
    created_at: Milliseconds | UnsetType = UNSET


class RuleList(View, frozen=True, kw_only=True):
    """All rules: the configured ones in their order, then the remembered ones, the oldest first."""

    rules: list[Rule]


class RuleRemoved(View, frozen=True, kw_only=True):
    """A remembered answer was forgotten."""

    success: Literal[True] = True
    message: str
    rule_id: Identifier


class Token(View, frozen=True, kw_only=True):
    """A token, without its secret."""

    token_id: Identifier
    name: str
    scope: TokenScope
    session_id: Identifier | UnsetType = UNSET
    created_at: Milliseconds


class TokenList(View, frozen=True, kw_only=True):
    """The further tokens."""

    tokens: list[Token]


class TokenMade(View, frozen=True, kw_only=True):
    """A new token. ``secret`` is shown this once."""

    success: Literal[True] = True
    token: Token
    secret: str


class TokenRemoved(View, frozen=True, kw_only=True):
    """A token was revoked; its streams end. The owner's was replaced: ``message`` says where the new one is."""

    success: Literal[True] = True
    token_id: Identifier
    message: str


class WhoAmI(View, frozen=True, kw_only=True):
    """Whose credential a request carries."""

    token_id: Identifier
    name: str
    scope: TokenScope
    session_id: Identifier | UnsetType = UNSET
    server_version: str


class LoginCode(View, frozen=True, kw_only=True):
    """A single-use code; opening ``url`` in a browser logs it in."""

    success: Literal[True] = True
    code: str
    url: str
    expires_at: Milliseconds


class LoggedOut(View, frozen=True, kw_only=True):
    """The browser's session is over."""

    success: Literal[True] = True


class Health(View, frozen=True, kw_only=True):
    """The server answers."""

    status: Literal["ok"] = "ok"


class DebugMetrics(View, frozen=True, kw_only=True):
    """Counts since the server started."""

    events_emitted: Count
    events_by_type: dict[str, Count]
    subscribers: Count
    connections: Count
    active_sessions: Count
    uptime: Milliseconds
