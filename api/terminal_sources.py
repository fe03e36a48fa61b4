"""What streams of terminals read: bytes of output as frames, alone or beside the events of many sessions."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from msgspec import UNSET

from api import sse
from api.sources import Found, Put, StoreSource
from contracts.events import MAX_SAFE_INTEGER, SYSTEM_SESSION_ID, StreamReset, TerminalClosed
from contracts.terminals import TerminalFrame, TerminalOutput, TerminalResized, TerminalSnapshot
from domain.cursors import Position, TerminalStart, end_of_output, format_cursor, start_in_terminal
from domain.errors import CursorExpired, NotFound, TerminalNotFound, Unavailable
from domain.ids import Epoch, make_id
from domain.ports import Screens, Terminal, TerminalState, Wake
from domain.terminals import Terminals
from domain.viewers import Size

PIECE_BYTES = 48 * 1024
CHUNK_BYTES = 4 * PIECE_BYTES


class TerminalSource:
    """One terminal's output from an offset on; where there is none, what the terminal shows comes first."""

    def __init__(
        self,
        terminal: Terminal,
        start: TerminalStart,
        *,
        sources: "TerminalSources",
        viewers: Sequence[str],
        follow: bool,
    ) -> None:
        self.terminal_id = terminal.state.plan.terminal_id
        self.over = start.after is not None and start.after > terminal.state.offset  # its end was seen
        self.cursor_in: Callable[[], str] = self._own_cursor
        """Returns the cursor that this one's frames have."""
        self._terminal = terminal
        self._after = start.after
        self._reset = start.reset
        self._size: Size | None = None
        self._sources = sources
        self._reader = make_id()
        self._viewers = viewers
        self._follow = follow

    @property
    def position(self) -> str | None:
        """The cursor in this terminal alone; `None` before it was shown."""
        return None if self._after is None else format_cursor(self._terminal.state.epoch, self._after)

    @property
    def cursor(self) -> str:
        return self.cursor_in()

    @property
    def at_head(self) -> bool:
        """Whether there is nothing more to tell now."""
        return self._after is not None and self._after >= end_of_output(self._terminal.state)

    @property
    def earliest(self) -> str:
        """The cursor before all that is kept."""
        return format_cursor(self._terminal.state.epoch, self._terminal.state.earliest)

    def _own_cursor(self) -> str:
        return self.position or format_cursor(self._terminal.state.epoch, 0)

    async def next(self) -> Found:
        try:
            return await (self._show() if self._after is None else self._go_on(self._after))
        except (NotFound, Unavailable):
            if not self._sources.knows(self._terminal):  # removed while it was read
                raise TerminalNotFound(self.terminal_id) from None
            raise

    async def _show(self) -> Found:
        """Begin anew with what the terminal shows."""
        frames = b""
        if self._reset is not None:
            self._sources.resets[self._reset] += 1
            reset = StreamReset(reason=self._reset, terminal_id=self.terminal_id, earliest=self.earliest)
            frames = sse.frame(reset, self.cursor)
        screen = await self._sources.screens.screen(self._terminal)
        self._reset, self._after, self._size = None, screen.offset, Size(screen.cols, screen.rows)
        snapshot = TerminalSnapshot(
            terminal_id=self.terminal_id,
            offset=screen.offset,
            cols=screen.cols,
            rows=screen.rows,
            title=screen.title,
            data=screen.data,
            exact=screen.exact,
        )
        return Found(frames + self._frame(snapshot), at_head=False)

    async def _go_on(self, after: int) -> Found:
        frames = []
        before = self._terminal.state
        self._terminal.hold(self._reader, after)
        if self._size != (before.cols, before.rows):
            self._size = Size(before.cols, before.rows)
            resized = TerminalResized(terminal_id=self.terminal_id, offset=after, cols=before.cols, rows=before.rows)
            frames.append(self._frame(resized))
        if after < before.offset:
            try:
                output = await self._terminal.read(after=after, limit=CHUNK_BYTES)
            except CursorExpired:  # trimmed faster than this client reads
                self._after, self._reset = None, "trimmed"
                return Found(b"".join(frames), at_head=False)
            frames += self._output(after, output.data)
            after = output.offset
        state = self._terminal.state
        if after == state.offset and state.ended_at is not None:
            self._after, self.over = end_of_output(state), True
            closed = TerminalClosed(
                session_id=state.plan.session_id or SYSTEM_SESSION_ID,
                timestamp=state.ended_at,
                terminal_id=self.terminal_id,
                exit_code=UNSET if state.exit_code is None else state.exit_code,
            )
            frames.append(sse.frame(closed, self.cursor))
        if at_head := after >= state.offset:
            # It may wait long until it looks again; one that wants no more is not waited for when it goes.
            self._terminal.hold(self._reader, after if self._follow else MAX_SAFE_INTEGER)
        return Found(b"".join(frames), at_head, self.over)

    def _output(self, after: int, data: bytes) -> list[bytes]:
        frames = []
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            self._after = after + start + len(piece)
            frames.append(self._frame(TerminalOutput(terminal_id=self.terminal_id, offset=after + start, data=piece)))
        self._sources.bytes_sent += len(data)
        return frames

    def _frame(self, content: TerminalFrame) -> bytes:
        return sse.frame(content, self.cursor)

    def watch(self, wake: Wake, put: Put) -> Callable[[], None]:  # noqa: ARG002 - output is read, never handed over
        ends = ExitStack()
        for viewer_id in self._viewers:
            ends.callback(self._sources.enter(self.terminal_id, viewer_id))
        ends.callback(self._terminal.release, self._reader)
        ends.callback(self._terminal.watch(wake))
        return ends.close


def nothing_left(start: TerminalStart, state: TerminalState, *, follow: bool) -> bool:
    """Tell whether a stream that begins there would have nothing to say: its end was seen, or the head if that does."""
    if start.after is None or start.reset is not None:
        return False
    return start.after == end_of_output(state) and (state.ended_at is not None or not follow)


class MixedSource:
    """The events of many sessions, and beside them the output of terminals, each at its own offset."""

    def __init__(self, store: StoreSource, terminals: Sequence[TerminalSource]) -> None:
        self._store = store
        self._terminals = list(terminals)
        store.beside = self._positions
        for terminal in terminals:
            terminal.cursor_in = self._cursor

    @property
    def cursor(self) -> str:
        return self._cursor()

    def _cursor(self) -> str:
        return self._store.cursor

    def _positions(self) -> str:
        return "".join([f"~{terminal.position}" for terminal in self._terminals if terminal.position is not None])

    async def next(self) -> Found:
        frames, at_head, _ = await self._store.next()
        for terminal in list(self._terminals):
            if terminal.over:
                continue
            try:
                found = await terminal.next()
            except TerminalNotFound:
                self._terminals.remove(terminal)
                frames += sse.frame(StreamReset(reason="gone", terminal_id=terminal.terminal_id), self.cursor)
                continue
            frames += found.frames
            at_head = at_head and (found.at_head or found.over)
        return Found(frames, at_head)

    def watch(self, wake: Wake, put: Put) -> Callable[[], None]:
        ends = ExitStack()
        ends.callback(self._store.watch(wake, put))
        for terminal in self._terminals:
            ends.callback(terminal.watch(wake, put))
        return ends.close


class TerminalSources:
    """Makes the sources of streams of terminals."""

    def __init__(self, *, terminals: Terminals, screens: Screens, resets: Counter[str]) -> None:
        self.screens = screens
        self.resets = resets
        self.bytes_sent = 0
        self.enter = terminals.enter
        self.terminals = terminals

    def open(
        self, terminal: Terminal, start: TerminalStart, *, viewers: Sequence[str] = (), follow: bool = True
    ) -> TerminalSource:
        """Return a source that begins there; a stream of it counts for each of *viewers*, and may end at the head."""
        return TerminalSource(terminal, start, sources=self, viewers=viewers, follow=follow)

    def choose(
        self, terminal_ids: Sequence[str], offsets: Mapping[Epoch, int], viewers: Sequence[str] = ()
    ) -> tuple[list[TerminalSource], list[str]]:
        """Return sources of these terminals, from *offsets* on by their epochs, and those that are not there.

        Each of *viewers* counts for each terminal: which of them it looks at shows by what size it asks for.
        """
        sources, gone = list[TerminalSource](), list[str]()
        for terminal_id in terminal_ids:
            try:
                terminal = self.terminals.get(terminal_id)
            except NotFound:
                gone.append(terminal_id)
                continue
            epoch = terminal.state.epoch
            position = Position(epoch, offsets[epoch]) if epoch in offsets else None
            sources.append(self.open(terminal, start_in_terminal(position, terminal.state), viewers=viewers))
        return sources, gone

    def knows(self, terminal: Terminal) -> bool:
        """Tell whether a terminal was not removed meanwhile."""
        try:
            return self.terminals.get(terminal.state.plan.terminal_id) is terminal
        except NotFound:
            return False
