"""The log of what belongs to no session: tokens, projects, rules, terminals. Read on many sessions' stream only."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import anyio
from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts.codec import decode_event, decoder, encode
from contracts.events import (
    SYSTEM_SESSION_ID,
    Event,
    ProjectCreated,
    ProjectDeleted,
    ProjectUpdated,
    RuleCreated,
    RuleDeleted,
    TerminalClosed,
    TerminalCreated,
)
from contracts.views import Project, Rule
from domain.errors import CursorExpired, SessionNotFound, SessionQuarantined
from domain.ids import SessionId
from domain.ports import Clock, EventLog, StoredSnapshot
from domain.receipts import take

SYSTEM = SessionId(SYSTEM_SESSION_ID)
SNAPSHOT_EVENTS = 1000
PAGE_EVENTS = 512
FOLD_ATTEMPTS = 3


class SystemState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all events of the system up to ``seq`` mean together, the oldest first. Stored as its snapshot."""

    seq: int = 0
    last_activity: int = 0
    projects: tuple[Project, ...] = ()
    rules: tuple[Rule, ...] = ()
    terminals: tuple[str, ...] = ()


decode_state = decoder(SystemState)


def apply_system(state: SystemState, event: Event) -> SystemState:  # noqa: PLR0911 - one arm an event
    """Return the state after *event*."""
    state = replace(state, seq=event.seq, last_activity=event.timestamp)
    match event:
        case ProjectCreated(project_id=project_id, name=name, root_dir=root_dir):
            made = Project(project_id=project_id, name=name, root_dir=root_dir, created_at=event.timestamp)
            return replace(state, projects=(*state.projects, made))
        case ProjectUpdated():
            return replace(state, projects=tuple(_updated(project, event) for project in state.projects))
        case ProjectDeleted(project_id=gone):
            return replace(
                state,
                projects=tuple(project for project in state.projects if project.project_id != gone),
                rules=tuple(rule for rule in state.rules if rule.for_project != gone),
            )
        case RuleCreated():
            return replace(state, rules=(*state.rules, _remembered(event)))
        case RuleDeleted(rule_id=gone):
            return replace(state, rules=tuple(rule for rule in state.rules if rule.rule_id != gone))
        case TerminalCreated(terminal_id=opened):
            return replace(state, terminals=(*state.terminals, opened))
        case TerminalClosed(terminal_id=closed):
            return replace(state, terminals=tuple(one for one in state.terminals if one != closed))
        case _:  # tokens live in files of their own, all else belongs to sessions
            return state


def _updated(project: Project, event: ProjectUpdated) -> Project:
    if project.project_id != event.project_id:
        return project
    name = project.name if event.name is UNSET else event.name
    return replace(project, name=name, root_dir=project.root_dir if event.root_dir is UNSET else event.root_dir)


def _remembered(event: RuleCreated) -> Rule:
    return Rule(
        rule_id=event.rule_id,
        source="remembered",
        effect=event.effect,
        kind=event.kind,
        command=event.command,
        working_dir=event.working_dir,
        for_session=event.for_session,
        for_project=event.for_project,
        created_at=event.timestamp,
    )


class SystemLog:
    """Records the events of the reserved session ``system_0``, one decision at a time, and knows what they mean."""

    def __init__(self, *, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._state: SystemState | None = None
        self._turn = anyio.Lock(fast_acquire=True)

    async def state(self) -> SystemState:
        """Return what the durable events mean. Raises SessionQuarantined, LogUnavailable."""
        if self._state is None:
            async with self._turn:
                return await self._known()
        return self._state

    async def emit(self, *events: Event) -> None:
        """Record unstamped events; durable when this returns. Raises LogFull, LogUnavailable, SessionQuarantined."""
        await self.decide(lambda _: events)

    async def decide(self, decide: Callable[[SystemState], Sequence[Event]]) -> SystemState:
        """Record what *decide* makes of the state, which nobody changes meanwhile; return the state after it.

        Durable when this returns. Raises what *decide* and `emit` raise.
        """
        async with self._turn:
            before = await self._known()
            state, stamped = before, list[Event]()
            now = max(self._clock.now(), before.last_activity)  # as the owner of a session does
            for event in decide(before):
                stamped.append(replace(event, session_id=SYSTEM, seq=state.seq + 1, timestamp=now))
                state = apply_system(state, stamped[-1])
            if stamped:
                await self._append(before, stamped, state)
            return state

    async def snapshot(self) -> StoredSnapshot:
        """Return the state as the log keeps it when it is trimmed."""
        state = await self.state()
        return StoredSnapshot(state.seq, encode(state))

    async def _append(self, before: SystemState, stamped: Sequence[Event], after: SystemState) -> None:
        crossed = after.seq // SNAPSHOT_EVENTS > before.seq // SNAPSHOT_EVENTS
        try:
            with anyio.CancelScope(shield=True):
                await self._log.append(
                    SYSTEM,
                    stamped,
                    expected_seq=before.seq,
                    listing=None,
                    snapshot=encode(after) if crossed else None,
                    receipt=take(),
                )
        except Exception:
            self._state = None  # what is in the log counts
            raise
        self._state = after

    async def _known(self) -> SystemState:
        if self._state is None:
            self._state = await self._fold()
        return self._state

    async def _fold(self) -> SystemState:
        for _ in range(FOLD_ATTEMPTS):
            with suppress(CursorExpired):  # trimmed between the two reads: there is a newer snapshot now
                return await self._fold_once()
        raise SessionQuarantined(SYSTEM)

    async def _fold_once(self) -> SystemState:
        try:
            stored = await self._log.snapshot(SYSTEM)
        except SessionNotFound:
            return SystemState()
        state = SystemState() if stored is None else decode_state(stored.data)
        while (batch := await self._log.read(SYSTEM, after=state.seq, limit=PAGE_EVENTS)).events:
            for recorded in batch.events:
                state = apply_system(state, decode_event(recorded.data))
        return state
