"""A real server as an attacker finds it: on loopback, and on all interfaces behind a public URL."""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import httpx

from tests.processes.living import children
from tests.servers import Place, Server, history, new_session

PUBLIC_URL = "https://towpath.example.org"
REACHES: dict[str, dict[str, str]] = {
    "loopback": {},
    "everywhere": {"TOWPATH_HOST": "0.0.0.0", "TOWPATH_PUBLIC_URLS": PUBLIC_URL},
}
SECONDS = 10


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


class Traces(NamedTuple):
    """What an attack that failed has left as it was."""

    cursors: list[tuple[str, str]]
    events: int
    processes: list[int]
    files: list[str]
    tokens: bytes


class Target:
    """A server and its owner's session, and what an attacker can do to them."""

    def __init__(self, place: Place, server: Server) -> None:
        self.place = place
        self.server = server
        with place.client() as owner:
            self.session = new_session(owner, title="the owner's")

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.place.port}"

    @property
    def cookie_name(self) -> str:
        return f"towpath-{self.place.port}"

    def login(self, token: str = "") -> str:
        """Log a browser in; return its cookie."""
        answer = httpx.post(
            f"{self.origin}/api/login",
            json={"token": token or self.place.token},
            headers={"Origin": self.origin},
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        return f"{self.cookie_name}={answer.cookies[self.cookie_name]}"

    def make_token(self, scope: str, **members: str) -> tuple[str, str]:
        """Return a further token's id and secret."""
        with self.place.client() as owner:
            made = owner.post("/api/tokens", json={"name": "further", "scope": scope, **members}).json()
        return made["token"]["tokenId"], made["secret"]

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Answer:
        """Send one request exactly as given, save the Host, the length and the close where they are missing."""
        fields = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        names = {name.lower() for name, _ in fields}
        if "host" not in names:
            fields.append(("Host", f"127.0.0.1:{self.place.port}"))
        if body and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
        fields.append(("Connection", "close"))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return read_answer(self.say(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body))

    def say(self, data: bytes) -> bytes:
        """Send bytes, return all that comes back until the end."""
        with closing(self.connect()) as connection:
            connection.sendall(data)
            return receive_all(connection)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.place.port), timeout=SECONDS)

    def traces(self) -> Traces:
        with self.place.client() as owner:
            sessions = owner.get("/api/sessions?limit=1000").json()["sessions"]
            counts = owner.get("/api/debug/metrics").json()
            return Traces(
                cursors=sorted((session["sessionId"], session["cursor"]) for session in sessions),
                events=counts["eventsEmitted"],
                processes=children(self.server.pid),
                files=sorted(str(path) for path in self.place.root.rglob("*")),
                tokens=(self.place.data / "tokens.json").read_bytes()
                if (self.place.data / "tokens.json").exists()
                else b"",
            )

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Assert that the block makes no event, process, file, session or key."""
        before = self.traces()
        yield
        after = self.traces()
        # A process of a prompt before may have gone meanwhile.
        assert not set(after.processes) - set(before.processes)
        assert after._replace(processes=before.processes) == before

    def events(self, session: str = "") -> list[dict[str, Any]]:
        with self.place.client() as owner:
            return history(owner, session or self.session)


def receive_all(connection: socket.socket) -> bytes:
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


def read_answer(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    return Answer(int(status.split()[1]), headers, body)
