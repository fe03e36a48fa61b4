"""Whether a stored log is sound, for `towpath doctor`."""

from collections.abc import Iterator
from pathlib import Path

import apsw
from msgspec import Struct

from domain.errors import LogUnavailable, SessionNotFound
from domain.ids import SessionId
from infrastructure.eventlogs.reader import Damaged, Stored, every_session, load, page_after, transaction
from infrastructure.eventlogs.schema import (
    HEADS_NOW,
    Execute,
    body_checksum,
    check_identity,
    connect,
    row_id,
    translated,
)

PAGE_EVENTS = 1024


class Finding(Struct, frozen=True):
    """Something is wrong with the store, or with one session (``session_id``)."""

    text: str
    session_id: SessionId | None = None


def verify(path: Path) -> Iterator[Finding]:
    """Read the whole store and say what is wrong with it; a log that is in use may be read too.

    Raises StoreRefused for a file that this version does not work with, LogUnavailable where it can't be read.
    """
    connection = connect(path, read_only=True)
    try:
        with translated(connection):
            check_identity(connection)
            connection.execute(f"CREATE TEMP {HEADS_NOW}")  # which a file of an earlier version lacks
            try:
                yield from _damaged_pages(connection)
            except apsw.CorruptError as error:
                yield Finding(f"The file is damaged: {error}")
        sessions = every_session(connection)
        for session_id, quarantined in sessions:
            if quarantined:
                yield Finding("quarantined: what was read of it was not what was recorded", session_id)
            try:
                with transaction(connection) as execute:
                    yield from _damaged_rows(execute, load(execute, session_id, quarantined=True))
            except SessionNotFound:  # forgotten meanwhile
                continue
            except (Damaged, LogUnavailable) as error:
                cause = error.__cause__ or error
                yield Finding(f"its events can't be read: {cause}", session_id)
    finally:
        connection.close()


def _damaged_pages(connection: apsw.Connection) -> Iterator[Finding]:
    for (text,) in connection.execute("PRAGMA integrity_check").fetchall():
        if text != "ok":
            yield Finding(f"The file is damaged: {text}")


def _damaged_rows(execute: Execute, stored: Stored) -> Iterator[Finding]:
    head, key, session_id = stored.known.head, stored.key, stored.session_id
    after = head.earliest
    while after < head.seq:
        try:
            after = page_after(execute, stored, after, PAGE_EVENTS)[-1].seq
        except Damaged:
            yield Finding(f"events after {after} are missing or not what was recorded", session_id)
            after += PAGE_EVENTS
    counted = execute("SELECT count(*) FROM events WHERE id >= ? AND id < ?", (row_id(key, 0), row_id(key + 1, 0))).get
    if counted != head.seq - head.earliest:
        yield Finding(f"holds {counted} events where {head.seq - head.earliest} belong", session_id)
    bodies = (
        ("snapshot", "SELECT seq, checksum, data FROM snapshots WHERE session = ?"),
        ("body", "SELECT blob_id, checksum, data FROM blobs WHERE session = ?"),
    )
    for kind, statement in bodies:
        for name, checksum, data in execute(statement, (key,)):
            if checksum != body_checksum(session_id, name, data):
                yield Finding(f"{kind} {name} is not what was recorded", session_id)
