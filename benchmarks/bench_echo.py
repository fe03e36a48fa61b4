"""How long the echo of a keystroke takes through a server, beside terminado's.

    python -m benchmarks.bench_echo [keystrokes]

One key at a time is typed into a `cat` that says nothing, on a terminal whose line discipline echoes: Towpath by POST
and Server-Sent Events, through its server and the process that holds the terminal; terminado, which holds the terminal
itself, by a WebSocket. The two take turns, five times each; prints the median over the rounds of p50 and p99, and the
median ratio. A newline after each 50 keys keeps the line short and is not counted.
"""

import base64
import http.client
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles

import msgspec
from websockets.sync.client import connect as open_socket

from benchmarks.contenders import PEER_PYTHON, install_python_peers
from benchmarks.machine import description

ROUNDS = 5
PORT, PEER_PORT = 8793, 8794
START_SECONDS = 60.0
TYPING_SECONDS = 5.0
KEY_SECONDS = 0.02  # between an echo and the next key: a key that is held down repeats slower
HERE = Path(__file__).parent

Echo = Callable[[str], None]


def measured(echo: Echo, keys: int) -> tuple[float, float]:
    """Return p50 and p99 of the echo of a key, in ms."""
    took = []
    for number in range(keys):
        if number % 50 == 0:
            echo("\n")
        time.sleep(KEY_SECONDS)
        began = time.perf_counter()
        echo("abcdefghij"[number % 10])
        took.append((time.perf_counter() - began) * 1000)
    cuts = quantiles(took, n=100)
    return cuts[49], cuts[98]


@contextmanager
def towpath(folder: Path) -> Iterator[tuple[http.client.HTTPConnection, dict[str, str]]]:
    """Run a server; yield a connection to it and the headers that open it."""
    words = ["serve", "--port", str(PORT), "--data-dir", str(folder / "data"), "--root", str(folder)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([sys.executable, "-m", "api", *words], stdout=log, stderr=log)
        try:
            wait_for(PORT, folder / "data/token")
            token = (folder / "data/token").read_text().strip()
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            with closing(connect(PORT)) as connection:
                yield connection, headers
        finally:
            server.terminate()
            server.wait(30)


def wait_for(port: int, token: Path = HERE) -> None:
    """Wait until somebody listens there, and has written a token."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            if token.exists():
                return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def connect(port: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TYPING_SECONDS)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Client:
    """One terminal of a Towpath server, watched by a stream of its own."""

    def __init__(self, connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
        self._connection = connection
        self._headers = headers
        self._seq = 0
        self.terminal_id = self.ask("POST", "/api/terminal", {})["terminalId"]

    def ask(self, method: str, path: str, body: object = None) -> dict[str, str]:
        data = None if body is None else msgspec.json.encode(body)
        self._connection.request(method, path, data, self._headers)
        response = self._connection.getresponse()
        answer: dict[str, str] = msgspec.json.decode(response.read())
        if response.status >= 400:
            raise RuntimeError(answer)
        return answer

    def watch(self) -> None:
        """Open the stream."""
        self._stream = connect(PORT)
        path = f"/api/terminal/{self.terminal_id}/events?after=0"
        self._stream.request("GET", path, headers=self._headers)
        self._lines = self._stream.getresponse()

    def type(self, text: str) -> None:
        self._seq += 1
        body = msgspec.json.encode({"clientId": "bench_client", "seq": self._seq, "data": text})
        self._connection.request("POST", f"/api/terminal/{self.terminal_id}/input", body, self._headers)

    def echo(self, text: str) -> None:
        """Type *text*, and wait until it is shown."""
        if self._seq:  # the answer to the last key, which nobody waits for before he sees what he typed
            self._connection.getresponse().read()
        self.type(text)
        self.wait_for(text.encode().replace(b"\n", b"\r\n"))

    def rest(self) -> None:
        self._connection.getresponse().read()

    def wait_for(self, shown: bytes) -> None:
        while True:
            line = self._lines.readline()
            if line.startswith(b"data: ") and b'"terminal-output"' in line:
                frame = msgspec.json.decode(line[6:])
                if shown in base64.b64decode(frame["data"]):
                    return


@contextmanager
def terminado() -> Iterator[Echo]:
    """Run the peer; yield how a key is typed and its echo waited for."""
    server = subprocess.Popen([PEER_PYTHON, HERE / "peers/terminado_server.py", str(PEER_PORT)])
    try:
        wait_for(PEER_PORT)
        with open_socket(f"ws://127.0.0.1:{PEER_PORT}/ws", compression=None) as channel:

            def echo(text: str) -> None:
                channel.send(msgspec.json.encode(["stdin", text]).decode(), text=True)
                while True:
                    kind, shown = msgspec.json.decode(channel.recv(TYPING_SECONDS))
                    if kind == "stdout" and text.replace("\n", "\r\n") in shown:
                        return

            yield echo
    finally:
        server.terminate()
        server.wait(30)


def main() -> None:
    keys = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    install_python_peers()
    print(description())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        connection, headers = stack.enter_context(towpath(folder))
        client = Client(connection, headers)
        client.watch()
        client.type("exec sh -c 'echo ready; exec cat >/dev/null'\n")
        client.wait_for(b"ready\r\n")  # before that the shell's line editor may have the terminal
        peer = stack.enter_context(terminado())
        peer("ready\n")
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(measured(client.echo, keys))
            theirs.append(measured(peer, keys))
        for name, place in (("p50", 0), ("p99", 1)):
            own, other = ([one[place] for one in rounds] for rounds in (ours, theirs))
            ratio = median(a / b for a, b in zip(own, other, strict=True))
            print(f"echo {name}: Towpath {median(own):.2f} ms, terminado {median(other):.2f} ms, ratio {ratio:.2f}")
        client.rest()
        client.ask("DELETE", f"/api/terminal/{client.terminal_id}")


if __name__ == "__main__":
    main()
