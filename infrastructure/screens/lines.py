"""The lines of a screen, cell by cell: text with the sequences that colour it.

The library's own formatter gives cells that were never written the style of what stands before them, which underlines
or colours blanks; so the cells are read one by one. A cell is one number, and screens repeat few of them.
"""

import time
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from pyghostty._ffi import check, ffi, lib

from infrastructure.screens.core import Core, CoreError, sized

MOST_CODEPOINTS = 32  # of one cell; combining marks beyond are left out
LINK_BYTES = 2048

_ATTRIBUTES = (
    ("bold", b"1"), ("faint", b"2"), ("italic", b"3"), ("blink", b"5"), ("inverse", b"7"), ("invisible", b"8"),
    ("strikethrough", b"9"), ("overline", b"53"),
)  # fmt: skip


class Cell(NamedTuple):
    """``text`` is empty where nothing was written, ``cells`` 0 for what belongs to the cell before."""

    text: str
    cells: int
    style: bytes
    link: bytes = b""


class Line(NamedTuple):
    """``wraps`` tells that the next line continues it."""

    cells: list[Cell]
    wraps: bool


BLANK = Cell("", 1, b"")


class Budget:
    """What a picture may cost: once it is spent, colours, marks and links are left out; after as long again, all."""

    def __init__(self, *, seconds: float, size: int) -> None:
        self._seconds = seconds
        self._until = time.process_time() + seconds
        self._size = size
        self.spent = False

    def left(self) -> bool:
        """Whether there is time for one more cell that is unlike all before."""
        self.spent = self.spent or time.process_time() > self._until
        return not self.spent

    def over(self) -> bool:
        """Whether there is none left even for characters."""
        return time.process_time() > self._until + self._seconds

    def take(self, size: int) -> None:
        """Note that so many bytes more were painted."""
        self._size -= size
        self.spent = self.spent or self._size < 0


def lines(core: Core, budget: Budget) -> Iterator[Line]:
    """Read the active screen, top to bottom. It must not change meanwhile."""
    state = ffi.new("GhosttyRenderState*")
    check(lib.ghostty_render_state_new(ffi.NULL, state), "render state")
    rows = ffi.new("GhosttyRenderStateRowIterator*")
    check(lib.ghostty_render_state_row_iterator_new(ffi.NULL, rows), "rows")
    try:
        check(lib.ghostty_render_state_update(state[0], core.handle), "update")
        check(lib.ghostty_render_state_get(state[0], lib.GHOSTTY_RENDER_STATE_DATA_ROW_ITERATOR, rows), "rows")
        reader = _Reader(core, budget)
        row = 0
        while lib.ghostty_render_state_row_iterator_next(rows[0]):
            yield reader.line(rows[0], row)
            row += 1
    finally:
        lib.ghostty_render_state_row_iterator_free(rows[0])
        lib.ghostty_render_state_free(state[0])


def paint(painted: Iterator[Line], budget: Budget) -> bytes:
    """Return what prints the lines from the first column of an empty line on; each ends in the usual style."""
    out: list[bytes] = []
    flows = False
    for number, line in enumerate(painted):
        cells = line.cells
        if not line.wraps:
            while cells and cells[-1] == BLANK:
                cells.pop()
        if number:  # a line that goes on is made to by a blank: colour would fill a fresh line whole
            out.append(b" \r" if flows and cells else b"\r\n")
        flows = line.wraps
        out.append(_printed(cells) if not budget.spent else _printed([_plain(cell) for cell in cells]))
        budget.take(len(out[-1]))
    return b"".join(out)


def _plain(cell: Cell) -> Cell:
    return Cell(cell.text[:1], cell.cells, b"")


def _printed(cells: list[Cell]) -> bytes:
    out: list[bytes] = []
    style = link = b""
    for cell in cells:
        if not cell.cells:
            continue
        if cell.link != link:
            link = cell.link
            out.append(b"\x1b]8;;%s\x1b\\" % link)
        if cell.style != style:
            style = cell.style
            out.append(b"\x1b[0%sm" % style)
        out.append(cell.text.encode() if cell.text.strip(" ") else b" " * cell.cells)
    if link:
        out.append(b"\x1b]8;;\x1b\\")
    if style:
        out.append(b"\x1b[0m")
    return b"".join(out)


class _Reader:
    def __init__(self, core: Core, budget: Budget) -> None:
        self._core = core
        self._budget = budget
        self._known: dict[tuple[int, int], Cell] = {}  # by the page that gives a style its number, and the cell

    def line(self, rows: Any, number: int) -> Line:
        view, raw, wraps = ffi.new("GhosttyCellsView*"), ffi.new("GhosttyRow*"), ffi.new("bool*")
        check(lib.ghostty_render_state_row_get(rows, lib.GHOSTTY_RENDER_STATE_ROW_DATA_CELLS_RAW, view), "cells")
        check(lib.ghostty_render_state_row_get(rows, lib.GHOSTTY_RENDER_STATE_ROW_DATA_RAW, raw), "row")
        check(lib.ghostty_row_get(raw[0], lib.GHOSTTY_ROW_DATA_WRAP, wraps), "wrap")
        page = int(ffi.cast("uintptr_t", self._core.at(0, number).node))
        cells = []
        for column, value in enumerate(ffi.unpack(view.ptr, view.len)):
            cell = self._known.get((page, value)) if value else BLANK
            cells.append(cell or self._cell(page, value, column, number))
        return Line(cells, bool(wraps[0]))

    def _cell(self, page: int, value: int, column: int, row: int) -> Cell:
        left = self._budget.left()
        if not left and self._budget.over():
            return BLANK
        tag = _asked(value, "CONTENT_TAG", "int")
        own = tag == lib.GHOSTTY_CELL_CONTENT_CODEPOINT_GRAPHEME
        wide = _asked(value, "WIDE", "int")
        if wide == lib.GHOSTTY_CELL_WIDE_SPACER_HEAD:  # a wide character found no room in this line
            return BLANK
        width = {lib.GHOSTTY_CELL_WIDE_WIDE: 2, lib.GHOSTTY_CELL_WIDE_SPACER_TAIL: 0}.get(wide, 1)
        text = ""
        if not left:
            if own or tag == lib.GHOSTTY_CELL_CONTENT_CODEPOINT:
                text = chr(_asked(value, "CODEPOINT", "uint32_t")).strip("\0")
            return Cell(text, width, b"")
        place = self._core.at(column, row)
        style = sgr(place)
        if tag == lib.GHOSTTY_CELL_CONTENT_BG_COLOR_PALETTE:
            style = _color(4, (_asked(value, "COLOR_PALETTE", "uint8_t"),))
        elif tag == lib.GHOSTTY_CELL_CONTENT_BG_COLOR_RGB:
            rgb = _asked(value, "COLOR_RGB", "GhosttyColorRgb")
            style = _color(4, (rgb.r, rgb.g, rgb.b))
        elif point := _asked(value, "CODEPOINT", "uint32_t"):
            text = chr(point)
        if own:
            text = _grapheme(place)
        linked = _asked(value, "HAS_HYPERLINK", "bool")
        cell = Cell(text, width, style, _link(place) if linked else b"")
        if not own and not linked:
            self._known[page, value] = cell
        return cell


def _asked(value: int, name: str, kind: str) -> Any:
    """Return a member of a cell; a struct only until the next call."""
    number, out = _member(name, kind)
    check(lib.ghostty_cell_get(value, number, out), name)
    return out[0]


@cache
def _member(name: str, kind: str) -> tuple[int, Any]:
    return getattr(lib, f"GHOSTTY_CELL_DATA_{name}"), ffi.new(f"{kind}*")


def _grapheme(place: Any) -> str:
    points, size = ffi.new("uint32_t[]", MOST_CODEPOINTS), ffi.new("size_t*")
    if lib.ghostty_grid_ref_graphemes(place, points, MOST_CODEPOINTS, size) == lib.GHOSTTY_OUT_OF_SPACE:
        everything = ffi.new("uint32_t[]", size[0])
        check(lib.ghostty_grid_ref_graphemes(place, everything, size[0], size), "grapheme")
        return "".join(map(chr, everything[0:MOST_CODEPOINTS]))
    return "".join(map(chr, points[0 : size[0]]))


def _link(place: Any) -> bytes:
    """Return where the cell leads; nothing if that is too long, or could command a terminal."""
    buffer, size = ffi.new("uint8_t[]", LINK_BYTES), ffi.new("size_t*")
    try:
        check(lib.ghostty_grid_ref_hyperlink_uri(place, buffer, LINK_BYTES, size), "link")
    except CoreError:
        return b""
    link = bytes(ffi.buffer(buffer, size[0]))
    return link if all(0x20 < byte < 0x7F for byte in link) else b""


def sgr(place: Any) -> bytes:
    """Return the parameters of a cell's style, each with a semicolon before it; nothing for the usual one."""
    style = sized("GhosttyStyle")
    check(lib.ghostty_grid_ref_style(place, style), "style")
    found = b"".join(b";" + code for name, code in _ATTRIBUTES if getattr(style, name))
    if style.underline:
        found += b";4" if style.underline == 1 else b";4:%d" % style.underline
    for kind, color in ((3, style.fg_color), (4, style.bg_color), (5, style.underline_color)):
        if color.tag == lib.GHOSTTY_STYLE_COLOR_PALETTE:
            found += _color(kind, (color.value.palette,))
        elif color.tag == lib.GHOSTTY_STYLE_COLOR_RGB:
            found += _color(kind, (color.value.rgb.r, color.value.rgb.g, color.value.rgb.b))
    return found


def _color(kind: int, color: tuple[int, ...]) -> bytes:
    """*kind* is 3 for text, 4 for what is behind it, 5 for the line below it; *color* a number or three."""
    if len(color) == 1:
        if kind < 5 and color[0] < 16:
            return b";%d" % (color[0] % 8 + kind * 10 + (60 if color[0] > 7 else 0))
        return b";%d8:5:%d" % (kind, *color) if kind == 5 else b";%d8;5;%d" % (kind, *color)
    return b";%d8:2::%d:%d:%d" % (kind, *color) if kind == 5 else b";%d8;2;%d;%d;%d" % (kind, *color)
