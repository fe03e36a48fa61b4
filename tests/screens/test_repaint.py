"""What a new viewer is sent makes its terminal equal to one that saw everything, wherever the stream is cut."""

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.screens.core import Core
from infrastructure.screens.emulator import Emulator
from infrastructure.screens.painter import repaint
from tests.node_tools import run_node
from tests.screens.programs import COLS, PROGRAMS, ROWS, recording
from tests.screens.views import view

CUTS = 12
REFERENCE_CUTS = 4
CONTROLS = (
    b"%dA %dB %dC %dD %dG %dd %d;5H 3;%dH %dJ %dK %dL %dM %dP %d@ %dX %dS %dT %d;6r %dm 3%dm 4%dm 38;5;%dm "
    b"48;2;1;%d;3m 4:%dm %db 0g 3g ?1049h ?1049l ?6h ?6l ?7l ?7h 4h 4l ?25l ?2004h ?1002h ?1006h ?1h r m !p"
)
SEQUENCES = [b"\x1b[" + control for control in CONTROLS.split()] + [
    *(
        b"\x1b[%d q",
        b"\x1b7\x1b[%dB",
        b"\x1b8",
        b"\x1bM",
        b"\x1bD",
        b"\x1bE",
        b"\x1bH\x1b[%dG",
        b"\x1b(0",
        b"\x1b(B",
        b"\x1b#8",
    ),
    *(b"\x1b]2;a %d\x07", b"\x1b]8;;http://x.y/%d\x1b\\", b"\x1b]4;%d;#102030\x07", b"\x1b]11;#%02d2030\x07"),
    *(b"\r\n", b"\n", b"\t", b"\b"),
]
TEXTS = [
    b"text",
    b"x" * 25,
    "wörld".encode(),
    "你好".encode(),
    "e\u0301".encode(),
    "😀".encode(),
    b"  ",
    b"\xff",
    b"\x1b[1;31mred ",
]


def piece(number: int, sequence: bytes) -> bytes:
    return sequence % number if b"%" in sequence else sequence


STREAMS = st.lists(
    st.one_of(st.sampled_from(TEXTS), st.builds(piece, st.integers(0, 9), st.sampled_from(SEQUENCES))), max_size=40
).map(b"".join)


def drawn(stream: bytes, *, cols: int = COLS, rows: int = ROWS) -> Core:
    core = Core(cols, rows)
    core.write(stream)
    return core


def cut(stream: bytes, at: int) -> tuple[bytes, int]:
    screen = Emulator(Core(COLS, ROWS), offset=0)
    screen.feed(stream[:at], seconds=5)
    return repaint(screen.core), screen.whole


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_repaint_equals_the_stream_before_it_and_behind_it(name: str) -> None:
    stream = recording(name)
    for at in sorted(random.Random(name).sample(range(len(stream)), CUTS)):
        data, offset = cut(stream, at)

        assert view(drawn(data)) == view(drawn(stream[:offset])), at
        assert view(drawn(data + stream[offset:])) == view(drawn(stream)), at


@given(STREAMS)
@settings(max_examples=100, deadline=None)
def test_a_repaint_equals_any_stream(stream: bytes) -> None:
    screen = Emulator(Core(20, 6), offset=0)
    screen.feed(stream, seconds=5)

    again = drawn(repaint(screen.core), cols=20, rows=6)

    assert view(again) == view(drawn(stream[: screen.whole], cols=20, rows=6))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_repaint_equals_the_stream_in_an_independent_terminal(name: str, tmp_path: Path) -> None:
    stream = recording(name)
    cuts = sorted(random.Random(name).sample(range(len(stream)), REFERENCE_CUTS))
    repaints = [cut(stream, at) for at in cuts]
    streams = [stream[:offset] for _, offset in repaints] + [stream] * len(cuts)
    repainted = [data for data, _ in repaints] + [data + stream[offset:] for data, offset in repaints]
    asked = tmp_path / "asked.json"
    asked.write_bytes(msgspec.json.encode({"cols": COLS, "rows": ROWS, "streams": streams + repainted}))

    ran = run_node("screen.js", asked)

    assert ran.returncode == 0, ran.stderr
    shown = msgspec.json.decode(ran.stdout)
    for expected, actual in zip(shown[: len(streams)], shown[len(streams) :], strict=True):
        for member in expected:
            assert actual[member] == expected[member], member
