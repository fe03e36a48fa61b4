"""A session's owner as the log sees it: stamps events, keeps count, writes a listing with each append."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from contracts.events import Event, SessionCreated, SessionDeleted, SessionOutput, Status
from domain.ids import SessionId
from domain.ports import Batch, EventLog, Listing
from infrastructure.eventlogs.memory import MemoryEventLog
from infrastructure.eventlogs.schema import Durability
from infrastructure.eventlogs.sqlite import SqliteEventLog

A, B, C = SessionId("session_a"), SessionId("session_b"), SessionId("session_c")


class Owner:
    """Appends to one session, by default at the time that its clock shows."""

    def __init__(self, log: EventLog, session_id: SessionId = A, *, seq: int = 0) -> None:
        self.log = log
        self.session_id = session_id
        self.seq = seq
        self.now = 1_000
        self.status: Status = "idle"
        self.at_rest = True
        self.mode = "shell"
        self.archived = False
        self.title = ""
        self.project_id: str | UnsetType = UNSET

    @property
    def listing(self) -> Listing:
        return Listing(
            session_id=self.session_id,
            mode=self.mode,
            title=self.title,
            working_dir="/",
            status=self.status,
            created_at=1_000,
            archived=self.archived,
            at_rest=self.at_rest,
            project_id=self.project_id,
        )

    def append(self, *events: Event, **options: Any) -> Awaitable[None]:
        stamped = [
            msgspec.structs.replace(event, session_id=self.session_id, seq=seq, timestamp=self.now)
            for seq, event in enumerate(events, self.seq + 1)
        ]
        expected, self.seq = self.seq, self.seq + len(events)
        options = {"listing": self.listing, **options}
        return self.log.append(self.session_id, stamped, expected_seq=expected, **options)

    def create(self, **options: Any) -> Awaitable[None]:
        return self.append(SessionCreated(mode=self.mode, working_dir="/", title=""), **options)

    def write(self, *texts: str, **options: Any) -> Awaitable[None]:
        return self.append(*[SessionOutput(stream="stdout", content=text) for text in texts], **options)

    def delete(self) -> Awaitable[None]:
        return self.append(SessionDeleted(), listing=None)


async def created(log: EventLog, session_id: SessionId = A, *texts: str) -> Owner:
    """Return the owner of a session that was made and wrote *texts*, an append each."""
    owner = Owner(log, session_id)
    await owner.create()
    for text in texts:
        await owner.write(text)
    return owner


async def read_on(log: EventLog, session_id: SessionId, *, after: int = 0, limit: int = 7, **options: Any) -> list[int]:
    """Return the seqs of all events after a cursor, read page by page."""
    seqs: list[int] = []
    head = await log.head(session_id)
    while after < head.seq:
        batch = await log.read(session_id, after=after, limit=limit, **options)
        seqs += [event.seq for event in batch.events]
        assert batch.upto > after
        after = batch.upto
    return seqs


def seqs(batch: Batch) -> Sequence[int]:
    return [event.seq for event in batch.events]


@asynccontextmanager
async def opened(
    kind: str, directory: Path, *, durability: Durability = "power", **options: Any
) -> AsyncIterator[EventLog]:
    if kind == "memory":
        yield MemoryEventLog(**options)
    else:
        async with SqliteEventLog.open(directory / "log" / "log.db", durability=durability, **options) as log:
            yield log
