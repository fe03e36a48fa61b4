"""Many files changed as one, and what is done about it after a crash.

New contents are written beside their targets and synced; then the journal says ``committed``; then each takes the place
of what was there, in a rename that loses neither. What came out is compared with what should have been there, and if
it differs, the journal says ``returning`` and everything goes back. Where somebody else wrote to a file in those
milliseconds, theirs stays: then what cannot go back without overwriting it is kept beside it, and named.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from msgspec.structs import replace

from domain.errors import FilesChanged, FilesUnavailable
from infrastructure.files.exchange import exchange, mend, move
from infrastructure.files.journal import Journal, Record
from infrastructure.files.tree import Tree

logger = logging.getLogger(__name__)

Content = tuple[bytes, int | None]
"""What a file shall hold, and its mode; `None` for that of any new file."""


class FileChange:
    """One journal's change of one tree."""

    def __init__(self, tree: Tree, record: Record, journal: Journal) -> None:
        self._tree = tree
        self._record = record
        self.journal = journal

    def make(self, contents: Mapping[str, Content]) -> None:
        """Make the change. Raises FilesChanged, OSError: then it was taken back.

        Raises FilesUnavailable where it could not be, and `recover` is to be called until it can.
        """
        try:
            self._stage(contents)
            self._check(lambda index: self.journal.entries[index].path)
            self.journal = self._record.write(self.journal, phase="committed")
            for index in self._indices:
                self._swap(index)
            self._finish()
        except (FilesChanged, OSError) as error:
            try:
                self._go_back(str(error))
            except OSError as failure:
                raise FilesUnavailable("The files can't be put back now; the server tries again.") from failure
            raise
        self._clean()

    def recover(self) -> None:
        """Make whole what a crash left: forward where it was committed and everything still fits, else back.

        Raises OSError where neither can be done now.
        """
        if self.journal.phase in ("committed", "returning"):
            for index in self._indices:
                self._mend(index)
        if self.journal.phase == "staging":
            self._go_back("The server stopped before the files were changed.")
        elif self.journal.phase == "returning":
            self._go_back(self.journal.error)
        elif self.journal.phase == "committed":
            try:
                self._go_on()
            except FilesChanged as error:
                self._go_back(str(error))
        if self.journal.phase == "made":
            self._clean()

    @property
    def _indices(self) -> range:
        return range(len(self.journal.entries))

    def _stage(self, contents: Mapping[str, Content]) -> None:
        for directory in self.journal.made:
            self._tree.make_directory(directory)
        entries = list(self.journal.entries)
        for index, entry in enumerate(entries):
            if entry.after is not None:
                data, mode = contents[entry.path]
                name = entry.path.rpartition("/")[2]
                mode = self._tree.write(self.journal.aside(index), data, mode=mode, like=name)
                entries[index] = replace(entry, after=replace(entry.after, mode=mode))
        self.journal = replace(self.journal, entries=tuple(entries))
        self._sync()

    def _go_on(self) -> None:
        waiting = [index for index in self._indices if self._untouched(index)]
        if others := [
            self.journal.entries[index].path
            for index in self._indices
            if index not in waiting and not self._in_place(index)
        ]:
            raise FilesChanged(others)
        for index in waiting:
            self._swap(index)
        self._finish()

    def _finish(self) -> None:
        """See that what came out of each place is what should have been there, and say that all is made."""
        self._check(self.journal.aside)
        self._sync()
        self.journal = self._record.write(self.journal, phase="made")

    def _check(self, where: Callable[[int], str]) -> None:
        """See that what was there before is now at the path that *where* says. Raises FilesChanged."""
        entries = enumerate(self.journal.entries)
        if changed := [entry.path for index, entry in entries if not self._tree.is_like(where(index), entry.before)]:
            raise FilesChanged(changed)

    def _untouched(self, index: int) -> bool:
        entry = self.journal.entries[index]
        return self._tree.is_like(entry.path, entry.before) and self._tree.is_like(
            self.journal.aside(index), entry.after
        )

    def _in_place(self, index: int) -> bool:
        entry = self.journal.entries[index]
        return self._tree.is_like(entry.path, entry.after) and self._tree.is_like(
            self.journal.aside(index), entry.before
        )

    def _swap(self, index: int) -> None:
        entry, aside = self.journal.entries[index], self.journal.aside(index)
        try:
            if entry.after is None:
                self._rename(move, entry.path, aside)
            elif entry.before is None:
                self._rename(move, aside, entry.path)
            else:
                self._rename(exchange, aside, entry.path)
        except (FileNotFoundError, FileExistsError) as error:
            raise FilesChanged([entry.path]) from error

    def _rename(self, how: Callable[[int, str, str], None], source: str, target: str) -> None:
        directory, name = self._tree.parent(source)
        how(directory, name, target.rpartition("/")[2])

    def _mend(self, index: int) -> None:
        """Finish a rename that was cut short."""
        entry, aside = self.journal.entries[index], self.journal.aside(index)
        try:
            directory, name = self._tree.parent(aside)
        except FileNotFoundError:
            return
        mend(directory, name)
        if self._tree.same(entry.path, aside):
            self._tree.unlink(entry.path if entry.after is None else aside)

    def _go_back(self, reason: str) -> None:
        kept: set[int] = set()
        if self.journal.phase != "staging":
            with suppress(OSError):  # where even that finds no room, `recover` looks for itself which way to go
                self.journal = self._record.write(self.journal, phase="returning", error=reason)
            kept = {index for index in reversed(self._indices) if not self._restore(index)}
        for index in set(self._indices) - kept:
            self._tree.unlink(self.journal.aside(index))
        for directory in reversed(self.journal.made):
            self._tree.remove_directory(directory)
        self._sync()
        if kept:
            names = ", ".join(self.journal.aside(index) for index in sorted(kept))
            logger.warning("files changed while they were put back; what they held is in %s", names)
            reason = f"{reason} They changed again while it was put back; what was there before is in {names}."
        self.journal = self._record.write(self.journal, phase="failed", error=reason)

    def _restore(self, index: int) -> bool:
        """Put an entry back; return False where that would overwrite what somebody else wrote since."""
        entry, aside = self.journal.entries[index], self.journal.aside(index)
        if entry.after is not None and self._tree.is_like(aside, entry.after):
            return True  # it never took its place
        try:
            if entry.before is None:
                if self._tree.is_like(entry.path, entry.after):
                    self._rename(move, entry.path, aside)
                return True
            if not self._tree.exists(aside):
                return True
            if entry.after is None:
                self._rename(move, aside, entry.path)
                return True
            self._rename(exchange, aside, entry.path)
            if self._tree.is_like(aside, entry.after):
                return True
            self._rename(exchange, aside, entry.path)
        except (FileNotFoundError, FileExistsError):
            pass
        return False

    def _clean(self) -> None:
        """Remove what the change left; it is made, whether that can be done or not."""
        try:
            for index in self._indices:
                self._tree.unlink(self.journal.aside(index))
            for directory in reversed(self.journal.unmade):
                self._tree.remove_directory(directory)
            self._sync()
        except OSError:
            logger.exception("files of the name .towpath-%s-… or empty directories are left", self.journal.token)

    def _sync(self) -> None:
        paths = (*(entry.path for entry in self.journal.entries), *self.journal.made, *self.journal.unmade)
        self._tree.sync({path.rpartition("/")[0] for path in paths})
