"""What is asked of the stored log: functions of a connection, each inside one read transaction.

A statement that yields many rows hands the interpreter's lock back at each of them, and beside a busy event loop gets
it again after 5 ms at worst: 256 rows took 0.2 s. So a page comes as one row of joined columns, which takes 10 ms then.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import repeat
from typing import Any, NamedTuple

import apsw
import msgspec

from contracts.codec import encode
from domain.errors import BlobNotFound, CursorExpired, SessionNotFound, SessionQuarantined
from domain.ids import Epoch, SessionId
from domain.ports import BATCH_BYTES, Batch, Head, Listed, Listing, ListingFilter, Recorded, StoredSnapshot
from infrastructure.eventlogs.recording import select
from infrastructure.eventlogs.schema import Execute, Salts, body_checksum, checksums, row_id, translated
from infrastructure.eventlogs.search import MATCHING, SNIPPET_WORDS, queries, readable
from infrastructure.eventlogs.tail import Known

# The port's own structs are no contract: they never leave the process but for this file.
decode_listing = msgspec.json.Decoder(Listing).decode
_decode_integers = msgspec.json.Decoder(list[int]).decode

# How far one read with a filter looks: 4096 events take about 3 ms.
SCANNED_EVENTS = 4096
# How full a batch is aimed to be when its events are counted by their mean size: a second count is then rare.
FILLED = 0.95

NAMED_SESSIONS = """
SELECT session_id, key, epoch, seq, position, earliest, trimmed, written_bytes / max(1.0, written_seq - earliest),
       largest, listing, last_activity, deleted_at IS NOT NULL, quarantined
FROM sessions JOIN heads_now USING (key) WHERE session_id IN (SELECT value FROM json_each(?))
"""
PAGE = """
SELECT count(*), sum(checksum), '[' || {ids} || ']', '[' || group_concat(position) || ']',
       group_concat(type), CAST(group_concat(data, char(10)) AS BLOB)
FROM (SELECT * FROM events WHERE id > ? AND id <= ? {filter} ORDER BY id LIMIT ?)
"""
PAGE_OF_ALL = PAGE.format(ids="NULL", filter="")
PAGE_OF_TYPES = PAGE.format(ids="group_concat(id)", filter="AND type IN (SELECT value FROM json_each(?))")
SIZE = """
SELECT count(*), total(size)
FROM (SELECT length(data) AS size FROM events WHERE id > ? AND id <= ? {filter} ORDER BY id LIMIT ?)
"""
SIZE_OF_ALL = SIZE.format(filter="")
SIZE_OF_TYPES = SIZE.format(filter="AND type IN (SELECT value FROM json_each(?))")
LIFECYCLE = """
SELECT s.session_id, s.key, e.id, e.position, e.type, e.checksum, e.data
FROM events AS e JOIN sessions AS s ON s.key = e.id >> 40
WHERE e.lifecycle AND e.position > ? AND NOT s.quarantined
ORDER BY e.position LIMIT ?
"""
# Positions grow with seq: the id of the last event at or before a position.
BISECT = """
WITH RECURSIVE search (low, high) AS (
    VALUES (?, ?)
    UNION ALL
    SELECT iif(position <= ?, (low + high + 1) / 2, low), iif(position <= ?, high, (low + high + 1) / 2 - 1)
    FROM search JOIN events ON id = (low + high + 1) / 2
    WHERE low < high
)
SELECT low FROM search WHERE low = high
"""
OVERGROWN = """
SELECT session_id FROM sessions JOIN heads_now USING (key)
WHERE (bytes > ? OR oldest < ?) AND seq > earliest + 1 AND NOT quarantined
"""
RESTLESS = "SELECT session_id FROM sessions WHERE at_rest = 0 AND NOT quarantined"
LISTED_ROWS = """
SELECT key, session_id, epoch, earliest, listing, last_activity
FROM heads CROSS JOIN sessions USING (key)
WHERE last_activity <= ?1 AND (last_activity < ?1 OR session_id < ?2)
  AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR mode = ?4) AND (?5 IS NULL OR archived = ?5)
  AND (?6 IS NULL OR project_id = ?6)
ORDER BY last_activity DESC, session_id DESC LIMIT ?7
"""
# The order is that of the heads' rows; where its log ends is looked up for each session on the page alone.
PAGED = """
WITH page AS MATERIALIZED ({rows}) {more}
SELECT session_id, epoch, seq, page.earliest, listing, page.last_activity, {snippet}
FROM page JOIN heads_now USING (key) {join} ORDER BY page.last_activity DESC, session_id DESC
"""
LISTED = PAGED.format(rows=LISTED_ROWS, more="", snippet="NULL", join="")
# Of each session on the page the newest text that holds any of the words. In three passes over what the index finds,
# since asking it for each session begins anew each time: 2 ms where the last word is cut short.
FOUND = """
, newest AS MATERIALIZED (
    SELECT max(rowid) AS place FROM search
    WHERE search MATCH ?8 AND rowid >> 40 IN (SELECT key FROM page) GROUP BY rowid >> 40
),
shown AS MATERIALIZED (
    SELECT rowid >> 40 AS key, snippet(search, 0, '', '', '…', {words}) AS snippet FROM search
    WHERE search MATCH ?8 AND +rowid IN (SELECT place FROM newest)
)
"""


class Damaged(Exception):
    """What is stored of a session is not what was recorded."""

    def __init__(self, session_id: SessionId) -> None:
        super().__init__(session_id)
        self.session_id = session_id


class Stored(NamedTuple):
    """What the store says of a session; ``mean`` and ``largest`` are sizes of its events."""

    session_id: SessionId
    key: int
    known: Known
    mean: float
    largest: int


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[Execute]:
    """See one state of the store throughout."""
    with translated(connection):
        connection.execute("BEGIN")
        try:
            yield connection.execute
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def load(execute: Execute, session_id: SessionId, *, quarantined: bool = False) -> Stored:
    """Return what is known of a session. Raises SessionNotFound, Damaged; SessionQuarantined unless *quarantined*."""
    stored = _load_all(execute, [session_id], quarantined=quarantined)
    if not stored:
        raise SessionNotFound(session_id)
    return stored[0]


def read_head(connection: apsw.Connection, session_id: SessionId) -> Known:
    """As `EventLog.head`; what else is known comes along."""
    with transaction(connection) as execute:
        return load(execute, session_id).known


def read_session(
    connection: apsw.Connection, session_id: SessionId, after: int, limit: int, types: Collection[str] | None
) -> tuple[Known, Batch]:
    """As `EventLog.read`."""
    with transaction(connection) as execute:
        stored = load(execute, session_id)
        head = stored.known.head
        if after < head.earliest:
            raise CursorExpired(head.earliest)
        if after >= head.seq:
            return stored.known, Batch((), after, True)
        if types is None:
            events = page_after(execute, stored, after, limit)
            return stored.known, Batch(events, events[-1].seq, events[-1].seq == head.seq)
        upto = min(after + SCANNED_EVENTS, head.seq)
        events, complete = _fetch(execute, stored, after, upto, limit, types)
        return stored.known, Batch(events, upto if complete else events[-1].seq, complete and upto == head.seq)


def read_sessions(
    connection: apsw.Connection,
    sessions: Collection[SessionId],
    after: int,
    limit: int,
    types: Collection[str] | None,
    position: int,
) -> tuple[list[Stored], Batch]:
    """As `EventLog.read_all`; *position* is one up to which all is committed."""
    with transaction(connection) as execute:
        stored = _load_all(execute, sessions)
        trimmed = max((one.known.trimmed for one in stored), default=0)
        if trimmed > after:
            raise CursorExpired(trimmed)
        behind = [one for one in stored if one.known.position > after]
        # Each session gives its share, and what is certain to be complete is handed out: the rest is read again.
        share = max(16, limit // max(1, len(behind)))
        upto = max([position, after, *(one.known.position for one in behind)])
        events: list[Recorded] = []
        whole = True
        for one in behind:
            found = page_after(execute, one, _seq_at(execute, one, after), share)
            events += found
            if found[-1].seq < one.known.head.seq:
                upto, whole = min(upto, found[-1].position), False
    events = sorted((event for event in events if event.position <= upto), key=lambda event: event.position)
    chosen, complete = select(events, 0, limit, types)
    return stored, Batch(chosen, upto if complete else chosen[-1].position, complete and whole)


def read_lifecycle(
    connection: apsw.Connection, after: int, limit: int, types: Collection[str] | None, position: int
) -> Batch:
    """As `EventLog.read_all` of no named session."""
    with transaction(connection) as execute:
        expired = int(execute("SELECT expired FROM meta").get)
        if after < expired:
            raise CursorExpired(expired)
        rows = execute(LIFECYCLE, (after, limit)).fetchall()
    events = []
    for session_id, key, row, place, kind, checksum, data in rows:
        seq = row - row_id(key, 0)
        if [checksum] != list(checksums(Salts(session_id), [seq], [place], [kind], [data])):
            raise Damaged(session_id)
        events.append(Recorded(session_id, seq, place, kind, data))
    chosen, complete = select(events, 0, limit, types)
    newest, whole = events[-1].position if events else after, len(events) < limit
    upto = max(position, newest) if whole else newest
    return Batch(chosen, upto if complete else chosen[-1].position, complete and whole)


def read_snapshot(connection: apsw.Connection, session_id: SessionId) -> StoredSnapshot | None:
    """As `EventLog.snapshot`."""
    with transaction(connection) as execute:
        key = load(execute, session_id).key
        row = execute("SELECT seq, checksum, data FROM snapshots WHERE session = ?", (key,)).fetchone()
    if row is None:
        return None
    seq, checksum, data = row
    if checksum != body_checksum(session_id, seq, data):
        raise Damaged(session_id)
    return StoredSnapshot(seq, data)


def read_blob(connection: apsw.Connection, session_id: SessionId, blob_id: str) -> bytes:
    """As `EventLog.blob`."""
    with transaction(connection) as execute:
        key = load(execute, session_id).key
        row = execute("SELECT checksum, data FROM blobs WHERE session = ? AND blob_id = ?", (key, blob_id)).fetchone()
    if row is None:
        raise BlobNotFound(f"There is no body {blob_id} in session {session_id}.")
    checksum, data = row
    if checksum != body_checksum(session_id, blob_id, data):
        raise Damaged(session_id)
    return bytes(data)


def read_listed(
    connection: apsw.Connection, criteria: ListingFilter, before: tuple[int, SessionId] | None, limit: int
) -> Sequence[Listed]:
    """As `EventLog.page`."""
    wanted = criteria.status, criteria.mode, criteria.archived, criteria.project_id
    filters = [None if value is msgspec.UNSET else value for value in wanted]
    bindings = [*(before or (2**63 - 1, "")), *filters, limit]
    statement = LISTED
    if criteria.words:
        asked = queries(criteria.words)
        statement, bindings = found_statement(len(asked)), [*bindings, " OR ".join(asked), *asked]
    return [_listed(*row) for row in _ask_of_many(connection, statement, *bindings)]


def _listed(
    _id: SessionId, epoch: Epoch, seq: int, earliest: int, row: bytes, last_activity: int, snippet: str | None
) -> Listed:
    listing = decode_listing(row)
    return Listed(listing, Head(epoch, seq, earliest, listing, last_activity), readable(snippet))


@cache
def found_statement(queries: int) -> str:
    """Return the statement that reads a page of what so many queries to the index all find."""
    found = " INTERSECT ".join([MATCHING.format(number=9 + number) for number in range(queries)])
    rows = LISTED_ROWS.replace("FROM heads", f"FROM ({found}) CROSS JOIN heads USING (key)")
    more = FOUND.format(words=SNIPPET_WORDS)
    return PAGED.format(rows=rows, more=more, snippet="snippet", join="LEFT JOIN shown USING (key)")


def every_session(connection: apsw.Connection) -> Sequence[tuple[SessionId, bool]]:
    """Return all sessions, tombstones included, and whether each is quarantined."""
    with transaction(connection) as execute:
        return [*execute("SELECT session_id, quarantined FROM sessions").fetchall()]


def read_restless(connection: apsw.Connection) -> Sequence[SessionId]:
    """As `EventLog.restless`."""
    return _ids(connection, RESTLESS)


def read_overgrown(connection: apsw.Connection, max_bytes: int, oldest: int) -> Sequence[SessionId]:
    """As `EventLog.overgrown`."""
    return [SessionId(row[0]) for row in _ask_of_many(connection, OVERGROWN, max_bytes, oldest)]


def _ask_of_many(connection: apsw.Connection, statement: str, *bindings: object) -> Sequence[tuple[Any, ...]]:
    """Ask what is so of sessions now; where events of one are damaged, what was when the heads were written."""
    with transaction(connection) as execute:
        try:
            return [*execute(statement, bindings).fetchall()]
        except apsw.CorruptError:
            return [*execute(statement.replace("heads_now", "heads"), bindings).fetchall()]


def read_quarantined(connection: apsw.Connection) -> Sequence[SessionId]:
    """Return the sessions whose stored events failed their checksum."""
    return _ids(connection, "SELECT session_id FROM sessions WHERE quarantined")


def _ids(connection: apsw.Connection, statement: str) -> Sequence[SessionId]:
    with transaction(connection) as execute:
        return [SessionId(row[0]) for row in execute(statement).fetchall()]


def _load_all(execute: Execute, sessions: Collection[SessionId], *, quarantined: bool = False) -> list[Stored]:
    try:
        rows = execute(NAMED_SESSIONS, (encode(list(sessions)).decode(),)).fetchall()
    except apsw.CorruptError as error:
        if len(sessions) == 1:
            raise Damaged(*sessions) from error
        return [one for session_id in sessions for one in _load_all(execute, [session_id])]
    loaded = []
    for session_id, key, epoch, seq, position, earliest, trimmed, mean, largest, listing, *rest in rows:
        last_activity, deleted, closed = rest
        if closed and not quarantined:
            raise SessionQuarantined(session_id)
        shown = None if listing is None else decode_listing(listing)
        head = Head(epoch, seq, earliest, shown, last_activity or 0, bool(deleted))
        loaded.append(Stored(session_id, key, Known(head, position, trimmed), mean, largest))
    return loaded


def _seq_at(execute: Execute, stored: Stored, position: int) -> int:
    head = stored.known.head
    ends = row_id(stored.key, head.earliest), row_id(stored.key, head.seq)
    found = execute(BISECT, (*ends, position, position)).get
    if found is None:
        raise Damaged(stored.session_id)
    return int(found) - row_id(stored.key, 0)


def page_after(execute: Execute, stored: Stored, after: int, limit: int) -> Sequence[Recorded]:
    """Return the next events, of which there are some."""
    events, whole = _fetch(execute, stored, after, stored.known.head.seq, limit, None)
    if not events or (whole and events[-1].seq != stored.known.head.seq):
        raise Damaged(stored.session_id)
    return events


def _fetch(
    execute: Execute, stored: Stored, after: int, upto: int, limit: int, types: Collection[str] | None
) -> tuple[Sequence[Recorded], bool]:
    """Return about a batch of events, and whether there are no more up to *upto*."""
    first = row_id(stored.key, 0)
    bounds: tuple[Any, ...] = (first + after, first + upto)
    if types is not None:
        bounds = (*bounds, encode(list(types)).decode())
    page, sizes = (PAGE_OF_ALL, SIZE_OF_ALL) if types is None else (PAGE_OF_TYPES, SIZE_OF_TYPES)
    try:
        wanted = min(limit, max(1, int(FILLED * BATCH_BYTES / max(1, stored.mean))))
        while wanted * stored.largest > 2 * BATCH_BYTES:  # counting costs half as much again as reading
            held, size = execute(sizes, (*bounds, wanted)).fetchone()
            if held <= 1 or size <= BATCH_BYTES:
                break
            wanted = max(1, int(held * FILLED * BATCH_BYTES / size))
        row = execute(page, (*bounds, wanted)).fetchone()
    except apsw.CorruptError as error:
        raise Damaged(stored.session_id) from error
    events = _decode(stored, after, row)
    return events, len(events) < wanted


def _decode(stored: Stored, after: int, row: tuple[Any, ...]) -> Sequence[Recorded]:
    """Take a page of joined columns apart and verify it."""
    first = row_id(stored.key, 0)
    count, total, ids, positions, kinds, lines = row
    if not count:
        return ()
    try:
        # Of a page of all types the checksums tell that it has no gap.
        seqs = range(after + 1, after + 1 + count) if ids is None else [row - first for row in _decode_integers(ids)]
        places, names, data = _decode_integers(positions), kinds.split(","), lines.split(b"\n")
        sound = total == sum(checksums(Salts(stored.session_id), seqs, places, names, data))
        if not sound or not len(data) == len(places) == len(names) == count:
            raise Damaged(stored.session_id)
        return list(map(Recorded, repeat(stored.session_id), seqs, places, names, data))
    except ValueError as error:
        raise Damaged(stored.session_id) from error
