"""The log of what belongs to no session: tokens, projects, rules. Read on the stream of all sessions only."""

from msgspec.structs import replace

from contracts.events import SYSTEM_SESSION_ID, Event
from domain.errors import SessionNotFound
from domain.ids import SessionId
from domain.ports import Clock, EventLog

SYSTEM = SessionId(SYSTEM_SESSION_ID)


class SystemLog:
    """Records the events of the reserved session ``system_0``."""

    def __init__(self, *, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._seq: int | None = None

    async def emit(self, *events: Event) -> None:
        """Record unstamped events; durable when this returns. Raises LogFull, LogUnavailable."""
        found = await self._find() if self._seq is None else 0
        before = found if self._seq is None else self._seq  # another task may have begun meanwhile
        now = self._clock.now()
        self._seq = before + len(events)
        stamped = [
            replace(event, session_id=SYSTEM, seq=before + place, timestamp=now)
            for place, event in enumerate(events, start=1)
        ]
        try:
            await self._log.append(SYSTEM, stamped, expected_seq=before, listing=None)
        except BaseException:
            self._seq = None  # what is in the log counts
            raise

    async def _find(self) -> int:
        try:
            return (await self._log.head(SYSTEM)).seq
        except SessionNotFound:
            return 0
