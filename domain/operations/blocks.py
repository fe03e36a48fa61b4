"""What a block of an answer is to the finder: it takes lines until it is over."""

import re
from typing import Protocol

from msgspec import Struct

from contracts.events import Operation

_SPACE = re.compile(r"\s*")


class Over(Struct, frozen=True):
    """A block has ended before *at* in the line that it was given; 0: the line is not its own."""

    operations: list[Operation]
    at: int


class Block(Protocol):
    """Something that began in the text and has not ended."""

    def take(self, line: str, at: int) -> Over | None:
        """Take *line* from *at* on, with its line end; None: the block goes on."""

    def finish(self) -> list[Operation]:
        """Return what is whole although the text is over."""


def lines_of(text: str) -> list[str]:
    """Cut *text* after each LF; all else that Unicode calls a line end is text."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def skip_space(text: str, at: int) -> int:
    """Return the first place in *text* from *at* on that is not white space, or its end."""
    space = _SPACE.match(text, at)
    assert space is not None
    return space.end()
