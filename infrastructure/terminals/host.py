"""Terminals that processes of their own hold; adapter of `TerminalHost`."""

import marshal
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from anyio import CancelScope, create_task_group, move_on_after, to_thread
from anyio.abc import TaskGroup
from msgspec.structs import replace

from domain.errors import TerminalUnavailable
from domain.ids import is_identifier, make_epoch
from domain.ports import Clock, Terminal, TerminalPlan
from infrastructure.processes.errors import CommandNotStarted
from infrastructure.processes.process import Limits
from infrastructure.terminals.connection import Connection
from infrastructure.terminals.place import MARK, Place, Record, clear
from infrastructure.terminals.terminal import HeldTerminal

OpenDirectory = Callable[[str], Awaitable[int]]

START_SECONDS = 10  # 0.03 on an idle machine
KNOWN_SECONDS = 2  # a holder that is stopped is found without having said anything
SHELLS = ("bash", "sh")
TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
LOCALES = {"LANG", "LC_ALL", "LC_CTYPE"}


class HeldTerminals:
    """Keeps terminals in *folder*, and at least *kept* bytes of the output of each.

    Programs get exactly this *environment*, and what a terminal adds. *open_directory* returns a handle, which is
    closed here, and raises Invalid for what is no directory to work in. *tasks* owns what listens to the holders; when
    it is cancelled, what agents own ends. Adapter of `TerminalHost`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kept: int,
        environment: Mapping[str, str],
        limits: Limits,
        open_directory: OpenDirectory,
        clock: Clock,
        tasks: TaskGroup,
    ) -> None:
        self._folder = folder
        self._kept = kept
        self._environment = environment
        self._limits = limits
        self._open_directory = open_directory
        self._clock = clock
        self._tasks = tasks

    async def open(self, plan: TerminalPlan) -> Terminal:
        if not is_identifier(plan.terminal_id):
            raise ValueError(f"{plan.terminal_id!r} is no id.")
        directory = await self._open_directory(plan.working_dir)
        try:
            with CancelScope(shield=True):  # all of it or nothing; bounded by START_SECONDS
                terminal = await self._open(plan, directory)
        finally:
            os.close(directory)
        return terminal

    async def find(self) -> Sequence[Terminal]:
        places = await to_thread.run_sync(self._look)
        terminals = [HeldTerminal(place, process=None, clock=self._clock) for place in places]
        async with create_task_group() as finding:
            for terminal in terminals:
                self._tasks.start_soon(terminal.attend)
                finding.start_soon(_settle, terminal)
        return terminals

    async def _open(self, plan: TerminalPlan, directory: int) -> Terminal:
        record = Record(
            plan=replace(plan, environment={}),  # it may hold secrets, and nobody needs it any more
            epoch=make_epoch(),
            created_at=self._clock.now(),
            kept=self._kept,
        )
        try:
            place = await to_thread.run_sync(Place.make, self._folder / plan.terminal_id, record)
        except OSError as error:
            raise TerminalUnavailable(f"No terminal can be kept: {error.strerror}.") from error
        try:
            terminal = await self._start(place, plan, directory)
        except BaseException:
            place.close()
            await to_thread.run_sync(clear, place.folder)
            raise
        return terminal

    async def _start(self, place: Place, plan: TerminalPlan, directory: int) -> Terminal:
        command, environment = self._program(plan)
        order = marshal.dumps(
            (
                [os.fsencode(argument) for argument in command],
                {os.fsencode(name): os.fsencode(value) for name, value in environment.items()},
                self._limits.by_name(),
                (plan.cols, plan.rows),
                self._kept,
                plan.owner == "agent",
            )
        )
        try:
            process, ours = await to_thread.run_sync(place.launch, directory)
        except OSError as error:
            raise TerminalUnavailable(f"The terminal can't be held: {error.strerror}.") from error
        connection = Connection(ours)
        answer = b""
        with move_on_after(START_SECONDS):
            await connection.send(len(order).to_bytes(4, "big") + order)
            answer = await connection.line()
        if answer != b"started":
            connection.close()
            process.kill()
            await to_thread.run_sync(process.wait)
            raise TerminalUnavailable(_reason(command[0], answer, place))
        terminal = HeldTerminal(place, process=process, clock=self._clock)
        self._tasks.start_soon(terminal.attend, connection)
        with move_on_after(START_SECONDS):
            await terminal.known.wait()
        return terminal

    def _program(self, plan: TerminalPlan) -> tuple[Sequence[str], Mapping[str, str]]:
        language = {} if LOCALES & self._environment.keys() else {"LANG": "C.UTF-8"}
        own = {**TERMINAL, MARK: plan.terminal_id}
        environment = {**language, **self._environment, **plan.environment, **own}
        return plan.command or [find_shell(environment)], environment

    def _look(self) -> Sequence[Place]:
        """Open the terminals of the folder, and remove what never was one or is so no longer."""
        found = []
        for folder in sorted(self._folder.iterdir()):
            try:
                place = Place(folder)
            except (OSError, ValueError):
                _clear_away(folder)
                continue
            if place.record.plan.terminal_id != folder.name or not (place.held() or place.state().pid):
                place.close()
                _clear_away(folder)
                continue
            found.append(place)
        return found


def find_shell(environment: Mapping[str, str]) -> str:
    """Return the user's shell where it can be run, else ``bash``, else ``sh``."""
    path = environment["PATH"]
    return next((shell for shell in (environment.get("SHELL", ""), *SHELLS) if shutil.which(shell, path=path)), "sh")


async def _settle(terminal: HeldTerminal) -> None:
    """Wait until it is known how a terminal is; what an agent owned has ended with the server that it was opened by."""
    if terminal.state.plan.owner == "agent":
        with suppress(TerminalUnavailable):  # it goes on showing as running, and can be ended again
            await terminal.end()
    with move_on_after(KNOWN_SECONDS):
        await terminal.known.wait()


def _clear_away(folder: Path) -> None:
    try:
        clear(folder)
    except OSError:  # it is no folder, or holds what is not ours: nobody's terminal
        return


def _reason(program: str, answer: bytes, place: Place) -> str:
    match answer.split():
        case [b"failed", stage, errno]:
            return str(CommandNotStarted(program=program, stage=stage.decode(), errno=int(errno)))
        case _:
            return f"{program}: the process that holds its terminal ended at its start. {place.last_words()}".strip()
