"""Unified diffs as diff and git write them, and as models do; ``*** Begin Patch`` envelopes.

A patch that comes out of here has one file, ``---`` and ``+++`` lines, and hunks whose counts are right. A hunk without
line numbers has ``@@`` and, where the answer gives one, the line that it comes after; ``*** End of File`` below it says
that it ends where the file does.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from contracts.events import DeleteOperation, EditOperation, Operation, RenameOperation, WriteOperation

ENVELOPE_BEGINS = re.compile(r"\*\*\* Begin Patch[ \t]*\r?\n?")
ENVELOPE_ENDS = re.compile(r"\*\*\* End Patch[ \t]*\r?\n?")
HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))?(?: @@(.*))?")  # models forget the end
GIT_HEADERS = (
    "index ", "old mode ", "new mode ", "new file mode ", "deleted file mode ", "similarity index ",
    "dissimilarity index ", "rename from ", "rename to ",
)  # fmt: skip
NOTHING = "/dev/null"

_SECTION = re.compile(r"\*\*\* (Add File|Delete File|Update File): (.+)")
_MOVE = "*** Move to: "
_END_OF_FILE = "*** End of File"
_LOOSE = re.compile(r"@@(?: \.\.\.)? *|(?: \.\.\.)? *@@\Z")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


class Hunk(Struct):
    """One ``@@`` of a diff: with line numbers (*head*), or at most with a line to come *after*."""

    head: re.Match[str] | None
    lines: list[str]
    after: str = ""
    at_end: bool = False

    def sides(self) -> tuple[list[str], list[str]]:
        """Return the lines before and after, with their line ends, as the file has them."""
        before: list[str] = []
        after: list[str] = []
        last = ""
        for line in self.lines:
            if line[0] == "\\":  # "No newline at end of file": it speaks of the line before
                for side in (before, after):
                    if side and last in (" ", "-" if side is before else "+"):
                        side[-1] = side[-1].rstrip("\r\n")
                continue
            last = line[0]
            if last in " -":
                before.append(line[1:])
            if last in " +":
                after.append(line[1:])
        return before, after

    @property
    def changes(self) -> bool:
        """Whether it adds or takes away, and says where."""
        return any(line[0] in "+-" for line in self.lines) and (
            self.head is not None or self.at_end or any(line[0] in " -" for line in self.lines)
        )

    def written(self, end: str) -> str:
        """Return its first line, which ends as *end*, and all others."""
        if self.head is None:
            head = f"@@ {self.after}".rstrip()
        else:
            old, _, new, _, section = self.head.groups()
            before, after = (len(side) for side in self.sides())
            head = f"@@ -{_span(old, before)} +{_span(new, after)} @@{section or ''}"
        return "".join((head, end, *self.lines, f"{_END_OF_FILE}{end}" if self.at_end else ""))


def begins_diff(lines: Sequence[str]) -> bool:
    """Tell whether *lines* begin as a diff does."""
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    return lines[first : first + 1] != [] and (lines[first].startswith("diff --git ") or _names(lines, first))


def read_diff(lines: Sequence[str], path: str | None = None) -> list[Operation] | None:
    """Read every file of a diff; None if any of it is not a diff. A diff without names is one of *path*."""
    operations: list[Operation] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        read = _read_file(lines, at, path)
        if read is None or (path is not None and operations):
            return None
        operations += read[0]
        at = read[1]
    return operations or None


def read_envelope(lines: Sequence[str]) -> list[Operation] | None:
    """Read what stands between ``*** Begin Patch`` and ``*** End Patch``; None if any of it is malformed."""
    operations: list[Operation] = []
    at = 0
    while at < len(lines):
        section = _SECTION.fullmatch(_bare(lines[at]))
        if section is None:
            if lines[at].strip():
                return None
            at += 1
            continue
        end = next((n for n in range(at + 1, len(lines)) if _SECTION.fullmatch(_bare(lines[n]))), len(lines))
        while end > at + 1 and not lines[end - 1].strip("\r\n"):
            end -= 1
        read = _read_section(section[1], section[2].strip(), lines[at + 1 : end])
        if read is None:
            return None
        operations += read
        at = end
    return operations or None


def in_envelope(line: str) -> bool:
    """Tell whether *line* can stand in an envelope."""
    text = _bare(line)
    return not text or text[0] in "+- @" or text == _END_OF_FILE or text.startswith(("*** ",))


def _bare(line: str) -> str:
    return line.rstrip("\r\n")


def _names(lines: Sequence[str], at: int) -> bool:
    return (
        at + 1 < len(lines)
        and lines[at].startswith("--- ")
        and lines[at + 1].startswith("+++ ")
        and (at + 2 >= len(lines) or not lines[at + 2].strip() or lines[at + 2].startswith("@@"))
    )


def _read_file(lines: Sequence[str], at: int, path: str | None) -> tuple[list[Operation], int] | None:
    header: dict[str, str] = {}
    both: tuple[str, str] | None = None
    git = _bare(lines[at]).removeprefix("diff --git ") if lines[at].startswith("diff --git ") else None
    if git is not None:
        at += 1
        while at < len(lines) and (key := next((key for key in GIT_HEADERS if lines[at].startswith(key)), None)):
            header[key] = _bare(lines[at]).removeprefix(key)
            at += 1
    if at < len(lines) and _names(lines, at):
        both = _name(lines[at][4:]), _name(lines[at + 1][4:])
        at += 2
    hunks: list[Hunk] = []
    while at < len(lines) and lines[at].startswith("@@"):
        hunk, at = _read_hunk(lines, at)
        if hunk is None:
            return None
        hunks.append(hunk)
        after = at
        while after < len(lines) and not lines[after].strip():
            after += 1
        at = after if after < len(lines) and lines[after].startswith("@@") else at
    operations = _file_operations(header, git, both, hunks, path)
    return None if operations is None else (operations, at)


def _file_operations(
    header: dict[str, str], git: str | None, both: tuple[str, str] | None, hunks: list[Hunk], path: str | None
) -> list[Operation] | None:
    if "rename from " in header or "rename to " in header:
        return _rename(_unquote(header.get("rename from ", "")), _unquote(header.get("rename to ", "")), both, hunks)
    if both is None and git is not None:
        named = _git_path(git) or ""
        both = (NOTHING if "new file mode " in header else named, NOTHING if "deleted file mode " in header else named)
    old, new = both or (path or "", path or "")
    if old == NOTHING:
        named, change = new.removeprefix("b/"), _creation(new.removeprefix("b/"), hunks) if hunks or git else None
    elif new == NOTHING:
        named, change = old.removeprefix("a/"), [DeleteOperation(path=old.removeprefix("a/"))]
    else:
        named = _same(new, old) or ""
        change = _changes(named, hunks)
    return change if named not in ("", NOTHING) and path in (None, named) else None


def _rename(source: str, target: str, both: tuple[str, str] | None, hunks: list[Hunk]) -> list[Operation] | None:
    if not source or not target or (both and (_same(source, both[0]), _same(target, both[1])) != (source, target)):
        return None
    changes = _changes(target, hunks) if hunks else []
    return None if changes is None else [RenameOperation(path=source, to=target), *changes]


def _creation(path: str, hunks: list[Hunk]) -> list[Operation] | None:
    if len(hunks) > 1 or any(line[0] not in "+\\" for hunk in hunks for line in hunk.lines):
        return None
    return [WriteOperation(path=path, content="".join(hunks[0].sides()[1]) if hunks else "")]


def _changes(path: str, hunks: list[Hunk]) -> list[Operation] | None:
    if not hunks or not all(hunk.changes for hunk in hunks):
        return None
    end = "\r\n" if hunks[0].lines[0].endswith("\r\n") else "\n"
    patch = f"--- a/{path}{end}+++ b/{path}{end}" + "".join(hunk.written(end) for hunk in hunks)
    return [EditOperation(path=path, patch=patch)]


def _span(start: str, count: int) -> str:
    return start if count == 1 else f"{start},{count}"


def _read_hunk(lines: Sequence[str], at: int) -> tuple[Hunk | None, int]:
    head = HUNK.fullmatch(_bare(lines[at]))
    place = "" if head else _LOOSE.sub("", _bare(lines[at]))
    body: list[str] = []
    at += 1
    while at < len(lines) and not _names(lines, at):
        line = lines[at]
        if not _bare(line):
            line = " " + line  # the blank of an empty line gets lost on the way
        elif line[0] not in " +-\\":
            break
        body.append(line)
        at += 1
    first, end = at - len(body), len(body)
    before, after = sum(line[0] in " -" for line in body), sum(line[0] in " +" for line in body)
    counts = (int(head[2] or 1), int(head[4] or 1)) if head else (0, 0)
    while end and not _bare(lines[first + end - 1]) and (before, after) != counts:
        end, before, after = end - 1, before - 1, after - 1
    return (Hunk(head, body[:end], place) if end else None), at


def _read_section(kind: str, path: str, lines: Sequence[str]) -> list[Operation] | None:
    if kind == "Delete File":
        return None if lines else [DeleteOperation(path=path)]
    if kind == "Add File":
        if not all(line.startswith("+") for line in lines):
            return None
        return [WriteOperation(path=path, content="".join(line[1:] for line in lines))]
    return _read_update(path, lines)


def _read_update(path: str, lines: Sequence[str]) -> list[Operation] | None:
    moves = bool(lines) and lines[0].startswith(_MOVE)
    to = _bare(lines[0]).removeprefix(_MOVE).strip() if moves else path
    hunks: list[Hunk] = []
    for line in lines[moves:]:
        text = _bare(line)
        if text.startswith("@@"):
            if hunks and not hunks[-1].lines:
                hunks.pop()  # a class, and then its method: the one next to the lines says where
            hunks.append(Hunk(None, [], _LOOSE.sub("", text)))
        elif text == _END_OF_FILE and hunks:
            hunks[-1].at_end = True
        elif not text or text[0] in " +-":
            if not hunks:
                hunks.append(Hunk(None, []))  # the first needs no @@
            hunks[-1].lines.append(line if text else f" {line}")
        else:
            return None
    changes = _changes(to, hunks) if hunks else []
    if changes is None or not (changes or moves):
        return None
    return [RenameOperation(path=path, to=to), *changes] if moves else changes


def _name(text: str) -> str:
    return _unquote(_bare(text).partition("\t")[0].strip())


def _same(new: str, old: str) -> str | None:
    """Return the one path behind two names in a diff, whose prefixes ``a/`` and ``b/`` may be there or not."""
    if old.startswith("a/") and new.startswith("b/") and old[2:] == new[2:]:
        return new[2:]
    if old == new:
        return new
    return next((name for name in (new, old) if {old, new} <= {name, f"a/{name}", f"b/{name}"}), None)


def _git_path(names: str) -> str | None:
    """Return the path in ``a/path b/path``, which only its symmetry divides."""
    if names.startswith('"'):
        old, _, new = names.partition('" "')
        return _same(_unquote(f'"{new}'), _unquote(f'{old}"'))
    half = len(names) // 2
    return _same(names[half + 1 :], names[:half])


def _unquote(name: str) -> str:
    """Read a name as git quotes it (core.quotePath): C escapes of UTF-8 in quotation marks."""
    if len(name) < 2 or name[0] != '"' or name[-1] != '"':
        return name

    def replace(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else _ESCAPED.get(code, code)

    return _ESCAPE.sub(replace, name[1:-1].encode("utf-8", "replace")).decode("utf-8", "replace")
