"""The one object that decides for a live session: its folded state, its queue, its agent."""

from collections.abc import Awaitable, Sequence

from anyio import Event as Signal
from msgspec.structs import replace

from contracts.codec import encode
from contracts.events import Event, SessionCreated, SessionOutput
from domain.errors import SessionNotFound
from domain.ids import SessionId, TurnId
from domain.ports import Agent, Blob, Clock, EventLog
from domain.state import SessionState, apply, begin, listing

SNAPSHOT_EVENTS = 1000
# Two commits' worth: enough to keep the log's writer busy, little enough to hold in memory for each session.
UNACKNOWLEDGED_BYTES = 1024 * 1024
EVENT_OVERHEAD_BYTES = 200


class Owner:
    """A live session. To decide, to number and to put in line is one synchronous step here."""

    def __init__(self, state: SessionState, *, log: EventLog, clock: Clock) -> None:
        self.state = state
        self.agent: Agent | None = None
        self.driving: Signal | None = None
        self.cancelled: TurnId | None = None
        self.closing = False
        self._log = log
        self._clock = clock
        self._unacknowledged = 0

    @classmethod
    def create(
        cls, session_id: SessionId, created: SessionCreated, *rest: Event, log: EventLog, clock: Clock
    ) -> "tuple[Owner, Awaitable[None]]":
        """Make a session with its first events; it exists when the awaitable returns."""
        first = replace(created, session_id=session_id, seq=1, timestamp=clock.now())
        owner = cls(begin(first), log=log, clock=clock)
        stamped = [first, *owner._fold(rest)]
        return owner, log.append(session_id, stamped, expected_seq=0, listing=listing(owner.state))

    def record(self, *events: Event, blobs: Sequence[Blob] = ()) -> Awaitable[None]:
        """Stamp *events*, fold them and put them in line for the log; durable when the awaitable returns.

        Raises SessionNotFound once the session is deleted.
        """
        before = self.state.seq
        if self.state.deleted:
            raise SessionNotFound(self.state.session_id)
        stamped = self._fold(events)
        after = self.state.seq
        snapshot = encode(self.state) if after // SNAPSHOT_EVENTS > before // SNAPSHOT_EVENTS else None
        return self._log.append(
            self.state.session_id,
            stamped,
            expected_seq=before,
            listing=listing(self.state),
            snapshot=snapshot,
            blobs=blobs,
        )

    async def emit(self, *events: Event) -> None:
        """Record what the agent says; wait only while too much of it is not yet durable."""
        if self.state.deleted:
            return
        durable = self.record(*events)
        self._unacknowledged += sum(map(_size, events))
        if self._unacknowledged > UNACKNOWLEDGED_BYTES:
            await durable
            self._unacknowledged = 0

    def _fold(self, events: Sequence[Event]) -> list[Event]:
        # A clock that was set back must not put an event before its predecessor.
        now = max(self._clock.now(), self.state.last_activity)
        state = self.state
        stamped: list[Event] = []
        for event in events:
            whole = replace(event, session_id=state.session_id, seq=state.seq + 1, timestamp=now)
            stamped.append(whole)
            state = apply(state, whole)
        self.state = state
        return stamped


def _size(event: Event) -> int:
    return EVENT_OVERHEAD_BYTES + (len(event.content) if isinstance(event, SessionOutput) else 0)
