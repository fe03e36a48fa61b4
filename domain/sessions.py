"""The use cases that change a session: open, submit, cancel, resume, update, delete, and the drain of all."""

import logging
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import TypeVar

import anyio
from anyio.abc import TaskGroup
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from contracts import views
from contracts.codec import encode
from contracts.events import (
    CommandSent,
    Event,
    SessionCreated,
    SessionDeleted,
    SessionError,
    SessionStatus,
    SessionUpdated,
    TurnCompleted,
    TurnStarted,
)
from contracts.requests import CreateSession, SubmitPrompt, UpdateSession
from contracts.views import RunningTurn
from domain.contexts import check_files, gather, whole_text
from domain.errors import (
    AgentUnavailable,
    Draining,
    SessionNotFound,
    TurnNotFound,
    TurnOver,
    UnknownMode,
)
from domain.ids import SessionId, TurnId, make_id
from domain.owner import Owner
from domain.owners import Owners
from domain.ports import Agent, AgentLauncher, Clock, EventLog, StoredSnapshot, Turn, TurnEnd, Workspace
from domain.prompts import check_prompt, check_room, command_sent, first_title
from domain.reading import fold, session_view
from domain.state import SessionState
from domain.system import SYSTEM, SystemLog

logger = logging.getLogger(__name__)

TRIM_BYTES = 1024 * 1024

T = TypeVar("T")


class Limits(Struct, frozen=True, kw_only=True):
    """What a client may ask of one session, and how much of each session is kept."""

    prompt_bytes: int
    queue: int
    retention_bytes: int
    retention_ms: int


class Sessions:
    """All live sessions. Each has one owner; nothing is shared between two of them."""

    def __init__(
        self,
        *,
        log: EventLog,
        launcher: AgentLauncher,
        workspace: Workspace,
        clock: Clock,
        tasks: TaskGroup,
        limits: Limits,
        system: SystemLog,
    ) -> None:
        self._log = log
        self._system = system
        self._launcher = launcher
        self._workspace = workspace
        self._clock = clock
        self._tasks = tasks
        self._limits = limits
        self._owners = Owners(log=log, clock=clock, tasks=tasks)
        self._draining = False

    async def open(self, request: CreateSession) -> views.Session:
        """Make a session. Raises UnknownMode, AgentUnavailable, InvalidWorkingDir, OutsideRoots, LogFull."""
        self._refuse_while_draining()
        self._check_mode(request.mode)
        path = None if request.working_dir is UNSET else request.working_dir
        working_dir = await self._workspace.resolve(path)
        title = "" if request.title is UNSET else request.title
        created = SessionCreated(mode=request.mode, working_dir=working_dir, title=title)
        session_id = SessionId(make_id())
        owner, durable = Owner.create(
            session_id, created, SessionStatus(status="idle"), log=self._log, clock=self._clock
        )
        await self._owners.settle(owner, durable)
        self._owners.keep(owner)
        return await self._view(session_id)

    async def submit(self, session_id: SessionId, request: SubmitPrompt) -> views.PromptAccepted:
        """Take a prompt: it is in the log when this returns.

        Raises SessionNotFound, InvalidPrompt, InvalidContext, PromptTooLarge, SessionBusy, QueueFull, Draining,
        LogFull.
        """
        check_prompt(request, most_bytes=self._limits.prompt_bytes)
        await check_files(self._workspace, (await self._working(session_id)).state.working_dir, request)
        owner = await self._working(session_id)
        state = owner.state
        check_room(state, request, longest_queue=self._limits.queue)
        turn_id = TurnId(make_id())
        sent, blobs = command_sent(turn_id, request)
        durable = owner.record(*first_title(state, request), sent, *self._next_turn(state, sent), blobs=blobs)
        if state.turn is None:
            self._drive(owner, durable)
        elif request.delivery == "steer":
            self._stop_turn(owner, TurnId(state.turn.turn_id))
        started = owner.state.turn is not None and owner.state.turn.turn_id == turn_id
        await self._owners.settle(owner, durable)
        return views.PromptAccepted(
            session_id=session_id,
            turn_id=turn_id,
            state="started" if started else "queued",
            message="The prompt was taken." if started else "The prompt waits in the queue.",
            timestamp=self._clock.now(),
        )

    async def cancel(self, session_id: SessionId, turn_id: TurnId | None) -> views.TurnCancelled:
        """Stop a turn, or take it out of the queue. Raises SessionNotFound, TurnNotFound, TurnOver."""
        owner = await self._owners.get(session_id)
        running = owner.state.turn
        if running is not None and turn_id in (None, running.turn_id):
            self._stop_turn(owner, TurnId(running.turn_id))
            return _cancelled(session_id, running.turn_id, "The turn is being stopped.")
        if turn_id is not None and any(prompt.turn_id == turn_id for prompt in owner.state.queue):
            await self._owners.settle(owner, owner.record(TurnCompleted(turn_id=turn_id, stop_reason="cancelled")))
            return _cancelled(session_id, turn_id, "The prompt was taken out of the queue.")
        if turn_id is not None and await self._was_turn(session_id, turn_id):
            raise TurnOver(f"Turn {turn_id} is over.", session_id=session_id, turn_id=turn_id)
        raise TurnNotFound(session_id, turn_id)

    async def resume(self, session_id: SessionId) -> views.SessionResumed:
        """Go on after a restart: release the queue. Raises SessionNotFound, LogFull."""
        owner = await self._working(session_id)
        state = owner.state
        released = len(state.queue) if state.held else 0
        if state.held or state.status == "interrupted":
            first = self._first_turn(state)
            durable = owner.record(*(first or (SessionStatus(status="idle"),)))
            if first:
                self._drive(owner, durable)
            await self._owners.settle(owner, durable)
        message = "The queue is released." if released else "Nothing was held."
        return views.SessionResumed(session_id=session_id, released=released, message=message)

    async def update(self, session_id: SessionId, request: UpdateSession) -> views.Session:
        """Change title, archived or agentMode. Raises SessionNotFound, LogFull."""
        owner = await self._owners.get(session_id)
        change = SessionUpdated(
            title=_unless("" if request.title is None else request.title, owner.state.title),
            archived=_unless(request.archived, owner.state.archived),
            agent_mode=_unless(request.agent_mode, owner.state.agent_mode or None),
        )
        if change != SessionUpdated():
            await self._owners.settle(owner, owner.record(change))
        return await self._view(session_id)

    async def delete(self, session_id: SessionId) -> views.SessionRemoved:
        """End a session's processes and delete it. Raises SessionNotFound, LogFull."""
        owner = await self._owners.get(session_id)
        await owner.close()
        await self._owners.settle(owner, owner.record(SessionDeleted()))
        self._owners.drop(session_id)
        return views.SessionRemoved(message="The session was deleted.", session_id=session_id)

    async def recover(self) -> None:
        """Put right what a crash left: no session says that it runs when nothing does. Call before anything else."""
        await self._owners.recover()

    async def trim(self) -> None:
        """Drop what the retention no longer keeps, and the tombstones that have had their time. Never raises.

        A session that could not be put right while the log was full is put right now.
        """
        oldest = self._clock.now() - self._limits.retention_ms
        try:
            for session_id in await self._log.overgrown(max_bytes=self._limits.retention_bytes, oldest=oldest):
                await self._trim(session_id, oldest)
            await self._log.forget(before=oldest)
            await self._owners.recover()
        except Exception:
            logger.exception("the log could not be trimmed; the next time tries again")

    async def _trim(self, session_id: SessionId, oldest: int) -> None:
        try:
            snapshot = await self._snapshot(session_id)
            await self._log.trim(session_id, max_bytes=self._limits.retention_bytes, oldest=oldest, snapshot=snapshot)
        except SessionNotFound:  # deleted meanwhile
            return
        except Exception:
            logger.exception("session %s could not be trimmed", session_id)

    async def _snapshot(self, session_id: SessionId) -> StoredSnapshot:
        if session_id == SYSTEM:
            return await self._system.snapshot()
        state = await fold(self._log, session_id)
        return StoredSnapshot(state.seq, encode(state))

    async def drain(self) -> None:
        """Take nothing new, end all agents, and record what that interrupted."""
        self._draining = True
        async with anyio.create_task_group() as tasks:
            for owner in list(self._owners):
                tasks.start_soon(owner.close)

    @property
    def active(self) -> int:
        """How many sessions work on a turn."""
        return sum(owner.driving is not None for owner in self._owners)

    async def _working(self, session_id: SessionId) -> Owner:
        """Return the owner for something that begins work: refused while the server or the session ends."""
        owner = await self._owners.get(session_id)
        self._refuse_while_draining()
        if owner.closing:
            raise SessionNotFound(session_id)
        return owner

    async def _emit(self, owner: Owner, *events: Event) -> None:
        """Record what an agent says, as `Emit` promises; a deleted session's words are dropped."""
        if owner.state.deleted:
            return
        if owner.say(*events):
            self._tasks.start_soon(self._owners.follow, owner)
        await owner.room()
        if owner.untrimmed > max(TRIM_BYTES, self._limits.retention_bytes // 4):  # it floods: no waiting for the round
            owner.untrimmed = 0
            await self._trim(owner.state.session_id, self._clock.now() - self._limits.retention_ms)

    # Turns

    def _next_turn(self, state: SessionState, sent: CommandSent) -> Sequence[Event]:
        if state.turn is not None:
            return ()
        first = sent.turn_id if sent.delivery == "steer" or not state.queue else state.queue[0].turn_id
        return (TurnStarted(turn_id=first), SessionStatus(status="starting"))

    def _first_turn(self, state: SessionState) -> Sequence[Event]:
        if not state.queue:
            return ()
        return (TurnStarted(turn_id=state.queue[0].turn_id), SessionStatus(status="starting"))

    def _drive(self, owner: Owner, durable: Awaitable[None]) -> None:
        """Have the owner's turn run once *durable* is; whoever drives already, and is about to end, goes on."""
        owner.begun = durable
        if owner.driving is None:
            owner.driving = anyio.Event()
            self._tasks.start_soon(self._work, owner, owner.driving)

    async def _work(self, owner: Owner, done: anyio.Event) -> None:
        """Work off the queue. Never raises: a crash becomes events, or the session is folded anew from the log."""
        try:
            while (running := owner.state.turn) is not None:
                assert owner.begun is not None
                await owner.begun
                end = await self._run(owner, running)
                completed = TurnCompleted(
                    turn_id=running.turn_id, stop_reason=end.stop_reason, usage=end.usage, cwd=end.cwd
                )
                owner.begun = owner.record(completed, *self._after_turn(owner, end))
                await self._owners.settle(owner, owner.begun)
        except Exception as error:
            logger.exception("session %s stopped; it is folded anew from the log", owner.state.session_id)
            self._owners.lose(owner, error)
        finally:
            owner.driving = None
            done.set()

    def _after_turn(self, owner: Owner, end: TurnEnd) -> Sequence[Event]:
        if self._draining and (owner.state.queue or end.stop_reason == "interrupted"):
            return (SessionStatus(status="interrupted", reason="The server stopped."),)
        if owner.closing:
            return (SessionStatus(status="idle"),)
        return self._first_turn(owner.state) or (SessionStatus(status="idle"),)

    async def _run(self, owner: Owner, running: RunningTurn) -> TurnEnd:
        state, turn_id = owner.state, TurnId(running.turn_id)
        try:
            if owner.agent is None:
                owner.agent = self._launcher.launch(
                    state.session_id, mode=state.mode, working_dir=state.working_dir, emit=partial(self._emit, owner)
                )
            command = await whole_text(self._log, state.session_id, running.command)
            context = await gather(self._log, state, running.context)
            if owner.cancelled == turn_id or owner.closing or owner.lost is not None:
                return self._ended(TurnEnd(stop_reason="cancelled"))
            turn = Turn(turn_id=turn_id, command=command, context=context, cwd=state.cwd)
            return self._ended(await owner.agent.run(turn))
        except (AgentUnavailable, UnknownMode) as error:
            await self._emit(owner, SessionError(error=str(error), code="agent-unavailable", recoverable=True))
        except Exception:
            if owner.lost is not None:
                raise
            logger.exception("the agent of session %s failed", state.session_id)
            await self._emit(owner, SessionError(error="The agent failed.", code="agent-failed", recoverable=True))
        return TurnEnd(stop_reason="error")

    def _ended(self, end: TurnEnd) -> TurnEnd:
        if self._draining and end.stop_reason == "cancelled":
            return replace(end, stop_reason="interrupted")
        return end

    def _stop_turn(self, owner: Owner, turn_id: TurnId) -> None:
        owner.cancelled = turn_id
        if owner.agent is not None:
            self._tasks.start_soon(_cancel_agent, owner.agent)

    async def _was_turn(self, session_id: SessionId, turn_id: TurnId) -> bool:
        """Look through the log for a turn; only a mistaken cancel pays for it."""
        head = await self._log.head(session_id)
        after = head.earliest
        needle = turn_id.encode()
        while after < head.seq:
            batch = await self._log.read(session_id, after=after, limit=512, types=("turn-completed",))
            if any(needle in recorded.data for recorded in batch.events):
                return True
            after = batch.upto
        return False

    # Checks

    def _refuse_while_draining(self) -> None:
        if self._draining:
            raise Draining("The server is about to stop; try again when it is back.")

    def _check_mode(self, mode: str) -> None:
        profiles = {profile.mode: profile for profile in self._launcher.profiles()}
        profile = profiles.get(mode)
        if profile is None:
            known = ", ".join(sorted(profiles))
            raise UnknownMode(f"There is no mode {mode!r}; GET /api/agents lists them: {known}.", member="$.mode")
        if not profile.available:
            raise AgentUnavailable(f"The mode {mode!r} can't be used here: {profile.reason}")

    async def _view(self, session_id: SessionId) -> views.Session:
        head = await self._log.head(session_id)
        if head.listing is None:
            raise SessionNotFound(session_id)
        return session_view(head.listing, head)


async def _cancel_agent(agent: Agent) -> None:
    try:
        await agent.cancel()
    except Exception:
        logger.exception("an agent could not be cancelled")


def _cancelled(session_id: SessionId, turn_id: str, message: str) -> views.TurnCancelled:
    return views.TurnCancelled(session_id=session_id, turn_id=turn_id, message=message)


def _unless(value: T, present: object) -> T | UnsetType:
    return UNSET if value == present else value
