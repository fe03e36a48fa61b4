"""The golden samples: one per event and frame, read by the documentation and by the tests of every language."""

from pathlib import Path

import msgspec
import pytest

from contracts import catalog
from contracts.codec import encode
from contracts.events import EVENT_BYTES, Event, StreamFrame
from contracts.terminals import TerminalFrame
from tests.schemas import validator

SAMPLES = {
    path.stem: path.read_bytes()
    for path in sorted(Path(__file__).parents[2].joinpath("openapi", "examples").glob("*.json"))
}
COMPONENTS = catalog.components()
DECODE = msgspec.json.Decoder(Event | StreamFrame | TerminalFrame).decode


def test_every_event_and_frame_has_a_sample() -> None:
    assert SAMPLES.keys() == catalog.EVENTS.keys() | catalog.FRAMES.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_one_line_that_encodes_again_to_the_same_bytes(name: str) -> None:
    assert encode(DECODE(SAMPLES[name])) + b"\n" == SAMPLES[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_of_its_type_and_fits_its_schema(name: str) -> None:
    struct = {**catalog.EVENTS, **catalog.FRAMES}[name]

    validator({"$ref": catalog.REFERENCE + struct.__name__}, COMPONENTS).validate(msgspec.json.decode(SAMPLES[name]))
    assert type(DECODE(SAMPLES[name])) is struct
    assert len(SAMPLES[name]) < EVENT_BYTES
