"""The use cases that change a session: open, submit, cancel, resume, update, delete, and the drain of all."""

from collections import Counter
from typing import TypeVar

import anyio
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from contracts import views
from contracts.events import (
    SessionCreated,
    SessionDeleted,
    SessionStatus,
    SessionUpdated,
    TurnCompleted,
)
from contracts.requests import CreateSession, SubmitPrompt, UpdateSession
from domain.agents import Agents
from domain.contexts import check_files, find_bodies
from domain.errors import (
    SessionNotFound,
    TurnNotFound,
    TurnOver,
)
from domain.ids import SessionId, TurnId, make_id
from domain.owners import Owners
from domain.places import Places
from domain.ports import EventLog, Workspace
from domain.prompts import accepted, check_prompt, check_room, command_sent, first_title
from domain.reading import session_view
from domain.terminals import Terminals
from domain.turns import Turns

T = TypeVar("T")


class Limits(Struct, frozen=True, kw_only=True):
    """What a client may ask of one session."""

    prompt_bytes: int
    queue: int


class Sessions:
    """All live sessions. Each has one owner; nothing is shared between two of them."""

    def __init__(
        self,
        *,
        log: EventLog,
        owners: Owners,
        turns: Turns,
        workspace: Workspace,
        places: Places,
        terminals: Terminals,
        agents: Agents,
        limits: Limits,
    ) -> None:
        self._log = log
        self._owners = owners
        self._turns = turns
        self._places = places
        self._workspace = workspace
        self._terminals = terminals
        self._agents = agents
        self._limits = limits

    async def open(self, request: CreateSession) -> views.Session:
        """Make a session.

        Raises UnknownMode, AgentUnavailable, ProjectNotFound, InvalidWorkingDir, OutsideRoots, IsolationUnavailable,
        InvalidAgentSession, AgentSessionTaken, GitFailed, LogFull.
        """
        self._turns.refuse_while_draining()
        self._agents.check(request.mode)
        session_id = SessionId(make_id())
        source = await self._places.resolve(request.working_dir, request.project_id)
        with self._agents.taking(request, session_id):
            return await self._open(session_id, source, request)

    async def _open(self, session_id: SessionId, source: str, request: CreateSession) -> views.Session:
        async with self._places.opened(session_id, source, request.isolation) as working_dir:
            told = await self._agents.recall(request, working_dir)
            self._places.check(request.project_id)
            title = "" if request.title is UNSET else request.title
            created = SessionCreated(
                mode=request.mode, working_dir=working_dir, title=title, project_id=request.project_id
            )
            await self._owners.create(session_id, created, *told, SessionStatus(status="idle"))
        return await self._view(session_id)

    async def earlier(self, mode: str, working_dir: str | None) -> views.AgentSessionList:
        """List the conversations that an agent remembers of a directory. Raises Draining, and as `Agents.find`."""
        self._turns.refuse_while_draining()
        return await self._agents.find(mode, working_dir)

    async def submit(self, session_id: SessionId, request: SubmitPrompt) -> views.PromptAccepted:
        """Take a prompt: it is in the log when this returns.

        Raises SessionNotFound, InvalidPrompt, InvalidContext, PromptTooLarge, SessionBusy, QueueFull, Draining,
        LogFull.
        """
        check_prompt(request, most_bytes=self._limits.prompt_bytes)
        await check_files(self._workspace, (await self._turns.working(session_id)).state.working_dir, request)
        bodies = await find_bodies(self._log, session_id, request)
        owner = await self._turns.working(session_id)
        state = owner.state
        check_room(state, request, longest_queue=self._limits.queue)
        owner.holding = False
        turn_id = TurnId(make_id())
        sent, blobs = command_sent(turn_id, request, bodies)
        durable = owner.record(*first_title(state, request), sent, *self._turns.next_turn(state, sent), blobs=blobs)
        if state.turn is None:
            self._turns.drive(owner, durable)
        elif request.delivery == "steer":
            durable = self._turns.stop_turn(owner, TurnId(state.turn.turn_id)) or durable
        started = owner.state.turn is not None and owner.state.turn.turn_id == turn_id
        sent = replace(sent, session_id=session_id, timestamp=owner.state.last_activity)
        await self._owners.settle(owner, durable)
        return accepted(sent, started=started)

    async def cancel(self, session_id: SessionId, turn_id: TurnId | None) -> views.TurnCancelled:
        """Stop a turn, or take it out of the queue. Raises SessionNotFound, TurnNotFound, TurnOver."""
        owner = await self._owners.get(session_id)
        running = owner.state.turn
        if running is not None and turn_id in (None, running.turn_id):
            over = self._turns.stop_turn(owner, TurnId(running.turn_id))
            if over is not None:
                await self._owners.settle(owner, over)
            return _cancelled(session_id, running.turn_id, "The turn is being stopped.")
        if turn_id is not None and any(prompt.turn_id == turn_id for prompt in owner.state.queue):
            await self._owners.settle(owner, owner.record(TurnCompleted(turn_id=turn_id, stop_reason="cancelled")))
            return _cancelled(session_id, turn_id, "The prompt was taken out of the queue.")
        if turn_id is not None and await self._was_turn(session_id, turn_id):
            raise TurnOver(f"Turn {turn_id} is over.", session_id=session_id, turn_id=turn_id)
        raise TurnNotFound(session_id, turn_id)

    async def resume(self, session_id: SessionId) -> views.SessionResumed:
        """Go on after a restart: release the queue. Raises SessionNotFound, LogFull."""
        owner = await self._turns.working(session_id)
        state = owner.state
        released = len(state.queue) if state.held or owner.holding else 0
        owner.holding = False
        if state.held or state.status == "interrupted":
            first = self._turns.first_turn(owner)
            durable = owner.record(*(first or (SessionStatus(status=state.standing),)))
            if first:
                self._turns.drive(owner, durable)
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

    async def delete(self, session_id: SessionId, *, discard_worktree: bool = False) -> views.SessionRemoved:
        """End a session's processes and terminals and delete it, and its worktree, if that is clean or to be discarded.

        Raises SessionNotFound, LogFull.
        """
        owner = await self._owners.get(session_id)
        await owner.close()
        await self._terminals.end_session(session_id)
        await self._owners.settle(owner, owner.record(SessionDeleted()))
        self._owners.drop(session_id)
        await self._turns.forget(session_id)
        left = await self._places.leave(session_id, discard=discard_worktree)
        return views.SessionRemoved(
            message="The session was deleted."
            if left.path is None
            else "The session was deleted; its worktree stays, since it holds changes that no commit does.",
            session_id=session_id,
            kept_worktree=left.path or UNSET,
            kept_branch=left.branch or UNSET,
        )

    async def recover(self) -> None:
        """Put right what a crash left: no session says that it runs when nothing does. Call before anything else."""
        await self._owners.recover()

    async def drain(self) -> None:
        """Take nothing new, end all agents, and record what that interrupted."""
        self._turns.draining = True
        async with anyio.create_task_group() as tasks:
            for owner in list(self._owners):
                tasks.start_soon(owner.close)

    @property
    def outcomes(self) -> Counter[str]:
        """How many turns ended in each way since the start."""
        return self._owners.outcomes

    @property
    def active(self) -> int:
        """How many sessions work on a turn."""
        return sum(owner.driving is not None for owner in self._owners)

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

    async def _view(self, session_id: SessionId) -> views.Session:
        head = await self._log.head(session_id)
        if head.listing is None:
            raise SessionNotFound(session_id)
        return session_view(head.listing, head)


def _cancelled(session_id: SessionId, turn_id: str, message: str) -> views.TurnCancelled:
    return views.TurnCancelled(session_id=session_id, turn_id=turn_id, message=message)


def _unless(value: T, present: object) -> T | UnsetType:
    return UNSET if value == present else value
