"""A shell session: each prompt is one ``bash -c``, or ``sh -c`` where there is no bash.

Standard input is empty, output goes into pipes. Programs see no terminal, so most write no colours; nothing forces
them to (FORCE_COLOR and the like would put escapes into the user's own pipes too), and whoever asks for colours
(``ls --color``) gets them unchanged.

The prompt's text is an argument, so that no quoting can break it, and the shell evaluates it whole in its own
process: ``$?``, ``$$`` and the line numbers of errors are as ever. At the end the shell reports its directory on a
pipe: after the text, or by an EXIT trap when the text leaves early (``exit``, ``set -e``). It can't after ``exec``,
after SIGKILL, or when the text has an EXIT trap of its own and also leaves early.
"""

import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskGroup, TaskStatus

from contracts.events import SessionError, SessionOutput
from domain.errors import AgentUnavailable, Invalid, OutsideRoots
from domain.ids import TurnId
from domain.ports import Emit, Turn, TurnEnd
from infrastructure.agents.prompt import Prompt
from infrastructure.processes.errors import ProcessError
from infrastructure.processes.process import Limits, Process, spawn

OpenDirectory = Callable[[str], Awaitable[int]]

# Where the report pipe is out of the way of the user's own redirections; dash knows no number above 9.
REPORT_DESCRIPTOR = {"bash": 254, "sh": 7}
ARGUMENT_CHARACTERS = 32_000  # one argument holds 128 KiB (MAX_ARG_STRLEN, execve(2)), a character up to four


class ShellAgent:
    """One session's shell. *working_dir* is where prompts begin when their own directory is gone.

    *open_directory* returns a handle, which is closed here, and raises Invalid for what is no directory to work in.
    """

    def __init__(
        self,
        *,
        shell: str,
        working_dir: str,
        environment: Mapping[str, str],
        limits: Limits,
        open_directory: OpenDirectory,
        emit: Emit,
        tasks: TaskGroup,
    ) -> None:
        self._shell = shell
        self._working_dir = working_dir
        self._environment = environment
        self._limits = limits
        self._open_directory = open_directory
        self._emit = emit
        self._tasks = tasks
        self._running: Prompt | None = None
        self._prompts: set[Prompt] = set()

    @property
    def alive(self) -> bool:
        return bool(self._prompts)

    async def run(self, turn: Turn) -> TurnEnd:
        prompt = self._running = Prompt(turn.turn_id, emit=self._emit)
        try:
            return await self._run(turn, prompt)
        except BaseException:
            await prompt.abandon()
            raise
        finally:
            self._running = None
            prompt.finished.set()

    async def cancel(self) -> None:
        if self._running is not None:
            running = self._running
            running.stop.set()
            await running.finished.wait()

    async def close(self) -> None:
        for prompt in self._prompts:
            prompt.stop.set()
        await self.cancel()
        while self._prompts:
            await next(iter(self._prompts)).over.wait()

    async def fork(self, working_dir: str) -> None:
        del working_dir

    async def _run(self, turn: Turn, prompt: Prompt) -> TurnEnd:
        directory = await self._begin(turn)
        if directory is None:
            return TurnEnd(stop_reason="error")
        try:
            if prompt.stop.is_set():
                return TurnEnd(stop_reason="cancelled")
            await self._tasks.start(self._attend, prompt, partial(self._spawn, turn.command, directory))
        except ProcessError as error:
            raise AgentUnavailable(f"The shell can't be started: {error}") from error
        finally:
            os.close(directory)
        await prompt.exited.wait()
        if prompt.failure is not None:
            raise prompt.failure
        cwd = await self._next_directory(turn.turn_id, prompt.report)
        if prompt.exit_code is None:
            await self._emit(
                SessionError(
                    error="The shell's supervisor was ended from outside.", code="agent-failed", recoverable=True
                )
            )
            return TurnEnd(stop_reason="error", cwd=cwd)
        await self._emit(SessionOutput(turn_id=turn.turn_id, stream="exit", content="", exit_code=prompt.exit_code))
        return TurnEnd(stop_reason="cancelled" if prompt.stop.is_set() else "end", cwd=cwd)

    async def _attend(
        self,
        prompt: Prompt,
        start: Callable[[], Awaitable[Process]],
        *,
        task_status: TaskStatus[None] = TASK_STATUS_IGNORED,
    ) -> None:
        self._prompts.add(prompt)
        try:
            await prompt.attend(start, task_status=task_status)
        finally:
            self._prompts.discard(prompt)

    async def _spawn(self, text: str, directory: int) -> Process:
        return await spawn(
            command_line(self._shell, text),
            directory=directory,
            environment=self._environment,
            limits=self._limits,
            report=True,
        )

    async def _begin(self, turn: Turn) -> int | None:
        """Open the directory where the turn begins: its own, else the session's."""
        try:
            return await self._open_directory(turn.cwd)
        except Invalid as error:
            reason = error
        if turn.cwd != self._working_dir:
            try:
                directory = await self._open_directory(self._working_dir)
            except Invalid as error:
                reason = error
            else:
                lost = f"{turn.cwd} is no longer a directory to work in"
                await self._say(turn.turn_id, f"{lost}; this prompt begins in {self._working_dir}")
                return directory
        await self._emit(SessionError(error=str(reason), code="invalid-working-dir", recoverable=True))
        return None

    async def _next_directory(self, turn_id: TurnId, report: bytes) -> str:
        """Return where the next prompt begins: where this one ended, else in the session's directory."""
        path = report.rpartition(b"\0")[2].removesuffix(b"\n").decode(errors="surrogateescape")
        try:
            os.close(await self._open_directory(path))
        except OutsideRoots:
            where = "this prompt ended outside the workspace roots"
        except Invalid:
            where = "the directory that this prompt ended in is gone, or can't be entered or named"
        else:
            return path
        if not report:
            where = "nobody can tell where this prompt ended: its shell was replaced or killed, or left by its own trap"
        await self._say(turn_id, f"{where}; the next one begins in {self._working_dir}")
        return self._working_dir

    async def _say(self, turn_id: TurnId, text: str) -> None:
        await self._emit(SessionOutput(turn_id=turn_id, stream="stderr", content=f"towpath: {text}\n"))


def find_shell(environment: Mapping[str, str]) -> str | None:
    """Return ``bash``, else ``sh``, by the PATH of *environment*; None if there is neither."""
    return next((shell for shell in REPORT_DESCRIPTOR if shutil.which(shell, path=environment["PATH"])), None)


def command_line(shell: str, text: str) -> list[str]:
    """Return what runs *text*; it reports where it ends, after a NUL, on descriptor 3."""
    parts = [text[start : start + ARGUMENT_CHARACTERS] for start in range(0, len(text), ARGUMENT_CHARACTERS)]
    descriptor = REPORT_DESCRIPTOR[shell]
    report = f'{{ printf "\\0"; command pwd -P; }} >&{descriptor} 2>/dev/null || :'
    whole = "".join(f"${{{number}}}" for number in range(1, len(parts) + 1))
    script = (  # one line, so that the text's lines are counted from 1
        f"exec {descriptor}>&3 3>&-; trap '{report}' EXIT; "
        f'eval "shift {len(parts)}; {whole}"; '
        f'{{ set -- "$?"; set +x; {report}; }} 2>/dev/null; command exit "$1"'
    )
    return [shell, "-c", script, shell, *parts]
