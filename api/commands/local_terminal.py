"""The terminal that a command was typed into: raw while another one is shown in it, as before afterwards."""

import fcntl
import os
import struct
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from api.failures import WrongSettings

_CTRL = {f"ctrl-{chr(code + 0x60)}": bytes([code]) for code in range(1, 27)} | {
    "ctrl-@": b"\0", "ctrl-[": b"\x1b", "ctrl-\\": b"\x1c", "ctrl-]": b"\x1d", "ctrl-^": b"\x1e", "ctrl-_": b"\x1f",
}  # fmt: skip

# What a program may have left set: insert mode, scroll region, wrapping, cursor, mouse, focus, paste, keypad,
# keyboard, charsets, colours. Nothing here clears what was shown before.
USUAL = (
    b"\x1b[4l\x1b[20l\x1b[?6l\x1b[?69l\x1b[r\x1b[?7h\x1b[?25h\x1b[0 q\x1b[?5l\x1b[?1l\x1b>\x1b[?45l"
    b"\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?2004l"
    b"\x1b[?2026l\x1b[>4;0m\x1b[=0u\x0f\x1b(B\x1b)B\x1b[0m\x1b]8;;\x1b\\\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\"
)
BLANK = b"\x1b[?1049l" + USUAL + b"\x1b[H\x1b[2J"


class LocalTerminal:
    """Standard input and output."""

    def __init__(self) -> None:
        """Raise WrongSettings where they are no terminal."""
        self.input, self.output = sys.stdin.fileno(), sys.stdout.fileno()
        if not (os.isatty(self.input) and os.isatty(self.output)):
            raise WrongSettings("towpath attach needs a terminal for its input and its output.")

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Hand every key over as it comes; afterwards everything is as it was, whatever happened."""
        before = termios.tcgetattr(self.input)
        tty.setraw(self.input, termios.TCSADRAIN)  # what was typed ahead is for the shell
        try:
            self.write(b"\x1b[22;0t")  # keep the title
            yield
        finally:
            with suppress(OSError):
                lines = self.size()[1]
                self.write(b"\x1b[?1049l" + USUAL + b"\x1b[%d;1H\r\n\x1b[23;0t" % lines)
            with suppress(termios.error):
                termios.tcsetattr(self.input, termios.TCSAFLUSH, before)

    def size(self) -> tuple[int, int]:
        """Return columns and rows, within what a terminal of the server's may have."""
        rows, cols, _, _ = struct.unpack("HHHH", fcntl.ioctl(self.output, termios.TIOCGWINSZ, bytes(8)))
        return min(max(cols or 80, 1), 1000), min(max(rows or 24, 1), 1000)

    def write(self, data: bytes) -> None:
        """Write all of it, waiting for the terminal."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.output, rest) :]


def parse_keys(text: str) -> bytes:
    """Return the bytes of keys like ``ctrl-],q``. Raises click.BadParameter."""
    keys = b""
    for name in text.lower().split(","):
        if name in _CTRL:
            keys += _CTRL[name]
        elif len(name) == 1 and name.isascii() and name.isprintable():
            keys += name.encode()
        else:
            raise click.BadParameter(f"{name!r} is no key: write a letter or ctrl- and a letter, separated by commas.")
    return keys


class Keys:
    """Watches typed keys for those that detach."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._begun = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what is to be typed, and whether to detach then; the beginning of the keys waits for the rest."""
        data = self._begun + data
        self._begun = b""
        if (at := data.find(self._keys)) >= 0:
            return data[:at], True
        for length in range(min(len(self._keys) - 1, len(data)), 0, -1):
            if data.endswith(self._keys[:length]):
                self._begun = data[-length:]
                return data[:-length], False
        return data, False
