"""What makes a session work: its turns, one after another, and what its agent says meanwhile."""

import logging
from collections.abc import Awaitable, Sequence
from functools import partial

import anyio
from anyio.abc import TaskGroup
from msgspec.structs import replace

from contracts.events import (
    CommandSent,
    Event,
    SessionError,
    SessionStatus,
    TurnCompleted,
    TurnStarted,
)
from contracts.views import RunningTurn
from domain.contexts import gather, whole_text
from domain.errors import AgentUnavailable, BlobNotFound, UnknownMode
from domain.ids import TurnId
from domain.owner import Owner
from domain.owners import Owners
from domain.ports import Agent, AgentLauncher, EventLog, Turn, TurnEnd
from domain.retention import Retention
from domain.state import SessionState

logger = logging.getLogger(__name__)

TRIM_BYTES = 1024 * 1024


class Turns:
    """Works off each session's queue. ``draining``: nothing new begins, and what ends was interrupted."""

    def __init__(
        self, *, log: EventLog, owners: Owners, launcher: AgentLauncher, retention: Retention, tasks: TaskGroup
    ) -> None:
        self.draining = False
        self._log = log
        self._owners = owners
        self._launcher = launcher
        self._retention = retention
        self._tasks = tasks

    async def emit(self, owner: Owner, *events: Event) -> None:
        """Record what an agent says, as `Emit` promises; a deleted session's words are dropped."""
        if owner.state.deleted:
            return
        if owner.say(*events):
            self._tasks.start_soon(self._owners.follow, owner)
        await owner.room()
        if owner.untrimmed > max(TRIM_BYTES, self._retention.most_bytes // 4):  # it floods: no waiting for the round
            owner.untrimmed = 0
            await self._retention.trim_session(owner.state.session_id)

    def next_turn(self, state: SessionState, sent: CommandSent) -> Sequence[Event]:
        """Return what begins a turn where a prompt finds none at work: its own, or that of one which waited longer."""
        if state.turn is not None:
            return ()
        first = sent.turn_id if sent.delivery == "steer" or not state.queue else state.queue[0].turn_id
        return (TurnStarted(turn_id=first), SessionStatus(status="starting"))

    def first_turn(self, state: SessionState) -> Sequence[Event]:
        """Return what begins the turn of the prompt that waited longest; nothing where none waits."""
        if not state.queue:
            return ()
        return (TurnStarted(turn_id=state.queue[0].turn_id), SessionStatus(status="starting"))

    def drive(self, owner: Owner, durable: Awaitable[None]) -> None:
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
        if self.draining and (owner.state.queue or end.stop_reason == "interrupted"):
            return (SessionStatus(status="interrupted", reason="The server stopped."),)
        if owner.closing:
            return (SessionStatus(status="idle"),)
        return self.first_turn(owner.state) or (SessionStatus(status="idle"),)

    async def _run(self, owner: Owner, running: RunningTurn) -> TurnEnd:
        state, turn_id = owner.state, TurnId(running.turn_id)
        try:
            if owner.agent is None:
                owner.agent = self._launcher.launch(
                    state.session_id, mode=state.mode, working_dir=state.working_dir, emit=partial(self.emit, owner)
                )
            command = await whole_text(self._log, state.session_id, running.command)
            context = await gather(self._log, state, running.context)
            if owner.cancelled == turn_id or owner.closing or owner.lost is not None:
                return self._ended(TurnEnd(stop_reason="cancelled"))
            turn = Turn(turn_id=turn_id, command=command, context=context, cwd=state.cwd)
            return self._ended(await owner.agent.run(turn))
        except (AgentUnavailable, UnknownMode) as error:
            await self.emit(owner, SessionError(error=str(error), code="agent-unavailable", recoverable=True))
        except BlobNotFound as error:  # of the prompt, which can't be handed over whole
            await self.emit(owner, SessionError(error=str(error), code="blob-not-found", recoverable=True))
        except Exception:
            if owner.lost is not None:
                raise
            logger.exception("the agent of session %s failed", state.session_id)
            await self.emit(owner, SessionError(error="The agent failed.", code="agent-failed", recoverable=True))
        return TurnEnd(stop_reason="error")

    def _ended(self, end: TurnEnd) -> TurnEnd:
        if self.draining and end.stop_reason == "cancelled":
            return replace(end, stop_reason="interrupted")
        return end

    def stop_turn(self, owner: Owner, turn_id: TurnId) -> None:
        """Have the turn that runs stopped."""
        owner.cancelled = turn_id
        if owner.agent is not None:
            self._tasks.start_soon(_cancel_agent, owner.agent)


async def _cancel_agent(agent: Agent) -> None:
    try:
        await agent.cancel()
    except Exception:
        logger.exception("an agent could not be cancelled")
