"""The receipt that the request at hand asks for. Its first append takes it along, so that both are kept or neither.

A context variable, since a request's way to its append leads through use cases that have nothing to do with it. What
the request starts in the background inherits the variable, and finds nothing in it: a receipt is taken once, and is
gone when the request ends.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from msgspec.structs import replace

from contracts.codec import decode_event
from contracts.events import Event
from domain.errors import CursorExpired, KeyReused, SessionNotFound, SessionQuarantined
from domain.ports import Clock, EventLog, Receipt

EFFECT_EVENTS = 8

_asked: ContextVar[list[Receipt] | None] = ContextVar("receipts", default=None)


@contextmanager
def asking(receipt: Receipt) -> Iterator[None]:
    """Have the first append of the block take *receipt*."""
    asked = [receipt]
    token = _asked.set(asked)
    try:
        yield
    finally:
        asked.clear()
        _asked.reset(token)


@contextmanager
def aside() -> Iterator[None]:
    """Have no append of the block take a receipt: it puts something right that the request did not ask for."""
    token = _asked.set(None)
    try:
        yield
    finally:
        _asked.reset(token)


def take() -> Receipt | None:
    """Return what an append must take along, if anything."""
    asked = _asked.get()
    return asked.pop() if asked else None


class Receipts:
    """What requests were carried out, as far as their receipts are kept."""

    def __init__(self, *, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def make(self, receipt_id: str, fingerprint: str) -> Receipt:
        """Return a receipt for a request that comes now."""
        return Receipt(receipt_id=receipt_id, fingerprint=fingerprint, made_at=self._clock.now())

    async def find(self, receipt: Receipt) -> Receipt | None:
        """Return what is kept of the same request. Raises KeyReused if another one came under its key."""
        kept = await self._log.receipt(receipt.receipt_id)
        if kept is not None and kept.fingerprint != receipt.fingerprint:
            raise KeyReused("This key came with another request before; take a new one.", member="Idempotency-Key")
        return kept

    async def keep(self, receipt: Receipt, answer: bytes | None) -> None:
        """Keep what a request was answered, `None` for what must not be kept. Raises LogFull, LogUnavailable."""
        await self._log.keep_receipt(replace(receipt, answer=answer))

    async def effect(self, receipt: Receipt) -> Sequence[Event]:
        """Return the events that a request left, none where they are no longer there."""
        if receipt.session_id is None:
            return ()
        most = min(receipt.upto - receipt.after, EFFECT_EVENTS)
        try:
            batch = await self._log.read(receipt.session_id, after=receipt.after, limit=most)
        except (CursorExpired, SessionNotFound, SessionQuarantined):
            return ()
        return [decode_event(recorded.data) for recorded in batch.events]
