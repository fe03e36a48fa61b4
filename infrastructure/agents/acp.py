"""Agents that speak the Agent Client Protocol over their standard streams: one program for each session.

It is started by the first prompt, kept between turns, ended when it was idle for long, started again and resumed when
it is gone. Queueing is the session's business: an agent is given one prompt at a time.
"""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from anyio import CancelScope, Event, Lock, create_task_group, current_time, move_on_after, sleep
from anyio.abc import TaskGroup
from msgspec import ValidationError

from contracts.events import SessionError, SessionStatus, StopReason
from domain.errors import AgentUnavailable, Invalid
from domain.ports import Desk, Turn, TurnEnd
from infrastructure.agents.acp_program import PromptCapabilities
from infrastructure.agents.acp_prompt import prompt_blocks
from infrastructure.agents.acp_session import AcpSession
from infrastructure.agents.connection import ProgramGone, Refused
from infrastructure.agents.profiles import Profile
from infrastructure.agents.updates import turn_usage
from infrastructure.agents.wire import AUTH_REQUIRED
from infrastructure.processes.errors import ProcessError
from infrastructure.processes.process import Limits, spawn

logger = logging.getLogger(__name__)

OpenDirectory = Callable[[str], Awaitable[int]]

CLOSE_SECONDS = 2.0  # of the server's own end there is little time
_STOP_REASONS: Mapping[str, StopReason] = {
    "end_turn": "end",
    "cancelled": "cancelled",
    "refusal": "refused",
    "max_tokens": "limit",
    "max_turn_requests": "limit",
}


class _Work:
    """A turn at work. ``begun`` is set once it has a program, ``stop`` to have it stopped, ``over`` when it is over."""

    def __init__(self) -> None:
        self.begun = Event()
        self.stop = Event()
        self.over = Event()
        self.patience: float | None = None
        """How long the agent may take to stop, where that is not its profile's time."""
        self.late = False
        """Whether it took longer than a turn may."""


class AcpAgent:
    """One session's agent, as its *profile* says, with exactly this *environment*.

    *open_directory* returns a handle, which is closed here, and raises Invalid for what is no directory to work in.
    *tasks* owns the program; nothing is raised into it.
    """

    def __init__(
        self,
        *,
        profile: Profile,
        working_dir: str,
        environment: Mapping[str, str],
        limits: Limits,
        open_directory: OpenDirectory,
        desk: Desk,
        tasks: TaskGroup,
    ) -> None:
        self._profile = profile
        self._working_dir = working_dir
        self._environment = environment
        self._limits = limits
        self._open_directory = open_directory
        self._desk = desk
        self._tasks = tasks
        self._session: AcpSession | None = None
        self._sessions: set[AcpSession] = set()
        self._work: _Work | None = None
        self._idle = CancelScope()
        self._starting = Lock()
        self._ending = False

    @property
    def alive(self) -> bool:
        return bool(self._sessions)

    async def run(self, turn: Turn) -> TurnEnd:
        self._idle.cancel()
        work = self._work = _Work()
        try:
            return await self._run(turn, work)
        except AgentUnavailable:  # what could not begin was ended there
            raise
        except BaseException:
            await self._close_all(politely=False)
            raise
        finally:
            self._work = None
            work.over.set()
            self._idle_from_now()

    async def cancel(self) -> None:
        if self._work is not None:
            work = self._work
            work.stop.set()
            await work.over.wait()

    async def close(self) -> None:
        self._ending = True
        self._idle.cancel()
        if self._work is not None:
            self._work.patience = CLOSE_SECONDS
            if self._work.stop.is_set():  # somebody waits for it more patiently
                await self._close_all(politely=False)
        await self.cancel()
        await self._close_all(politely=True)

    async def fork(self, working_dir: str) -> str | None:
        if self._desk.agent_session_id is None:
            return None
        self._idle.cancel()
        try:
            session = await self._ready(None)
            return await session.fork(working_dir)
        except (AgentUnavailable, ProgramGone, Refused, ValidationError) as error:
            logger.warning("the agent of mode %s makes no copy of its session: %s", self._profile.mode, error)
            return None
        finally:
            self._idle_from_now()

    # A turn

    async def _run(self, turn: Turn, work: _Work) -> TurnEnd:
        ended: list[TurnEnd | Exception] = []

        async def do(part: Callable[[], Awaitable[TurnEnd | None]]) -> None:
            try:
                end = await part()
            except Exception as error:  # noqa: BLE001  # it is raised below, alone
                ended.append(error)
            else:
                ended.extend([] if end is None else [end])
            if ended:
                tasks.cancel_scope.cancel()

        async with create_task_group() as tasks:
            tasks.start_soon(do, partial(self._stop_when_asked, work))
            tasks.start_soon(do, partial(self._stop_when_late, work))
            tasks.start_soon(do, partial(self._speak, turn, work))
        if isinstance(ended[0], Exception):
            raise ended[0]
        return ended[0]

    async def _speak(self, turn: Turn, work: _Work) -> TurnEnd:
        """Hand the turn to the agent, and return how it ended."""
        session: AcpSession | None = None
        try:
            session = await self._ready(turn)
            await self._desk.emit(SessionStatus(status="running", pid=session.connection.process.pid))
            await session.take_mode()
            if work.stop.is_set():
                return TurnEnd(stop_reason="cancelled")
            can = session.program.capabilities.prompt_capabilities or PromptCapabilities()
            told = await session.prompt(prompt_blocks(turn, can))
            return await self._end(told, work)
        except ProgramGone:
            return await self._died(work)
        except AgentUnavailable:
            if work.stop.is_set():
                return self._stopped(work)
            if session is None:  # one that lacks a mode alone keeps what it remembers
                await self._close_all(politely=True)
            raise
        except Refused as error:
            if work.stop.is_set():
                return self._stopped(work)
            reason = f"{self._profile.title} could not do this: {error.told}"
            code = "agent-login" if error.code == AUTH_REQUIRED else "agent-error"
            await self._desk.emit(SessionError(error=reason, code=code, recoverable=True))
            return TurnEnd(stop_reason="error")
        finally:
            if session is not None:
                session.finish()

    async def _end(self, told: Any, work: _Work) -> TurnEnd:
        told = told if isinstance(told, Mapping) else {}
        said = told.get("stopReason")
        reason = _STOP_REASONS.get(said) if isinstance(said, str) else None
        if reason is None:
            error = f"{self._profile.title} ended the turn for a reason that nobody knows: {str(said)[:200]!r}."
            await self._desk.emit(SessionError(error=error, code="agent-protocol", recoverable=True))
            reason = "end"
        if work.stop.is_set():
            return self._stopped(work)
        return TurnEnd(stop_reason=reason, usage=turn_usage(told.get("usage")))

    def _stopped(self, work: _Work) -> TurnEnd:
        return TurnEnd(stop_reason="limit" if work.late else "cancelled")

    async def _died(self, work: _Work) -> TurnEnd:
        """Tell that the agent is gone in the midst of a turn, unless it was ended for taking long to stop."""
        session = self._session
        assert session is not None
        await session.connection.over.wait()
        if session.connection.failure is not None:
            raise session.connection.failure
        if work.stop.is_set():
            return self._stopped(work)
        reason = f"{self._profile.title} {_how(session)} in the midst of the turn.{session.last_words}"
        await self._desk.emit(SessionError(error=reason, code="agent-exited", recoverable=True))
        return TurnEnd(stop_reason="error")

    async def _stop_when_asked(self, work: _Work) -> None:
        """Have the agent stop, and end it if it does not in time."""
        await work.stop.wait()
        await work.begun.wait()
        session = self._session
        assert session is not None
        with move_on_after(self._profile.cancel_seconds if work.patience is None else work.patience):
            try:
                if session.session_id:
                    await session.cancel()
                    await work.over.wait()
            except ProgramGone:
                return
        await session.connection.close(politely=False)

    async def _stop_when_late(self, work: _Work) -> None:
        begun = current_time()
        await work.begun.wait()
        assert self._session is not None
        before = self._session.waited
        rest = self._profile.turn_seconds
        while rest > 0:  # the time in which it waits for a human does not count
            await sleep(rest)
            rest = self._profile.turn_seconds + self._session.waited - before - (current_time() - begun)
        work.late = True
        reason = f"The turn took longer than {_duration(self._profile.turn_seconds)}, and was stopped."
        await self._desk.emit(SessionError(error=reason, code="turn-timeout", recoverable=True))
        work.stop.set()

    # The program

    async def _ready(self, turn: Turn | None) -> AcpSession:
        """Return the program with the session open in it. Raises AgentUnavailable, ProgramGone."""
        async with self._starting:
            return await self._begin(turn)

    async def _begin(self, turn: Turn | None) -> AcpSession:
        session = self._session
        if session is not None and not session.connection.gone.is_set():
            if turn is not None:
                session.begin(turn.turn_id)
            self._begun()
            return session
        for old in list(self._sessions):  # two of them would write to one history
            await old.connection.over.wait()
        session = self._session = await self._spawned()
        self._sessions.add(session)
        self._tasks.start_soon(self._attend, session)
        self._begun()
        await session.start("" if turn is None else turn.turn_id)
        return session

    def _begun(self) -> None:
        if self._work is not None:
            self._work.begun.set()

    async def _spawned(self) -> AcpSession:
        try:
            directory = await self._open_directory(self._working_dir)
        except Invalid as error:
            raise AgentUnavailable(str(error)) from error
        try:
            process = await spawn(
                self._profile.command,
                directory=directory,
                environment=self._environment,
                limits=self._limits,
                stdin=True,
            )
        except ProcessError as error:
            raise AgentUnavailable(f"{self._profile.title} can't be started: {error}") from error
        finally:
            os.close(directory)
        return AcpSession(
            process,
            profile=self._profile,
            desk=self._desk,
            environment=self._environment,
            working_dir=self._working_dir,
        )

    async def _attend(self, session: AcpSession) -> None:
        """See a program out, and tell when it goes by itself between turns. Never raises."""
        try:
            await session.connection.attend()
        finally:
            self._sessions.discard(session)
        if self._session is not session or self._work is not None or self._ending:
            return
        self._session = None
        try:
            if session.connection.exit_code != 0:
                reason = f"{self._profile.title} {_how(session)} between two turns.{session.last_words}"
                await self._desk.emit(SessionError(error=reason, code="agent-exited", recoverable=True))
            await self._desk.emit(SessionStatus(status="exited", reason=f"{self._profile.title} {_how(session)}."))
        except Exception:
            logger.exception("it can't be told that an agent is gone")

    async def _close_all(self, *, politely: bool) -> None:
        """End what runs; the next turn starts another."""
        async with create_task_group() as tasks:
            for session in list(self._sessions):
                tasks.start_soon(session.leave if politely else partial(session.connection.close, politely=False))

    def _idle_from_now(self) -> None:
        if self._session is not None and not self._session.connection.gone.is_set() and not self._ending:
            self._tasks.start_soon(self._end_when_idle, self._session)

    async def _end_when_idle(self, session: AcpSession) -> None:
        self._idle.cancel()
        with CancelScope() as self._idle:
            await sleep(self._profile.idle_seconds)
            if session.connection.gone.is_set() or self._work is not None:
                return
            self._session = None  # so that nobody takes its end for an accident
            with CancelScope(shield=True):
                await session.leave()
                idle = _duration(self._profile.idle_seconds)
                reason = f"{self._profile.title} was idle for {idle}; the next prompt starts it again."
                await self._tell_idle(reason)

    async def _tell_idle(self, reason: str) -> None:
        try:
            await self._desk.emit(SessionStatus(status="exited", reason=reason))
        except Exception:
            logger.exception("it can't be told that an agent was idle")


def _how(session: AcpSession) -> str:
    code = session.connection.exit_code
    if code is None:
        return "was lost"
    return f"was ended by signal {code - 128}" if code > 128 else f"ended with exit code {code}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
