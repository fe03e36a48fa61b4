"""The messages of the old server's WebSocket, as far as they are still spoken; docs/migration.md describes them.

Each is one JSON object in one text message. Clients are read with tolerance: unknown members are ignored, and ``null``
means absent. What the old server knew of events goes out as it is recorded (contracts/events.py); agents' messages
become ``session-output``.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.events import Cursor, Identifier, Milliseconds, Status

LegacyId = Identifier | None
LegacyText = str | None


class LegacyRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """What an old client says. The text of a prompt is in any of ``command``, ``message`` and ``content``.

    Silence is never a yes: an answer to a question says ``approved``.
    """

    type: Annotated[str, Meta(max_length=64)]
    session_id: LegacyId = None
    turn_id: LegacyId = None
    command: LegacyText = None
    message: LegacyText = None
    content: LegacyText = None
    approval_id: LegacyId = None
    approved: bool | None = None
    option_id: LegacyText = None
    custom_command: LegacyText = None


class LegacyNotice(Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of what the bridge says beside events."""


class Deprecation(LegacyNotice, frozen=True, kw_only=True, tag="deprecation"):
    """The first message on every socket: this way in goes away, and where to go instead."""

    message: str
    deprecated: Milliseconds
    sunset: Milliseconds
    successor: str
    events: str


class LegacyConnected(LegacyNotice, frozen=True, kw_only=True, tag="connected"):
    """The socket is open and listens."""

    server_version: str
    timestamp: Milliseconds


class Subscribed(LegacyNotice, frozen=True, kw_only=True, tag="subscribed"):
    """The session's events follow, from ``cursor`` on: an EventSource may take over there."""

    session_id: Identifier
    status: Status
    cursor: Cursor
    events: str


class Unsubscribed(LegacyNotice, frozen=True, kw_only=True, tag="unsubscribed"):
    """No more of the session's events follow."""

    session_id: Identifier


class LegacyPromptAccepted(LegacyNotice, frozen=True, kw_only=True, tag="prompt-accepted"):
    """The prompt is in the log."""

    success: Literal[True] = True
    session_id: Identifier
    turn_id: Identifier
    state: Literal["started", "queued"]
    timestamp: Milliseconds


class LegacyCancelAccepted(LegacyNotice, frozen=True, kw_only=True, tag="cancel-accepted"):
    """The turn is being stopped, or was taken out of the queue."""

    success: Literal[True] = True
    session_id: Identifier
    turn_id: Identifier


class LegacyApprovalAccepted(LegacyNotice, frozen=True, kw_only=True, tag="approval-accepted"):
    """The answer counts: it is the first."""

    success: Literal[True] = True
    session_id: Identifier
    approval_id: Identifier
    approved: bool
    option_id: str


class Pong(LegacyNotice, frozen=True, kw_only=True, tag="pong"):
    """The answer to ``ping``."""

    timestamp: Milliseconds


class LegacyError(LegacyNotice, frozen=True, kw_only=True, tag="error"):
    """A message was not acted upon, or events were lost (``stream-reset``). Codes are those of problems, and that."""

    success: Literal[False] = False
    code: str
    message: str
    session_id: Identifier | UnsetType = UNSET
