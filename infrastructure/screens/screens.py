"""What terminals show, followed as they print: adapter of `Screens`."""

import logging
import time
from collections import deque
from pathlib import Path

from anyio import Event, get_cancelled_exc_class, move_on_after, sleep, to_thread
from anyio.abc import TaskGroup

from domain.errors import CursorExpired, TerminalOver, TerminalUnavailable
from domain.ports import Clock, Terminal, TerminalScreen, TerminalState
from infrastructure.screens.drawer import Drawer, DrawerLost, DrawerRestarted, carried_out
from infrastructure.screens.keeping import VERSION, Kept, forget, keep, load
from infrastructure.screens.messages import Close, Failed, Fed, Feed, Open, Orders, Paint, Painted, Resize, Save, Saved

PIECE_BYTES = 1024 * 1024
FEED_SECONDS = 0.05  # of the process that draws for all
QUIET_SECONDS = 1.0  # a screen is saved when nothing came for so long
SAVE_SECONDS = 3.0  # and after so long at the latest, while something comes
ANSWER_SECONDS = 5.0  # a program that asked longer ago has given up, and would take the answer for input
REPLY_BYTES = 4096  # of answers to what one piece asked
CATCH_UP_SECONDS = 2.0  # who asks for a screen waits so long for what was printed until then
RETRY_SECONDS = 0.1
MOST_RETRY_SECONDS = 30.0
RETRIES = 3

_UNTOLD = "What the terminal shows can't be told now."

_log = logging.getLogger("towpath.screens")


class GhosttyScreens:
    """Follows terminals by a process that draws, and keeps states in ``<folder>/<terminal id>/screen``."""

    def __init__(self, folder: Path, *, drawer: Drawer, clock: Clock, tasks: TaskGroup) -> None:
        self._folder = folder
        self._drawer = drawer
        self._clock = clock
        self._tasks = tasks
        self._followed: dict[str, _Screen] = {}

    def follow(self, terminal: Terminal) -> None:
        plan = terminal.state.plan
        if plan.terminal_id not in self._followed:
            self._followed[plan.terminal_id] = screen = self._screen(terminal)
            self._tasks.start_soon(self._follow, plan.terminal_id, screen)

    async def screen(self, terminal: Terminal) -> TerminalScreen:
        followed = self._followed.get(terminal.state.plan.terminal_id)
        if followed and (shown := await followed.shown()):
            return shown
        ended = self._screen(terminal)
        try:
            return await ended.replayed()
        finally:
            await ended.close()

    def _screen(self, terminal: Terminal) -> "_Screen":
        folder = self._folder / terminal.state.plan.terminal_id
        return _Screen(terminal, folder, drawer=self._drawer, clock=self._clock)

    async def _follow(self, terminal_id: str, screen: "_Screen") -> None:
        try:
            await screen.follow()
        except Exception:  # noqa: BLE001  # a follower never ends the others
            _log.exception("the screen of terminal %s is no longer followed", terminal_id)
        finally:
            del self._followed[terminal_id]
            await screen.close()
            screen.over = True


class _Screen:
    """One terminal's: ``_offset`` is how far its output was taken, ``_moved`` is set whenever it goes on."""

    def __init__(self, terminal: Terminal, folder: Path, *, drawer: Drawer, clock: Clock) -> None:
        self._terminal = terminal
        self._folder = folder
        self._drawer = drawer
        self._clock = clock
        self._name = f"{terminal.state.plan.terminal_id} {id(self)}"
        self._generation: int | None = None
        self._offset = 0
        self._exact = True
        self._size = (0, 0)
        self._saved = (0, 0.0)
        self._failures = 0
        self._skip_to: int | None = None
        self.over = False
        self._news = Event()
        self._moved = Event()
        self._came: deque[tuple[float, int]] = deque()  # when the output was seen to reach an offset

    async def follow(self) -> None:
        """Take what the terminal prints and answer its queries until it has ended."""
        unwatch = self._terminal.watch(self._wake)
        try:
            while True:
                news = self._news = Event()
                await self._try_catch_up(answer=True)
                state = self._terminal.state
                done = self._offset >= state.offset
                if state.ended_at is not None and self._failures > RETRIES:  # it was removed, or can't be read
                    return
                if done and state.ended_at is not None:
                    if self._saved[0] < state.earliest:  # else what is kept of the output tells it again
                        await self._save()
                    return
                with move_on_after(QUIET_SECONDS):
                    await news.wait()
                    continue
                if done:
                    await self._save()
                    await news.wait()
        except get_cancelled_exc_class():
            with move_on_after(1, shield=True):
                await self._save()
            raise
        finally:
            unwatch()

    def _wake(self) -> None:
        self._news.set()

    async def _try_catch_up(self, *, answer: bool) -> None:
        """Take what there is; after a failure, wait longer each time."""
        try:
            while await self._take(answer=answer):
                pass
            self._failures = 0
        except DrawerRestarted:
            self._generation = None
            self._wake()
        except (DrawerLost, TerminalUnavailable) as error:
            self._generation = None
            self._wake()
            self._failures += 1
            _log.warning("terminal %s: its screen failed: %s", self._terminal.state.plan.terminal_id, error)
            await sleep(min(MOST_RETRY_SECONDS, RETRY_SECONDS * 2**self._failures))

    async def _take(self, *, answer: bool) -> bool:
        """Take one piece of output; return whether there may be more."""
        if self._lost:
            await self._open()
        state = self._note_time()
        if self._size != (state.cols, state.rows):
            await self._ask(Resize(terminal=self._name, cols=state.cols, rows=state.rows))
            self._size = (state.cols, state.rows)
        if self._offset >= state.offset:
            return False
        try:
            output = await self._terminal.read(after=self._offset, limit=PIECE_BYTES)
        except CursorExpired as gone:
            self._offset, self._exact = gone.earliest, False
            return True
        if not output.data:
            return False
        try:
            fed = await self._ask(
                Feed(terminal=self._name, offset=self._offset, data=output.data, seconds=FEED_SECONDS)
            )
        except DrawerLost:  # it may have died of this piece, which is not tried again
            self._skip_to = output.offset
            raise
        assert isinstance(fed, Fed)
        self._offset = fed.offset
        self._exact = self._exact or fed.reset
        moved, self._moved = self._moved, Event()
        moved.set()
        if answer:
            await self._reply(fed.replies)
        if self._offset < self._terminal.state.offset:
            if time.monotonic() > self._saved[1] + SAVE_SECONDS:
                await self._save()
            await sleep(fed.seconds)  # so that a flood takes half of a core at most
        return True

    @property
    def _lost(self) -> bool:
        return self._generation is None or self._drawer.pid is None or self._generation != self._drawer.generation

    async def _ask(self, order: Orders) -> object:
        return carried_out(await self._drawer.ask(order, generation=self._generation))

    def _note_time(self) -> TerminalState:
        state = self._terminal.state
        while self._came and self._came[0][1] <= self._offset:
            self._came.popleft()
        if not self._came or self._came[-1][1] < state.offset:
            self._came.append((time.monotonic(), state.offset))
        return state

    async def _open(self) -> None:
        """Begin where the last state was kept; blank where the first kept output is, or behind what was deadly."""
        state = self._terminal.state
        cols, rows = state.cols, state.rows
        kept = await to_thread.run_sync(load, self._folder)
        seen = state.created_at
        if self._skip_to is not None:
            await to_thread.run_sync(forget, self._folder)
            order, self._exact = Open(terminal=self._name, offset=self._skip_to, cols=cols, rows=rows), False
        elif kept and kept.epoch == state.epoch and kept.offset <= state.offset:
            seen = max(seen, kept.saved_at)
            cols, rows, self._exact = kept.cols, kept.rows, kept.exact
            order = Open(terminal=self._name, offset=kept.offset, cols=cols, rows=rows, state=kept.state)
        else:
            order = Open(terminal=self._name, offset=state.earliest, cols=cols, rows=rows)
            self._exact = state.earliest == 0
        answer, generation = await self._drawer.open(order)
        if isinstance(answer, Failed):  # another library's, or damaged in a way that its digest does not tell
            await to_thread.run_sync(forget, self._folder)
            raise DrawerLost(answer.reason)
        self._generation, self._offset, self._size = generation, order.offset, (cols, rows)
        self._saved = (order.offset, time.monotonic())
        if not self._came:  # what was printed while nobody followed is as old as the last that was seen
            self._came.append((time.monotonic() - (self._clock.now() - seen) / 1000, state.offset))
        self._skip_to = None

    async def _reply(self, replies: list[tuple[int, bytes]]) -> None:
        """Answer what was asked a moment ago; once, also where the same output is read again after a restart."""
        now = time.monotonic()
        fresh = [
            (end, data)
            for end, data in replies
            if end > self._terminal.state.replied and now - self._came_at(end, now) < ANSWER_SECONDS
        ]
        if not fresh:
            return
        answer = b""
        for _, data in fresh:
            if len(answer) + len(data) <= REPLY_BYTES:
                answer += data
        try:
            await self._terminal.reply(fresh[-1][0], answer)
        except (TerminalUnavailable, TerminalOver):
            return  # nobody is there who could wait for it

    def _came_at(self, offset: int, now: float) -> float:
        return next((at for at, reached in self._came if reached >= offset), now)

    async def _save(self) -> None:
        """Keep the state, where it changed and is not within a sequence."""
        if self._lost or self._saved[0] == self._offset:
            return
        try:
            saved = await self._drawer.ask(Save(terminal=self._name), generation=self._generation)
        except (DrawerLost, DrawerRestarted):
            self._generation = None
            self._wake()
            return
        self._saved = (self._saved[0], time.monotonic())
        if isinstance(saved, Saved):
            cols, rows = self._size
            kept = Kept(
                version=VERSION,
                epoch=self._terminal.state.epoch,
                offset=saved.offset,
                exact=self._exact,
                cols=cols,
                rows=rows,
                saved_at=self._clock.now(),
                state=saved.state,
            )
            await to_thread.run_sync(keep, self._folder, kept)
            self._saved = (saved.offset, time.monotonic())

    async def shown(self) -> TerminalScreen | None:
        """Return what a followed terminal shows, after all that it had printed, or as much as goes in time.

        None if it is followed no longer.
        """
        target = self._terminal.state.offset
        for _ in range(RETRIES):
            self._wake()
            with move_on_after(CATCH_UP_SECONDS):
                while not self.over and (self._lost or self._offset < target):
                    with move_on_after(RETRY_SECONDS):  # the follower may have to begin anew
                        await self._moved.wait()
            if self.over:
                return None
            if painted := await self._paint():
                return painted
        raise TerminalUnavailable(_UNTOLD)

    async def replayed(self) -> TerminalScreen:
        """Return what an ended terminal showed last."""
        for _ in range(RETRIES):
            await self._try_catch_up(answer=False)
            if painted := await self._paint():
                return painted
        raise TerminalUnavailable(_UNTOLD)

    async def _paint(self) -> TerminalScreen | None:
        """Return what was painted; None where the process that draws does not know it now."""
        if self._lost:
            return None
        exact = self._exact
        try:
            painted = await self._ask(Paint(terminal=self._name))
        except (DrawerLost, DrawerRestarted):
            return None
        assert isinstance(painted, Painted)
        return TerminalScreen(
            offset=painted.offset,
            cols=painted.cols,
            rows=painted.rows,
            title=painted.title,
            data=painted.data,
            exact=exact and painted.exact,
        )

    async def close(self) -> None:
        """Have the process that draws forget it."""
        if not self._lost:
            with move_on_after(1, shield=True):
                try:
                    await self._drawer.ask(Close(terminal=self._name), generation=self._generation)
                except (DrawerLost, DrawerRestarted):
                    return
