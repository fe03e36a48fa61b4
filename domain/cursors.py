"""Where a stream begins: cursors, and what becomes of one that can't be continued."""

import re
from typing import Literal

from msgspec import Struct

from contracts.events import CURSOR_PATTERN
from domain.errors import InvalidCursor
from domain.ids import Epoch
from domain.ports import Head

ResetReason = Literal["trimmed", "epoch", "future"]

_matches = re.compile(CURSOR_PATTERN).match


class Position(Struct, frozen=True):
    """A parsed cursor; no epoch means "from the beginning"."""

    epoch: Epoch | None
    number: int


class Start(Struct, frozen=True):
    """Where a stream begins, and why not where its client asked."""

    after: int
    reset: ResetReason | None = None


def parse_cursor(text: str, *, member: str) -> Position:
    """Parse ``<epoch>.<number>``, or ``0`` for the beginning. Raises InvalidCursor naming *member*."""
    if text == "0":
        return Position(None, 0)
    if not _matches(text):
        raise InvalidCursor("A cursor is the id of a frame, <epoch>.<number>, or 0 for the beginning.", member=member)
    epoch, _, number = text.partition(".")
    return Position(Epoch(epoch), int(number))


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
