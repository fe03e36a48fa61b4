"""More connections than the server takes."""

import socket
import time

import msgspec
import pytest

from api.server import RESERVED_FILES
from tests.server.client import ServerProcess, code_of, read_all, serving, status_of

CLOSE = b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


def ask(server: ServerProcess, target: bytes, *headers: bytes) -> bytes:
    return server.say(b"GET " + target + CLOSE + b"".join(header + b"\r\n" for header in headers) + b"\r\n")


def test_above_the_cap_health_is_answered_streams_come_back_and_the_rest_is_503() -> None:
    with serving(limits={"connections": 20, "spare_connections": 20}) as server:
        idle = [server.connect() for _ in range(20)]
        health = ask(server, b"/healthz")
        ordinary = ask(server, b"/api/sessions")
        stream = ask(server, b"/api/session/abcdefgh/events", b"Last-Event-ID: k7wq2mzr5tdn4.17")
        for connection in idle:
            connection.close()

    assert status_of(health) == 200
    assert status_of(ordinary) == 503
    assert code_of(ordinary) == "overloaded"
    assert status_of(stream) == 200
    head, _, body = stream.partition(b"\r\n\r\n")
    assert b"\r\ncontent-type: text/event-stream\r\n" in head.lower()
    retry, event, position, data = body.removesuffix(b"\n\n").split(b"\n")
    assert 1000 <= int(retry.removeprefix(b"retry: ")) < 5000
    assert event == b"event: stream-closing"
    assert position == b"id: k7wq2mzr5tdn4.17"
    assert msgspec.json.decode(data.removeprefix(b"data: ")) == {"type": "stream-closing", "reason": "overload"}


@pytest.mark.parametrize(
    ("target", "header", "position"),
    [
        (b"/api/events?types=a&after=k7wq2mzr5tdn4.3", b"X: y", b"id: k7wq2mzr5tdn4.3"),
        (b"/api/events?after=k7wq2mzr5tdn4.3", b"Last-Event-ID: k7wq2mzr5tdn4.4", b"id: k7wq2mzr5tdn4.4"),
        (b"/api/events", b"Last-Event-ID: a b", None),
        (b"/api/events?after=0", b"X: y", None),
    ],
)
def test_a_stream_that_is_sent_away_keeps_its_position(target: bytes, header: bytes, position: bytes | None) -> None:
    with serving(limits={"connections": 0, "spare_connections": 20}) as server:
        lines = ask(server, target, header).partition(b"\r\n\r\n")[2].split(b"\n")

    assert next((line for line in lines if line.startswith(b"id:")), None) == position


def test_beyond_the_spare_connections_the_longest_waiting_makes_room_and_streams_stay() -> None:
    with serving(limits={"connections": 40, "spare_connections": 10}) as server:
        stream = server.connect()
        stream.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        assert stream.recv(4096)
        flood = [server.connect() for _ in range(300)]
        began = time.monotonic()
        health = ask(server, b"/healthz")
        seconds = time.monotonic() - began

        assert status_of(health) == 200
        assert seconds < 1
        assert read_all(flood[0]) == b""
        assert still_open(flood[-1])
        assert still_open(stream)
        for connection in (stream, *flood):
            connection.close()


def still_open(connection: socket.socket) -> bool:
    """Tell whether nothing, not even an end, follows what was already sent."""
    connection.settimeout(0.1)
    try:
        while piece := connection.recv(4096):
            assert b"closing" not in piece
    except TimeoutError:
        return True
    except ConnectionError:
        return False
    return False


def test_a_low_soft_limit_on_open_files_is_lifted_as_far_as_needed() -> None:
    with serving(limits={"connections": 300, "spare_connections": 100}, ulimit="-S -n 256") as server:
        assert server.file_limit() == 300 + 100 + RESERVED_FILES


def test_a_hard_limit_on_open_files_lowers_the_cap() -> None:
    with serving(limits={"connections": 2000}, ulimit="-n 200") as server:
        flood = [server.connect() for _ in range(400)]
        health = ask(server, b"/healthz")
        ordinary = ask(server, b"/x")
        for connection in flood:
            connection.close()

    assert status_of(health) == 200
    assert status_of(ordinary) == 503


def test_without_a_free_file_the_server_waits_without_spinning_and_recovers() -> None:
    with serving(limits={"connections": 2000, "header_seconds": 1.0}, ulimit="-n 200", hoard_files=True) as server:
        flood = [server.connect() for _ in range(100)]
        before = server.cpu_seconds()
        time.sleep(1)  # what is measured
        spent = server.cpu_seconds() - before
        for connection in flood:
            connection.close()
        deadline = time.monotonic() + 10
        while not (answer := ask(server, b"/x")) and time.monotonic() < deadline:
            time.sleep(0.05)

    assert spent < 0.3
    assert status_of(answer) == 200
