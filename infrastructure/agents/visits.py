"""Agents that are started to be asked something, and ended again: who they are, what they remember. No turn is run."""

import os
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from anyio.abc import TaskGroup
from msgspec import ValidationError, convert, field
from msgspec.structs import replace

from contracts.codec import encode
from contracts.events import MAX_SAFE_INTEGER, Event, SessionError
from domain.errors import AgentUnavailable, InvalidAgentSession
from domain.ports import AgentSession
from infrastructure.agents.acp_program import AcpProgram, Theirs
from infrastructure.agents.connection import Connection, ProgramGone, Refused, unknown_method
from infrastructure.agents.profiles import Profile
from infrastructure.agents.recollection import turns
from infrastructure.agents.wire import Junk, Notification
from infrastructure.processes.errors import ProcessError
from infrastructure.processes.process import Limits, Process, spawn

T = TypeVar("T")

EOF_SECONDS = 0.5  # nothing is unsaved; some end by SIGTERM alone
MOST_JUNK = 10_000  # lines that are no messages
MOST_HISTORY_BYTES = 16 * 1024 * 1024
MOST_SESSIONS = 200
MOST_PAGES = 20
TITLE_CHARACTERS = 200
_fits_as_id = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,500}").fullmatch
_is_telling = re.compile(r"error\b|exception\b|fatal|panic", re.IGNORECASE).search


class _Known(Theirs, frozen=True):
    """A session that an agent remembers."""

    session_id: str
    cwd: str
    title: str | None = None
    updated_at: Any = None


class _Page(Theirs, frozen=True):
    """Some of them; whoever has the cursor gets more."""

    sessions: list[Any] = field(default_factory=list)
    next_cursor: str | None = None


class Visit:
    """A program that was started to be asked something: what it tells is kept, what it asks is refused."""

    def __init__(self, process: Process, *, profile: Profile, environment: Mapping[str, str]) -> None:
        self.connection = Connection(process, self)
        self.program = AcpProgram(self.connection, profile=profile, environment=environment)
        self._title = profile.title
        self._told: deque[tuple[Any, int]] = deque()
        self._size = 0
        self._cut = False
        self._junk = 0

    async def sessions(self, working_dir: str) -> Sequence[AgentSession]:
        """Return the sessions that the agent has in a directory. Raises AgentUnavailable, Refused, ProgramGone."""
        if self.program.capabilities.sessions.lists is None:
            raise AgentUnavailable(f"{self._title} does not list its sessions.")
        found: dict[str, AgentSession] = {}
        cursor: Mapping[str, str] = {}
        for _ in range(MOST_PAGES):
            page = convert(await self.program.call("session/list", {"cwd": working_dir, **cursor}), _Page)
            known = (_known(one, working_dir) for one in page.sessions)
            found |= {one.agent_session_id: one for one in known if one is not None}
            if not page.next_cursor or len(found) >= MOST_SESSIONS:
                break
            cursor = {"cursor": page.next_cursor}
        newest = sorted(found.values(), key=lambda one: one.updated_at or 0, reverse=True)
        return newest[:MOST_SESSIONS]

    async def recall(self, session_id: str, working_dir: str) -> Sequence[Event]:
        """Return what was said in a session, as far as the agent tells it; see that it can be taken up.

        Raises InvalidAgentSession, AgentUnavailable, ProgramGone.
        """
        can = self.program.capabilities
        if not can.load_session and can.sessions.resume is None:
            raise AgentUnavailable(f"{self._title} can't take up sessions.")
        method = "session/load" if can.load_session else "session/resume"
        try:
            await self.program.call(method, {"sessionId": session_id, "cwd": working_dir, "mcpServers": []})
        except Refused as error:
            reason = f"{self._title} does not take up this session in {working_dir}: {error.told}"
            raise InvalidAgentSession(reason, member="$.agentSessionId") from error
        events = list(turns(update for update, _ in self._told))
        if can.sessions.close is not None:
            await self.connection.request("session/close", {"sessionId": session_id})
        if self._cut:
            told = f"What was said first is left out: the conversation takes more than {MOST_HISTORY_BYTES} bytes."
            events.insert(0, SessionError(error=told, code="history-cut", recoverable=True))
        return events

    # What the connection hears

    async def told(self, messages: Sequence[Notification | Junk]) -> None:
        for message in messages:
            match message:
                case Notification(method="session/update", params={"update": update}):
                    size = len(encode(update))
                    self._told.append((update, size))
                    self._size += size
                case Junk():
                    self._junk += 1
        while self._size > MOST_HISTORY_BYTES:
            self._cut = True
            self._size -= self._told.popleft()[1]
        if self._junk > MOST_JUNK:
            raise AgentUnavailable(f"{self._title} writes what is no message, without an end.")

    async def asked(self, method: str, params: Any, in_order: Callable[[], None]) -> Any:
        del params, in_order
        raise unknown_method(method)

    async def complained(self, text: str) -> None:
        """Its last words are kept by the connection."""


async def visit(
    profile: Profile,
    do: Callable[[Visit], Awaitable[T]],
    *,
    directory: int | None,
    environment: Mapping[str, str],
    limits: Limits,
    seconds: float,
    tasks: TaskGroup,
) -> T:
    """Start an agent in *directory*, a handle that is closed here, shake hands, and return what *do* returns.

    Without one it starts in an empty directory of its own, so that it reads no project's settings.
    The agent is ended with all that it started before this returns; until then it is *tasks*' own. Raises
    AgentUnavailable, and what *do* raises.
    """
    with ExitStack() as stack:
        if directory is None:
            folder = stack.enter_context(TemporaryDirectory(prefix="towpath-"))
            directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            process = await spawn(
                profile.command, directory=directory, environment=environment, limits=limits, stdin=True
            )
        except ProcessError as error:
            raise AgentUnavailable(f"{profile.title} does not start: {error}") from error
        finally:
            os.close(directory)
        return await _speak(process, profile, do, environment=environment, seconds=seconds, tasks=tasks)


async def _speak(
    process: Process,
    profile: Profile,
    do: Callable[[Visit], Awaitable[T]],
    *,
    environment: Mapping[str, str],
    seconds: float,
    tasks: TaskGroup,
) -> T:
    hidden = replace(profile, hide=("readTextFile", "writeTextFile", "terminal"))
    visited = Visit(process, profile=hidden, environment=environment)
    tasks.start_soon(visited.connection.attend)
    try:
        return await visited.program.begin(seconds, lambda: do(visited))
    except ProgramGone:
        await visited.connection.over.wait()
        reason = visited.connection.failure or f"{profile.title} ended without an answer."
        raise AgentUnavailable(f"{reason}{_last_words(visited.connection.last_words)}") from None
    except AgentUnavailable as error:
        raise AgentUnavailable(f"{error}{_last_words(visited.connection.last_words)}") from error
    finally:
        await visited.connection.close(politely=True, eof_seconds=EOF_SECONDS)


def _known(told: Any, working_dir: str) -> AgentSession | None:
    """Return a session that can be taken up in the directory; some agents list those of others too."""
    try:
        one = convert(told, _Known)
    except ValidationError:
        return None
    if one.cwd != working_dir or not _fits_as_id(one.session_id):
        return None
    title = "".join(c if c.isprintable() else " " for c in one.title or "").strip()
    return AgentSession(
        agent_session_id=one.session_id, title=title[:TITLE_CHARACTERS], updated_at=_instant(one.updated_at)
    )


def _instant(told: object) -> int | None:
    """Return milliseconds of a time by ISO 8601; one without a zone is in UTC."""
    try:
        time = datetime.fromisoformat(str(told))
        milliseconds = int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return milliseconds if 0 <= milliseconds <= MAX_SAFE_INTEGER else None


def _last_words(words: str) -> str:
    """Return what tells most of what a program wrote last, as the end of a sentence."""
    lines = [line.strip() for line in words.split("\n") if line.strip()]
    if not lines:
        return ""
    # a stack trace stands behind its reason
    telling = next((line for line in reversed(lines) if _is_telling(line)), lines[-1])
    return f" Its last words: {telling[:200]}"
