"""The files that plans work on, changed by journal."""

import errno
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from anyio import to_thread

from domain.errors import FilesFull, FilesUnavailable, PathOutside, TowpathError
from domain.ids import SessionId
from domain.ports import Change, FileState, PlanKey, Unsettled
from infrastructure.files.change import Content, FileChange
from infrastructure.files.journal import Entry, Journal, Record, Records
from infrastructure.files.tree import Found, Place, Tree, found, refusal, too_large

logger = logging.getLogger(__name__)

# All files of a plan together may be so many times as large as one: they are held in memory.
FILES_IN_MEMORY = 4
_FULL = {errno.ENOSPC, errno.EDQUOT}

OpenDirectory = Callable[[str], Awaitable[int]]


class JournaledFiles:
    """Files of at most *most_bytes*; adapter of `Files`.

    *data_dir* holds the records in ``plans``, and is closed to all paths but those below its ``worktrees``.
    *open_directory* returns a handle, which is closed here, and raises Invalid for what is no directory to work in.
    """

    def __init__(self, *, data_dir: Path, open_directory: OpenDirectory, most_bytes: int) -> None:
        self._data_dir = data_dir.resolve()
        self._open_directory = open_directory
        self._most_bytes = most_bytes
        self._records = Records(self._data_dir / "plans")
        status = self._data_dir.stat()
        self._barred: set[Place] = {(status.st_dev, status.st_ino)}
        self._busy: set[PlanKey] = set()

    async def read(self, working_dir: str, paths: Collection[str]) -> Mapping[str, FileState]:
        tree = await self._enter(working_dir)
        return await to_thread.run_sync(self._read, tree, paths)

    async def change(self, working_dir: str, key: PlanKey, changes: Sequence[Change], *, note: bytes) -> None:
        with self._alone(key):
            tree = await self._enter(working_dir)
            await to_thread.run_sync(self._change, tree, working_dir, key, changes, note)

    async def undo(self, key: PlanKey, *, note: bytes) -> None:
        with self._alone(key):
            execute, undo = self._records.of(key)
            journal = await _done(execute)
            tree = await self._enter(journal.working_dir)
            await to_thread.run_sync(self._undo, tree, execute, undo, journal, note)

    async def note(self, key: PlanKey) -> bytes:
        return (await _done(self._records.of(key)[0])).note

    async def settle(self, key: PlanKey) -> None:
        with self._alone(key), _explained():
            await to_thread.run_sync(self._settle, key)

    async def recover(self, key: PlanKey | None = None) -> Sequence[Unsettled]:
        if key is not None:
            return await self._recover_plan(key)
        unsettled: list[Unsettled] = []
        for each in await to_thread.run_sync(lambda: list(self._records.plans())):
            if each in self._busy:
                continue
            try:
                unsettled += await self._recover_plan(each)
            except TowpathError:
                logger.exception("the files of plan %s are not put right; the next time tries again", each.plan_id)
        return unsettled

    async def forget(self, session_id: SessionId, *, keep: Collection[str] | None = None) -> None:
        with _explained():
            await to_thread.run_sync(self._forget, session_id, keep)

    async def kept(self) -> Sequence[SessionId]:
        with _explained():
            return await to_thread.run_sync(self._records.sessions)

    async def _enter(self, working_dir: str) -> Tree:
        path = Path(working_dir)
        if path.is_relative_to(self._data_dir) and not path.is_relative_to(self._data_dir / "worktrees"):
            raise PathOutside("Towpath's own data is no place to work in.", member="$.workingDir")
        return Tree(await self._open_directory(working_dir), barred=self._barred)

    @contextmanager
    def _alone(self, key: PlanKey) -> Iterator[None]:
        if key in self._busy:
            raise FilesUnavailable("The plan's files are being changed.")
        self._busy.add(key)
        try:
            yield
        finally:
            self._busy.remove(key)

    def _read(self, tree: Tree, paths: Collection[str]) -> Mapping[str, FileState]:
        room = FILES_IN_MEMORY * self._most_bytes
        files: dict[str, FileState] = {}
        places: dict[Place, str] = {}
        with tree:
            for path in paths:
                most = min(room, self._most_bytes)
                state = tree.read(path, most=most)
                if state.refusal == too_large(most) and most < self._most_bytes:
                    whole = FILES_IN_MEMORY * self._most_bytes
                    state = FileState(refusal=f"makes the plan's files larger than {whole} bytes together")
                room -= len(state.data or b"")
                place = tree.place(path)
                if state.data is not None and place is not None and places.setdefault(place, path) != path:
                    state = FileState(refusal=f"is another spelling of {places[place]}")
                files[path] = state
        return files

    def _change(self, tree: Tree, working_dir: str, key: PlanKey, changes: Sequence[Change], note: bytes) -> None:
        record, _ = self._records.of(key)
        with tree, _explained():
            if record.read() is not None:
                raise FilesUnavailable("The plan's files are still to be put right after a crash.")
            entries = tuple(
                Entry(change.path, found(change.before), _planned(change.after), saved=str(index))
                for index, change in enumerate(changes)
            )
            saved = {
                str(index): change.before.data for index, change in enumerate(changes) if change.before.data is not None
            }
            contents = {
                change.path: (change.after.data, change.after.mode)
                for change in changes
                if change.after.data is not None
            }
            journal = _journal(tree, working_dir, entries, note)
            record.begin(journal, saved)
            FileChange(tree, record, journal).make(contents)

    def _undo(self, tree: Tree, execute: Record, undo: Record, done: Journal, note: bytes) -> None:
        with tree, _explained():
            if undo.read() is not None:
                raise FilesUnavailable("The plan's files are still to be put right after a crash.")
            entries = tuple(Entry(entry.path, entry.after, entry.before) for entry in done.entries)
            contents: dict[str, Content] = {
                entry.path: (execute.saved(entry.saved), entry.before.mode)
                for entry in done.entries
                if entry.before is not None
            }
            journal = _journal(tree, done.working_dir, entries, note, unmade=done.made)
            undo.begin(journal, {})
            FileChange(tree, undo, journal).make(contents)

    async def _recover_plan(self, key: PlanKey) -> list[Unsettled]:
        with self._alone(key):
            return [each for record in self._records.of(key) async for each in self._recover(key, record)]

    async def _recover(self, key: PlanKey, record: Record) -> AsyncIterator[Unsettled]:
        with _explained():
            journal = await to_thread.run_sync(record.read)
            if journal is None:
                await to_thread.run_sync(record.drop)
            elif not journal.settled:
                tree = await self._enter(journal.working_dir)
                journal = await to_thread.run_sync(_make_whole, tree, record, journal)
                made = journal.phase == "made"
                yield Unsettled(key=key, undo=record.kind == "undo", made=made, note=journal.note, error=journal.error)

    def _settle(self, key: PlanKey) -> None:
        execute, undo = self._records.of(key)
        undone = undo.read()
        if undone is not None and undone.phase == "made":
            self._records.forget(key)
            return
        if undone is not None and undone.phase == "failed":
            undo.drop()
        done = execute.read()
        if done is not None and done.phase == "failed":
            self._records.forget(key)
        elif done is not None and done.phase == "made":
            execute.write(done, settled=True)

    def _forget(self, session_id: SessionId, keep: Collection[str] | None) -> None:
        for key in self._records.plans():
            if key.session_id == session_id and key not in self._busy and (keep is None or key.plan_id not in keep):
                journals = [record.read() for record in self._records.of(key)]
                if keep is None or all(journal is None or journal.settled for journal in journals):
                    self._records.forget(key)


async def _done(execute: Record) -> Journal:
    with _explained():
        journal = await to_thread.run_sync(execute.read)
    if journal is None or journal.phase != "made":
        raise FilesUnavailable("Nothing is kept any more of what the plan changed.")
    return journal


def _journal(
    tree: Tree, working_dir: str, entries: tuple[Entry, ...], note: bytes, *, unmade: tuple[str, ...] = ()
) -> Journal:
    made = {
        directory
        for entry in entries
        if entry.after is not None
        for directory in tree.missing(entry.path.rpartition("/")[0])
    }
    return Journal(
        working_dir=working_dir,
        token=secrets.token_hex(16),
        note=note,
        entries=entries,
        made=tuple(sorted(made)),
        unmade=unmade,
    )


def _make_whole(tree: Tree, record: Record, journal: Journal) -> Journal:
    with tree:
        change = FileChange(tree, record, journal)
        change.recover()
        return change.journal


def _planned(state: FileState) -> Found | None:
    return None if state.data is None else found(FileState(state.data, state.mode or 0))


@contextmanager
def _explained() -> Iterator[None]:
    """Let none of the system's errors through."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise FilesFull("Nothing was changed: the disk is full.") from error
        raise FilesUnavailable(f"Nothing was changed: a file {refusal(error)}.") from error
