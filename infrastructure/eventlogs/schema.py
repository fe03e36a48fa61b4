"""The file that holds the log: its tables, its versions, and what a row's checksum covers.

Sizes decide the layout, since every page that a commit touches is written whole. Events lie in the order of their
commits, so that a commit of 300 sessions fills a few pages; a session finds its own by an index of one integer, its key
and the seq (beside a table clustered by session: 11 to 39 µs an event for 5,000 sessions in turn, equal for one). What
changes often is a small row of its own, the head, and may be older than the session's newest events.
"""

import errno
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from operator import xor
from pathlib import Path
from typing import Any, Literal, NamedTuple

import apsw

from domain.errors import LogFull, LogUnavailable, Unavailable
from domain.ids import Epoch, SessionId, make_epoch

Durability = Literal["power", "process"]
Execute = Callable[..., Any]  # of a connection; what a column holds is known by its statement alone

APPLICATION_ID = 0x546F7770  # "Towp"
BUSY_MILLISECONDS = 5_000
# 16 MiB of pages of 4 KiB; a checkpoint of so much takes about 20 ms and runs beside the writer.
CHECKPOINT_PAGES = 4_000
WAL_BYTES = 64 * 1024 * 1024
CACHE_KIB = 8 * 1024  # a commit's pages must fit: with SQLite's own 2 MiB an event took half as long again
SEQ_BITS = 40

# What no append is to blame for.
DISK_ERRORS = (
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.FullError,
    apsw.IOError,
    apsw.LockedError,
    apsw.NoMemError,
    apsw.NotADBError,
    apsw.PermissionsError,
    apsw.ReadOnlyError,
)

VERSION_1 = """
CREATE TABLE meta (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    epoch           TEXT    NOT NULL,   -- names the history of the whole store
    position        INTEGER NOT NULL,   -- no event that was ever forgotten lies after it
    expired         INTEGER NOT NULL,   -- position of the last lifecycle event that is gone and was not made up for
    run             INTEGER NOT NULL,   -- counts the times that the store was opened
    durability      TEXT    NOT NULL,   -- of this run: power, process
    clean           INTEGER NOT NULL,   -- whether this run was closed
    boot_id         TEXT    NOT NULL    -- of the machine in this run
) STRICT;

CREATE TABLE sessions (
    key             INTEGER PRIMARY KEY,
    session_id      TEXT    NOT NULL UNIQUE,
    epoch           TEXT    NOT NULL,
    quarantined     INTEGER NOT NULL DEFAULT 0,
    deleted_at      INTEGER,
    listing         BLOB,               -- JSON but for last_activity; NULL for what listings don't show
    status          TEXT,
    mode            TEXT,
    archived        INTEGER,
    at_rest         INTEGER
) STRICT;
CREATE INDEX sessions_restless ON sessions (session_id) WHERE at_rest = 0;

CREATE TABLE heads (
    key             INTEGER PRIMARY KEY,  -- sessions.key
    seq             INTEGER NOT NULL,     -- of the newest event, as is what follows, when the row was written
    position        INTEGER NOT NULL,
    earliest        INTEGER NOT NULL,     -- seq of the last event that is gone, 0 if none is
    trimmed         INTEGER NOT NULL,     -- position of the last event that was trimmed, 0 if none was
    bytes           INTEGER NOT NULL,     -- of the events that are kept up to seq
    largest         INTEGER NOT NULL,     -- bytes of the largest event so far
    oldest          INTEGER NOT NULL,     -- timestamp of the first event that is kept
    run             INTEGER NOT NULL,     -- the run in which it was last written
    last_activity   INTEGER               -- timestamp of the event at seq; NULL for what listings don't show
) STRICT;
CREATE INDEX heads_listed ON heads (last_activity) WHERE last_activity IS NOT NULL;

CREATE TABLE events (
    position        INTEGER PRIMARY KEY,
    id              INTEGER NOT NULL UNIQUE,  -- sessions.key << 40 | seq
    type            TEXT    NOT NULL,
    timestamp       INTEGER NOT NULL,
    lifecycle       INTEGER NOT NULL,
    checksum        INTEGER NOT NULL,
    data            BLOB    NOT NULL          -- JSON, one line
) STRICT;
CREATE INDEX events_lifecycle ON events (position) WHERE lifecycle;

CREATE TABLE snapshots (
    session         INTEGER PRIMARY KEY,  -- sessions.key
    seq             INTEGER NOT NULL,
    checksum        INTEGER NOT NULL,
    data            BLOB    NOT NULL
) STRICT;

CREATE TABLE blobs (
    session         INTEGER NOT NULL,     -- sessions.key
    blob_id         TEXT    NOT NULL,
    checksum        INTEGER NOT NULL,
    data            BLOB    NOT NULL,
    PRIMARY KEY (session, blob_id)
) STRICT;
"""

# rowid: as events.id; a title has the seq 0. Text as search.py spaces it.
SEARCH = "CREATE VIRTUAL TABLE search USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2')"

VERSION_2 = f"""
ALTER TABLE sessions ADD COLUMN project_id TEXT;

-- Whether everything is in the index by which sessions are found; if not, the next start makes it anew.
ALTER TABLE meta ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;

CREATE TABLE receipts (
    receipt_id      TEXT    NOT NULL UNIQUE,
    fingerprint     TEXT    NOT NULL,
    made_at         INTEGER NOT NULL,
    session_id      TEXT,                 -- whose events are the effect, those after "after" up to "upto"
    after           INTEGER NOT NULL,
    upto            INTEGER NOT NULL,
    answer          BLOB
) STRICT;
CREATE INDEX receipts_made ON receipts (made_at);

CREATE TABLE uploads (
    blob_id         TEXT    NOT NULL UNIQUE,
    made_at         INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    media_type      TEXT    NOT NULL,
    bytes           INTEGER NOT NULL,
    checksum        INTEGER NOT NULL,
    data            BLOB    NOT NULL
) STRICT;

{SEARCH};
"""

# A head's row is not written for each event, but no event that it does not count is larger than its largest, the newest
# is less than a second younger than its last activity, and all else that it says is true. This is what is so now.
HEADS_NOW = """
VIEW heads_now AS
SELECT key, coalesce(newest.id & 0xFFFFFFFFFF, seq) AS seq, coalesce(newest.position, heads.position) AS position,
       earliest, trimmed,
       bytes + (SELECT coalesce(sum(length(data)), 0) FROM events
                WHERE id > (key << 40 | seq) AND id < (key + 1 << 40)) AS bytes,
       largest, oldest, run, coalesce(newest.timestamp, last_activity) AS last_activity,
       seq AS written_seq, bytes AS written_bytes, last_activity AS written_activity
FROM heads LEFT JOIN events AS newest
    ON newest.id = (SELECT max(id) FROM events WHERE id > (key << 40 | seq) AND id < (key + 1 << 40))
"""

VERSION_3 = f"CREATE {HEADS_NOW}"

MIGRATIONS: tuple[str, ...] = (VERSION_1, VERSION_2, VERSION_3)
"""What leads from each version of the file to the next; an empty file has version 0."""


class StoreRefused(LogUnavailable):
    """The file is not one that this version of Towpath works with; the text says why and what to do."""


def translate(error: apsw.Error, connection: apsw.Connection | None = None) -> Unavailable:
    """Return the log's own error for the library's."""
    io_failed = isinstance(error, (apsw.IOError, apsw.CantOpenError))
    cause = connection.system_errno if connection is not None and io_failed else 0
    own: Unavailable
    if isinstance(error, apsw.NotADBError):
        name = Path(connection.filename).name if connection is not None else "The file"
        own = StoreRefused(f"{name} is not a database. Move it away, or name another data directory.")
    # The index of the write-ahead log can't grow on a full disk: an I/O error to SQLite.
    elif isinstance(error, apsw.FullError) or cause in (errno.ENOSPC, errno.EDQUOT):
        own = LogFull("The disk that holds the log is full. Free some space, and writing goes on by itself.")
    else:
        own = LogUnavailable(
            f"The log can't be read or written: {error}" + (f" ({os.strerror(cause)})" if cause else "")
        )
    own.__cause__ = error
    return own


@contextmanager
def translated(connection: apsw.Connection | None = None) -> Iterator[None]:
    """Let none of the library's errors through."""
    try:
        yield
    except apsw.Error as error:
        raise translate(error, connection) from error


def connect(path: Path, *, durability: Durability = "power", read_only: bool = False) -> apsw.Connection:
    """Open the file, which exists, for one thread at a time."""
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE
    with translated():
        connection = apsw.Connection(str(path), flags=flags)
    with translated(connection):
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        connection.execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
        if not read_only:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'power' else 'NORMAL'}")
            connection.execute("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON")  # macOS: fsync alone is none
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            # What is deleted is gone from the file; 66 MB of it took 0.28 s instead of 0.26.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    return connection


def create_file(path: Path) -> None:
    """Make the file if there is none, for its owner alone whatever the umask; SQLite gives -wal and -shm its mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise LogUnavailable(f"{path} can't be opened: {error.strerror}.") from error


def check_identity(connection: apsw.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> int:
    """Return the version of the file, 0 for an empty one. Raises StoreRefused for a foreign or a newer file."""
    name = Path(connection.filename).name
    execute: Execute = connection.execute
    application = execute("PRAGMA application_id").get
    version = execute("PRAGMA user_version").get
    objects = execute("SELECT count(*) FROM sqlite_schema").get
    if application != APPLICATION_ID and objects:
        raise StoreRefused(f"{name} is a database of another program. Name another data directory.")
    if version > len(migrations):
        raise StoreRefused(
            f"{name} has version {version}, this Towpath knows versions up to {len(migrations)}."
            " Start the newer Towpath that wrote it, or restore a backup from before the upgrade."
        )
    return int(version) if objects else 0


def migrate(connection: apsw.Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring the file to the newest version, in one transaction."""
    with translated(connection):
        version = check_identity(connection, migrations)
        connection.execute("PRAGMA journal_mode = WAL")
        if version == len(migrations):
            return
        with connection:
            for step in migrations[version:]:
                connection.execute(step)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {len(migrations)}")


class Run(NamedTuple):
    """What one opening of the store is known by, and where the log stood then."""

    number: int
    epoch: Epoch
    position: int


def begin_run(connection: apsw.Connection, durability: Durability, machine: str) -> Run:
    """Mark the store as open, durably.

    What was not synced may be gone if the last run was not closed and the machine was started since: *machine* names
    its start, "" an unknown one. Then the sessions that were written in that run get new epochs, and so does the store.
    """
    execute: Execute = connection.execute
    execute("PRAGMA synchronous = FULL")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)  # all that survived is synced now
    with connection:
        last = execute("SELECT run, epoch, position, durability, clean, boot_id FROM meta").fetchone()
        number, epoch, position = (0, make_epoch(), 0) if last is None else (last[0], Epoch(last[1]), last[2])
        if last is not None and last[3:5] == ("process", 0) and (last[5] != machine or not machine):
            for (key,) in execute("SELECT key FROM heads WHERE run = ?", (number,)).fetchall():
                execute("UPDATE sessions SET epoch = ? WHERE key = ?", (make_epoch(), key))
            epoch = make_epoch()
        execute(
            "INSERT INTO meta (one, epoch, position, expired, run, durability, clean, boot_id)"
            " VALUES (1, ?, 0, 0, ?, ?, 0, ?) ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch,"
            " run = excluded.run, durability = excluded.durability, clean = 0, boot_id = excluded.boot_id",
            (epoch, number + 1, durability, machine),
        )
        position = max(position, execute("SELECT coalesce(max(position), 0) FROM heads").get)
        with suppress(apsw.CorruptError):  # nothing can be added where the last events are damaged
            position = max(position, execute("SELECT coalesce(max(position), 0) FROM events").get)
    return Run(number + 1, epoch, position)


def row_id(key: int, seq: int) -> int:
    """Return the ``id`` of an event."""
    return key << SEQ_BITS | seq


class Salts(dict[str, int]):
    """What a checksum begins with: one number for each type of event of a session."""

    def __init__(self, session_id: SessionId) -> None:
        super().__init__()
        self._session_id = session_id

    def __missing__(self, event_type: str) -> int:
        salt = self[event_type] = zlib.crc32(f"{self._session_id}/{event_type}".encode())
        return salt


def checksums(
    salts: Salts, seqs: Iterable[int], positions: Iterable[int], types: Iterable[str], data: Iterable[bytes]
) -> Iterator[int]:
    """Return the checksum of each event: CRC-32 over its data, begun with its session, type, seq and position.

    In C throughout, since every event that is read from the store goes through it (0.2 µs each).
    """
    return map(zlib.crc32, data, map(xor, map(salts.__getitem__, types), map(xor, seqs, positions)))


def body_checksum(session_id: SessionId, name: str | int, data: bytes) -> int:
    """Return the checksum of a snapshot (named by its seq) or a blob (by its id)."""
    return zlib.crc32(data, zlib.crc32(f"{session_id}/{name}".encode()))
