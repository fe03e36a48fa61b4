"""Every port that the rules need, each with its promise.

A promise is kept by every adapter; the log's are tested once for all of its adapters (tests/eventlogs/test_port.py).
The numbers that time is given in are milliseconds since the Unix epoch unless a name says otherwise.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from msgspec import UNSET, Struct, UnsetType

from contracts.events import (
    ApprovalOption,
    Event,
    Origin,
    Status,
    StopReason,
    TerminalOwner,
    TokenScope,
    TurnUsage,
)
from contracts.views import Agent as AgentProfile
from contracts.views import Changes, FileNames, Token
from domain.access import Principal
from domain.ids import Epoch, SessionId, TurnId
from domain.measures import LogMeasures

Wake = Callable[[], None]
BATCH_BYTES = 256 * 1024
LOGIN_SECONDS = 30 * 24 * 60 * 60


class Recorded(Struct, frozen=True, gc=False):
    """One event as the log holds it: numbered in its session, placed in the whole log, encoded once.

    ``data`` is the event's JSON, one line. ``position`` grows with every event of every session and has holes.
    """

    session_id: SessionId
    seq: int
    position: int
    type: str
    data: bytes


class Batch(Struct, gc=False):
    """What one read found, ascending. The reader is past ``upto``, whether or not the last event matched its filter.

    ``complete`` says that nothing more was durable then: who watched before may wait now.

    Readers at the same cursor may be handed the same object, so that what one of them makes of it (``rendered``)
    serves all.
    """

    events: Sequence[Recorded]
    upto: int
    complete: bool
    rendered: bytes | None = None


Take = Callable[[Batch], bool]


class Listing(Struct, frozen=True, kw_only=True, gc=False):
    """A session as the listing holds it, written when it changes."""

    session_id: SessionId
    mode: str
    title: str
    working_dir: str
    status: Status
    created_at: int
    archived: bool
    at_rest: bool
    project_id: str | UnsetType = UNSET
    origin: Origin | UnsetType = UNSET
    agent_mode: str | UnsetType = UNSET
    agent_session_id: str | UnsetType = UNSET
    pid: int | UnsetType = UNSET
    process_started_at: int | UnsetType = UNSET


class Head(Struct, frozen=True, gc=False):
    """How far a session's log goes. ``earliest`` is the seq before the first event that is kept.

    ``listing`` is `None` for what listings don't show: the system's own log, and a deleted session's tombstone.
    ``last_activity`` is the timestamp of the newest event, and 0 for those.
    """

    epoch: Epoch
    seq: int
    earliest: int
    listing: Listing | None
    last_activity: int = 0
    deleted: bool = False


class StoredSnapshot(Struct, frozen=True):
    """A folded state as the log keeps it: ``data`` is what all events up to ``seq`` fold to."""

    seq: int
    data: bytes


class Blob(Struct, frozen=True):
    """A body too large for an event."""

    blob_id: str
    data: bytes


class SearchText(Struct, frozen=True):
    """A text by which its session is found, under the seq of the event that it belongs to."""

    seq: int
    text: str


class Upload(Struct, frozen=True, kw_only=True):
    """A body that was sent ahead of the prompt that will name it."""

    blob_id: str
    made_at: int
    name: str = ""
    media_type: str = ""
    data: bytes


class Receipt(Struct, frozen=True, kw_only=True):
    """That a request was carried out: kept in the commit of its effect, so that it is not carried out again.

    ``receipt_id`` stands for who asked what under which key, ``fingerprint`` for what the request held. The effect,
    where the log holds it, is the events of ``session_id`` after ``after`` up to ``upto``. ``answer`` is whatever the
    caller needs to answer the same again; `None` before it is known, and for what must not be kept.
    """

    receipt_id: str
    fingerprint: str
    made_at: int
    session_id: SessionId | None = None
    after: int = 0
    upto: int = 0
    answer: bytes | None = None


class ListingFilter(Struct, frozen=True, kw_only=True):
    """Which sessions a page shows; an absent member does not restrict.

    A session fits ``words`` if each of them occurs in its title, its prompts or its answers, whatever case and accents;
    of the last one the beginning is enough. A word is data, whatever it holds.
    """

    status: Status | UnsetType = UNSET
    mode: str | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    project_id: str | UnsetType = UNSET
    words: Sequence[str] = ()


class Listed(NamedTuple):
    """A session on a page; ``snippet`` is a piece of the newest text in which one of the filter's words was found."""

    listing: Listing
    head: Head
    snippet: str = ""


class EventLog(Protocol):
    """The durable log of all sessions, and what is kept beside it in the same commits.

    Any method that reaches the store may raise LogUnavailable. Every method that names a session, `append` of a first
    event apart, raises SessionNotFound for one that never was or whose tombstone is forgotten, and SessionQuarantined
    for one whose stored events fail their checksum.
    """

    @property
    def epoch(self) -> Epoch:
        """The name of this store's history, for cursors over all sessions."""

    @property
    def position(self) -> int:
        """The position of the last durable event of all."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many events of each type became durable since the log was opened."""

    @property
    def measures(self) -> LogMeasures:
        """How the log has done since it was opened."""

    def append(
        self,
        session_id: SessionId,
        events: Sequence[Event],
        *,
        expected_seq: int,
        listing: Listing | None,
        snapshot: bytes | None = None,
        blobs: Sequence[Blob] = (),
        texts: Sequence[SearchText] = (),
        receipt: Receipt | None = None,
    ) -> Awaitable[None]:
        """Take stamped *events* at once; they are durable when the awaitable returns, all of them or none.

        The call itself puts them in line and never waits; one session's appends are committed in the order of their
        calls, and those that arrive while a commit runs go together into the next. Nothing is visible to any reader
        before it is durable. *expected_seq* is the seq before the first of *events*; 0 makes the session, under a
        new epoch. *snapshot* is the state that all events so far fold to; *listing* replaces the session's row
        (`None` keeps it out of listings). An append that ends with `session-deleted` drops the session's other
        events, snapshots, blobs and texts in the same commit; the last event stays readable until `forget`.

        By *texts*, and by its title, the session is found from then on (`ListingFilter.words`). *receipt* is kept with
        where these events are; one that is known already stays as it is.

        The awaitable raises SequenceConflict when the log is not at *expected_seq*, so that after one append failed
        all later ones of that session fail too, LogFull when the disk is full. It need not be awaited.
        """

    async def head(self, session_id: SessionId) -> Head:
        """Return how far the session's log goes; never waits for more."""

    async def read(
        self, session_id: SessionId, *, after: int, limit: int, types: Collection[str] | None = None
    ) -> Batch:
        """Return up to *limit* durable events with ``seq > after``, in order and without a gap; never waits for more.

        A batch ends early once it holds BATCH_BYTES, so that a slow reader holds little; one event is always in it.

        With *types* only those match, and the batch may be empty though there is more: `Batch.upto` says how far the
        log was looked through. Raises CursorExpired if ``after`` lies before the earliest cursor.
        """

    async def read_all(
        self,
        *,
        after: int,
        sessions: Collection[SessionId] | None,
        limit: int,
        types: Collection[str] | None = None,
        lifecycle: bool = False,
    ) -> Batch:
        """Return up to *limit* durable events of *sessions* with ``position > after``, in order of position.

        `None` for *sessions* means the lifecycle events of all sessions (contracts.events.LIFECYCLE_TYPES); with
        *lifecycle* they come beside those of *sessions*, each event once. `Batch.upto` is a position. Sessions that
        don't exist are passed over. Raises CursorExpired as `read` does, with a position as its ``earliest``, if any
        of what was asked for was trimmed after *after*; it may do so again from there on.
        """

    def watch(self, session_id: SessionId | None, wake: Wake, take: Take | None = None) -> Callable[[], None]:
        """Call *wake* after each commit that holds events of the session (`None`: lifecycle events of any session).

        *wake* runs in the event loop, must not block and must not raise; while events come fast, calls are joined
        over some milliseconds, the longer the more watch. A watcher looks after it was called, and once after it began
        to watch. Costs nothing while nothing happens. Returns the function that ends the watch.

        *take* may be handed all that a commit holds of the session in place of a wake: a watcher that has all before it
        need not read. *wake* follows where it returns False.
        """

    def watchers(self, session_id: SessionId) -> int:
        """Return how many watch this session."""

    async def snapshot(self, session_id: SessionId) -> StoredSnapshot | None:
        """Return the newest stored snapshot."""

    async def blob(self, session_id: SessionId, blob_id: str) -> bytes:
        """Return a body whole. Raises BlobNotFound."""

    async def page(
        self, criteria: ListingFilter, *, before: tuple[int, SessionId] | None, limit: int
    ) -> Sequence[Listed]:
        """Return up to *limit* listed sessions by ``(last_activity, session_id)``, descending, from below *before*.

        What changes a session's row is in the listing with its commit; of events that do not change it, the newest may
        be up to a second younger than the ``last_activity`` that is told here.
        """

    async def restless(self) -> Sequence[SessionId]:
        """Return the sessions whose listing is not at rest, for the start after a crash."""

    async def overgrown(self, *, max_bytes: int, oldest: int) -> Sequence[SessionId]:
        """Return the sessions that hold more than *max_bytes* of events, or events from before *oldest*.

        Not those that hold one event: the newest always stays.
        """

    async def trim(self, session_id: SessionId, *, max_bytes: int, oldest: int, snapshot: StoredSnapshot) -> int:
        """Drop the oldest events until the session fits, in one commit with *snapshot*; return the new ``earliest``.

        The newest event always stays, and nothing after the snapshot is dropped. The texts of what is dropped go too.
        """

    async def forget(self, *, before: int) -> None:
        """Drop the tombstones of sessions that were deleted before that instant."""

    async def reindex(self) -> int:
        """Make anew what sessions are found by, from their events; all or nothing. Return the number of texts."""

    async def receipt(self, receipt_id: str) -> Receipt | None:
        """Return what is kept of a request."""

    async def keep_receipt(self, receipt: Receipt) -> None:
        """Keep what a request was answered; of one that is kept already only the answer changes. Raises LogFull."""

    async def upload(self, blob_id: str) -> Upload:
        """Return a body that was sent ahead. Raises BlobNotFound."""

    async def keep_upload(self, upload: Upload, *, most_bytes: int) -> None:
        """Keep a body. Raises UploadsFull if all of them would take more than *most_bytes*, LogFull."""

    async def expire(self, *, before: int) -> None:
        """Drop the receipts and the uploads that were made before that instant."""


class TurnEnd(Struct, frozen=True, kw_only=True):
    """How a turn ended, in the agent's words."""

    stop_reason: StopReason
    usage: TurnUsage | UnsetType = UNSET
    cwd: str | UnsetType = UNSET


class GivenFile(Struct, frozen=True):
    """A file below the working directory, by its absolute path. It was there when the prompt was taken."""

    path: str


class GivenText(Struct, frozen=True):
    """A text with a name, whole."""

    name: str
    text: str


class GivenBlob(Struct, frozen=True):
    """An uploaded body, whole; with the name and the media type that it was uploaded with, if any."""

    blob_id: str
    data: bytes
    name: str = ""
    media_type: str = ""


Given = GivenFile | GivenText | GivenBlob


class Turn(Struct, frozen=True, kw_only=True):
    """What an agent is asked: the prompt whole, what was given beside it, and where a shell begins.

    A shell has no use for ``context``: it runs the prompt alone. ``again``: the agent was at work on it when the server
    stopped, and what it asked then is answered now.
    """

    turn_id: TurnId
    command: str
    cwd: str
    context: Sequence[Given] = ()
    again: bool = False


class Emit(Protocol):
    """How an agent says what happened in its session, in turns and between them."""

    async def __call__(self, *events: Event) -> None:
        """Record unstamped *events* in their order.

        They are in line when the call begins to wait; it waits only while too much is not yet durable, which is how
        back-pressure reaches the agent's program. Raises LogFull or LogUnavailable when the log does not take them:
        the agent then ends what it runs.
        """


class Workspace(Protocol):
    """The directories under which sessions may work."""

    async def resolve(self, path: str | None, *, within: str | None = None) -> str:
        """Return the real path of a working directory; *within*, or the first workspace root, for `None`.

        Relative paths begin there. Raises InvalidWorkingDir for what does not exist, is not a directory, can't be
        entered or does not lie in *within*, OutsideRoots for what lies outside all roots once every link is followed.
        """

    async def complete(self, root: str | None, prefix: str) -> FileNames:
        """Return the files and directories below *root*, by default the first root, whose path begins with *prefix*.

        Hidden ones only where the prefix names a dot. Nothing outside the roots is looked into. Raises as `resolve`
        does for the root, and InvalidParameter for a prefix that leads upwards.
        """

    async def sizes(self, directory: str, paths: Sequence[str]) -> Sequence[int | None]:
        """Return how many bytes each of the regular files *paths* holds, `None` for what is none.

        They are relative to *directory*. No link is followed below it and no file is opened, so that neither a swapped
        name nor a special file does harm.
        """


class Worktree(Struct, frozen=True, kw_only=True):
    """A checkout of a session's own: ``working_dir`` is in it what ``source`` is in the repository's.

    ``kept`` once its session is known to be in the log.
    """

    source: str
    working_dir: str
    kept: bool


class Leftover(Struct, frozen=True, kw_only=True):
    """What stays of a worktree: its directory, since it holds what no commit does; its branch, with commits."""

    path: str | None = None
    branch: str | None = None


class Worktrees(Protocol):
    """Checkouts of their own for sessions. What was made outlives the server."""

    async def make(self, session_id: SessionId, source: str) -> Worktree:
        """Check the last commit of the repository around *source* out, on a branch of its own.

        What is not committed stays behind. Raises IsolationUnavailable where there is no such repository, and as
        `Workspace.resolve`; GitFailed, LogFull. Nothing is left then.
        """

    async def keep(self, session_id: SessionId) -> None:
        """Note that the session is in the log. Never raises: the next start looks again."""

    async def find(self, session_id: SessionId) -> Worktree | None:
        """Return the session's worktree. Raises GitFailed where what is known of it can't be read."""

    async def all(self) -> Sequence[SessionId]:
        """Return whose worktrees there are."""

    async def changes(self, session_id: SessionId) -> Changes:
        """Return what differs from the commit that the worktree began with. Raises WorktreeNotFound, GitFailed."""

    async def remove(self, session_id: SessionId, *, discard: bool) -> Leftover:
        """Remove a worktree, if it is clean or to be discarded, and its branch, unless it holds commits of its own.

        Forget it in any case; return what stays. Never raises.
        """


class FileState(Struct, frozen=True):
    """A regular file as it was found; without ``data`` there is none, or ``refusal`` says why it can't be worked on.

    ``mode`` is its permission bits; `None` for a file that is to be made as any other is.
    """

    data: bytes | None = None
    mode: int | None = None
    refusal: str = ""


class Change(Struct, frozen=True):
    """What a plan makes of one file. ``path`` is relative, in one spelling (domain/operations/locations.py)."""

    path: str
    before: FileState
    after: FileState


class PlanKey(Struct, frozen=True):
    """Which plan: forks of a session have plans of the same id."""

    session_id: SessionId
    plan_id: str


class Unsettled(Struct, frozen=True, kw_only=True):
    """What became of changes whose end was never told to `Files.settle`: whether they are `undo`'s, and are made.

    ``error`` says why, where they are not. ``note`` is what the caller gave with them.
    """

    key: PlanKey
    undo: bool
    made: bool
    note: bytes
    error: str = ""


class Files(Protocol):
    """The files of the workspaces, and a durable record of what plans changed in them.

    No path leads out of its working directory: links are not followed. Every method raises Invalid where the working
    directory itself is no longer one to work in, FilesUnavailable where the system refuses.
    """

    async def read(self, working_dir: str, paths: Collection[str]) -> Mapping[str, FileState]:
        """Return every file as it is. What is too large, no regular file or behind a link has a ``refusal``."""

    async def change(self, working_dir: str, key: PlanKey, changes: Sequence[Change], *, note: bytes) -> None:
        """Make all changes, or none.

        Durable when this returns; what a crash leaves half done is made whole by `recover`. Each file is compared
        with its ``before``, content and mode, after it was taken out of its place: no other writer's work is lost.
        Raises FilesChanged naming those that differ, FilesFull, FilesUnavailable: then nothing was changed.
        """

    async def undo(self, key: PlanKey, *, note: bytes) -> None:
        """Put back what `change` found, byte for byte, and remove the directories that it made and are empty.

        Raises as `change` does, and FilesUnavailable where nothing is kept of that plan.
        """

    async def note(self, key: PlanKey) -> bytes:
        """Return what was given with the `change` that `undo` would undo. Raises FilesUnavailable as that does."""

    async def settle(self, key: PlanKey) -> None:
        """Take note that the caller has recorded how the last `change` or `undo` of a plan ended."""

    async def recover(self, key: PlanKey | None = None) -> Sequence[Unsettled]:
        """Make whole what a crash left half done, of one plan or of all; return what is not settled.

        What can't be made whole now (a directory is away) stays as it is for the next call; of the plan that was asked
        for it is raised. So is FilesUnavailable where that plan's files are being changed; of all, such are left out.
        """

    async def forget(self, session_id: SessionId, *, keep: Collection[str] | None = None) -> None:
        """Drop what is kept to undo the session's plans, apart from those to *keep* and those that are not settled.

        With `None` nothing is kept, settled or not: the session is gone.
        """

    async def kept(self) -> Sequence[SessionId]:
        """Return the sessions of which something is kept."""


class Differ(Protocol):
    """Makes unified diffs."""

    async def diffs(self, pairs: Sequence[tuple[str, str]]) -> Sequence[str | None]:
        """Return the hunks, each from its ``@@`` on, that lead from the first text of each pair to the second.

        `None` where there would be too much of it to look at.
        """


class Usage(Struct, frozen=True, kw_only=True):
    """What the server takes of its machine: bytes, and processes that are supervised.

    ``unended`` counts those that SIGKILL did not end in time.
    """

    log_bytes: int
    disk_bytes: int
    disk_free_bytes: int
    processes: int
    unended: int


class Machine(Protocol):
    """What the server runs on."""

    def usage(self) -> Usage:
        """Return what is used now; never raises: what can't be told is 0."""


class TerminalPlan(Struct, frozen=True, kw_only=True):
    """What to open: a program on a PTY. Without ``command`` it is the user's shell, interactive.

    ``environment`` comes on top of the minimal one, and is not kept. A terminal with ``owner`` agent does not outlive
    the server.
    """

    terminal_id: str
    session_id: SessionId | None
    owner: TerminalOwner
    mode: str
    working_dir: str
    cols: int
    rows: int
    command: Sequence[str] = ()
    environment: Mapping[str, str] = {}


class TerminalState(Struct, frozen=True, kw_only=True):
    """What is known of a terminal now.

    Offsets count the bytes of its output from its beginning: ``offset`` lies after the last one, ``earliest`` before
    the first one that is kept. Queries in the output before ``replied`` were answered. ``ended_at`` is set once its
    program is gone, and ``exit_code`` if it is known how (128 and the signal's number for a signal).
    """

    plan: TerminalPlan
    epoch: Epoch
    created_at: int
    pid: int
    cols: int
    rows: int
    earliest: int
    offset: int
    replied: int = 0
    ended_at: int | None = None
    exit_code: int | None = None


class TerminalOutput(Struct, frozen=True):
    """A piece of a terminal's output, as bytes. ``offset`` is the one after it."""

    data: bytes
    offset: int


class Terminal(Protocol):
    """One terminal, whose program lives on without the server if its owner is a user.

    Its last output stays readable after its program ended, until it is removed. All that reaches it may raise
    TerminalUnavailable where its holder does not answer.
    """

    @property
    def state(self) -> TerminalState:
        """Return what its holder last told; never waits."""

    async def read(self, *, after: int, limit: int) -> TerminalOutput:
        """Return up to *limit* bytes from offset *after* on, never waits for more.

        Raises CursorExpired if bytes from there on are gone, ValueError for an offset that is not yet reached.
        """

    def watch(self, wake: Wake) -> Callable[[], None]:
        """Call *wake* after each change of the state; joined, as `EventLog.watch` does. Returns what ends the watch."""

    def hold(self, reader: str, offset: int) -> None:
        """Have the program wait rather than run far ahead of a reader, who is at *offset*.

        A reader that does not come on for some seconds holds nobody back. Never waits.
        """

    def release(self, reader: str) -> None:
        """Forget a reader that was cut off: the program waits some seconds for another one that goes on from there.

        For those whose server is gone it waits longer. Never waits.
        """

    async def write(self, client_id: str, seq: int, data: bytes) -> int:
        """Type *data* into the terminal, exactly once and in order for each client; return the newest seq taken.

        At most 64 KiB at a time; a client's first *seq* is 1. One that was taken is not typed again. Waits while the
        program does not read. Raises InputGap for one that does not follow the last, naming that; InputRefused where
        the program did not read in time: nothing was taken then; TerminalOver once the program has ended.
        """

    async def reply(self, offset: int, data: bytes) -> None:
        """Answer, by *data*, a query whose last byte lies before *offset* in the output; exactly once for each.

        Nothing happens where `TerminalState.replied` is *offset* or more, or the program does not read.
        Raises TerminalOver.
        """

    async def resize(self, cols: int, rows: int) -> None:
        """Give the terminal another size. Raises TerminalOver."""

    async def end(self) -> None:
        """End the program and everything that it started, politely first; returns when nothing of it is left."""

    async def remove(self) -> None:
        """Forget an ended terminal with its output."""


class TerminalHost(Protocol):
    """Opens terminals, and finds those that are held again after a restart."""

    async def open(self, plan: TerminalPlan) -> Terminal:
        """Open a terminal; its program runs when this returns.

        Raises TerminalUnavailable where that can't be done, and as `Workspace.resolve` for its directory.
        """

    async def find(self) -> Sequence[Terminal]:
        """Return every terminal of this data directory that is not removed, those that ended meanwhile included.

        What an agent owned ended with the server that it was opened by.
        """


class TerminalScreen(Struct, frozen=True, kw_only=True):
    """What a terminal shows after ``offset`` bytes of output.

    ``data`` are bytes that paint it, modes, cursor and title included, on a terminal of that size that was reset.
    ``exact`` is False where output that is gone may have mattered.
    """

    offset: int
    cols: int
    rows: int
    title: str
    data: bytes
    exact: bool = True


class Screens(Protocol):
    """What terminals show, kept beside their output; answers what programs ask a terminal."""

    def follow(self, terminal: Terminal) -> None:
        """Follow a terminal from now on until it is removed: its queries are answered here and by no viewer."""

    async def screen(self, terminal: Terminal) -> TerminalScreen:
        """Return what the terminal shows now. Raises TerminalUnavailable."""


class Asking(Struct, frozen=True, kw_only=True):
    """What an agent at work wants to be allowed: the tool call of ``tool_call_id``, emitted before.

    ``command`` is what a human reads, unless the call's own input has the exact command. ``options`` are the agent's.
    ``input`` is any JSON that tells this request from every other, without what is new each time the same is asked for
    (ids). ``editable`` where the agent takes another command in its place.
    """

    tool_call_id: str
    command: str
    explanation: str
    options: Sequence[ApprovalOption]
    input: Any
    editable: bool = False


class Permission(Struct, frozen=True, kw_only=True):
    """What an agent is told: ``option_id`` is the one of its own options that means this most nearly.

    It is empty where the agent offered none that means yes, or no. ``custom_command`` is to run in place of what was
    asked for.
    """

    approved: bool
    option_id: str
    custom_command: str | UnsetType = UNSET


class Desk(Protocol):
    """What a session offers to its agent."""

    @property
    def agent_session_id(self) -> str | None:
        """The agent's own id of the session, as it said last (``session-updated.agentSessionId``); `None` at first.

        Whoever has one resumes by it; who can't says so, and names the new one.
        """

    @property
    def agent_mode(self) -> str | None:
        """The mode of the agent's own that a human chose, or the agent itself; `None` for that of its profile.

        It may change at any time; an agent looks before each turn.
        """

    async def emit(self, *events: Event) -> None:
        """Record what happened, as `Emit` promises; ``exited`` is told only where no turn is at work."""

    async def ask(self, asking: Asking) -> Permission | None:
        """Return what the rules say, else what a human answers; several may be asked at once.

        A yes is durable when this returns, and counts once. `None` where nobody answers before the time or the end of
        the turn, or no turn runs. Cancelling the call withdraws the question. Raises as `emit` does.
        """

    async def read_text(self, path: str, *, line: int | None = None, limit: int | None = None) -> str:
        """Return a file below a workspace root, from *line* on (the first is 1), up to *limit* lines.

        It counts as read in the session's context. Raises FileNotFoundError, PathOutside, FilesUnavailable for what is
        too large or no text.
        """

    async def write_text(self, path: str, text: str) -> None:
        """Make or replace a file below the session's directory, as a plan that is carried out at once.

        So it can be undone. Raises PathOutside, FilesUnavailable, FilesChanged, and as `emit` does.
        """

    async def open_terminal(
        self, command: Sequence[str], *, working_dir: str | None, environment: Mapping[str, str]
    ) -> str:
        """Run a program in a terminal of the session, which ends with the turn; return its id.

        Raises what tells why not: TowpathError.
        """

    async def terminal_output(self, terminal_id: str, *, limit: int) -> tuple[TerminalOutput, TerminalState]:
        """Return up to *limit* bytes of what a terminal wrote last, and its state. Raises TerminalNotFound."""

    async def wait_terminal(self, terminal_id: str) -> TerminalState:
        """Return a terminal's state once its program is gone. Raises TerminalNotFound."""

    async def end_terminal(self, terminal_id: str) -> None:
        """End a terminal's program; its output stays readable for a while. Raises TerminalNotFound."""


class AgentSession(Struct, frozen=True, kw_only=True):
    """A conversation that an agent remembers, by its own id. ``updated_at`` is in milliseconds since the Unix epoch."""

    agent_session_id: str
    title: str
    updated_at: int | None


class Agent(Protocol):
    """One session's agent: a program, or a shell."""

    @property
    def alive(self) -> bool:
        """Whether anything that it started still lives: then it must be closed, not forgotten."""

    async def run(self, turn: Turn) -> TurnEnd:
        """Work on one turn until it is over, and emit all that happens meanwhile.

        Emits `session-status` ``running`` with the pid as soon as a process works on it. Does not raise for what
        the program does wrong: that is emitted as `session-error` and ends the turn with ``error``. Raises
        AgentUnavailable when the program can't be started. Cancelling the calling task ends the
        turn's processes, at the latest after a few seconds.
        """

    async def cancel(self) -> None:
        """Stop the turn that `run` was called for, politely first; `run` then returns ``cancelled``.

        Returns when the turn is over; does nothing when none runs.
        """

    async def close(self) -> None:
        """End the agent and everything it started, background jobs included; returns when nothing of it is left.

        A turn that runs ends as ``cancelled``.
        """

    async def fork(self, working_dir: str) -> str | None:
        """Return the agent's own id of a copy of its session as it is now, to be resumed in *working_dir*.

        `None` where it can't make one. Not to be called while a turn runs.
        """


@runtime_checkable  # Litestar looks whether what it injects is one
class AgentLauncher(Protocol):
    """Knows the agent profiles and makes agents."""

    def profiles(self) -> Sequence[AgentProfile]:
        """Return all profiles, those that can't start here included, with the reason."""

    def launch(self, session_id: SessionId, *, mode: str, working_dir: str, desk: Desk) -> Agent:
        """Return the session's agent; nothing is started before its first turn. Raises UnknownMode."""

    async def sessions(self, mode: str, *, working_dir: str) -> Sequence[AgentSession]:
        """Return the conversations that an agent remembers of a directory, the newest first, wherever they were held.

        The agent is started for that, and ended. Raises UnknownMode, AgentUnavailable, and as `Workspace.resolve`.
        """

    async def recall(self, mode: str, *, working_dir: str, agent_session_id: str) -> Sequence[Event]:
        """Return what was said in such a conversation, as whole turns; nothing where the agent can only go on with it.

        The agent is started for that, and ended. Raises InvalidAgentSession for one that it does not know, and as
        `sessions` does.
        """


class Clock(Protocol):
    """Wall time."""

    def now(self) -> int:
        """Return milliseconds since the Unix epoch, UTC."""


class PrivateFiles(Protocol):
    """Small files that nobody but the server's user can read, each replaced whole."""

    def read(self, name: str) -> bytes | None:
        """Return the file's content, `None` where there is none.

        Raises StartRefused if it is no regular file, belongs to somebody else, or others may read or write it.
        """

    def replace(self, name: str, data: bytes) -> None:
        """Put *data* in the file's place; it survives a power cut when this returns. Raises LogFull, LogUnavailable."""


class Credentials(Protocol):
    """The tokens and browser logins that open the server. Secrets hold 256 random bits; only their hashes are kept.

    The three ways to look a secret up take any bytes, in a time that says nothing about what is stored.
    """

    def by_token(self, secret: bytes) -> Principal | None:
        """Return whose token this is; the owner's is ``domain.access.OWNER_ID``."""

    def by_login(self, secret: bytes) -> Principal | None:
        """Return whose browser login this is."""

    def by_code(self, code: bytes) -> Principal | None:
        """Return who made this login code, and use it up."""

    def make_code(self, principal: Principal) -> tuple[str, int]:
        """Return a login code and when it expires, in ten minutes. Of too many live ones the oldest goes."""

    async def make_login(self, principal: Principal) -> str:
        """Return the secret of a new browser login with the rights of the principal's token; survives a restart.

        It is good for LOGIN_SECONDS. Of too many of one token the oldest is revoked. Raises WrongCredential when a
        token is revoked meanwhile.
        """

    async def end_login(self, login_id: str) -> None:
        """Revoke a browser login; not an error when it is gone already."""

    def tokens(self) -> Sequence[Token]:
        """Return the further tokens, without the owner's, the oldest first."""

    async def make_token(self, *, name: str, scope: TokenScope, session_id: SessionId | None) -> tuple[Token, str]:
        """Return a new token and its secret, which nobody can look up again.

        Raises WrongCredential when another is revoked meanwhile.
        """

    async def revoke_token(self, token_id: str) -> None:
        """End a token, its logins and its login codes at once; the owner's is replaced by a new one.

        Raises TokenNotFound.
        """

    def on_revoked(self, listener: Callable[[str], None]) -> None:
        """Call *listener* with each ``token_id`` or ``login_id`` that is no longer good (`Principal.depends_on`)."""


class Audit(Protocol):
    """The record of who did what."""

    def note(self, action: str, *, by: str, peer: str = "", **about: str) -> None:
        """Write one line; never raises. *by* is a token's id, *about* says more and holds no secret.

        The action ``denied`` comes from strangers: of many within a minute the rest is only counted.
        """
