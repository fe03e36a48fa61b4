"""A terminal shows a session's output as it is, and nothing else can command it."""

import io
import re
from pathlib import Path
from typing import Any

import pytest

from api.render import Screen, Transcript, duration, line, printable
from contracts import catalog
from contracts.codec import decode_event
from contracts.events import (
    AgentMessage,
    AgentThought,
    ApprovalOption,
    ApprovalRequest,
    Event,
    SessionError,
    SessionOutput,
    SessionUpdated,
    ToolCall,
    ToolContent,
    ToolDiff,
    ToolText,
    TurnCompleted,
    TurnStarted,
)

TURN = "turn-one-0"
EVIL = "\x1b]0;owned\x07\x9b2J\r\n\u202egpj.exe"
SAMPLES = sorted(Path(__file__).parents[2].joinpath("openapi", "examples").glob("*.json"))
FRAMES = set(catalog.FRAMES)


def shown(*events: Event, together: bool = False, dim: bool = False) -> tuple[str, str]:
    """Return what stdout and stderr get."""
    out, err = io.BytesIO(), io.BytesIO()
    transcript = Transcript(Screen(out=out, err=err, together=together, dim=dim), page="http://here/session/x")
    for event in events:
        transcript.show(event)
    return out.getvalue().decode(), err.getvalue().decode()


def said(text: str, stream: Any = "stdout", **members: Any) -> SessionOutput:
    return SessionOutput(turn_id=TURN, stream=stream, content=text, **members)


def test_output_keeps_every_byte_and_its_stream() -> None:
    coloured = "\x1b[31mred\x1b[0m\r50%\r100%\a no newline"

    assert shown(said(coloured), said("oops\n", "stderr")) == (coloured, "oops\n")


def test_a_turn_ends_with_its_exit_code_and_how_long_it_took() -> None:
    events: list[Event] = [
        TurnStarted(turn_id=TURN, timestamp=1000),
        said("", "exit", exit_code=3),
        TurnCompleted(turn_id=TURN, stop_reason="end", timestamp=1400),
    ]

    assert shown(*events) == ("", "exit 3 after 0.4 s\n")


@pytest.mark.parametrize(
    ("stop", "text"), [("end", "done"), ("cancelled", "cancelled"), ("interrupted", "interrupted")]
)
def test_a_turn_whose_start_was_not_seen_ends_without_a_time(stop: Any, text: str) -> None:
    assert shown(TurnCompleted(turn_id=TURN, stop_reason=stop)) == ("", f"{text}\n")


def test_a_note_on_a_shared_terminal_begins_on_its_own_line() -> None:
    _, err = shown(said("no newline"), TurnCompleted(turn_id=TURN, stop_reason="end"), together=True)

    assert err == "\ndone\n"


def test_a_note_adds_nothing_to_output_that_goes_elsewhere() -> None:
    out, err = shown(said("no newline"), TurnCompleted(turn_id=TURN, stop_reason="end"))

    assert (out, err) == ("no newline", "done\n")


def test_notes_are_dim_and_end_what_colour_was_left_on() -> None:
    _, err = shown(TurnCompleted(turn_id=TURN, stop_reason="end"), dim=True)

    assert err == "\x1b[0;2mdone\x1b[0m\n"


def test_pieces_of_a_message_join_and_the_last_line_is_ended() -> None:
    pieces = [AgentMessage(turn_id=TURN, message_id="message-1", text=text) for text in ("Hel", "lo\nyou")]
    other = AgentMessage(turn_id=TURN, message_id="message-2", text="Again")

    out, _ = shown(*pieces, other, TurnCompleted(turn_id=TURN, stop_reason="end"))

    assert out == "Hello\nyou\nAgain\n"


def test_a_tool_is_named_when_it_begins_and_when_it_is_done() -> None:
    calls = [
        ToolCall(turn_id=TURN, tool_call_id="1", title="Read a.txt", status="pending"),
        ToolCall(turn_id=TURN, tool_call_id="1", status="running"),
        ToolCall(turn_id=TURN, tool_call_id="1", status="completed"),
    ]

    assert shown(*calls)[1] == "[Read a.txt]: pending\n[Read a.txt]: completed\n"


def test_a_question_says_where_to_answer() -> None:
    question = ApprovalRequest(
        approval_id="approval-1",
        command="rm -r build",
        explanation="to start afresh",
        options=[ApprovalOption(option_id="yes", name="Yes", kind="allow-once")],
        editable=False,
        expires_at=0,
    )

    _, err = shown(question)

    assert "rm -r build" in err
    assert "answer at http://here/session/x" in err


@pytest.mark.parametrize(
    "event",
    [
        SessionError(error=EVIL, code=EVIL, recoverable=True),
        SessionUpdated(title=EVIL),
        ToolCall(turn_id=TURN, tool_call_id="1", title=EVIL, status="pending"),
        AgentMessage(turn_id=TURN, message_id="message-1", text=EVIL),
    ],
    ids=lambda event: type(event).__name__,
)
def test_nothing_but_output_commands_the_terminal(event: Event) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", "".join(shown(event)))


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.stem not in FRAMES], ids=lambda path: path.stem)
def test_every_event_can_be_shown(path: Path) -> None:
    out, err = shown(decode_event(path.read_bytes()))

    assert "UNSET" not in out + err
    assert "Struct" not in out + err


def test_printable_text_keeps_what_people_write() -> None:
    text = "träumen\t🌊\nनमस्ते e\u0301 a\u00a0b"

    assert printable(text) == text


def test_a_line_is_one_line_of_bounded_length() -> None:
    assert line("a\nb\t c") == "a b c"
    assert line("x" * 300) == "x" * 199 + "…"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0.0 s"),
        (449, "0.4 s"),
        (9_999, "10.0 s"),
        (10_000, "10 s"),
        (59_999, "59 s"),
        (200_000, "3 min 20 s"),
        (7_500_000, "2 h 5 min"),
        (356_400_000, "4 d 3 h"),
    ],
)
def test_durations_read_as_people_say_them(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text


def test_a_thought_that_comes_in_pieces_is_one_paragraph() -> None:
    pieces = [AgentThought(turn_id=TURN, message_id="thought-1", text=text) for text in ("Let me ", f"see{EVIL[:1]}. ")]
    message = AgentMessage(turn_id=TURN, message_id="message-1", text="Done.")

    out, err = shown(*pieces, message, TurnCompleted(turn_id=TURN, stop_reason="end"))

    assert (out, err) == ("Done.\n", "Let me see\N{REPLACEMENT CHARACTER}. \ndone\n")


def test_what_a_tool_came_to_is_shown_in_few_lines() -> None:
    begun = ToolCall(turn_id=TURN, tool_call_id="t1", title="make", status="running", content=[ToolText(text="no")])
    content: list[ToolContent] = [
        ToolText(text="".join(f"line {n}\n" for n in range(12))),
        ToolDiff(path="a", new_text=""),
    ]

    _, err = shown(begun, ToolCall(turn_id=TURN, tool_call_id="t1", status="completed", content=content))

    assert err.splitlines() == [
        "[make]: running",
        "[make]: completed",
        *(f"  line {n}" for n in range(10)),
        "  … and 2 more lines",
        "  changes a",
    ]
