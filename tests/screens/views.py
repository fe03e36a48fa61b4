"""All that can be seen of a terminal, for comparing two."""

import re
from collections.abc import Mapping

from infrastructure.screens.core import Core
from infrastructure.screens.lines import Budget, Cell, lines

# what is the same to the eye: ASCII and what a terminal begins with
_USUAL = re.compile(rb"\x1b[()]B|\x0f")
_MARKS = re.compile(rb"\x1b\[\??[\d;]*[hlrsgG]|\x1b\[>[\d;]*m|\x1bH")
_PLACED = re.compile(rb"\x1b\[\d+;\d+H(?:(?!\x1b\[\d+;\d+H).)*", re.DOTALL)


def view(core: Core) -> Mapping[str, object]:
    """Return both screens, the cursor, what DECRC and leaving the alternate screen would bring back, the modes."""
    below, saved = core.copy(), core.copy()
    below.write(b"\x1b[?1049l")
    saved.write(b"\x1b8")
    return {
        "cells": cells(core),
        "below": cells(below),
        "title": core.title,
        "colors": core.colors(),
        "modes": _MARKS.findall(core.mark("modes", "scrolling_region", "tabstops", "keyboard")),
        "cursor": placed(core),
        "back": placed(below),
        "saved": placed(saved),
        "shape": core.copy().write(b"\x1bP$q q\x1b\\"),
        "history": history(core),
    }


def placed(core: Core) -> bytes:
    return _USUAL.sub(b"", _PLACED.findall(core.mark("cursor", "style", "charsets"))[-1])


def cells(core: Core) -> list[list[tuple[str, int, bytes]]]:
    """Return each cell; a blank that was never written is one that was, a wide one is two."""
    return [[one for cell in line.cells for one in _seen(cell)] for line in lines(core, Budget(seconds=60, size=0))]


def _seen(cell: Cell) -> list[tuple[str, int, bytes]]:
    return [(cell.text, cell.cells, cell.style)] if cell.text.strip(" ") else [(" ", 1, cell.style)] * cell.cells


def history(core: Core) -> list[str]:
    copy = core.copy()
    copy.write(b"\x1b[?1049l\x1b[?6l\x1b[?69l\x1b[r\x1b[%dH" % copy.rows)
    copy.resize(copy.cols, copy.rows + copy.history)
    return [
        "".join(text for cell in line.cells for text, _, _ in _seen(cell))
        for line in lines(copy, Budget(seconds=60, size=0))
    ]
