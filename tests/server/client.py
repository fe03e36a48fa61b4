"""A raw client, and the server process that it speaks to."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
SECONDS = 20.0


class ServerProcess:
    """A running echo server."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def say(self, *parts: bytes) -> bytes:
        """Send *parts* on a fresh connection; return all that comes back until the server closes it."""
        with self.connect() as connection:
            for part in parts:
                connection.sendall(part)
            return read_all(connection)

    def memory(self) -> int:
        """Return the resident set in bytes."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def file_limit(self) -> int:
        """Return the soft limit on open files."""
        limits = Path(f"/proc/{self.process.pid}/limits").read_text().splitlines()
        return next(int(line.split()[3]) for line in limits if line.startswith("Max open files"))

    def sockets(self) -> int:
        """Return how many sockets the process holds."""
        held = 0
        for number in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                held += str(number.readlink()).startswith("socket:")
        return held

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


@contextmanager
def serving(
    environment: dict[str, str] | None = None, ulimit: str | None = None, **options: Any
) -> Iterator[ServerProcess]:
    """Run an echo server with these Options until the block ends; *ulimit* is what the shell is to set first."""
    port = options.setdefault("port", free_port())
    command = [sys.executable, "-m", "tests.server.echo_server", msgspec.json.encode(options).decode()]
    process = subprocess.Popen(
        command if ulimit is None else ["sh", "-c", f'ulimit {ulimit} && exec "$@"', "sh", *command],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert process.stdout.readline() == f"listening on 127.0.0.1:{port}\n", process.stderr.read()
        yield ServerProcess(process, port)
    finally:
        process.kill()
        process.communicate()


def read_all(connection: socket.socket) -> bytes:
    """Return what arrives until the other side closes or resets."""
    received = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionError:
            return received
        if not piece:
            return received
        received += piece


def read_answer(connection: socket.socket) -> bytes:
    """Return one answer that has a Content-Length; leaves what follows."""
    with connection.makefile("rb", buffering=0) as stream:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = stream.read(1)
            assert piece, head
            head += piece
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = b""
        while len(body) < length:
            piece = stream.read(length - len(body))
            assert piece, body
            body += piece
        return head + body


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12])


def code_of(answer: bytes) -> str:
    """Return a problem's code, after a check of its form."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert b"content-type: application/problem+json" in lines
    assert b"connection: close" in lines
    assert b"content-length: %d" % len(body) in lines
    problem = msgspec.json.decode(body)
    assert problem["status"] == status_of(answer)
    assert problem["type"] == "about:blank"
    return str(problem["code"])
