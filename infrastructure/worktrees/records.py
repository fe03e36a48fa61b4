"""What is known of each worktree, kept beside it: written before it is made, gone after it."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from contracts.codec import decoder, encode
from domain.errors import GitFailed, LogFull
from domain.ids import SessionId, is_identifier

SUFFIX = ".json"
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Record(Struct, frozen=True, kw_only=True, rename="camel"):
    """A worktree: of which repository (its common directory), of which directory in it, from which commit on.

    ``kept`` once its session is known to be in the log.
    """

    repository: str
    source: str
    subdirectory: str
    branch: str
    base_commit: str
    kept: bool = False


_decode = decoder(Record)


class Records:
    """Small files in the private *folder* that holds the worktrees, each replaced whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, session_id: SessionId) -> Record | None:
        try:
            return _decode(self._path(session_id).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise GitFailed(f"What is known of the worktree of session {session_id} can't be read.") from error

    def write(self, session_id: SessionId, record: Record) -> None:
        path = self._path(session_id)
        fresh = path.with_suffix(".new")
        try:
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, FLAGS, 0o600), "wb") as file:
                file.write(encode(record))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
            self._sync()
        except OSError as error:
            raise LogFull(f"The data directory can't be written: {error.strerror}.") from error

    def drop(self, session_id: SessionId) -> None:
        with suppress(OSError):  # the next start tries again
            self._path(session_id).unlink(missing_ok=True)

    def all(self) -> Sequence[SessionId]:
        return [SessionId(path.stem) for path in self._folder.glob("*" + SUFFIX) if is_identifier(path.stem)]

    def _path(self, session_id: SessionId) -> Path:
        return self._folder / (session_id + SUFFIX)

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
