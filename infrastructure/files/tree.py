"""A directory's files by handles: no link is followed, nothing but regular files is opened, nothing hangs."""

import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from types import TracebackType
from typing import Self

from msgspec import Struct

from domain.ports import FileState

# O_PATH needs no right to read the directory; macOS has none.
_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_LED_ASTRAY = {errno.ELOOP, errno.ENOTDIR}

Place = tuple[int, int]
"""Device and inode: a directory is known by them, however it is spelled."""


class Found(Struct, frozen=True):
    """A regular file by its content (SHA-256 in hex), size and permission bits."""

    digest: str
    size: int
    mode: int


def found(state: FileState) -> Found | None:
    """Return what a file is known by; `None` for none."""
    if state.data is None:
        return None
    assert state.mode is not None
    return Found(hashlib.sha256(state.data).hexdigest(), len(state.data), state.mode)


class Unfit(OSError):
    """A path leads to what is no file to work on; the text says what it is instead."""


def refusal(error: OSError) -> str:
    """Return why a file can't be worked on, as the end of a sentence."""
    if isinstance(error, Unfit):
        return str(error)
    if error.errno in _LED_ASTRAY:
        return "leads through a link, or through what is no directory"
    return f"can't be used: {os.strerror(error.errno or 0)}"


def too_large(most: int) -> str:
    """Return why a file of more than *most* bytes can't be worked on, as the end of a sentence."""
    return f"is larger than {most} bytes"


class Tree:
    """The files below *root*, a handle that is closed with this. No path may lead through a *barred* directory."""

    def __init__(self, root: int, *, barred: Collection[Place] = ()) -> None:
        self._handles = {"": root}
        self._barred = barred

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles.values():
            os.close(handle)

    def parent(self, path: str) -> tuple[int, str]:
        """Return a handle to the directory of *path*, which lives as long as this, and the last name."""
        directory, _, name = path.rpartition("/")
        return self._open(directory), name

    def _open(self, directory: str) -> int:
        handle = self._handles.get(directory)
        if handle is None:
            above, _, name = directory.rpartition("/")
            handle = os.open(name, _DIRECTORY, dir_fd=self._open(above))
            self._handles[directory] = handle
            self._check(handle)
        return handle

    def _check(self, handle: int) -> None:
        status = os.fstat(handle)
        if (status.st_dev, status.st_ino) in self._barred:
            raise Unfit("belongs to Towpath itself")

    def missing(self, directory: str) -> list[str]:
        """Return *directory* and those above it that do not exist, from the top."""
        names: list[str] = []
        while directory:
            try:
                self._open(directory)
            except FileNotFoundError:
                names.insert(0, directory)
                directory = directory.rpartition("/")[0]
            else:
                break
        return names

    def make_directory(self, directory: str) -> None:
        """Make a directory whose parent exists; fine if it is there already."""
        handle, name = self.parent(directory)
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=handle)
        self._open(directory)

    def remove_directory(self, directory: str) -> None:
        """Remove a directory if it is there and empty."""
        try:
            handle, name = self.parent(directory)
            os.stat(name, dir_fd=handle, follow_symlinks=False)  # on a read-only disk rmdir fails for any name
            os.rmdir(name, dir_fd=handle)
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, *_LED_ASTRAY}:
                raise
        else:
            if (gone := self._handles.pop(directory, None)) is not None:
                os.close(gone)

    def read(self, path: str, *, most: int) -> FileState:
        """Return a file of at most *most* bytes, or why it is none to work on."""
        try:
            with self._opened(path) as file:
                status = os.fstat(file.fileno())
                data = file.read(most + 1) if status.st_size <= most else b""
        except FileNotFoundError:
            return FileState()
        except OSError as error:
            return FileState(refusal=refusal(error))
        if max(status.st_size, len(data)) > most:
            return FileState(refusal=too_large(most))
        return FileState(data, stat.S_IMODE(status.st_mode))

    def place(self, path: str) -> Place | None:
        """Return where a file is that has this name alone; two names of one place are spellings of one name."""
        status = self._status(path)
        return (status.st_dev, status.st_ino) if status is not None and status.st_nlink == 1 else None

    def exists(self, path: str) -> bool:
        """Say whether anything has this name."""
        return self._status(path) is not None

    def same(self, path: str, other: str) -> bool:
        """Say whether two names are of one file."""
        one, two = self._status(path), self._status(other)
        return one is not None and two is not None and (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino)

    def is_like(self, path: str, expected: Found | None) -> bool:
        """Say whether a file is what it should be; what is larger is not read."""
        try:
            handle, name = self.parent(path)
            status = os.stat(name, dir_fd=handle, follow_symlinks=False)
            return expected is not None and status.st_size == expected.size and self._look(path) == expected
        except FileNotFoundError:
            return expected is None
        except OSError:
            return False

    def write(self, path: str, data: bytes, *, mode: int | None, like: str) -> int:
        """Write a new file, durably but for its name, and return its mode.

        It gets the owner of the file *like*, where there is one and the system lets it.
        """
        handle, name = self.parent(path)
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o666, dir_fd=handle)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            with suppress(FileNotFoundError, PermissionError):
                model = os.stat(like, dir_fd=handle, follow_symlinks=False)
                own = os.fstat(descriptor)
                if (model.st_uid, model.st_gid) != (own.st_uid, own.st_gid):
                    os.fchown(descriptor, model.st_uid, model.st_gid)
            if mode is not None:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
            return stat.S_IMODE(os.fstat(descriptor).st_mode)

    def unlink(self, path: str) -> None:
        """Remove a file if it is there."""
        with suppress(FileNotFoundError):
            handle, name = self.parent(path)
            os.stat(name, dir_fd=handle, follow_symlinks=False)  # on a read-only disk unlink fails for any name
            os.unlink(name, dir_fd=handle)

    def sync(self, directories: Collection[str]) -> None:
        """Make the names in these directories durable; those that are gone have none.

        Names in a directory that this user may write to and not read are as durable as the system makes them.
        """
        for directory in directories:
            with suppress(FileNotFoundError, PermissionError):
                descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._open(directory))
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)

    def _look(self, path: str) -> Found:
        with self._opened(path) as file:
            status = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Found(digest, status.st_size, stat.S_IMODE(status.st_mode))

    def _status(self, path: str) -> os.stat_result | None:
        try:
            handle, name = self.parent(path)
            return os.stat(name, dir_fd=handle, follow_symlinks=False)
        except OSError:
            return None

    @contextmanager
    def _opened(self, path: str) -> Iterator[BufferedReader]:
        handle, name = self.parent(path)
        _check_regular(os.stat(name, dir_fd=handle, follow_symlinks=False))
        with os.fdopen(os.open(name, os.O_RDONLY | _FILE, dir_fd=handle), "rb") as file:
            _check_regular(os.fstat(file.fileno()))
            yield file


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kinds = {stat.S_IFLNK: "is a link", stat.S_IFDIR: "is a directory"}
        raise Unfit(kinds.get(stat.S_IFMT(status.st_mode), "is no regular file"))
