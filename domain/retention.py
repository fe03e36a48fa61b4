"""How much of each log is kept: what is too old or too much goes, after a snapshot of what it meant."""

import logging

from contracts.codec import encode
from domain.errors import SessionNotFound
from domain.ids import SessionId
from domain.owners import Owners
from domain.ports import Clock, EventLog, StoredSnapshot
from domain.reading import fold
from domain.system import SYSTEM, SystemLog

logger = logging.getLogger(__name__)

KEPT_AHEAD_MS = 24 * 60 * 60 * 1000  # receipts, and bodies that were sent ahead of their prompts


class Retention:
    """Keeps of each session at most *most_bytes* of events, none older than *most_ms*."""

    def __init__(
        self, *, log: EventLog, owners: Owners, system: SystemLog, clock: Clock, most_bytes: int, most_ms: int
    ) -> None:
        self._log = log
        self._owners = owners
        self._system = system
        self._clock = clock
        self.most_bytes = most_bytes
        self._most_ms = most_ms

    async def trim(self) -> None:
        """Drop what is no longer kept, and the tombstones that have had their time. Never raises.

        A session that could not be put right while the log was full is put right now.
        """
        try:
            oldest = self._oldest()
            for session_id in await self._log.overgrown(max_bytes=self.most_bytes, oldest=oldest):
                await self.trim_session(session_id)
            await self._log.forget(before=oldest)
            await self._log.expire(before=self._clock.now() - KEPT_AHEAD_MS)
            await self._owners.recover()
        except Exception:
            logger.exception("the log could not be trimmed; the next time tries again")

    async def trim_session(self, session_id: SessionId) -> None:
        """Drop what is no longer kept of one session. Never raises."""
        try:
            snapshot = await self._snapshot(session_id)
            await self._log.trim(session_id, max_bytes=self.most_bytes, oldest=self._oldest(), snapshot=snapshot)
        except SessionNotFound:  # deleted meanwhile
            return
        except Exception:
            logger.exception("session %s could not be trimmed", session_id)

    def _oldest(self) -> int:
        return self._clock.now() - self._most_ms

    async def _snapshot(self, session_id: SessionId) -> StoredSnapshot:
        if session_id == SYSTEM:
            return await self._system.snapshot()
        state = await fold(self._log, session_id)
        return StoredSnapshot(state.seq, encode(state))
