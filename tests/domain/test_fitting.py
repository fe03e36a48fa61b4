"""No event is too large, and what is cut or kept apart is all there."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.codec import encode
from contracts.events import (
    EVENT_BYTES,
    AgentMessage,
    AgentThought,
    ApprovalRequest,
    EditOperation,
    Event,
    LargeBody,
    Location,
    OperationsDetected,
    PlanEntry,
    PlanUpdated,
    SessionError,
    SessionOutput,
    ToolCall,
    ToolDiff,
    ToolText,
    WriteOperation,
)
from domain.fitting import EVENT_OVERHEAD_BYTES, fit, pieces
from domain.ports import Turn, TurnEnd
from tests.domain.stage import of, staged
from tests.factories import TURN_ID, make
from tests.fakes import FakeAgent

ANY = st.text(st.characters(exclude_categories=["Cs"]))
CHARACTERS = ["x", "\x01", "€", "😀", '"']
MANY = 200_000
MESSAGE_ID = "message-0001"


def fitted(*events: Event) -> tuple[list[Any], dict[str, bytes]]:
    """Return what fits, all of it checked, and the bodies kept apart, by id."""
    fitting, blobs = fit(events)
    assert all(len(encode(event)) <= EVENT_BYTES - EVENT_OVERHEAD_BYTES for event in fitting)
    return list(fitting), {blob.blob_id: blob.data for blob in blobs}


def whole(text: Any, blobs: dict[str, bytes]) -> str:
    return blobs[text.blob_id].decode() if isinstance(text, LargeBody) else text


@given(ANY, st.integers(8, 50))
def test_pieces_fit_and_join_to_the_text(text: str, most: int) -> None:
    cut = list(pieces(text, most))

    assert "".join(cut) == text
    assert all(len(encode(piece)) <= most for piece in cut)


@pytest.mark.parametrize("character", CHARACTERS)
def test_long_text_is_cut_into_pieces_of_one_message(character: str) -> None:
    text = character * MANY
    said: list[Event] = [
        AgentMessage(turn_id=TURN_ID, message_id=MESSAGE_ID, text=text),
        AgentThought(turn_id=TURN_ID, message_id=MESSAGE_ID, text=text),
        SessionOutput(turn_id=TURN_ID, tool_call_id="call", stream="stderr", content=text),
    ]

    fitting, blobs = fitted(*said)

    assert not blobs
    for event, name in zip(said, ("text", "text", "content"), strict=True):
        parts = of(fitting, type(event))
        assert len(parts) > 3
        assert "".join(getattr(part, name) for part in parts) == text
        assert {replace(part, **{name: ""}) for part in parts} == {replace(event, **{name: ""})}


def test_what_fits_is_passed_on_as_it_is() -> None:
    events = (make(ToolCall, seed=1), SessionOutput(stream="stdout", content="x" * 60_000), make(SessionError, seed=1))

    assert fit(events) == (events, ())


@pytest.mark.parametrize("character", CHARACTERS)
def test_what_a_tool_says_and_was_given_is_kept_apart_where_it_is_large(character: str) -> None:
    text, given_to_it = character * MANY, {"content": character * MANY, "path": "/a", "list": [1, [character]]}
    call = ToolCall(
        turn_id=TURN_ID,
        tool_call_id="call",
        title="Write",
        locations=[Location(path="/a")],
        content=[ToolText(text=text), ToolText(text="short"), ToolDiff(path="/a", old_text=text, new_text=text)],
        input=given_to_it,
    )

    [small], blobs = fitted(call)

    said, short, diff = small.content
    assert (small.title, small.locations, short.text) == ("Write", call.locations, "short")
    assert [whole(part, blobs) for part in (said.text, diff.old_text, diff.new_text)] == [text] * 3
    assert msgspec.json.decode(blobs[small.input.blob_id]) == given_to_it
    assert small.input.bytes == len(blobs[small.input.blob_id])
    assert text.startswith(diff.new_text.preview)


def test_operations_and_a_command_to_approve_are_kept_apart() -> None:
    text = "x" * MANY
    question = replace(make(ApprovalRequest, seed=1), command=text)
    operations: list[Any] = [WriteOperation(path="a", content=text), EditOperation(path="b", search="y", replace=text)]

    (asked, found), blobs = fitted(question, OperationsDetected(plan_id="plan-one", operations=operations))

    assert whole(asked.command, blobs) == text
    assert whole(found.operations[0].content, blobs) == whole(found.operations[1].replace, blobs) == text
    assert found.operations[1].search == "y"


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        (
            ToolCall(
                turn_id=TURN_ID,
                tool_call_id="call",
                title="t" * MANY,
                locations=[Location(path=f"/{number}") for number in range(10_000)],
            ),
            lambda event: event.locations[0].path == "/0" and len(event.locations) > 500 and len(event.title) == 1000,
        ),
        (
            PlanUpdated(
                turn_id=TURN_ID,
                entries=[PlanEntry(content="c" * 1_000, priority="low", status="pending") for _ in range(100)],
            ),
            lambda event: len(event.entries) >= 25,
        ),
        (SessionError(error="e" * MANY, code="agent-failed", recoverable=True), lambda event: event.error[0] == "e"),
    ],
    ids=["locations", "plan", "error"],
)
def test_what_can_only_be_cut_short_says_so(event: Event, kept: Any) -> None:
    (short, note), blobs = fitted(event)

    assert kept(short)
    assert (note.code, note.recoverable, blobs) == ("event-too-large", True, {})
    assert str(len(encode(event))) in note.error


@pytest.mark.parametrize(
    "event",
    [
        ToolCall(turn_id=TURN_ID, tool_call_id="i" * MANY),
        SessionOutput(stream="stdout", tool_call_id="i" * MANY, content="x"),
    ],
    ids=["tool-call", "output"],
)
def test_what_can_not_even_be_cut_is_told_of(event: Event) -> None:
    [note], _ = fitted(event)

    assert (type(note), note.code) == (SessionError, "event-too-large")


async def test_whatever_an_agent_says_lies_in_events_of_64_kib() -> None:
    async def flood(agent: FakeAgent, turn: Turn) -> TurnEnd:
        await agent.emit(
            AgentMessage(turn_id=turn.turn_id, message_id=MESSAGE_ID, text="m" * MANY),
            ToolCall(turn_id=turn.turn_id, tool_call_id="call", content=[ToolText(text="t" * MANY)]),
        )
        return TurnEnd(stop_reason="end")

    async with staged(play=flood) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        events = await stage.rested(session_id)
        [call] = of(events, ToolCall)
        body = await stage.reading.blob(session_id, call.content[0].text.blob_id)

    assert body == b"t" * MANY
    assert "".join(part.text for part in of(events, AgentMessage)) == "m" * MANY
    assert max(len(encode(event)) for event in events) <= EVENT_BYTES
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
