"""An agent program of the Agent Client Protocol v1, with one session in it: started, taken up again, spoken to.

What it tells becomes events (updates.py), what it asks is answered (asking.py), over a connection.py.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from anyio import move_on_after
from msgspec import UNSET, ValidationError, convert, field

from contracts.events import Event, SessionError, SessionOutput, SessionUpdated
from domain.errors import AgentUnavailable
from domain.ports import Desk
from infrastructure.agents.acp_program import AcpProgram, Theirs
from infrastructure.agents.asking import Answers
from infrastructure.agents.connection import Connection, ProgramGone, Refused
from infrastructure.agents.profiles import Profile
from infrastructure.agents.updates import Translation
from infrastructure.agents.wire import INVALID_PARAMS, Junk, Notification
from infrastructure.processes.process import Process

CLOSE_SECONDS = 1.0
LINES_TOLD = 20
ERRORS_CHARACTERS = 64 * 1024
CHOICES_SHOWN = 20


class Mode(Theirs, frozen=True):
    """A mode of the agent's own."""

    id: str


class Modes(Theirs, frozen=True):
    """The modes, and which it is in."""

    current_mode_id: str
    available_modes: list[Mode] = field(default_factory=list)


class Setting(Theirs, frozen=True):
    """A setting; one of the category ``mode`` stands for the modes."""

    id: str
    category: Any = None
    current_value: Any = None


class Opened(Theirs, frozen=True):
    """A session, made or taken up again."""

    session_id: str = ""
    modes: Modes | None = None
    config_options: list[Setting] | None = None


class AcpSession:
    """A program at work on one session. ``connection.over`` is set when nothing is left of it."""

    def __init__(
        self, process: Process, *, profile: Profile, desk: Desk, environment: Mapping[str, str], working_dir: str
    ) -> None:
        self.session_id = ""
        self.connection = Connection(process, self)
        self.program = AcpProgram(self.connection, profile=profile, environment=environment)
        self.translation = Translation()
        self._profile = profile
        self._desk = desk
        self._working_dir = working_dir
        self._answers = Answers(desk=desk, translation=self.translation, title=profile.title, hidden=profile.hide)
        self._setting: Setting | None = None
        self._modes: Modes | None = None
        self._copies: set[str] = set()
        self._told_lines = 0
        self._errors_left = ERRORS_CHARACTERS

    async def start(self, turn_id: str) -> None:
        """Shake hands and open the session. Raises AgentUnavailable, ProgramGone."""
        self.begin(turn_id)
        try:
            await self.program.begin(self._profile.start_seconds, self._open)
        except AgentUnavailable as error:
            raise AgentUnavailable(f"{error}{self.last_words}") from error

    def begin(self, turn_id: str) -> None:
        """Begin a turn: what is told from now on belongs to it."""
        self._told_lines, self._errors_left = 0, ERRORS_CHARACTERS
        self.translation.begin(turn_id)

    async def prompt(self, blocks: Sequence[Mapping[str, Any]]) -> Any:
        """Return how the agent ended its work. Raises Refused, ProgramGone."""
        return await self.connection.request("session/prompt", {"sessionId": self.session_id, "prompt": blocks})

    async def cancel(self) -> None:
        """Have the agent stop: `prompt` returns then. Raises ProgramGone."""
        await self.connection.notify("session/cancel", {"sessionId": self.session_id})
        self._answers.withdraw()

    def finish(self) -> None:
        """End the turn: nobody answers what is still asked."""
        self._answers.withdraw()

    @property
    def waited(self) -> float:
        """How many seconds the agent waited for humans so far, one question at least being open."""
        return self._answers.waited

    async def take_mode(self) -> None:
        """Bring the agent into the mode that is wanted, and see that it is. Raises AgentUnavailable, ProgramGone."""
        wanted = self._desk.agent_mode or self._profile.agent_mode
        if wanted is not None and wanted != self.translation.mode:
            await self._set_mode(wanted)
        self.translation.settled = True

    async def _set_mode(self, wanted: str) -> None:
        known = [mode.id for mode in self._modes.available_modes] if self._modes else []
        if self._setting is None and wanted not in known:
            modes = ", ".join(known[:CHOICES_SHOWN]) or "it has none"
            raise AgentUnavailable(f"{self._profile.title} has no mode {wanted!r}: {modes}.")
        try:
            if self._modes is not None and wanted in known:
                before = self.translation.mode
                await self._call("session/set_mode", modeId=wanted)
                if self.translation.mode == before:  # it tells a mode that it takes by itself; of ours it need not
                    self.translation.mode = wanted
            else:
                assert self._setting is not None
                value = {"configId": self._setting.id, "value": wanted}
                self._note(convert(await self._call("session/set_config_option", **value), Opened))
        except (Refused, ValidationError) as error:
            raise AgentUnavailable(f"{self._profile.title} did not take the mode {wanted!r}: {error}.") from error
        if self.translation.mode != wanted:
            raise AgentUnavailable(
                f"{self._profile.title} stays in the mode {self.translation.mode!r}, not {wanted!r}."
            )

    async def fork(self, working_dir: str) -> str | None:
        """Return the id of a copy of the session. Raises ProgramGone, Refused, ValidationError."""
        can = self.program.capabilities.sessions
        if can.fork is None:
            return None
        self.translation.replaying = True
        try:
            copy = convert(await self._call("session/fork", cwd=working_dir, mcpServers=[]), Opened)
            self._copies.add(copy.session_id)
            if can.close is not None and copy.session_id:
                await self.connection.request("session/close", {"sessionId": copy.session_id})
        finally:
            self.translation.replaying = False
        return copy.session_id or None

    async def leave(self) -> None:
        """Close the session, where the agent offers that, and end the program."""
        if self.session_id and self.program.capabilities.sessions.close is not None:
            with move_on_after(CLOSE_SECONDS, shield=True), suppress(ProgramGone, Refused):
                await self._call("session/close")
        await self.connection.close(politely=True)

    @property
    def last_words(self) -> str:
        """What the program wrote last on its standard error, to be added to a sentence."""
        words = self.connection.last_words.strip()
        return f" Its last words:\n{words}" if words else ""

    # What the connection hears

    async def told(self, messages: Sequence[Notification | Junk]) -> None:
        events: list[Event] = []
        updates: list[Any] = []
        for message in messages:
            match message:
                case Notification(method="session/update", params={"update": update, "sessionId": session_id}):
                    if not self.session_id or session_id == self.session_id:
                        updates.append(update)
                    elif self.translation.replaying or session_id in self._copies:
                        continue  # of a copy, which another program goes on with
                    else:
                        events += self._warn("told something of a session that is not this one", str(session_id))
                case Notification(method=method) if method.startswith(
                    ("$/", "_")
                ):  # not for everybody, by the protocol
                    continue
                case Notification(method=method):
                    events += self._warn("told what no client knows", method)
                case Junk(reason=reason, text=text):
                    events += self._warn(f"wrote {reason}", text)
        await self._desk.emit(*self.translation.events(updates), *events)

    async def asked(self, method: str, params: Any, in_order: Callable[[], None]) -> Any:
        named = params.get("sessionId") if isinstance(params, Mapping) else None
        if self.session_id and named not in (None, self.session_id):
            raise Refused(INVALID_PARAMS, f"{method[:100]}: that session is not open here.")
        return await self._answers.answer(method, params, in_order)

    async def complained(self, text: str) -> None:
        if self._errors_left <= 0:
            return
        shown = text[: self._errors_left]
        self._errors_left -= len(shown)
        if self._errors_left == 0:
            shown += "\ntowpath: what the agent writes on stderr is not shown beyond this, until the next turn\n"
        turn_id = self.translation.turn_id or UNSET
        await self._desk.emit(SessionOutput(turn_id=turn_id, stream="stderr", content=shown))

    def _warn(self, what: str, text: str) -> list[Event]:
        self._told_lines += 1
        if self._told_lines > LINES_TOLD:
            return []
        end = " More of that is not told until the next turn." if self._told_lines == LINES_TOLD else ""
        reason = f"{self._profile.title} {what}: {text[:200]!r}.{end}"
        return [SessionError(error=reason, code="agent-protocol", recoverable=True)]

    # How it begins

    async def _open(self) -> None:
        known = self._desk.agent_session_id
        lost = await self._take_up(known) if known is not None else ""
        if self.session_id:
            return
        opened = await self._new()
        if not opened.session_id:
            raise AgentUnavailable(f"{self._profile.title} opened a session without an id.")
        self.session_id = opened.session_id
        self._note(opened)
        events: list[Event] = [SessionUpdated(agent_session_id=self.session_id)]
        if known is not None:
            reason = (
                f"{self._profile.title} could not take up its earlier session ({lost}). It begins anew and "
                "remembers nothing of what was said before."
            )
            events.append(SessionError(error=reason, code="agent-memory-lost", recoverable=True))
        await self._desk.emit(*events)

    async def _take_up(self, session_id: str) -> str:
        """Go on with an earlier session, by resuming or else by loading it; return why that can't be."""
        can = self.program.capabilities
        methods = ["session/resume"] if can.sessions.resume is not None else []
        methods += ["session/load"] if can.load_session else []
        reason = "it can't take up sessions"
        for method in methods:
            self.translation.replaying = True
            try:
                params = {"sessionId": session_id, "cwd": self._working_dir, "mcpServers": []}
                answered = await self.program.call(method, params)
                self.session_id = session_id
                self._note(convert(answered or {}, Opened))
            except Refused as error:
                reason = error.told
                continue
            finally:
                self.translation.replaying = False
            return ""
        return reason

    async def _new(self) -> Opened:
        return convert(await self.program.call("session/new", {"cwd": self._working_dir, "mcpServers": []}), Opened)

    def _note(self, opened: Opened) -> None:
        """Take note of the modes that an answer names."""
        self._modes = opened.modes or self._modes
        if opened.modes is not None:
            self.translation.mode = opened.modes.current_mode_id
        for setting in opened.config_options or ():
            if setting.category == "mode":
                self._setting = setting
                if isinstance(setting.current_value, str):
                    self.translation.mode = setting.current_value

    async def _call(self, method: str, **params: Any) -> Any:
        return await self.connection.request(method, {"sessionId": self.session_id, **params})
