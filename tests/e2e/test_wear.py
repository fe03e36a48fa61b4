"""Streams by the hundred that come and go, clients that take nothing, a server that is stopped under all that."""

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest

from tests.processes.living import fresh_mark, marked
from tests.servers import Place, Server, history, new_session, prompt, run_prompt

SECONDS = 30
CHURN = 500
STALLED = 20
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def server(place: Place) -> Iterator[Server]:
    with place.serving() as server:
        yield server


@pytest.fixture
def http(place: Place, server: Server) -> Iterator[httpx.Client]:
    assert server.running
    with place.client() as http:
        yield http


def stream(place: Place, session_id: str, query: str = "?after=0", *, receive_bytes: int = 0) -> socket.socket:
    """Open a stream and return the connection before anything of the answer is read."""
    connection = socket.socket()
    if receive_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(SECONDS)
    connection.connect(("127.0.0.1", place.port))
    head = f"GET /api/session/{session_id}/events{query} HTTP/1.1\r\nHost: localhost\r\n"
    connection.sendall(f"{head}Authorization: Bearer {place.token}\r\n\r\n".encode())
    return connection


def read_until(connection: socket.socket, marker: bytes) -> bytes:
    body = b""
    while marker not in body:
        piece = connection.recv(65536)
        assert piece, body[-500:]
        body += piece
    return body


def read_all(connection: socket.socket) -> bytes:
    body = b""
    while piece := connection.recv(65536):
        body += piece
    return body


def open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.pid}/fd").iterdir()))


def test_a_stop_ends_every_stream_with_a_whole_frame_and_every_process(
    place: Place, server: Server, http: httpx.Client
) -> None:
    mark = fresh_mark()
    sessions = [new_session(http) for _ in range(5)]
    with ExitStack() as open_streams:
        streams = [open_streams.enter_context(stream(place, sessions[number % 5])) for number in range(50)]
        for session_id in sessions:
            prompt(http, session_id, f"echo begun; sleep {mark} & sleep {mark}")
        for connection in streams:
            read_until(connection, b'"content":"begun')
        asked = monotonic()
        server.stop()
        took = monotonic() - asked
        rests = [read_all(connection) for connection in streams]

    print(f"stopped in {took:.2f} s")
    assert took < 10
    assert marked(mark) == []
    for rest in rests:
        assert rest.count(b"event: stream-closing\n") == 1
        assert b"retry: " in rest.rpartition(b"event: stream-closing\n")[2]
        assert rest.endswith(b"\n\n\r\n0\r\n\r\n")
    assert "Traceback" not in place.complaints


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc")
def test_streams_that_are_cut_leave_no_file_open(place: Place, server: Server, http: httpx.Client) -> None:
    session_id = new_session(http)
    run_prompt(http, session_id, "seq 1 2000")
    before = open_files(server)
    for number in range(CHURN):
        with stream(place, session_id) as connection:
            connection.recv(700)
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    deadline = monotonic() + SECONDS
    while (now := open_files(server)) > before + 2 or http.get("/api/debug/metrics").json()["connections"]:
        assert monotonic() < deadline, (before, now)
        sleep(0.05)  # the kernel tells nobody

    assert "Traceback" not in place.complaints


def test_clients_that_take_nothing_hold_nobody_up_and_get_all_of_it_later(
    place: Place, server: Server, http: httpx.Client
) -> None:
    assert server.running
    session_id = new_session(http)
    with ExitStack() as open_streams:
        stalled = [open_streams.enter_context(stream(place, session_id, receive_bytes=4096)) for _ in range(STALLED)]
        run_prompt(http, session_id, "yes 'a line that many will not read' | head -c 4000000")
        events = history(http, session_id)
        body = read_until(stalled[0], b"event: turn-completed\n")

    written = sum(len(event["content"]) for event in events if event["type"] == "session-output")
    assert written == 4_000_000
    assert body.count(b"\nevent: session-output\n") == sum(event["type"] == "session-output" for event in events)
