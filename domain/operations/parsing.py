"""Finding the operations that an answer proposes, in whatever form a model writes them, while it is being written.

What counts, and what does not, is told in docs/decisions/0010-operations-in-text.md. A text is read line by line and
no part of it more than a fixed number of times, so that the time grows as its length does.
"""

import re

from msgspec import Struct

from contracts.events import Operation
from domain.operations.bare import BareDiff, BareEdit, BareEnvelope
from domain.operations.blocks import Block, lines_of, skip_space
from domain.operations.edits import begins_edit
from domain.operations.elements import opened
from domain.operations.fences import Fence, fence_in
from domain.operations.patches import ENVELOPE_BEGINS
from domain.operations.paths import LINE_LIMIT, named_for_edit

_LIST_ITEM = re.compile(r"( *(?:[-*+]|\d{1,9}[.)]) {1,4})(?=[^ \r\n])")


class Found(Struct, frozen=True):
    """An operation, and which part of the text proposes it: characters from *start* to before *end*.

    Operations of one block have the block's range. One that no whole line follows is what the text says if it ends
    here; more text may say otherwise.
    """

    operation: Operation
    start: int
    end: int


class Finder:
    """Finds operations in a text that arrives in pieces. However it is cut, the answer is the same."""

    def __init__(self, *, wrapped: bool = False) -> None:
        """Begin a text; *wrapped*: it was itself the content of a fence."""
        self._pieces: list[str] = []
        self._offset = 0  # of the line that is not whole yet
        self._block: Block | None = None
        self._start = 0
        self._label, self._distance = "", 0
        self._edited: str | None = None
        self._list_indent = 0
        self._may_wrap = not wrapped
        self._wrapping: tuple[int, str] | None = None

    def feed(self, text: str) -> list[Found]:
        """Return the operations that are complete with *text*, each once, in the order of the text."""
        if "\n" not in text:
            self._pieces.append(text)
            return []
        found: list[Found] = []
        lines = lines_of(text)
        lines[0] = "".join([*self._pieces, lines[0]])
        self._pieces = [] if lines[-1].endswith("\n") else [lines.pop()]
        for line in lines:
            self._take(line, found)
            self._offset += len(line)
        return found

    def close(self) -> list[Found]:
        """Return what the end of the text completes; what has only begun is no operation."""
        found: list[Found] = []
        line = "".join(self._pieces)
        if line:
            self._take(line, found)
            self._offset += len(line)
        if self._block is not None:
            self._keep(self._block.finish(), self._offset, found)
        if self._wrapping is not None:
            start, body = self._wrapping
            finder = Finder(wrapped=True)
            inner = finder.feed(body) + finder.close()
            found += [Found(each.operation, start, self._offset) for each in inner]
        return found

    def _take(self, line: str, found: list[Found]) -> None:
        at = 0
        while at < len(line):
            if self._block is None:
                at = self._open(line, at, found)
                continue
            over = self._block.take(line, at)
            if over is None:
                return
            at = over.at
            self._end(over.operations, self._offset + at, found)

    def _open(self, line: str, at: int, found: list[Found]) -> int:
        """Look at *line* as prose from *at* on; return where the block begins that it opens, or its end."""
        if at == 0 and (block := self._opened_by(line)):
            self._begin(block, self._offset)
            return len(line)
        start = skip_space(line, at)
        code = at == 0 and len(line[:start].expandtabs(4)) > self._list_indent + 3
        tag = None if code or not line.startswith("<", start) else opened(line, start)
        if tag is not None:
            block, operations, at = tag
            self._begin(block, self._offset + start)
            if block is None:
                self._keep(operations, self._offset + at, found)
            return at
        if start < len(line):
            self._prose(line)
        elif at == 0:
            self._distance += 1
        return len(line)

    def _opened_by(self, line: str) -> Block | None:
        label = self._label if self._distance <= 1 else ""
        fence = fence_in(line)
        if fence and len(fence[1]) <= self._list_indent + 3:
            return Fence(fence, label=label, inherited=self._edited)
        if begins_edit(line):
            return BareEdit(line, named_for_edit(label) or self._edited)
        if ENVELOPE_BEGINS.fullmatch(line):
            return BareEnvelope()
        if line.startswith(("diff --git ", "--- ")):
            return BareDiff(line)
        return None

    def _begin(self, block: Block | None, start: int) -> None:
        self._block, self._start = block, start
        self._label, self._distance, self._edited = "", 0, None
        self._wrapping = None
        self._may_wrap = self._may_wrap and isinstance(block, Fence)

    def _end(self, operations: list[Operation], end: int, found: list[Found]) -> None:
        block, self._block = self._block, None
        if isinstance(block, Fence | BareEdit):
            self._edited = block.edited
        if self._may_wrap and isinstance(block, Fence) and not operations and (body := block.wrapped()) is not None:
            self._wrapping = self._start, body
        self._may_wrap = False
        self._keep(operations, end, found)

    def _keep(self, operations: list[Operation], end: int, found: list[Found]) -> None:
        found += [Found(operation, self._start, end) for operation in operations]

    def _prose(self, line: str) -> None:
        self._label, self._distance = line.strip() if len(line) <= LINE_LIMIT else "", 0
        self._edited = self._wrapping = None
        self._may_wrap = False
        item = _LIST_ITEM.match(line)
        if item:
            self._list_indent = len(item[1])
        elif not line.startswith(" "):
            self._list_indent = 0


def find(text: str) -> list[Found]:
    """Return every operation in *text*, in its order."""
    finder = Finder()
    return finder.feed(text) + finder.close()
