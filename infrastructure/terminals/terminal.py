"""A terminal as the server has it; adapter of `Terminal`."""

import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from hashlib import blake2b
from itertools import count

from anyio import Event, fail_after, move_on_after, sleep, to_thread
from msgspec.structs import replace

from domain.errors import InputGap, InputRefused, TerminalOver, TerminalUnavailable
from domain.ports import Clock, TerminalOutput, TerminalState, Wake
from infrastructure.terminals.connection import Connection
from infrastructure.terminals.holder import HANGUP_SECONDS, TERMINATE_SECONDS, TYPE_SECONDS, TYPED_BYTES
from infrastructure.terminals.place import Place, clear

REQUESTS = 64  # unanswered at once
ANSWER_SECONDS = TYPE_SECONDS + 5
END_SECONDS = HANGUP_SECONDS + TERMINATE_SECONDS + 3
KILL_SECONDS = 5
FIRST_TRY_SECONDS, LAST_TRY_SECONDS = 0.002, 0.5  # between two tries to reach the holder


class Request:
    """What was asked of the holder, and the answer when it is ``done``: a word and a number."""

    def __init__(self) -> None:
        self.done = Event()
        self.answer: tuple[str, int] | None = None


class HeldTerminal:
    """One terminal. `attend` has to run: it listens to the holder, finds it again when the connection is lost.

    *process* is the holder where this process started it. ``known``: the holder has told its state, or is gone;
    ``over``: nothing of the terminal lives.
    """

    def __init__(self, place: Place, *, process: subprocess.Popen[bytes] | None, clock: Clock) -> None:
        self._place = place
        self._process = process
        self._clock = clock
        self._state = place.state()
        self._watchers: dict[object, Wake] = {}
        self._connection: Connection | None = None
        self._requests: dict[bytes, Request] = {}
        self._numbers = count(1)
        self._held: dict[str, int] = {}  # what the holder was told of readers
        self.known = Event()
        self.over = Event()
        self._removed = Event()

    @property
    def state(self) -> TerminalState:
        return self._state

    async def read(self, *, after: int, limit: int) -> TerminalOutput:
        if after > self._state.offset or after < 0:
            raise ValueError(f"The output has not reached {after}.")
        data = await self._place.read(after, min(limit, self._state.offset - after))
        return TerminalOutput(data, after + len(data))

    def watch(self, wake: Wake) -> Callable[[], None]:
        own = object()  # the same function may watch twice, and each watch ends by itself
        self._watchers[own] = wake
        return partial(self._unwatch, own)

    def _unwatch(self, own: object) -> None:
        self._watchers.pop(own, None)

    def hold(self, reader: str, offset: int) -> None:
        if self._connection and self._held.get(reader) != offset and self._connection.post(f"hold {reader} {offset}\n"):
            self._held[reader] = offset

    def release(self, reader: str) -> None:
        if self._held.pop(reader, None) is not None and self._connection:
            self._connection.post(f"release {reader}\n")

    async def write(self, client_id: str, seq: int, data: bytes) -> int:
        client = blake2b(client_id.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        return await self._ask("input", client, seq, len(data), payload=data)

    async def reply(self, offset: int, data: bytes) -> None:
        await self._ask("reply", offset, len(data), payload=data)

    async def resize(self, cols: int, rows: int) -> None:
        await self._ask("resize", cols, rows)

    async def end(self) -> None:
        with move_on_after(END_SECONDS):
            while not self.over.is_set():
                if self._connection:
                    await self._connection.send(b"end\n")
                with move_on_after(1):
                    await self.over.wait()
        if not self.over.is_set():
            await to_thread.run_sync(self._place.kill)
            try:
                with fail_after(KILL_SECONDS):
                    await self.over.wait()
            except TimeoutError:
                raise TerminalUnavailable("Something that the terminal's program started does not end.") from None

    async def remove(self) -> None:
        await self.end()
        self._removed.set()
        self._place.close()
        try:
            await to_thread.run_sync(clear, self._place.folder)
        except OSError as error:
            raise TerminalUnavailable(f"The terminal's output can't be removed: {error.strerror}.") from error

    async def attend(self, connection: Connection | None = None) -> None:
        """Keep in touch with the holder until it is gone, then tell how the terminal ended, until it is removed."""
        try:
            pause = FIRST_TRY_SECONDS
            while not self.over.is_set():
                began = time.monotonic()
                await self._keep_in_touch(connection)
                connection = None
                # one that breaks off each connection must not keep us busy
                lasted = time.monotonic() > began + LAST_TRY_SECONDS
                pause = FIRST_TRY_SECONDS if lasted else min(2 * pause, LAST_TRY_SECONDS)
                await sleep(pause)
            await self._removed.wait()
        finally:
            self._place.close()
            if self._process:
                self._process.returncode = self._process.poll() or 0  # it may outlive us, which is no fault of ours

    async def _keep_in_touch(self, connection: Connection | None) -> None:
        pause = FIRST_TRY_SECONDS
        while connection is None:
            try:
                connection = Connection(await to_thread.run_sync(self._place.connect))
            except OSError:
                if not self._place.held():
                    await self._conclude()
                    return
                await sleep(pause)
                pause = min(2 * pause, LAST_TRY_SECONDS)
        with closing(connection):
            self._connection = connection
            self._held.clear()
            try:
                await self._listen(connection)
            finally:
                self._connection = None
                requests, self._requests = self._requests, {}
                for request in requests.values():
                    request.done.set()

    async def _listen(self, connection: Connection) -> None:
        while lines := await connection.lines():
            before = self._state
            try:
                for line in lines:
                    self._note(line.split())
            except ValueError:  # no holder of ours speaks so
                return
            if self._state != before:
                self._wake()

    def _note(self, words: list[bytes]) -> None:
        match words:
            case [b"state", *numbers]:
                offset, earliest, replied, cols, rows, pid = map(int, numbers)
                if not 0 <= earliest <= offset or offset < self._state.offset:
                    raise ValueError(offset)
                self._state = replace(
                    self._state, offset=offset, earliest=earliest, replied=replied, cols=cols, rows=rows, pid=pid
                )
                self.known.set()
            case [(b"ok" | b"gap" | b"refused" | b"over") as word, number, *rest]:
                request = self._requests.pop(number, None)  # nobody waits any more where it is gone
                if request:
                    request.answer = (word.decode(), int(*rest))
                    request.done.set()
            case _:
                raise ValueError(words)

    async def _conclude(self) -> None:
        """Note that the holder is gone, and how the terminal ended."""
        if self._process:
            await to_thread.run_sync(self._process.wait)  # it has given up the lock, so it is about to end
        state = self._place.state()
        if state.ended_at is None:
            now = self._clock.now()
            self._place.note_end(now)
            state = replace(state, ended_at=now)
            await to_thread.run_sync(self._place.sweep)
        self._state = state
        self.over.set()
        self.known.set()
        self._wake()

    def _wake(self) -> None:
        for wake in tuple(self._watchers.values()):
            wake()

    async def _ask(self, *words: str | int, payload: bytes = b"") -> int:
        if len(payload) > TYPED_BYTES:
            raise ValueError(f"{len(payload)} bytes are more than {TYPED_BYTES}.")
        if self.over.is_set():
            raise TerminalOver("The terminal's program has ended.")
        if self._connection is None:
            raise TerminalUnavailable("The process that holds the terminal does not answer.")
        if len(self._requests) >= REQUESTS:
            raise InputRefused("Too much waits for the terminal's program to read it.")
        verb, *rest = words
        number, request = b"%d" % next(self._numbers), Request()
        self._requests[number] = request
        line = " ".join([str(verb), number.decode(), *map(str, rest)])
        try:
            with move_on_after(ANSWER_SECONDS):
                await self._connection.send(line.encode() + b"\n" + payload)
                await request.done.wait()
        finally:
            self._requests.pop(number, None)
        match request.answer:
            case ("ok", value):
                return value
            case ("gap", expected):
                raise InputGap(expected)
            case ("refused", _):
                raise InputRefused("The terminal's program does not read.")
            case ("over", _):
                raise TerminalOver("The terminal's program has ended.")
        if self.over.is_set():
            raise TerminalOver("The terminal's program has ended.")
        raise TerminalUnavailable("The process that holds the terminal does not answer.")
