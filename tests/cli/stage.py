"""A server that plays a script: what the commands see when a real one is cut, restarted or wrong."""

import json
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

from tests.ports import free_port

TOKEN = "sesame"
SESSION = "abcdefgh0123456789"
TURN = "turn-one-0"
EPOCH = "firstera"
QUICK = b"retry: 10\n\n"


def frame(type_: str, seq: int, epoch: str = EPOCH, /, **members: Any) -> bytes:
    """Return a frame as the documented stream has it."""
    data = json.dumps({"type": type_} | members, ensure_ascii=False)
    return f"event: {type_}\nid: {epoch}.{seq}\ndata: {data}\n\n".encode()


def event(type_: str, seq: int, epoch: str = EPOCH, /, **members: Any) -> bytes:
    stamp = {"sessionId": SESSION, "seq": seq, "timestamp": 1_750_000_000_000 + seq}
    return frame(type_, seq, epoch, **stamp, **members)


def output(seq: int, content: str, stream: str = "stdout", epoch: str = EPOCH, **members: Any) -> bytes:
    return event("session-output", seq, epoch, turnId=TURN, stream=stream, content=content, **members)


def connected(seq: int, epoch: str = EPOCH, *, heartbeat: float = 15, status: str = "idle") -> bytes:
    cursor = f"{epoch}.{seq}"
    about = {"sessionId": SESSION, "earliest": f"{epoch}.0", "status": status, "message": "hello"}
    return frame("connected", seq, epoch, cursor=cursor, heartbeatSeconds=heartbeat, serverVersion="1", **about)


def session(session_id: str = SESSION, **members: Any) -> dict[str, Any]:
    usual = {
        "sessionId": session_id,
        "mode": "shell",
        "title": "a title",
        "workingDir": "/somewhere",
        "status": "idle",
        "createdAt": 1_750_000_000_000,
        "lastActivity": 1_750_000_000_000,
        "cursor": f"{EPOCH}.0",
        "archived": False,
    }
    return usual | members


def accepted(state: str = "started") -> dict[str, Any]:
    return {
        "success": True,
        "sessionId": SESSION,
        "turnId": TURN,
        "state": state,
        "message": "fine",
        "timestamp": 1_750_000_000_000,
    }


def problem(status: int, code: str, title: str, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}


@dataclass
class Answer:
    """A whole response."""

    body: Any
    status: int = 200


@dataclass
class Stream:
    """A response that is sent piece by piece, and how it ends: cleanly, by a cut, or never (``held``)."""

    parts: list[bytes]
    end: str = "held"


Script = Mapping[str, Sequence[Answer | Stream]]


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any


@dataclass
class Stage:
    """What is answered to ``METHOD path``, in order; the last answer is given again and again."""

    script: Script
    port: int = field(default_factory=free_port)
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._answers = {route: deque(answers) for route, answers in self.script.items()}
        self._arrived = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, route: str) -> list[Request]:
        return [request for request in self.requests if f"{request.method} {request.path}" == route]

    def wait_for(self, route: str, count: int = 1) -> None:
        """Return once *route* was asked *count* times."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.asked(route)) >= count, timeout=20)

    def now(self, route: str, answer: Answer | Stream) -> None:
        """Answer *route* so from now on."""
        self._answers[route] = deque([answer])

    def take(self, request: Request) -> Answer | Stream:
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
            answers = self._answers.get(f"{request.method} {request.path}")
            if answers is None:
                return Answer(problem(404, "not-found", "Not found", f"Nothing is at {request.path}."), 404)
            return answers.popleft() if len(answers) > 1 else answers[0]

    @contextmanager
    def playing(self) -> Iterator["Stage"]:
        with _Server(("127.0.0.1", self.port), _handler(self)) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield self
            finally:
                self.over.set()
                server.shutdown()
                thread.join()


class _Server(ThreadingHTTPServer):
    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that left: it would stand in what the program under test says."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(stage: Stage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            raw = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, path, query, headers, json.loads(raw) if raw else None)
            if headers.get("authorization") != f"Bearer {TOKEN}":
                answer: Answer | Stream = Answer(problem(401, "unauthorized", "Not you", "Log in first."), 401)
            else:
                answer = stage.take(request)
            if isinstance(answer, Answer):
                self._whole(answer)
            else:
                self._pieces(answer)

        do_POST = do_DELETE = do_GET  # noqa: N815

        def _whole(self, answer: Answer) -> None:
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            kind = "application/problem+json" if answer.status >= 400 else "application/json"
            self.send_response(answer.status)
            self.send_header("content-type", "text/html" if isinstance(answer.body, bytes) else kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _pieces(self, answer: Stream) -> None:
            self.close_connection = True
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for part in answer.parts:
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                self.wfile.flush()
            if answer.end == "clean":
                self.wfile.write(b"0\r\n\r\n")
            elif answer.end == "held":
                stage.over.wait(30)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
