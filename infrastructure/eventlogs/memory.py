"""The event log in this process: what tests run on, and the shortest reading of what the port promises.

asyncio's by nature, as the durable log is: an append is a future, and a commit comes with the loop's next turn.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any
from unicodedata import combining, normalize

from msgspec import UNSET, Struct, field
from msgspec.structs import replace

from contracts.events import LIFECYCLE_TYPES, Event
from domain.errors import BlobNotFound, CursorExpired, SequenceConflict, SessionNotFound, TowpathError, UploadsFull
from domain.ids import Epoch, SessionId, make_epoch
from domain.measures import LogMeasures
from domain.ports import (
    Batch,
    Blob,
    Head,
    Listed,
    Listing,
    ListingFilter,
    Receipt,
    Recorded,
    SearchText,
    StoredSnapshot,
    Take,
    Upload,
    Wake,
)
from infrastructure.eventlogs.recording import encode_events, select
from infrastructure.eventlogs.search import readable, spaced
from infrastructure.eventlogs.tail import Watchers

WINDOW_SECONDS = 0.002
_LETTERS = re.compile(r"[^\W_]+")


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
    texts: dict[int, str] = field(default_factory=dict)

    def head(self) -> Head:
        last_activity = 0 if self.listing is None else self.timestamps[-1]
        return Head(self.epoch, self.seq, self.earliest, self.listing, last_activity, self.deleted_at is not None)

    def drop(self, count: int) -> None:
        del self.events[:count], self.timestamps[:count]
        self.earliest += count
        self.batches.clear()
        self.texts = {seq: text for seq, text in self.texts.items() if seq > self.earliest}

    def snippet(self, words: Sequence[str]) -> str | None:
        """Return the newest text that holds one of *words*, `None` unless all are found."""
        texts = [*([] if self.listing is None else [self.listing.title]), *self.texts.values()]
        held = [(text, f" {_words(text)} ") for text in reversed(texts)]
        wanted = [f" {_words(word)}{'' if word is words[-1] else ' '}" for word in words if _words(word)]
        if not wanted or not all(any(word in joined for _, joined in held) for word in wanted):
            return None
        return readable(next(text for text, joined in held if any(word in joined for word in wanted)))


def _words(text: str) -> str:
    plain = "".join(mark for mark in normalize("NFKD", spaced(text).casefold()) if not combining(mark))
    return " ".join(_LETTERS.findall(plain))


class MemoryEventLog:
    """Nothing is kept when it goes."""

    def __init__(self, *, window_seconds: float = WINDOW_SECONDS) -> None:
        self.epoch = make_epoch()
        self.position = 0
        self.counts: Counter[str] = Counter()
        self.measures = LogMeasures()
        self._loop = asyncio.get_running_loop()
        self._watchers = Watchers(window_seconds=window_seconds)
        self._sessions: dict[SessionId, _Session] = {}
        self._expired = 0
        self._receipts: dict[str, Receipt] = {}
        self._uploads: dict[str, Upload] = {}
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
        texts: Sequence[SearchText] = (),
        receipt: Receipt | None = None,
    ) -> Awaitable[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        encoded = encode_events(session_id, events, expected_seq)
        began = self._loop.time()
        future.add_done_callback(lambda _: self.measures.latency.observe(self._loop.time() - began))

        def commit() -> Sequence[Recorded]:
            try:
                session = self._fence(session_id, expected_seq)
            except TowpathError as error:
                self.measures.failures[type(error)] += 1
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
            session.texts |= {text.seq: text.text for text in texts}
            if receipt is not None:
                kept = replace(receipt, session_id=session_id, after=expected_seq, upto=session.seq)
                self._receipts.setdefault(receipt.receipt_id, kept)
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
        before = self.position
        for event in chain.from_iterable([commit() for commit in line]):
            news.setdefault(event.session_id, []).append(event)
            if event.type in LIFECYCLE_TYPES:
                news[None] = []
        if self.position > before:
            self.measures.batch.observe(self.position - before)
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
        self,
        *,
        after: int,
        sessions: Collection[SessionId] | None,
        limit: int,
        types: Collection[str] | None = None,
        lifecycle: bool = False,
    ) -> Batch:
        lifecycle = lifecycle or sessions is None
        chosen = {*(sessions or ())} & self._sessions.keys()
        expired = max([self._sessions[one].trimmed for one in chosen] + [self._expired] * lifecycle, default=0)
        if after < expired:
            raise CursorExpired(expired)
        events = sorted(
            (
                event
                for one, session in self._sessions.items()
                if lifecycle or one in chosen
                for event in session.events
                if event.position > after and (one in chosen or event.type in LIFECYCLE_TYPES)
            ),
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
    ) -> Sequence[Listed]:
        def fits(listing: Listing) -> bool:
            pairs: tuple[tuple[Any, Any], ...] = (
                (criteria.status, listing.status),
                (criteria.mode, listing.mode),
                (criteria.archived, listing.archived),
                (criteria.project_id, listing.project_id),
            )
            return all(wanted in (UNSET, actual) for wanted, actual in pairs)

        def place(listing: Listing) -> tuple[int, SessionId]:
            return self._sessions[listing.session_id].timestamps[-1], listing.session_id

        found = [
            Listed(session.listing, session.head(), snippet)
            for session in self._sessions.values()
            if session.listing is not None
            and fits(session.listing)
            and (before is None or place(session.listing) < before)
            and (snippet := session.snippet(criteria.words) if criteria.words else "") is not None
        ]
        return sorted(found, key=lambda listed: place(listed.listing), reverse=True)[:limit]

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

    async def reindex(self) -> int:
        return sum(
            len(session.texts) + bool(session.listing and session.listing.title) for session in self._sessions.values()
        )

    async def receipt(self, receipt_id: str) -> Receipt | None:
        return self._receipts.get(receipt_id)

    async def keep_receipt(self, receipt: Receipt) -> None:
        known = self._receipts.get(receipt.receipt_id, receipt)
        self._receipts[receipt.receipt_id] = replace(known, answer=receipt.answer)

    async def upload(self, blob_id: str) -> Upload:
        if blob_id not in self._uploads:
            raise BlobNotFound(f"There is no body {blob_id}; one that was sent ahead is kept for a day.")
        return self._uploads[blob_id]

    async def keep_upload(self, upload: Upload, *, most_bytes: int) -> None:
        held = sum(len(one.data) for one in self._uploads.values())
        if held + len(upload.data) > most_bytes:
            raise UploadsFull(f"{held} bytes of bodies wait for their prompts, of {most_bytes}. Try again later.")
        self._uploads[upload.blob_id] = upload

    async def expire(self, *, before: int) -> None:
        self._receipts = {name: one for name, one in self._receipts.items() if one.made_at >= before}
        self._uploads = {name: one for name, one in self._uploads.items() if one.made_at >= before}
