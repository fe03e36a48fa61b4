"""Fenced blocks (CommonMark 0.31, section 4.5): whole files, or edits and patches inside of a fence.

They differ from CommonMark where models do: a fence with an info string inside of a block opens a block in it, and an
indented fence does not close one that is not.
"""

import re
from collections.abc import Sequence

from contracts.events import Operation, WriteOperation
from domain.operations.blocks import Over, lines_of
from domain.operations.edits import begins_edit, ends_edit, read_edits
from domain.operations.patches import ENVELOPE_BEGINS, ENVELOPE_ENDS, begins_diff, read_diff, read_envelope
from domain.operations.paths import (
    MARKDOWN,
    leaves_out,
    named_for_edit,
    named_for_file,
    named_in_comment,
    read_info,
    runs_commands,
)

_FENCE = re.compile(r"( *)(`{3,}|~{3,})([^\r\n]*)\r?\n?")
_DIFFS = {"diff", "patch", "udiff"}
_PATCH_FILES = (".diff", ".patch")
_WRAPPERS = {"", "html", "markdown", "md", "plaintext", "text", "txt", "xml"}


class Fence:
    """A fenced block, from its opening line on."""

    def __init__(self, opening: re.Match[str], *, label: str, inherited: str | None) -> None:
        """Begin a block; *label*: the line of prose before it; *inherited*: the file of an edit right before it."""
        self._opening = opening
        self._info = read_info(opening[3])
        self._label = label
        self.edited = inherited
        self._lines: list[str] = []
        self._depth = 1
        self._in_edit = False
        self._edits: bool | None = None  # not known before the second line that is not blank
        self._doubtful = False  # text right below may mean that the fence was to open a block in a file in Markdown
        self._result: list[Operation] | None = None

    def take(self, line: str, at: int) -> Over | None:  # noqa: ARG002
        if self._result is not None:
            return Over([] if line.strip() else self._result, 0)
        self._look_for_edits(line)
        if not self._in_edit:
            self._depth += _step(line, self._opening)
        if self._depth:
            self._lines.append(_dedented(line, len(self._opening[1])))
            return None
        result = self._read()
        if self._doubtful:
            self._result = result
            return None
        return Over(result, len(line))

    def finish(self) -> list[Operation]:
        return self._result or []

    def wrapped(self) -> str | None:
        """Return what the block holds, if it may be the wrapping of a whole answer."""
        may = self._info.path is None and self._info.language.lower() in _WRAPPERS
        return "".join(self._lines) if may else None

    def _look_for_edits(self, line: str) -> None:
        """Within SEARCH/REPLACE, a fence is a part of the file."""
        if begins_edit(line) and self._edits is not False:
            self._edits = self._in_edit = True
        elif self._in_edit and ends_edit(line):
            self._in_edit = False
        elif self._edits is None and line.strip():
            self._edits = None if not any(map(str.strip, self._lines)) and named_for_edit(line.strip()) else False

    def _read(self) -> list[Operation]:
        path = None if self._info.quotes else self._info.path
        if self._edits:
            edits = read_edits(self._lines, path or named_for_edit(self._label) or self.edited)
            self.edited = edits.path if edits else None
            return edits.operations if edits else []
        self.edited = None
        if self._info.quotes:
            return []
        text = [line for line in self._lines if line.strip()]
        if text and ENVELOPE_BEGINS.fullmatch(text[0]):
            whole = len(text) > 1 and ENVELOPE_ENDS.fullmatch(text[-1])
            return (whole and read_envelope(text_between(self._lines))) or []
        diff = self._info.language.lower() in _DIFFS or begins_diff(self._lines)
        if diff and not (path or "").endswith(_PATCH_FILES):
            headless = bool(text) and text[0].startswith("@@")
            return read_diff(self._lines, (path or named_for_edit(self._label)) if headless else None) or []
        if path is None and text:
            path = self._weakly_named(text[0])
        if path is None or any(map(leaves_out, self._lines)):
            return []
        self._doubtful = len(self._opening[2]) == 3 and path.endswith(MARKDOWN)
        lines = self._lines
        if path.endswith(".json") and lines and named_in_comment(lines[0].rstrip("\r\n"), self._info.language) == path:
            lines = lines[1:]  # JSON has no comments
        return [WriteOperation(path=path, content="".join(lines))]

    def _weakly_named(self, first: str) -> str | None:
        language = self._info.language
        if runs_commands(language):
            return named_for_file(self._label, language) if first.startswith("#!") else None
        return named_in_comment(first.rstrip("\r\n"), language) or named_for_file(self._label, language)


def fence_in(line: str) -> re.Match[str] | None:
    """Return indentation, mark and info string of a line that is a fence."""
    match = _FENCE.fullmatch(line)
    return None if match is None or (match[2][0] == "`" and "`" in match[3]) else match


def text_between(lines: Sequence[str]) -> Sequence[str]:
    """Return *lines* without the first and the last that are not blank."""
    marked = [number for number, line in enumerate(lines) if line.strip()]
    return lines[marked[0] + 1 : marked[-1]]


def unwrapped(text: str) -> str:
    """Return what is in the one fenced block that *text* consists of, or *text*."""
    lines = lines_of(text)
    marked = [number for number, line in enumerate(lines) if line.strip()]
    opening = fence_in(lines[marked[0]]) if len(marked) > 1 else None
    if opening is None:
        return text
    depth = 1
    for number in marked[1:]:
        depth += _step(lines[number], opening)
        if not depth:
            break
    if depth or number != marked[-1]:
        return text
    return "".join(_dedented(line, len(opening[1])) for line in lines[marked[0] + 1 : number])


def _step(line: str, opening: re.Match[str]) -> int:
    """Return what *line* adds to the depth of fences in the block with this *opening*."""
    fence = fence_in(line)
    if fence is None or len(fence[1]) > len(opening[1]) or not fence[2].startswith(opening[2]):
        return 0
    return 1 if fence[3].strip() else -1


def _dedented(line: str, indent: int) -> str:
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]
