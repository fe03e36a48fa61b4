"""What the tests of access share: a clock that stands still, an audit kept in a list, a door with its keys."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from contracts.events import Event
from contracts.views import Agent as AgentProfile
from domain.access import FailedAttempts
from domain.doorkeeper import Doorkeeper
from domain.errors import SessionNotFound
from domain.ids import SessionId
from domain.ports import AgentLauncher, EventLog
from infrastructure.datadir import DataDir
from infrastructure.tokens import FileCredentials

SHELL_SESSION = SessionId("session_shell")
CLAUDE_SESSION = SessionId("session_claude")
URL = "http://127.0.0.1:8780"


class StillClock:
    """Wall and monotonic time that go on when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def now(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


class RecordedAudit:
    def __init__(self) -> None:
        self.notes: list[dict[str, str]] = []

    def note(self, action: str, *, by: str, peer: str = "", **about: str) -> None:
        self.notes.append({"action": action, "by": by, "peer": peer, **about})


class TwoSessions:
    """A log that knows a shell session and a session of another agent."""

    async def head(self, session_id: SessionId) -> object:
        modes = {SHELL_SESSION: "shell", CLAUDE_SESSION: "claude"}
        if session_id not in modes:
            raise SessionNotFound(session_id)
        return SimpleNamespace(listing=SimpleNamespace(mode=modes[session_id]))


class TwoProfiles:
    def profiles(self) -> list[AgentProfile]:
        return [
            AgentProfile(mode="shell", title="Shell", protocol="shell", available=True),
            AgentProfile(mode="claude", title="Claude", protocol="claude", available=True),
        ]


class Door:
    """A doorkeeper with real keys in real files; events and notes are kept in lists."""

    def __init__(self, data_dir: DataDir) -> None:
        self.clock = StillClock()
        self.audit = RecordedAudit()
        self.events: list[Event] = []
        self.credentials = make_credentials(data_dir, self.clock)
        self.owner = (data_dir.path / "token").read_text().strip()
        self.keeper = Doorkeeper(
            credentials=self.credentials,
            attempts=FailedAttempts(),
            log=cast("EventLog", TwoSessions()),
            launcher=cast("AgentLauncher", TwoProfiles()),
            audit=self.audit,
            emit=self._emit,
            monotonic=self.clock.monotonic,
            url=URL,
        )

    async def _emit(self, *events: Event) -> None:
        self.events += events


def make_credentials(data_dir: DataDir, clock: StillClock) -> FileCredentials:
    return FileCredentials(files=data_dir, clock=clock, monotonic=clock.monotonic)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777
