"""What every event log makes of the events that it is given, and of a question to those it holds."""

from collections.abc import Collection, Sequence
from typing import get_args

from contracts.codec import encode
from contracts.events import Event
from domain.ids import SessionId
from domain.ports import BATCH_BYTES, Batch, Recorded

_TAGS: dict[type[Event], str] = {kind: str(kind.__struct_config__.tag) for kind in get_args(Event)}


def encode_events(session_id: SessionId, events: Sequence[Event], expected_seq: int) -> list[tuple[str, int, bytes]]:
    """Return type, timestamp and JSON of each event: the only time that it is encoded.

    Raises ValueError for events that are not stamped as the next ones of this session.
    """
    if not events and not expected_seq:
        raise ValueError("a session begins with an event")
    encoded = []
    for seq, event in enumerate(events, expected_seq + 1):
        if event.seq != seq or event.session_id != session_id:
            raise ValueError(f"{event.session_id}.{event.seq} is not event {seq} of {session_id}")
        encoded.append((_TAGS[type(event)], event.timestamp, encode(event)))
    return encoded


def select(
    events: Sequence[Recorded], start: int, limit: int, types: Collection[str] | None
) -> tuple[Sequence[Recorded], bool]:
    """Return what fits into a batch of *events* from index *start* on, and whether all the rest was looked through."""
    if types is None and start == len(events) - 1:
        return events[start:], True  # the newest alone: what a live reader asks for
    found: list[Recorded] = []
    size = 0
    for index in range(start, len(events)):
        event = events[index]
        if types is None or event.type in types:
            found.append(event)
            size += len(event.data)
            if len(found) >= limit or size >= BATCH_BYTES:
                return found, index == len(events) - 1
    return found, True


def join(one: Batch, other: Batch, limit: int) -> Batch:
    """Return what two reads of the whole log found after one position, as far as both went; what both found, once."""
    upto = min(one.upto, other.upto)
    places = {event.position: event for event in (*one.events, *other.events) if event.position <= upto}
    events, whole = select([places[place] for place in sorted(places)], 0, limit, None)
    complete = whole and one.complete and other.complete and one.upto == other.upto
    return Batch(events, upto if whole else events[-1].position, complete)
