"""What whoever changes files by a plan shares: the locks, and the note by which the log is told how it ended."""

from weakref import WeakValueDictionary

from anyio import Lock
from msgspec import Struct

from contracts.codec import decoder
from contracts.events import OperationResult
from domain.ports import PlanKey


class Note(Struct, frozen=True):
    """What is needed to tell the log how a change ended: since which seq it was at work, and its results."""

    since: int
    results: list[OperationResult]


decode_note = decoder(Note)


class Locks:
    """Of the plans in one directory one is carried out or undone at a time; others wait."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[PlanKey | str, Lock] = WeakValueDictionary()

    def of(self, what: PlanKey | str) -> Lock:
        """Return the lock of a plan or, to be taken after it, of a directory."""
        return self._locks.setdefault(what, Lock())
