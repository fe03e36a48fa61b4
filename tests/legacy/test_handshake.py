"""What asks to become a WebSocket: at the old address, and anywhere else."""

from collections.abc import Iterator

import pytest

from tests.attacks.stage import Target, read_answer
from tests.servers import Place

CHAT = "/claude/api/claude/chat"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = f"Upgrade: websocket\r\nConnection: Upgrade\r\n{KEY}\r\nSec-WebSocket-Version: 13\r\n"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    place = Place(tmp_path_factory.mktemp("handshake"), TOWPATH_LEGACY="bridge")
    with place.serving() as server:
        yield Target(place, server)


def fields(target: Target) -> str:
    return f"Host: 127.0.0.1:{target.place.port}\r\nAuthorization: Bearer {target.place.token}\r\n"


def status_of(target: Target, request: bytes) -> int:
    """Send a head; return the status of what comes back first."""
    with target.connect() as connection:
        connection.sendall(request)
        return read_answer(connection.recv(65536)).status


def test_it_is_one_at_its_address_and_nowhere_else(target: Target) -> None:
    for path, status in ((CHAT, 101), ("/claude/api/claude/%63hat", 101), ("/api/sessions", 200), (f"{CHAT}/", 405)):
        assert status_of(target, f"GET {path} HTTP/1.1\r\n{fields(target)}{HANDSHAKE}\r\n".encode()) == status


@pytest.mark.parametrize(
    ("line", "handshake", "status"),
    [
        (f"GET {CHAT} HTTP/1.0", HANDSHAKE, 405),
        (f"POST {CHAT} HTTP/1.1", HANDSHAKE, 405),
        (f"GET {CHAT} HTTP/1.1", HANDSHAKE.replace(f"{KEY}\r\n", ""), 400),
        (f"GET {CHAT} HTTP/1.1", HANDSHAKE.replace("13", "12"), 400),
        (f"GET {CHAT} HTTP/1.1", HANDSHAKE + "Content-Length: 2\r\n", 400),
        (f"GET {CHAT}?{'x' * 9000} HTTP/1.1", HANDSHAKE, 431),
        (f"GET {CHAT} HTTP/1.1", f"{HANDSHAKE}User-Agent: caf\xe9\r\n", 101),
        (f"GET {CHAT}?sessionId=%ff%00%0a HTTP/1.1", HANDSHAKE, 101),
    ],
    ids=["1.0", "post", "no-key", "version", "body", "long", "latin-1", "odd-session"],
)
def test_a_strange_one_is_answered(target: Target, line: str, handshake: str, status: int) -> None:
    request = f"{line}\r\n{fields(target)}{handshake}\r\n".encode("latin-1")

    assert status_of(target, request) == status
    assert "Traceback" not in target.place.complaints


def test_a_connection_that_was_used_before_can_become_one(target: Target) -> None:
    with target.connect() as connection:
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{target.place.port}\r\n\r\n".encode())
        assert b" 200 " in connection.recv(65536)
        connection.sendall(f"GET {CHAT} HTTP/1.1\r\n{fields(target)}{HANDSHAKE}\r\n".encode())
        assert b" 101 " in connection.recv(65536)
        connection.sendall(b"\x89\x80\x00\x00\x00\x00")  # a ping

        answer = b""
        while b"\x8a\x00" not in answer:  # its pong
            answer += connection.recv(65536)
