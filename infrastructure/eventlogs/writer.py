"""The one writer of the stored log: a thread that commits whatever arrived while it committed before.

Every statement hands the interpreter's lock back, and a busy event loop keeps it for up to 5 ms: 512 single inserts
took 2.6 s beside one. So rows go in by statements that hold up to 256 of them.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any
from zlib import crc32

import apsw
from msgspec.structs import replace

from contracts.events import LIFECYCLE_TYPES
from domain.errors import SequenceConflict, SessionNotFound, TowpathError
from domain.ids import SessionId, make_epoch
from domain.ports import Listing, Recorded, StoredSnapshot
from infrastructure.eventlogs.commit import Append, Change, Commit, Entry, Group, Order, Row
from infrastructure.eventlogs.kept import INSERT_RECEIPT, receipt_columns
from infrastructure.eventlogs.reader import decode_listing
from infrastructure.eventlogs.schema import (
    CHECKPOINT_PAGES,
    DISK_ERRORS,
    SEQ_BITS,
    Durability,
    Execute,
    Run,
    Salts,
    body_checksum,
    row_id,
    translate,
)
from infrastructure.eventlogs.search import ERASE, INSERT, index_everything, spaced
from infrastructure.eventlogs.statements import (
    CUT,
    DROPPED,
    EVENT_TYPE,
    EVENT_WIDTH,
    HEAD_WIDTH,
    INSERT_EVENTS,
    REPLACE_BLOB,
    ROWS_PER_STATEMENT,
    SELECT_SESSION,
    SESSION_WIDTH,
    UPSERT_HEADS,
    UPSERT_SESSIONS,
    UPSERT_SNAPSHOT,
    rows_statement,
)

logger = logging.getLogger(__name__)

COMMIT_APPENDS = 4_096
# Behind a large commit the next one waits for company: an append costs 6.6 µs of SQLite in a commit of 75, 5.0 in one
# of 300.
BUSY_APPENDS = 64
GATHER_SECONDS = 0.002
CACHED_SESSIONS = 8_192
# A head's row and its entry in the listing's index took 2 to 3 of the 24 µs that an event costs but for its delivery.
HEAD_MILLISECONDS = 1_000
# How a damaged index shows itself, or one of its tables that is gone.
INDEX_ERRORS = (apsw.CorruptError, apsw.SQLError)


class Writer:
    """Owns the connection that writes. All but `put` runs in its thread."""

    def __init__(
        self,
        connection: apsw.Connection,
        *,
        run: Run,
        durability: Durability,
        copy_pages: Callable[[], object],
        publish: Callable[[Commit], object],
    ) -> None:
        self._connection = connection
        self._execute: Execute = connection.execute
        self._run = run.number
        self._durability = durability
        self._position = run.position
        self._copy_pages = copy_pages
        self._publish = publish
        self._copier = ThreadPoolExecutor(1, "log-checkpoint")
        self._copying: Future[object] | None = None
        self._pages = 0
        self._indexing = True
        self._next_key = int(self._execute("SELECT coalesce(max(key), 0) + 1 FROM sessions").get)
        self._rows: dict[SessionId, Row] = {}
        self._queue: SimpleQueue[Append | Order | None] = SimpleQueue()
        self.put = self._queue.put
        self.thread = threading.Thread(target=self._work, name="log-writer", daemon=True)
        connection.set_wal_hook(self._count_pages)

    def _work(self) -> None:
        running, busy = True, False
        while running:
            jobs: list[Append | Order | None] = [self._queue.get()]
            if busy:
                time.sleep(GATHER_SECONDS)
            with suppress(Empty):
                while len(jobs) < COMMIT_APPENDS:
                    jobs.append(self._queue.get_nowait())
            busy = len(jobs) >= BUSY_APPENDS
            appends: list[Append] = []
            for job in jobs:
                if isinstance(job, Append):
                    appends.append(job)
                    continue
                self._commit(appends)
                appends = []
                if job is None:
                    running = False
                else:
                    self._obey(job)
            self._commit(appends)
            self._checkpoint()
        self._copier.shutdown()

    def _commit(self, appends: list[Append]) -> None:
        if not appends:
            return
        group = Group(self._position, self._next_key)
        try:
            self._begin(appends)
            for append in appends:
                try:
                    self._add(group, append)
                except TowpathError as error:
                    group.failures.append((append.future, error))
                else:
                    group.results.append((append.future, None))
            self._write(group)
            self._execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for it and the writer goes on
            self._roll_back(group)
            if self._indexing and isinstance(error, INDEX_ERRORS):
                self._stop_indexing(error)
                self._commit(appends)
            elif len(appends) > 1 and not isinstance(error, DISK_ERRORS):
                for append in appends:  # so that one bad append does not fail the others
                    self._commit([append])
            else:
                self._fail([append.future for append in appends], error)
        else:
            self._finish(group)

    def _obey(self, order: Order) -> None:
        group = Group(self._position, self._next_key)
        try:
            self._execute("BEGIN IMMEDIATE")
            group.results.append((order.future, order.method(group, *order.arguments)))
            self._write(group)
            self._execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - as above
            self._roll_back(group)
            if self._indexing and isinstance(error, INDEX_ERRORS):
                self._stop_indexing(error)
                self._obey(order)
            else:
                self._fail([order.future], error)
        else:
            self._finish(group)

    def _begin(self, appends: Sequence[Append]) -> None:
        """Begin, with a sync at the end where a session is written for the first time in this run.

        So the mark that it was written is there after a power cut, whatever else is lost.
        """
        if self._durability == "process":
            rows = [self._load(append.session_id) for append in appends]
            unmarked = any(row is None or row.run != self._run for row in rows)
            self._execute(f"PRAGMA synchronous = {'FULL' if unmarked else 'NORMAL'}")
        self._execute("BEGIN IMMEDIATE")

    def _add(self, group: Group, append: Append) -> None:
        entry = group.entries.get(append.session_id) or self._open(group, append)
        row = entry.row
        if row.seq != append.expected_seq or row.deleted_at is not None:
            raise SequenceConflict(f"The log of {row.session_id} is at {row.seq}, not at {append.expected_seq}.")
        group.entries[row.session_id] = entry
        if row.seq == row.earliest:
            row.oldest = append.events[0][1]
        seq, position, size, salts = row.seq, group.position, row.bytes, row.salts
        for kind, timestamp, data in append.events:
            seq += 1
            position += 1
            size += len(data)
            event = Recorded(row.session_id, seq, position, kind, data)
            entry.recorded.append(event)
            lifecycle = kind in LIFECYCLE_TYPES
            if lifecycle:
                group.lifecycle.append(event)
            if len(data) > row.largest:
                row.largest, entry.head = len(data), True
            checksum = crc32(data, salts[kind] ^ seq ^ position)
            group.events += (row.key << SEQ_BITS | seq, position, kind, timestamp, lifecycle, checksum, data)
        if append.events:
            group.position = row.position = position
            row.last_activity = None if append.listing is None else timestamp
        if append.listing is not row.listing:
            self._list(group, entry, append.listing)
        row.seq, row.bytes, row.run = seq, size, self._run
        if append.beside:
            self._add_beside(group, row, append)
        if append.events and append.events[-1][0] == "session-deleted":
            _, row.oldest, data = append.events[-1]
            row.deleted_at, row.listing, row.last_activity = row.oldest, None, None
            row.earliest, row.bytes = seq - 1, len(data)
            entry.rewrite = True
            group.deleted.append(row)

    @staticmethod
    def _list(group: Group, entry: Entry, listing: Listing | None) -> None:
        row = entry.row
        if listing != row.listing:
            if _title(listing) != _title(row.listing):
                group.texts.append((row_id(row.key, 0), _title(listing)))
            entry.head = entry.rewrite = True
        row.listing = listing  # an equal one too: the next append then brings the same object

    @staticmethod
    def _add_beside(group: Group, row: Row, append: Append) -> None:
        """Take what an append keeps beside its events."""
        if append.snapshot is not None:
            group.snapshots.append(_snapshot(row, StoredSnapshot(row.seq, append.snapshot)))
        for blob in append.blobs:
            checksum = body_checksum(row.session_id, blob.blob_id, blob.data)
            group.blobs.append((row.key, blob.blob_id, checksum, blob.data))
        for text in append.texts:
            group.texts.append((row_id(row.key, text.seq), text.text))
        if append.receipt is not None:
            effect = {"session_id": row.session_id, "after": append.expected_seq, "upto": row.seq}
            group.receipts.append(receipt_columns(replace(append.receipt, **effect)))

    def _open(self, group: Group, append: Append) -> Entry:
        """Return what a transaction may change of a session. A first append makes the session."""
        session_id = append.session_id
        row = self._load(session_id)
        new = row is None
        if row is None:
            if append.expected_seq:
                raise SessionNotFound(session_id)
            row = Row(session_id, Salts(session_id), group.next_key, make_epoch())
            group.next_key += 1
        return Entry(row, row.position, row.run != self._run, new)

    def _write(self, group: Group) -> None:
        self._insert(INSERT_EVENTS, EVENT_WIDTH, group.events)
        self._write_rows(group)
        for snapshot in group.snapshots:
            self._execute(UPSERT_SNAPSHOT, snapshot)
        for blob in group.blobs:
            self._execute(REPLACE_BLOB, blob)
        for receipt in group.receipts:
            self._execute(INSERT_RECEIPT, receipt)
        if self._indexing:
            for place, text in group.texts:
                self._execute(INSERT, (place, spaced(text)))
            for row in group.deleted:
                self._execute(ERASE, (row_id(row.key, 0), row_id(row.key + 1, 0) - 1))
        for row in group.deleted:
            self._execute("DELETE FROM events WHERE id > ? AND id < ?", (row_id(row.key, 0), row_id(row.key, row.seq)))
            self._execute("DELETE FROM snapshots WHERE session = ?", (row.key,))
            self._execute("DELETE FROM blobs WHERE session = ?", (row.key,))

    def _write_rows(self, group: Group) -> None:
        heads: list[Any] = []
        sessions: list[Any] = []
        for entry in group.entries.values():
            row = entry.row
            now, then = row.last_activity, row.written_activity
            if entry.head or now is None or then is None or not 0 <= now - then < HEAD_MILLISECONDS:
                row.written_seq, row.written_activity = row.seq, row.last_activity
                heads += row.head_columns()
            if entry.rewrite:
                sessions += row.session_columns()
        self._insert(UPSERT_HEADS, HEAD_WIDTH, heads)
        self._insert(UPSERT_SESSIONS, SESSION_WIDTH, sessions)

    def _stop_indexing(self, error: Exception) -> None:
        """Go on without the index: that sessions are found is worth less than that they go on."""
        logger.error("the search index is damaged (%s); the next start makes it anew", error)
        self._indexing = False
        with suppress(apsw.Error):
            self._execute("UPDATE meta SET indexed = 0")

    def reindex(self, _group: Group) -> int:
        count = index_everything(self._execute)
        self._indexing = True
        return count

    def keep(self, _group: Group, change: Callable[..., None], *arguments: object) -> None:
        change(self._execute, *arguments)

    def _insert(self, template: str, width: int, columns: list[Any]) -> None:
        start = 0
        for rows in ROWS_PER_STATEMENT:
            while len(columns) - start >= rows * width:
                self._execute(rows_statement(template, width, rows), columns[start : start + rows * width])
                start += rows * width

    def trim(self, group: Group, session_id: SessionId, max_bytes: int, oldest: int, snapshot: StoredSnapshot) -> int:
        row = self._load(session_id)
        if row is None:
            raise SessionNotFound(session_id)
        if row.deleted_at is not None:
            return row.earliest
        if snapshot.seq > row.seq:
            raise ValueError(f"a snapshot at {snapshot.seq} of a log at {row.seq}")
        group.entries[session_id] = Entry(row, row.position, head=True)
        low, high = row_id(row.key, row.earliest), row_id(row.key, min(snapshot.seq, row.seq - 1))
        bounds = {"low": low, "high": high, "excess": row.bytes - max_bytes, "oldest": oldest}
        cut = int(self._execute(CUT, bounds).get)
        if cut > low:
            gone, row.trimmed, lifecycle = self._execute(DROPPED, (low, cut)).fetchall()[0]
            self._execute("UPDATE meta SET expired = max(expired, ?)", (lifecycle,))
            self._execute("DELETE FROM events WHERE id > ? AND id <= ?", (low, cut))
            if self._indexing:
                self._execute(ERASE, (low + 1, cut))
            row.bytes -= gone
            row.earliest = cut - row_id(row.key, 0)
            row.oldest = self._execute("SELECT timestamp FROM events WHERE id = ?", (cut + 1,)).get
        group.snapshots.append(_snapshot(row, snapshot))
        return row.earliest

    def forget(self, group: Group, before: int) -> None:
        rows = self._execute(
            "SELECT key, session_id, position FROM sessions JOIN heads USING (key) WHERE deleted_at < ?", (before,)
        ).fetchall()
        for key, session_id, position in rows:
            group.forgotten.append(session_id)
            self._execute("DELETE FROM events WHERE position = ?", (position,))
            self._execute("DELETE FROM heads WHERE key = ?", (key,))
            self._execute("DELETE FROM sessions WHERE key = ?", (key,))
            self._execute(
                "UPDATE meta SET position = max(position, ?), expired = max(expired, ?)", (self._position, position)
            )

    def settle(self, group: Group) -> None:
        """Write the heads that are behind, as far as they are held."""
        for row in self._rows.values():
            if row.written_seq != row.seq:
                group.entries[row.session_id] = Entry(row, row.position, head=True)

    def quarantine(self, _group: Group, session_id: SessionId) -> None:
        self._execute("UPDATE sessions SET quarantined = 1 WHERE session_id = ?", (session_id,))

    def _load(self, session_id: SessionId) -> Row | None:
        row = self._rows.get(session_id)
        if row is None:
            found = self._execute(SELECT_SESSION, (session_id,)).fetchall()
            if not found:
                return None
            *columns, listing = found[0]
            row = self._rows[session_id] = Row(session_id, Salts(session_id), *columns)
            row.listing = None if listing is None else decode_listing(listing)
        return row

    def _finish(self, group: Group) -> None:
        self._position, self._next_key = group.position, group.next_key
        if len(self._rows) > CACHED_SESSIONS:
            self._rows.clear()
        for session_id in group.forgotten:
            self._rows.pop(session_id, None)
        changes = []
        for session_id, entry in group.entries.items():
            self._rows[session_id] = entry.row
            changes.append(Change(session_id, entry.row.known(), entry.floor, entry.recorded))
        types = group.events[EVENT_TYPE::EVENT_WIDTH]
        told = group.forgotten, group.lifecycle, group.results, group.failures
        self._publish(Commit(self._position, types, changes, *told))

    def _fail(self, futures: Sequence[asyncio.Future[Any]], error: Exception) -> None:
        failures: list[tuple[asyncio.Future[Any], Exception]] = [
            (future, translate(error, self._connection) if isinstance(error, apsw.Error) else error)
            for future in futures
        ]
        self._publish(Commit(self._position, (), (), (), (), (), failures))

    def _roll_back(self, group: Group) -> None:
        for session_id in group.entries:
            self._rows.pop(session_id, None)
        with suppress(apsw.Error):
            if self._connection.in_transaction:
                self._execute("ROLLBACK")

    def _count_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        """Have the bulk of a grown write-ahead log copied beside the writer, and the rest by it.

        Only when nothing is left to copy does the next commit begin the file anew; beside a busy writer that would
        never be so.
        """
        if self._pages < CHECKPOINT_PAGES:
            return
        if self._copying is None:
            with suppress(RuntimeError):  # no thread can be started now: it is tried again after the next commit
                self._copying = self._copier.submit(self._copy_pages)
        elif self._copying.done():
            self._copying = None
            with suppress(apsw.Error):  # a full disk: it is tried again after further commits
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


def _title(listing: Listing | None) -> str:
    return "" if listing is None else listing.title


def _snapshot(row: Row, snapshot: StoredSnapshot) -> tuple[Any, ...]:
    return row.key, snapshot.seq, body_checksum(row.session_id, snapshot.seq, snapshot.data), snapshot.data
