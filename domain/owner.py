"""The one object that decides for a live session: its folded state, its queue, its agent."""

import logging
from collections import Counter
from collections.abc import Awaitable, Sequence

from anyio import Event as Signal
from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts.codec import encode
from contracts.events import (
    AgentMessage,
    AgentThought,
    ApprovalConfirmed,
    ApprovalOutcome,
    ApprovalRequest,
    Event,
    SessionCreated,
    SessionOutput,
    SessionStatus,
    Status,
    ToolCall,
    TurnCompleted,
)
from domain.errors import SessionNotFound
from domain.fitting import EVENT_OVERHEAD_BYTES, fit
from domain.ids import SessionId, TurnId
from domain.ports import Agent, Blob, Clock, EventLog, Listing
from domain.receipts import take
from domain.state import SessionState, apply, begin, listing
from domain.texts import Texts

logger = logging.getLogger(__name__)

SNAPSHOT_EVENTS = 1000
RAW = {SessionOutput}  # most of all events, and nothing to search
# Two commits' worth: enough to keep the log's writer busy, little enough to hold in memory for each session.
UNACKNOWLEDGED_BYTES = 1024 * 1024


class Run(Struct, frozen=True):
    """A command that was allowed; it may begin once *durable* is."""

    run_id: TurnId
    command: str
    durable: Awaitable[None]


class Answered(Struct, frozen=True):
    """A question of a turn that no agent works on, and what a human said."""

    question: ApprovalRequest
    outcome: ApprovalConfirmed


class Asked:
    """A question of an agent at work, which waits until it is closed."""

    def __init__(self) -> None:
        self.closed = Signal()
        self.outcome: ApprovalOutcome | None = None
        self.durable: Awaitable[None] | None = None

    def close(self, outcome: ApprovalOutcome, durable: Awaitable[None]) -> None:
        """Let the agent go on once *durable* is."""
        self.outcome, self.durable = outcome, durable
        self.closed.set()


class Owner:
    """A live session. To decide, to number and to put in line is one synchronous step here."""

    def __init__(self, state: SessionState, *, log: EventLog, clock: Clock, outcomes: Counter[str]) -> None:
        """*outcomes* counts how turns end."""
        self.state = state
        self.agent: Agent | None = None
        self.driving: Signal | None = None
        self.run_agents: list[Agent] = []
        self.line: list[Run] = []
        self.running: Signal | None = None
        self.begun: Awaitable[None] | None = None
        self.cancelled: TurnId | None = None
        self.answers: list[Answered] = []
        """What a human said of the turn before it goes on."""
        self.asked: dict[str, Asked] = {}
        """By approval: the questions that an agent at work waits for."""
        self.deciding: dict[str, Awaitable[None]] = {}
        """By approval: when its answer is durable, until it is."""
        self.holding = False
        """Whether prompts wait behind a turn that waited through a restart: they begin when somebody says so."""
        self.closing = False
        self.lost: Exception | None = None
        self.durable_seq = state.seq
        self._newest: tuple[int, Awaitable[None]] | None = None
        self._followed = Signal()
        self._following = False
        self.untrimmed = 0
        """How much its agent said since its log was last trimmed for that, in bytes."""
        self._unacknowledged = 0
        self._log = log
        self._clock = clock
        self._outcomes = outcomes
        self._listing: Listing | None = None
        self.texts = Texts()

    @classmethod
    def create(
        cls,
        session_id: SessionId,
        created: SessionCreated,
        *rest: Event,
        log: EventLog,
        clock: Clock,
        outcomes: Counter[str],
    ) -> "tuple[Owner, Awaitable[None]]":
        """Make a session with its first events; it exists when the awaitable returns."""
        first = replace(created, session_id=session_id, seq=1, timestamp=clock.now())
        owner = cls(begin(first), log=log, clock=clock, outcomes=outcomes)
        fitting, bodies = fit(rest)
        stamped, owner.state = owner._fold(fitting)
        durable = log.append(
            session_id,
            [first, *stamped],
            expected_seq=0,
            listing=listing(owner.state),
            snapshot=encode(owner.state) if owner.state.seq >= SNAPSHOT_EVENTS else None,
            blobs=bodies,
            texts=owner.texts.take(stamped, lambda blob_id: _whole(bodies, blob_id)),
            receipt=take(),
        )
        return owner, durable

    @property
    def at_rest(self) -> bool:
        """Whether it may be forgotten: nothing runs or ends, and the log holds all that it holds."""
        busy = self.driving is not None or self.running is not None or self.closing
        alive = any(agent.alive for agent in self._agents) or bool(self.state.terminals)
        return self.state.at_rest and not busy and not alive and self.durable_seq == self.state.seq

    def status(self, status: Status) -> SessionStatus:
        """Return what tells a status of the process that works now."""
        started = self.state.process_started_at
        uptime = 0 if started is UNSET else max(0, self._clock.now() - started)
        return SessionStatus(status=status, pid=self.state.pid, uptime=uptime)

    def after(self, *events: Event) -> SessionState:
        """Return what the state would be after *events*."""
        return self._fold(events)[1]

    def settled(self, *events: Event) -> Sequence[Event]:
        """Return *events*, and the status that they leave the session in if it is another.

        A turn that is at work tells its own.
        """
        state = self.after(*events)
        at_work = state.turn is not None and not state.waits
        return events if at_work or state.standing == state.status else (*events, SessionStatus(status=state.standing))

    def record(self, *events: Event, blobs: Sequence[Blob] = ()) -> Awaitable[None]:
        """Stamp *events*, fold them and put them in line for the log; durable when the awaitable returns.

        What is too large for one event is cut, or kept apart from it (`domain.fitting`).

        Raises SessionNotFound once the session is deleted, and for a lost owner why it was lost. What can't be
        recorded changes nothing.
        """
        if self.lost is not None:
            raise self.lost
        before = self.state.seq
        if self.state.deleted:
            raise SessionNotFound(self.state.session_id)
        fitting, apart = fit(events)
        bodies = (*blobs, *apart)
        stamped, state = self._fold(fitting)
        snapshot = encode(state) if state.seq // SNAPSHOT_EVENTS > before // SNAPSHOT_EVENTS else None
        raw = {*map(type, stamped)} == RAW
        same = raw and state.runs is self.state.runs  # output changes nothing else, so the row need not be made
        listed = self._listing if same and self._listing is not None else self._listed(state)
        durable = self._log.append(
            state.session_id,
            stamped,
            expected_seq=before,
            listing=listed,
            snapshot=snapshot,
            blobs=bodies,
            texts=() if raw else self.texts.take(stamped, lambda blob_id: _whole(bodies, blob_id)),
            receipt=take(),
        )
        if state.turn is not self.state.turn or state.queue is not self.state.queue:  # not for each thing it says
            self._outcomes.update(event.stop_reason for event in stamped if isinstance(event, TurnCompleted))
        self.state, self._listing = state, listed
        return durable

    async def close(self) -> None:
        """Begin no further turn or run, and end the agents with what they work on."""
        self.closing = True
        await self.close_agents()
        for working in (self.driving, self.running):
            if working is not None:
                await working.wait()

    async def close_agents(self) -> None:
        """End what the agents run. Never raises."""
        for agent in self._agents:
            try:
                await agent.close()
            except Exception:
                logger.exception("an agent of session %s could not be closed", self.state.session_id)

    def dismiss(self) -> Sequence[Agent]:
        """Forget the agents and return them, to be closed: the next turn gets another."""
        agents = self._agents
        self.agent, self.run_agents = None, []
        return agents

    @property
    def _agents(self) -> Sequence[Agent]:
        return self.run_agents if self.agent is None else [self.agent, *self.run_agents]

    def lose(self, error: Exception) -> None:
        """Take nothing more: an append failed, so the state is ahead of the log."""
        self.lost = self.lost or error
        for asked in self.asked.values():
            asked.closed.set()
        self._followed.set()

    def say(self, *events: Event) -> bool:
        """Record what the agent says; return whether somebody must `follow`."""
        durable = self.record(*events)
        self._newest = self.state.seq, durable
        size = sum(map(_size, events))
        self._unacknowledged += size
        self.untrimmed += size
        idle, self._following = not self._following, True
        return idle

    async def follow(self) -> None:
        """Wait until all that the agent said is durable. Raises what the log raises."""
        try:
            while self._newest is not None:
                (seq, durable), self._newest = self._newest, None
                size = self._unacknowledged
                await durable
                self.durable_seq = max(self.durable_seq, seq)
                self._unacknowledged -= size
                self._followed.set()
                self._followed = Signal()
        finally:
            self._following = False

    async def room(self) -> None:
        """Wait while too much of what the agent said is not yet durable. Raises why the owner was lost."""
        while self._unacknowledged > UNACKNOWLEDGED_BYTES and self.lost is None:
            await self._followed.wait()
        if self.lost is not None:
            raise self.lost

    def _listed(self, state: SessionState) -> Listing:
        """Return the session's row, the same object while it is the same: the log then need not compare it."""
        row = listing(state)
        return self._listing if self._listing is not None and row == self._listing else row

    def _fold(self, events: Sequence[Event]) -> tuple[list[Event], SessionState]:
        # A clock that was set back must not put an event before its predecessor.
        now = max(self._clock.now(), self.state.last_activity)
        state = self.state
        stamped: list[Event] = []
        for event in events:
            whole = replace(event, session_id=state.session_id, seq=state.seq + 1, timestamp=now)
            stamped.append(whole)
            state = apply(state, whole)
        return stamped, state


def _whole(blobs: Sequence[Blob], blob_id: str) -> str:
    return next(blob.data for blob in blobs if blob.blob_id == blob_id).decode()


def _size(event: Event) -> int:
    match event:
        case SessionOutput(content=text) | AgentMessage(text=text) | AgentThought(text=text):
            return EVENT_OVERHEAD_BYTES + len(text)
        case ToolCall():
            return EVENT_OVERHEAD_BYTES + len(encode(event))
    return EVENT_OVERHEAD_BYTES
