"""Ghostty's terminal core, libghostty-vt, as bytes in and bytes out; the only module that knows the library.

pyghostty declares its C interface; what is called here is stable across its versions 0.1. Every call is given what it
needs by value, and nothing of the library's is kept.
"""

import weakref
from collections.abc import Callable
from functools import cache
from typing import Any

from pyghostty._ffi import GhosttyError, check, ffi, lib

HISTORY_LINES = 1000  # that are painted
HELD_LINES = 2 * HISTORY_LINES  # beyond them the library gives up some hundred at once
HISTORY_BYTES = 16 * 1024 * 1024  # as the library counts: eight for each cell, and styles
PENDING_BYTES = 4 * 1024 * 1024  # of an unfinished sequence; more than is ever given to it
FOREGROUND, BACKGROUND = (0xE5, 0xE5, 0xE5), (0x00, 0x00, 0x00)  # what programs that ask are told: a dark terminal

CoreError = GhosttyError


class Core:
    """One terminal. Pixels do not exist in it, nor images, nor anything that would reach outside."""

    def __init__(self, cols: int, rows: int) -> None:
        handle = ffi.new("GhosttyTerminal*")
        check(lib.ghostty_terminal_new(ffi.NULL, handle, cols, rows), "new")
        self._own(handle)

    def restore(self, state: bytes) -> None:
        """Become what `state` told. Raises CoreError where that can't be read."""
        decoder = ffi.new("GhosttySnapshotDecoder*")
        check(lib.ghostty_snapshot_decoder_new_buf(ffi.NULL, decoder, state, len(state)), "decoder")
        handle = ffi.new("GhosttyTerminal*")
        try:
            check(lib.ghostty_snapshot_decoder_decode(decoder[0], handle), "decode")
        finally:
            lib.ghostty_snapshot_decoder_free(decoder[0])
        self.close()
        self._own(handle)

    def _own(self, handle: Any) -> None:
        self.handle = handle[0]
        self._free = weakref.finalize(self, lib.ghostty_terminal_free, self.handle)
        self._told: list[bytes] = []
        told = self._told
        self._reply = ffi.callback(  # lives as long as the terminal
            "GhosttyTerminalWritePtyFn", lambda _t, _u, data, size: told.append(ffi.buffer(data, size)[:])
        )
        self._set("WRITE_PTY", self._reply)
        self._set("SCROLLBACK_MAX_LINES", ffi.new("size_t*", HELD_LINES))
        self._set("SCROLLBACK_MAX_BYTES", ffi.new("size_t*", HISTORY_BYTES))
        self._set("CONTINUATION_MAX_BYTES", ffi.new("size_t*", PENDING_BYTES))
        self._set("KITTY_IMAGE_STORAGE_LIMIT", ffi.new("uint64_t*", 0))
        for name, color in (("FOREGROUND", FOREGROUND), ("BACKGROUND", BACKGROUND)):
            self._set(f"COLOR_{name}", ffi.new("GhosttyColorRgb*", dict(zip("rgb", color, strict=True))))

    def _set(self, option: str, value: Any) -> None:
        check(lib.ghostty_terminal_set(self.handle, getattr(lib, f"GHOSTTY_TERMINAL_OPT_{option}"), value), option)

    def _get(self, name: str, kind: str, count: int = 1) -> Any:
        out = ffi.new(f"{kind}[]", count)
        check(lib.ghostty_terminal_get(self.handle, getattr(lib, f"GHOSTTY_TERMINAL_DATA_{name}"), out), name)
        return out

    def close(self) -> None:
        """Give its memory back."""
        self._free()

    def write(self, data: bytes) -> bytes:
        """Take output; return what the terminal answers."""
        lib.ghostty_terminal_vt_write(self.handle, ffi.from_buffer(data), len(data))
        return self._answers()

    def finish(self, data: bytes) -> tuple[int | None, bytes]:
        """Take what ends the unfinished sequence; return how many bytes that were, and the answer.

        None if all was taken and it is still unfinished.
        """
        taken = ffi.new("size_t*")
        found = lib.ghostty_terminal_vt_write_until_ground(self.handle, ffi.from_buffer(data), len(data), taken)
        return (None if found == lib.GHOSTTY_NO_VALUE else taken[0]), self._answers()

    def _answers(self) -> bytes:
        answers = b"".join(self._told)
        self._told.clear()
        return answers

    def resize(self, cols: int, rows: int) -> None:
        """Give it another size; long lines of the main screen wrap anew."""
        check(lib.ghostty_terminal_resize(self.handle, cols, rows, 8, 16), "resize")

    @property
    def whole(self) -> bool:
        """Whether no sequence or character is unfinished."""
        return bool(self._get("VT_GROUND", "uint8_t")[0])

    @property
    def pending(self) -> int:
        """How many bytes of an unfinished sequence were taken; at most what came since the last whole one."""
        size = ffi.new("size_t*")
        if self.whole:
            return 0
        lib.ghostty_terminal_continuation_buf(self.handle, ffi.NULL, 0, size)
        return int(size[0])

    @property
    def cols(self) -> int:
        return int(self._get("COLS", "uint16_t")[0])

    @property
    def rows(self) -> int:
        return int(self._get("ROWS", "uint16_t")[0])

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and row, from 0."""
        return int(self._get("CURSOR_X", "uint16_t")[0]), int(self._get("CURSOR_Y", "uint16_t")[0])

    @property
    def history(self) -> int:
        """How many lines lie above the screen."""
        return int(self._get("SCROLLBACK_ROWS", "size_t")[0])

    @property
    def alternate(self) -> bool:
        return bool(self._get("ACTIVE_SCREEN", "int")[0] != lib.GHOSTTY_TERMINAL_SCREEN_PRIMARY)

    @property
    def title(self) -> str:
        text = self._get("TITLE", "GhosttyString")[0]
        return str(ffi.buffer(text.ptr, text.len)[:].decode(errors="replace")) if text.len else ""

    def colors(self) -> tuple[dict[str, bytes], dict[int, bytes]]:
        """Return what a program changed: ``FOREGROUND``, ``BACKGROUND``, ``CURSOR``, and colours of the palette."""
        named = {}
        for name in ("FOREGROUND", "BACKGROUND", "CURSOR"):
            now = self._color(name)
            if now != self._color(f"{name}_DEFAULT"):
                named[name] = now
        now, usual = self._color("PALETTE", 256), self._color("PALETTE_DEFAULT", 256)
        at = range(0, len(now), 3)
        return named, {i // 3: now[i : i + 3] for i in at if now[i : i + 3] != usual[i : i + 3]}

    def _color(self, name: str, count: int = 1) -> bytes:
        try:
            return bytes(ffi.buffer(self._get(f"COLOR_{name}", "GhosttyColorRgb", count)))
        except CoreError:  # there is none
            return b""

    def mark(self, *parts: str) -> bytes:
        """Return sequences for *parts* of the state, around the first cell.

        modes, scrolling_region, tabstops and keyboard; cursor, style, charsets, protection.
        """
        options = sized("GhosttyFormatterTerminalOptions")
        options.emit = lib.GHOSTTY_FORMATTER_FORMAT_VT
        for part in parts:
            setattr(options.extra if part in _OF_TERMINAL else options.extra.screen, part, True)
        selection = sized("GhosttySelection")
        selection.start = selection.end = self.at(0, 0)[0]
        options.selection = selection
        formatter = ffi.new("GhosttyFormatter*")
        check(lib.ghostty_formatter_terminal_new(ffi.NULL, formatter, self.handle, options[0]), "formatter")
        try:
            return taken(lambda *buffer: lib.ghostty_formatter_format_buf(formatter[0], *buffer))
        finally:
            lib.ghostty_formatter_free(formatter[0])

    def at(self, column: int, row: int) -> Any:
        """Return the library's reference to a cell of the screen, good until it changes."""
        point = ffi.new("GhosttyPointS*")
        point.tag, point.value.x, point.value.y = lib.GHOSTTY_POINT_TAG_ACTIVE, column, row
        place = sized("GhosttyGridRef")
        check(_grid_ref(self.handle, point[0], place), "grid_ref")
        return place

    def state(self) -> bytes:
        """Return all of it, for `restore` by this version of the library."""
        return taken(lambda *buffer: lib.ghostty_snapshot_encode_buf(self.handle, *buffer))

    def copy(self) -> "Core":
        """Return a terminal that shows the same."""
        copy = Core(1, 1)
        copy.restore(self.state())
        return copy


_OF_TERMINAL = {"modes", "scrolling_region", "tabstops", "keyboard"}
# cffi can't pass a union by value; pyghostty's GhosttyPointS is laid out alike
_grid_ref = ffi.cast(
    "GhosttyResult(*)(GhosttyTerminal, GhosttyPointS, GhosttyGridRef*)", ffi.addressof(lib, "ghostty_terminal_grid_ref")
)


def sized(kind: str) -> Any:
    """Make a struct whose ``size`` members say how long it is, which is how the library tells versions apart."""
    made = ffi.new(f"{kind}*")
    ffi.memmove(made, _blank(kind), ffi.sizeof(kind))
    return made


@cache
def _blank(kind: str) -> bytes:
    """Return it as it begins: to look through its members takes longer than all else that is asked of a cell."""
    made = ffi.new(f"{kind}*")
    _size(made, ffi.typeof(kind))
    return bytes(ffi.buffer(made))


def _size(struct: Any, kind: Any) -> None:
    for name, member in kind.fields:
        if name == "size":
            struct.size = ffi.sizeof(kind)
        elif member.type.kind == "struct":
            _size(ffi.addressof(struct, name), member.type)


def taken(fill: Callable[[Any, int, Any], int]) -> bytes:
    """Ask how long it is, then for it."""
    size = ffi.new("size_t*")
    fill(ffi.NULL, 0, size)
    buffer = ffi.new("uint8_t[]", max(1, size[0]))
    check(fill(buffer, len(buffer), size), "format")
    return bytes(ffi.buffer(buffer, size[0]))
