"""SEARCH/REPLACE blocks: what to find in a file, and what to put in its place."""

import re
from collections.abc import Sequence

from msgspec import Struct

from contracts.events import EditOperation, Operation
from domain.operations.blocks import skip_space
from domain.operations.paths import named_for_edit

_SEARCH = re.compile(r"<{5,9} SEARCH>?[ \t]*\r?\n?")
_DIVIDER = re.compile(r"={5,9}[ \t]*\r?\n?")
_REST_OF_LINE = re.compile(r"\A[ \t]*\r?\n")
_REPLACE = re.compile(r">{5,9} REPLACE[ \t]*\r?\n?")


class Edits(Struct, frozen=True):
    """What a run of blocks says, and the path that a block behind it would inherit."""

    operations: list[Operation]
    path: str | None


def begins_edit(line: str) -> bool:
    """Tell whether *line* is the first of a SEARCH/REPLACE block."""
    return _SEARCH.fullmatch(line) is not None


def ends_edit(line: str) -> bool:
    """Tell whether *line* is the last of a SEARCH/REPLACE block."""
    return _REPLACE.fullmatch(line) is not None


def read_edits(lines: Sequence[str], path: str | None, *, paths_between: bool = True) -> Edits | None:
    """Read blocks and the lines that name their files; None if anything else stands between, or no file is named.

    A block without a file of its own changes that of the block before it, the first one *path*.
    """
    operations: list[Operation] = []
    block: list[str] | None = None
    for line in lines:
        if begins_edit(line):
            if block is not None:  # the one before was never ended: whose file this one is of is lost
                return None
            block = []
        elif block is None:
            if line.strip():
                path = named_for_edit(line.strip()) if paths_between else None
                if path is None:
                    return None
        elif ends_edit(line):
            operation = _edit(block, path)
            if operation is None:
                return None
            operations.append(operation)
            block = None
        else:
            block.append(line)
    return Edits(operations, path) if operations and block is None else None


def read_children(path: str, text: str) -> list[Operation] | None:
    """Read ``<search>…</search><replace>…</replace>``, once or more; None if anything else stands there."""
    operations: list[Operation] = []
    at = 0
    while (rest := skip_space(text, at)) < len(text):
        search = _child(text, rest, "search")
        if search is None:
            return None
        replace = _child(text, skip_space(text, search[1]), "replace")
        if replace is None:
            return None
        operations.append(EditOperation(path=path, search=search[0], replace=replace[0]))
        at = replace[1]
    return operations or None


def trimmed(body: str) -> str:
    """Return what is between two tags without the line end after the first and the indentation of the second."""
    body = _REST_OF_LINE.sub("", body, count=1)
    cut = body.rstrip(" \t")
    return cut if not cut or cut.endswith("\n") else body


def _edit(block: list[str], path: str | None) -> Operation | None:
    dividers = [number for number, line in enumerate(block) if _DIVIDER.fullmatch(line)]
    if len(dividers) > 1:  # the others may underline headings
        dividers = [number for number in dividers if block[number].rstrip() == "======="]
    if path is None or len(dividers) != 1:  # with several, nobody can tell which of them divides
        return None
    search, replace = "".join(block[: dividers[0]]), "".join(block[dividers[0] + 1 :])
    return EditOperation(path=path, search=search, replace=replace)


def _child(text: str, at: int, name: str) -> tuple[str, int] | None:
    opening, closing = f"<{name}>", f"</{name}>"
    end = text.find(closing, at)
    if end < 0 or not text.startswith(opening, at):
        return None
    return trimmed(text[at + len(opening) : end]), end + len(closing)
