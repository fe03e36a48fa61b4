"""A supervised command: its pipes, its orders, its end."""

import errno
import marshal
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from anyio import EndOfStream, WouldBlock, move_on_after

from infrastructure.processes.errors import CommandNotStarted, ProcessesRemain, SupervisorLost
from infrastructure.processes.pipes import InputPipe, OutputPipe
from infrastructure.processes.supervisor import INTERRUPT, KILL, KILL_SECONDS, TERMINATE, Supervisor


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What the command and each process that it starts may use (setrlimit(2)); None leaves it as it is.

    No process dumps core. ``processes`` counts all processes of the user, and does not bind root.
    """

    open_files: int | None = None
    processes: int | None = None
    file_bytes: int | None = None
    memory_bytes: int | None = None

    def by_name(self) -> dict[str, int]:
        """Return the limits that are set, by the system's names."""
        limits = {
            "RLIMIT_CORE": 0,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_AS": self.memory_bytes,
        }
        return {name: value for name, value in limits.items() if value is not None}


NO_LIMITS = Limits()


class Process:
    """A command that was started, and all that it starts; leaving its context kills what is left.

    ``pid`` leads a process session of its own. ``stdin`` and ``report`` are None unless they were asked for.
    """

    def __init__(
        self,
        *,
        pid: int,
        supervisor: Supervisor,
        stdin: InputPipe | None,
        stdout: OutputPipe,
        stderr: OutputPipe,
        report: OutputPipe | None,
        resources: AsyncExitStack,
    ) -> None:
        self.pid = pid
        self.supervisor_pid = supervisor.pid
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.report = report
        self._supervisor = supervisor
        self._resources = resources

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def wait(self) -> int:
        """Return the exit code as soon as the command has ended; 128 and the signal's number if one ended it.

        What it left in the background may go on, and hold the pipes. Raises SupervisorLost.
        """
        await self._supervisor.until(lambda: self._supervisor.exit_code is not None or self._supervisor.over)
        if self._supervisor.exit_code is None:
            raise SupervisorLost(f"the shim of process {self.pid} ended before the command")
        return self._supervisor.exit_code

    async def gone(self) -> None:
        """Return when nothing is left of all that the command started. Raises SupervisorLost."""
        await self._supervisor.until(lambda: self._supervisor.over)
        if not self._supervisor.sound:
            raise SupervisorLost(f"the shim of process {self.pid} ended before what it supervised")

    def interrupt(self) -> None:
        """Send SIGINT to the command's process group, as Ctrl-C would."""
        self._supervisor.order(INTERRUPT)

    def terminate(self) -> None:
        """Send SIGTERM to all that the command started, in the background too."""
        self._supervisor.order(TERMINATE)

    def kill(self) -> None:
        """Send SIGKILL to all that the command started, until nothing is left."""
        self._supervisor.order(KILL)

    async def end(self, *, interrupt_seconds: float = 2, terminate_seconds: float = 3) -> None:
        """Interrupt, terminate, kill: go on to the next after so long; return when nothing is left.

        A step that has no time is left out. Receive meanwhile: a full pipe holds up last words. Raises
        ProcessesRemain when SIGKILL did not end everything within KILL_SECONDS.
        """
        steps = ((INTERRUPT, interrupt_seconds), (TERMINATE, terminate_seconds), (KILL, KILL_SECONDS))
        for order, seconds in steps:
            if seconds > 0:
                self._supervisor.order(order)
                with move_on_after(seconds):
                    return await self._supervisor.until(lambda: self._supervisor.over)
        raise ProcessesRemain(f"something that process {self.pid} started does not end")

    async def aclose(self) -> None:
        """Kill what is left, wait for its end, close the pipes; even when cancelled. Raises ProcessesRemain."""
        await self._resources.aclose()


async def spawn(
    command: Sequence[str],
    *,
    directory: int,
    environment: Mapping[str, str],
    limits: Limits = NO_LIMITS,
    stdin: bool = False,
    report: bool = False,
) -> Process:
    """Start *command* in an open *directory* with exactly this *environment*, whose PATH says where it is found.

    With *stdin* it reads what ``Process.stdin`` is sent, else nothing (/dev/null). With *report* it can write to
    descriptor 3 what ``Process.report`` receives. Raises CommandNotStarted, SupervisorLost; nothing stays behind
    then, nor when cancelled.
    """
    request = marshal.dumps(
        (
            [os.fsencode(argument) for argument in command],
            {os.fsencode(name): os.fsencode(value) for name, value in environment.items()},
            limits.by_name(),
        )
    )
    async with AsyncExitStack() as resources:
        try:
            with ExitStack() as theirs:
                input_end, input_pipe = pipe_in(resources, theirs) if stdin else (subprocess.DEVNULL, None)
                output_end, output_pipe = pipe_out(resources, theirs)
                error_end, error_pipe = pipe_out(resources, theirs)
                report_end, report_pipe = pipe_out(resources, theirs) if report else (-1, None)
                streams = (input_end, output_end, error_end)
                supervisor = Supervisor(streams=streams, directory=directory, report=report_end)
                resources.push_async_callback(supervisor.aclose)
        except OSError as error:  # no more descriptors, or processes
            reason = error.errno or errno.EAGAIN
            raise CommandNotStarted(program=command[0], stage="supervisor", errno=reason) from error
        try:
            pid = await supervisor.start(command[0], request)
        except SupervisorLost as lost:
            lost.add_note(last_words(error_pipe))
            raise
        return Process(
            pid=pid,
            supervisor=supervisor,
            stdin=input_pipe,
            stdout=output_pipe,
            stderr=error_pipe,
            report=report_pipe,
            resources=resources.pop_all(),
        )


def pipe_in(ours: AsyncExitStack, theirs: ExitStack) -> tuple[int, InputPipe]:
    """Make a pipe to the command; return its end, closed with *theirs*, and our end."""
    read, write = os.pipe()
    theirs.callback(os.close, read)
    pipe = InputPipe(write)
    ours.callback(pipe.close)
    return read, pipe


def pipe_out(ours: AsyncExitStack, theirs: ExitStack) -> tuple[int, OutputPipe]:
    """Make a pipe from the command; return its end, closed with *theirs*, and our end."""
    read, write = os.pipe()
    theirs.callback(os.close, write)
    pipe = OutputPipe(read)
    ours.callback(pipe.close)
    return write, pipe


def last_words(pipe: OutputPipe) -> str:
    """Return what a shim that failed at its start wrote where the command's errors would go."""
    try:
        return pipe.receive_nowait().decode(errors="replace")
    except (WouldBlock, EndOfStream):
        return ""
