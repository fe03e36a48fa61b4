// Generated from openapi/openapi.json: make openapi

export type ClientOptions = {
    baseUrl: `${string}://${string}` | (string & {});
};

/**
 * Agent
 *
 * An agent profile: what a session's ``mode`` may name.
 */
export type Agent = {
    mode: string;
    title: string;
    protocol: 'acp' | 'claude' | 'shell';
    available: boolean;
    /**
     * Why it is not available, and what to do.
     */
    reason?: string;
    /**
     * Whether its answers are searched for operations.
     */
    detectsOperations: boolean;
};

/**
 * AgentList
 *
 * The agent profiles.
 */
export type AgentList = {
    agents: Array<Agent>;
};

/**
 * AgentMessage
 *
 * A piece of the answer, in Markdown. Pieces with one ``messageId`` join.
 */
export type AgentMessage = {
    type: 'agent-message';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    turnId: string;
    messageId: string;
    text: string;
};

/**
 * AgentSession
 *
 * A conversation that an agent remembers. ``sessionId`` is the session that goes on with it, where there is one.
 */
export type AgentSession = {
    agentSessionId: string;
    title: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    updatedAt?: number;
    sessionId?: string;
};

/**
 * AgentSessionList
 *
 * What an agent remembers of a directory, the newest first.
 */
export type AgentSessionList = {
    workingDir: string;
    agentSessions: Array<AgentSession>;
};

/**
 * AgentThought
 *
 * A piece of the reasoning. Pieces with one ``messageId`` join.
 */
export type AgentThought = {
    type: 'agent-thought';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    turnId: string;
    messageId: string;
    text: string;
};

/**
 * AnswerApproval
 *
 * Yes or no; `optionId` says for how long, once if it is absent.
 *
 * `customCommand` runs in the place of what was asked about.
 */
export type AnswerApproval = {
    approved: boolean;
    optionId?: string;
    customCommand?: string;
};

/**
 * ApprovalAnswered
 *
 * The answer counts: it is the first.
 */
export type ApprovalAnswered = {
    success: true;
    sessionId: string;
    approvalId: string;
    approved: boolean;
    optionId: string;
    customCommand?: string;
    answeredBy: string;
};

/**
 * ApprovalConfirmed
 *
 * The first answer to an approval request.
 */
export type ApprovalConfirmed = {
    type: 'approval-confirmed';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    approvalId: string;
    approved: boolean;
    optionId: string;
    customCommand?: string;
    answeredBy: string;
};

/**
 * ApprovalExpired
 *
 * Nobody answered: it counts as no.
 */
export type ApprovalExpired = {
    type: 'approval-expired';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    approvalId: string;
};

/**
 * ApprovalList
 *
 * The questions that wait for an answer, the oldest first.
 */
export type ApprovalList = {
    approvals: Array<ApprovalRequest>;
};

/**
 * ApprovalOption
 *
 * One of the answers that a human may give.
 */
export type ApprovalOption = {
    optionId: string;
    name: string;
    kind: 'allow-once' | 'allow-project' | 'allow-session' | 'reject-always' | 'reject-once';
};

/**
 * ApprovalOutcome
 */
export type ApprovalOutcome = ({
    type: 'approval-confirmed';
} & ApprovalConfirmed) | ({
    type: 'approval-expired';
} & ApprovalExpired);

/**
 * ApprovalRequest
 *
 * A human is asked whether something may run.
 *
 * ``subject`` is a digest of all that an agent asks for: after a restart an answer counts for what has the same.
 */
export type ApprovalRequest = {
    type: 'approval-request';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    approvalId: string;
    turnId?: string;
    command: string | LargeBody;
    explanation: string;
    options: Array<ApprovalOption>;
    editable: boolean;
    toolCallId?: string;
    planId?: string;
    subject?: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    expiresAt: number;
};

/**
 * BlobUploaded
 *
 * The body is kept for a day; a prompt that names it by then keeps it in its session.
 */
export type BlobUploaded = {
    success: true;
    blobId: string;
    bytes: number;
};

/**
 * CancelTurn
 *
 * Which turn to stop or to take out of the queue; the running one if absent.
 */
export type CancelTurn = {
    turnId?: string;
};

/**
 * CaughtUp
 *
 * The replay is over: what follows is live.
 */
export type CaughtUp = {
    type: 'caught-up';
    /**
     * A position in a stream, opaque.
     */
    cursor: string;
};

/**
 * ChangedFile
 *
 * A file that differs from the base commit. Lines are not counted in a binary file.
 */
export type ChangedFile = {
    path: string;
    previousPath?: string;
    status: 'added' | 'deleted' | 'modified' | 'renamed';
    additions?: number;
    deletions?: number;
};

/**
 * Changes
 *
 * What differs in a session's worktree from the commit that it began with: committed, uncommitted and new files.
 *
 * ``diff`` is in git's format and holds whole files only; ``truncated`` says that it, or ``files``, is not all.
 */
export type Changes = {
    baseCommit: string;
    branch: string;
    files: Array<ChangedFile>;
    diff: string;
    truncated: boolean;
};

/**
 * CommandOperation
 *
 * Run a command.
 */
export type CommandOperation = {
    type: 'command';
    command: string;
};

/**
 * CommandSent
 *
 * A prompt was accepted.
 */
export type CommandSent = {
    type: 'command-sent';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    turnId: string;
    command: string | LargeBody;
    context?: Array<ContextItem>;
    delivery: 'queue' | 'reject' | 'steer';
};

/**
 * Connected
 *
 * The first frame of every stream. ``earliest`` is the cursor before the first event that is kept.
 */
export type Connected = {
    type: 'connected';
    sessionId?: string;
    terminalId?: string;
    /**
     * A position in a stream, opaque.
     */
    cursor: string;
    /**
     * A position in a stream, opaque.
     */
    earliest?: string;
    status?: 'error' | 'exited' | 'idle' | 'interrupted' | 'running' | 'starting' | 'waiting';
    heartbeatSeconds: number;
    serverVersion: string;
    message: string;
};

/**
 * ContextEntry
 *
 * A file by its absolute path, a text by its name, or an uploaded body by its id, that a session has touched.
 *
 * ``how`` is the strongest of what was done to it: a change before a gift before a reading. ``size`` is in bytes, of a
 * file what it holds now; ``null`` where no regular file of this path is below the working directory.
 */
export type ContextEntry = {
    path?: string;
    name?: string;
    blobId?: string;
    how: 'deleted' | 'given' | 'read' | 'written';
    size: number | null;
    tokenEstimate: number | null;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    lastTouched: number;
    turnId?: string;
};

/**
 * ContextItem
 *
 * What was given to the agent beside a prompt: a file by path, a named text, or an uploaded body.
 *
 * ``bytes`` is the size of a body; its ``name`` and ``mediaType`` are those that it was uploaded with, if any.
 */
export type ContextItem = {
    path?: string;
    name?: string;
    text?: string | LargeBody;
    blobId?: string;
    bytes?: number;
    mediaType?: string;
};

/**
 * ContextWindow
 *
 * How full the agent's context window is, in tokens, as the agent last told.
 */
export type ContextWindow = {
    used: number;
    size: number;
    cost?: Cost;
};

/**
 * Cost
 *
 * What a session has cost so far.
 */
export type Cost = {
    amount: number;
    /**
     * ISO 4217
     */
    currency: string;
};

/**
 * CreateProject
 *
 * A new project: its name, and its root directory under a workspace root.
 */
export type CreateProject = {
    name: string;
    rootDir: string;
};

/**
 * CreateSession
 *
 * A new session: which agent profile, in which directory (default: its project's, or the first workspace root).
 *
 * With a project, relative paths begin at its root directory, and the working directory lies in it.
 */
export type CreateSession = {
    mode: string;
    workingDir?: string;
    title?: string;
    projectId?: string;
    isolation?: 'none' | 'worktree';
    /**
     * A conversation that the agent had elsewhere, to go on with.
     */
    agentSessionId?: string;
};

/**
 * CreateToken
 *
 * A further token: full, read-only, or for one session alone.
 */
export type CreateToken = {
    name: string;
    scope: 'full' | 'read';
} | {
    name: string;
    scope: 'session';
    sessionId: string;
};

/**
 * DebugMetrics
 *
 * Counts since the server started.
 */
export type DebugMetrics = {
    eventsEmitted: number;
    eventsByType: {
        [key: string]: number;
    };
    subscribers: number;
    connections: number;
    activeSessions: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    uptime: number;
};

/**
 * DeleteFile
 *
 * Remove a file.
 */
export type DeleteFile = {
    type: 'delete';
    path: string;
};

/**
 * DeleteOperation
 *
 * Remove a file.
 */
export type DeleteOperation = {
    type: 'delete';
    path: string;
};

/**
 * EditFile
 *
 * Change a file: either ``search`` and ``replace``, or a unified diff in ``patch``.
 */
export type EditFile = {
    type: 'edit';
    path: string;
    search: string;
    replace: string;
} | {
    type: 'edit';
    path: string;
    patch: string;
};

/**
 * EditOperation
 *
 * Change a file: either ``search`` and ``replace``, or a unified diff in ``patch``.
 */
export type EditOperation = {
    type: 'edit';
    path: string;
    search?: string | LargeBody;
    replace?: string | LargeBody;
    patch?: string | LargeBody;
};

/**
 * EventsStatus
 *
 * How a session's stream stands.
 */
export type EventsStatus = {
    activeConnections: number;
    /**
     * A position in a stream.
     */
    cursor: string;
    /**
     * A position in a stream.
     */
    earliest: string;
};

/**
 * ExecuteOperations
 *
 * A plan to carry out, or some of its operations by their index; or operations that were shown elsewhere.
 */
export type ExecuteOperations = {
    planId: string;
} | {
    planId: string;
    only: Array<number>;
} | {
    operations: Array<GivenOperation>;
};

/**
 * FileName
 *
 * A file or a directory; ``path`` counts from the root that was asked about.
 */
export type FileName = {
    path: string;
    directory: boolean;
};

/**
 * FileNames
 *
 * What a path may go on with, in the order of names; ``truncated`` says that there is more.
 */
export type FileNames = {
    root: string;
    files: Array<FileName>;
    truncated: boolean;
};

/**
 * ForkSession
 *
 * Up to which event to copy (default: all), and whether into a worktree of its own (default: as the original).
 */
export type ForkSession = {
    atSeq?: number;
    isolation?: 'none' | 'worktree';
};

/**
 * GivenOperation
 */
export type GivenOperation = WriteFile | EditFile | DeleteFile | RenameFile | RunCommand;

/**
 * Health
 *
 * The server answers.
 */
export type Health = {
    status: 'ok';
};

/**
 * Heartbeat
 *
 * The stream is alive, and this far.
 */
export type Heartbeat = {
    type: 'heartbeat';
    /**
     * A position in a stream, opaque.
     */
    cursor: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
};

/**
 * History
 *
 * A window of a session's events, ascending; ``nextBefore`` and ``nextAfter`` fetch its neighbours.
 */
export type History = {
    epoch: string;
    events: Array<SessionEvent>;
    /**
     * A position in a stream.
     */
    earliest: string;
    /**
     * A position in a stream.
     */
    cursor: string;
    nextBefore?: number;
    nextAfter?: number;
};

/**
 * InputTaken
 *
 * What was typed: all of this client's inputs up to ``acked``.
 */
export type InputTaken = {
    success: true;
    terminalId: string;
    acked: number;
};

/**
 * LargeBody
 *
 * A text too large for one event: read the whole at ``GET …/blobs/{blobId}``.
 */
export type LargeBody = {
    blobId: string;
    bytes: number;
    preview: string;
};

/**
 * Location
 *
 * A place in a file that a tool works on.
 */
export type Location = {
    path: string;
    line?: number;
};

/**
 * LoggedOut
 *
 * The browser's session is over.
 */
export type LoggedOut = {
    success: true;
};

/**
 * Login
 *
 * The single-use code from a login URL, or a token.
 */
export type Login = {
    code: string;
} | {
    token: string;
};

/**
 * LoginCode
 *
 * A single-use code; opening ``url`` in a browser logs it in.
 */
export type LoginCode = {
    success: true;
    code: string;
    url: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    expiresAt: number;
};

/**
 * MoveSession
 *
 * Where a session goes on: a project (``null``: none), a directory, or both.
 *
 * A project alone leaves a session where it is that works in the project's root directory, and takes any other there.
 * ``wait``: until no turn runs, half a minute at most.
 */
export type MoveSession = {
    wait?: boolean;
    projectId: string | null;
} | {
    wait?: boolean;
    workingDir: string;
} | {
    wait?: boolean;
    projectId: string | null;
    workingDir: string;
};

/**
 * OpenTerminal
 *
 * A new terminal: where it works (default: where its session does, or the first workspace root), and its size.
 *
 * It runs your shell. With a session it ends when the session is deleted.
 */
export type OpenTerminal = {
    mode?: string;
    workingDir?: string;
    sessionId?: string;
    cols?: number;
    rows?: number;
};

/**
 * Operation
 */
export type Operation = ({
    type: 'write';
} & WriteOperation) | ({
    type: 'edit';
} & EditOperation) | ({
    type: 'delete';
} & DeleteOperation) | ({
    type: 'rename';
} & RenameOperation) | ({
    type: 'command';
} & CommandOperation);

/**
 * OperationResult
 *
 * What became of one operation of a plan; ``to`` is where a rename took the file.
 */
export type OperationResult = {
    success: boolean;
    path: string;
    to?: string;
    operation: 'command' | 'delete' | 'edit' | 'rename' | 'write';
    error?: string;
};

/**
 * OperationsDetected
 *
 * An answer proposes changes; a plan of them was made.
 */
export type OperationsDetected = {
    type: 'operations-detected';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    turnId?: string;
    messageId?: string;
    planId: string;
    operations: Array<Operation>;
};

/**
 * OperationsError
 *
 * A plan failed and nothing was changed.
 */
export type OperationsError = {
    type: 'operations-error';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    planId?: string;
    error: string;
    operations: Array<Operation>;
};

/**
 * OperationsExecuted
 *
 * A plan was carried out.
 */
export type OperationsExecuted = {
    type: 'operations-executed';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    planId: string;
    results: Array<OperationResult>;
};

/**
 * OperationsPreviewed
 *
 * What was found in a text. There is no plan where nothing was found.
 */
export type OperationsPreviewed = {
    success: true;
    planId?: string;
    operations: Array<PlannedOperation>;
    count: number;
};

/**
 * OperationsReverted
 *
 * A plan was undone.
 */
export type OperationsReverted = {
    type: 'operations-reverted';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    planId: string;
    results: Array<OperationResult>;
};

/**
 * Origin
 *
 * The session that this one was copied from, and up to which event.
 */
export type Origin = {
    sessionId: string;
    seq: number;
    kind: 'duplicate' | 'fork';
};

/**
 * OutputPage
 *
 * A piece of a terminal's output. ``offset`` is that of its first byte; ask again with ``cursor``.
 *
 * ``closed``: the program has ended, and this is the last of it. ``reset``: it does not go on where you were.
 */
export type OutputPage = {
    terminalId: string;
    /**
     * In base64.
     */
    data: string;
    offset: number;
    /**
     * A position in a stream.
     */
    cursor: string;
    /**
     * A position in a stream.
     */
    earliest: string;
    closed: boolean;
    /**
     * 128 + n after signal n.
     */
    exitCode?: number;
    reset?: 'epoch' | 'future' | 'trimmed';
};

/**
 * Plan
 *
 * Operations as previewed.
 */
export type Plan = {
    planId: string;
    turnId?: string;
    messageId?: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    createdAt: number;
    state: 'executed' | 'failed' | 'proposed' | 'reverted';
    workingDir: string;
    operations: Array<PlannedOperation>;
};

/**
 * PlanEntry
 *
 * One item of the agent's to-do list.
 */
export type PlanEntry = {
    content: string;
    priority: 'high' | 'low' | 'medium';
    status: 'completed' | 'in_progress' | 'pending';
};

/**
 * PlanExecuted
 *
 * A plan was carried out; its commands run once they are approved.
 */
export type PlanExecuted = {
    success: true;
    planId: string;
    results: Array<OperationResult>;
    /**
     * How many operations succeeded.
     */
    executed: number;
    /**
     * The questions that its commands wait for.
     */
    approvals: Array<string>;
};

/**
 * PlanList
 *
 * A session's newest plans, the oldest first.
 */
export type PlanList = {
    plans: Array<PlanSummary>;
};

/**
 * PlanReverted
 *
 * A plan was undone.
 */
export type PlanReverted = {
    success: true;
    planId: string;
    results: Array<OperationResult>;
};

/**
 * PlanSummary
 *
 * A plan, without its operations. ``failed``: nothing was changed, and it may be tried again.
 */
export type PlanSummary = {
    planId: string;
    turnId?: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    createdAt: number;
    count: number;
    state: 'executed' | 'failed' | 'proposed' | 'reverted';
};

/**
 * PlanUpdated
 *
 * The agent's to-do list, whole.
 */
export type PlanUpdated = {
    type: 'plan-updated';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    turnId: string;
    entries: Array<PlanEntry>;
};

/**
 * PlannedOperation
 *
 * One operation of a plan, and what it would do, coming after those before it.
 */
export type PlannedOperation = {
    index: number;
    operation: Operation;
    /**
     * Where the file is, from the plan's directory; not there for commands.
     */
    path?: string;
    /**
     * Where a rename takes it.
     */
    to?: string;
    /**
     * SHA-256 of the file before the plan, in hex; `null` where there is none.
     */
    baseHash: string | null;
    /**
     * What it changes, as a unified diff.
     */
    diff?: string;
    /**
     * Why there is no diff.
     */
    noDiff?: 'binary' | 'not-applicable' | 'too-large' | 'unchanged';
    applies: boolean;
    /**
     * Why it does not apply.
     */
    reason?: string;
    /**
     * Operations of the plan that it contradicts.
     */
    conflicts: Array<number>;
};

/**
 * PreviewOperations
 *
 * A text to find operations in: what an agent answered.
 */
export type PreviewOperations = {
    /**
     * An answer, in Markdown.
     */
    response: string;
};

/**
 * Problem
 *
 * Why a request failed, and what to do instead (RFC 9457).
 */
export type Problem = {
    type: string;
    title: string;
    status: number;
    detail: string;
    instance?: string;
    code: 'agent-session-taken' | 'agent-unavailable' | 'answer-gone' | 'approval-answered' | 'approval-not-editable' | 'approval-not-found' | 'bad-request' | 'blob-not-found' | 'body-too-large' | 'denied-by-rule' | 'disk-full' | 'draining' | 'files-unavailable' | 'forbidden-origin' | 'git-failed' | 'gone' | 'header-too-large' | 'idempotency-key-reused' | 'input-gap' | 'input-refused' | 'insufficient-scope' | 'internal-error' | 'invalid-agent-session' | 'invalid-body' | 'invalid-context' | 'invalid-cursor' | 'invalid-id' | 'invalid-parameter' | 'invalid-path' | 'invalid-session-id' | 'invalid-working-dir' | 'isolation-unavailable' | 'log-full' | 'log-unavailable' | 'method-not-allowed' | 'misdirected-request' | 'not-forkable' | 'not-found' | 'overloaded' | 'path-outside-workspace' | 'plan-conflict' | 'plan-not-found' | 'plan-over' | 'plan-too-large' | 'project-not-found' | 'prompt-too-large' | 'queue-full' | 'request-timeout' | 'rule-configured' | 'rule-not-found' | 'session-busy' | 'session-not-found' | 'session-quarantined' | 'terminal-closed' | 'terminal-not-found' | 'terminal-unavailable' | 'terminals-full' | 'token-not-found' | 'too-many-attempts' | 'turn-not-found' | 'turn-over' | 'unauthorized' | 'unknown-mode' | 'unsupported-media-type' | 'uploads-full' | 'working-dir-outside-roots' | 'worktree-not-found';
    /**
     * The offending member of the body (`$.command`), parameter or header.
     */
    member?: string;
    sessionId?: string;
    turnId?: string;
    planId?: string;
    answer?: ApprovalOutcome;
    /**
     * The number that the next input of this client must have.
     */
    expected?: number;
};

/**
 * Project
 *
 * A directory that groups sessions.
 */
export type Project = {
    projectId: string;
    name: string;
    rootDir: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    createdAt: number;
};

/**
 * ProjectCreated
 *
 * A project was made.
 */
export type ProjectCreated = {
    type: 'project-created';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    projectId: string;
    name: string;
    rootDir: string;
};

/**
 * ProjectDeleted
 *
 * A project is gone; its sessions stay.
 */
export type ProjectDeleted = {
    type: 'project-deleted';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    projectId: string;
};

/**
 * ProjectList
 *
 * The projects, the oldest first.
 */
export type ProjectList = {
    projects: Array<Project>;
};

/**
 * ProjectRemoved
 *
 * A project was deleted; so many sessions were its own, and stay.
 */
export type ProjectRemoved = {
    success: true;
    projectId: string;
    detached: number;
};

/**
 * ProjectUpdated
 *
 * A project changed: only the changed members are there.
 */
export type ProjectUpdated = {
    type: 'project-updated';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    projectId: string;
    name?: string;
    rootDir?: string;
};

/**
 * PromptAccepted
 *
 * The prompt is in the log; what it does arrives on the stream.
 */
export type PromptAccepted = {
    success: true;
    sessionId: string;
    turnId: string;
    state: 'queued' | 'started';
    message: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
};

/**
 * PromptContext
 *
 * Something to give to the agent beside a prompt: a file by path, a named text, or an uploaded body.
 *
 * A path is absolute or begins at the session's working directory, and leads to a regular file below it. A body is one
 * that was uploaded within a day, or that the session holds already; 32 MiB at most together. A shell runs the prompt
 * alone: what is given to it is only kept and shown.
 */
export type PromptContext = {
    path: string;
} | {
    name: string;
    text: string;
} | {
    blobId: string;
};

/**
 * QueuedPrompt
 *
 * A prompt that waits for its turn.
 */
export type QueuedPrompt = {
    turnId: string;
    command: string | LargeBody;
    context?: Array<ContextItem>;
    delivery: 'queue' | 'reject' | 'steer';
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    sentAt: number;
};

/**
 * RenameFile
 *
 * Move a file.
 */
export type RenameFile = {
    type: 'rename';
    path: string;
    to: string;
};

/**
 * RenameOperation
 *
 * Move a file.
 */
export type RenameOperation = {
    type: 'rename';
    path: string;
    to: string;
};

/**
 * ResizeTerminal
 *
 * The size that a viewer wants. The smallest of those that look counts, unless one takes control.
 *
 * ``control``: take it, or give it up; absent: as before. A viewer lives as long as a stream with its `viewerId`.
 */
export type ResizeTerminal = {
    viewerId: string;
    cols: number;
    rows: number;
    control?: boolean;
};

/**
 * RevertOperations
 *
 * The plan to undo.
 */
export type RevertOperations = {
    planId: string;
};

/**
 * Rule
 *
 * What may run without asking, must be asked, or may not run: from the configuration, or a remembered answer.
 *
 * An absent member does not restrict. Configured rules are patterns, in their order; a remembered one is for exactly
 * this command, as `kind` wanted it, in exactly this directory where it allows.
 */
export type Rule = {
    ruleId: string;
    source: 'configured' | 'remembered';
    effect: 'allow' | 'ask' | 'deny';
    mode?: string;
    kind?: string;
    command?: string;
    path?: string;
    workingDir?: string;
    forSession?: string;
    forProject?: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    createdAt?: number;
};

/**
 * RuleCreated
 *
 * An answer is remembered as a rule for a session or a project: for this very command, asked for in this way.
 */
export type RuleCreated = {
    type: 'rule-created';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    ruleId: string;
    effect: 'allow' | 'deny';
    command: string;
    kind?: string;
    workingDir?: string;
    forSession?: string;
    forProject?: string;
};

/**
 * RuleDeleted
 *
 * A remembered answer was forgotten.
 */
export type RuleDeleted = {
    type: 'rule-deleted';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    ruleId: string;
};

/**
 * RuleList
 *
 * All rules: the configured ones in their order, then the remembered ones, the oldest first.
 */
export type RuleList = {
    rules: Array<Rule>;
};

/**
 * RuleRemoved
 *
 * A remembered answer was forgotten.
 */
export type RuleRemoved = {
    success: true;
    message: string;
    ruleId: string;
};

/**
 * RunCommand
 *
 * Run a command, once it is approved.
 */
export type RunCommand = {
    type: 'command';
    command: string;
};

/**
 * RunStarted
 *
 * What was allowed is about to run. Found after a crash it means "may have run".
 */
export type RunStarted = {
    type: 'run-started';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    turnId?: string;
    approvalId?: string;
    command: string | LargeBody;
    pid?: number;
};

/**
 * RunningTurn
 *
 * The turn that runs now.
 */
export type RunningTurn = {
    turnId: string;
    command: string | LargeBody;
    context?: Array<ContextItem>;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    startedAt: number;
};

/**
 * Session
 *
 * A session as listings show it.
 */
export type Session = {
    sessionId: string;
    mode: string;
    title: string;
    workingDir: string;
    projectId?: string;
    status: 'error' | 'exited' | 'idle' | 'interrupted' | 'running' | 'starting' | 'waiting';
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    createdAt: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    lastActivity: number;
    /**
     * A position in a stream.
     */
    cursor: string;
    origin?: Origin;
    archived: boolean;
    agentMode?: string;
    /**
     * With `q`: a piece of the text that was found.
     */
    snippet?: string;
};

/**
 * SessionContext
 *
 * What a session has read, written or was given: the newest 500, the last touched first.
 */
export type SessionContext = {
    files: Array<ContextEntry>;
    /**
     * Of all that have a size.
     */
    tokenEstimate: number;
    window?: ContextWindow;
};

/**
 * SessionCreated
 *
 * A session began. Always the first event of its log.
 */
export type SessionCreated = {
    type: 'session-created';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    mode: string;
    workingDir: string;
    title: string;
    projectId?: string;
    origin?: Origin;
};

/**
 * SessionDeleted
 *
 * The session is gone. Always the last event; it outlives the log for the retention time.
 */
export type SessionDeleted = {
    type: 'session-deleted';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
};

/**
 * SessionError
 *
 * Something went wrong inside the session.
 */
export type SessionError = {
    type: 'session-error';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    error: string;
    code: string;
    recoverable: boolean;
};

/**
 * SessionEvent
 */
export type SessionEvent = ({
    type: 'session-created';
} & SessionCreated) | ({
    type: 'session-updated';
} & SessionUpdated) | ({
    type: 'session-deleted';
} & SessionDeleted) | ({
    type: 'session-status';
} & SessionStatus) | ({
    type: 'session-output';
} & SessionOutput) | ({
    type: 'session-error';
} & SessionError) | ({
    type: 'command-sent';
} & CommandSent) | ({
    type: 'turn-started';
} & TurnStarted) | ({
    type: 'turn-completed';
} & TurnCompleted) | ({
    type: 'agent-message';
} & AgentMessage) | ({
    type: 'agent-thought';
} & AgentThought) | ({
    type: 'tool-call';
} & ToolCall) | ({
    type: 'plan-updated';
} & PlanUpdated) | ({
    type: 'usage-updated';
} & UsageUpdated) | ({
    type: 'operations-detected';
} & OperationsDetected) | ({
    type: 'operations-executed';
} & OperationsExecuted) | ({
    type: 'operations-reverted';
} & OperationsReverted) | ({
    type: 'operations-error';
} & OperationsError) | ({
    type: 'approval-request';
} & ApprovalRequest) | ({
    type: 'approval-confirmed';
} & ApprovalConfirmed) | ({
    type: 'approval-expired';
} & ApprovalExpired) | ({
    type: 'run-started';
} & RunStarted) | ({
    type: 'terminal-created';
} & TerminalCreated) | ({
    type: 'terminal-closed';
} & TerminalClosed);

/**
 * SessionForked
 *
 * The new session, and whether its agent remembers what the original's did.
 */
export type SessionForked = {
    success: true;
    session: Session;
    agentMemory: 'forked' | 'none';
};

/**
 * SessionMoved
 *
 * The session where it is now, and whether its agent went with it; one that did not was ended.
 */
export type SessionMoved = {
    success: true;
    session: Session;
    agentMemory: 'kept' | 'lost';
    message: string;
};

/**
 * SessionOutput
 *
 * Raw output of a shell, an agent process or a tool; without ``turnId`` it comes from a background job.
 */
export type SessionOutput = {
    type: 'session-output';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    turnId?: string;
    toolCallId?: string;
    stream: 'exit' | 'ready' | 'stderr' | 'stdout';
    content: string;
    /**
     * 128 + n after signal n.
     */
    exitCode?: number;
};

/**
 * SessionPage
 *
 * A page of sessions, the last active first; ``nextCursor`` fetches the next page.
 */
export type SessionPage = {
    sessions: Array<Session>;
    nextCursor?: string;
};

/**
 * SessionRemoved
 *
 * A session was deleted and its processes ended.
 */
export type SessionRemoved = {
    success: true;
    message: string;
    sessionId: string;
    /**
     * Where the session's worktree stays, since it holds what no commit does.
     */
    keptWorktree?: string;
    /**
     * The branch that stays in the repository, with the session's commits.
     */
    keptBranch?: string;
};

/**
 * SessionResumed
 *
 * The queue is released.
 */
export type SessionResumed = {
    success: true;
    sessionId: string;
    released: number;
    message: string;
};

/**
 * SessionState
 *
 * The state that all events up to the cursor fold to.
 */
export type SessionState = {
    session: Session;
    turn: RunningTurn | null;
    queue: Array<QueuedPrompt>;
    /**
     * The queue waits for the next prompt or for a resume.
     */
    held: boolean;
    cwd: string;
    pendingApprovals: Array<ApprovalRequest>;
    plan: Array<PlanEntry>;
    openToolCalls: Array<ToolCall>;
    usage: UsageUpdated | null;
    plans: Array<PlanSummary>;
};

/**
 * SessionStatus
 *
 * The session's status changed. ``uptime`` counts from the start of the process that ``pid`` names.
 */
export type SessionStatus = {
    type: 'session-status';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    status: 'error' | 'exited' | 'idle' | 'interrupted' | 'running' | 'starting' | 'waiting';
    pid?: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    uptime: number;
    reason?: string;
};

/**
 * SessionStatusView
 *
 * How a session stands. ``pid`` is ``null`` and ``uptime`` 0 where no process runs.
 */
export type SessionStatusView = {
    sessionId: string;
    status: 'error' | 'exited' | 'idle' | 'interrupted' | 'running' | 'starting' | 'waiting';
    mode: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    createdAt: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    lastActivity: number;
    pid: number | null;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    uptime: number;
};

/**
 * SessionStreamItem
 */
export type SessionStreamItem = ({
    type: 'session-created';
} & SessionCreated) | ({
    type: 'session-updated';
} & SessionUpdated) | ({
    type: 'session-deleted';
} & SessionDeleted) | ({
    type: 'session-status';
} & SessionStatus) | ({
    type: 'session-output';
} & SessionOutput) | ({
    type: 'session-error';
} & SessionError) | ({
    type: 'command-sent';
} & CommandSent) | ({
    type: 'turn-started';
} & TurnStarted) | ({
    type: 'turn-completed';
} & TurnCompleted) | ({
    type: 'agent-message';
} & AgentMessage) | ({
    type: 'agent-thought';
} & AgentThought) | ({
    type: 'tool-call';
} & ToolCall) | ({
    type: 'plan-updated';
} & PlanUpdated) | ({
    type: 'usage-updated';
} & UsageUpdated) | ({
    type: 'operations-detected';
} & OperationsDetected) | ({
    type: 'operations-executed';
} & OperationsExecuted) | ({
    type: 'operations-reverted';
} & OperationsReverted) | ({
    type: 'operations-error';
} & OperationsError) | ({
    type: 'approval-request';
} & ApprovalRequest) | ({
    type: 'approval-confirmed';
} & ApprovalConfirmed) | ({
    type: 'approval-expired';
} & ApprovalExpired) | ({
    type: 'run-started';
} & RunStarted) | ({
    type: 'terminal-created';
} & TerminalCreated) | ({
    type: 'terminal-closed';
} & TerminalClosed) | ({
    type: 'connected';
} & Connected) | ({
    type: 'caught-up';
} & CaughtUp) | ({
    type: 'heartbeat';
} & Heartbeat) | ({
    type: 'stream-reset';
} & StreamReset) | ({
    type: 'stream-closing';
} & StreamClosing);

/**
 * SessionUpdated
 *
 * Settings changed: only the changed ones are there; ``null`` clears.
 *
 * ``agentSessionId`` is the agent's own id of the session, by which it resumes.
 */
export type SessionUpdated = {
    type: 'session-updated';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    title?: string;
    projectId?: string | null;
    workingDir?: string;
    archived?: boolean;
    agentMode?: string | null;
    agentSessionId?: string | null;
};

/**
 * Snapshot
 *
 * A session's state, and the cursor from which a stream goes on after it.
 */
export type Snapshot = {
    /**
     * A position in a stream.
     */
    cursor: string;
    state: SessionState;
};

/**
 * StreamClosing
 *
 * The server ends this stream; come back after the time in the frame's ``retry`` field.
 */
export type StreamClosing = {
    type: 'stream-closing';
    reason: 'drain' | 'overload' | 'revoked';
};

/**
 * StreamItem
 */
export type StreamItem = ({
    type: 'session-created';
} & SessionCreated) | ({
    type: 'session-updated';
} & SessionUpdated) | ({
    type: 'session-deleted';
} & SessionDeleted) | ({
    type: 'session-status';
} & SessionStatus) | ({
    type: 'session-output';
} & SessionOutput) | ({
    type: 'session-error';
} & SessionError) | ({
    type: 'command-sent';
} & CommandSent) | ({
    type: 'turn-started';
} & TurnStarted) | ({
    type: 'turn-completed';
} & TurnCompleted) | ({
    type: 'agent-message';
} & AgentMessage) | ({
    type: 'agent-thought';
} & AgentThought) | ({
    type: 'tool-call';
} & ToolCall) | ({
    type: 'plan-updated';
} & PlanUpdated) | ({
    type: 'usage-updated';
} & UsageUpdated) | ({
    type: 'operations-detected';
} & OperationsDetected) | ({
    type: 'operations-executed';
} & OperationsExecuted) | ({
    type: 'operations-reverted';
} & OperationsReverted) | ({
    type: 'operations-error';
} & OperationsError) | ({
    type: 'approval-request';
} & ApprovalRequest) | ({
    type: 'approval-confirmed';
} & ApprovalConfirmed) | ({
    type: 'approval-expired';
} & ApprovalExpired) | ({
    type: 'run-started';
} & RunStarted) | ({
    type: 'terminal-created';
} & TerminalCreated) | ({
    type: 'terminal-closed';
} & TerminalClosed) | ({
    type: 'project-created';
} & ProjectCreated) | ({
    type: 'project-updated';
} & ProjectUpdated) | ({
    type: 'project-deleted';
} & ProjectDeleted) | ({
    type: 'rule-created';
} & RuleCreated) | ({
    type: 'rule-deleted';
} & RuleDeleted) | ({
    type: 'token-created';
} & TokenCreated) | ({
    type: 'token-revoked';
} & TokenRevoked) | ({
    type: 'connected';
} & Connected) | ({
    type: 'caught-up';
} & CaughtUp) | ({
    type: 'heartbeat';
} & Heartbeat) | ({
    type: 'stream-reset';
} & StreamReset) | ({
    type: 'stream-closing';
} & StreamClosing) | ({
    type: 'terminal-output';
} & TerminalOutput) | ({
    type: 'terminal-snapshot';
} & TerminalSnapshot) | ({
    type: 'terminal-resized';
} & TerminalResized);

/**
 * StreamReset
 *
 * The client's cursor can't be continued: take the snapshot; the stream goes on from ``earliest``.
 *
 * A terminal's stream goes on with a `terminal-snapshot`, unless the terminal is ``gone``.
 */
export type StreamReset = {
    type: 'stream-reset';
    reason: 'epoch' | 'future' | 'gone' | 'trimmed';
    sessionId?: string;
    terminalId?: string;
    /**
     * A position in a stream, opaque.
     */
    earliest?: string;
};

/**
 * SubmitPrompt
 *
 * A prompt for the session's agent. ``delivery`` says what happens while another turn runs.
 */
export type SubmitPrompt = {
    /**
     * At most 256 KiB of UTF-8; not only blanks.
     */
    command: string;
    context?: Array<PromptContext>;
    delivery?: 'queue' | 'reject' | 'steer';
};

/**
 * TerminalClosed
 *
 * A terminal ended. At the end of a terminal's own output ``seq`` is 0: there it is a frame, none of the log's.
 */
export type TerminalClosed = {
    type: 'terminal-closed';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    terminalId: string;
    /**
     * 128 + n after signal n.
     */
    exitCode?: number;
};

/**
 * TerminalCreated
 *
 * A terminal was opened.
 */
export type TerminalCreated = {
    type: 'terminal-created';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    terminalId: string;
    workingDir: string;
    mode: string;
    cols: number;
    rows: number;
    owner: 'agent' | 'user';
};

/**
 * TerminalList
 *
 * The terminals, the oldest first; those that ended stay for a day, the newest 50 of them.
 */
export type TerminalList = {
    terminals: Array<TerminalView>;
};

/**
 * TerminalOutput
 *
 * The terminal wrote something. ``offset`` is that of its first byte.
 */
export type TerminalOutput = {
    type: 'terminal-output';
    terminalId: string;
    offset: number;
    /**
     * In base64.
     */
    data: string;
};

/**
 * TerminalRemoved
 *
 * A terminal was ended with all that it had started, and its output is gone.
 */
export type TerminalRemoved = {
    success: true;
    message: string;
    terminalId: string;
};

/**
 * TerminalResized
 *
 * The terminal has this size: told at the beginning of a stream, and after each change.
 */
export type TerminalResized = {
    type: 'terminal-resized';
    terminalId: string;
    offset: number;
    cols: number;
    rows: number;
};

/**
 * TerminalResizedView
 *
 * The size that the terminal has now: that of its smallest viewer, or of the one in control.
 */
export type TerminalResizedView = {
    success: true;
    terminalId: string;
    cols: number;
    rows: number;
};

/**
 * TerminalSnapshot
 *
 * What the terminal shows after ``offset`` bytes of output: ``data`` paints it on one of that size that was reset.
 *
 * ``exact`` is false where output that is gone may have mattered.
 */
export type TerminalSnapshot = {
    type: 'terminal-snapshot';
    terminalId: string;
    offset: number;
    cols: number;
    rows: number;
    title: string;
    /**
     * In base64.
     */
    data: string;
    exact: boolean;
};

/**
 * TerminalStreamItem
 */
export type TerminalStreamItem = ({
    type: 'terminal-output';
} & TerminalOutput) | ({
    type: 'terminal-snapshot';
} & TerminalSnapshot) | ({
    type: 'terminal-resized';
} & TerminalResized) | ({
    type: 'terminal-closed';
} & TerminalClosed) | ({
    type: 'connected';
} & Connected) | ({
    type: 'caught-up';
} & CaughtUp) | ({
    type: 'heartbeat';
} & Heartbeat) | ({
    type: 'stream-reset';
} & StreamReset) | ({
    type: 'stream-closing';
} & StreamClosing);

/**
 * TerminalView
 *
 * A terminal. ``cursor`` is the end of its output, ``earliest`` the beginning of what is kept of it.
 *
 * ``exitCode`` is 128 + n after signal n, and absent where it is not known.
 */
export type TerminalView = {
    terminalId: string;
    sessionId?: string;
    mode: string;
    workingDir: string;
    owner: 'agent' | 'user';
    cols: number;
    rows: number;
    /**
     * What the program called its window. Not in listings.
     */
    title?: string;
    status: 'ended' | 'running';
    pid?: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    createdAt: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    endedAt?: number;
    /**
     * 128 + n after signal n.
     */
    exitCode?: number;
    /**
     * A position in a stream.
     */
    cursor: string;
    /**
     * A position in a stream.
     */
    earliest: string;
};

/**
 * Token
 *
 * A token, without its secret.
 */
export type Token = {
    tokenId: string;
    name: string;
    scope: 'full' | 'read' | 'session';
    sessionId?: string;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    createdAt: number;
};

/**
 * TokenCreated
 *
 * A token was made. The token itself is in no event.
 */
export type TokenCreated = {
    type: 'token-created';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    tokenId: string;
    name: string;
    scope: 'full' | 'read' | 'session';
};

/**
 * TokenList
 *
 * The further tokens.
 */
export type TokenList = {
    tokens: Array<Token>;
};

/**
 * TokenMade
 *
 * A new token. ``secret`` is shown this once.
 */
export type TokenMade = {
    success: true;
    token: Token;
    secret: string;
};

/**
 * TokenRemoved
 *
 * A token was revoked; its streams end. The owner's was replaced: ``message`` says where the new one is.
 */
export type TokenRemoved = {
    success: true;
    tokenId: string;
    message: string;
};

/**
 * TokenRevoked
 *
 * A token is no longer good.
 */
export type TokenRevoked = {
    type: 'token-revoked';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    tokenId: string;
};

/**
 * ToolCall
 *
 * A tool call began or changed: upsert by ``toolCallId``; absent members are unchanged.
 */
export type ToolCall = {
    type: 'tool-call';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    turnId: string;
    toolCallId: string;
    title?: string;
    kind?: string;
    status?: 'completed' | 'failed' | 'pending' | 'running';
    locations?: Array<Location>;
    content?: Array<ToolContent>;
    /**
     * What the tool was given, any JSON; a LargeBody where it is too large.
     */
    input?: unknown;
};

/**
 * ToolContent
 */
export type ToolContent = ({
    type: 'text';
} & ToolText) | ({
    type: 'diff';
} & ToolDiff) | ({
    type: 'terminal';
} & ToolTerminal);

/**
 * ToolDiff
 *
 * A change that a tool makes to one file; without ``oldText`` the file is new.
 */
export type ToolDiff = {
    type: 'diff';
    path: string;
    oldText?: string | LargeBody;
    newText: string | LargeBody;
};

/**
 * ToolTerminal
 *
 * A terminal whose output belongs to a tool call.
 */
export type ToolTerminal = {
    type: 'terminal';
    terminalId: string;
};

/**
 * ToolText
 *
 * Text that a tool produced.
 */
export type ToolText = {
    type: 'text';
    text: string | LargeBody;
};

/**
 * TurnCancelled
 *
 * The turn is being stopped, or was taken out of the queue.
 */
export type TurnCancelled = {
    success: true;
    sessionId: string;
    turnId: string;
    message: string;
};

/**
 * TurnCompleted
 *
 * A turn is over, or was taken out of the queue. ``cwd`` is where a shell session's next prompt begins.
 */
export type TurnCompleted = {
    type: 'turn-completed';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    turnId: string;
    stopReason: 'cancelled' | 'end' | 'error' | 'interrupted' | 'limit' | 'refused';
    usage?: TurnUsage;
    cwd?: string;
};

/**
 * TurnStarted
 *
 * A prompt left the queue.
 */
export type TurnStarted = {
    type: 'turn-started';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    turnId: string;
};

/**
 * TurnUsage
 *
 * Tokens that one turn took, as far as the agent tells.
 */
export type TurnUsage = {
    inputTokens?: number;
    outputTokens?: number;
    thoughtTokens?: number;
    cachedReadTokens?: number;
    cachedWriteTokens?: number;
    totalTokens?: number;
};

/**
 * TypeInput
 *
 * What to type: text, or any bytes in base64; 64 KiB at most. NUL is allowed.
 *
 * ``seq`` counts a client's inputs from 1: each is typed once and in order, however often it is sent.
 */
export type TypeInput = {
    clientId: string;
    seq: number;
    data: string;
} | {
    clientId: string;
    seq: number;
    /**
     * By default utf8.
     */
    encoding: 'utf8';
    data: string;
} | {
    clientId: string;
    seq: number;
    /**
     * By default utf8.
     */
    encoding: 'base64';
    data: string;
};

/**
 * UpdateProject
 *
 * What to change; absent means unchanged. The project's sessions stay where they are.
 */
export type UpdateProject = {
    name?: string;
    rootDir?: string;
};

/**
 * UpdateSession
 *
 * What to change; absent means unchanged, ``null`` means cleared. The next prompt gives a cleared title anew.
 */
export type UpdateSession = {
    title?: string | null;
    archived?: boolean;
    agentMode?: string | null;
};

/**
 * UploadBlob
 *
 * A body for a later prompt's context: an image, a file from elsewhere.
 */
export type UploadBlob = {
    /**
     * In base64 (RFC 4648, section 4); at most 32 MiB by default.
     */
    data: string;
    name?: string;
    mediaType?: string;
};

/**
 * UsageUpdated
 *
 * Tokens in the agent's context window.
 */
export type UsageUpdated = {
    type: 'usage-updated';
    sessionId: string;
    seq: number;
    /**
     * Milliseconds; an instant counts them from the Unix epoch, UTC.
     */
    timestamp: number;
    used: number;
    size: number;
    cost?: Cost;
};

/**
 * WhoAmI
 *
 * Whose credential a request carries.
 */
export type WhoAmI = {
    tokenId: string;
    name: string;
    scope: 'full' | 'read' | 'session';
    sessionId?: string;
    serverVersion: string;
};

/**
 * WriteFile
 *
 * Make or replace a file.
 */
export type WriteFile = {
    type: 'write';
    path: string;
    content: string;
};

/**
 * WriteOperation
 *
 * Make or replace a file.
 */
export type WriteOperation = {
    type: 'write';
    path: string;
    content: string | LargeBody;
};

export type ListAgentsData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/api/agents';
};

export type ListAgentsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type ListAgentsError = ListAgentsErrors[keyof ListAgentsErrors];

export type ListAgentsResponses = {
    /**
     * The agent profiles.
     */
    200: AgentList;
};

export type ListAgentsResponse = ListAgentsResponses[keyof ListAgentsResponses];

export type ListAgentSessionsData = {
    body?: never;
    path: {
        /**
         * An agent's mode.
         */
        mode: string;
    };
    query?: {
        /**
         * A directory under a workspace root; by default the first root.
         */
        workingDir?: string;
    };
    url: '/api/agents/{mode}/sessions';
};

export type ListAgentSessionsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
};

export type ListAgentSessionsError = ListAgentSessionsErrors[keyof ListAgentSessionsErrors];

export type ListAgentSessionsResponses = {
    /**
     * What an agent remembers of a directory, the newest first.
     */
    200: AgentSessionList;
};

export type ListAgentSessionsResponse = ListAgentSessionsResponses[keyof ListAgentSessionsResponses];

export type UploadBlobData = {
    body: UploadBlob;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path?: never;
    query?: never;
    url: '/api/blobs';
};

export type UploadBlobErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type UploadBlobError = UploadBlobErrors[keyof UploadBlobErrors];

export type UploadBlobResponses = {
    /**
     * The body is kept for a day; a prompt that names it by then keeps it in its session.
     */
    201: BlobUploaded;
};

export type UploadBlobResponse = UploadBlobResponses[keyof UploadBlobResponses];

export type GetDebugMetricsData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/api/debug/metrics';
};

export type GetDebugMetricsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetDebugMetricsError = GetDebugMetricsErrors[keyof GetDebugMetricsErrors];

export type GetDebugMetricsResponses = {
    /**
     * Counts since the server started.
     */
    200: DebugMetrics;
};

export type GetDebugMetricsResponse = GetDebugMetricsResponses[keyof GetDebugMetricsResponses];

export type StreamEventsData = {
    body?: never;
    headers?: {
        /**
         * The id of the last frame seen; wins over `after`.
         */
        'Last-Event-ID'?: string;
    };
    path?: never;
    query?: {
        /**
         * A cursor, whatever was chosen when it was made, or `0` for the beginning; without one, from now.
         */
        after?: string;
        /**
         * Only these sessions, separated by commas; else all lifecycles.
         */
        sessions?: string;
        /**
         * `true`: the lifecycle events of all sessions too, beside the chosen ones; each event comes once.
         */
        lifecycle?: boolean;
        /**
         * The output of these terminals too, separated by commas; one that the cursor does not know begins with what it shows.
         */
        terminals?: string;
        /**
         * Who looks at the terminals, separated by commas: their sizes count while this stream is open.
         */
        viewers?: string;
        /**
         * `false`: end at the head; 204 when nothing is left.
         */
        follow?: boolean;
        /**
         * Only these types, separated by commas.
         */
        types?: string;
    };
    url: '/api/events';
};

export type StreamEventsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type StreamEventsError = StreamEventsErrors[keyof StreamEventsErrors];

export type StreamEventsResponses = {
    /**
     * The events.
     */
    200: StreamItem;
    /**
     * With `follow=false`: nothing is left. An EventSource does not come again.
     */
    204: void;
};

export type StreamEventsResponse = StreamEventsResponses[keyof StreamEventsResponses];

export type CompletePathData = {
    body?: never;
    path?: never;
    query?: {
        /**
         * A directory under a workspace root; by default the first root.
         */
        root?: string;
        /**
         * How the path begins, from `root` on.
         */
        prefix?: string;
    };
    url: '/api/files';
};

export type CompletePathErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type CompletePathError = CompletePathErrors[keyof CompletePathErrors];

export type CompletePathResponses = {
    /**
     * What a path may go on with, in the order of names; ``truncated`` says that there is more.
     */
    200: FileNames;
};

export type CompletePathResponse = CompletePathResponses[keyof CompletePathResponses];

export type LogInData = {
    body: Login;
    path?: never;
    query?: never;
    url: '/api/login';
};

export type LogInErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type LogInError = LogInErrors[keyof LogInErrors];

export type LogInResponses = {
    /**
     * Whose credential a request carries.
     */
    200: WhoAmI;
};

export type LogInResponse = LogInResponses[keyof LogInResponses];

export type CreateLoginCodeData = {
    body?: never;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path?: never;
    query?: never;
    url: '/api/login-codes';
};

export type CreateLoginCodeErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type CreateLoginCodeError = CreateLoginCodeErrors[keyof CreateLoginCodeErrors];

export type CreateLoginCodeResponses = {
    /**
     * A single-use code; opening ``url`` in a browser logs it in.
     */
    201: LoginCode;
};

export type CreateLoginCodeResponse = CreateLoginCodeResponses[keyof CreateLoginCodeResponses];

export type LogOutData = {
    body?: never;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path?: never;
    query?: never;
    url: '/api/logout';
};

export type LogOutErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type LogOutError = LogOutErrors[keyof LogOutErrors];

export type LogOutResponses = {
    /**
     * The browser's session is over.
     */
    200: LoggedOut;
};

export type LogOutResponse = LogOutResponses[keyof LogOutResponses];

export type DeleteProjectData = {
    body?: never;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A project.
         */
        projectId: string;
    };
    query?: never;
    url: '/api/project/{projectId}';
};

export type DeleteProjectErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type DeleteProjectError = DeleteProjectErrors[keyof DeleteProjectErrors];

export type DeleteProjectResponses = {
    /**
     * A project was deleted; so many sessions were its own, and stay.
     */
    200: ProjectRemoved;
};

export type DeleteProjectResponse = DeleteProjectResponses[keyof DeleteProjectResponses];

export type GetProjectData = {
    body?: never;
    path: {
        /**
         * A project.
         */
        projectId: string;
    };
    query?: never;
    url: '/api/project/{projectId}';
};

export type GetProjectErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
};

export type GetProjectError = GetProjectErrors[keyof GetProjectErrors];

export type GetProjectResponses = {
    /**
     * A directory that groups sessions.
     */
    200: Project;
};

export type GetProjectResponse = GetProjectResponses[keyof GetProjectResponses];

export type UpdateProjectData = {
    body: UpdateProject;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A project.
         */
        projectId: string;
    };
    query?: never;
    url: '/api/project/{projectId}';
};

export type UpdateProjectErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type UpdateProjectError = UpdateProjectErrors[keyof UpdateProjectErrors];

export type UpdateProjectResponses = {
    /**
     * A directory that groups sessions.
     */
    200: Project;
};

export type UpdateProjectResponse = UpdateProjectResponses[keyof UpdateProjectResponses];

export type ListProjectsData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/api/projects';
};

export type ListProjectsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
};

export type ListProjectsError = ListProjectsErrors[keyof ListProjectsErrors];

export type ListProjectsResponses = {
    /**
     * The projects, the oldest first.
     */
    200: ProjectList;
};

export type ListProjectsResponse = ListProjectsResponses[keyof ListProjectsResponses];

export type CreateProjectData = {
    body: CreateProject;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path?: never;
    query?: never;
    url: '/api/projects';
};

export type CreateProjectErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type CreateProjectError = CreateProjectErrors[keyof CreateProjectErrors];

export type CreateProjectResponses = {
    /**
     * A directory that groups sessions.
     */
    201: Project;
};

export type CreateProjectResponse = CreateProjectResponses[keyof CreateProjectResponses];

export type ListRulesData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/api/rules';
};

export type ListRulesErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
};

export type ListRulesError = ListRulesErrors[keyof ListRulesErrors];

export type ListRulesResponses = {
    /**
     * All rules: the configured ones in their order, then the remembered ones, the oldest first.
     */
    200: RuleList;
};

export type ListRulesResponse = ListRulesResponses[keyof ListRulesResponses];

export type RemoveRuleData = {
    body?: never;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A remembered answer.
         */
        ruleId: string;
    };
    query?: never;
    url: '/api/rules/{ruleId}';
};

export type RemoveRuleErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type RemoveRuleError = RemoveRuleErrors[keyof RemoveRuleErrors];

export type RemoveRuleResponses = {
    /**
     * A remembered answer was forgotten.
     */
    200: RuleRemoved;
};

export type RemoveRuleResponse = RemoveRuleResponses[keyof RemoveRuleResponses];

export type DeleteSessionData = {
    body?: never;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: {
        /**
         * `true`: what the session's worktree holds may be lost.
         */
        discardWorktree?: boolean;
    };
    url: '/api/session/{sessionId}';
};

export type DeleteSessionErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type DeleteSessionError = DeleteSessionErrors[keyof DeleteSessionErrors];

export type DeleteSessionResponses = {
    /**
     * A session was deleted and its processes ended.
     */
    200: SessionRemoved;
};

export type DeleteSessionResponse = DeleteSessionResponses[keyof DeleteSessionResponses];

export type GetSessionData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}';
};

export type GetSessionErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetSessionError = GetSessionErrors[keyof GetSessionErrors];

export type GetSessionResponses = {
    /**
     * A session as listings show it.
     */
    200: Session;
};

export type GetSessionResponse = GetSessionResponses[keyof GetSessionResponses];

export type UpdateSessionData = {
    body: UpdateSession;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}';
};

export type UpdateSessionErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type UpdateSessionError = UpdateSessionErrors[keyof UpdateSessionErrors];

export type UpdateSessionResponses = {
    /**
     * A session as listings show it.
     */
    200: Session;
};

export type UpdateSessionResponse = UpdateSessionResponses[keyof UpdateSessionResponses];

export type ListApprovalsData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/approvals';
};

export type ListApprovalsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type ListApprovalsError = ListApprovalsErrors[keyof ListApprovalsErrors];

export type ListApprovalsResponses = {
    /**
     * The questions that wait for an answer, the oldest first.
     */
    200: ApprovalList;
};

export type ListApprovalsResponse = ListApprovalsResponses[keyof ListApprovalsResponses];

export type AnswerApprovalData = {
    body: AnswerApproval;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
        /**
         * A question.
         */
        approvalId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/approvals/{approvalId}';
};

export type AnswerApprovalErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type AnswerApprovalError = AnswerApprovalErrors[keyof AnswerApprovalErrors];

export type AnswerApprovalResponses = {
    /**
     * The answer counts: it is the first.
     */
    200: ApprovalAnswered;
};

export type AnswerApprovalResponse = AnswerApprovalResponses[keyof AnswerApprovalResponses];

export type GetBlobData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
        /**
         * A large body.
         */
        blobId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/blobs/{blobId}';
};

export type GetBlobErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetBlobError = GetBlobErrors[keyof GetBlobErrors];

export type GetBlobResponses = {
    /**
     * Request fulfilled, document follows
     */
    200: Blob | File;
};

export type GetBlobResponse = GetBlobResponses[keyof GetBlobResponses];

export type CancelTurnData = {
    body?: CancelTurn;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/cancel';
};

export type CancelTurnErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type CancelTurnError = CancelTurnErrors[keyof CancelTurnErrors];

export type CancelTurnResponses = {
    /**
     * The turn is being stopped, or was taken out of the queue.
     */
    202: TurnCancelled;
};

export type CancelTurnResponse = CancelTurnResponses[keyof CancelTurnResponses];

export type GetChangesData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/changes';
};

export type GetChangesErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
};

export type GetChangesError = GetChangesErrors[keyof GetChangesErrors];

export type GetChangesResponses = {
    /**
     * What differs in a session's worktree from the commit that it began with: committed, uncommitted and new files.
     *
     * ``diff`` is in git's format and holds whole files only; ``truncated`` says that it, or ``files``, is not all.
     */
    200: Changes;
};

export type GetChangesResponse = GetChangesResponses[keyof GetChangesResponses];

export type GetSessionContextData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/context';
};

export type GetSessionContextErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetSessionContextError = GetSessionContextErrors[keyof GetSessionContextErrors];

export type GetSessionContextResponses = {
    /**
     * What a session has read, written or was given: the newest 500, the last touched first.
     */
    200: SessionContext;
};

export type GetSessionContextResponse = GetSessionContextResponses[keyof GetSessionContextResponses];

export type StreamSessionEventsData = {
    body?: never;
    headers?: {
        /**
         * The id of the last frame seen; wins over `after`.
         */
        'Last-Event-ID'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: {
        /**
         * A cursor, or `0` for the beginning; without one, from now.
         */
        after?: string;
        /**
         * `false`: end at the head; 204 when nothing is left.
         */
        follow?: boolean;
        /**
         * Only these types, separated by commas.
         */
        types?: string;
    };
    url: '/api/session/{sessionId}/events';
};

export type StreamSessionEventsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type StreamSessionEventsError = StreamSessionEventsErrors[keyof StreamSessionEventsErrors];

export type StreamSessionEventsResponses = {
    /**
     * The events.
     */
    200: SessionStreamItem;
    /**
     * With `follow=false`: nothing is left. An EventSource does not come again.
     */
    204: void;
};

export type StreamSessionEventsResponse = StreamSessionEventsResponses[keyof StreamSessionEventsResponses];

export type GetEventsStatusData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/events/status';
};

export type GetEventsStatusErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetEventsStatusError = GetEventsStatusErrors[keyof GetEventsStatusErrors];

export type GetEventsStatusResponses = {
    /**
     * How a session's stream stands.
     */
    200: EventsStatus;
};

export type GetEventsStatusResponse = GetEventsStatusResponses[keyof GetEventsStatusResponses];

export type ExportSessionData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: {
        /**
         * A transcript to read, or the events, one JSON object a line.
         */
        format?: 'markdown' | 'jsonl';
    };
    url: '/api/session/{sessionId}/export';
};

export type ExportSessionErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type ExportSessionError = ExportSessionErrors[keyof ExportSessionErrors];

export type ExportSessionResponses = {
    /**
     * The document.
     */
    200: string;
};

export type ExportSessionResponse = ExportSessionResponses[keyof ExportSessionResponses];

export type GetSessionHistoryData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: {
        /**
         * Only events after this seq.
         */
        after?: number;
        /**
         * Only events before this seq.
         */
        before?: number;
        /**
         * At most so many.
         */
        limit?: number;
        /**
         * Only these types, separated by commas.
         */
        types?: string;
    };
    url: '/api/session/{sessionId}/history';
};

export type GetSessionHistoryErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetSessionHistoryError = GetSessionHistoryErrors[keyof GetSessionHistoryErrors];

export type GetSessionHistoryResponses = {
    /**
     * A window of a session's events, ascending; ``nextBefore`` and ``nextAfter`` fetch its neighbours.
     */
    200: History;
};

export type GetSessionHistoryResponse = GetSessionHistoryResponses[keyof GetSessionHistoryResponses];

export type ExecuteOperationsData = {
    body: ExecuteOperations;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/operations/execute';
};

export type ExecuteOperationsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type ExecuteOperationsError = ExecuteOperationsErrors[keyof ExecuteOperationsErrors];

export type ExecuteOperationsResponses = {
    /**
     * A plan was carried out; its commands run once they are approved.
     */
    200: PlanExecuted;
};

export type ExecuteOperationsResponse = ExecuteOperationsResponses[keyof ExecuteOperationsResponses];

export type PreviewOperationsData = {
    body: PreviewOperations;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/operations/preview';
};

export type PreviewOperationsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type PreviewOperationsError = PreviewOperationsErrors[keyof PreviewOperationsErrors];

export type PreviewOperationsResponses = {
    /**
     * What was found in a text. There is no plan where nothing was found.
     */
    200: OperationsPreviewed;
};

export type PreviewOperationsResponse = PreviewOperationsResponses[keyof PreviewOperationsResponses];

export type RevertOperationsData = {
    body: RevertOperations;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/operations/revert';
};

export type RevertOperationsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type RevertOperationsError = RevertOperationsErrors[keyof RevertOperationsErrors];

export type RevertOperationsResponses = {
    /**
     * A plan was undone.
     */
    200: PlanReverted;
};

export type RevertOperationsResponse = RevertOperationsResponses[keyof RevertOperationsResponses];

export type ListPlansData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/plans';
};

export type ListPlansErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type ListPlansError = ListPlansErrors[keyof ListPlansErrors];

export type ListPlansResponses = {
    /**
     * A session's newest plans, the oldest first.
     */
    200: PlanList;
};

export type ListPlansResponse = ListPlansResponses[keyof ListPlansResponses];

export type GetPlanData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
        /**
         * A plan.
         */
        planId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/plans/{planId}';
};

export type GetPlanErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetPlanError = GetPlanErrors[keyof GetPlanErrors];

export type GetPlanResponses = {
    /**
     * Operations as previewed.
     */
    200: Plan;
};

export type GetPlanResponse = GetPlanResponses[keyof GetPlanResponses];

export type SubmitPromptData = {
    body: SubmitPrompt;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/prompt';
};

export type SubmitPromptErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type SubmitPromptError = SubmitPromptErrors[keyof SubmitPromptErrors];

export type SubmitPromptResponses = {
    /**
     * The prompt is in the log; what it does arrives on the stream.
     */
    202: PromptAccepted;
};

export type SubmitPromptResponse = SubmitPromptResponses[keyof SubmitPromptResponses];

export type ResumeSessionData = {
    body?: never;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/resume';
};

export type ResumeSessionErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type ResumeSessionError = ResumeSessionErrors[keyof ResumeSessionErrors];

export type ResumeSessionResponses = {
    /**
     * The queue is released.
     */
    202: SessionResumed;
};

export type ResumeSessionResponse = ResumeSessionResponses[keyof ResumeSessionResponses];

export type GetSessionSnapshotData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/snapshot';
};

export type GetSessionSnapshotErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetSessionSnapshotError = GetSessionSnapshotErrors[keyof GetSessionSnapshotErrors];

export type GetSessionSnapshotResponses = {
    /**
     * A session's state, and the cursor from which a stream goes on after it.
     */
    200: Snapshot;
};

export type GetSessionSnapshotResponse = GetSessionSnapshotResponses[keyof GetSessionSnapshotResponses];

export type GetSessionStatusData = {
    body?: never;
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/session/{sessionId}/status';
};

export type GetSessionStatusErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetSessionStatusError = GetSessionStatusErrors[keyof GetSessionStatusErrors];

export type GetSessionStatusResponses = {
    /**
     * How a session stands. ``pid`` is ``null`` and ``uptime`` 0 where no process runs.
     */
    200: SessionStatusView;
};

export type GetSessionStatusResponse = GetSessionStatusResponses[keyof GetSessionStatusResponses];

export type ListSessionsData = {
    body?: never;
    path?: never;
    query?: {
        /**
         * At most so many.
         */
        limit?: number;
        /**
         * `nextCursor` of the page before.
         */
        cursor?: string;
        /**
         * Only sessions of this status.
         */
        status?: '' | 'starting' | 'idle' | 'running' | 'waiting' | 'exited' | 'error' | 'interrupted';
        /**
         * Only sessions of this mode.
         */
        mode?: string;
        /**
         * Only archived ones, or only others.
         */
        archived?: '' | 'true' | 'false';
        /**
         * Only sessions of this project.
         */
        projectId?: string;
        /**
         * Only sessions whose title, prompts and answers hold all these words; the last may be cut short.
         */
        q?: string;
    };
    url: '/api/sessions';
};

export type ListSessionsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type ListSessionsError = ListSessionsErrors[keyof ListSessionsErrors];

export type ListSessionsResponses = {
    /**
     * A page of sessions, the last active first; ``nextCursor`` fetches the next page.
     */
    200: SessionPage;
};

export type ListSessionsResponse = ListSessionsResponses[keyof ListSessionsResponses];

export type CreateSessionData = {
    body: CreateSession;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path?: never;
    query?: never;
    url: '/api/sessions';
};

export type CreateSessionErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type CreateSessionError = CreateSessionErrors[keyof CreateSessionErrors];

export type CreateSessionResponses = {
    /**
     * A session as listings show it.
     */
    201: Session;
};

export type CreateSessionResponse = CreateSessionResponses[keyof CreateSessionResponses];

export type DuplicateSessionData = {
    body?: never;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/sessions/{sessionId}/duplicate';
};

export type DuplicateSessionErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type DuplicateSessionError = DuplicateSessionErrors[keyof DuplicateSessionErrors];

export type DuplicateSessionResponses = {
    /**
     * A session as listings show it.
     */
    201: Session;
};

export type DuplicateSessionResponse = DuplicateSessionResponses[keyof DuplicateSessionResponses];

export type ForkSessionData = {
    body?: ForkSession;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/sessions/{sessionId}/fork';
};

export type ForkSessionErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type ForkSessionError = ForkSessionErrors[keyof ForkSessionErrors];

export type ForkSessionResponses = {
    /**
     * The new session, and whether its agent remembers what the original's did.
     */
    201: SessionForked;
};

export type ForkSessionResponse = ForkSessionResponses[keyof ForkSessionResponses];

export type MoveSessionData = {
    body: MoveSession;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A session.
         */
        sessionId: string;
    };
    query?: never;
    url: '/api/sessions/{sessionId}/move';
};

export type MoveSessionErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type MoveSessionError = MoveSessionErrors[keyof MoveSessionErrors];

export type MoveSessionResponses = {
    /**
     * The session where it is now, and whether its agent went with it; one that did not was ended.
     */
    200: SessionMoved;
};

export type MoveSessionResponse = MoveSessionResponses[keyof MoveSessionResponses];

export type OpenTerminalData = {
    body: OpenTerminal;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path?: never;
    query?: never;
    url: '/api/terminal';
};

export type OpenTerminalErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type OpenTerminalError = OpenTerminalErrors[keyof OpenTerminalErrors];

export type OpenTerminalResponses = {
    /**
     * A terminal. ``cursor`` is the end of its output, ``earliest`` the beginning of what is kept of it.
     *
     * ``exitCode`` is 128 + n after signal n, and absent where it is not known.
     */
    201: TerminalView;
};

export type OpenTerminalResponse = OpenTerminalResponses[keyof OpenTerminalResponses];

export type RemoveTerminalData = {
    body?: never;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A terminal.
         */
        terminalId: string;
    };
    query?: never;
    url: '/api/terminal/{terminalId}';
};

export type RemoveTerminalErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type RemoveTerminalError = RemoveTerminalErrors[keyof RemoveTerminalErrors];

export type RemoveTerminalResponses = {
    /**
     * A terminal was ended with all that it had started, and its output is gone.
     */
    200: TerminalRemoved;
};

export type RemoveTerminalResponse = RemoveTerminalResponses[keyof RemoveTerminalResponses];

export type GetTerminalData = {
    body?: never;
    path: {
        /**
         * A terminal.
         */
        terminalId: string;
    };
    query?: never;
    url: '/api/terminal/{terminalId}';
};

export type GetTerminalErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetTerminalError = GetTerminalErrors[keyof GetTerminalErrors];

export type GetTerminalResponses = {
    /**
     * A terminal. ``cursor`` is the end of its output, ``earliest`` the beginning of what is kept of it.
     *
     * ``exitCode`` is 128 + n after signal n, and absent where it is not known.
     */
    200: TerminalView;
};

export type GetTerminalResponse = GetTerminalResponses[keyof GetTerminalResponses];

export type StreamTerminalData = {
    body?: never;
    headers?: {
        /**
         * The id of the last frame seen; wins over `after`.
         */
        'Last-Event-ID'?: string;
    };
    path: {
        /**
         * A terminal.
         */
        terminalId: string;
    };
    query?: {
        /**
         * A cursor, or `0` for the beginning; without one, from now.
         */
        after?: string;
        /**
         * `false`: end at the head; 204 when nothing is left.
         */
        follow?: boolean;
        /**
         * Who looks: its size counts as long as a stream with this name is open.
         */
        viewerId?: string;
    };
    url: '/api/terminal/{terminalId}/events';
};

export type StreamTerminalErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type StreamTerminalError = StreamTerminalErrors[keyof StreamTerminalErrors];

export type StreamTerminalResponses = {
    /**
     * The events.
     */
    200: TerminalStreamItem;
    /**
     * With `follow=false`: nothing is left. An EventSource does not come again.
     */
    204: void;
};

export type StreamTerminalResponse = StreamTerminalResponses[keyof StreamTerminalResponses];

export type TypeIntoTerminalData = {
    body: TypeInput;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A terminal.
         */
        terminalId: string;
    };
    query?: never;
    url: '/api/terminal/{terminalId}/input';
};

export type TypeIntoTerminalErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
};

export type TypeIntoTerminalError = TypeIntoTerminalErrors[keyof TypeIntoTerminalErrors];

export type TypeIntoTerminalResponses = {
    /**
     * What was typed: all of this client's inputs up to ``acked``.
     */
    200: InputTaken;
};

export type TypeIntoTerminalResponse = TypeIntoTerminalResponses[keyof TypeIntoTerminalResponses];

export type GetTerminalOutputData = {
    body?: never;
    path: {
        /**
         * A terminal.
         */
        terminalId: string;
    };
    query?: {
        /**
         * A `cursor`, or an offset; without one, the beginning.
         */
        since?: string;
        /**
         * At most so many bytes.
         */
        limit?: number;
    };
    url: '/api/terminal/{terminalId}/output';
};

export type GetTerminalOutputErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
};

export type GetTerminalOutputError = GetTerminalOutputErrors[keyof GetTerminalOutputErrors];

export type GetTerminalOutputResponses = {
    /**
     * A piece of a terminal's output. ``offset`` is that of its first byte; ask again with ``cursor``.
     *
     * ``closed``: the program has ended, and this is the last of it. ``reset``: it does not go on where you were.
     */
    200: OutputPage;
};

export type GetTerminalOutputResponse = GetTerminalOutputResponses[keyof GetTerminalOutputResponses];

export type ResizeTerminalData = {
    body: ResizeTerminal;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A terminal.
         */
        terminalId: string;
    };
    query?: never;
    url: '/api/terminal/{terminalId}/resize';
};

export type ResizeTerminalErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
};

export type ResizeTerminalError = ResizeTerminalErrors[keyof ResizeTerminalErrors];

export type ResizeTerminalResponses = {
    /**
     * The size that the terminal has now: that of its smallest viewer, or of the one in control.
     */
    200: TerminalResizedView;
};

export type ResizeTerminalResponse = ResizeTerminalResponses[keyof ResizeTerminalResponses];

export type ListTerminalsData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/api/terminals';
};

export type ListTerminalsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type ListTerminalsError = ListTerminalsErrors[keyof ListTerminalsErrors];

export type ListTerminalsResponses = {
    /**
     * The terminals, the oldest first; those that ended stay for a day, the newest 50 of them.
     */
    200: TerminalList;
};

export type ListTerminalsResponse = ListTerminalsResponses[keyof ListTerminalsResponses];

export type ListTokensData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/api/tokens';
};

export type ListTokensErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type ListTokensError = ListTokensErrors[keyof ListTokensErrors];

export type ListTokensResponses = {
    /**
     * The further tokens.
     */
    200: TokenList;
};

export type ListTokensResponse = ListTokensResponses[keyof ListTokensResponses];

export type CreateTokenData = {
    body: CreateToken;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path?: never;
    query?: never;
    url: '/api/tokens';
};

export type CreateTokenErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The body, or the prompt in it, is over the limit.
     */
    413: Problem;
    /**
     * A body is `application/json`.
     */
    415: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type CreateTokenError = CreateTokenErrors[keyof CreateTokenErrors];

export type CreateTokenResponses = {
    /**
     * A new token. ``secret`` is shown this once.
     */
    201: TokenMade;
};

export type CreateTokenResponse = CreateTokenResponses[keyof CreateTokenResponses];

export type RevokeTokenData = {
    body?: never;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path: {
        /**
         * A token; `owner_token` is the owner's.
         */
        tokenId: string;
    };
    query?: never;
    url: '/api/tokens/{tokenId}';
};

export type RevokeTokenErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * There is no such thing.
     */
    404: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
    /**
     * The server can't do this now.
     */
    503: Problem;
    /**
     * The disk that holds the log is full.
     */
    507: Problem;
};

export type RevokeTokenError = RevokeTokenErrors[keyof RevokeTokenErrors];

export type RevokeTokenResponses = {
    /**
     * A token was revoked; its streams end. The owner's was replaced: ``message`` says where the new one is.
     */
    200: TokenRemoved;
};

export type RevokeTokenResponse = RevokeTokenResponses[keyof RevokeTokenResponses];

export type GetWhoAmIData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/api/whoami';
};

export type GetWhoAmIErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetWhoAmIError = GetWhoAmIErrors[keyof GetWhoAmIErrors];

export type GetWhoAmIResponses = {
    /**
     * Whose credential a request carries.
     */
    200: WhoAmI;
};

export type GetWhoAmIResponse = GetWhoAmIResponses[keyof GetWhoAmIResponses];

export type ListLegacySessionsData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/claude/api/claude/sessions';
};

export type ListLegacySessionsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type ListLegacySessionsError = ListLegacySessionsErrors[keyof ListLegacySessionsErrors];

export type CreateLegacySessionData = {
    body?: never;
    headers?: {
        /**
         * Sent again within a day with the same key, the same request is not carried out again: its answer comes again, with `Idempotency-Replayed: true`.
         */
        'Idempotency-Key'?: string;
    };
    path?: never;
    query?: never;
    url: '/claude/api/claude/sessions';
};

export type CreateLegacySessionErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * It does not fit how things stand now.
     */
    409: Problem;
    /**
     * It is gone for good, or its log is damaged and is not served.
     */
    410: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * The request is well formed and can't be meant; `member` names what.
     */
    422: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type CreateLegacySessionError = CreateLegacySessionErrors[keyof CreateLegacySessionErrors];

export type GetDocsData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/docs';
};

export type GetDocsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetDocsError = GetDocsErrors[keyof GetDocsErrors];

export type GetDocsResponses = {
    /**
     * Request fulfilled, document follows
     */
    200: string;
};

export type GetDocsResponse = GetDocsResponses[keyof GetDocsResponses];

export type GetDocsScriptData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/docs/start.js';
};

export type GetDocsScriptErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetDocsScriptError = GetDocsScriptErrors[keyof GetDocsScriptErrors];

export type GetDocsScriptResponses = {
    /**
     * Request fulfilled, document follows
     */
    200: Blob | File;
};

export type GetDocsScriptResponse = GetDocsScriptResponses[keyof GetDocsScriptResponses];

export type GetDocsBundleData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/docs/swagger-ui-bundle.js';
};

export type GetDocsBundleErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetDocsBundleError = GetDocsBundleErrors[keyof GetDocsBundleErrors];

export type GetDocsBundleResponses = {
    /**
     * Request fulfilled, document follows
     */
    200: Blob | File;
};

export type GetDocsBundleResponse = GetDocsBundleResponses[keyof GetDocsBundleResponses];

export type GetDocsStyleData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/docs/swagger-ui.css';
};

export type GetDocsStyleErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetDocsStyleError = GetDocsStyleErrors[keyof GetDocsStyleErrors];

export type GetDocsStyleResponses = {
    /**
     * Request fulfilled, document follows
     */
    200: Blob | File;
};

export type GetDocsStyleResponse = GetDocsStyleResponses[keyof GetDocsStyleResponses];

export type GetHealthData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/healthz';
};

export type GetHealthErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
};

export type GetHealthError = GetHealthErrors[keyof GetHealthErrors];

export type GetHealthResponses = {
    /**
     * The server answers.
     */
    200: Health;
};

export type GetHealthResponse = GetHealthResponses[keyof GetHealthResponses];

export type GetMetricsData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/metrics';
};

export type GetMetricsErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetMetricsError = GetMetricsErrors[keyof GetMetricsErrors];

export type GetMetricsResponses = {
    /**
     * Request fulfilled, document follows
     */
    200: string;
};

export type GetMetricsResponse = GetMetricsResponses[keyof GetMetricsResponses];

export type GetReadinessData = {
    body?: never;
    path?: never;
    query?: never;
    url: '/readyz';
};

export type GetReadinessErrors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
};

export type GetReadinessError = GetReadinessErrors[keyof GetReadinessErrors];

export type GetReadinessResponses = {
    /**
     * The server answers.
     */
    200: Health;
};

export type GetReadinessResponse = GetReadinessResponses[keyof GetReadinessResponses];

export type GetOpenApi32Data = {
    body?: never;
    path?: never;
    query?: never;
    url: '/schema/openapi-3.2.json';
};

export type GetOpenApi32Errors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetOpenApi32Error = GetOpenApi32Errors[keyof GetOpenApi32Errors];

export type GetOpenApi32Responses = {
    /**
     * Request fulfilled, document follows
     */
    200: {
        [key: string]: unknown;
    };
};

export type GetOpenApi32Response = GetOpenApi32Responses[keyof GetOpenApi32Responses];

export type GetOpenApi31Data = {
    body?: never;
    path?: never;
    query?: never;
    url: '/schema/openapi.json';
};

export type GetOpenApi31Errors = {
    /**
     * The request is malformed; `member` names what.
     */
    400: Problem;
    /**
     * No valid credential came with the request.
     */
    401: Problem;
    /**
     * The credential does not go that far, or the request comes from another site.
     */
    403: Problem;
    /**
     * The server does not answer to this `Host`.
     */
    421: Problem;
    /**
     * Too much at once; come back later.
     */
    429: Problem;
};

export type GetOpenApi31Error = GetOpenApi31Errors[keyof GetOpenApi31Errors];

export type GetOpenApi31Responses = {
    /**
     * Request fulfilled, document follows
     */
    200: {
        [key: string]: unknown;
    };
};

export type GetOpenApi31Response = GetOpenApi31Responses[keyof GetOpenApi31Responses];
