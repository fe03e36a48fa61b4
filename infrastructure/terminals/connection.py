"""The server's end of a connection to a holder: orders go out, lines come in (holder.Peer)."""

import socket
from contextlib import suppress

from anyio import BrokenResourceError, ClosedResourceError, Lock, move_on_after, notify_closing, wait_readable
from anyio import wait_writable as writable

LINE_BYTES = 256  # a holder's lines are shorter
SEND_SECONDS = 5  # a holder always listens


class Connection:
    """Owns a connected, non-blocking socket. Whatever goes wrong with it is its end."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._sending = Lock()
        self._unread = b""
        self._lines: list[bytes] = []
        self._open = True

    def close(self) -> None:
        """Close the connection, once; who waits for it is told that it ended."""
        if self._open:
            self._open = False
            notify_closing(self._socket)
            self._socket.close()

    async def lines(self) -> list[bytes]:
        """Wait for lines and return all that came; none at the end."""
        found = self._lines
        while not found:
            try:
                await wait_readable(self._socket)
                data = self._socket.recv(65536)
            except BlockingIOError:
                continue
            except (OSError, ValueError, ClosedResourceError, BrokenResourceError):
                return []
            *found, self._unread = (self._unread + data).split(b"\n")
            if not data or len(self._unread) > LINE_BYTES:
                return found
        self._lines = []
        return found

    async def line(self) -> bytes:
        """Wait for one line and return it; nothing at the end."""
        first, *self._lines = await self.lines() or [b""]
        return first

    async def send(self, data: bytes) -> None:
        """Send *data* whole, even when cancelled, or close the connection."""
        async with self._sending:
            sent = False
            with move_on_after(SEND_SECONDS, shield=True), suppress(OSError, ValueError, ClosedResourceError):
                rest = memoryview(data)
                while rest:
                    try:
                        rest = rest[self._socket.send(rest) :]
                    except BlockingIOError:
                        await writable(self._socket)
                sent = True
            if not sent:
                self.close()

    def post(self, line: str) -> bool:
        """Send a short line if that can be done at once; tell whether it was."""
        if not self._open or self._sending.statistics().locked:
            return False
        data = line.encode()
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            return False
        except OSError:
            sent = 0
        if sent < len(data):
            self.close()
        return self._open
