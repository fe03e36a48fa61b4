"""Renames that overwrite nothing: by renameat2 where there is one (Linux with glibc 2.28 or newer), else by links.

Names are relative to directory handles. After either function nothing that was there is lost, also if it was killed:
`mend` then finishes what the second way left.
"""

import ctypes
import errno
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache

_NOREPLACE, _EXCHANGE = 1, 2  # linux/fs.h
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_KEPT = "~"

Rename = Callable[[int, bytes, int, bytes, int], int]


@cache
def _renameat2() -> Rename | None:
    rename: Rename | None = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename


def _try(directory: int, source: str, target: str, flags: int) -> bool:
    """Return whether the system did it; False where it does not know how. Raises OSError."""
    rename = _renameat2()
    if rename is None:
        return False
    if rename(directory, os.fsencode(source), directory, os.fsencode(target), flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code))


def exchange(directory: int, aside: str, name: str) -> None:
    """Have two files take each other's name."""
    if _try(directory, aside, name, _EXCHANGE):
        return
    _link(directory, name, aside + _KEPT)
    os.rename(aside, name, src_dir_fd=directory, dst_dir_fd=directory)
    os.rename(aside + _KEPT, aside, src_dir_fd=directory, dst_dir_fd=directory)


def move(directory: int, source: str, target: str) -> None:
    """Give a file a name that nothing has. Raises FileExistsError."""
    if _try(directory, source, target, _NOREPLACE):
        return
    _link(directory, source, target)
    os.unlink(source, dir_fd=directory)


def mend(directory: int, aside: str) -> None:
    """Finish an exchange that was cut short."""
    with suppress(FileNotFoundError):
        os.stat(aside + _KEPT, dir_fd=directory, follow_symlinks=False)
        try:
            os.stat(aside, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(aside + _KEPT, aside, src_dir_fd=directory, dst_dir_fd=directory)
        else:
            os.unlink(aside + _KEPT, dir_fd=directory)


def _link(directory: int, source: str, target: str) -> None:
    os.link(source, target, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
