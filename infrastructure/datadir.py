"""The data directory: private to its user, locked by one process, the home of small files that are replaced whole."""

import errno
import fcntl
import os
import stat
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from contracts.codec import decoder, encode
from domain.errors import LogFull, LogUnavailable, StartRefused

_SERVER_FILE = "server.json"
_LOCK_FILE = "lock"
_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT}
# Whoever asks `running_server` holds the lock for an instant, which must not turn a server away.
_LOCK_TRIES = 10
_LOCK_PAUSE_SECONDS = 0.02
_OPEN_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class RunningServer(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who serves a data directory, as ``server.json`` says it. ``startedAt`` is in milliseconds since the epoch."""

    pid: int
    url: str
    started_at: int
    version: str


_decode_server = decoder(RunningServer)


class DataDir:
    """A data directory that this process holds the lock of; adapter of `PrivateFiles`."""

    def __init__(self, path: Path) -> None:
        """Make the directory if need be and lock it.

        Raises StartRefused when it is not a directory of this user alone, can't be written, or another process holds
        it.
        """
        self.path = _private_directory(path)
        self._lock = _locked(self.path)
        try:
            self._forget_server()  # that was killed
        except OSError as error:
            os.close(self._lock)
            file = self.path / _SERVER_FILE
            raise StartRefused(f"{file} can't be removed: {error.strerror}. Move it away.") from error

    def read(self, name: str) -> bytes | None:
        path = self.path / name
        try:
            descriptor = os.open(path, os.O_RDONLY | _OPEN_FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StartRefused(f"{path} can't be read: {error.strerror}.") from error
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise StartRefused(f"{path} is not a regular file. Move it away.")
            if found.st_uid != os.geteuid():
                raise StartRefused(f"{path} belongs to uid {found.st_uid}, not to this user.")
            if found.st_mode & 0o077:
                raise StartRefused(f"Others may read or write {path}: run `chmod 600` on it.")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)

    def replace(self, name: str, data: bytes) -> None:
        fresh = self.path / f".{name}.new"
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN_FLAGS, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o600)  # whatever the umask is
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            fresh.replace(self.path / name)
            _sync_directory(self.path)
        except OSError as error:
            finding = LogFull if error.errno in _FULL_ERRNOS else LogUnavailable
            raise finding(f"The data directory can't be written: {error.strerror}.") from error

    def folder(self, name: str) -> Path:
        """Return a folder of the data directory that is private to its user, made if need be. Raises StartRefused."""
        return _private_directory(self.path / name)

    def announce(self, server: RunningServer) -> None:
        """Say in ``server.json`` where the server is, once it answers."""
        self.replace(_SERVER_FILE, encode(server))

    def close(self) -> None:
        """Take ``server.json`` away and let go of the lock."""
        with suppress(OSError):  # whatever stands there now, it must not keep the lock
            self._forget_server()
        os.close(self._lock)

    def _forget_server(self) -> None:
        (self.path / _SERVER_FILE).unlink(missing_ok=True)


def running_server(path: Path) -> RunningServer | None:
    """Return who serves the data directory, `None` where nobody does or it does not answer yet."""
    try:
        lock = os.open(path / _LOCK_FILE, os.O_RDONLY | _OPEN_FLAGS)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _announced(path)
    else:
        return None  # what a killed server announced
    finally:
        os.close(lock)


def _announced(path: Path) -> RunningServer | None:
    try:
        return _decode_server((path / _SERVER_FILE).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def _private_directory(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = path.resolve(strict=True)
        found = path.stat()
        if found.st_uid != os.geteuid():
            raise StartRefused(
                f"The data directory {path} belongs to uid {found.st_uid}, not to this user. "
                "Choose another by --data-dir."
            )
        if found.st_mode & 0o022:
            raise StartRefused(
                f"Others may write to the data directory {path}: look through it, then run `chmod 700` on it, "
                "or choose another by --data-dir."
            )
        if found.st_mode & 0o055:
            path.chmod(0o700)
    except FileExistsError as error:
        raise StartRefused(f"The data directory {path} is not a directory: choose another by --data-dir.") from error
    except OSError as error:
        raise StartRefused(
            f"The data directory {path} can't be used: {error.strerror}. Choose another by --data-dir."
        ) from error
    return path


def _locked(path: Path) -> int:
    try:
        lock = os.open(path / _LOCK_FILE, os.O_RDWR | os.O_CREAT | _OPEN_FLAGS, 0o600)
    except OSError as error:
        raise StartRefused(
            f"The data directory {path} can't be written: {error.strerror}. Choose another by --data-dir."
        ) from error
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return lock
    os.close(lock)
    raise StartRefused(
        f"The data directory {path} is in use by {_holder(path)}. Stop that one, or choose another by --data-dir."
    )


def _holder(path: Path) -> str:
    server = _announced(path)
    if server is None:
        return "another process of Towpath"
    since = datetime.fromtimestamp(server.started_at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"the server with the pid {server.pid}, running since {since} at {server.url}"


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
