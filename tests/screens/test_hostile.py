"""Whatever is printed, memory and time are bounded and nothing is raised."""

import resource
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.screens.core import Core
from infrastructure.screens.emulator import Emulator
from infrastructure.screens.painter import SIZE_BYTES, picture, repaint, title
from tests.screens.views import view

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


@pytest.mark.parametrize("cut", range(1, 3))
@pytest.mark.parametrize("unfinished", [b"", b"\x1b]0;title", b"\x1bPq", b"\x1b[12;", b"\xe4\xbd", b"\x1b_G", b"\x1b"])
def test_a_reset_leaves_nothing_of_what_was_lost(unfinished: bytes, cut: int) -> None:
    before = (
        b"x\r\n" * 50 + b"\x1b]2;t\x07\x1b[?1049h\x1b[1;31m\x1b(0\x1b[?6h\x1b[3;5r\x1b[4h\x1b[?25l\x1b[?1002h"
        b"\x1b[4 q\x1b[3g\x1b7\x1b[>4;2m\x1b[?7l\x1b[5;5H\x1b]8;;http://x/y\x1b\\\x1b[?2004h\x1b[20h" + unfinished
    )
    behind = b"\x1bcback"
    all_seen, rest_seen = Emulator(Core(20, 6), offset=0), Emulator(Core(20, 6), offset=0)
    for piece in (before, behind[:cut], behind[cut:]):
        all_seen.feed(piece, seconds=5)
    rest_seen.jump(len(before))
    early = rest_seen.reset
    for piece in (behind[:cut], behind[cut:]):
        rest_seen.feed(piece, seconds=5)

    assert (early, rest_seen.reset) == (False, True)
    assert view(all_seen.core) == view(rest_seen.core)


def test_a_picture_is_plain_where_it_would_take_too_long_or_be_too_large() -> None:
    core = Core(100, 50)
    core.write(b"".join(b"\x1b[38;2;9;%d;%dmxe\xcc\x81" % divmod(n, 256) for n in range(2500)))

    late, large, whole = (picture(core, seconds=s, size=n) for s, n in ((0.0, SIZE_BYTES), (9, 2000), (9, SIZE_BYTES)))

    assert [one.exact for one in (late, large, whole)] == [False, False, True]
    assert whole.data == repaint(core)
    assert len(large.data) < 10_000 < len(whole.data)
    assert large.data.count(b"xe") > 2000
    assert late.data.count(b"38;2") == 2  # of the cursor
