"""A session's history as one document, read page by page while it is sent."""

from collections.abc import AsyncIterator

from contracts.codec import decode_event
from domain.errors import SessionNotFound
from domain.ids import SessionId
from domain.ports import EventLog, Head
from domain.reading import PAGE_EVENTS, session_view
from domain.transcript import Transcript


class Exports:
    """Holds a page at a time. A session that is trimmed or deleted meanwhile breaks its export off."""

    def __init__(self, *, log: EventLog) -> None:
        self._log = log

    async def lines(self, session_id: SessionId) -> AsyncIterator[bytes]:
        """Return the events up to now, one JSON object a line. Raises SessionNotFound."""
        return self._lines(session_id, await self._head(session_id))

    async def markdown(self, session_id: SessionId) -> AsyncIterator[bytes]:
        """Return the transcript up to now. Raises SessionNotFound."""
        return self._markdown(session_id, await self._head(session_id))

    async def _head(self, session_id: SessionId) -> Head:
        head = await self._log.head(session_id)
        if head.listing is None:
            raise SessionNotFound(session_id)
        return head

    async def _lines(self, session_id: SessionId, head: Head) -> AsyncIterator[bytes]:
        after = head.earliest
        while after < head.seq:
            batch = await self._log.read(session_id, after=after, limit=min(PAGE_EVENTS, head.seq - after))
            yield b"".join(recorded.data + b"\n" for recorded in batch.events)
            after = batch.upto

    async def _markdown(self, session_id: SessionId, head: Head) -> AsyncIterator[bytes]:
        assert head.listing is not None
        transcript = Transcript()
        yield transcript.begin(session_view(head.listing, head), whole=head.earliest == 0).encode()
        after = head.earliest
        while after < head.seq:
            batch = await self._log.read(session_id, after=after, limit=min(PAGE_EVENTS, head.seq - after))
            page = "".join(transcript.add(decode_event(recorded.data)) for recorded in batch.events)
            if page:
                yield page.encode()
            after = batch.upto
        yield transcript.end().encode()
