"""What one transaction of the writer takes, changes and tells: plain data, handed between the threads."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET, Struct, field

from contracts.codec import encode
from domain.ids import Epoch, SessionId
from domain.ports import Blob, Head, Listing, Receipt, Recorded, SearchText
from infrastructure.eventlogs.schema import Salts
from infrastructure.eventlogs.tail import Known


class Append(Struct, gc=False):
    """What one call of `append` asks for, encoded; ``events`` are type, timestamp and data.

    ``beside`` says whether it brings more than events: most bring none.
    """

    session_id: SessionId
    events: Sequence[tuple[str, int, bytes]]
    expected_seq: int
    listing: Listing | None
    snapshot: bytes | None
    blobs: Sequence[Blob]
    texts: Sequence[SearchText]
    receipt: Receipt | None
    future: asyncio.Future[None]
    beside: bool


class Order(Struct):
    """Anything else that writes: one of the writer's methods and what it takes, in a transaction of its own."""

    method: Callable[..., Any]
    arguments: tuple[Any, ...]
    future: asyncio.Future[Any]


class Change(Struct, frozen=True, gc=False):
    """What a commit did to one session; ``floor`` is the position of its last event before."""

    session_id: SessionId
    known: Known
    floor: int
    events: Sequence[Recorded]


class Commit(Struct, frozen=True):
    """What is durable now, or failed."""

    position: int
    types: Sequence[str]
    changes: Sequence[Change]
    forgotten: Sequence[SessionId]
    lifecycle: Sequence[Recorded]
    results: Sequence[tuple[asyncio.Future[Any], Any]]
    failures: Sequence[tuple[asyncio.Future[Any], Exception]]


class Row(Struct):
    """What is known of a session; ``written_seq`` and ``written_activity`` are what its head's row says instead."""

    session_id: SessionId
    salts: Salts
    key: int
    epoch: Epoch
    deleted_at: int | None = None
    seq: int = 0
    position: int = 0
    earliest: int = 0
    trimmed: int = 0
    bytes: int = 0
    largest: int = 0
    oldest: int = 0
    run: int = 0
    written_seq: int = 0
    written_activity: int | None = None
    last_activity: int | None = None
    listing: Listing | None = None

    def known(self) -> Known:
        deleted = self.deleted_at is not None
        head = Head(self.epoch, self.seq, self.earliest, self.listing, self.last_activity or 0, deleted)
        return Known(head, self.position, self.trimmed)

    def head_columns(self) -> tuple[Any, ...]:
        return (
            self.key,
            self.seq,
            self.position,
            self.earliest,
            self.trimmed,
            self.bytes,
            self.largest,
            self.oldest,
            self.run,
            self.last_activity,
        )

    def session_columns(self) -> tuple[Any, ...]:
        own = (self.key, self.session_id, self.epoch, self.deleted_at)
        shown = self.listing
        if shown is None:
            return (*own, None, None, None, None, None, None)
        project = None if shown.project_id is UNSET else shown.project_id
        return (*own, encode(shown), shown.status, shown.mode, shown.archived, shown.at_rest, project)


class Entry(Struct, gc=False):
    """What one transaction does to one session; ``floor`` is the position of its last event before.

    ``head`` and ``rewrite`` say that the rows of its head and of its listing must be written.
    """

    row: Row
    floor: int
    head: bool = False
    rewrite: bool = False
    recorded: list[Recorded] = field(default_factory=list)


class Group:
    """What one transaction writes and what is told of it. Nothing of it is kept when the transaction fails."""

    def __init__(self, position: int, next_key: int) -> None:
        self.position = position
        self.next_key = next_key
        self.entries: dict[SessionId, Entry] = {}
        self.lifecycle: list[Recorded] = []
        self.forgotten: list[SessionId] = []
        self.events: list[Any] = []  # flat: one column after the other
        self.snapshots: list[tuple[Any, ...]] = []
        self.blobs: list[tuple[Any, ...]] = []
        self.texts: list[tuple[int, str]] = []
        self.receipts: list[tuple[Any, ...]] = []
        self.deleted: list[Row] = []
        self.results: list[tuple[asyncio.Future[Any], Any]] = []
        self.failures: list[tuple[asyncio.Future[Any], Exception]] = []
