"""The owners of all live sessions: folded from the log when needed, abandoned where it does not take what they say."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Iterator

import anyio
from anyio.abc import TaskGroup

from contracts.events import Event, SessionCreated
from domain.errors import SessionNotFound
from domain.ids import SessionId
from domain.owner import Owner
from domain.ports import Clock, EventLog
from domain.reading import fold
from domain.receipts import aside
from domain.state import interruption
from domain.texts import texts_at

logger = logging.getLogger(__name__)

# An owner at rest weighs 2 KiB and is folded anew in about a millisecond.
OWNERS_KEPT = 1024


class Owners:
    """At most one owner for each session."""

    def __init__(self, *, log: EventLog, clock: Clock, tasks: TaskGroup) -> None:
        self._log = log
        self._clock = clock
        self._tasks = tasks
        self.outcomes: Counter[str] = Counter()
        """How turns ended since the start."""
        self._kept: OrderedDict[SessionId, Owner] = OrderedDict()
        self._loading: dict[SessionId, anyio.Event] = {}

    def __iter__(self) -> Iterator[Owner]:
        return iter(self._kept.values())

    async def get(self, session_id: SessionId) -> Owner:
        """Return the session's owner, folded from the log if need be. Raises SessionNotFound, LogFull."""
        while (owner := self._kept.get(session_id)) is None:
            if (loading := self._loading.get(session_id)) is not None:
                await loading.wait()
                continue
            self._loading[session_id] = anyio.Event()
            try:
                owner = Owner(
                    await fold(self._log, session_id), log=self._log, clock=self._clock, outcomes=self.outcomes
                )
                if owner.state.turn is not None:
                    owner.texts = await texts_at(self._log, session_id, owner.state.turn.turn_id)
                truth = interruption(owner.state, "The server stopped while the session was at work.")
                if truth:
                    with aside():
                        durable = owner.record(*truth)
                    await self.settle(owner, durable)
                owner.holding = owner.state.turn is not None
                self.keep(owner)
            finally:
                self._loading.pop(session_id).set()
        self._kept.move_to_end(session_id)
        return owner

    async def create(self, session_id: SessionId, created: SessionCreated, *rest: Event) -> None:
        """Make a session with its first events, durably. Raises LogFull, LogUnavailable."""
        owner, durable = Owner.create(
            session_id, created, *rest, log=self._log, clock=self._clock, outcomes=self.outcomes
        )
        await self.settle(owner, durable)
        self.keep(owner)

    def keep(self, owner: Owner) -> None:
        """Remember an owner, and forget some that are at rest."""
        self._kept[owner.state.session_id] = owner
        surplus = len(self._kept) - OWNERS_KEPT
        for session_id, kept in list(self._kept.items())[: max(0, surplus)]:
            if kept.at_rest:
                del self._kept[session_id]

    def drop(self, session_id: SessionId) -> None:
        """Forget the owner of a session that was deleted."""
        self._kept.pop(session_id, None)

    async def settle(self, owner: Owner, durable: Awaitable[None]) -> None:
        """Wait until what was recorded last is durable; an owner whose log did not take it is abandoned.

        Shielded, since the owner's own tasks wait for the same.
        """
        seq = owner.state.seq
        try:
            with anyio.CancelScope(shield=True):
                await durable
        except Exception as error:
            self.lose(owner, error)
            raise
        owner.durable_seq = max(owner.durable_seq, seq)

    async def follow(self, owner: Owner) -> None:
        """See what the owner's agent says into the log. Never raises."""
        try:
            await owner.follow()
        except Exception as error:
            logger.exception("the log does not take what the agent of session %s says", owner.state.session_id)
            self.lose(owner, error)

    def lose(self, owner: Owner, error: Exception) -> None:
        """Abandon an owner whose log did not take what it recorded."""
        owner.lose(error)
        if self._kept.get(owner.state.session_id) is owner:
            del self._kept[owner.state.session_id]
            self._loading[owner.state.session_id] = anyio.Event()
            self._tasks.start_soon(self._abandon, owner)

    async def _abandon(self, owner: Owner) -> None:
        """End what a lost owner runs, then fold the truth from the log."""
        try:
            await owner.close_agents()
        finally:
            self._loading.pop(owner.state.session_id).set()
        await self._put_right(owner.state.session_id)

    async def recover(self) -> None:
        """Record what became of each session that is not at rest and not live. Raises LogUnavailable."""
        async with anyio.create_task_group() as tasks:  # together, so that they share commits
            for session_id in await self._log.restless():
                tasks.start_soon(self._put_right, session_id)

    async def _put_right(self, session_id: SessionId) -> None:
        try:
            await self.get(session_id)
        except SessionNotFound:  # deleted meanwhile
            return
        except Exception:
            logger.exception("session %s could not be put right", session_id)
