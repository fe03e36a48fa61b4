"""Which agents there are, and the conversations that they had elsewhere: listed, and taken up in a session."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

from msgspec import UNSET

from contracts import views
from contracts.events import CommandSent, Event, SessionUpdated
from contracts.requests import CreateSession
from domain.errors import (
    AgentSessionTaken,
    AgentUnavailable,
    InvalidAgentSession,
    InvalidWorkingDir,
    NotFound,
    OutsideRoots,
    UnknownMode,
)
from domain.ids import SessionId
from domain.ports import AgentLauncher, EventLog, Listing, ListingFilter, Workspace
from domain.prompts import title_of

PAGE_LISTINGS = 500


class Agents:
    """What sessions may be held with. Two never go on with one conversation: both would write to its history."""

    def __init__(self, *, log: EventLog, launcher: AgentLauncher, workspace: Workspace) -> None:
        self._log = log
        self._launcher = launcher
        self._workspace = workspace
        self._taking: dict[str, SessionId] = {}

    def check(self, mode: str) -> None:
        """Raise UnknownMode, or AgentUnavailable, where no session can be made."""
        profiles = {profile.mode: profile for profile in self._launcher.profiles()}
        profile = profiles.get(mode)
        if profile is None:
            known = ", ".join(sorted(profiles))
            raise UnknownMode(f"There is no mode {mode!r}; GET /api/agents lists them: {known}.", member="$.mode")
        if not profile.available:
            raise AgentUnavailable(f"The mode {mode!r} can't be used here: {profile.reason}")

    async def find(self, mode: str, working_dir: str | None) -> views.AgentSessionList:
        """List what the agent of a mode remembers of a directory, the newest first.

        Raises NotFound, AgentUnavailable, InvalidWorkingDir, OutsideRoots; no agent is started for what can't be meant.
        """
        try:
            self.check(mode)
        except UnknownMode as error:
            raise NotFound("There is no such agent; GET /api/agents lists them.") from error
        self._check_memory(mode)
        try:
            real = await self._workspace.resolve(working_dir)
        except (InvalidWorkingDir, OutsideRoots) as error:
            raise type(error)(str(error), member="workingDir") from error
        found = await self._launcher.sessions(mode, working_dir=real)
        wanted = {one.agent_session_id for one in found}
        listed = [one async for one in self._listings() if one.agent_session_id in wanted]
        taken = {one.agent_session_id: one.session_id for one in listed}
        return views.AgentSessionList(
            working_dir=real,
            agent_sessions=[
                views.AgentSession(
                    agent_session_id=one.agent_session_id,
                    title=one.title,
                    updated_at=UNSET if one.updated_at is None else one.updated_at,
                    session_id=taken.get(one.agent_session_id, UNSET),
                )
                for one in found
            ],
        )

    @contextmanager
    def taking(self, request: CreateSession, session_id: SessionId) -> Iterator[None]:
        """Let nobody else take a conversation up while the block does. Raises AgentSessionTaken."""
        wanted = request.agent_session_id
        if wanted is UNSET:
            yield
            return
        self._refuse(wanted, self._taking.get(wanted))
        self._taking[wanted] = session_id
        try:
            yield
        finally:
            del self._taking[wanted]

    async def recall(self, request: CreateSession, working_dir: str) -> Sequence[Event]:
        """Return what a session begins with: what was said before, where a request takes a conversation up.

        Raises InvalidAgentSession, AgentSessionTaken, AgentUnavailable, UnknownMode.
        """
        wanted = request.agent_session_id
        if wanted is UNSET:
            return ()
        if request.isolation != "none":
            reason = "A conversation goes on where it was held, not in a worktree: leave `isolation` out."
            raise InvalidAgentSession(reason, member="$.isolation")
        self._check_memory(request.mode)
        async for one in self._listings():
            if one.agent_session_id == wanted:
                self._refuse(wanted, one.session_id)
        told = await self._launcher.recall(request.mode, working_dir=working_dir, agent_session_id=wanted)
        first = next((event.command for event in told if isinstance(event, CommandSent)), "")
        title = title_of(first) if request.title is UNSET and isinstance(first, str) else ""
        return [*told, SessionUpdated(agent_session_id=wanted, title=title or UNSET)]

    def _check_memory(self, mode: str) -> None:
        if any(profile.mode == mode and profile.protocol == "shell" for profile in self._launcher.profiles()):
            raise AgentUnavailable("A shell holds no conversations.")

    def _refuse(self, wanted: str, session_id: SessionId | None) -> None:
        if session_id is not None:
            raise AgentSessionTaken(f"Session {session_id} goes on with {wanted} already.", session_id=session_id)

    async def _listings(self) -> AsyncIterator[Listing]:
        before: tuple[int, SessionId] | None = None
        while page := await self._log.page(ListingFilter(), before=before, limit=PAGE_LISTINGS):
            for listed in page:
                yield listed.listing
            before = page[-1].head.last_activity, page[-1].listing.session_id
