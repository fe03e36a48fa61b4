"""What an agent's process writes, as `session-output`."""

from typing import Literal

from anyio import EndOfStream, Lock, WouldBlock, sleep, wait_readable
from msgspec import UNSET, UnsetType

from contracts.events import SessionOutput
from domain.ids import TurnId
from domain.ports import Emit
from infrastructure.processes.pipes import PIPE_BYTES, OutputPipe
from infrastructure.processes.process import Process
from infrastructure.processes.text import utf8_decoder

# What comes meanwhile waits in the pipe and becomes one event: at most 200 a second, however chatty the process.
JOIN_SECONDS = 0.005
BUSY_CHARACTERS = PIPE_BYTES // 2  # whoever writes so much at once fills events as it is, and need not wait
LARGEST_PIPE_BYTES = 1024 * 1024  # as far as a program may widen its pipe (F_SETPIPE_SZ, pipe(7)); some do


class Stream:
    """One of the two pipes, read as text. ``open``: somebody can still write to it."""

    def __init__(self, name: Literal["stdout", "stderr"], pipe: OutputPipe) -> None:
        self.name = name
        self.pipe = pipe
        self.open = True
        self._decoder = utf8_decoder()

    def read(self, enough: int) -> str:
        """Return what is in the pipe, until it is *enough*; with a character's first bytes it waits for the others."""
        data = b""
        try:
            while self.open and len(data) <= enough:
                data += self.pipe.receive_nowait()
        except WouldBlock:
            pass
        except EndOfStream:
            self.open = False
        return self._decoder.decode(data, not self.open)


class Output:
    """Passes on what *process* writes, as fast as *emit* takes it; in a turn until the first `drain`."""

    def __init__(self, process: Process, *, turn_id: TurnId, emit: Emit) -> None:
        self.streams = (Stream("stdout", process.stdout), Stream("stderr", process.stderr))
        self._turn_id: TurnId | UnsetType = turn_id
        self._emit = emit
        self._passing = Lock()

    async def follow(self, stream: Stream) -> None:
        """Pass on what comes, until nobody can write to *stream* any more. Raises what emit raises."""
        while stream.open:
            await wait_readable(stream.pipe)
            if await self._pass_on(newest=stream) < BUSY_CHARACTERS:
                await sleep(JOIN_SECONDS)

    async def drain(self) -> None:
        """Pass on what is in the pipes; what comes later belongs to no turn."""
        await self._pass_on(newest=None, enough=LARGEST_PIPE_BYTES)
        self._turn_id = UNSET

    async def _pass_on(self, *, newest: Stream | None, enough: int = PIPE_BYTES) -> int:
        async with self._passing:
            # the other stream may be joining: what waits there is older than what has just come
            ordered = sorted(self.streams, key=lambda stream: stream is newest)
            texts = [(stream.name, stream.read(enough)) for stream in ordered]
            events = [SessionOutput(turn_id=self._turn_id, stream=name, content=text) for name, text in texts if text]
            if events:
                await self._emit(*events)
            return max(len(text) for _, text in texts)
