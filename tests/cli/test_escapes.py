"""What a terminal printed is shown in another without an answer to anything, and reaches nothing but its window."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.escapes import LONGEST_BYTES, Filter

DRAWN = [
    b"text \xc3\xa9 \xe4\xbd\xa0\r\n\t\x08\x07",
    b"\x1b[1;31mred\x1b[0m\x1b[4:3m\x1b[38;2;1;2;3m",
    b"\x1b[?1049h\x1b[2J\x1b[3;4H\x1b[?2004h\x1b[?1006;1000h\x1b[?25l\x1b[2 q\x1b[!p",
    b"\x1b]0;title\x07\x1b]2;title\x1b\\\x1b]4;1;#112233\x07\x1b]104\x07",
    b"\x1b]8;id=1;https://example.org/x?y=1\x1b\\link\x1b]8;;\x1b\\",
    b"\x1b7\x1b8\x1bM\x1b(0lqk\x1b(B\x1b=\x1b>\x1bc\x1b#8",
    b"\x1b[22;0t\x1b[23;0t\x1b[>4;2m\x1b[5S",
]
DROPPED = (
    b"\x1b[c \x1b[0c \x1b[>c \x1b[=c \x1b[5n \x1b[6n \x1b[?6n \x1b[?996n \x1bZ \x05 \x1b[?2004$p \x1b[4$p \x1b[>q "
    b"\x1b[x \x1b[21t \x1b[14t \x1b[8;9;9t \x1b[?u \x1b[1;1;1;1;1;1*y \x1b[1$w \x1b[?1;1;0S \x1b[?4m \x1b]50;?\x07 "
    b"\x1b[?2048h \x1b[?2031h \x1b]52;c;aGVsbG8=\x07 \x1b]52;c;?\x1b\\ \x1b]10;?\x07 \x1b]11;?\x1b\\ \x1b]4;1;?\x07 "
    b"\x1b]8;;javascript:alert(1)\x07 \x1b]8;;file:///etc/passwd\x1b\\ \x1b]9;hello\x07 \x1b]777;notify;a;b\x07 "
    b"\x1b]1337;File=name=eA==:AAAA\x07 \x1b]99;i=1:p=?;\x1b\\ \x1b]7;file://x/y\x07 \x1bP$qm\x1b\\ \x1bP+q544e\x1b\\ "
    b"\x1bPq#0;2;0;0;0~\x1b\\ \x1b_Ga=q,i=1;AAAA\x1b\\ \x1b^x\x1b\\ \x1bXx\x1b\\ \xc2\x9b \xc2\x9d \xc2\x90"
).split(b" ")
PARTS = b"\x1b \x1b[ \x1b] \x1bP 6 n c ? ; 52 \x07 \x1b\\ \r $p \xc2 \x9b".split(b" ")


@pytest.mark.parametrize("stream", DRAWN)
def test_what_draws_is_shown_as_it_is(stream: bytes) -> None:
    assert Filter().feed(stream) == stream


@pytest.mark.parametrize("stream", DROPPED)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_what_asks_or_reaches_out_is_left_out_wherever_it_is_cut(stream: bytes, size: int) -> None:
    whole, shown = b"before" + stream + b"after", Filter()

    assert b"".join(shown.feed(whole[at : at + size]) for at in range(0, len(whole), size)) == b"beforeafter"


@pytest.mark.parametrize(
    ("stream", "shown"),
    [
        (b"\x1b[\n6n.", b"\n."),  # controls within a sequence are carried out, the sequence goes on
        (b"\x1b\r[6n.", b"\r."),
        (b"\x1b[6\x18n", b"\x18n"),
        (b"\x1b[6\x1b[6n.", b"."),
        (b"\x1b]0;a\x1b[6n.", b"."),
        (b"\x1b]0;\xc2\x9b6n\x07.", b"."),
    ],
)
def test_no_query_hides_in_a_broken_sequence(stream: bytes, shown: bytes) -> None:
    assert Filter().feed(stream) == shown


def test_an_endless_sequence_is_left_out_and_not_kept() -> None:
    shown = Filter()

    for _ in range(100):
        assert shown.feed(b"\x1b]0;" + b"x" * LONGEST_BYTES) == b""
    assert len(shown._held) <= LONGEST_BYTES
    assert shown.feed(b"\x1b\\there") == b"there"


@given(st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=3))).map(b"".join), st.integers(1, 9))
@settings(max_examples=300, deadline=None)
def test_what_is_shown_asks_nothing(stream: bytes, size: int) -> None:
    shown = Filter()

    out = b"".join(shown.feed(stream[at : at + size]) for at in range(0, len(stream), size))

    assert not re.search(rb"\x1b\[[0-?]*[cn]|\x1bZ|\x05|\x1bP|\x1b_|\x1b\]52", out)
