"""A host of terminals on a real folder, and what a reader does with one."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from domain.ids import make_id
from domain.ports import Terminal, TerminalPlan
from infrastructure.clock import SystemClock
from infrastructure.processes.process import NO_LIMITS, Limits
from infrastructure.terminals.host import HeldTerminals, OpenDirectory

KEPT = 8 * 1024 * 1024
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/", "PS1": "$ ", "SHELL": "/bin/sh"}


async def open_directory(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


@asynccontextmanager
async def open_host(
    folder: Path, *, kept: int = KEPT, limits: Limits = NO_LIMITS, open_directory: OpenDirectory = open_directory
) -> AsyncIterator[HeldTerminals]:
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240
    async with anyio.create_task_group() as tasks:
        host = HeldTerminals(
            folder,
            kept=kept,
            environment=ENVIRONMENT,
            limits=limits,
            open_directory=open_directory,
            clock=SystemClock(),
            tasks=tasks,
        )
        try:
            yield host
        finally:
            tasks.cancel_scope.cancel()


def make_plan(*command: str, owner: str = "user", working_dir: str | Path = "/", **rest: object) -> TerminalPlan:
    members = {
        "terminal_id": make_id(),
        "session_id": None,
        "owner": owner,
        "mode": "shell",
        "working_dir": str(working_dir),
        "cols": 80,
        "rows": 24,
        "command": command,
        **rest,
    }
    return TerminalPlan(**members)  # type: ignore[arg-type]


async def until_offset(terminal: Terminal, offset: int) -> None:
    """Wait until there is output past *offset*, or the terminal ended."""
    while terminal.state.offset <= offset and terminal.state.ended_at is None:
        changed = anyio.Event()
        end = terminal.watch(changed.set)
        if terminal.state.offset <= offset and terminal.state.ended_at is None:
            await changed.wait()
        end()


async def until_ended(terminal: Terminal) -> None:
    while terminal.state.ended_at is None:
        changed = anyio.Event()
        end = terminal.watch(changed.set)
        if terminal.state.ended_at is None:
            await changed.wait()
        end()


async def shows(terminal: Terminal, text: bytes, *, after: int = 0) -> int:
    """Wait until *text* is in the output; return the offset after what was read by then."""
    seen = b""
    while text not in seen:
        output = await terminal.read(after=after, limit=65536)
        if not output.data:
            assert terminal.state.ended_at is None, seen
            await until_offset(terminal, after)
        seen, after = seen + output.data, output.offset
    return after


async def whole(terminal: Terminal) -> bytes:
    """Return all that is kept of an ended terminal's output."""
    await until_ended(terminal)
    pieces, after = [], terminal.state.earliest
    while after < terminal.state.offset:
        output = await terminal.read(after=after, limit=65536)
        pieces.append(output.data)
        after = output.offset
    return b"".join(pieces)


def sh(script: str, *arguments: str) -> Sequence[str]:
    return ["/bin/sh", "-c", script, "sh", *arguments]


def holder_of(terminal: Terminal) -> int:
    """Return the process that holds a running terminal."""
    return int(Path(f"/proc/{terminal.state.pid}/stat").read_text().rpartition(")")[2].split()[1])
