"""The directories under which sessions may work, and the only way into them."""

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from heapq import nsmallest
from itertools import islice
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from contracts.views import FileName, FileNames
from domain.errors import Invalid, InvalidParameter, InvalidWorkingDir, OutsideRoots, StartRefused

Place = tuple[int, int]

MEMBER = "$.workingDir"
SHOWN_CHARACTERS = 200
COMPLETIONS = 100
SCANNED_NAMES = 100_000  # of a directory that holds more nobody sees the end: about 0.1 s
LOOKING_THREADS = 4  # a disk that hangs holds no more of them, and none of those that commands need
# O_PATH needs no right to read the directory, and holds nothing but its place; macOS has none.
HANDLE_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
UNSPEAKABLE = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")  # controls, and bytes that are not UTF-8


class Workspace:
    """Roots on this machine's disks. A thread looks at them: a network mount that is away hangs."""

    def __init__(
        self, *, roots: Sequence[str | Path], closed: str | Path | None = None, worktrees: str | Path | None = None
    ) -> None:
        """Take what lies in *worktrees* for roots too, and *closed* for none, wherever it lies."""
        if not roots:
            raise StartRefused("Name at least one workspace root.")
        self.roots = [real_root(root) for root in roots]
        self._looking = CapacityLimiter(LOOKING_THREADS)
        self._closed = [] if closed is None else [real_root(closed)]
        self._worktrees = [] if worktrees is None else [real_root(worktrees)]

    async def resolve(self, path: str | None, *, within: str | None = None) -> str:
        real, directory = await to_thread.run_sync(partial(self._enter, "." if path is None else path, within=within))
        os.close(directory)
        return real

    async def complete(self, root: str | None, prefix: str) -> FileNames:
        return await to_thread.run_sync(self._complete, root, prefix, limiter=self._looking)

    async def open_directory(self, path: str) -> int:
        """Return a handle to a directory under a root, which the caller closes; raises as `resolve` does.

        Whatever its names become later, the handle leads nowhere else.
        """
        _, directory = await to_thread.run_sync(self._enter, path)
        return directory

    async def sizes(self, directory: str, paths: Sequence[str]) -> Sequence[int | None]:
        return await to_thread.run_sync(self._sizes, directory, paths, limiter=self._looking)

    def _sizes(self, directory: str, paths: Sequence[str]) -> Sequence[int | None]:
        try:
            _, handle = self._enter(directory)
        except Invalid:
            return [None] * len(paths)
        try:
            closed = places(self._closed)
            return [regular_size(handle, path, closed) for path in paths]
        finally:
            os.close(handle)

    def _enter(self, path: str, *, within: str | None = None) -> tuple[str, int]:
        """Resolve *path*, then walk there without following a link: what was swapped in between is refused."""
        with explained(path), ExitStack() as unless_entered:
            check_name(path, path)
            real = os.path.realpath(Path(within or self.roots[0], path), strict=True)
            check_name(path, real)
            directory, passed = walk(real)
            unless_entered.callback(os.close, directory)
            if not self._allowed(passed):
                roots = ", ".join(self.roots)
                raise OutsideRoots(f"{shown(path)} lies outside the workspace roots: {roots}.", member=MEMBER)
            if within is not None and places([within]).isdisjoint(passed):
                raise InvalidWorkingDir(f"{shown(path)} does not lie in {shown(within)}.", member=MEMBER)
            os.stat(".", dir_fd=directory)  # fails where this user may not search
            unless_entered.pop_all()
            return real, directory

    def _allowed(self, passed: Sequence[Place]) -> bool:
        """Say whether a directory, reached by way of *passed* with itself as the last, is a root or in one."""
        if not places(self._worktrees).isdisjoint(passed[:-1]):
            return True
        return places(self._closed).isdisjoint(passed) and not places(self.roots).isdisjoint(passed)

    def _complete(self, root: str | None, prefix: str) -> FileNames:
        above, slash, beginning = prefix.rpartition("/")
        if prefix.startswith("/") or ".." in above.split("/") or UNSPEAKABLE.search(prefix):
            raise InvalidParameter("A path goes on downwards: no `..`, no `/` first.", member="prefix")
        try:
            top, directory = self._enter("." if root is None else root)
        except Invalid as error:
            raise type(error)(str(error), member="root") from error
        os.close(directory)
        try:
            real, directory = self._enter(above or ".", within=top)
        except (InvalidWorkingDir, OutsideRoots):  # not there, or not for us: then nothing is known of it
            return FileNames(root=top, files=[], truncated=False)
        try:
            found = names(directory, beginning)
        finally:
            os.close(directory)
        files = [
            FileName(
                path=f"{above}{slash}{name}",
                directory=kind == "directory" or (kind == "link" and self._enterable(f"{real}/{name}")),
            )
            for name, kind in found[:COMPLETIONS]
        ]
        return FileNames(root=top, files=files, truncated=len(found) > COMPLETIONS)

    def _enterable(self, path: str) -> bool:
        try:
            _, directory = self._enter(path)
        except Invalid:
            return False
        os.close(directory)
        return True


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn what the system says about *path* into InvalidWorkingDir."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise InvalidWorkingDir(f"{shown(path)} is no directory to work in: {reason}.", member=MEMBER) from None


def check_name(path: str, name: str) -> None:
    """Refuse a *name* that events, logs or terminals can't carry; *path* is what the client called it."""
    if not name or UNSPEAKABLE.search(name):
        raise InvalidWorkingDir(
            f"{shown(path)} is no directory to work in: empty, not UTF-8, or with control characters.", member=MEMBER
        )


def walk(real: str) -> tuple[int, list[Place]]:
    """Open *real* name by name from the top, and return the handle and the place of each directory passed."""
    directory = os.open("/", HANDLE_FLAGS)
    try:
        passed = [place(os.fstat(directory))]
        for name in filter(None, real.split("/")):
            parent, directory = directory, os.open(name, HANDLE_FLAGS, dir_fd=directory)
            os.close(parent)
            passed.append(place(os.fstat(directory)))
    except BaseException:
        os.close(directory)
        raise
    return directory, passed


def names(directory: int, beginning: str) -> list[tuple[str, str]]:
    """Return the first names in a directory that begin so, and of what kind each is: one more than COMPLETIONS.

    Hidden ones only if *beginning* has their dot.
    """
    with suppress(OSError):  # one that may be entered, but not read
        readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
        try:
            with os.scandir(readable) as entries:
                fitting = (
                    (entry.name, kind)
                    for entry in islice(entries, SCANNED_NAMES)
                    if entry.name.startswith(beginning)
                    and (beginning or not entry.name.startswith("."))
                    and not UNSPEAKABLE.search(entry.name)
                    and (kind := kind_of(entry))
                )
                return nsmallest(COMPLETIONS + 1, fitting)
        finally:
            os.close(readable)
    return []


def kind_of(entry: os.DirEntry[str]) -> str:
    """Return what an entry is, "" for what nobody edits."""
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    return "file" if entry.is_file(follow_symlinks=False) else ""


def regular_size(directory: int, path: str, closed: Collection[Place] = ()) -> int | None:
    """Return how many bytes the regular file *path* below *directory* holds, `None` if there is none.

    Nothing is told of what lies in a *closed* place.
    """
    *folders, name = path.split("/")
    if ".." in (*folders, name):
        return None
    with suppress(OSError, ValueError), ExitStack() as handles:  # ValueError: NUL, or what is not UTF-8
        for folder in folders:
            directory = os.open(folder, HANDLE_FLAGS, dir_fd=directory)
            handles.callback(os.close, directory)
            if place(os.fstat(directory)) in closed:
                return None
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            return found.st_size
    return None


def places(roots: Iterable[str]) -> set[Place]:
    """Return where the roots are now: one that was removed and made anew is another place."""
    found = set()
    for root in roots:
        with suppress(OSError):
            found.add(place(os.lstat(root)))
    return found


def place(found: os.stat_result) -> Place:
    """Return device and inode: a directory is known by them, however its name is spelled or mounted."""
    return found.st_dev, found.st_ino


def real_root(root: str | Path) -> str:
    """Return the real path of a root. Raises StartRefused."""
    try:
        real = os.path.realpath(root, strict=True)
        os.close(os.open(real, HANDLE_FLAGS))
    except OSError as error:
        raise StartRefused(f"The workspace root {root} can't be used: {os.strerror(error.errno or 0)}.") from None
    return real


def shown(path: str) -> str:
    """Return *path* as an error may quote it: escaped, and not at any length."""
    short = path if len(path) <= SHOWN_CHARACTERS else path[:SHOWN_CHARACTERS] + "…"
    return f"'{short}'" if short.isprintable() else ascii(short)
