"""What a client may send, and how long it may take, before any handler runs."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.server.client import ServerProcess, code_of, read_all, read_answer, serving, status_of

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
LIMITS: dict[str, Any] = {
    "header_bytes": 8192,
    "header_count": 20,
    "header_seconds": 0.5,
    "body_bytes": 100_000,
    "body_bytes_at": {"/wide": 300_000},
    "body_seconds": 0.6,
    "idle_seconds": 0.7,
    "connections": 3000,
}


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with serving(limits=LIMITS) as running:
        yield running


def seconds_until_closed(connection: socket.socket) -> tuple[float, bytes]:
    began = time.monotonic()
    answer = read_all(connection)
    return time.monotonic() - began, answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /" + b"a" * 9000,
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000,
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a" * 9000,
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 2000,
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20 + b"\r\n",
        b"\r\n" * 5000,
    ],
    ids=[
        "target",
        "endless-target",
        "value",
        "endless-value",
        "endless-name",
        "endless-fields",
        "count",
        "blank",
    ],
)
@pytest.mark.parametrize("size", [100_000, 700])
def test_a_head_over_the_limit_is_answered_431(server: ServerProcess, head: bytes, size: int) -> None:
    answer = server.say(*(head[at : at + size] for at in range(0, len(head), size)))

    assert status_of(answer) == 431
    assert code_of(answer) == "header-too-large"


def test_a_head_of_just_the_limit_passes_with_its_body(server: ServerProcess) -> None:
    head = POST + b"Content-Length: 90000\r\nX: \r\n\r\n"
    head = head[:-4] + b"a" * (LIMITS["header_bytes"] - len(head)) + b"\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(head + b"b" * 90_000)

        assert read_answer(connection).endswith(b"\r\n\r\n" + b"b" * 90_000)


def test_the_limits_of_a_head_hold_for_the_second_request_too(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(GET)
        read_answer(connection)
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 9000)
        answer = read_all(connection)

    assert code_of(answer) == "header-too-large"


def test_a_header_of_200_megabytes_costs_no_memory(server: ServerProcess) -> None:
    server.say(GET[:-2] + b"Connection: close\r\n\r\n")
    before = server.memory()
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        sent = 0
        try:
            while sent < 200_000_000:
                sent += connection.send(b"a" * 1_000_000)
        except ConnectionError:
            pass
        answer = read_all(connection)

    assert sent < 200_000_000
    assert server.memory() - before < 10_000_000
    assert answer == b"" or status_of(answer) == 431


@pytest.mark.parametrize(
    "first", [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n", b"\r\n"], ids=["nothing", "byte", "line", "blank"]
)
def test_a_head_that_does_not_come_is_answered_408(server: ServerProcess, first: bytes) -> None:
    with server.connect() as connection:
        connection.sendall(first)
        seconds, answer = seconds_until_closed(connection)

    assert 0.3 < seconds < 3
    assert status_of(answer) == 408
    assert code_of(answer) == "request-timeout"


def test_one_byte_after_the_other_does_not_move_the_deadline(server: ServerProcess) -> None:
    with server.connect() as connection:
        began = time.monotonic()
        answer = trickle(connection, b"GET / HTTP/1.1\r\nX: " + b"a" * 1000)

    assert time.monotonic() - began < 3
    assert status_of(answer) == 408


def trickle(connection: socket.socket, data: bytes) -> bytes:
    """Send a byte whenever nothing was answered for 50 ms; return the answer."""
    connection.settimeout(0.05)
    for byte in data:
        connection.sendall(bytes([byte]))
        try:
            return connection.recv(65536)
        except TimeoutError:
            continue
    raise AssertionError("never answered")


def test_the_second_request_has_the_deadline_from_its_first_byte(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(GET)
        read_answer(connection)
        connection.sendall(b"G")
        seconds, answer = seconds_until_closed(connection)

    assert 0.3 < seconds < 3
    assert status_of(answer) == 408


def test_a_connection_without_a_next_request_is_closed_without_a_word(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(GET)
        read_answer(connection)
        seconds, answer = seconds_until_closed(connection)

    assert 0.5 < seconds < 3
    assert answer == b""


def test_slow_connections_are_all_closed_on_time(server: ServerProcess) -> None:
    began = time.monotonic()
    connections = [server.connect() for _ in range(2000)]
    for connection in connections:
        connection.sendall(b"GET / HTTP/1.1\r\nX: a")
    answers = [read_all(connection) for connection in connections]
    for connection in connections:
        connection.close()

    assert {status_of(answer) for answer in answers} == {408}
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "framing",
    [b"Content-Length: 10\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"],
    ids=["length", "chunked"],
)
def test_a_body_that_does_not_come_is_answered_408(server: ServerProcess, framing: bytes) -> None:
    with server.connect() as connection:
        connection.sendall(POST + framing)
        seconds, answer = seconds_until_closed(connection)

    assert 0.4 < seconds < 3
    assert code_of(answer) == "request-timeout"


def test_a_trickling_body_does_not_move_its_deadline(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 1000\r\n\r\n")
        answer = trickle(connection, b"a" * 1000)

    assert code_of(answer) == "request-timeout"


def test_a_body_that_does_not_come_is_not_waited_for_behind_an_early_answer(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab")
        assert status_of(read_answer(connection)) == 401
        seconds, rest = seconds_until_closed(connection)

    assert seconds < 3
    assert rest == b""


def test_an_early_answer_is_read_though_its_body_still_comes(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nab")
        connection.sendall(b"a" * 99_998)

        assert status_of(read_all(connection)) == 401


def test_a_long_answer_has_no_deadline(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.settimeout(1.5)
        with pytest.raises(TimeoutError):
            read_all(connection)


def test_a_length_over_the_limit_is_answered_413_without_the_body(server: ServerProcess) -> None:
    answer = server.say(POST + b"Content-Length: 100001\r\nExpect: 100-continue\r\n\r\n")

    assert status_of(answer) == 413
    assert code_of(answer) == "body-too-large"


def test_a_client_that_sends_its_large_body_all_the_same_reads_the_413(server: ServerProcess) -> None:
    answer = server.say(POST + b"Content-Length: 900000\r\n\r\n", b"a" * 900_000)

    assert status_of(answer) == 413


def test_chunks_over_the_limit_are_answered_413_and_not_kept(server: ServerProcess) -> None:
    before = server.memory()
    with server.connect() as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 100_000_000:
                sent += connection.send(b"10000\r\n" + b"a" * 65536 + b"\r\n")
        except ConnectionError:
            pass
        answer = read_all(connection)

    assert sent < 100_000_000
    assert server.memory() - before < 10_000_000
    assert answer == b"" or code_of(answer) == "body-too-large"


def test_a_path_may_have_a_limit_of_its_own(server: ServerProcess) -> None:
    wide = b"POST /wide HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"

    assert server.say(wide + b"Content-Length: 300000\r\n\r\n" + b"a" * 300_000).endswith(b"a" * 300_000)
    assert status_of(server.say(wide + b"Content-Length: 300001\r\n\r\n")) == 413


def test_a_path_has_its_limit_however_it_is_written(server: ServerProcess) -> None:
    wide = b"POST /%77ide HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"

    assert server.say(wide + b"Content-Length: 300000\r\n\r\n" + b"a" * 300_000).endswith(b"a" * 300_000)


def test_a_client_that_expects_to_be_asked_is_asked(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")

        assert read_answer(connection).endswith(b"abc")


@pytest.mark.parametrize("start", [b"1;", b"0\r\nX: "], ids=["extension", "trailer"])
def test_chunks_without_content_do_not_go_on_for_ever(server: ServerProcess, start: bytes) -> None:
    before = server.memory()
    with server.connect() as connection:
        with suppress(ConnectionError):
            connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n" + start + b"a" * 5_000_000)
        answer = read_all(connection)

    assert answer == b"" or status_of(answer) == 400
    assert server.memory() - before < 10_000_000


def test_an_application_can_cut_its_connection(server: ServerProcess) -> None:
    assert server.say(b"GET /abort HTTP/1.1\r\nHost: a\r\n\r\n") == b""


def test_an_answer_that_nobody_reads_does_not_hold_its_connection(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert connection.recv(100)
        held = server.sockets()
        deadline = time.monotonic() + 10
        while server.sockets() == held and time.monotonic() < deadline:
            time.sleep(0.05)

        assert server.sockets() == held - 1
