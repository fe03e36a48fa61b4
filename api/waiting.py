"""Who waits for a human, and what the humans said: told from the log alone, so that nothing need report it."""

import logging
from collections import Counter
from contextlib import suppress
from typing import get_args

import anyio

from contracts.codec import decode_event
from contracts.events import ApprovalConfirmed, ApprovalExpired, ApprovalRequest, Event, SessionDeleted
from domain.errors import CursorExpired, NotFound, Unavailable
from domain.measures import LONG_SECONDS, Histogram
from domain.ports import Clock, EventLog
from domain.reading import Reading

logger = logging.getLogger(__name__)

PAGE = 256
AGAIN_SECONDS = 10.0
_KINDS = ApprovalRequest | ApprovalConfirmed | ApprovalExpired | SessionDeleted
TYPES = frozenset(str(kind.__struct_config__.tag) for kind in get_args(_KINDS))
OUTCOMES = ("allowed", "rejected", "expired")


class Waiting:
    """The questions that are open, by session and id, and how the others ended since the start."""

    def __init__(self, *, log: EventLog, reading: Reading, clock: Clock) -> None:
        self.outcomes: Counter[str] = Counter()
        self.answered = Histogram(LONG_SECONDS)
        """Seconds from a question to its answer."""
        self._log = log
        self._reading = reading
        self._clock = clock
        self._asked: dict[tuple[str, str], int] = {}
        self._news = anyio.Event()

    def __len__(self) -> int:
        return len(self._asked)

    @property
    def oldest_seconds(self) -> float:
        """How long the oldest question has been open; 0 where there is none."""
        return max(0, self._clock.now() - min(self._asked.values())) / 1000 if self._asked else 0

    async def follow(self) -> None:
        """Read on as long as the server runs."""
        after = self._log.position
        end_watch = self._log.watch(None, self._wake)
        try:
            await self._begin()
            while True:
                self._news = anyio.Event()
                try:
                    after = await self._read(after)
                except CursorExpired as expired:  # a question that is gone with its session's log is no longer asked
                    after = expired.earliest
                    continue
                except Unavailable:
                    logger.info("the log can't be read for the approvals' counts", exc_info=True)
                    await anyio.sleep(AGAIN_SECONDS)
                    continue
                await self._news.wait()
        finally:
            end_watch()

    def _wake(self) -> None:
        self._news.set()

    async def _begin(self) -> None:
        """Find the questions that outlived a restart."""
        with suppress(Unavailable):
            for session_id in await self._log.restless():
                with suppress(NotFound, Unavailable):
                    snapshot = await self._reading.snapshot(session_id)
                    for question in snapshot.state.pending_approvals:
                        self._asked[session_id, question.approval_id] = question.timestamp

    async def _read(self, after: int) -> int:
        while True:
            batch = await self._log.read_all(after=after, sessions=None, limit=PAGE, types=TYPES)
            for recorded in batch.events:
                self._count(decode_event(recorded.data))
            done = batch.complete or batch.upto <= after
            after = batch.upto
            if done:
                return after

    def _count(self, event: Event) -> None:
        match event:
            case ApprovalRequest(session_id=session_id, approval_id=approval_id, timestamp=timestamp):
                self._asked[session_id, approval_id] = timestamp
            case ApprovalConfirmed(session_id=session_id, approval_id=approval_id, approved=approved):
                self._end(session_id, approval_id, "allowed" if approved else "rejected", event.timestamp)
            case ApprovalExpired(session_id=session_id, approval_id=approval_id):
                self._end(session_id, approval_id, "expired", event.timestamp)
            case SessionDeleted(session_id=session_id):
                for key in [key for key in self._asked if key[0] == session_id]:
                    del self._asked[key]
            case _:
                pass

    def _end(self, session_id: str, approval_id: str, outcome: str, timestamp: int) -> None:
        self.outcomes[outcome] += 1
        asked = self._asked.pop((session_id, approval_id), None)
        if asked is not None and outcome != "expired":
            self.answered.observe(max(0, timestamp - asked) / 1000)
