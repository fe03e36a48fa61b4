"""What programs ask a terminal is answered in figures and fixed words, at the place where it was asked."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.screens.core import Core
from infrastructure.screens.emulator import Emulator

EVIL = b"rm -rf /\r"


def asked(stream: bytes, *, pieces: int = 1) -> list[tuple[int, bytes]]:
    screen = Emulator(Core(80, 24), offset=0)
    size = max(1, -(-len(stream) // pieces))
    answers = []
    for at in range(0, len(stream), size):
        answers += screen.feed(stream[at : at + size], seconds=5)
    return answers


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (b"\x1b[c", b"\x1b[?62;22c"),
        (b"\x1b[>c", b"\x1b[>1;0;0c"),
        (b"\x1b[=c", b"\x1bP!|00000000\x1b\\"),
        (b"\x1bZ", b"\x1b[?62;22c"),
        (b"\x1b[5n", b"\x1b[0n"),
        (b"ab\x1b[6n", b"\x1b[1;3R"),
        (b"\x1b[?2004h\x1b[?2004$p", b"\x1b[?2004;1$y"),
        (b"\x1b[?25$p", b"\x1b[?25;1$y"),
        (b"\x1b[4$p", b"\x1b[4;2$y"),
        (b"\x1b[?2048$p", b"\x1b[?2048;0$y"),
        (b"\x1b[?2027$p", b"\x1b[?2027;0$y"),
        (b"\x1b[>0q", b"\x1bP>|Towpath\x1b\\"),
        (b"\x1b]10;?\x07", b"\x1b]10;rgb:e5e5/e5e5/e5e5\x07"),
        (b"\x1b]11;?\x1b\\", b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
        (b"\x1b[1;31m\x1bP$qm\x1b\\", b"\x1bP1$r0;1;31m\x1b\\"),
        (b"\x1bP$q q\x1b\\", b"\x1bP1$r2 q\x1b\\"),
    ],
)
def test_a_query_is_answered(query: bytes, answer: bytes) -> None:
    assert [data for _, data in asked(query)] == [answer]


@pytest.mark.parametrize(
    "query",
    [
        b"\x1b]0;%s\x07\x1b[21t",  # the title
        b"\x1b]2;%s\x1b\\\x1b[20t",
        b"\x1bP$q%s\x1b\\",
        b"\x1bP+q%s\x1b\\",
        b"\x1bP+q726d202d7266\x1b\\",
        b"\x1b]52;c;%s\x07\x1b]52;c;?\x07",
        b"\x1b]7;file://%s\x07\x1b]7;?\x07",
        b"\x1b]4;%s;?\x07",
        b"\x1b]50;%s\x07\x1b]50;?\x07",
        b"\x1b_Gi=31,s=1,v=1,a=q,t=f;%s\x1b\\",
        b"\x1b[?u",
        b"\x05",
        b"\x1b[14t\x1b[18t",
        b"\x1b[>4;2m\x1b[?4m%s",
    ],
)
def test_nothing_that_was_printed_is_answered(query: bytes) -> None:
    assert asked(query.replace(b"%s", EVIL)) == []


@pytest.mark.parametrize("pieces", [1, 2, 3, 7, 100])
def test_an_answer_belongs_to_the_same_place_however_the_stream_was_cut(pieces: int) -> None:
    stream = b"text\x1b[6n more\x1b]11;?\x1b\\wide \xe4\xbd\xa0\x1b[c\x1bP$qm\x1b\\\x1b[5n"

    assert asked(stream, pieces=pieces) == asked(stream)
    assert [stream[:end][-2:] for end, _ in asked(stream)] == [b"6n", b"?\x1b", b"[c", b"m\x1b", b"5n"]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [b"\x1b", b"[", b"]", b"P", b"?", b";", b"6", b"n", b"c", b"q", b"$", b"\\", b"\x07", b"u", b"t"]
            ),
            st.binary(max_size=4),
        ),
        max_size=60,
    ).map(b"".join)
)
@settings(max_examples=300, deadline=None)
def test_whatever_is_printed_no_answer_ends_a_line(stream: bytes) -> None:
    for _, answer in asked(stream):
        assert not {*answer} & {*b"\r\n\x03\x04"}
        assert answer.startswith(b"\x1b")
