"""Where a stream begins, case by case."""

import pytest

from domain.cursors import Position, Start, format_cursor, parse_cursor, start_at
from domain.errors import InvalidCursor
from domain.ids import Epoch
from domain.ports import Head

HERE, ELSEWHERE = Epoch("epoch-here"), Epoch("epoch-there")
HEAD = Head(HERE, 20, 5, None)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("0", Position(None, 0)),
        ("epoch-here.0", Position(HERE, 0)),
        ("epoch-here.0017", Position(HERE, 17)),
        ("epoch-here.9999999999999999", Position(HERE, 9_999_999_999_999_999)),
    ],
)
def test_a_cursor_is_an_epoch_and_a_number(text: str, position: Position) -> None:
    assert parse_cursor(text, member="after") == position


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "00", "-1", "abc", ".5", "epoch-here", "epoch-here.", "epoch-here.-1", "epoch-here.1.2",
        "epoch-here.1 ", " epoch-here.1", "epoch-here.1\n", "0\n", "short.1", "epoch here.1", "epoch-here.\u0661",
        "epoch-here.12345678901234567", "x" * 33 + ".1", "epoch-here.1e3",
    ],
)  # fmt: skip
def test_what_is_no_cursor_is_named(text: str) -> None:
    with pytest.raises(InvalidCursor) as caught:
        parse_cursor(text, member="Last-Event-ID")

    assert caught.value.member == "Last-Event-ID"


def test_a_cursor_reads_as_it_was_written() -> None:
    assert parse_cursor(format_cursor(HERE, 17), member="after") == Position(HERE, 17)


@pytest.mark.parametrize(
    ("position", "start"),
    [
        (None, Start(20)),
        (Position(HERE, 20), Start(20)),
        (Position(HERE, 19), Start(19)),
        (Position(HERE, 5), Start(5)),
        (Position(HERE, 4), Start(5, "trimmed")),
        (Position(None, 0), Start(5, "trimmed")),
        (Position(HERE, 21), Start(5, "future")),
        (Position(ELSEWHERE, 20), Start(5, "epoch")),
        (Position(ELSEWHERE, 0), Start(5, "epoch")),
    ],
)
def test_a_stream_begins_at_its_cursor_or_says_why_not(position: Position | None, start: Start) -> None:
    assert start_at(position, HEAD) == start


def test_the_beginning_of_a_whole_log_is_no_reset() -> None:
    assert start_at(Position(None, 0), Head(HERE, 20, 0, None)) == Start(0)
