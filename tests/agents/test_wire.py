"""What a program may write, split anywhere, and what becomes of it."""

from time import process_time

import pytest

from infrastructure.agents.wire import Junk, Message, Notification, Request, Response, Wire, answer, refusal, request

LINES = (
    b'{"jsonrpc":"2.0","id":1,"result":{"a":"\xc3\xa9"}}\n'
    b"\n"
    b'{"jsonrpc":"2.0","method":"session/update","params":{"x":"\\n"}}\r\n'
    b"Debugger listening\n"
    b'{"jsonrpc":"2.0","id":"a-1","method":"fs/read_text_file","params":{}}\n'
    b'{"id":null,"error":{"code":-32700,"message":"?"}}\n'
)
MESSAGES: list[Message] = [
    Response(1, {"a": "é"}),
    Notification("session/update", {"x": "\n"}),
    Junk("no message (JSON is malformed: invalid character (byte 0))", "Debugger listening"),
    Request("a-1", "fs/read_text_file", {}),
    Response(None, error={"code": -32700, "message": "?"}),
]


def test_messages_are_the_same_wherever_the_bytes_are_split() -> None:
    for at in range(len(LINES)):
        wire = Wire()

        messages = [*wire.feed(LINES[:at]), *wire.feed(LINES[at:]), *wire.end()]

        assert messages == MESSAGES


def test_messages_are_the_same_byte_by_byte() -> None:
    wire = Wire()

    assert [message for at in range(len(LINES)) for message in wire.feed(LINES[at : at + 1])] == MESSAGES


@pytest.mark.parametrize(
    "line",
    [
        b"[]", b"5", b"null", b"true", b'"text"', b"{}", b'{"id":1}', b'{"method":5}', b'{"result":1}', b"\xff\n",
        b'[{"jsonrpc":"2.0","method":"x"}]', b"[" * 100_000, b'{"id":{},"method":"x"}', b'{"id":1,"result":NaN}',
        b'{"jsonrpc":"2.0","method":"half',
    ],
)  # fmt: skip
def test_what_is_no_message_harms_none_that_follows(line: bytes) -> None:
    wire = Wire()

    first, *others = [*wire.feed(line + b"\n" + answer(1, 2)), *wire.end()]

    assert isinstance(first, Junk)
    assert len(first.text) <= 200
    assert others == [Response(1, 2)]


def test_a_line_without_its_end_is_told_at_the_end() -> None:
    wire = Wire()

    assert wire.feed(b'{"jsonrpc":"2.0","method":"session/upd') == []
    (junk,) = wire.end()
    assert isinstance(junk, Junk)


def test_a_line_that_is_too_long_is_told_once_and_passed_over() -> None:
    wire = Wire(most_bytes=1000)

    messages = [m for _ in range(20) for m in wire.feed(b"x" * 100)]
    messages += wire.feed(b"y\n" + answer(1, None))

    assert messages == [Junk("a line of more than 1000 bytes", "x" * 200), Response(1, None)]


def test_halves_of_characters_and_bytes_that_are_no_text_are_replaced() -> None:
    wire = Wire()

    (cut,) = wire.feed(b'{"method":"m","params":"a\\ud83d b\\ude00 \\ud83d\\ude00 \\\\ud83d"}\n')
    (raw,) = wire.feed(b'{"method":"m","params":"\xff"}\n')

    assert cut == Notification("m", "a� b� \U0001f600 \\ud83d")
    assert raw == Notification("m", "�")


def test_what_is_sent_is_one_line_each() -> None:
    for line in (request(1, "m", {"a": "\n"}), answer("x", None), refusal(None, -32601, "no", {"b": "\r\n"})):
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")


@pytest.mark.parametrize("piece", [b"\\ud800", b"\\", b"\xff", b"["], ids=["halves", "backslashes", "no text", "deep"])
def test_a_large_line_that_is_no_message_is_passed_over_quickly(piece: bytes) -> None:
    line = b'{"a":"' + piece * (16 * 1024 * 1024 // len(piece))
    began = process_time()

    (junk,) = Wire().feed(line + b"\n")

    assert isinstance(junk, Junk)
    assert process_time() - began < 1  # to mend it would take five seconds, for which the server does nothing else
