"""The catalog holds every contract, and says of each what is true of its struct."""

import inspect
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import catalog, events, requests
from contracts.codec import encode
from tests.factories import make
from tests.schemas import validator

COMPONENTS = catalog.components()
REQUESTS = requests.Request.__subclasses__()

a_few_seeds = settings(
    max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def subclasses(base: type) -> set[type]:
    return {member for member in vars(events).values() if inspect.isclass(member) and base in member.__mro__[1:]}


def test_the_unions_of_events_are_complete() -> None:
    assert set(get_args(events.Event)) == subclasses(events.EventBase)
    assert set(get_args(events.StreamFrame)) == subclasses(events.FrameBase)


def test_an_event_and_its_frames_have_distinct_types() -> None:
    assert len(catalog.EVENTS) == len(get_args(events.Event))
    assert not catalog.EVENTS.keys() & catalog.FRAMES.keys()


def test_lifecycle_types_are_types_of_events() -> None:
    assert catalog.EVENTS.keys() >= events.LIFECYCLE_TYPES


@pytest.mark.parametrize("name", catalog.EVENTS)
def test_an_event_begins_with_its_type_session_seq_and_time(name: str) -> None:
    assert COMPONENTS[catalog.EVENTS[name].__name__]["required"][:4] == ["type", "sessionId", "seq", "timestamp"]


@pytest.mark.parametrize("name", [*catalog.STRUCTS])
def test_every_struct_says_what_it_is(name: str) -> None:
    assert COMPONENTS[name]["description"]


@pytest.mark.parametrize("name", [name for name, struct in catalog.STRUCTS.items() if struct in REQUESTS])
def test_an_unknown_member_of_a_request_is_refused(name: str) -> None:
    schema = COMPONENTS[name]

    assert all(form["additionalProperties"] is False for form in schema.get("oneOf", [schema]))


@pytest.mark.parametrize("name", catalog.STRUCTS)
def test_a_schema_accepts_what_its_struct_encodes_and_the_struct_reads_it_back(name: str) -> None:
    struct = catalog.STRUCTS[name]
    accepts = validator({"$ref": catalog.REFERENCE + name}, COMPONENTS)
    decode = msgspec.json.Decoder(struct).decode

    @a_few_seeds
    @given(seed=st.integers(0, 2**32 - 1))
    def check(seed: int) -> None:
        built = make(struct, seed=seed)
        wire = encode(built)

        accepts.validate(msgspec.json.decode(wire))
        assert decode(wire) == built

    check()


@pytest.mark.parametrize("name", [name for name, struct in catalog.STRUCTS.items() if getattr(struct, "forms", ())])
def test_a_schema_and_its_struct_refuse_the_same_combinations_of_members(name: str) -> None:
    struct = catalog.STRUCTS[name]
    accepts = validator({"$ref": catalog.REFERENCE + name}, COMPONENTS)
    verdicts = []

    for members in combinations(struct):
        try:
            msgspec.convert(members, struct)
        except msgspec.ValidationError:
            verdicts.append((accepts.is_valid(members), False))
        else:
            verdicts.append((accepts.is_valid(members), True))

    assert set(verdicts) == {(True, True), (False, False)}


TRIED: dict[str, list[Any]] = {
    "scope": ["full", "read", "session"],
    "encoding": ["utf8", "base64"],
    "data": ["aGVsbG8=", "no base64"],
    "seq": [1],
}


def combinations(struct: type[msgspec.Struct]) -> list[dict[str, Any]]:
    values: dict[str, list[Any]] = {
        field.encode_name: TRIED.get(field.name, ["long-enough"]) for field in msgspec.structs.fields(struct)
    }
    config = struct.__struct_config__
    found: list[dict[str, Any]] = [{config.tag_field: config.tag} if config.tag_field else {}]
    for name, choices in values.items():
        found += [{**members, name: choice} for members in found for choice in choices]
    return found
