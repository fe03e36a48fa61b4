"""What the server takes of its machine; adapter of `Machine`."""

import shutil
from contextlib import suppress
from pathlib import Path

from domain.ports import Usage
from infrastructure.processes.supervisor import CENSUS


class HostMachine:
    """Looks at the file system of the log, and at the supervised processes."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def usage(self) -> Usage:
        total = free = 0
        with suppress(OSError):
            total, _, free = shutil.disk_usage(self._database.parent)
        return Usage(
            log_bytes=sum(_size(Path(f"{self._database}{suffix}")) for suffix in ("", "-wal")),
            disk_bytes=total,
            disk_free_bytes=free,
            processes=CENSUS.living,
            unended=CENSUS.unended,
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # there is no write-ahead log yet
        return 0
