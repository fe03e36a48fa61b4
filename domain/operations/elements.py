"""Tag blocks: ``<write path="…">…</write>`` and its like, each also with the prefix ``dyad-``."""

import re

from contracts.events import CommandOperation, DeleteOperation, Operation, RenameOperation, WriteOperation
from domain.operations.blocks import Block, Over, lines_of, skip_space
from domain.operations.edits import begins_edit, read_children, read_edits, trimmed
from domain.operations.fences import unwrapped
from domain.operations.patches import read_diff
from domain.operations.paths import MARKDOWN

_OPENING = re.compile(r"<((?:dyad-)?(?:write|edit|search-replace|delete|rename|command))(?=[ \t/>])")
_ATTRIBUTE = re.compile(
    r"[ \t]+([A-Za-z_][\w:-]*)(?:[ \t]*=[ \t]*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'=<>`]+?)(?=[ \t]|/?>)))?"
)
_OPENING_END = re.compile(r"[ \t]*(/?)>")
_REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")
_NAMED = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}
_BLANK = re.compile(r"\s*\Z")
_THOUGHT = re.compile(r"<(think|thinking)>")


class Body:
    """An element whose opening tag was read, and whose closing tag was not."""

    def __init__(self, tag: str, path: str) -> None:
        self._kind = tag.removeprefix("dyad-")
        self._path = path
        self._marks = re.compile(rf"<(/?){tag}(?=[ \t/>\r\n])[ \t]*(>?)")
        self._depth = 1
        self._body: list[str] = []

    def take(self, line: str, at: int) -> Over | None:
        first = skip_space(line, 0) if at == 0 else len(line)
        opened_here = not self._body
        for mark in self._marks.finditer(line, at):
            if not mark[1]:
                self._depth += 1  # a text about such tags has whole ones in it
            elif mark[2] and (
                self._depth > 1 or opened_here or mark.start() == first or _BLANK.match(line, mark.end())
            ):
                self._depth -= 1
                if not self._depth:
                    self._body.append(line[at : mark.start()])
                    return Over(self._read("".join(self._body)), mark.end())
        self._body.append(line[at:])
        return None

    def finish(self) -> list[Operation]:
        return []

    def _read(self, body: str) -> list[Operation]:
        if self._kind == "command":  # a button of the program that the prefix comes from, type="rebuild", has no body
            command = body.strip()
            return [CommandOperation(command=command)] if command else []
        text = trimmed(body)
        if self._kind == "write":
            content = text if self._path.endswith(MARKDOWN) else unwrapped(text)
            return [WriteOperation(path=self._path, content=content)]
        return _read_edit(self._path, unwrapped(text))


class Empty:
    """An element that says all in its opening tag, and waits for the closing one."""

    def __init__(self, tag: str, operations: list[Operation]) -> None:
        self._closing = re.compile(rf"</{tag}[ \t]*>")
        self._operations = operations

    def take(self, line: str, at: int) -> Over | None:
        text = skip_space(line, at)
        if text == len(line):
            return None
        closing = self._closing.match(line, text)
        return Over(self._operations, closing.end()) if closing else Over([], at)

    def finish(self) -> list[Operation]:
        return []


class Thought:
    """Reasoning that a model shows: what it considers there, it does not propose."""

    def __init__(self, closing: str) -> None:
        self._closing = closing

    def take(self, line: str, at: int) -> Over | None:
        end = line.find(self._closing, at)
        return None if end < 0 else Over([], end + len(self._closing))

    def finish(self) -> list[Operation]:
        return []


def opened(line: str, at: int) -> tuple[Block | None, list[Operation], int] | None:
    """Read an opening tag at *at*: the block that it begins or, if it closes itself, the operation; and its end."""
    thought = _THOUGHT.match(line, at)
    if thought:
        return Thought(f"</{thought[1]}>"), [], thought.end()
    opening = _OPENING.match(line, at)
    attributes, at = _attributes(line, opening.end()) if opening else (None, at)
    end = _OPENING_END.match(line, at)
    if opening is None or attributes is None or end is None:
        return None
    tag, path, to = opening[1], attributes.get("path", ""), attributes.get("to", "")
    block: Block = Body(tag, path)
    whole: list[Operation] = []
    match tag.removeprefix("dyad-"):
        case "command":
            pass
        case "write" if path:
            whole = [WriteOperation(path=path, content="")]
        case "edit" | "search-replace" if path and not end[1]:
            pass
        case "delete" if path:
            whole = [DeleteOperation(path=path)]
            block = Empty(tag, whole)
        case "rename" if to and attributes.get("from"):
            whole = [RenameOperation(path=attributes["from"], to=to)]
            block = Empty(tag, whole)
        case _:
            return None
    return (None, whole, end.end()) if end[1] else (block, [], end.end())


def _attributes(line: str, at: int) -> tuple[dict[str, str] | None, int]:
    attributes: dict[str, str] = {}
    while attribute := _ATTRIBUTE.match(line, at):
        name, *values = attribute.groups()
        if name in attributes:
            return None, at
        attributes[name] = _REFERENCE.sub(_character, next(filter(None, values), ""))
        at = attribute.end()
    return attributes, at


def _read_edit(path: str, body: str) -> list[Operation]:
    lines = lines_of(body)
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("<search>"):
        return read_children(path, body) or []
    if begins_edit(first):
        edits = read_edits(lines, path, paths_between=False)
        return edits.operations if edits else []
    return read_diff(lines, path) or []


def _character(reference: re.Match[str]) -> str:
    text = reference[0]
    if text in _NAMED:
        return _NAMED[text]
    code = int(text[3:-1], 16) if text[2] == "x" else int(text[2:-1])
    return text if code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)
