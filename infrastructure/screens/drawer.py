"""The server's side of the process that draws: started when it is needed, replaced when it dies or hangs."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from anyio import BrokenResourceError, CancelScope, ClosedResourceError, EndOfStream, Lock, fail_after
from msgspec import DecodeError

import infrastructure
from infrastructure.processes.errors import ProcessError
from infrastructure.processes.process import Limits, Process, spawn
from infrastructure.screens.messages import HEAD_BYTES, Answers, Failed, Open, Orders, decode_answer, framed

ANSWER_SECONDS = 10.0  # an order has a budget of 0.05 s; to paint a million coloured cells takes 2
PACKAGES = str(Path(infrastructure.__file__).parent.parent)
BOOTSTRAP = "import sys; sys.path.append(sys.argv[1]); from infrastructure.screens.worker import main; main()"
LIMITS = Limits(open_files=64, memory_bytes=4 * 1024**3)  # fifty screens of a million cells take 2.5 GiB


class DrawerLost(Exception):
    """The process died of an order, hung, or can't be started."""


class DrawerRestarted(Exception):
    """Another process draws now, which knows nothing of this terminal."""


class Drawer:
    """Takes one order at a time, from whoever comes first. ``generation`` numbers the processes."""

    def __init__(self, *, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: Process | None = None
        self._unread = bytearray()
        self._turn = Lock()
        self.generation = 0

    @property
    def pid(self) -> int | None:
        """Return the process that draws now, if there is one."""
        return self._process.pid if self._process else None

    async def ask(self, order: Orders, *, generation: int | None = None) -> Answers:
        """Have *order* carried out, by that process where a *generation* is named.

        Raises DrawerLost, DrawerRestarted.
        """
        async with self._turn:
            # half an order would be the beginning of the next; bounded by the deadline
            with CancelScope(shield=True):
                if generation is not None and (generation != self.generation or self._process is None):
                    raise DrawerRestarted
                try:
                    with fail_after(ANSWER_SECONDS):
                        return await self._ask(order)
                except (
                    BrokenResourceError,
                    ClosedResourceError,
                    EndOfStream,
                    DecodeError,
                    ProcessError,
                    TimeoutError,
                ) as error:
                    await self._end()
                    raise DrawerLost(f"{type(error).__name__}: {error}") from error
        raise AssertionError("a shielded scope of its own is not cancelled")

    async def open(self, order: Open) -> tuple[Answers, int]:
        """Have a screen begun; return which process has it."""
        answer = await self.ask(order)
        return answer, self.generation

    async def _ask(self, order: Orders) -> Answers:
        process = self._process or await self._start()
        assert process.stdin is not None
        await process.stdin.send(framed(order))
        size = int.from_bytes(await self._receive(process, HEAD_BYTES), "big")
        answer: Answers = decode_answer(await self._receive(process, size))
        return answer

    async def _receive(self, process: Process, size: int) -> bytes:
        while len(self._unread) < size:
            self._unread += await process.stdout.receive()
        data = bytes(self._unread[:size])
        del self._unread[:size]
        return data

    async def _start(self) -> Process:
        directory = os.open("/", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._process = await spawn(
                [sys.executable, "-I", "-c", BOOTSTRAP, PACKAGES],
                directory=directory,
                environment=self._environment,
                limits=LIMITS,
                stdin=True,
            )
        finally:
            os.close(directory)
        self._unread.clear()
        self.generation += 1
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            await process.aclose()

    async def aclose(self) -> None:
        """End the process."""
        async with self._turn:
            await self._end()


def carried_out(answer: Answers) -> Answers:
    """Return *answer*, or raise DrawerLost where the terminal's screen was lost."""
    if isinstance(answer, Failed):
        raise DrawerLost(answer.reason)
    return answer
