"""Finds processes in /proc by a mark in their arguments."""

import secrets
from collections.abc import Callable
from pathlib import Path

from anyio import sleep


def fresh_mark() -> str:
    """Make a number of seconds for ``sleep`` that no other process has in its arguments."""
    return f"{secrets.randbelow(10**9) + 10**9}.5"


def marked(mark: str) -> list[int]:
    """Return the processes that live and have *mark* among their arguments; a zombie has none."""
    return [process for process in everyone() if mark.encode() in read(f"/proc/{process}/cmdline")]


def lives(process: int) -> bool:
    return read(f"/proc/{process}/cmdline") != b""


def children(process: int) -> list[int]:
    return list(map(int, read(f"/proc/{process}/task/{process}/children").split()))


def everyone() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again; the caller's fail_after bounds it."""
    while not condition():  # noqa: ASYNC110  # the kernel sets no event
        await sleep(0.005)
