"""Every event that a session's log holds, and the frames that a stream adds to them.

Events are flat JSON objects that begin with ``type``, ``sessionId``, ``seq`` and ``timestamp``. The SSE ``event:``
field equals ``type``. Readers ignore members they do not know; a changed meaning is a new type. ``str | LargeBody``
is used wherever a text may outgrow one event (64 KiB encoded). Events are immutable and hold no cycles, so the garbage
collector need not track them (``gc=False``).
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

# `$` alone also matches before a final newline in Python, but not in ECMA-262, which JSON Schema follows.
ID_PATTERN = r"^[a-zA-Z0-9_-]{8,32}$(?!\n)"
CURSOR_PATTERN = r"^[a-zA-Z0-9_-]{8,32}\.[0-9]{1,16}$(?!\n)"
# On a stream of many sessions the positions in chosen terminals follow, each under its own epoch.
STREAM_CURSOR_PATTERN = r"^[a-zA-Z0-9_-]{8,32}\.[0-9]{1,16}(~[a-zA-Z0-9_-]{8,32}\.[0-9]{1,16}){0,16}$(?!\n)"
MAX_SAFE_INTEGER = 2**53 - 1
EVENT_BYTES = 64 * 1024
SYSTEM_SESSION_ID = "system_0"

Identifier = Annotated[str, Meta(pattern=ID_PATTERN, examples=["k7wq2mzr5tdn4xba"])]
Cursor = Annotated[
    str, Meta(pattern=CURSOR_PATTERN, description="A position in a stream.", examples=["k7wq2mzr5tdn4.17"])
]
StreamCursor = Annotated[
    str,
    Meta(
        pattern=STREAM_CURSOR_PATTERN,
        description="A position in a stream, opaque.",
        examples=["k7wq2mzr5tdn4.17", "k7wq2mzr5tdn4.17~u4k7wq2mzr5td.8192"],
    ),
]
Count = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Milliseconds = Annotated[
    int,
    Meta(
        ge=0,
        le=MAX_SAFE_INTEGER,
        description="Milliseconds; an instant counts them from the Unix epoch, UTC.",
    ),
]
Pid = Annotated[int, Meta(ge=1, le=2**31 - 1)]
ExitCode = Annotated[int, Meta(ge=0, le=255, description="128 + n after signal n.")]

Status = Literal["starting", "idle", "running", "waiting", "exited", "error", "interrupted"]
OutputStream = Literal["stdout", "stderr", "exit", "ready"]
Delivery = Literal["queue", "steer", "reject"]
StopReason = Literal["end", "cancelled", "refused", "limit", "error", "interrupted"]
ToolCallStatus = Literal["pending", "running", "completed", "failed"]
OptionKind = Literal["allow-once", "allow-session", "allow-project", "reject-once", "reject-always"]
OperationName = Literal["write", "edit", "delete", "rename", "command"]
TokenScope = Literal["full", "read", "session"]
TerminalOwner = Literal["user", "agent"]


class Part(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """Base of the objects inside events."""


class LargeBody(Part, frozen=True, kw_only=True):
    """A text too large for one event: read the whole at ``GET …/blobs/{blobId}``."""

    blob_id: Identifier
    bytes: Count
    preview: str


Text = str | LargeBody


class Origin(Part, frozen=True, kw_only=True):
    """The session that this one was copied from, and up to which event."""

    session_id: Identifier
    seq: Count
    kind: Literal["duplicate", "fork"]


class ContextItem(Part, frozen=True, kw_only=True):
    """What was given to the agent beside a prompt: a file by path, a named text, or an uploaded body.

    ``bytes`` is the size of a body; its ``name`` and ``mediaType`` are those that it was uploaded with, if any.
    """

    path: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    text: Text | UnsetType = UNSET
    blob_id: Identifier | UnsetType = UNSET
    bytes: Count | UnsetType = UNSET
    media_type: str | UnsetType = UNSET


class TurnUsage(Part, frozen=True, kw_only=True):
    """Tokens that one turn took, as far as the agent tells."""

    input_tokens: Count | UnsetType = UNSET
    output_tokens: Count | UnsetType = UNSET
    thought_tokens: Count | UnsetType = UNSET
    cached_read_tokens: Count | UnsetType = UNSET
    cached_write_tokens: Count | UnsetType = UNSET
    total_tokens: Count | UnsetType = UNSET


class Cost(Part, frozen=True, kw_only=True):
    """What a session has cost so far."""

    amount: Annotated[float, Meta(ge=0)]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", description="ISO 4217")]


class Location(Part, frozen=True, kw_only=True):
    """A place in a file that a tool works on."""

    path: str
    line: Count | UnsetType = UNSET


class ToolText(Part, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Text that a tool produced."""

    text: Text


class ToolDiff(Part, frozen=True, kw_only=True, tag_field="type", tag="diff"):
    """A change that a tool makes to one file; without ``oldText`` the file is new."""

    path: str
    old_text: Text | UnsetType = UNSET
    new_text: Text


class ToolTerminal(Part, frozen=True, kw_only=True, tag_field="type", tag="terminal"):
    """A terminal whose output belongs to a tool call."""

    terminal_id: Identifier


ToolContent = ToolText | ToolDiff | ToolTerminal


class PlanEntry(Part, frozen=True, kw_only=True):
    """One item of the agent's to-do list."""

    content: str
    priority: Literal["high", "medium", "low"]
    status: Literal["pending", "in_progress", "completed"]


class WriteOperation(Part, frozen=True, kw_only=True, tag_field="type", tag="write"):
    """Make or replace a file."""

    path: str
    content: Text


class EditOperation(Part, frozen=True, kw_only=True, tag_field="type", tag="edit"):
    """Change a file: either ``search`` and ``replace``, or a unified diff in ``patch``."""

    path: str
    search: Text | UnsetType = UNSET
    replace: Text | UnsetType = UNSET
    patch: Text | UnsetType = UNSET


class DeleteOperation(Part, frozen=True, kw_only=True, tag_field="type", tag="delete"):
    """Remove a file."""

    path: str


class RenameOperation(Part, frozen=True, kw_only=True, tag_field="type", tag="rename"):
    """Move a file."""

    path: str
    to: str


class CommandOperation(Part, frozen=True, kw_only=True, tag_field="type", tag="command"):
    """Run a command."""

    command: str


Operation = WriteOperation | EditOperation | DeleteOperation | RenameOperation | CommandOperation


class OperationResult(Part, frozen=True, kw_only=True):
    """What became of one operation of a plan; ``to`` is where a rename took the file."""

    success: bool
    path: str
    to: str | UnsetType = UNSET
    operation: OperationName
    error: str | UnsetType = UNSET


class ApprovalOption(Part, frozen=True, kw_only=True):
    """One of the answers that a human may give."""

    option_id: str
    name: str
    kind: OptionKind


class EventBase(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", gc=False):
    """What all events share. The three members are stamped when the event is recorded, never by what makes it."""

    session_id: Identifier = ""
    seq: Count = 0
    timestamp: Milliseconds = 0


class SessionCreated(EventBase, frozen=True, kw_only=True, tag="session-created"):
    """A session began. Always the first event of its log."""

    mode: str
    working_dir: str
    title: str
    project_id: Identifier | UnsetType = UNSET
    origin: Origin | UnsetType = UNSET


class SessionUpdated(EventBase, frozen=True, kw_only=True, tag="session-updated"):
    """Settings changed: only the changed ones are there; ``null`` clears.

    ``agentSessionId`` is the agent's own id of the session, by which it resumes.
    """

    title: str | UnsetType = UNSET
    project_id: Identifier | None | UnsetType = UNSET
    working_dir: str | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    agent_mode: str | None | UnsetType = UNSET
    agent_session_id: str | None | UnsetType = UNSET


class SessionDeleted(EventBase, frozen=True, kw_only=True, tag="session-deleted"):
    """The session is gone. Always the last event; it outlives the log for the retention time."""


class SessionStatus(EventBase, frozen=True, kw_only=True, tag="session-status"):
    """The session's status changed. ``uptime`` counts from the start of the process that ``pid`` names."""

    status: Status
    pid: Pid | UnsetType = UNSET
    uptime: Milliseconds = 0
    reason: str | UnsetType = UNSET


class SessionOutput(EventBase, frozen=True, kw_only=True, tag="session-output"):
    """Raw output of a shell, an agent process or a tool; without ``turnId`` it comes from a background job."""

    turn_id: Identifier | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    stream: OutputStream
    content: str
    exit_code: ExitCode | UnsetType = UNSET


class SessionError(EventBase, frozen=True, kw_only=True, tag="session-error"):
    """Something went wrong inside the session."""

    error: str
    code: str
    recoverable: bool


class CommandSent(EventBase, frozen=True, kw_only=True, tag="command-sent"):
    """A prompt was accepted."""

    turn_id: Identifier
    command: Text
    context: list[ContextItem] | UnsetType = UNSET
    delivery: Delivery


class TurnStarted(EventBase, frozen=True, kw_only=True, tag="turn-started"):
    """A prompt left the queue."""

    turn_id: Identifier


class TurnCompleted(EventBase, frozen=True, kw_only=True, tag="turn-completed"):
    """A turn is over, or was taken out of the queue. ``cwd`` is where a shell session's next prompt begins."""

    turn_id: Identifier
    stop_reason: StopReason
    usage: TurnUsage | UnsetType = UNSET
    cwd: str | UnsetType = UNSET


class AgentMessage(EventBase, frozen=True, kw_only=True, tag="agent-message"):
    """A piece of the answer, in Markdown. Pieces with one ``messageId`` join."""

    turn_id: Identifier
    message_id: Identifier
    text: str


class AgentThought(EventBase, frozen=True, kw_only=True, tag="agent-thought"):
    """A piece of the reasoning. Pieces with one ``messageId`` join."""

    turn_id: Identifier
    message_id: Identifier
    text: str


class ToolCall(EventBase, frozen=True, kw_only=True, tag="tool-call"):
    """A tool call began or changed: upsert by ``toolCallId``; absent members are unchanged."""

    turn_id: Identifier
    tool_call_id: str
    title: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    status: ToolCallStatus | UnsetType = UNSET
    locations: list[Location] | UnsetType = UNSET
    content: list[ToolContent] | UnsetType = UNSET
    input: Annotated[Any, Meta(description="What the tool was given, any JSON; a LargeBody where it is too large.")] = (
        UNSET
    )


class PlanUpdated(EventBase, frozen=True, kw_only=True, tag="plan-updated"):
    """The agent's to-do list, whole."""

    turn_id: Identifier
    entries: list[PlanEntry]


class UsageUpdated(EventBase, frozen=True, kw_only=True, tag="usage-updated"):
    """Tokens in the agent's context window."""

    used: Count
    size: Count
    cost: Cost | UnsetType = UNSET


class OperationsDetected(EventBase, frozen=True, kw_only=True, tag="operations-detected"):
    """An answer proposes changes; a plan of them was made."""

    turn_id: Identifier | UnsetType = UNSET
    message_id: Identifier | UnsetType = UNSET
    plan_id: Identifier
    operations: list[Operation]


class OperationsExecuted(EventBase, frozen=True, kw_only=True, tag="operations-executed"):
    """A plan was carried out."""

    plan_id: Identifier
    results: list[OperationResult]


class OperationsReverted(EventBase, frozen=True, kw_only=True, tag="operations-reverted"):
    """A plan was undone."""

    plan_id: Identifier
    results: list[OperationResult]


class OperationsError(EventBase, frozen=True, kw_only=True, tag="operations-error"):
    """A plan failed and nothing was changed."""

    plan_id: Identifier | UnsetType = UNSET
    error: str
    operations: list[Operation]


class ApprovalRequest(EventBase, frozen=True, kw_only=True, tag="approval-request"):
    """A human is asked whether something may run.

    ``subject`` is a digest of all that an agent asks for: after a restart an answer counts for what has the same.
    """

    approval_id: Identifier
    turn_id: Identifier | UnsetType = UNSET
    command: Text
    explanation: str
    options: list[ApprovalOption]
    editable: bool
    tool_call_id: str | UnsetType = UNSET
    plan_id: Identifier | UnsetType = UNSET
    subject: str | UnsetType = UNSET
    expires_at: Milliseconds


class ApprovalConfirmed(EventBase, frozen=True, kw_only=True, tag="approval-confirmed"):
    """The first answer to an approval request."""

    approval_id: Identifier
    approved: bool
    option_id: str
    custom_command: str | UnsetType = UNSET
    answered_by: str


class ApprovalExpired(EventBase, frozen=True, kw_only=True, tag="approval-expired"):
    """Nobody answered: it counts as no."""

    approval_id: Identifier


ApprovalOutcome = ApprovalConfirmed | ApprovalExpired


class RunStarted(EventBase, frozen=True, kw_only=True, tag="run-started"):
    """What was allowed is about to run. Found after a crash it means "may have run"."""

    turn_id: Identifier | UnsetType = UNSET
    approval_id: Identifier | UnsetType = UNSET
    command: Text
    pid: Pid | UnsetType = UNSET


class TerminalCreated(EventBase, frozen=True, kw_only=True, tag="terminal-created"):
    """A terminal was opened."""

    terminal_id: Identifier
    working_dir: str
    mode: str
    cols: Annotated[int, Meta(ge=1, le=1000)]
    rows: Annotated[int, Meta(ge=1, le=1000)]
    owner: TerminalOwner


class TerminalClosed(EventBase, frozen=True, kw_only=True, tag="terminal-closed"):
    """A terminal ended. At the end of a terminal's own output ``seq`` is 0: there it is a frame, none of the log's."""

    terminal_id: Identifier
    exit_code: ExitCode | UnsetType = UNSET


class ProjectCreated(EventBase, frozen=True, kw_only=True, tag="project-created"):
    """A project was made."""

    project_id: Identifier
    name: str
    root_dir: str


class ProjectUpdated(EventBase, frozen=True, kw_only=True, tag="project-updated"):
    """A project changed: only the changed members are there."""

    project_id: Identifier
    name: str | UnsetType = UNSET
    root_dir: str | UnsetType = UNSET


class ProjectDeleted(EventBase, frozen=True, kw_only=True, tag="project-deleted"):
    """A project is gone; its sessions stay."""

    project_id: Identifier


class RuleCreated(EventBase, frozen=True, kw_only=True, tag="rule-created"):
    """An answer is remembered as a rule for a session or a project: for this very command, asked for in this way."""

    rule_id: Identifier
    effect: Literal["allow", "deny"]
    command: str
    kind: str | UnsetType = UNSET
    working_dir: str | UnsetType = UNSET
    for_session: Identifier | UnsetType = UNSET
    for_project: Identifier | UnsetType = UNSET


class RuleDeleted(EventBase, frozen=True, kw_only=True, tag="rule-deleted"):
    """A remembered answer was forgotten."""

    rule_id: Identifier


class TokenCreated(EventBase, frozen=True, kw_only=True, tag="token-created"):
    """A token was made. The token itself is in no event."""

    token_id: Identifier
    name: str
    scope: TokenScope


class TokenRevoked(EventBase, frozen=True, kw_only=True, tag="token-revoked"):
    """A token is no longer good."""

    token_id: Identifier


SessionEvent = (
    SessionCreated
    | SessionUpdated
    | SessionDeleted
    | SessionStatus
    | SessionOutput
    | SessionError
    | CommandSent
    | TurnStarted
    | TurnCompleted
    | AgentMessage
    | AgentThought
    | ToolCall
    | PlanUpdated
    | UsageUpdated
    | OperationsDetected
    | OperationsExecuted
    | OperationsReverted
    | OperationsError
    | ApprovalRequest
    | ApprovalConfirmed
    | ApprovalExpired
    | RunStarted
    | TerminalCreated
    | TerminalClosed
)
SystemEvent = (
    ProjectCreated
    | ProjectUpdated
    | ProjectDeleted
    | RuleCreated
    | RuleDeleted
    | TokenCreated
    | TokenRevoked
    | TerminalCreated
    | TerminalClosed
)
Event = SessionEvent | SystemEvent

LIFECYCLE_TYPES = frozenset(
    {
        "session-created",
        "session-updated",
        "session-deleted",
        "session-status",
        "approval-request",
        "approval-confirmed",
        "approval-expired",
        "terminal-created",
        "terminal-closed",
        "project-created",
        "project-updated",
        "project-deleted",
        "rule-created",
        "rule-deleted",
        "token-created",
        "token-revoked",
    }
)
"""What ``GET /api/events`` carries where it names no session: the life of all sessions, not their output."""


class FrameBase(Struct, frozen=True, kw_only=True, rename="camel", tag_field="type"):
    """A frame that a stream adds; the log does not hold it."""


class Connected(FrameBase, frozen=True, kw_only=True, tag="connected"):
    """The first frame of every stream. ``earliest`` is the cursor before the first event that is kept."""

    session_id: Identifier | UnsetType = UNSET
    terminal_id: Identifier | UnsetType = UNSET
    cursor: StreamCursor
    earliest: StreamCursor | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    heartbeat_seconds: Annotated[float, Meta(gt=0)]
    server_version: str
    message: str


class CaughtUp(FrameBase, frozen=True, kw_only=True, tag="caught-up"):
    """The replay is over: what follows is live."""

    cursor: StreamCursor


class Heartbeat(FrameBase, frozen=True, kw_only=True, tag="heartbeat"):
    """The stream is alive, and this far."""

    cursor: StreamCursor
    timestamp: Milliseconds


class StreamReset(FrameBase, frozen=True, kw_only=True, tag="stream-reset"):
    """The client's cursor can't be continued: take the snapshot; the stream goes on from ``earliest``.

    A terminal's stream goes on with a `terminal-snapshot`, unless the terminal is ``gone``.
    """

    reason: Literal["trimmed", "epoch", "future", "gone"]
    session_id: Identifier | UnsetType = UNSET
    terminal_id: Identifier | UnsetType = UNSET
    earliest: StreamCursor | UnsetType = UNSET


class StreamClosing(FrameBase, frozen=True, kw_only=True, tag="stream-closing"):
    """The server ends this stream; come back after the time in the frame's ``retry`` field."""

    reason: Literal["drain", "overload", "revoked"]


StreamFrame = Connected | CaughtUp | Heartbeat | StreamReset | StreamClosing
