"""How what happened fits into events of at most 64 KiB: long texts in pieces, other large bodies kept apart.

Where even that does not help, lists and titles are cut short, and an event says so.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, get_args

from msgspec import UNSET, Struct
from msgspec.structs import fields, replace

from contracts.codec import encode
from contracts.events import (
    EVENT_BYTES,
    AgentMessage,
    AgentThought,
    Event,
    LargeBody,
    SessionError,
    SessionOutput,
    Text,
    ToolCall,
)
from domain.ids import make_id
from domain.ports import Blob

# What an event's stamps take, and more.
EVENT_OVERHEAD_BYTES = 200
# Of all texts of one event together that may be kept apart; the rest of it is for what can't be.
INLINE_TEXT_BYTES = 16 * 1024
PREVIEW_CHARACTERS = 200
LINE_CHARACTERS = 1000
# A character takes six bytes at most (RFC 8259, section 7), so that most output need not be measured.
SURE_CHARACTERS = (EVENT_BYTES - 1024) // 6
_LINES = ("title", "error", "reason", "explanation")

Spoken = SessionOutput | AgentMessage | AgentThought
S = TypeVar("S", bound=Struct)


def fit(events: Sequence[Event]) -> tuple[Sequence[Event], Sequence[Blob]]:
    """Return the unstamped *events* so that none is too large, and the bodies that are kept apart from them."""
    if all(map(_fits, events)):
        return events, ()
    fitting: list[Event] = []
    blobs: list[Blob] = []
    for event in events:
        fitting += [event] if _fits(event) else _pieces(event) or _made_small(event, blobs)
    return fitting, blobs


def outline(text: str, room: int, blobs: list[Blob]) -> Text:
    """Return a text that takes more than *room* bytes as what stands for it, its whole added to *blobs*."""
    if len(encode(text)) <= room:
        return text
    return _apart(text.encode(), text, blobs)


def _apart(data: bytes, text: str, blobs: list[Blob]) -> LargeBody:
    blobs.append(Blob(make_id(), data))
    return LargeBody(blob_id=blobs[-1].blob_id, bytes=len(data), preview=text[:PREVIEW_CHARACTERS])


def _fits(event: Event) -> bool:
    match event:
        case SessionOutput(content=text, tool_call_id=tool) if len(text) <= SURE_CHARACTERS and tool is UNSET:
            return True
        case AgentMessage(text=text) | AgentThought(text=text) if len(text) <= SURE_CHARACTERS:
            return True
    return len(encode(event)) <= EVENT_BYTES - EVENT_OVERHEAD_BYTES


def _pieces(event: Event) -> Sequence[Event]:
    """Return an event of one text as several; nothing where that can't help."""
    if not isinstance(event, Spoken):
        return ()
    name = "content" if isinstance(event, SessionOutput) else "text"
    room = EVENT_BYTES - EVENT_OVERHEAD_BYTES - len(encode(replace(event, **{name: ""})))
    if room < INLINE_TEXT_BYTES:
        return ()
    return [replace(event, **{name: piece}) for piece in pieces(getattr(event, name), room)]


def _made_small(event: Event, blobs: list[Blob]) -> Sequence[Event]:
    size = len(encode(event))
    small = _outlined(event, INLINE_TEXT_BYTES // max(1, sum(1 for _ in _texts(event))), blobs)
    if (
        isinstance(small, ToolCall)
        and small.input is not UNSET
        and len(given := encode(small.input)) > INLINE_TEXT_BYTES
    ):
        small = replace(small, input=_apart(given, given.decode(), blobs))
    if _fits(small):
        return [small]
    note = SessionError(
        error=f"A {event.__struct_config__.tag} of {size} bytes did not fit into one event and was cut short.",
        code="event-too-large",
        recoverable=True,
    )
    short = replace(small, **{name: line[:LINE_CHARACTERS] for name, line in _members(small, str) if name in _LINES})
    lists = dict(_members(small, list))
    most = max(map(len, lists.values()), default=0)
    while most and not _fits(short):
        most //= 2
        short = replace(short, **{name: items[:most] for name, items in lists.items()})
    return [short, note] if _fits(short) else [note]


def _members(struct: Struct, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    for name in struct.__struct_fields__:
        if isinstance(value := getattr(struct, name), kind):
            yield name, value


def _texts(struct: Struct) -> Iterator[str]:
    """Yield the texts of an event and of its parts that may be kept apart."""
    for field in fields(struct):
        value = getattr(struct, field.name)
        if isinstance(value, str) and LargeBody in get_args(field.type):
            yield value
        elif isinstance(value, list):
            for item in _structs(value):
                yield from _texts(item)


def _structs(items: list[Any]) -> list[Struct]:
    """Return a list's parts; what a tool was given is any JSON and has none."""
    return [item for item in items if isinstance(item, Struct)]


def _outlined(struct: S, room: int, blobs: list[Blob]) -> S:
    changes: dict[str, Any] = {}
    for field in fields(struct):
        value = getattr(struct, field.name)
        if isinstance(value, str) and LargeBody in get_args(field.type):
            changes[field.name] = outline(value, room, blobs)
        elif isinstance(value, list) and _structs(value):
            changes[field.name] = [_outlined(item, room, blobs) for item in value]
    return replace(struct, **changes) if changes else struct


def pieces(text: str, most_bytes: int) -> Iterator[str]:
    """Cut *text*, never within a character, into pieces that take at most *most_bytes* each as JSON strings."""
    if len(encode(text)) <= most_bytes or len(text) == 1:
        yield text
        return
    middle = len(text) // 2
    yield from pieces(text[:middle], most_bytes)
    yield from pieces(text[middle:], most_bytes)
