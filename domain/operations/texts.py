r"""How an edit changes a text: by search and replace, or by a unified diff.

Both must fit. What an agent quotes differs from the file in two ways that mean nothing, and only these are passed over:
line ends (the file's are kept, and what is new gets them), and blanks at the ends of lines, where nothing fits exactly.
A text to search for must occur once. A hunk goes where its line number says, or else to the one place that it fits.

Bytes that are no UTF-8 are kept as they are (surrogateescape); only the rest can be named.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property

from msgspec import Struct, field

LINES_MOST = 500_000  # 38 MB as a list, at 20 characters each
HUNKS_MOST = 256  # each may take a walk through the whole file
_BLANKS = " \t"
_HEADER = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+\d{1,9}(?:,\d{1,9})? @@")
_NO_NEWLINE = "\\"


class Mismatch(Exception):
    """An edit does not fit; the text says why."""


def search_and_replace(data: bytes, search: str, replace: str) -> bytes:
    """Return *data* with *replace* in the place of *search*. Raises Mismatch."""
    text = _Text(data)
    sought, new = _plain(search), _plain(replace)
    if not sought:
        if text.plain:
            raise Mismatch("There is nothing to search for.")
        return _encode(text.bom + new)
    begin = text.plain.find(sought)
    if begin >= 0:
        if text.plain.find(sought, begin + 1) >= 0:
            raise Mismatch("The text to search for occurs more than once.")
        end = begin + len(sought)
    else:
        begin, end = _stripped_place(text, sought)
        if not sought.endswith("\n"):  # whole lines are found: the last one keeps its end
            end -= text.plain[begin:end].endswith("\n")
        elif not text.plain[begin:end].endswith("\n"):
            new = new.removesuffix("\n")
    return text.spliced([(begin, end, new)])


def apply_patch(data: bytes, patch: str) -> bytes:
    """Return *data* changed as a unified diff of this one file says. Raises Mismatch."""
    text = _Text(data)
    lines = _Lines(text)
    splices = []
    position = drift = 0
    for hunk in _parse(patch):
        place = _place(hunk, lines, position, drift)
        if hunk.stated is not None:
            drift = place - hunk.stated
        position = place + len(hunk.old)
        splices.append(_splice(hunk, lines, place))
    return text.spliced(splices)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class _Text:
    """A file's text. ``plain`` has LF at all line ends, and no byte order mark."""

    def __init__(self, data: bytes) -> None:
        if b"\0" in data:
            raise Mismatch("The file is binary.")
        whole = data.decode("utf-8", "surrogateescape")
        self.bom = whole[: whole.startswith("\ufeff")]
        self._text = whole[len(self.bom) :]
        self.plain = _plain(self._text)
        if self.plain.count("\n") > LINES_MOST:
            raise Mismatch("The file has too many lines.")
        self._ends = len(self._text) - len(self.plain)  # CRLF

    def spliced(self, splices: Sequence[tuple[int, int, str]]) -> bytes:
        """Return the whole with each new text in its place, ascending, in `plain`; line ends as around them."""
        out = [self.bom]
        done = 0
        if not self._ends:
            for begin, end, new in splices:
                out += self.plain[done:begin], new
                done = end
            return _encode("".join((*out, self.plain[done:])))
        ends = [match.start() - place for place, match in enumerate(re.finditer("\r\n", self._text))]
        mostly = self._ends * 2 > self.plain.count("\n")
        for begin, end, new in splices:
            first, last = bisect_left(ends, begin), bisect_left(ends, end)
            replaced = self.plain.count("\n", begin, end)
            crlf = (last - first) * 2 > replaced if replaced else mostly
            out += self._text[done : begin + first], new.replace("\n", "\r\n") if crlf else new
            done = end + last
        return _encode("".join((*out, self._text[done:])))


class _Page:
    """Lines to find lines among."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self._joined = "\n" + "".join(line + "\n" for line in lines)

    def places(self, sought: Sequence[str], after: int) -> list[int]:
        """Return the first two places from *after* on where these lines stand."""
        needle = "\n" + "".join(line + "\n" for line in sought)
        found: list[int] = []
        at = sum(len(line) + 1 for line in self.lines[:after])
        while len(found) < 2 and (at := self._joined.find(needle, at)) >= 0:
            found.append(self._joined.count("\n", 0, at))
            at += 1
        return found


class _Lines:
    """A text's lines, as they are and without the blanks at their ends, and where they stand in it."""

    def __init__(self, text: _Text) -> None:
        self.complete = not text.plain or text.plain.endswith("\n")
        self.exact = _Page(text.plain.removesuffix("\n").split("\n") if text.plain else [])
        self.starts = [0]
        for line in self.exact.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.starts[-1] = len(text.plain)

    @cached_property
    def stripped(self) -> _Page:
        return _Page([line.rstrip(_BLANKS) for line in self.exact.lines])


def _stripped_place(text: _Text, sought: str) -> tuple[int, int]:
    lines = _Lines(text)
    wanted = [line.rstrip(_BLANKS) for line in sought.removesuffix("\n").split("\n")]
    places = lines.stripped.places(wanted, 0) if any(wanted) else []
    if len(places) != 1:
        raise Mismatch(f"The text to search for {'occurs more than once' if places else 'is not in the file'}.")
    return lines.starts[places[0]], lines.starts[places[0] + len(wanted)]


class _Hunk(Struct):
    """What stands there and what shall; ``stated`` is the place by its header."""

    number: int
    stated: int | None = None
    body: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    """Of each line of the body: blank, minus, plus, or a backslash where the line before has no end."""

    @property
    def old(self) -> list[str]:
        return [text for mark, text in zip(self.marks, self.body, strict=True) if mark in (" ", "-")]


def _parse(patch: str) -> list[_Hunk]:
    hunks: list[_Hunk] = []
    counts: list[int | None] = []
    for number, line in enumerate(_plain(patch).removesuffix("\n").split("\n"), start=1):
        if line.startswith("@@"):
            if len(hunks) == HUNKS_MOST:
                raise Mismatch(f"The patch has more than {HUNKS_MOST} hunks.")
            hunk = _Hunk(number=len(hunks) + 1)
            count = None
            if header := _HEADER.match(line):
                first, count = int(header[1]), int(header[2] or "1")
                hunk.stated = first - 1 if count else first
            hunks.append(hunk)
            counts.append(count)
        elif hunks:
            _add(hunks[-1], line, number)
    if not hunks:
        raise Mismatch("The patch has no hunk.")
    for hunk, count in zip(hunks, counts, strict=True):
        _trim(hunk, count)
    return hunks


def _add(hunk: _Hunk, line: str, number: int) -> None:
    mark, text = (line[0], line[1:]) if line else (" ", "")  # editors cut the blank off an empty context line
    if mark not in (" ", "-", "+", _NO_NEWLINE):
        raise Mismatch(f"Line {number} of the patch begins with none of blank, + and -.")
    hunk.marks.append(mark)
    hunk.body.append(text)


def _trim(hunk: _Hunk, count: int | None) -> None:
    """Take empty lines off the end that the header does not count: they stand between the patch and what follows."""
    old = sum(mark in (" ", "-") for mark in hunk.marks)
    while count is not None and old > count and hunk.marks[-1] == " " and not hunk.body[-1]:
        del hunk.marks[-1], hunk.body[-1]
        old -= 1


def _place(hunk: _Hunk, lines: _Lines, position: int, drift: int) -> int:
    """Return the line at which a hunk goes in, from *position* on."""
    name = f"Hunk {hunk.number} of the patch"
    old = hunk.old
    expected = None if hunk.stated is None else hunk.stated + drift
    if not old:
        if expected is None or not position <= expected <= len(lines.exact.lines):
            raise Mismatch(f"{name} does not say where its lines go.")
        return expected
    stripped = [line.rstrip(_BLANKS) for line in old]
    for page, sought in ((lines.exact, old), (lines.stripped, stripped)):
        if expected is not None and expected >= position and page.lines[expected : expected + len(sought)] == sought:
            return expected
        places = page.places(sought, position)
        if len(places) == 1:
            return places[0]
        if places:
            raise Mismatch(f"{name} fits in more than one place.")
    raise Mismatch(f"{name} does not fit.")


def _splice(hunk: _Hunk, lines: _Lines, place: int) -> tuple[int, int, str]:
    """Return what a hunk replaces and by what. Its context is the file's own, whatever blanks it ends in."""
    new: list[str] = []
    at = place
    last = ""
    closed = marked = False
    for mark, text in zip(hunk.marks, hunk.body, strict=True):
        if mark == _NO_NEWLINE:
            marked = True
            closed = closed or last in (" ", "+")
            continue
        if mark == "+":
            new.append(text)
        else:
            if mark == " ":
                new.append(lines.exact.lines[at])
            at += 1
        last = mark
    begin, end = lines.starts[place], lines.starts[at]
    if at < len(lines.exact.lines):
        if marked and closed:
            raise Mismatch(f"Hunk {hunk.number} of the patch ends the file where the file goes on.")
        return begin, end, "".join(line + "\n" for line in new)
    # At the end of the file: without a mark its last line ends as it did.
    complete = not closed if marked else lines.complete
    text = "\n".join(new) + "\n" * bool(new and complete)
    if place == len(lines.exact.lines) and not lines.complete and new:  # lines after a last one without an end
        text = "\n" + text
    elif not new and place > 0 and not complete:
        begin -= 1
    return begin, end, text
