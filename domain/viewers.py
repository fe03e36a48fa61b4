"""What size a terminal has when several look at it: the smallest of them, unless one took control."""

from collections import Counter
from typing import NamedTuple


class Size(NamedTuple):
    """Columns and rows, 1 to 1000 each."""

    cols: int
    rows: int


class Viewers:
    """Who looks at one terminal. A viewer lives as long as one of its streams."""

    def __init__(self) -> None:
        self._streams: Counter[str] = Counter()
        self._sizes: dict[str, Size] = {}
        self._control: str | None = None
        self._passing: Size | None = None

    @property
    def size(self) -> Size | None:
        """What the terminal is to be; `None` where nobody cares."""
        if self._control is not None:
            return self._sizes[self._control]
        return self._passing or smallest(list(self._sizes.values()))

    def enter(self, viewer_id: str) -> None:
        """Count a stream of a viewer."""
        self._streams[viewer_id] += 1

    def leave(self, viewer_id: str) -> None:
        """Forget a stream, and with its last one the viewer's size and control."""
        self._streams[viewer_id] -= 1
        if not self._streams[viewer_id]:
            del self._streams[viewer_id]
            if self._sizes.pop(viewer_id, None) is not None:
                self._passing = None
            if self._control == viewer_id:
                self._control = None

    def ask(self, viewer_id: str, size: Size, *, control: bool | None) -> None:
        """Take what a viewer wants; *control*: take it, give it up, or leave it as it is.

        Of a viewer without a stream nothing stays but the size, until one with a stream asks; and that only where
        nobody has control.
        """
        if viewer_id not in self._streams:
            self._passing = size if self._control is None else None
            return
        self._passing = None
        self._sizes[viewer_id] = size
        if control:
            self._control = viewer_id
        elif control is False and self._control == viewer_id:
            self._control = None


def smallest(sizes: list[Size]) -> Size | None:
    """Return the largest size that fits all; `None` of none."""
    if not sizes:
        return None
    return Size(min(size.cols for size in sizes), min(size.rows for size in sizes))
