"""Whatever is printed, memory and time are bounded and nothing is raised."""

import resource
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.screens.core import Core
from infrastructure.screens.emulator import Emulator
from infrastructure.screens.painter import repaint, title

BIG = 300_000
MOST_MIB = 512


@pytest.mark.parametrize(
    "stream",
    [
        b"\x1b]0;" + b"a" * 8_000_000,
        b"\x1b]52;c;" + b"QUJD" * 1_000_000,
        b"\x1bP" + b"q" * 8_000_000,
        b"\x1b_G" + b"a" * 8_000_000,
        b"\x1b[" + b"9" * 4_000_000 + b"m",
        b"\x1b[" + b"1;" * 1_000_000 + b"m",
        b"e" + "\u0301".encode() * 1_000_000,
        b"\x1b[1000000000@\x1b[1000000000L\x1b[1000000000S\x1b[1000000000b" * 2000,
        b"x\x1b[65535b" * 4000,
        b"\x1b#8" * 4000,
        b"\x1b]8;;http://x/" + b"y" * 100_000 + b"\x1b\\z" * 20,
        b"\x1b]4;" + b"1;rgb:1/2/3;" * 100_000 + b"\x07",
        b"\x1b[c" * 20_000,
        b"\x1b[?1049h\x1b[?1049l" * 20_000,
        b"".join(b"\x1b[38;2;%d;%d;%dm." % (n % 256, n // 256 % 256, n // 65536) for n in range(BIG // 3)),
        b"".join(b"\x1b]8;;http://x/%d\x1b\\l" % n for n in range(50_000)),
    ],
    ids=lambda stream: repr(stream[:16]),
)
@pytest.mark.parametrize("size", [80, 1000])
def test_a_hostile_stream_is_bounded(stream: bytes, size: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    screen = Emulator(Core(size, size), offset=0)
    worst, at = 0.0, 0
    until = time.monotonic() + 1  # what is left then would go on alike
    while at < len(stream) and time.monotonic() < until:
        begun = time.process_time()
        screen.feed(stream[at : at + 1024 * 1024], seconds=0.05)
        worst = max(worst, time.process_time() - begun)
        at = screen.offset

    assert worst < 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MIB * 1024
    if size == 80:
        again = Core(size, size)
        again.write(repaint(screen.core))


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_noise_is_drawn(stream: bytes) -> None:
    screen = Emulator(Core(20, 5), offset=0)

    screen.feed(stream, seconds=5)

    assert repaint(screen.core)


def test_a_title_commands_no_terminal_and_turns_no_text_around() -> None:
    core = Core(20, 5)

    core.write("\x1b]0;a\x01b\nc\u202ed\u2066e\x1b\\".encode())

    assert title(core) == "abcde"


def test_plain_text_that_scrolls_off_is_passed_over_exactly() -> None:
    stream = b"\x1b[44mcolour\r\n" + b"".join(b"line %d of some length\r\n" % n for n in range(20_000)) + b"the end"
    slow, fast = Emulator(Core(80, 24), offset=0), Emulator(Core(80, 24), offset=0)
    for at in range(0, len(stream), 1000):
        slow.feed(stream[at : at + 1000], seconds=5)

    fast.feed(stream[:20], seconds=5)
    fast.feed(stream[20:], seconds=5)

    assert fast.offset == slow.offset == len(stream)
    assert repaint(fast.core) == repaint(slow.core)
