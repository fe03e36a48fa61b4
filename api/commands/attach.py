"""`towpath attach`: a terminal of the server's in this one."""

import os
import random
import signal
from base64 import b64encode
from contextlib import aclosing
from enum import Enum
from http import HTTPStatus

import anyio
import click
from anyio import CancelScope, Event, open_signal_receiver, to_thread, wait_readable
from msgspec import UNSET, Struct

from api.client import LONGEST_RETRY_SECONDS, Client
from api.commands.connection import directory_for_server, speak
from api.commands.local_terminal import BLANK, Keys, LocalTerminal, parse_keys
from api.commands.target import Target
from api.commands.terminals import find_terminal, show
from api.escapes import Filter
from api.failures import NoServer, Refused
from contracts import terminals as contract
from contracts.codec import decoder
from domain.ids import make_id

PIECE_BYTES = 16 * 1024  # typed with one request, whatever came while the last one was under way
AHEAD_BYTES = 64 * 1024  # typed and not yet taken; beyond it keys wait in the terminal
RETRY_SECONDS = 0.2

_decode_view = decoder(contract.TerminalView)
_decode_output = decoder(contract.TerminalOutput)
_decode_snapshot = decoder(contract.TerminalSnapshot)
_decode_taken = decoder(contract.InputTaken)
_decode_resized = decoder(contract.TerminalResizedView)


class _Closed(Struct, frozen=True, rename="camel"):
    exit_code: int | None = None


_decode_closed = decoder(_Closed)


class End(Enum):
    """Why it ended."""

    OVER = "over"
    DETACHED = "detached"
    SIGNALLED = "signalled"


def attach(target: Target, prefix: str | None, *, new: bool, folder: str | None, keys: str) -> int:
    """Show a terminal in this one until its program ends or the keys detach; return the exit code."""
    detach = parse_keys(keys)
    if prefix is None and not new:
        show(target, raw=False)
        return 0
    local = LocalTerminal()

    async def talk(client: Client) -> int:
        cols, rows = local.size()
        if prefix is None:
            here = folder or directory_for_server(target)
            order = contract.OpenTerminal(working_dir=str(here) if here else UNSET, cols=cols, rows=rows)
            view = await client.post("/api/terminal", order, _decode_view)
        else:
            view = await find_terminal(client, prefix)
        attachment = _Attachment(client, view.terminal_id, local, Keys(detach))
        with local.raw():
            await attachment.run()
        return attachment.told()

    return speak(target, talk)


class _Attachment:
    def __init__(self, client: Client, terminal_id: str, local: LocalTerminal, keys: Keys) -> None:
        self._client = client
        self._id = terminal_id
        self._path = f"/api/terminal/{terminal_id}"
        self._local = local
        self._keys = keys
        self._viewer = make_id()
        self._filter = Filter()
        self._cursor: str | None = None
        self._typed = bytearray()
        self._news = Event()
        self._taken = Event()
        self._scope = CancelScope()
        self._end: End | None = None
        self._failure: Refused | None = None
        self._code = 0

    async def run(self) -> None:
        """Return when it is over, detached or told to end."""
        with self._scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch_signals)
                tasks.start_soon(self._read_keys)
                tasks.start_soon(self._type)
                await self._show()

    def told(self) -> int:
        """Say how it ended; return the exit code."""
        if self._failure:
            raise self._failure
        match self._end:
            case End.DETACHED:
                click.echo(f"Detached; `towpath attach {self._id}` comes back.", err=True)
            case End.SIGNALLED:
                click.echo(f"`towpath attach {self._id}` comes back.", err=True)
            case _:
                click.echo("The terminal has ended.", err=True)
        return self._code

    def _finish(self, end: End, code: int = 0) -> None:
        if self._end is None:
            self._end, self._code = end, code
        self._scope.cancel()

    async def _watch_signals(self) -> None:
        with open_signal_receiver(signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP, signal.SIGINT) as signals:
            async for number in signals:
                if number == signal.SIGWINCH:
                    await self._resize()
                else:
                    self._finish(End.SIGNALLED, 128 + number)

    async def _resize(self) -> None:
        """Have the terminal take this size: who attached last looks at all of it."""
        cols, rows = self._local.size()
        order = contract.ResizeTerminal(viewer_id=self._viewer, cols=cols, rows=rows, control=True)
        try:
            await self._client.post(f"{self._path}/resize", order, _decode_resized)
        except (NoServer, Refused):
            return  # the stream tells what is the matter, and comes back here

    async def _read_keys(self) -> None:
        while True:
            await wait_readable(self._local.input)
            try:
                data = os.read(self._local.input, PIECE_BYTES)
            except OSError:  # the terminal is gone
                data = b""
            typed, detach = self._keys.feed(data)
            self._typed += typed
            self._news.set()
            if detach or not data:
                with anyio.move_on_after(1):
                    while self._typed:
                        await self._taken.wait()
                return self._finish(End.DETACHED)
            while len(self._typed) > AHEAD_BYTES:
                await self._taken.wait()

    async def _type(self) -> None:
        """Send what was typed, in order and once: after a cut the same again, which its number tells."""
        client_id, seq = make_id(), 1
        while True:
            news = self._news = Event()
            if not self._typed:
                await news.wait()
                continue
            piece = bytes(self._typed[:PIECE_BYTES])
            order = contract.TypeInput(client_id=client_id, seq=seq, data=b64encode(piece).decode(), encoding="base64")
            try:
                await self._client.post(f"{self._path}/input", order, _decode_taken)
            except NoServer:
                await anyio.sleep(RETRY_SECONDS)
                continue
            except Refused as refusal:
                if refusal.passes:
                    await anyio.sleep(RETRY_SECONDS)
                elif (
                    refusal.status == HTTPStatus.CONFLICT
                ):  # nothing was taken: its numbers are forgotten, or it is over
                    client_id, seq = make_id(), 1
                    await anyio.sleep(RETRY_SECONDS)
                else:
                    self._failure = refusal
                    self._finish(End.OVER)
                continue
            seq += 1
            del self._typed[: len(piece)]
            taken, self._taken = self._taken, Event()
            taken.set()

    async def _show(self) -> None:
        """Show output until the terminal has ended; a cut is followed by the next connection."""
        failures = 0
        while True:
            try:
                await self._resize()
                async with aclosing(
                    self._client.frames(f"{self._path}/events", self._cursor, viewerId=self._viewer)
                ) as frames:
                    empty = True
                    async for frame in frames:
                        empty = False
                        failures = 0
                        if frame.event == "connected":
                            await self._resize()
                        await self._take(frame.event, frame.data.encode())
                        self._cursor = frame.id or self._cursor
                if empty:
                    return self._finish(End.OVER, self._code)
            except Refused as refusal:
                if not refusal.passes:
                    self._failure = refusal
                    return self._finish(End.OVER)
            except NoServer:
                pass
            await anyio.sleep(min(RETRY_SECONDS * 2**failures, LONGEST_RETRY_SECONDS) * random.uniform(0.5, 1.5))  # noqa: S311
            failures = min(failures + 1, 10)

    async def _take(self, kind: str, data: bytes) -> None:
        match kind:
            case "terminal-output":
                await self._write(self._filter.feed(_decode_output(data).data))
            case "terminal-snapshot":
                self._filter = Filter()
                await self._write(BLANK + self._filter.feed(_decode_snapshot(data).data))
            case "terminal-closed":
                code = _decode_closed(data).exit_code
                self._finish(End.OVER, 1 if code is None else code)

    async def _write(self, data: bytes) -> None:
        if data:
            # a terminal that takes nothing holds up its output alone
            await to_thread.run_sync(self._local.write, data, abandon_on_cancel=True)
