"""The server's ends of a command's pipes, read and written as fast as the caller asks: nothing piles up here."""

import os

from anyio import (
    BrokenResourceError,
    ClosedResourceError,
    EndOfStream,
    ResourceGuard,
    WouldBlock,
    notify_closing,
    wait_readable,
    wait_writable,
)
from anyio.lowlevel import checkpoint

PIPE_BYTES = 65536  # what a pipe holds on Linux (pipe(7)), so one read empties it


class PipeEnd:
    """A descriptor that is ours to close, and never blocks."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor

    def close(self) -> None:
        """Close the pipe, once; whoever waits for it gets ClosedResourceError."""
        if self._descriptor is not None:
            notify_closing(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def fileno(self) -> int:
        """Return the descriptor, or raise ClosedResourceError."""
        if self._descriptor is None:
            raise ClosedResourceError
        return self._descriptor


class OutputPipe(PipeEnd):
    """What a command writes."""

    async def receive(self, max_bytes: int = PIPE_BYTES) -> bytes:
        """Wait until there is something and return it, at least one byte; when cancelled, nothing is lost.

        Raises EndOfStream when nobody holds the other end any more: long after the command itself has ended, if it
        left something in the background.
        """
        await checkpoint()
        while True:
            try:
                return self.receive_nowait(max_bytes)
            except WouldBlock:
                await wait_readable(self.fileno())

    def receive_nowait(self, max_bytes: int = PIPE_BYTES) -> bytes:
        """Return what is there, or raise WouldBlock or EndOfStream.

        After Process.wait, all that is left of the command's own output is there: at most PIPE_BYTES, unless it
        widened the pipe.
        """
        try:
            data = os.read(self.fileno(), max_bytes)
        except BlockingIOError:
            raise WouldBlock from None
        if not data:
            raise EndOfStream
        return data


class InputPipe(PipeEnd):
    """What a command reads; to close it is the end of its input."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._sending = ResourceGuard("sending to")

    async def send(self, data: bytes) -> None:
        """Hand over all of *data*, as fast as the command reads it; when cancelled, a part may have gone.

        Raises BrokenResourceError when nobody reads any more, BusyResourceError while another task sends.
        """
        with self._sending:
            await checkpoint()
            rest = memoryview(data)
            while rest:
                try:
                    rest = rest[os.write(self.fileno(), rest) :]
                except BlockingIOError:
                    await wait_writable(self.fileno())
                except BrokenPipeError as error:
                    raise BrokenResourceError from error
