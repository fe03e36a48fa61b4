"""What becomes of the old server's clients: bridged, sent on, or turned away; counted in any case.

Every answer says so in headers: since when it is deprecated (RFC 9745), until when it is there (RFC 8594), and what
takes its place (RFC 5829).
"""

from collections import Counter
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Literal

from domain.ids import is_identifier
from domain.ports import Clock

SESSIONS_PATH = "/claude/api/claude/sessions"
CHAT_PATH = "/claude/api/claude/chat"
SESSIONS_SUCCESSOR = "/api/sessions"
EVENTS_SUCCESSOR = "/api/session/{sessionId}/events"
DEPRECATED = datetime(2026, 11, 23, tzinfo=UTC)
"""The first release had a successor for everything behind these addresses."""

Mode = Literal["bridge", "redirect", "off"]
Use = Literal["sessions", "chat"]

# What a user agent gives away, the first that fits; the names are few, since each becomes a time series.
_KINDS = (
    ("browser", ("mozilla/",)),
    ("node", ("node", "undici", "axios", "electron")),
    ("python", ("python", "aiohttp", "httpx", "websockets")),
    ("curl", ("curl/", "wget/", "websocat")),
    ("go", ("go-http-client", "gorilla")),
    ("java", ("java", "okhttp", "dart")),
)


def client_kind(user_agent: str) -> str:
    """Return the kind of client; ``unnamed`` for one that says nothing, as Node's ``ws`` does."""
    agent = user_agent[:256].lower()
    if not agent:
        return "unnamed"
    return next((kind for kind, marks in _KINDS if any(mark in agent for mark in marks)), "other")


def chat_successor(session_id: str) -> str:
    """Return the address that takes the place of the WebSocket, for one session where the client named one."""
    return EVENTS_SUCCESSOR.format(sessionId=session_id) if is_identifier(session_id) else "/api/events"


class Legacy:
    """The setting, and who still depends on it."""

    def __init__(self, *, mode: Mode, sunset: date, clock: Clock) -> None:
        self.mode = mode
        self.sunset = datetime.combine(sunset, time(), UTC)
        self.uses: Counter[tuple[Use, str]] = Counter()
        self.last_use: dict[tuple[Use, str], int] = {}
        self.open: Counter[str] = Counter()
        """Sockets, by kind of client."""
        self.messages: Counter[str] = Counter()
        """What clients said, by type."""
        self.now = clock.now

    def note(self, use: Use, user_agent: str) -> str:
        """Count a use; return the kind of client."""
        kind = client_kind(user_agent)
        self.uses[use, kind] += 1
        self.last_use[use, kind] = self.now()
        return kind

    def headers(self, successor: str) -> dict[str, str]:
        """Return what every answer at an old address says."""
        return {
            "Deprecation": f"@{int(DEPRECATED.timestamp())}",
            "Sunset": format_datetime(self.sunset, usegmt=True),
            "Link": f'<{successor}>; rel="successor-version"',
        }
