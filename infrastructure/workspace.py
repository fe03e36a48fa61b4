"""The directories under which sessions may work, and the only way into them."""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from domain.errors import Invalid, InvalidWorkingDir, OutsideRoots, StartRefused

MEMBER = "$.workingDir"
SHOWN_CHARACTERS = 200
LOOKING_THREADS = 4  # a disk that hangs holds no more of them, and none of those that commands need
# O_PATH needs no right to read the directory, and holds nothing but its place; macOS has none.
HANDLE_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
UNSPEAKABLE = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")  # controls, and bytes that are not UTF-8


class Workspace:
    """Roots on this machine's disks. A thread looks at them: a network mount that is away hangs."""

    def __init__(self, *, roots: Sequence[str | Path]) -> None:
        if not roots:
            raise StartRefused("Name at least one workspace root.")
        self.roots = [real_root(root) for root in roots]
        self._looking = CapacityLimiter(LOOKING_THREADS)

    async def resolve(self, path: str | None) -> str:
        real, directory = await to_thread.run_sync(self._enter, self.roots[0] if path is None else path)
        os.close(directory)
        return real

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
            return [regular_size(handle, path) for path in paths]
        finally:
            os.close(handle)

    def _enter(self, path: str) -> tuple[str, int]:
        """Resolve *path*, then walk there without following a link: what was swapped in between is refused."""
        with explained(path), ExitStack() as unless_entered:
            check_name(path, path)
            real = os.path.realpath(Path(self.roots[0], path), strict=True)
            check_name(path, real)
            directory, passed = walk(real)
            unless_entered.callback(os.close, directory)
            if passed.isdisjoint(places(self.roots)):
                roots = ", ".join(self.roots)
                raise OutsideRoots(f"{shown(path)} lies outside the workspace roots: {roots}.", member=MEMBER)
            os.stat(".", dir_fd=directory)  # fails where this user may not search
            unless_entered.pop_all()
            return real, directory


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


def walk(real: str) -> tuple[int, set[tuple[int, int]]]:
    """Open *real* name by name from the top, and return the handle and the place of each directory passed."""
    directory = os.open("/", HANDLE_FLAGS)
    try:
        passed = {place(os.fstat(directory))}
        for name in filter(None, real.split("/")):
            parent, directory = directory, os.open(name, HANDLE_FLAGS, dir_fd=directory)
            os.close(parent)
            passed.add(place(os.fstat(directory)))
    except BaseException:
        os.close(directory)
        raise
    return directory, passed


def regular_size(directory: int, path: str) -> int | None:
    """Return how many bytes the regular file *path* below *directory* holds, `None` if there is none."""
    *folders, name = path.split("/")
    if ".." in (*folders, name):
        return None
    with suppress(OSError, ValueError), ExitStack() as handles:  # ValueError: NUL, or what is not UTF-8
        for folder in folders:
            directory = os.open(folder, HANDLE_FLAGS, dir_fd=directory)
            handles.callback(os.close, directory)
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            return found.st_size
    return None


def places(roots: Iterable[str]) -> set[tuple[int, int]]:
    """Return where the roots are now: one that was removed and made anew is another place."""
    found = set()
    for root in roots:
        with suppress(OSError):
            found.add(place(os.lstat(root)))
    return found


def place(found: os.stat_result) -> tuple[int, int]:
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
