"""The use cases of terminals: opened, found again after a restart, resized, ended; and what the log tells of them.

A terminal is known once `terminal-created` is durable, in its session's log or the system's; a program without that
event is ended. `terminal-closed` follows it exactly once: who records it asks the folded state in the same step.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import anyio
from anyio.abc import TaskGroup
from msgspec import UNSET, Struct

from contracts.events import Event, TerminalClosed, TerminalCreated, TerminalOwner
from contracts.terminals import InputTaken, TerminalRemoved, TypeInput
from domain.access import Principal
from domain.errors import (
    SessionNotFound,
    TerminalNotFound,
    TerminalOver,
    TerminalsFull,
    TerminalUnavailable,
    TowpathError,
    UnknownMode,
)
from domain.ids import SessionId, make_id
from domain.owners import Owners
from domain.ports import Clock, Screens, Terminal, TerminalHost, TerminalPlan, TerminalState, Workspace
from domain.receipts import aside
from domain.system import SystemLog
from domain.viewers import Size, Viewers

logger = logging.getLogger(__name__)

SHELL = "shell"
ENDED_KEPT = 50
ENDED_KEPT_MS = 24 * 60 * 60 * 1000


class Limits(Struct, frozen=True, kw_only=True):
    """How many terminals may run at once."""

    in_all: int
    in_session: int


class NewTerminal(Struct, frozen=True, kw_only=True):
    """What to open. Without ``command`` it is the user's shell, and ``mode`` says so.

    ``working_dir`` is by default the session's, or the first workspace root; ``environment`` comes on top of the
    minimal one. One with ``owner`` agent needs a session, ends with its turn, and never outlives the server.
    """

    session_id: SessionId | None = None
    owner: TerminalOwner = "user"
    mode: str = SHELL
    working_dir: str | None = None
    cols: int = 80
    rows: int = 24
    command: Sequence[str] = ()
    environment: Mapping[str, str] = {}


class Held:
    """A terminal as this server knows it."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.viewers = Viewers()
        self.known = False
        """Whether its `terminal-created` is durable."""
        self.ending = False
        """Whether somebody ends it, who tells then that it is over."""
        self.closed = False
        """Whether its `terminal-closed` is durable, or nobody is left to be told."""
        self.over = anyio.Event()
        """Set once its program is gone."""
        self.fitting = anyio.Lock()
        self.end_watch: Callable[[], None] = _nothing

    @property
    def plan(self) -> TerminalPlan:
        return self.terminal.state.plan

    @property
    def ended_at(self) -> int | None:
        return self.terminal.state.ended_at


class Terminals:
    """All terminals of this server.

    For an agent: `open`, `get`, `wait`, `end`; what it opens ends with its turn.
    """

    def __init__(
        self,
        *,
        host: TerminalHost,
        screens: Screens,
        owners: Owners,
        system: SystemLog,
        workspace: Workspace,
        clock: Clock,
        tasks: TaskGroup,
        limits: Limits,
    ) -> None:
        self._host = host
        self._screens = screens
        self._owners = owners
        self._system = system
        self._workspace = workspace
        self._clock = clock
        self._tasks = tasks
        self._limits = limits
        self.inputs = 0
        """How often something was typed since the start."""
        self._opening: list[SessionId | None] = []
        self._held: dict[str, Held] = {}

    async def open(self, wanted: NewTerminal) -> Terminal:
        """Open a terminal: its program runs and `terminal-created` is durable when this returns.

        Raises UnknownMode, SessionNotFound, InvalidWorkingDir, OutsideRoots, TerminalsFull, TerminalUnavailable,
        LogFull, LogUnavailable: then nothing runs.
        """
        if not wanted.command and wanted.mode != SHELL:
            raise UnknownMode(f"Of the mode {wanted.mode!r} no terminal can be opened; give `shell`.", member="$.mode")
        working_dir = wanted.working_dir
        if wanted.session_id is not None:
            owner = await self._owners.get(wanted.session_id)
            working_dir = working_dir or owner.state.working_dir
        working_dir = await self._workspace.resolve(working_dir)
        self._check_room(wanted.session_id)
        self._opening.append(wanted.session_id)
        try:
            plan = TerminalPlan(
                terminal_id=make_id(),
                session_id=wanted.session_id,
                owner=wanted.owner,
                mode=wanted.mode,
                working_dir=working_dir,
                cols=wanted.cols,
                rows=wanted.rows,
                command=wanted.command,
                environment=wanted.environment,
            )
            held = Held(await self._host.open(plan))
        finally:
            self._opening.remove(wanted.session_id)
        self._held[plan.terminal_id] = held
        try:
            await self._tell_opened(plan)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._each([held], self._discard)
            raise
        if self._held.get(plan.terminal_id) is not held:  # its session was deleted meanwhile
            assert plan.session_id is not None
            raise SessionNotFound(plan.session_id)
        self._adopt(held)
        return held.terminal

    def get(self, terminal_id: str) -> Terminal:
        """Return a terminal, ended or not. Raises TerminalNotFound."""
        return self._find(terminal_id).terminal

    def visible(self, terminal_id: str, principal: Principal) -> Terminal:
        """Return a terminal for one who may see it. Raises TerminalNotFound, also for another session's."""
        terminal = self.get(terminal_id)
        if principal.session_id not in (None, terminal.state.plan.session_id):
            raise TerminalNotFound(terminal_id)
        return terminal

    def all_visible(self, principal: Principal) -> list[Terminal]:
        """Return all terminals that somebody may see, the oldest first."""
        return [
            held.terminal
            for held in self._held.values()
            if held.known and principal.session_id in (None, held.plan.session_id)
        ]

    @property
    def running(self) -> int:
        """How many programs run."""
        return sum(held.ended_at is None for held in self._held.values())

    def _check_room(self, session_id: SessionId | None) -> None:
        if self.running + len(self._opening) >= self._limits.in_all:
            raise TerminalsFull(f"There are {self._limits.in_all} terminals, as many as may run; end one.")
        if session_id is None:
            return
        of_session = sum(held.ended_at is None for held in self._of(session_id)) + self._opening.count(session_id)
        if of_session >= self._limits.in_session:
            raise TerminalsFull(f"This session has {of_session} terminals, as many as may run in one; end one.")

    async def wait(self, terminal_id: str) -> TerminalState:
        """Return a terminal's state once its program is gone. Raises TerminalNotFound."""
        held = self._find(terminal_id)
        await held.over.wait()
        return held.terminal.state

    async def end(self, terminal_id: str) -> None:
        """End a terminal's program with all that it started; its output stays readable for a while.

        Raises TerminalNotFound, TerminalUnavailable, LogFull, LogUnavailable.
        """
        await self._end(self._find(terminal_id))

    async def remove(self, terminal_id: str) -> TerminalRemoved:
        """End a terminal if it runs, and forget it with its output. Raises as `end` does."""
        held = self._find(terminal_id)
        await self._end(held)
        if self._held.get(terminal_id) is held:
            await self._forget(held)
        return removed(terminal_id)

    async def type(self, terminal_id: str, typed: TypeInput) -> InputTaken:
        """Type into a terminal, once and in order for each client, as `Terminal.write` does.

        Raises TerminalNotFound, TerminalOver, InputGap, InputRefused, TerminalUnavailable.
        """
        acked = await self._find(terminal_id).terminal.write(typed.client_id, typed.seq, typed.octets)
        self.inputs += 1
        return InputTaken(terminal_id=terminal_id, acked=acked)

    async def end_turn(self, session_id: SessionId) -> None:
        """End what the session's agent opened: its turn is over. Never raises."""
        await self._each(
            [held for held in self._of(session_id) if held.plan.owner == "agent" and held.ended_at is None], self._end
        )

    async def end_session(self, session_id: SessionId) -> None:
        """End and forget all terminals of a session that is being deleted. Never raises."""
        with aside():  # the request's own effect is yet to come
            await self._each(self._of(session_id), self._discard)

    async def resize(self, terminal_id: str, viewer_id: str, size: Size, *, control: bool | None = None) -> Size:
        """Take the size that a viewer wants; return the one that the terminal has then.

        Raises TerminalNotFound, TerminalOver, TerminalUnavailable.
        """
        held = self._find(terminal_id)
        if held.ended_at is not None:
            raise TerminalOver(f"Terminal {terminal_id} has ended.")
        held.viewers.ask(viewer_id, size, control=control)
        await self._fit(held)
        state = held.terminal.state
        return Size(state.cols, state.rows)

    def enter(self, terminal_id: str, viewer_id: str) -> Callable[[], None]:
        """Note that a viewer looks; return what notes that it no longer does."""
        held = self._held.get(terminal_id)
        if held is None:  # removed since
            return _nothing
        held.viewers.enter(viewer_id)

        def leave() -> None:
            held.viewers.leave(viewer_id)
            self._tasks.start_soon(self._each, [held], self._fit)

        return leave

    async def recover(self) -> None:
        """Find the terminals of an earlier server, tell what became of them, end what nobody was told of.

        Call after `Owners.recover`, before anything else. Raises LogUnavailable.
        """
        try:
            found = await self._host.find()
        except TerminalUnavailable:
            logger.exception("terminals can't be looked for; what they are said to be stays as it was")
            return
        async with anyio.create_task_group() as tasks:  # together, so that they share commits
            for terminal in found:
                held = Held(terminal)
                self._held[held.plan.terminal_id] = held
                tasks.start_soon(self._each, [held], self._take_over)
        lost: list[tuple[SessionId | None, str]] = [
            (owner.state.session_id, one) for owner in self._owners for one in owner.state.terminals
        ]
        lost += [(None, one) for one in (await self._system.state()).terminals]
        for session_id, terminal_id in lost:
            if terminal_id not in self._held:
                try:
                    await self._record_closed(session_id, TerminalClosed(terminal_id=terminal_id))
                except TowpathError:
                    logger.exception("it can't be recorded that terminal %s is gone", terminal_id)

    async def tend(self) -> None:
        """Do again what failed, and forget what ended long ago. Never raises."""
        await self._each([held for held in self._held.values() if held.ended_at is not None], self._close)
        ended = sorted((held for held in self._held.values() if held.closed), key=_ended_at, reverse=True)
        oldest = self._clock.now() - ENDED_KEPT_MS
        await self._each(
            [one for n, one in enumerate(ended) if n >= ENDED_KEPT or _ended_at(one) < oldest], self._forget
        )

    def _find(self, terminal_id: str) -> Held:
        held = self._held.get(terminal_id)
        if held is None or not held.known:
            raise TerminalNotFound(terminal_id)
        return held

    def _of(self, session_id: SessionId) -> list[Held]:
        return [held for held in self._held.values() if held.plan.session_id == session_id]

    def _adopt(self, held: Held) -> None:
        """Make a terminal known, and watch it until it ends."""
        held.known = True
        if held.ended_at is None:
            self._screens.follow(held.terminal)
        held.end_watch = held.terminal.watch(partial(self._look, held))
        self._look(held)

    def _look(self, held: Held) -> None:
        """See whether the program is gone; whoever ends it tells that."""
        if held.ended_at is not None and not held.over.is_set():
            held.over.set()
            if not held.ending:
                self._tasks.start_soon(self._each, [held], self._close)

    async def _take_over(self, held: Held) -> None:
        plan = held.plan
        try:
            owner = None if plan.session_id is None else await self._owners.get(plan.session_id)
        except SessionNotFound:
            await self._discard(held)
            return
        except TowpathError:  # its log can't be read: it stays within reach, and nothing can be told
            self._adopt(held)
            raise
        told = (await self._system.state()).terminals if owner is None else owner.state.terminals
        if held.ended_at is None and plan.terminal_id not in told:
            await self._discard(held)
            return
        self._adopt(held)
        if plan.owner == "agent":
            await self._end(held)
        elif held.ended_at is not None:
            await self._close(held)

    async def _tell_opened(self, plan: TerminalPlan) -> None:
        created = TerminalCreated(
            terminal_id=plan.terminal_id,
            working_dir=plan.working_dir,
            mode=plan.mode,
            cols=plan.cols,
            rows=plan.rows,
            owner=plan.owner,
        )
        if plan.session_id is None:
            await self._system.emit(created)
            return
        owner = await self._owners.get(plan.session_id)
        if owner.closing:  # it ends its terminals now, and would not know of this one
            raise SessionNotFound(plan.session_id)
        await self._owners.settle(owner, owner.record(created))

    async def _end(self, held: Held) -> None:
        """End a program if it runs, and tell that, in a commit with the receipt of the request that asked for it."""
        if held.ended_at is None:
            held.ending = True
            try:
                await held.terminal.end()
                self._look(held)
            finally:
                held.ending = False
        await self._close(held)

    async def _close(self, held: Held) -> None:
        """Tell that a program is gone, if that was not told."""
        if held.closed:
            return
        state = held.terminal.state
        code = UNSET if state.exit_code is None else state.exit_code
        await self._record_closed(
            held.plan.session_id, TerminalClosed(terminal_id=held.plan.terminal_id, exit_code=code)
        )
        held.closed = True

    async def _record_closed(self, session_id: SessionId | None, closed: TerminalClosed) -> None:
        if session_id is None:
            await self._system.decide(lambda state: _if_open(closed, state.terminals))
            return
        try:
            owner = await self._owners.get(session_id)
            events = _if_open(closed, owner.state.terminals)
            if events:
                await self._owners.settle(owner, owner.record(*events))
        except SessionNotFound:  # nobody is left to be told
            return

    async def _discard(self, held: Held) -> None:
        """End and forget a terminal that nobody may see any more; where that fails, the next start does it."""
        self._drop(held)
        try:
            await self._end(held)
        finally:
            if held.ended_at is not None:
                await held.terminal.remove()

    async def _forget(self, held: Held) -> None:
        self._drop(held)
        await held.terminal.remove()

    def _drop(self, held: Held) -> None:
        self._held.pop(held.plan.terminal_id, None)
        held.end_watch()

    async def _fit(self, held: Held) -> None:
        """Give a terminal the size that its viewers want."""
        async with held.fitting:
            size, state = held.viewers.size, held.terminal.state
            if size is not None and size != (state.cols, state.rows) and state.ended_at is None:
                await held.terminal.resize(size.cols, size.rows)

    async def _each(self, all_held: Sequence[Held], do: Callable[[Held], Awaitable[None]]) -> None:
        """Do something with each, all at once. Never raises."""

        async def safely(held: Held) -> None:
            try:
                await do(held)
            except TowpathError:
                logger.warning("terminal %s: what was to be done failed", held.plan.terminal_id, exc_info=True)
            except Exception:
                logger.exception("terminal %s: what was to be done failed", held.plan.terminal_id)

        async with anyio.create_task_group() as tasks:
            for held in all_held:
                tasks.start_soon(safely, held)


def removed(terminal_id: str) -> TerminalRemoved:
    """Return the answer to a removal."""
    return TerminalRemoved(message="The terminal was ended and removed.", terminal_id=terminal_id)


def _if_open(closed: TerminalClosed, terminals: Sequence[str]) -> Sequence[Event]:
    return [closed] if closed.terminal_id in terminals else []


def _ended_at(held: Held) -> int:
    return held.ended_at or 0


def _nothing() -> None:
    pass
