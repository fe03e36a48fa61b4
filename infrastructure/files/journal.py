"""What is written down before files are changed, so that a crash leaves all or none, and so that it can be undone.

Each plan has a private directory. In it ``execute`` and ``undo`` each hold a journal, replaced whole at each step, and
``execute`` what it found: the undo record.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from contracts.codec import decoder, encode
from domain.ids import SessionId
from domain.ports import PlanKey
from infrastructure.files.tree import Found

_JOURNAL = "journal.json"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC

Kind = Literal["execute", "undo"]
Phase = Literal["staging", "committed", "made", "returning", "failed"]


class Entry(Struct, frozen=True):
    """One file: what must be there, and what shall be. ``saved`` says where what was there is kept."""

    path: str
    before: Found | None
    after: Found | None
    saved: str = ""


class Journal(Struct, frozen=True, kw_only=True):
    """One change of a directory's files.

    ``token`` is in the names of all files that are made beside their targets. ``made`` are the directories that are
    made for it, ``unmade`` those that go with it if they are empty.
    """

    working_dir: str
    token: str
    note: bytes
    phase: Phase = "staging"
    settled: bool = False
    error: str = ""
    entries: tuple[Entry, ...]
    made: tuple[str, ...] = ()
    unmade: tuple[str, ...] = ()

    def aside(self, index: int) -> str:
        """Return the path at which an entry's other file lies: the new one before, the old one after the change."""
        directory, slash, _ = self.entries[index].path.rpartition("/")
        return f"{directory}{slash}.towpath-{self.token}-{index}"


_decode = decoder(Journal)


class Record:
    """The directory of one change."""

    def __init__(self, path: Path, kind: Kind) -> None:
        self.kind = kind
        self.path = path / kind

    def read(self) -> Journal | None:
        """Return the journal; `None` where there is none, or none that was finished: then nothing was done."""
        try:
            return _decode((self.path / _JOURNAL).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def begin(self, journal: Journal, saved: Mapping[str, bytes]) -> None:
        """Make the record, its way there included, with what was found and its first journal."""
        self.drop()
        for directory in (self.path.parents[1], self.path.parents[0], self.path):
            directory.mkdir(mode=0o700, exist_ok=True)
            _sync(directory.parent)
        for name, data in saved.items():
            _write(self.path / name, data)
        self.write(journal)

    def write(self, journal: Journal, **changes: object) -> Journal:
        """Replace the journal by one with *changes*, and return it; durable then."""
        journal = replace(journal, **changes)
        fresh = self.path / f".{_JOURNAL}"
        _write(fresh, encode(journal))
        fresh.replace(self.path / _JOURNAL)
        _sync(self.path)
        return journal

    def saved(self, name: str) -> bytes:
        """Return what was kept."""
        return (self.path / name).read_bytes()

    def drop(self) -> None:
        """Remove the record: its journal first, so that no half of it is ever taken for a whole."""
        (self.path / _JOURNAL).unlink(missing_ok=True)
        if self.path.exists():
            _sync(self.path)
            shutil.rmtree(self.path)


class Records:
    """All plans' directories, below one that is private to this user."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(mode=0o700, exist_ok=True)

    def of(self, key: PlanKey) -> tuple[Record, Record]:
        """Return where a plan's execution and its undoing are recorded."""
        path = self._path / key.session_id / key.plan_id
        return Record(path, "execute"), Record(path, "undo")

    def plans(self) -> Iterator[PlanKey]:
        """Yield all plans of which something is kept."""
        for session_id in self.sessions():
            for plan in sorted((self._path / session_id).iterdir()):
                yield PlanKey(session_id, plan.name)

    def sessions(self) -> list[SessionId]:
        """Return the sessions of which something is kept."""
        return [SessionId(path.name) for path in sorted(self._path.iterdir())]

    def forget(self, key: PlanKey) -> None:
        """Remove all that is kept of a plan."""
        execute, undo = self.of(key)
        undo.drop()
        execute.drop()
        path = execute.path.parent
        if path.exists():
            path.rmdir()
        if path.parent.exists() and not any(path.parent.iterdir()):
            path.parent.rmdir()


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, _FLAGS, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
