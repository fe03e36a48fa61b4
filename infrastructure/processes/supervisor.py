"""The server's end of a shim (shim.py): the orders it is given, and what it tells."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

from anyio import Lock, move_on_after, notify_closing, sleep, wait_readable, wait_writable

from infrastructure.processes import shim
from infrastructure.processes.errors import CommandNotStarted, ProcessesRemain, SupervisorLost

INTERRUPT, TERMINATE, KILL = b"I", b"T", b"K"
KILL_SECONDS = 5.0  # what SIGKILL may take: a process that gives back gigabytes needs a moment
REAP_SECONDS = 0.002  # between two looks at a shim that has closed its socket and is about to end


class Census:
    """How many shims run, and how many did not end in time when they had to; for whoever watches the server."""

    living = 0
    unended = 0


CENSUS = Census()
"""This process's own, as the kernel keeps one list of its children."""


class Supervisor:
    """A running shim: what it told so far, and the way to tell it something.

    ``over``: the shim and all that it supervised have ended. ``sound``: it said so itself.
    """

    def __init__(self, *, streams: Sequence[int], directory: int, report: int) -> None:
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)
        stdin, stdout, stderr = streams
        descriptors = (theirs.fileno(), directory, report)
        try:
            self._shim = subprocess.Popen(
                [sys.executable, "-I", "-S", shim_file(), *map(str, descriptors)],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=[descriptor for descriptor in descriptors if descriptor >= 0],
                cwd="/",
                # some builds of Python find their own library by this variable; nothing else is the shim's business
                env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
                start_new_session=True,
            )
        except BaseException:
            self._control.close()
            raise
        finally:
            theirs.close()
        CENSUS.living += 1
        self._listening = Lock()
        self._unread = b""
        self._failure: tuple[str, int] | None = None
        self.pid = self._shim.pid
        self.child: int | None = None
        self._leader: int | None = None  # the child from its first step on
        self.exit_code: int | None = None
        self.sound = False
        self.over = False

    async def start(self, program: str, request: bytes) -> int:
        """Send *request* and return the command's process id. Raises CommandNotStarted, SupervisorLost."""
        rest = memoryview(len(request).to_bytes(4, "big") + request)
        with suppress(ConnectionError):  # it has ended: what it told before says why
            while rest:
                await wait_writable(self._control)
                with suppress(BlockingIOError):
                    rest = rest[self._control.send(rest) :]
        await self.until(lambda: self.child is not None or self.over)
        if self._failure:
            stage, errno = self._failure
            raise CommandNotStarted(program=program, stage=stage, errno=errno)
        if self.child is None:
            raise SupervisorLost(f"{program}: the shim ended at its start, with status {self._shim.returncode}")
        return self.child

    def order(self, order: bytes) -> None:
        """Give an order; it has no effect when all is over."""
        with suppress(OSError):
            self._control.send(order)

    async def until(self, known: Callable[[], bool]) -> None:
        """Listen until *known*; tasks that wait at the same time take turns in listening for all."""
        while not known():
            async with self._listening:
                if not known():
                    await self._listen()

    async def aclose(self) -> None:
        """Kill what is left and wait for its end, even when cancelled. Raises ProcessesRemain."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)  # unlike an order, understood in the middle of a request too
        with move_on_after(KILL_SECONDS, shield=True):
            await self.until(lambda: self.over)
        notify_closing(self._control)
        self._control.close()
        CENSUS.living -= 1
        if not self.over:
            CENSUS.unended += 1
            raise ProcessesRemain(f"something that process {self.child} started does not end")

    async def _listen(self) -> None:
        await wait_readable(self._control)
        try:
            told = self._control.recv(4096)
        except ConnectionError:
            told = b""
        *lines, self._unread = (self._unread + told).split(b"\n")
        for line in lines:
            self._note(line.decode("ascii").split())
        if not told:
            while self._shim.poll() is None:  # noqa: ASYNC110  # microseconds, as a rule not even one sleep
                await sleep(REAP_SECONDS)
            if not self.sound and self._leader is not None:
                kill_session(self._leader)
            self.over = True

    def _note(self, words: list[str]) -> None:
        match words:
            case ["child", pid]:
                self._leader = int(pid)
            case ["started", pid]:
                self.child = int(pid)
            case ["failed", stage, errno]:
                self._failure, self._leader = (stage, int(errno)), None
            case ["exited", code]:
                self.exit_code = int(code)
            case ["gone"]:
                self.sound = True


def shim_file() -> str:
    """Return the shim's bytecode, written when it was imported here, or its source if that is newer.

    To compile the source takes 4 ms and 0.7 MB at each start.
    """
    source = Path(shim.__file__)
    compiled = Path(cache_from_source(source))
    fresh = compiled.exists() and compiled.stat().st_mtime_ns >= source.stat().st_mtime_ns
    return str(compiled if fresh else source)


def kill_session(leader: int) -> None:
    """Kill the process session of *leader*: what can be found of a command whose shim is gone."""
    for number in (signal.SIGSTOP, signal.SIGKILL):  # what stands still starts nothing new
        for process in members(leader):
            with suppress(OSError):
                os.kill(process, number)


def members(session: int) -> list[int]:
    """Return the processes of *session*; where there is no /proc, the process group of its leader as one."""
    if not Path("/proc/self").exists():
        return [-session]
    processes = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [process for process in processes if session_of(process) == session]


def session_of(process: int) -> int | None:
    """Return the session of *process*, None if it has just ended."""
    try:
        return os.getsid(process)
    except OSError:
        return None
