"""Trees of files to change, and the adapter that changes them."""

import os
import random
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from contracts.events import DeleteOperation, EditOperation, Operation, RenameOperation, WriteOperation
from domain.ids import SessionId
from domain.operations.planning import aim, changes_of, paths_of, work_out
from domain.ports import Change, PlanKey
from infrastructure.files.workspace_files import JournaledFiles
from infrastructure.workspace import Workspace

KEY = PlanKey(SessionId("u4k7wq2mzr5tdn4xbaocl6jhye"), "d5x2kqj7hm3wtzn4cvrb6ylp2e")
NOTE = b"a note"
NAMES = ("a.py", "b.txt", "bin", "src/a.py", "src/deep/b.txt", "größe/ü.md")
CONTENTS = (b"", b"one\ntwo\nthree\n", b"one\r\ntwo\r\n", b"no end", b"\0\xff binary\n", b"x  \ny\n")
MODES = (0o644, 0o755, 0o600, 0o444)

Entry = tuple[str, int, bytes]


class Place:
    """A data directory, and a root with a project in it."""

    def __init__(self, folder: Path, *, most_bytes: int = 1 << 20) -> None:
        self.data = folder / "data"
        self.root = folder.resolve() / "root"
        self.project = self.root / "project"
        self.data.mkdir(parents=True, exist_ok=True)
        self.project.mkdir(parents=True, exist_ok=True)
        self.files = self.adapter(most_bytes=most_bytes)

    def adapter(self, *, most_bytes: int = 1 << 20) -> JournaledFiles:
        """Return a new one, as after a restart."""
        workspace = Workspace(roots=[self.root])
        return JournaledFiles(data_dir=self.data, open_directory=workspace.open_directory, most_bytes=most_bytes)

    @property
    def working_dir(self) -> str:
        return str(self.project)

    def put(self, path: str, data: bytes, mode: int = 0o644) -> Path:
        target = self.project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(mode)
        return target

    async def changes(self, *operations: Operation) -> Sequence[Change]:
        """Return what operations that all apply make of the files."""
        targets = aim(operations, self.working_dir)
        files = await self.files.read(self.working_dir, paths_of(targets))
        steps = work_out(operations, targets, files)
        assert not [step.reason for step in steps if step.reason]
        return changes_of(steps, files)

    async def change(self, *operations: Operation) -> None:
        await self.files.change(self.working_dir, KEY, await self.changes(*operations), note=NOTE)


def look(top: Path) -> Mapping[str, Entry]:
    """Return all that is below a directory: kind, mode, and content or target."""
    found: dict[str, Entry] = {}
    for path in sorted(top.rglob("*")):
        status = path.lstat()
        kind = stat.filemode(status.st_mode)[0]
        data = path.read_bytes() if kind == "-" else os.fsencode(path.readlink()) if kind == "l" else b""
        found[str(path.relative_to(top))] = (kind, stat.S_IMODE(status.st_mode), data)
    return found


def contents(top: Path) -> Mapping[str, bytes]:
    """Return the files below a directory by their path."""
    return {path: data for path, (kind, _, data) in look(top).items() if kind == "-"}


def grow(place: Place, chance: random.Random) -> None:
    """Fill a project at random, empty directories included."""
    for name in NAMES:
        if chance.random() < 0.6:
            place.put(name, chance.choice(CONTENTS), chance.choice(MODES))
    for name in ("empty", "src/deep"):
        if chance.random() < 0.5:
            (place.project / name).mkdir(parents=True, exist_ok=True)


def draw_operations(chance: random.Random, count: int) -> list[Operation]:
    names = (*NAMES, "new.py", "new/deep/er/a.py", "empty/b")
    makers: Sequence[Callable[[], Operation]] = (
        lambda: WriteOperation(path=chance.choice(names), content=chance.choice(["", "new\n", "sh\r\n", "größe"])),
        lambda: EditOperation(path=chance.choice(names), search=chance.choice(["one", "two\n", "x\n"]), replace="1\n2"),
        lambda: EditOperation(path=chance.choice(names), patch="@@ -1,2 +1,3 @@\n one\n+and\n two\n"),
        lambda: DeleteOperation(path=chance.choice(names)),
        lambda: RenameOperation(path=chance.choice(names), to=chance.choice(names)),
    )
    return [chance.choice(makers)() for _ in range(count)]


def expected(before: Mapping[str, bytes], changes: Collection[Change]) -> Mapping[str, bytes]:
    """Return the contents after some changes."""
    after = dict(before)
    for change in changes:
        after.pop(change.path, None)
        if change.after.data is not None:
            after[change.path] = change.after.data
    return after
