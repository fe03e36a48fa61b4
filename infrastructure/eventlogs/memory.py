"""The event log in this process: what tests run on, and the shortest reading of what the port promises.

asyncio's by nature, as the durable log is: an append is a future, and a commit comes with the loop's next turn.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from msgspec import UNSET, Struct, field

from contracts.events import LIFECYCLE_TYPES, Event
from domain.errors import BlobNotFound, CursorExpired, SequenceConflict, SessionNotFound, TowpathError
from domain.ids import Epoch, SessionId, make_epoch
from domain.ports import Batch, Blob, Head, Listing, ListingFilter, Recorded, StoredSnapshot, Take, Wake
from infrastructure.eventlogs.recording import encode_events, select
from infrastructure.eventlogs.tail import Watchers

WINDOW_SECONDS = 0.002


class _Session(Struct):
    epoch: Epoch
    seq: int = 0
    earliest: int = 0
    trimmed: int = 0
    listing: Listing | None = None
    deleted_at: int | None = None
    events: list[Recorded] = field(default_factory=list)
    timestamps: list[int] = field(default_factory=list)
    snapshot: StoredSnapshot | None = None
    blobs: dict[str, bytes] = field(default_factory=dict)
    batches: dict[tuple[object, ...], Batch] = field(default_factory=dict)

    def head(self) -> Head:
        last_activity = 0 if self.listing is None else self.timestamps[-1]
        return Head(self.epoch, self.seq, self.earliest, self.listing, last_activity, self.deleted_at is not None)

    def drop(self, count: int) -> None:
        del self.events[:count], self.timestamps[:count]
        self.earliest += count
        self.batches.clear()


class MemoryEventLog:
    """Nothing is kept when it goes."""

    def __init__(self, *, window_seconds: float = WINDOW_SECONDS) -> None:
        self.epoch = make_epoch()
        self.position = 0
        self.counts: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()
        self._watchers = Watchers(window_seconds=window_seconds)
        self._sessions: dict[SessionId, _Session] = {}
        self._expired = 0
        self._line: list[Callable[[], Sequence[Recorded]]] = []

    def append(
        self,
        session_id: SessionId,
        events: Sequence[Event],
        *,
        expected_seq: int,
        listing: Listing | None,
        snapshot: bytes | None = None,
        blobs: Sequence[Blob] = (),
    ) -> Awaitable[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        encoded = encode_events(session_id, events, expected_seq)

        def commit() -> Sequence[Recorded]:
            try:
                session = self._fence(session_id, expected_seq)
            except TowpathError as error:
                if not future.done():
                    future.set_exception(error)
                    future.exception()
                return ()
            recorded = []
            for kind, timestamp, data in encoded:
                session.seq += 1
                self.position += 1
                recorded.append(Recorded(session_id, session.seq, self.position, kind, data))
                session.timestamps.append(timestamp)
                self.counts[kind] += 1
            session.events += recorded
            session.batches.clear()
            session.listing = listing
            session.blobs |= {blob.blob_id: blob.data for blob in blobs}
            if snapshot is not None:
                session.snapshot = StoredSnapshot(session.seq, snapshot)
            if encoded and encoded[-1][0] == "session-deleted":
                session.deleted_at, session.listing, session.snapshot = encoded[-1][1], None, None
                session.blobs.clear()
                session.drop(len(session.events) - 1)
            if not future.done():
                future.set_result(None)
            return recorded

        if not self._line:
            self._loop.call_soon(self._commit)
        self._line.append(commit)
        return future

    def _commit(self) -> None:
        line, self._line = self._line, []
        news: dict[SessionId | None, list[Recorded]] = {}
        for event in chain.from_iterable([commit() for commit in line]):
            news.setdefault(event.session_id, []).append(event)
            if event.type in LIFECYCLE_TYPES:
                news[None] = []
        self._watchers.notify(news.items())

    def _fence(self, session_id: SessionId, expected_seq: int) -> _Session:
        session = self._sessions.get(session_id)
        if session is None:
            if expected_seq:
                raise SessionNotFound(session_id)
            session = self._sessions[session_id] = _Session(make_epoch())
        if session.seq != expected_seq or session.deleted_at is not None:
            raise SequenceConflict(f"The log of {session_id} is at {session.seq}, not at {expected_seq}.")
        return session

    def _session(self, session_id: SessionId) -> _Session:
        if session_id not in self._sessions:
            raise SessionNotFound(session_id)
        return self._sessions[session_id]

    async def head(self, session_id: SessionId) -> Head:
        return self._session(session_id).head()

    async def read(
        self, session_id: SessionId, *, after: int, limit: int, types: Collection[str] | None = None
    ) -> Batch:
        session = self._session(session_id)
        if after < session.earliest:
            raise CursorExpired(session.earliest)
        if after >= session.seq:
            return Batch((), after, True)
        key = (after, limit, types if types is None else frozenset(types))
        if key not in session.batches:
            events, complete = select(session.events, after - session.earliest, limit, types)
            session.batches[key] = Batch(events, session.seq if complete else events[-1].seq, complete)
        return session.batches[key]

    async def read_all(
        self, *, after: int, sessions: Collection[SessionId] | None, limit: int, types: Collection[str] | None = None
    ) -> Batch:
        chosen = self._sessions if sessions is None else {*sessions} & self._sessions.keys()
        expired = self._expired if sessions is None else max((self._sessions[one].trimmed for one in chosen), default=0)
        if after < expired:
            raise CursorExpired(expired)
        wanted = (event for one in chosen for event in self._sessions[one].events if event.position > after)
        events = sorted(
            (event for event in wanted if sessions is not None or event.type in LIFECYCLE_TYPES),
            key=attrgetter("position"),
        )
        found, complete = select(events, 0, limit, types)
        return Batch(found, max(after, self.position) if complete else found[-1].position, complete)

    def watch(self, session_id: SessionId | None, wake: Wake, take: Take | None = None) -> Callable[[], None]:
        return self._watchers.watch(session_id, wake, take)

    def watchers(self, session_id: SessionId) -> int:
        return self._watchers.count(session_id)

    async def snapshot(self, session_id: SessionId) -> StoredSnapshot | None:
        return self._session(session_id).snapshot

    async def blob(self, session_id: SessionId, blob_id: str) -> bytes:
        blobs = self._session(session_id).blobs
        if blob_id not in blobs:
            raise BlobNotFound(f"There is no body {blob_id} in session {session_id}.")
        return blobs[blob_id]

    async def page(
        self, criteria: ListingFilter, *, before: tuple[int, SessionId] | None, limit: int
    ) -> Sequence[tuple[Listing, Head]]:
        def fits(listing: Listing) -> bool:
            pairs: tuple[tuple[Any, Any], ...] = (
                (criteria.status, listing.status),
                (criteria.mode, listing.mode),
                (criteria.archived, listing.archived),
            )
            return all(wanted in (UNSET, actual) for wanted, actual in pairs)

        def place(listing: Listing) -> tuple[int, SessionId]:
            return self._sessions[listing.session_id].timestamps[-1], listing.session_id

        found = [
            (session.listing, session.head())
            for session in self._sessions.values()
            if session.listing is not None
            and fits(session.listing)
            and (before is None or place(session.listing) < before)
        ]
        return sorted(found, key=lambda pair: place(pair[0]), reverse=True)[:limit]

    async def restless(self) -> Sequence[SessionId]:
        return [one for one, session in self._sessions.items() if session.listing and not session.listing.at_rest]

    async def overgrown(self, *, max_bytes: int, oldest: int) -> Sequence[SessionId]:
        return [
            one
            for one, session in self._sessions.items()
            if len(session.events) > 1
            and (sum(len(event.data) for event in session.events) > max_bytes or session.timestamps[0] < oldest)
        ]

    async def trim(self, session_id: SessionId, *, max_bytes: int, oldest: int, snapshot: StoredSnapshot) -> int:
        session = self._session(session_id)
        if session.deleted_at is not None:
            return session.earliest
        if snapshot.seq > session.seq:
            raise ValueError(f"a snapshot at {snapshot.seq} of a log at {session.seq}")
        size = sum(len(event.data) for event in session.events)
        while session.earliest < min(snapshot.seq, session.seq - 1) and (
            size > max_bytes or session.timestamps[0] < oldest
        ):
            gone = session.events[0]
            size -= len(gone.data)
            session.trimmed = gone.position
            if gone.type in LIFECYCLE_TYPES:
                self._expired = max(self._expired, gone.position)
            session.drop(1)
        if session.snapshot is None or session.snapshot.seq <= snapshot.seq:
            session.snapshot = snapshot
        return session.earliest

    async def forget(self, *, before: int) -> None:
        for session_id, session in list(self._sessions.items()):
            if session.deleted_at is not None and session.deleted_at < before:
                self._expired = max(self._expired, session.events[-1].position)
                del self._sessions[session_id]
