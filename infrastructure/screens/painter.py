"""What to send to a terminal that was reset so that it shows what another one shows."""

import re
from typing import NamedTuple

from infrastructure.screens.core import HISTORY_LINES, Core
from infrastructure.screens.lines import Budget, lines, paint

HISTORY_BYTES = 256 * 1024
SECONDS = 1.0  # of processor time
SIZE_BYTES = 4 * 1024 * 1024  # beyond that, text is plain

_MODE = re.compile(rb"\x1b\[(\??)(\d+)([hl])")
_REGION = re.compile(rb"\x1b\[(\d+);(\d+)r")
_MARGINS = re.compile(rb"\x1b\[(\d+);(\d+)s")
_PLACE = re.compile(rb"\x1b\[(\d+);(\d+)H")
_KEYBOARD = re.compile(rb"\x1b\[>4;\d+m")
_SHAPE = re.compile(rb"\$r(\d) q")
_CHARSET = re.compile(rb"\x1b[()*+]|\x0e|\x1b[no|}~]")
_COMMANDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # the latter turn text around
_PLAIN_CHARSETS = b"\x0f\x1b(B\x1b)B"
_OTHER_SCREENS = {b"47", b"1047", b"1049"}
# Beside those that are placed by hand: 12 goes with the cursor's shape; 3 and 40 would clear the screen, 1048 move the
# cursor, 2026 hold back what is painted, and 2048 make a terminal report its size.
_NO_MODES = {b"?3", b"?6", b"?12", b"?40", b"?69", b"?1048", b"?2026", b"?2048", *(b"?" + m for m in _OTHER_SCREENS)}


class _Cursor(NamedTuple):
    """Where text goes next, and how: ``style`` are sequences, with the last column's character if a wrap is due."""

    column: int
    row: int
    style: bytes
    origin: bool


class Picture(NamedTuple):
    """``exact`` is False where *data* lacks colours, marks and links because there were too many."""

    data: bytes
    exact: bool


def repaint(core: Core) -> bytes:
    """Return bytes that paint both screens, the last lines of history, the cursor, modes, colours and the title."""
    return picture(core, seconds=SECONDS, size=SIZE_BYTES).data


def picture(core: Core, *, seconds: float, size: int) -> Picture:
    """Do the same for as long as *seconds* and as much as *size*, and tell whether that was enough."""
    budget = Budget(seconds=seconds, size=size)
    return Picture(_repaint(core, budget), not budget.spent)


def _repaint(core: Core, budget: Budget) -> bytes:
    modes = {private + number: end for private, number, end in _MODE.findall(core.mark("modes"))}
    copy = core.copy()
    other = b""
    if core.alternate:
        way = next((mode for mode in _OTHER_SCREENS if modes.get(b"?" + mode) == b"h"), b"1049")
        copy.write(b"\x1b[?1049l")
        below = _place(_cursor(copy), b"")
        # what leaving the alternate screen shall bring back is saved by entering it
        other = below + b"\x1b[?%sh" % way + _usual(below) + b"\x1b[H" + paint(lines(core, budget), budget)
        copy = core.copy()
    painted = _tabs(core) + _colors(core) + _main(core, budget) + other
    region, margins = _region(core)
    copy.write(b"\x1b8")
    saved = _place(_cursor(copy), region)
    painted += region + margins + saved + b"\x1b7" + _usual(saved)
    painted += b"\x1b]2;%s\x1b\\" % title(core).encode() if title(core) else b""
    painted += _place(_cursor(core), region) + _shape(copy)
    painted += b"".join(b"\x1b[%s%s" % mode for mode in modes.items() if mode[0] not in _NO_MODES)
    return painted + b"".join(_KEYBOARD.findall(core.mark("keyboard"))[:1])


def title(core: Core) -> str:
    """Return the title without what could command a terminal."""
    return _COMMANDS.sub("", core.title)[:256]


def _main(core: Core, budget: Budget) -> bytes:
    """Paint the main screen and what lies above it."""
    core = core.copy()
    if core.alternate:
        core.write(b"\x1b[?1049l")
    rows = core.rows
    core.write(b"\x1b[?6l\x1b[?69l\x1b[r\x1b[%dH" % rows)
    above = min(core.history, HISTORY_LINES, HISTORY_BYTES // core.cols)
    core.resize(core.cols, rows + above)  # which pulls down what lies above, if the cursor is in the last row
    everything = list(lines(core, budget))[-rows - above :]
    while above:
        trial = Budget(seconds=0, size=HISTORY_BYTES)
        paint(iter(everything[-rows - above : -rows]), trial)
        if not trial.spent:
            break
        above //= 2
    return paint(iter(everything[-rows - above :]), budget)


def _tabs(core: Core) -> bytes:
    stops, usual = (some.mark("tabstops").partition(b"\x1b[H")[0] for some in (core, Core(core.cols, core.rows)))
    return b"" if stops == usual else stops + b"\r"


def _colors(core: Core) -> bytes:
    named, palette = core.colors()
    numbers = {"FOREGROUND": 10, "BACKGROUND": 11, "CURSOR": 12}
    return b"".join(
        [b"\x1b]%d;#%s\x1b\\" % (numbers[name], color.hex().encode()) for name, color in named.items()]
        + [b"\x1b]4;%d;#%s\x1b\\" % (index, color.hex().encode()) for index, color in palette.items()]
    )


def _region(core: Core) -> tuple[bytes, bytes]:
    mark = core.mark("scrolling_region")
    rows, columns = _REGION.search(mark), _MARGINS.search(mark)
    return rows[0] if rows else b"", b"\x1b[?69h" + columns[0] if columns else b""


def _cursor(core: Core) -> _Cursor:
    mark = core.mark("cursor", "style", "charsets", "protection")
    place = list(_PLACE.finditer(mark))[-1]
    origin = (b"?", b"6", b"h") in _MODE.findall(core.mark("modes"))
    return _Cursor(int(place[2]), int(place[1]), mark[place.end() :], origin)


def _place(cursor: _Cursor, region: bytes) -> bytes:
    rows = _REGION.match(region)
    top = int(rows[1]) - 1 if rows and cursor.origin else 0
    origin = b"\x1b[?6h" if cursor.origin else b""
    return b"%s\x1b[%d;%dH%s" % (origin, cursor.row - top, cursor.column, cursor.style)


def _usual(placed: bytes) -> bytes:
    """Take back how text was *placed*."""
    return b"\x1b[0m\x1b[?6l" + (_PLAIN_CHARSETS if _CHARSET.search(placed) else b"")


def _shape(core: Core) -> bytes:
    told = _SHAPE.search(core.write(b"\x1bP$q q\x1b\\"))
    usual = _SHAPE.search(Core(1, 1).write(b"\x1bP$q q\x1b\\"))
    return b"\x1b[%s q" % told[1] if told and usual and told[1] != usual[1] else b""
