"""Who did what: JSON lines in a private file of bounded size."""

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from typing_extensions import override

from contracts.codec import encode_line
from domain.errors import StartRefused
from domain.ports import Clock

FILE_BYTES = 8 * 1024 * 1024
OLD_FILES = 4
DENIALS_PER_MINUTE = 60
_MINUTE = 60_000
_log = logging.getLogger(__name__)


class AuditFile:
    """The audit log as ``audit.jsonl``, its older parts as ``audit.jsonl.1`` to ``.4``; adapter of `Audit`."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        """Open the file. Raises StartRefused when that fails."""
        try:
            self._file = _PrivateFile(path, maxBytes=FILE_BYTES, backupCount=OLD_FILES, encoding="utf-8")
        except OSError as error:
            raise StartRefused(f"The audit log {path} can't be written: {error.strerror}. Move it away.") from error
        self._clock = clock
        self._minute = 0
        self._denials = 0

    def note(self, action: str, *, by: str, peer: str = "", **about: str) -> None:
        now = self._clock.now()
        suppressed = self._suppressed(now)
        if suppressed:
            self._write({"timestamp": now, "action": "denied", "suppressed": suppressed})
        if action == "denied":
            self._denials += 1
            if self._denials > DENIALS_PER_MINUTE:
                return
        self._write({"timestamp": now, "action": action, "by": by, "peer": peer, **about})

    def close(self) -> None:
        """Write what is still only counted, and close the file."""
        suppressed = max(0, self._denials - DENIALS_PER_MINUTE)
        if suppressed:
            self._write({"timestamp": self._clock.now(), "action": "denied", "suppressed": suppressed})
        self._file.close()

    def _suppressed(self, now: int) -> int:
        """Begin a new minute if one is due; return how many denials the last one only counted."""
        if now // _MINUTE == self._minute:
            return 0
        suppressed = max(0, self._denials - DENIALS_PER_MINUTE)
        self._minute, self._denials = now // _MINUTE, 0
        return suppressed

    def _write(self, line: dict[str, str | int]) -> None:
        self._file.handle(logging.makeLogRecord({"msg": encode_line(line)}))


class _PrivateFile(RotatingFileHandler):
    """A file that only its user can read, also after a rotation; a full disk costs lines, not requests."""

    @override
    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.baseFilename, flags, 0o600)
        os.fchmod(descriptor, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding)

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        _log.error("the audit log can't be written", exc_info=True)
