"""The event log in a SQLite file.

Runs in the event loop, beside one thread that writes and a few that read. asyncio's by nature: an append is a future,
and a commit comes back by call_soon_threadsafe, once for all that it holds.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from operator import attrgetter
from pathlib import Path
from threading import local
from typing import Any, Concatenate, NamedTuple, ParamSpec, Self, TypeVar

import apsw

from contracts.events import Event
from domain.errors import CursorExpired, LogUnavailable, SessionQuarantined
from domain.ids import Epoch, SessionId
from domain.measures import LogMeasures
from domain.ports import (
    Batch,
    Blob,
    Head,
    Listed,
    Listing,
    ListingFilter,
    Receipt,
    SearchText,
    StoredSnapshot,
    Take,
    Upload,
    Wake,
)
from infrastructure.eventlogs import kept, reader
from infrastructure.eventlogs.commit import Append, Commit, Order
from infrastructure.eventlogs.recording import encode_events, join, select
from infrastructure.eventlogs.schema import Durability, Run, begin_run, connect, create_file, migrate, translated
from infrastructure.eventlogs.search import index_everything
from infrastructure.eventlogs.tail import Tail, Tails, Watchers
from infrastructure.eventlogs.writer import Writer

T = TypeVar("T")
P = ParamSpec("P")

READERS = 4
SESSION_TAIL_BYTES = 1024 * 1024
TAIL_BYTES = 64 * 1024 * 1024
WINDOW_SECONDS = 0.002


def boot_id() -> str:
    """Return what names this start of the machine, or "" where nothing does: then every unclean stop counts as one."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return ""


class SqliteEventLog:
    """Made by `open`. One process at a time: the lock on the data directory sees to it."""

    def __init__(self, path: Path, store: "_Store", *, window_seconds: float, tail_bytes: tuple[int, int]) -> None:
        self._path = path
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._watchers = Watchers(window_seconds=window_seconds)
        self._tails = Tails(session_bytes=tail_bytes[0], total_bytes=tail_bytes[1])
        self._counts: Counter[str] = Counter()
        self._sampling = True
        self._life = Tail()
        self._life_bytes = tail_bytes[0]
        self._life.floor = self._position = store.run.position
        self._quarantined = set(store.quarantined)
        self.measures = LogMeasures()
        self.measures.quarantined = len(self._quarantined)
        self._readers = ThreadPoolExecutor(READERS, "log-reader")
        self._own = local()
        self._connections: list[apsw.Connection] = []
        self._closed = False
        self._writer = Writer(
            store.writing,
            run=store.run,
            durability=store.durability,
            copy_pages=partial(store.copying.wal_checkpoint, mode=apsw.SQLITE_CHECKPOINT_PASSIVE),
            publish=lambda commit: self._loop.call_soon_threadsafe(self._publish, commit),
        )
        self._writer.thread.start()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        *,
        durability: Durability,
        machine: str | None = None,
        window_seconds: float = WINDOW_SECONDS,
        tail_bytes: tuple[int, int] = (SESSION_TAIL_BYTES, TAIL_BYTES),
    ) -> AsyncIterator[Self]:
        """Open the log in the file *path*, made if there is none; what is in line at the end is committed.

        *machine* names this start of the machine (`boot_id`). Wakes are joined over *window_seconds*; *tail_bytes*
        bounds what is kept in memory for a session and in all. Raises StoreRefused for a file that this version
        does not work with, LogUnavailable where it can't be opened.
        """
        loop = asyncio.get_running_loop()
        store = await loop.run_in_executor(None, _open, path, durability, boot_id() if machine is None else machine)
        log = cls(path, store, window_seconds=window_seconds, tail_bytes=tail_bytes)
        try:
            yield log
        finally:
            log._order(log._writer.settle)
            log._closed = True
            log._writer.put(None)
            await asyncio.shield(loop.run_in_executor(None, log._close))

    def _close(self) -> None:
        self._writer.thread.join()
        self._readers.shutdown()
        for connection in (self._store.copying, *self._connections):
            connection.close()
        writing = self._store.writing
        with suppress(apsw.Error):  # a full disk: the next start then recovers
            writing.execute("PRAGMA synchronous = FULL")
            writing.execute("UPDATE meta SET clean = 1")
        writing.close()

    @property
    def epoch(self) -> Epoch:
        return self._store.run.epoch

    @property
    def position(self) -> int:
        return self._position

    @property
    def counts(self) -> Mapping[str, int]:
        return self._counts

    def append(
        self,
        session_id: SessionId,
        events: Sequence[Event],
        *,
        expected_seq: int,
        listing: Listing | None,
        snapshot: bytes | None = None,
        blobs: Sequence[Blob] = (),
        texts: Sequence[SearchText] = (),
        receipt: Receipt | None = None,
    ) -> Awaitable[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        if session_id in self._quarantined:
            _fail(future, SessionQuarantined(session_id))
        elif self._closed:
            _fail(future, LogUnavailable("The log is closed."))
        else:
            encoded = encode_events(session_id, events, expected_seq)
            if self._sampling:
                self._sampling = False
                future.add_done_callback(partial(self._sampled, self._loop.time()))
            beside = bool(snapshot or blobs or texts or receipt)
            self._writer.put(
                Append(session_id, encoded, expected_seq, listing, snapshot, blobs, texts, receipt, future, beside)
            )
        return future

    async def head(self, session_id: SessionId) -> Head:
        self._refuse_quarantined(session_id)
        found = self._tails.get(session_id)
        if found is not None:
            return found[1].head
        waiting = self._tails.unknown(session_id)
        known = await self._ask(reader.read_head, session_id)
        self._tails.learn(waiting, known)
        return known.head

    async def read(
        self, session_id: SessionId, *, after: int, limit: int, types: Collection[str] | None = None
    ) -> Batch:
        self._refuse_quarantined(session_id)
        found = self._tails.get(session_id)
        held = None if found is None else found[0].read(found[1], after, limit, types)
        if held is not None:
            return held
        waiting = self._tails.unknown(session_id)
        known, batch = await self._ask(reader.read_session, session_id, after, limit, types)
        self._tails.learn(waiting, known)
        return batch

    async def read_all(
        self,
        *,
        after: int,
        sessions: Collection[SessionId] | None,
        limit: int,
        types: Collection[str] | None = None,
        lifecycle: bool = False,
    ) -> Batch:
        if sessions is None:
            return await self._read_lifecycle(after, limit, types)
        chosen = await self._read_sessions(after, set(sessions), limit, types)
        return join(chosen, await self._read_lifecycle(after, limit, types), limit) if lifecycle else chosen

    async def _read_lifecycle(self, after: int, limit: int, types: Collection[str] | None) -> Batch:
        if after >= self._life.floor:
            return self._life.read_position(after, limit, types, self._position)
        return await self._ask(reader.read_lifecycle, after, limit, types, self._position)

    async def _read_sessions(
        self, after: int, sessions: set[SessionId], limit: int, types: Collection[str] | None
    ) -> Batch:
        for session_id in sessions:
            self._refuse_quarantined(session_id)
        found = [self._tails.get(session_id) for session_id in sessions]
        held = [one for one in found if one is not None]
        if len(held) == len(found):
            trimmed = max((known.trimmed for _, known in held), default=0)
            if trimmed > after:
                raise CursorExpired(trimmed)
            behind = [tail for tail, known in held if known.position > after]
            if all(tail.floor <= after for tail in behind):
                events = [event for tail in behind for event in tail.since(after)]
                events.sort(key=attrgetter("position"))
                chosen, complete = select(events, 0, limit, types)
                return Batch(chosen, max(after, self._position) if complete else chosen[-1].position, complete)
        waiting = {session_id: self._tails.unknown(session_id) for session_id in sessions}
        stored, batch = await self._ask(reader.read_sessions, sessions, after, limit, types, self._position)
        for one in stored:
            self._tails.learn(waiting[one.session_id], one.known)
        return batch

    def watch(self, session_id: SessionId | None, wake: Wake, take: Take | None = None) -> Callable[[], None]:
        end = self._watchers.watch(session_id, wake, take)
        if session_id is None:
            return end
        self._tails.keep(session_id)
        return partial(self._end_watch, session_id, end)

    def watchers(self, session_id: SessionId) -> int:
        return self._watchers.count(session_id)

    async def snapshot(self, session_id: SessionId) -> StoredSnapshot | None:
        return await self._ask(reader.read_snapshot, session_id)

    async def blob(self, session_id: SessionId, blob_id: str) -> bytes:
        return await self._ask(reader.read_blob, session_id, blob_id)

    async def page(
        self, criteria: ListingFilter, *, before: tuple[int, SessionId] | None, limit: int
    ) -> Sequence[Listed]:
        return await self._ask(reader.read_listed, criteria, before, limit)

    async def restless(self) -> Sequence[SessionId]:
        return await self._ask(reader.read_restless)

    async def overgrown(self, *, max_bytes: int, oldest: int) -> Sequence[SessionId]:
        return await self._ask(reader.read_overgrown, max_bytes, oldest)

    async def trim(self, session_id: SessionId, *, max_bytes: int, oldest: int, snapshot: StoredSnapshot) -> int:
        self._refuse_quarantined(session_id)
        earliest: int = await self._order(self._writer.trim, session_id, max_bytes, oldest, snapshot)
        return earliest

    async def forget(self, *, before: int) -> None:
        await self._order(self._writer.forget, before)

    async def reindex(self) -> int:
        count: int = await self._order(self._writer.reindex)
        return count

    async def receipt(self, receipt_id: str) -> Receipt | None:
        return await self._ask(kept.read_receipt, receipt_id)

    async def keep_receipt(self, receipt: Receipt) -> None:
        await self._order(self._writer.keep, kept.keep_receipt, receipt)

    async def upload(self, blob_id: str) -> Upload:
        return await self._ask(kept.read_upload, blob_id)

    async def keep_upload(self, upload: Upload, *, most_bytes: int) -> None:
        await self._order(self._writer.keep, kept.keep_upload, upload, most_bytes)

    async def expire(self, *, before: int) -> None:
        await self._order(self._writer.keep, kept.expire, before)

    def _publish(self, commit: Commit) -> None:
        self._position = commit.position
        for change in commit.changes:
            if change.events:
                self._tails.extend(change.session_id, change.known, change.floor, change.events)
            else:
                self._tails.update(change.session_id, change.known)
        self._counts.update(commit.types)
        if commit.types:
            self.measures.batch.observe(len(commit.types))
        for session_id in commit.forgotten:
            self._tails.forget(session_id)
        if commit.lifecycle:
            self._life.extend(commit.lifecycle)
            self._life.shrink(self._life_bytes)
        for future, result in commit.results:
            if not future.done():
                future.set_result(result)
        for future, error in commit.failures:
            self.measures.failures[type(error)] += 1
            _fail(future, error)
        self._watchers.notify([(change.session_id, change.events) for change in commit.changes if change.events])
        if commit.lifecycle:
            self._watchers.notify(((None, ()),))

    def _sampled(self, began: float, _: asyncio.Future[None]) -> None:
        """Measure one append at a time: to look at the clock for each would be felt."""
        self.measures.latency.observe(self._loop.time() - began)
        self._sampling = True

    def _order(self, method: Callable[..., Any], *arguments: object) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._closed:
            _fail(future, LogUnavailable("The log is closed."))
        else:
            self._writer.put(Order(method, arguments, future))
        return future

    async def _ask(
        self, question: Callable[Concatenate[apsw.Connection, P], T], *arguments: P.args, **_: P.kwargs
    ) -> T:
        """Answer a question to the store in a thread of its readers."""
        if self._closed:
            raise LogUnavailable("The log is closed.")
        try:
            return await self._loop.run_in_executor(self._readers, self._answer, question, *arguments)
        except reader.Damaged as error:
            self._quarantined.add(error.session_id)
            self.measures.quarantined = len(self._quarantined)
            self._order(self._writer.quarantine, error.session_id)
            raise SessionQuarantined(error.session_id) from error

    def _answer(self, question: Callable[..., T], *arguments: object) -> T:
        connection: apsw.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = connect(self._path, read_only=True)
            self._connections.append(connection)
        return question(connection, *arguments)

    def _end_watch(self, session_id: SessionId, end: Callable[[], None]) -> None:
        end()
        if not self._watchers.count(session_id):
            self._tails.release(session_id)

    def _refuse_quarantined(self, session_id: SessionId) -> None:
        if session_id in self._quarantined:
            raise SessionQuarantined(session_id)


class _Store(NamedTuple):
    writing: apsw.Connection
    copying: apsw.Connection
    durability: Durability
    run: Run
    quarantined: Sequence[SessionId]


def _open(path: Path, durability: Durability, machine: str) -> _Store:
    create_file(path)
    writing = connect(path, durability=durability)
    try:
        with translated(writing):
            migrate(writing)
            run = begin_run(writing, durability, machine)
            if not writing.execute("SELECT indexed FROM meta").get:
                with writing:
                    index_everything(writing.execute)
            writing.execute(f"PRAGMA synchronous = {'FULL' if durability == 'power' else 'NORMAL'}")
        quarantined = reader.read_quarantined(writing)
        return _Store(writing, connect(path, durability=durability), durability, run, quarantined)
    except BaseException:
        writing.close()
        raise


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # nobody need await an append: asyncio must not complain of that
