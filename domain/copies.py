"""The use cases that take a session elsewhere: duplicate, fork, move."""

import logging
import re
from contextlib import suppress
from typing import Literal

import anyio
from anyio.lowlevel import checkpoint
from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

from contracts import views
from contracts.codec import decode_event, encode
from contracts.events import (
    ApprovalExpired,
    Event,
    Origin,
    SessionCreated,
    SessionOutput,
    SessionStatus,
    SessionUpdated,
    TerminalClosed,
    TerminalCreated,
    ToolCall,
    TurnCompleted,
)
from contracts.requests import ForkSession, Isolation, MoveSession
from domain.errors import (
    BlobNotFound,
    CursorExpired,
    InvalidWorkingDir,
    NotForkable,
    ProjectNotFound,
    SessionBusy,
    SessionNotFound,
)
from domain.ids import SessionId, TurnId, make_id
from domain.owner import Owner
from domain.owners import Owners
from domain.places import Places
from domain.ports import Blob, Clock, EventLog
from domain.reading import PAGE_EVENTS, session_view
from domain.receipts import take
from domain.state import SessionState, apply, begin, listing
from domain.texts import Texts
from domain.turns import Turns

logger = logging.getLogger(__name__)

# All of a fork goes into one commit, and so through memory; twice what is kept of a session by default.
FORK_BYTES = 512 * 1024 * 1024
# What a body may be known by; a plan is kept as one, under its own id. Quotes inside of texts are escaped, so that only
# members match.
_body_ids = re.compile(rb'"(?:blobId|planId)":"([a-zA-Z0-9_-]{8,32})"').findall


class _Copy(Struct):
    """A session's events under another id, and what they fold to."""

    events: list[Event]
    state: SessionState
    size: int = 0
    terminals: dict[str, None] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        self.events.append(event)
        self.state = apply(self.state, event)
        if isinstance(event, TerminalCreated):
            self.terminals[event.terminal_id] = None
        elif isinstance(event, TerminalClosed):
            self.terminals.pop(event.terminal_id, None)


class Copies:
    """Makes sessions of sessions, and moves them; who waits for a turn's end does so for *wait_seconds* at most."""

    def __init__(
        self, *, log: EventLog, owners: Owners, turns: Turns, places: Places, clock: Clock, wait_seconds: float
    ) -> None:
        self._log = log
        self._turns = turns
        self._owners = owners
        self._places = places
        self._clock = clock
        self._wait_seconds = wait_seconds

    async def duplicate(self, session_id: SessionId) -> views.Session:
        """Make a session with the same settings and nothing in its log.

        Raises SessionNotFound, what finding its directory raises, LogFull.
        """
        original = (await self._owners.get(session_id)).state
        project_id = await self._present(original.project_id)
        source, isolation = await self._source(original, UNSET)
        copy_id = SessionId(make_id())
        async with self._places.opened(copy_id, await self._places.resolve(source, None), isolation) as working_dir:
            self._places.check(project_id)
            created = SessionCreated(
                mode=original.mode,
                working_dir=working_dir,
                title=original.title,
                project_id=project_id,
                origin=Origin(session_id=session_id, seq=original.seq, kind="duplicate"),
            )
            settings = () if original.agent_mode is UNSET else (SessionUpdated(agent_mode=original.agent_mode),)
            await self._owners.create(copy_id, created, SessionStatus(status="idle"), *settings)
        return await self._view(copy_id)

    async def fork(self, session_id: SessionId, request: ForkSession) -> views.SessionForked:
        """Make a session that begins with the history of another, in one commit.

        Raises SessionNotFound, NotForkable, what finding its directory raises, LogFull.
        """
        copy_id = SessionId(make_id())
        copy = await self._read(session_id, copy_id, request.at_seq)
        project_id = await self._present(copy.state.project_id)
        source, isolation = await self._source(replace(copy.state, session_id=session_id), request.isolation)
        async with self._places.opened(copy_id, await self._places.resolve(source, None), isolation) as working_dir:
            self._places.check(project_id)
            remembered = await self._fork_agent(session_id, copy, working_dir)
            for event in _closing(copy, working_dir=working_dir, project_id=project_id, remembered=remembered):
                copy.add(replace(event, session_id=copy_id, seq=copy.state.seq + 1, timestamp=copy.state.created_at))
            owner = Owner(copy.state, log=self._log, clock=self._clock, outcomes=self._owners.outcomes)
            durable = self._log.append(
                copy_id,
                copy.events,
                expected_seq=0,
                listing=listing(copy.state),
                snapshot=encode(copy.state),
                blobs=[Blob(blob_id, data) for blob_id, data in copy.blobs.items()],
                texts=Texts().take(copy.events, lambda blob_id: copy.blobs.get(blob_id, b"").decode()),
                receipt=take(),
            )
            await self._owners.settle(owner, durable)
            self._owners.keep(owner)
        memory: Literal["forked", "none"] = "none" if remembered is None else "forked"
        return views.SessionForked(session=await self._view(copy_id), agent_memory=memory)

    async def move(self, session_id: SessionId, request: MoveSession) -> views.SessionMoved:
        """Have a session go on in another project or directory, or change nothing.

        Raises SessionNotFound, SessionBusy while a turn runs, ProjectNotFound, what finding the directory raises,
        LogFull.
        """
        target = await self._target((await self._owners.get(session_id)).state, request)
        owner = await self._idle(session_id, wait=request.wait)
        state = owner.state
        self._places.check(request.project_id or UNSET)
        change = SessionUpdated(
            project_id=UNSET if (request.project_id or UNSET) == state.project_id else request.project_id,
            working_dir=UNSET if target == state.working_dir else target,
            agent_session_id=UNSET if target == state.working_dir or state.agent_session_id is UNSET else None,
        )
        stays = change.working_dir is UNSET
        if change != SessionUpdated():
            durable = owner.record(change)
            for agent in () if stays else owner.dismiss():  # the next prompt gets one that begins in the new directory
                with anyio.CancelScope(shield=True):
                    await agent.close()
            await self._owners.settle(owner, durable)
        return views.SessionMoved(
            session=await self._view(session_id),
            agent_memory="kept" if stays else "lost",
            message="The session's directory is the same."
            if stays
            else "The session goes on in its new directory; what it ran in the old one was ended.",
        )

    async def _fork_agent(self, session_id: SessionId, copy: _Copy, working_dir: str) -> str | None:
        """Have the agent copy what it remembers; it can only where it stands now, and between two turns.

        Return its own id of the copy. Never raises: a copy without memory is one all the same.
        """
        try:
            owner = await self._turns.working(session_id)
            state = owner.state
            if state.agent_session_id is UNSET or not state.at_rest or state.seq != copy.state.seq:
                return None
            return await self._turns.agent(owner).fork(working_dir)
        except Exception:
            logger.exception("the agent of session %s makes no copy", session_id)
            return None

    # What is copied

    async def _read(self, session_id: SessionId, copy_id: SessionId, at_seq: int | UnsetType) -> _Copy:
        head = await self._log.head(session_id)
        if head.listing is None:
            raise SessionNotFound(session_id)
        last = head.seq if at_seq is UNSET else at_seq
        if last > head.seq:
            raise NotForkable(f"The session's log ends at {head.seq}.", session_id=session_id)
        copy: _Copy | None = None
        after = 0
        wanted: set[bytes] = set()
        try:
            while after < last:
                batch = await self._log.read(session_id, after=after, limit=min(PAGE_EVENTS, last - after))
                for recorded in batch.events:
                    event = decode_event(recorded.data)
                    if isinstance(event, SessionCreated):
                        copy = self._begin(event, session_id, copy_id, last)
                    elif copy is not None:
                        copy.add(replace(event, session_id=copy_id))
                        copy.size += len(recorded.data)
                        wanted.update(_body_ids(recorded.data))
                if copy is None or copy.size > FORK_BYTES:
                    break
                after = batch.upto
                await checkpoint()  # a page of a live session's tail comes without waiting
        except CursorExpired:
            copy = None
        if copy is None:
            raise NotForkable("The beginning of the session's log is no longer kept.", session_id=session_id)
        await self._read_bodies(session_id, copy, sorted(wanted))
        return copy

    def _begin(self, event: SessionCreated, session_id: SessionId, copy_id: SessionId, last: int) -> _Copy:
        created = replace(
            event,
            session_id=copy_id,
            timestamp=self._clock.now(),
            origin=Origin(session_id=session_id, seq=last, kind="fork"),
        )
        return _Copy([created], begin(created))

    async def _read_bodies(self, session_id: SessionId, copy: _Copy, wanted: list[bytes]) -> None:
        """Read the bodies that a history names, and those that a plan among them names."""
        while wanted and copy.size <= FORK_BYTES:
            name = wanted.pop().decode()
            with suppress(BlobNotFound):  # a tool's input may have any members
                if name not in copy.blobs:
                    data = copy.blobs[name] = await self._log.blob(session_id, name)
                    copy.size += len(data)
                    wanted += _body_ids(data)
        if copy.size > FORK_BYTES:
            raise NotForkable(f"The history is over {FORK_BYTES} bytes: name a smaller `atSeq`.", session_id=session_id)

    # Where it goes

    async def _present(self, project_id: str | UnsetType) -> str | UnsetType:
        """Return the project, unless it is gone."""
        if project_id is UNSET:
            return UNSET
        try:
            return (await self._places.project(project_id)).project_id
        except ProjectNotFound:
            return UNSET

    async def _source(self, state: SessionState, isolation: Isolation | UnsetType) -> tuple[str, Isolation]:
        """Return which directory a copy is meant for, and whether it gets a worktree: by default as the original."""
        worktree = await self._places.worktree(state.session_id)
        isolated = worktree is not None and state.working_dir == worktree.working_dir
        if isolation is UNSET:
            isolation = "worktree" if isolated else "none"
        if worktree is not None and isolated and isolation == "none":  # two in one worktree would be no isolation
            return worktree.source, "none"
        return state.working_dir, isolation

    async def _target(self, state: SessionState, request: MoveSession) -> str:
        """Return the directory that a session moves to."""
        project_id = request.project_id if request.project_id is not UNSET else await self._present(state.project_id)
        if request.working_dir is not UNSET:
            return await self._places.resolve(request.working_dir, project_id)
        if not project_id:
            return state.working_dir
        worktree = await self._places.worktree(state.session_id)
        here = state.working_dir if worktree is None else worktree.source
        try:
            await self._places.resolve(here, project_id)
        except InvalidWorkingDir:
            return await self._places.resolve(None, project_id)
        return state.working_dir

    async def _idle(self, session_id: SessionId, *, wait: bool) -> Owner:
        """Return the owner of a session in which no turn runs, as soon as that is so. Raises SessionBusy."""
        deadline = anyio.current_time() + (self._wait_seconds if wait else 0)
        while True:
            woken = anyio.Event()
            end = self._log.watch(session_id, woken.set)
            try:
                owner = await self._owners.get(session_id)
                if owner.closing:
                    raise SessionNotFound(session_id)
                if owner.state.at_rest:
                    return owner
                if anyio.current_time() >= deadline:
                    break
                with anyio.move_on_at(deadline):
                    await woken.wait()
            finally:
                end()
        turn = owner.state.turn
        raise SessionBusy(
            "A turn runs, or a command, or a question waits for its answer. End that, or ask again with `wait`.",
            session_id=session_id,
            turn_id=None if turn is None else TurnId(turn.turn_id),
        )

    async def _view(self, session_id: SessionId) -> views.Session:
        head = await self._log.head(session_id)
        if head.listing is None:
            raise SessionNotFound(session_id)
        return session_view(head.listing, head)


def _closing(copy: _Copy, *, working_dir: str, project_id: str | UnsetType, remembered: str | None) -> list[Event]:
    """Return what ends all that was open at the end of a copied history, and says where the copy works."""
    state = copy.state
    events: list[Event] = [
        ToolCall(turn_id=call.turn_id, tool_call_id=call.tool_call_id, status="failed")
        for call in state.open_tool_calls
    ]
    events += [ApprovalExpired(approval_id=approval.approval_id) for approval in state.pending_approvals]
    events += [SessionOutput(turn_id=run, stream="exit", content="This is a copy.\n") for run in state.runs]
    events += [TerminalClosed(terminal_id=terminal_id) for terminal_id in copy.terminals]
    events += [TurnCompleted(turn_id=prompt.turn_id, stop_reason="cancelled") for prompt in state.queue]
    if state.turn is not None:
        events.append(TurnCompleted(turn_id=state.turn.turn_id, stop_reason="interrupted"))
    settings = SessionUpdated(
        project_id=None if project_id is UNSET and state.project_id is not UNSET else UNSET,
        working_dir=UNSET if working_dir == state.working_dir else working_dir,
        agent_session_id=UNSET if state.agent_session_id is UNSET else remembered,
        archived=False if state.archived else UNSET,
    )
    if settings != SessionUpdated():
        events.append(settings)
    return [*events, SessionStatus(status="idle", reason="This is a copy.")]
