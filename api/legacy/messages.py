"""What the old protocol's words mean, and what becomes of events in it. docs/migration.md is its description."""

from contextlib import suppress
from typing import Any, Literal, get_args

import msgspec

from api.legacy.policy import DEPRECATED, EVENTS_SUCCESSOR, SESSIONS_SUCCESSOR, Legacy
from api.words import in_words
from contracts.codec import decode_event, encode
from contracts.events import AgentMessage, SessionOutput
from contracts.legacy import Deprecation
from domain.errors import NotFound
from domain.ports import Recorded
from domain.reading import Reading

Action = Literal["ping", "subscribe", "unsubscribe", "prompt", "cancel", "approval-response"]
ACTIONS: dict[str, Action] = {
    **{action: action for action in get_args(Action)},
    "command": "prompt",
    "chat-message": "prompt",
    "interrupt": "cancel",
    "stop": "cancel",
}
"""What a message's type asks for."""

KNOWN_TYPES = frozenset(
    {
        "session-created",
        "session-deleted",
        "session-error",
        "session-output",
        "session-status",
        "operations-detected",
        "operations-error",
        "operations-executed",
        "approval-confirmed",
        "approval-expired",
        "approval-request",
    }
)
"""The old server's events, which go out as they are recorded."""
TYPES = KNOWN_TYPES | {"agent-message"}
_WITH_BODIES = frozenset({"approval-request", "operations-detected", "operations-error"})
WHOLE_BYTES = 512 * 1024
"""How much text that was too large for its event is put back into a message: old clients can't fetch it."""


class Messages:
    """Events as old clients know them."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def render(self, event: Recorded) -> str:
        """Return an event as a message."""
        if event.type == "agent-message":
            return encode(_as_output(event)).decode()
        if event.type in _WITH_BODIES and b'"blobId":' in event.data:
            return encode(await self._with_bodies(event)).decode()
        return event.data.decode()

    async def _with_bodies(self, event: Recorded) -> Any:
        """Put texts that were too large for their event back into it, as far as they fit."""
        room = WHOLE_BYTES

        async def whole(value: Any) -> Any:
            nonlocal room
            match value:
                case {"blobId": str(blob_id), "bytes": int(size), "preview": str()} if size <= room:
                    room -= size
                    with suppress(NotFound):  # deleted meanwhile
                        return (await self._reading.blob(event.session_id, blob_id)).decode(errors="replace")
                case dict():
                    return {name: await whole(member) for name, member in value.items()}
                case list():
                    return [await whole(item) for item in value]
            return value

        return await whole(msgspec.json.decode(event.data))


def deprecation(legacy: Legacy) -> Deprecation:
    """Return the first message of every socket."""
    return Deprecation(
        message="This WebSocket goes away. Follow each session at its own address, by Server-Sent Events that resume.",
        deprecated=int(DEPRECATED.timestamp() * 1000),
        sunset=int(legacy.sunset.timestamp() * 1000),
        successor=SESSIONS_SUCCESSOR,
        events=EVENTS_SUCCESSOR,
    )


def complaint(error: msgspec.ValidationError) -> str:
    """Return what is wrong with a message, as one would say it."""
    message, _, path = str(error).partition(" - at `$")
    member = path.strip(".`")
    return in_words(message, f"`{member}`" if member else "The message")


def _as_output(event: Recorded) -> SessionOutput:
    message = decode_event(event.data)
    assert isinstance(message, AgentMessage)
    return SessionOutput(
        session_id=message.session_id,
        seq=message.seq,
        timestamp=message.timestamp,
        turn_id=message.turn_id,
        stream="stdout",
        content=message.text,
    )
