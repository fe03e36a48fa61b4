"""The ports that have no adapter in memory, played by hand: clock, workspace, agents, terminals, a full disk."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from anyio import Event as Signal
from anyio import sleep_forever
from anyio.lowlevel import checkpoint
from msgspec.structs import replace
from typing_extensions import override

from contracts.events import (
    AgentMessage,
    CommandSent,
    Event,
    SessionOutput,
    SessionStatus,
    TurnCompleted,
    TurnStarted,
)
from contracts.views import Agent as AgentProfile
from contracts.views import Changes, FileName, FileNames
from domain.errors import (
    CursorExpired,
    FilesChanged,
    InputGap,
    InputRefused,
    InvalidAgentSession,
    InvalidWorkingDir,
    IsolationUnavailable,
    LogFull,
    PathOutside,
    TerminalNotFound,
    TerminalOver,
    TerminalUnavailable,
    TowpathError,
    UnknownMode,
    WorktreeNotFound,
)
from domain.ids import SessionId, make_epoch, make_id
from domain.ports import (
    Agent,
    AgentSession,
    Asking,
    Change,
    Clock,
    Desk,
    Emit,
    FileState,
    Leftover,
    Permission,
    PlanKey,
    Terminal,
    TerminalOutput,
    TerminalPlan,
    TerminalScreen,
    TerminalState,
    Turn,
    TurnEnd,
    Unsettled,
    Wake,
    Worktree,
)
from domain.questions import permission
from infrastructure.eventlogs.memory import MemoryEventLog

PID = 4711


class FakeClock:
    """Stands still until a test moves it."""

    def __init__(self, now: int = 1_700_000_000_000) -> None:
        self.time = now

    def now(self) -> int:
        return self.time


class FakeWorkspace:
    """Knows a few directories; the first is the root. ``files`` are sizes by path, relative to the directory."""

    def __init__(self, *paths: str) -> None:
        self.paths = paths or ("/srv/project",)
        self.files: dict[str, int] = {}

    async def sizes(self, directory: str, paths: Sequence[str]) -> Sequence[int | None]:
        assert directory in self.paths
        return [self.files.get(path) for path in paths]

    async def resolve(self, path: str | None, *, within: str | None = None) -> str:
        real = path or within or self.paths[0]
        if real not in self.paths or not f"{real}/".startswith(f"{within or ''}/"):
            raise InvalidWorkingDir(f"{path} does not exist, or not there.", member="$.workingDir")
        return real

    async def complete(self, root: str | None, prefix: str) -> FileNames:
        if root not in (None, *self.paths):
            raise InvalidWorkingDir(f"{root} does not exist.", member="root")
        files = [FileName(path=path, directory=False) for path in sorted(self.files) if path.startswith(prefix)]
        return FileNames(root=root or self.paths[0], files=files, truncated=False)


class FakeWorktrees:
    """Makes none on any disk. Those of ``dirty`` hold changes; ``repositories`` are the directories that are in one."""

    def __init__(self, *repositories: str) -> None:
        self.repositories = repositories
        self.made: dict[SessionId, Worktree] = {}
        self.dirty: set[SessionId] = set()
        self.left: list[str] = []
        self.before_keep: Callable[[SessionId], Awaitable[None]] | None = None

    async def make(self, session_id: SessionId, source: str) -> Worktree:
        if source not in self.repositories:
            raise IsolationUnavailable("The directory is in no git repository.")
        worktree = Worktree(source=source, working_dir=f"/worktrees/{session_id}", kept=False)
        self.made[session_id] = worktree
        return worktree

    async def keep(self, session_id: SessionId) -> None:
        if self.before_keep is not None:
            await self.before_keep(session_id)
        if session_id in self.made:
            self.made[session_id] = replace(self.made[session_id], kept=True)

    async def find(self, session_id: SessionId) -> Worktree | None:
        return self.made.get(session_id)

    async def all(self) -> Sequence[SessionId]:
        return list(self.made)

    async def changes(self, session_id: SessionId) -> Changes:
        if session_id not in self.made:
            raise WorktreeNotFound("The session has no worktree of its own.")
        return Changes(base_commit="0" * 40, branch="towpath-x", files=[], diff="", truncated=False)

    async def remove(self, session_id: SessionId, *, discard: bool) -> Leftover:
        worktree = self.made.pop(session_id, None)
        if worktree is None or discard or session_id not in self.dirty:
            return Leftover()
        self.left.append(worktree.working_dir)
        return Leftover(path=worktree.working_dir, branch=f"towpath-{session_id}")


class FakeDesk:
    """A session's desk without a session. ``answer`` says what becomes of a question: by default the agent's first yes.

    A human never answers where it is `None`.
    """

    def __init__(self, emit: Emit) -> None:
        self.emit = emit
        self.agent_session_id: str | None = None
        self.agent_mode: str | None = None
        self.asked: list[Asking] = []
        self.files: dict[str, str] = {}
        """By path: what the agent may read, and has written; nothing else is there."""
        self.answer: Callable[[Asking], Permission | None] | None = says_yes

    async def ask(self, asking: Asking) -> Permission | None:
        self.asked.append(asking)
        if self.answer is None:
            await sleep_forever()
            raise AssertionError
        return self.answer(asking)

    async def read_text(self, path: str, *, line: int | None = None, limit: int | None = None) -> str:
        if path not in self.files:
            raise FileNotFoundError(path)
        lines = self.files[path].splitlines(keepends=True)[(line or 1) - 1 :]
        return "".join(lines if limit is None else lines[:limit])

    async def write_text(self, path: str, text: str) -> None:
        if not path.startswith("/"):
            raise PathOutside("That is elsewhere.", member="path")
        self.files[path] = text

    async def open_terminal(
        self, command: Sequence[str], *, working_dir: str | None, environment: Mapping[str, str]
    ) -> str:
        del command, working_dir, environment
        raise TerminalUnavailable("There is none.")

    async def terminal_output(self, terminal_id: str, *, limit: int) -> tuple[TerminalOutput, TerminalState]:
        del limit
        raise TerminalNotFound(terminal_id)

    async def wait_terminal(self, terminal_id: str) -> TerminalState:
        raise TerminalNotFound(terminal_id)

    async def end_terminal(self, terminal_id: str) -> None:
        raise TerminalNotFound(terminal_id)


def says_yes(asking: Asking) -> Permission | None:
    return permission(asking.options, "allow-once", None)


def says_no(asking: Asking) -> Permission | None:
    return permission(asking.options, "reject-once", None)


class FakeAgent:
    """Plays a script for each turn. ``stop`` is set for the running turn by `cancel` and `close`.

    A script that passes over ``stop`` can't pass over ``ended``, which only `close` sets.
    """

    def __init__(self, play: "Play", desk: Desk) -> None:
        self.play = play
        self.desk = desk
        self.emit = desk.emit
        self.forked: str | None = None
        self.turns: list[Turn] = []
        self.alive = False
        self.cancels = 0
        self.stop = Signal()
        self.go = Signal()
        self.ended = Signal()
        self._over: Signal | None = None

    async def run(self, turn: Turn) -> TurnEnd:
        assert self._over is None, "two turns at once"
        assert not self.ended.is_set(), "a turn after the end"
        self.turns.append(turn)
        self.stop, self._over = Signal(), Signal()
        try:
            return await self.play(self, turn)
        finally:
            self._over.set()
            self._over = None

    async def cancel(self) -> None:
        self.cancels += 1
        if self._over is not None:
            over = self._over
            self.stop.set()
            await over.wait()

    async def close(self) -> None:
        self.ended.set()
        self.alive = False
        if self._over is not None:
            over = self._over
            self.stop.set()
            await over.wait()

    async def fork(self, working_dir: str) -> str | None:
        del working_dir
        return self.forked

    @property
    def commands(self) -> list[str]:
        return [turn.command for turn in self.turns]


Play = Callable[[FakeAgent, Turn], Awaitable[TurnEnd]]


async def answer(agent: FakeAgent, turn: Turn) -> TurnEnd:
    """Say the prompt again, at once."""
    await agent.emit(SessionStatus(status="running", pid=PID))
    await agent.emit(SessionOutput(turn_id=turn.turn_id, stream="stdout", content=turn.command))
    return TurnEnd(stop_reason="end")


async def write(agent: FakeAgent, turn: Turn) -> TurnEnd:
    """Answer with the prompt's own text, in pieces."""
    await agent.emit(SessionStatus(status="running", pid=PID))
    for at in range(0, len(turn.command), 7):
        await agent.emit(AgentMessage(turn_id=turn.turn_id, message_id="message-one", text=turn.command[at : at + 7]))
    return TurnEnd(stop_reason="end")


async def work(agent: FakeAgent, turn: Turn) -> TurnEnd:
    """Work until stopped."""
    del turn
    await agent.emit(SessionStatus(status="running", pid=PID))
    await agent.stop.wait()
    return TurnEnd(stop_reason="cancelled")


async def persist(agent: FakeAgent, turn: Turn) -> TurnEnd:
    """Work on whatever `cancel` asks, until the agent is ended."""
    del turn
    await agent.emit(SessionStatus(status="running", pid=PID))
    await agent.ended.wait()
    return TurnEnd(stop_reason="cancelled")


async def wait(agent: FakeAgent, turn: Turn) -> TurnEnd:
    """Work until a test says go."""
    del turn
    await agent.emit(SessionStatus(status="running", pid=PID))
    await agent.go.wait()
    return TurnEnd(stop_reason="end")


class FakeLauncher:
    """Launches agents that play one script, and keeps them."""

    def __init__(self, play: Play = answer) -> None:
        self.play = play
        self.agents: list[FakeAgent] = []
        self.visits = 0

    def profiles(self) -> Sequence[AgentProfile]:
        return [
            AgentProfile(mode="shell", title="Shell", protocol="shell", available=True),
            AgentProfile(mode="claude", title="Claude", protocol="claude", available=False, reason="Install it."),
            AgentProfile(mode="writer", title="Writer", protocol="acp", available=True, detects_operations=True),
        ]

    def launch(self, session_id: SessionId, *, mode: str, working_dir: str, desk: Desk) -> Agent:
        del session_id, working_dir
        if mode not in ("shell", "writer"):
            raise UnknownMode(f"There is no mode {mode!r}.", member="$.mode")
        self.agents.append(FakeAgent(self.play, desk))
        return self.agents[-1]

    async def sessions(self, mode: str, *, working_dir: str) -> Sequence[AgentSession]:
        del mode
        self.visits += 1
        return [AgentSession(agent_session_id=one, title=one, updated_at=1) for one in self.remembered(working_dir)]

    async def recall(self, mode: str, *, working_dir: str, agent_session_id: str) -> Sequence[Event]:
        del mode
        self.visits += 1
        if agent_session_id not in self.remembered(working_dir):
            raise InvalidAgentSession("It remembers no such session.", member="$.agentSessionId")
        return self.remembered(working_dir)[agent_session_id]

    def remembered(self, working_dir: str) -> Mapping[str, Sequence[Event]]:
        """By its own id: what the writer remembers of a directory."""
        turn = make_id()
        said = AgentMessage(turn_id=turn, message_id=make_id(), text=f"We are in {working_dir}.")
        asked = CommandSent(turn_id=turn, command="Where are we?", delivery="queue")
        return {"before": [asked, TurnStarted(turn_id=turn), said, TurnCompleted(turn_id=turn, stop_reason="end")]}

    @property
    def agent(self) -> FakeAgent:
        """The one that was launched last."""
        return self.agents[-1]

    @property
    def commands(self) -> list[str]:
        return [command for agent in self.agents for command in agent.commands]


class FakeFiles:
    """Files by their path, in one directory. With a *failure* nothing can be changed."""

    def __init__(self, **files: bytes) -> None:
        self.states = {path: FileState(data, 0o644) for path, data in files.items()}
        self.failure: TowpathError | None = None
        self.unsettled: list[Unsettled] = []
        self.records: dict[PlanKey, dict[bool, Unsettled]] = {}
        self.changes: dict[PlanKey, Sequence[Change]] = {}
        self.before_change: Callable[[], Awaitable[None]] | None = None

    @property
    def contents(self) -> dict[str, bytes]:
        return {path: state.data for path, state in self.states.items() if state.data is not None}

    async def read(self, working_dir: str, paths: Collection[str]) -> Mapping[str, FileState]:
        del working_dir
        return {path: self.states.get(path, FileState()) for path in paths}

    async def change(self, working_dir: str, key: PlanKey, changes: Sequence[Change], *, note: bytes) -> None:
        del working_dir
        if self.before_change is not None:
            await self.before_change()
        self._make(key, changes, note, undo=False)
        self.changes[key] = changes

    async def note(self, key: PlanKey) -> bytes:
        return self.records[key][False].note

    async def undo(self, key: PlanKey, *, note: bytes) -> None:
        if self.before_change is not None:
            await self.before_change()
        self._make(key, [Change(one.path, one.after, one.before) for one in self.changes[key]], note, undo=True)

    def _make(self, key: PlanKey, changes: Sequence[Change], note: bytes, *, undo: bool) -> None:
        if self.failure is not None:
            raise self.failure
        differing = [one.path for one in changes if self.states.get(one.path, FileState()).data != one.before.data]
        if differing:
            raise FilesChanged(differing)
        self.states |= {one.path: one.after for one in changes}
        self.records.setdefault(key, {})[undo] = Unsettled(key=key, undo=undo, made=True, note=note)
        self.unsettled.append(self.records[key][undo])

    async def settle(self, key: PlanKey) -> None:
        self.unsettled = [each for each in self.unsettled if each.key != key]

    async def recover(self, key: PlanKey | None = None) -> Sequence[Unsettled]:
        return [each for each in self.unsettled if key in (None, each.key)]

    async def forget(self, session_id: SessionId, *, keep: Collection[str] | None = None) -> None:
        for key in list(self.records):
            if key.session_id == session_id and key.plan_id not in (keep or ()):
                del self.records[key]

    async def kept(self) -> Sequence[SessionId]:
        return [key.session_id for key in self.records]


class FakeDiffer:
    """Says both texts."""

    async def diffs(self, pairs: Sequence[tuple[str, str]]) -> Sequence[str | None]:
        return [f"@@ {before!r} {after!r} @@\n" for before, after in pairs]


class FaultyEventLog(MemoryEventLog):
    """Takes nothing while ``full``, nothing of the session ``refused``; commits nothing while ``held``."""

    def __init__(self) -> None:
        super().__init__(window_seconds=0)
        self.full = False
        self.refused: SessionId | None = None
        self.held = False

    def release(self) -> None:
        self.held = False
        self._commit()

    @override
    def _commit(self) -> None:
        if not self.held:
            super()._commit()

    @override
    def _fence(self, session_id: SessionId, expected_seq: int) -> Any:
        if self.full or session_id == self.refused:
            raise LogFull("The disk is full.")
        return super()._fence(session_id, expected_seq)


class FakeTerminal:
    """Holds what a test says that its program wrote; the newest ``room`` bytes are kept."""

    def __init__(self, plan: TerminalPlan, clock: Clock, *, pid: int = PID) -> None:
        self.output = b""
        self.room = 1 << 30
        self.typed: list[tuple[str, bytes]] = []
        self.seqs: dict[str, int] = {}
        self.held_at: list[int] = []
        self.readers: set[str] = set()
        self.removed = False
        self.unanswering = False
        self.refusing = False
        self.state = TerminalState(
            plan=plan,
            epoch=make_epoch(),
            created_at=clock.now(),
            pid=pid,
            cols=plan.cols,
            rows=plan.rows,
            earliest=0,
            offset=0,
        )
        self._clock = clock
        self.watchers: dict[object, Wake] = {}

    def _change(self, **members: Any) -> None:
        self.state = replace(self.state, **members)
        for wake in list(self.watchers.values()):
            wake()

    def say(self, data: bytes) -> None:
        """Let the program write."""
        self.output += data
        offset = len(self.output)
        self._change(offset=offset, earliest=max(self.state.earliest, offset - self.room))

    def exit(self, code: int | None = 0) -> None:
        """Let the program end by itself."""
        if self.state.ended_at is None:
            self._change(ended_at=self._clock.now(), exit_code=code)

    async def read(self, *, after: int, limit: int) -> TerminalOutput:
        self._answer()
        if after > self.state.offset:
            raise ValueError(after)
        if after < self.state.earliest:
            raise CursorExpired(self.state.earliest)
        data = self.output[after : min(after + limit, self.state.offset)]
        return TerminalOutput(data, after + len(data))

    def watch(self, wake: Wake) -> Callable[[], None]:
        key = object()
        self.watchers[key] = wake
        return lambda: self.watchers.pop(key, None) and None

    def hold(self, reader: str, offset: int) -> None:
        self.readers.add(reader)
        self.held_at.append(offset)

    def release(self, reader: str) -> None:
        self.readers.discard(reader)

    async def write(self, client_id: str, seq: int, data: bytes) -> int:
        self._answer()
        if self.state.ended_at is not None:
            raise TerminalOver("The terminal has ended.")
        last = self.seqs.get(client_id, 0)
        if seq > last + 1:
            raise InputGap(last + 1)
        if self.refusing:
            raise InputRefused("The program does not read.")
        if seq == last + 1:
            self.seqs[client_id] = seq
            self.typed.append((client_id, data))
            self.say(data)
        return self.seqs[client_id]

    async def reply(self, offset: int, data: bytes) -> None:
        raise NotImplementedError

    async def resize(self, cols: int, rows: int) -> None:
        self._answer()
        self._change(cols=cols, rows=rows)

    async def end(self) -> None:
        self._answer()
        await checkpoint()
        self.exit(129)

    async def remove(self) -> None:
        assert self.state.ended_at is not None, "removed while it ran"
        self.removed = True

    def _answer(self) -> None:
        if self.unanswering:
            raise TerminalUnavailable("The terminal's holder does not answer.")


class FakeTerminals:
    """Opens terminals without programs. Those that are not removed are found again."""

    def __init__(self, clock: Clock) -> None:
        self.opened: list[FakeTerminal] = []
        self.failure: TowpathError | None = None
        self.lost: set[str] = set()
        self.greeting = b""
        self.before_open: Callable[[], Awaitable[None]] | None = None
        self._clock = clock

    async def open(self, plan: TerminalPlan) -> Terminal:
        if self.before_open is not None:
            await self.before_open()
        if self.failure is not None:
            raise self.failure
        self.opened.append(FakeTerminal(plan, self._clock, pid=PID + len(self.opened)))
        self.opened[-1].say(self.greeting)
        return self.opened[-1]

    async def find(self) -> Sequence[Terminal]:
        if self.failure is not None:
            raise self.failure
        return [one for one in self.opened if not one.removed and one.state.plan.terminal_id not in self.lost]

    def leave(self) -> None:
        """Let the server go that watched; the programs stay."""
        for terminal in self.opened:
            terminal.watchers.clear()

    @property
    def running(self) -> list[FakeTerminal]:
        return [one for one in self.opened if one.state.ended_at is None]


class FakeScreens:
    """Shows the last 8 bytes of the output."""

    def __init__(self) -> None:
        self.followed: list[str] = []

    def follow(self, terminal: Terminal) -> None:
        self.followed.append(terminal.state.plan.terminal_id)

    async def screen(self, terminal: Terminal) -> TerminalScreen:
        state = terminal.state
        shown = await terminal.read(after=max(state.earliest, state.offset - 8), limit=8)
        return TerminalScreen(offset=shown.offset, cols=state.cols, rows=state.rows, title="fake", data=shown.data)
