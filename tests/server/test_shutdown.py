"""From the first byte on the listening socket to the exit status."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from api.server import AddressUnavailable, listen
from tests.ports import free_port
from tests.server.client import ROOT, ServerProcess, read_all, serving, status_of

STREAM = b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n"


def open_stream(server: ServerProcess) -> socket.socket:
    connection = server.connect()
    connection.sendall(STREAM)
    received = b""
    while b"connected" not in received:
        received += connection.recv(4096)
    return connection


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_streams_politely_and_the_exit_status_is_0(number: signal.Signals) -> None:
    with serving() as server:
        streams = [open_stream(server) for _ in range(20)]
        idle = server.connect()
        began = time.monotonic()
        status = server.end(number)
        seconds = time.monotonic() - began
        rests = [read_all(stream) for stream in streams]
        output, errors = server.process.communicate()
        for connection in (idle, *streams):
            connection.close()

    assert status == 0
    assert seconds < 2
    assert all(rest.endswith(b"event: stream-closing\n\n\r\n0\r\n\r\n") for rest in rests)
    assert output == "lifespan over\n"
    assert errors == ""


def test_a_stream_that_does_not_end_is_cut_after_the_grace_time() -> None:
    with serving(deaf_streams=True, grace_seconds=1) as server:
        stream = open_stream(server)
        began = time.monotonic()
        status = server.end()
        seconds = time.monotonic() - began
        stream.close()
        output, _ = server.process.communicate()

    assert status == 0
    assert 0.9 < seconds < 4
    assert output == "lifespan over\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once_and_by_that_signal(tmp_path: Path, number: signal.Signals) -> None:
    manager = notify_socket(tmp_path)
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    with serving(environment, deaf_streams=True, grace_seconds=60) as server, manager:
        stream = open_stream(server)
        server.process.send_signal(signal.SIGTERM)
        told = [manager.recv(100), manager.recv(100)]
        status = server.end(number)
        stream.close()

    assert told == [b"READY=1", b"STOPPING=1"]
    assert status == -number


def notify_socket(directory: Path) -> socket.socket:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(directory / "notify"))
    manager.settimeout(20)
    return manager


def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    manager = notify_socket(tmp_path)
    with serving({"NOTIFY_SOCKET": str(tmp_path / "notify")}) as server, manager:
        connection = server.connect()
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        server.process.send_signal(signal.SIGTERM)
        assert [manager.recv(100), manager.recv(100)] == [b"READY=1", b"STOPPING=1"]
        connection.sendall(b"abc")
        answer = read_all(connection)
        connection.close()
        status = server.process.wait(20)

    assert answer.endswith(b"abc")
    assert b"\r\nconnection: close\r\n" in answer
    assert status == 0


def test_after_the_signal_nobody_listens(tmp_path: Path) -> None:
    manager = notify_socket(tmp_path)
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    with serving(environment, deaf_streams=True, grace_seconds=60) as server, manager:
        stream = open_stream(server)
        server.process.send_signal(signal.SIGTERM)
        assert [manager.recv(100), manager.recv(100)] == [b"READY=1", b"STOPPING=1"]
        stream.settimeout(0.5)
        with pytest.raises(TimeoutError):  # long enough for the listening socket to be closed
            stream.recv(100)

        with pytest.raises(ConnectionRefusedError):
            server.connect()
        stream.close()


def test_a_drain_that_fails_is_logged_and_the_end_is_orderly() -> None:
    with serving(failing="drain") as server:
        status = server.end()
        output, errors = server.process.communicate()

    assert status == 0
    assert output == "lifespan over\n"
    assert "no drain" in errors


def test_a_lifespan_that_ends_badly_shows_in_the_exit_status() -> None:
    with serving(failing="shutdown") as server:
        assert server.end() == 1


def test_a_start_that_fails_says_so_and_never_claims_to_listen() -> None:
    options = f'{{"port": {free_port()}, "failing": "startup"}}'
    command = [sys.executable, "-m", "tests.server.echo_server", options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)

    assert done.returncode == 3
    assert done.stdout == ""
    assert "no start" in done.stderr


def test_an_answer_comes_as_soon_as_the_port_is_told() -> None:
    with serving() as server:
        answer = server.say(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert status_of(answer) == 200


def test_port_0_is_a_free_port() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


def test_a_name_is_resolved() -> None:
    with listen("localhost", free_port()) as listener:
        assert listener.getsockname()[0] in ("127.0.0.1", "::1")


def test_an_address_in_use_is_named_with_advice() -> None:
    port = free_port()
    with listen("127.0.0.1", port), pytest.raises(AddressUnavailable, match=f"port {port}: another.*--port"):
        listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port"),
    [("192.0.2.1", 0), ("no-such-host.invalid", 0), ("127.0.0.1", 70_000), ("127.0.0.1", -1), ("a..b", 0)],
)
def test_an_impossible_address_is_refused_with_advice(host: str, port: int) -> None:
    with pytest.raises(AddressUnavailable, match=r"choose another --(host|port)"):
        listen(host, port)
