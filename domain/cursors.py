"""Where a stream begins: cursors, and what becomes of one that can't be continued."""

import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from contracts.events import CURSOR_PATTERN, STREAM_CURSOR_PATTERN
from domain.errors import InvalidCursor
from domain.ids import Epoch
from domain.ports import Head, TerminalState

ResetReason = Literal["trimmed", "epoch", "future"]

_matches = re.compile(CURSOR_PATTERN).match
_matches_stream = re.compile(STREAM_CURSOR_PATTERN).match


class Position(Struct, frozen=True):
    """A parsed cursor; no epoch means "from the beginning"."""

    epoch: Epoch | None
    number: int


class Start(Struct, frozen=True):
    """Where a stream begins, and why not where its client asked."""

    after: int
    reset: ResetReason | None = None


class TerminalStart(Struct, frozen=True):
    """Where a stream of a terminal's output begins: with a snapshot if ``after`` is `None`."""

    after: int | None
    reset: ResetReason | None = None


def parse_cursor(text: str, *, member: str) -> Position:
    """Parse ``<epoch>.<number>``, or ``0`` for the beginning. Raises InvalidCursor naming *member*."""
    if text == "0":
        return Position(None, 0)
    if not _matches(text):
        raise InvalidCursor("A cursor is the id of a frame, <epoch>.<number>, or 0 for the beginning.", member=member)
    epoch, _, number = text.partition(".")
    return Position(Epoch(epoch), int(number))


def parse_stream_cursor(text: str, *, member: str) -> tuple[str, Mapping[Epoch, int]]:
    """Part a cursor of many sessions and terminals: the one in the store, and offsets by the terminals' epochs.

    Raises InvalidCursor naming *member*.
    """
    if text != "0" and not _matches_stream(text):
        raise InvalidCursor("A cursor is the id of a frame, or 0 for the beginning.", member=member)
    store, *beside = text.split("~")
    positions = (parse_cursor(one, member=member) for one in beside)
    return store, {position.epoch: position.number for position in positions if position.epoch is not None}


def format_cursor(epoch: Epoch, number: int) -> str:
    """Return the cursor as it stands on the wire."""
    return f"{epoch}.{number}"


def start_at(position: Position | None, head: Head) -> Start:
    """Decide where a session's stream begins; without a position it begins now."""
    if position is None:
        return Start(head.seq)
    if position.epoch not in (None, head.epoch):
        return Start(head.earliest, "epoch")
    if position.number > head.seq:
        return Start(head.earliest, "future")
    if position.number < head.earliest:
        return Start(head.earliest, "trimmed")
    return Start(position.number)


def start_in_terminal(position: Position | None, state: TerminalState) -> TerminalStart:
    """Decide where a stream of a terminal's output begins; without a position with what it shows now."""
    if position is None:
        return TerminalStart(None)
    if position.epoch is None:
        return TerminalStart(state.earliest)
    if position.epoch != state.epoch:
        return TerminalStart(None, "epoch")
    if position.number > end_of_output(state):
        return TerminalStart(None, "future")
    if position.number < state.earliest:
        return TerminalStart(None, "trimmed")
    return TerminalStart(position.number)


def end_of_output(state: TerminalState) -> int:
    """Return the number of the last frame that there is: that a program ended counts as one byte more."""
    return state.offset if state.ended_at is None else state.offset + 1
