"""Kills a process at each step of a change or an undoing in turn, and puts right what it left.

Run with a folder, ``execute`` or ``undo``, ``system`` or ``links`` (how files trade places), and which steps:
every one, or every second, third … Prints how often nothing and how often all was done in the end; exits with 1 if
ever it was neither, or not what the record says.
"""

import os
import random
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

import anyio

from contracts.events import DeleteOperation, EditOperation, RenameOperation, WriteOperation
from infrastructure.files import exchange
from tests.files.stage import KEY, NOTE, Entry, Place, look

STEPS = ("open", "rename", "link", "unlink", "mkdir", "rmdir", "fsync", "fchmod", "replace")
KILLED = -signal.SIGKILL


def die_at(step: int) -> None:
    """Have this process end at its call of that number to what changes anything."""
    left = step

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def counting(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **options)

        return counting

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    exchange._try = counted(exchange._try)


def in_a_child(work: Callable[[], Awaitable[None]], *, step: int = 0) -> int:
    """Return how a child ended that did the work, killed at that step unless it is 0."""
    child = os.fork()
    if child == 0:
        if step:
            die_at(step)
        anyio.run(work)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Attempt:
    def __init__(self, folder: Path, kind: str) -> None:
        self.folder = folder
        self.kind = kind
        self.place = Place(folder)
        self.place.put("changed", b"one\r\ntwo\r\n", 0o755)
        self.place.put("deleted", b"\0\xff")
        self.place.put("moved", b"three\n", 0o600)
        self.before = look(self.place.project)

    async def execute(self) -> None:
        await self.place.change(
            EditOperation(path="changed", search="two", replace="2"),
            DeleteOperation(path="deleted"),
            RenameOperation(path="moved", to="made/here"),
            WriteOperation(path="made/deep/new", content="new\n"),
        )
        await self.place.files.settle(KEY)

    async def undo(self) -> None:
        await self.place.files.undo(KEY, note=NOTE)
        await self.place.files.settle(KEY)

    async def recover(self) -> None:
        """Put all right; what the record says must be what the tree says, once and no more."""
        files = self.place.adapter()
        found = await files.recover()
        for each in found:
            assert each.note == NOTE
            assert each.undo == (self.kind == "undo")
            self.check(each.made)
            await files.settle(each.key)
        assert await files.recover() == []

    def check(self, made: bool) -> None:
        assert look(self.place.project) == (self.ends if made else self.starts)

    def run(self, step: int, chance: random.Random) -> str:
        """Return whether the work was ``done``, or the tree is as ``before`` or ``after`` it."""
        self.starts: Mapping[str, Entry] = self.before
        if self.kind == "undo":
            assert in_a_child(self.execute) == 0
            self.starts = look(self.place.project)
        ended = in_a_child(getattr(self, self.kind), step=step)
        if ended == 0:
            return "done"
        assert ended == KILLED, ended
        if in_a_child(self.recover, step=chance.randrange(1, 30)) == KILLED:  # it also dies while it puts things right
            assert in_a_child(self.recover) == 0
        now = look(self.place.project)
        assert now in (self.starts, self.ends), now
        return "before" if now == self.starts else "after"

    ends: Mapping[str, Entry]


def main(folder: Path, kind: str, renames: str, stride: int) -> None:
    anyio.run(anyio.sleep, 0)  # loads what each child would load again
    if renames == "links":
        exchange._try = lambda *_: False
    whole = Attempt(folder / "whole", kind)
    assert whole.run(0, random.Random(0)) == "done"
    ends = look(whole.place.project)
    counts = {"before": 0, "after": 0}
    for step in count(1, stride):
        attempt = Attempt(folder / str(step), kind)
        attempt.ends = ends
        end = attempt.run(step, random.Random(step))
        shutil.rmtree(attempt.folder)
        if end == "done":
            break
        counts[end] += 1
    print(counts["before"], counts["after"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
