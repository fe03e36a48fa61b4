"""The use cases that only read: a session's view, state, history, and where a stream begins."""

from collections.abc import Collection, Sequence
from contextlib import suppress

from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts import views
from contracts.codec import decode_event
from contracts.events import SessionCreated
from domain.cursors import Start, format_cursor, parse_cursor, start_at
from domain.errors import CursorExpired, SessionNotFound, SessionQuarantined
from domain.ids import Epoch, SessionId
from domain.known_plans import KnownPlan
from domain.ports import Clock, EventLog, Head, Listing, ListingFilter, Recorded
from domain.state import SessionState, apply, begin, decode_state

PAGE_EVENTS = 512
FOLD_ATTEMPTS = 3
# Looked through from the end, a log is read in steps: at most 4 MiB of the largest events for one page.
BACKWARD_EVENTS = 64
# A page stays under 256 KiB, with its other members and a comma after each event.
HISTORY_BYTES = 255 * 1024
# A filter that matches nothing must not read a whole log for one page.
HISTORY_SCAN_EVENTS = 32 * PAGE_EVENTS


class Opening(Struct, frozen=True):
    """Where a stream of one session begins."""

    head: Head
    start: Start


class StoreOpening(Struct, frozen=True):
    """Where a stream of many sessions begins, which of them it can read (`None`: all), and which are gone."""

    head: Head
    start: Start
    sessions: Collection[SessionId] | None
    gone: Sequence[SessionId]


class Window(Struct, frozen=True, kw_only=True):
    """A page of history, and what lies on both sides of it."""

    head: Head
    events: Sequence[Recorded]
    next_before: int | None
    next_after: int | None


async def fold(log: EventLog, session_id: SessionId) -> SessionState:
    """Fold a session's durable events, from the newest snapshot on.

    Raises SessionNotFound, also for a deleted one; SessionQuarantined where events after the snapshot are missing.
    """
    for _ in range(FOLD_ATTEMPTS):
        with suppress(CursorExpired):  # trimmed between the two reads: there is a newer snapshot now
            return await _fold_once(log, session_id)
    raise SessionQuarantined(session_id)


async def _fold_once(log: EventLog, session_id: SessionId) -> SessionState:
    if (await log.head(session_id)).listing is None:
        raise SessionNotFound(session_id)
    stored = await log.snapshot(session_id)
    state = None if stored is None else decode_state(stored.data)
    after = 0 if stored is None else stored.seq
    while (batch := await log.read(session_id, after=after, limit=PAGE_EVENTS)).events:
        for recorded in batch.events:
            event = decode_event(recorded.data)
            if state is not None:
                state = apply(state, event)
            elif isinstance(event, SessionCreated):
                state = begin(event)
        after = batch.upto
    if state is None:
        raise SessionNotFound(session_id)
    return state


class Reading:
    """What the log tells about sessions. Shows durable facts only."""

    def __init__(self, *, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    async def get(self, session_id: SessionId) -> views.Session:
        """Return a session as listings show it. Raises SessionNotFound."""
        head = await self._log.head(session_id)
        return session_view(_listed(session_id, head), head)

    async def status(self, session_id: SessionId) -> views.SessionStatusView:
        """Return how a session stands. Raises SessionNotFound."""
        head = await self._log.head(session_id)
        row = _listed(session_id, head)
        started = row.process_started_at
        return views.SessionStatusView(
            session_id=session_id,
            status=row.status,
            mode=row.mode,
            created_at=row.created_at,
            last_activity=head.last_activity,
            pid=None if row.pid is UNSET else row.pid,
            uptime=0 if started is UNSET else max(0, self._clock.now() - started),
        )

    async def page(
        self, criteria: ListingFilter, *, before: tuple[int, SessionId] | None, limit: int
    ) -> list[views.Session]:
        """Return a page of sessions, the last active first."""
        rows = await self._log.page(criteria, before=before, limit=limit)
        return [
            replace(session_view(row, head), snippet=snippet) if snippet else session_view(row, head)
            for row, head, snippet in rows
        ]

    async def open_stream(self, session_id: SessionId, cursor: str | None, *, member: str) -> Opening:
        """Return where a stream from *cursor* begins. Raises SessionNotFound, InvalidCursor naming *member*."""
        position = None if cursor is None else parse_cursor(cursor, member=member)
        head = await self._log.head(session_id)
        _listed(session_id, head)
        return Opening(head, start_at(position, head))

    async def open_store_stream(
        self, sessions: Collection[SessionId] | None, cursor: str | None, *, member: str
    ) -> StoreOpening:
        """Return where a stream of many sessions (`None`: all) begins. Raises InvalidCursor naming *member*."""
        position = None if cursor is None else parse_cursor(cursor, member=member)
        head = Head(self._log.epoch, self._log.position, 0, None)
        readable: list[SessionId] = []
        gone: list[SessionId] = []
        for session_id in sessions or ():
            try:
                deleted = (await self._log.head(session_id)).deleted
            except SessionQuarantined:
                gone.append(session_id)
                continue
            except SessionNotFound:
                deleted = True
            readable.append(session_id)
            if deleted:
                gone.append(session_id)
        return StoreOpening(head, start_at(position, head), None if sessions is None else readable, gone)

    async def events_status(self, session_id: SessionId) -> views.EventsStatus:
        """Return how a session's stream stands. Raises SessionNotFound."""
        head = await self._log.head(session_id)
        _listed(session_id, head)
        return views.EventsStatus(
            active_connections=self._log.watchers(session_id),
            cursor=format_cursor(head.epoch, head.seq),
            earliest=format_cursor(head.epoch, head.earliest),
        )

    async def snapshot(self, session_id: SessionId) -> views.Snapshot:
        """Return the state that all durable events fold to. Raises SessionNotFound."""
        state = await fold(self._log, session_id)
        head = await self._log.head(session_id)
        cursor = format_cursor(head.epoch, state.seq)
        return views.Snapshot(cursor=cursor, state=state_view(state, head.epoch))

    async def blob(self, session_id: SessionId, blob_id: str) -> bytes:
        """Return a large body. Raises SessionNotFound, BlobNotFound."""
        _listed(session_id, await self._log.head(session_id))
        return await self._log.blob(session_id, blob_id)

    async def history(
        self,
        session_id: SessionId,
        *,
        after: int | None,
        before: int | None,
        limit: int,
        types: Collection[str] | None,
    ) -> Window:
        """Return a window of events, ascending: after a seq, before a seq, or the newest.

        Holds at most *limit* events and HISTORY_BYTES of them, but one event at least where there is one. Raises
        SessionNotFound.
        """
        while True:
            head = await self._log.head(session_id)
            _listed(session_id, head)
            try:
                if after is not None:
                    return await self._forward(head, session_id, after, before, limit, types)
                return await self._backward(head, session_id, before, limit, types)
            except CursorExpired:  # trimmed or deleted since
                continue

    async def _forward(
        self,
        head: Head,
        session_id: SessionId,
        after: int,
        before: int | None,
        limit: int,
        types: Collection[str] | None,
    ) -> Window:
        position = first = max(after, head.earliest)
        end = head.seq if before is None else min(head.seq, before - 1)
        found: list[Recorded] = []
        size = 0
        full = False
        while position < end and not full and position - first < HISTORY_SCAN_EVENTS:
            page = min(PAGE_EVENTS, end - position)
            batch = await self._log.read(session_id, after=position, limit=page, types=types)
            within = [event for event in batch.events if event.seq <= end]
            size, full = _fill(found, within, size, limit)
            position = found[-1].seq if full else min(batch.upto, end)
        return Window(
            head=head,
            events=found,
            next_before=(found[0].seq if found else first + 1) if first > head.earliest else None,
            next_after=position if position < head.seq else None,
        )

    async def _backward(
        self, head: Head, session_id: SessionId, before: int | None, limit: int, types: Collection[str] | None
    ) -> Window:
        end = last = head.seq + 1 if before is None else max(head.earliest + 1, min(before, head.seq + 1))
        found: list[Recorded] = []
        size = 0
        full = False
        while end > head.earliest + 1 and not full and last - end < HISTORY_SCAN_EVENTS:
            after = max(head.earliest, end - 1 - BACKWARD_EVENTS)
            between = await self._between(session_id, after, end, types)
            size, full = _fill(found, between[::-1], size, limit)
            end = found[-1].seq if full else after + 1
        found.reverse()
        return Window(
            head=head,
            events=found,
            next_before=end if end > head.earliest + 1 else None,
            next_after=last - 1 if last <= head.seq else None,
        )

    async def _between(
        self, session_id: SessionId, after: int, end: int, types: Collection[str] | None
    ) -> Sequence[Recorded]:
        found: list[Recorded] = []
        while after < end - 1:
            batch = await self._log.read(session_id, after=after, limit=end - 1 - after, types=types)
            found += [event for event in batch.events if event.seq < end]
            after = batch.upto
        return found


def _fill(found: list[Recorded], events: Sequence[Recorded], size: int, limit: int) -> tuple[int, bool]:
    """Add to a page what it has room for; return its size and whether it is full."""
    for event in events:
        size += len(event.data) + 1
        if len(found) == limit or (found and size > HISTORY_BYTES):
            return size, True
        found.append(event)
    return size, False


def _listed(session_id: SessionId, head: Head) -> Listing:
    if head.listing is None:
        raise SessionNotFound(session_id)
    return head.listing


def session_view(row: Listing, head: Head) -> views.Session:
    """Return a session as clients see it."""
    return _view(row, format_cursor(head.epoch, head.seq), head.last_activity)


def _view(row: Listing | SessionState, cursor: str, last_activity: int) -> views.Session:
    return views.Session(
        session_id=row.session_id,
        mode=row.mode,
        title=row.title,
        working_dir=row.working_dir,
        project_id=row.project_id,
        status=row.status,
        created_at=row.created_at,
        last_activity=last_activity,
        cursor=cursor,
        origin=row.origin,
        archived=row.archived,
        agent_mode=row.agent_mode,
    )


def state_view(state: SessionState, epoch: Epoch) -> views.SessionState:
    """Return a folded state as clients see it."""
    return views.SessionState(
        session=_view(state, format_cursor(epoch, state.seq), state.last_activity),
        turn=state.turn,
        queue=list(state.queue),
        held=state.held,
        cwd=state.cwd,
        pending_approvals=list(state.pending_approvals),
        plan=list(state.plan),
        open_tool_calls=list(state.open_tool_calls),
        usage=state.usage,
        plans=[plan_summary(plan) for plan in state.plans],
    )


def plan_summary(plan: KnownPlan) -> views.PlanSummary:
    """Return a plan as listings show it."""
    return views.PlanSummary(
        plan_id=plan.plan_id, turn_id=plan.turn_id, created_at=plan.created_at, count=plan.count, state=plan.state
    )
