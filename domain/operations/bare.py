"""Edits and patches that stand in an answer without a fence around them."""

import re

from contracts.events import Operation
from domain.operations.blocks import Over
from domain.operations.edits import ends_edit, read_edits
from domain.operations.patches import ENVELOPE_ENDS, GIT_HEADERS, HUNK, in_envelope, read_diff, read_envelope

_EMPTY_BLOB = re.compile(r"index (?:[0-9a-f]+\.\.e69de29|e69de29[0-9a-f]*\.\.)")


class BareEdit:
    """A SEARCH/REPLACE block, from its first line on. Without a path it is read all the same, and is no operation."""

    def __init__(self, line: str, path: str | None) -> None:
        self._lines = [line]
        self.edited = path

    def take(self, line: str, at: int) -> Over | None:  # noqa: ARG002 # such blocks take whole lines
        self._lines.append(line)
        if not ends_edit(line):
            return None
        edits = read_edits(self._lines, self.edited, paths_between=False)
        self.edited = edits.path if edits else None
        return Over(edits.operations if edits else [], len(line))

    def finish(self) -> list[Operation]:
        return []


class BareEnvelope:
    """What follows ``*** Begin Patch``, until a line that cannot stand there."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def take(self, line: str, at: int) -> Over | None:  # noqa: ARG002
        if ENVELOPE_ENDS.fullmatch(line):
            return Over(read_envelope(self._lines) or [], len(line))
        if not in_envelope(line):
            return Over([], 0)
        self._lines.append(line)
        return None

    def finish(self) -> list[Operation]:
        return []


class BareDiff:
    """A unified diff, from its first line on. Its counts tell where it ends, so here they have to be right."""

    def __init__(self, line: str) -> None:
        self._lines = [line]
        self._last = "git" if line.startswith("diff --git ") else "old"
        self._old = self._new = 0  # lines that the hunk still wants
        self._gap = False  # a blank line after a hunk: the diff may be over
        self._whole = 0  # how many lines there were at that point

    def take(self, line: str, at: int) -> Over | None:  # noqa: ARG002
        if self._old or self._new:
            if not self._count(line[0]):
                return Over([], 0)
        elif self._last == "hunk" and not line.strip():
            self._gap, self._whole = True, len(self._lines)
        elif not self._goes_on(line):
            return Over(self._read(line), 0)
        self._lines.append(line)
        return None

    def finish(self) -> list[Operation]:
        if self._old or self._new or self._last in ("old", "new"):
            return []
        if self._last == "git" and not any(
            line.startswith("rename to ") or _EMPTY_BLOB.match(line) for line in self._lines[-4:]
        ):
            return []
        return read_diff(self._lines) or []

    def _count(self, mark: str) -> bool:
        self._old -= mark in " -\r\n"
        self._new -= mark in " +\r\n"
        return mark in " +-\\\r\n" and self._old >= 0 and self._new >= 0

    def _goes_on(self, line: str) -> bool:
        last = self._last
        if last == "git" and line.startswith(GIT_HEADERS):
            return True
        if last in ("git", "hunk") and line.startswith(("diff --git ", "--- ")):
            self._last = "old" if line.startswith("--- ") else "git"
            return True
        if last == "old" and line.startswith("+++ "):
            self._last = "new"
            return True
        if last in ("new", "hunk") and (head := HUNK.fullmatch(line.rstrip("\r\n"))):
            self._old, self._new = int(head[2] or 1), int(head[4] or 1)
            self._last, self._gap = "hunk", False
            return True
        return last == "hunk" and line.startswith("\\") and not self._gap

    def _read(self, line: str) -> list[Operation]:
        """Return what the diff says if *line*, which is not of it, may follow it."""
        if self._last == "old" and self._gap:
            return read_diff(self._lines[: self._whole]) or []
        signature = line.rstrip() == "--"
        if self._last in ("old", "new") or (
            self._last == "hunk" and not self._gap and line[0] in "+- " and not signature
        ):
            return []
        return read_diff(self._lines) or []
