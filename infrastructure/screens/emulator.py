"""What one terminal shows, as its output comes: pieces in, answers to queries out, never longer than is asked."""

import re
import time

from infrastructure.screens.core import HELD_LINES, Core

SLICE_BYTES = 16 * 1024  # between two looks at the clock: 0.1 ms of what programs write
LEAST_SLICE_BYTES = 256
SLOW_SLICE_SECONDS = 0.02
SKIP_BYTES = 32 * 1024  # less than that isn't worth the look

LONGEST_BYTES = 1024 * 1024  # of a sequence; one that is longer is given up and passed over
_CANCEL = b"\x18"
_RESET = b"\x1bc"  # RIS, whatever it stands in: ESC ends any sequence but one of two bytes
_END = re.compile(rb"[\x07\x18\x1a\x1b]")

# What may be answered; the piece is cut behind each, so that an answer belongs to the same offset whenever it is read.
_QUERY = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[cnpqx]|Z|[\]P][^\x07\x1b]*(?:\x07|\x1b\\))")
# Of what the core answers, these pass: figures and fixed words, so that nothing that was printed is typed.
_ANSWER = re.compile(
    rb"(?P<attributes>\x1b\[[?>][0-9;]*c|\x1bP!\|[0-9A-F]*\x1b\\)"
    rb"|(?P<status>\x1b\[\??[0-9;]*[nR])"
    rb"|(?P<mode>\x1b\[(?P<private>\??)(?P<number>[0-9]+);[0-4]\$y)"
    rb"|(?P<version>\x1bP>\|[^\x1b]*\x1b\\)"
    rb"|(?P<color>\x1b\](?:4;[0-9]+|1[0-2]);rgb:[0-9a-f/]+(?:\x07|\x1b\\))"
    rb"|(?P<setting>\x1bP[01]\$r[0-9:;]*[ \"']?[a-z]?\x1b\\)"
    rb"|(?P<capability>\x1bP1\+r[0-9A-F=]+\x1b\\)"
)
_VERSION = b"\x1bP>|Towpath\x1b\\"
# Modes that every viewer keeps. Of others programs are told that there is no such thing: in-band sizes, grapheme
# clusters, colour scheme reports, the keyboard protocol of kitty depend on the viewer, and there may be several.
_PRIVATE_MODES = {1, 5, 6, 7, 9, 12, 25, 45, 47, 66, 69, 1000, 1002, 1003, 1004, 1006, 1047, 1048, 1049, 2004, 2026}
_MODES = {4, 20}
_PLAIN = bytes({*range(0x20, 0x7F), *range(0x80, 0x100)}) + b"\t\r\n"
_REGION = re.compile(rb"\x1b\[\d+;\d+[rs]")


class Emulator:
    """A terminal's screen after ``offset`` bytes. ``whole`` is the last offset that lies outside any sequence.

    ``reset`` tells that the program reset it since the last `jump`: nothing of before is left but the palette.
    """

    def __init__(self, core: Core, *, offset: int) -> None:
        self.core = core
        self.offset = offset
        self.whole = offset
        self._slice = SLICE_BYTES
        self._endless = False
        self.reset = False
        self._last = b""

    def feed(self, data: bytes, *, seconds: float) -> list[tuple[int, bytes]]:
        """Take *data*, or as much of it as goes within *seconds*; return answers, each with its query's end."""
        until = time.monotonic() + seconds
        answers: list[tuple[int, bytes]] = []
        at = self._finish(data, answers)
        if self._between:
            at += self._skip(data, at)
            for query in _QUERY.finditer(data, at):
                at = self._take(data, at, query.start(), until)
                if at < query.start():
                    break
                self._note(answers, data, query.end(), self.core.write(query.group()))
                at = query.end()
            else:
                at = self._take(data, at, len(data), until)
            self.whole = self.offset + at - self.core.pending
        self.offset += at
        self.reset = self.reset or _RESET in self._last + data[:at]
        self._last = data[max(0, at - 1) : at]
        if self.offset - self.whole > LONGEST_BYTES:
            self.core.write(_CANCEL)
            self._endless = True
        if self._endless:
            self.whole = self.offset
        return answers

    def _finish(self, data: bytes, answers: list[tuple[int, bytes]]) -> int:
        """Take the rest of a sequence that began in an earlier piece; return how much that was."""
        if self._endless:
            end = _END.search(data)
            self._endless = end is None
            return end.start() if end else len(data)
        if self._between:
            return 0
        taken, answer = self.core.finish(data)
        at = len(data) if taken is None else taken
        self._note(answers, data, at, answer)
        return at

    @property
    def _between(self) -> bool:
        """Whether what comes next begins a character or a sequence."""
        return not self._endless and self.core.whole

    def jump(self, offset: int) -> None:
        """Go on at *offset*, where that is another: what lies between is gone."""
        if offset != self.offset:
            self.core.write(_CANCEL)
            self._endless = self.reset = False
            self._last = b""
            self.offset = self.whole = offset

    def _note(self, answers: list[tuple[int, bytes]], data: bytes, at: int, said: bytes) -> None:
        if answer := harmless(said):
            # a string is over with the first byte of ESC \, which may be the last of a piece
            answers.append((self.offset + at - (data[max(0, at - 2) : at] == b"\x1b\\"), answer))

    def _take(self, data: bytes, at: int, end: int, until: float) -> int:
        """Write from *at* on until the time is over; return how far it came, at least one slice."""
        while at < end:
            piece = data[at : min(end, at + self._slice)]
            before = time.monotonic()
            self.core.write(piece)
            after = time.monotonic()
            at += len(piece)
            if after - before > SLOW_SLICE_SECONDS:
                self._slice = max(LEAST_SLICE_BYTES, self._slice // 4)
            elif self._slice < SLICE_BYTES:
                self._slice *= 2
            if after > until:
                break
        return at

    def _skip(self, data: bytes, at: int) -> int:
        """Pass over plain text that scrolls off before the end of *data*; return how much was taken.

        Short lines are the slowest that a program can write (5 MB/s). Once the cursor is in the last row, lines that
        are followed by as many as screen and history hold leave nothing behind, if the whole screen scrolls.
        """
        if len(data) - at < SKIP_BYTES or data[at:].translate(None, _PLAIN):
            return 0
        rows = self.core.rows
        first = _line(data, at, rows)
        last = _line_from_end(data, rows + HELD_LINES)
        if first < 0 or last <= first:
            return 0
        self.core.write(data[at:first])
        return (last if not _REGION.search(self.core.mark("scrolling_region")) else first) - at


def harmless(said: bytes) -> bytes:
    """Return what a program may be told of the core's answer."""
    answer = b""
    for found in _ANSWER.finditer(said):
        match found.lastgroup:
            case "version":
                answer += _VERSION
            case "mode":
                number = int(found["number"])
                known = number in (_PRIVATE_MODES if found["private"] else _MODES)
                answer += found[0] if known else b"\x1b[%s%d;0$y" % (found["private"], number)
            case _:
                answer += found[0]
    return answer


def _line(data: bytes, at: int, count: int) -> int:
    """Return where the line begins that follows *count* others, -1 if there are not so many."""
    for _ in range(count):
        at = data.find(b"\n", at) + 1
        if not at:
            return -1
    return at


def _line_from_end(data: bytes, count: int) -> int:
    """Return where the last *count* lines begin, in the first column; -1 if there are not so many."""
    at = len(data)
    for _ in range(count):
        at = data.rfind(b"\n", 0, at)
        if at < 0:
            return -1
    at = data.rfind(b"\r\n", 0, at + 1)
    return at + 2 if at >= 0 else -1
