"""The process that draws: screens.py runs it as ``python -I -m``, feeds it orders, and replaces it when it dies.

What terminals print is parsed here and nowhere else: whatever a stream does to the parser, the server and the other
terminals' programs go on.
"""

import os
import time
from contextlib import suppress

from infrastructure.screens.core import Core
from infrastructure.screens.emulator import Emulator
from infrastructure.screens.messages import (
    HEAD_BYTES,
    Answers,
    Close,
    Done,
    Failed,
    Fed,
    Feed,
    Open,
    Orders,
    Paint,
    Painted,
    Resize,
    Save,
    Saved,
    decode_order,
    framed,
)
from infrastructure.screens.painter import SECONDS, SIZE_BYTES, picture, title


class Screens:
    """The screens of all terminals, by the terminal's id."""

    def __init__(self) -> None:
        self._screens: dict[str, Emulator] = {}

    def obey(self, order: Orders) -> Answers:
        """Carry out one order."""
        try:
            return self._obey(order)
        except Exception as error:  # noqa: BLE001  # whatever a stream did to its screen, others go on
            if not isinstance(order, Save):
                self._close(order.terminal)
            return Failed(reason=f"{type(error).__name__}: {error}")

    def _obey(self, order: Orders) -> Answers:
        match order:
            case Open(terminal=terminal, state=state):
                core = Core(order.cols, order.rows)
                if state is not None:
                    core.restore(state)
                self._close(terminal)
                self._screens[terminal] = Emulator(core, offset=order.offset)
            case Close(terminal=terminal):
                self._close(terminal)
            case Resize(terminal=terminal, cols=cols, rows=rows):
                self._screens[terminal].core.resize(cols, rows)
            case Feed(terminal=terminal):
                screen = self._screens[terminal]
                screen.jump(order.offset)
                before = time.process_time()
                replies = screen.feed(order.data, seconds=order.seconds)
                seconds = time.process_time() - before
                return Fed(offset=screen.offset, seconds=seconds, replies=replies, reset=screen.reset)
            case Paint(terminal=terminal):
                screen = self._screens[terminal]
                core = screen.core
                data, exact = picture(core, seconds=SECONDS, size=SIZE_BYTES)
                return Painted(
                    offset=screen.whole, cols=core.cols, rows=core.rows, title=title(core), data=data, exact=exact
                )
            case Save(terminal=terminal):
                screen = self._screens[terminal]
                if not screen.core.whole:
                    return Failed(reason="within a sequence")
                return Saved(offset=screen.offset, state=screen.core.state())
        return Done()

    def _close(self, terminal: str) -> None:
        if screen := self._screens.pop(terminal, None):
            screen.core.close()


def main() -> None:
    """Carry out orders until their stream ends."""
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what the library may say there is nobody's
        os.dup2(nothing, stream)
    screens = Screens()
    with orders, answers, suppress(BrokenPipeError):
        while head := orders.read(HEAD_BYTES):
            answers.write(framed(screens.obey(decode_order(orders.read(int.from_bytes(head, "big"))))))
            answers.flush()


if __name__ == "__main__":
    main()
