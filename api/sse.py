"""Events and frames to Server-Sent Events (WHATWG HTML, section 9.2). Pure.

A frame is ``event:``, ``id:`` and ``data:`` on a line each and a blank line; lines end with LF. Types are fixed words,
ids are made of an epoch and a number, and JSON escapes every line break: nothing that a client or an agent chooses
can reach another line.
"""

from collections.abc import Iterable

from contracts.catalog import EVENTS
from contracts.codec import encode
from contracts.events import StreamFrame, TerminalClosed
from contracts.terminals import TerminalFrame
from domain.ports import Recorded

_HEADS = {type_: b"event: %b\nid: " % type_.encode() for type_ in EVENTS}
MEDIA_TYPE = b"text/event-stream"
HEADERS = (
    (b"content-type", MEDIA_TYPE),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)


def frame(content: StreamFrame | TerminalFrame | TerminalClosed, cursor: str, *, retry_ms: int | None = None) -> bytes:
    """Return one frame that the stream adds, with the time after which a client comes back if it is given."""
    retry = b"" if retry_ms is None else b"retry: %d\n" % retry_ms
    name = str(content.__struct_config__.tag).encode()
    return b"event: %b\nid: %b\n%bdata: %b\n\n" % (name, cursor.encode(), retry, encode(content))


def session_frames(epoch: bytes, events: Iterable[Recorded]) -> bytes:
    """Return the frames of one session's events; their ids are cursors into its log."""
    return b"".join([b"%b%b.%d\ndata: %b\n\n" % (_HEADS[event.type], epoch, event.seq, event.data) for event in events])


def store_frames(epoch: bytes, events: Iterable[Recorded], beside: bytes = b"") -> bytes:
    """Return the frames of many sessions' events; their ids are cursors into the whole store, and what is *beside*."""
    return b"".join(
        [
            b"%b%b.%d%b\ndata: %b\n\n" % (_HEADS[event.type], epoch, event.position, beside, event.data)
            for event in events
        ]
    )
