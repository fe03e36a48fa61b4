"""uvicorn's HTTP/1.1 protocol with limits and deadlines on the raw connection, where no handler has run yet.

A connection carries one request at a time. Whatever a client sends before its answer is complete is not run,
and the connection closes after that answer (RFC 9112 §9.3.2 leaves this to the server): a smuggled second
request has nowhere to hide. Leans on uvicorn 0.54's HttpToolsProtocol and RequestResponseCycle.
"""

import asyncio  # uvicorn's protocols are asyncio's: transports and call_later
import enum
import re
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote

import httptools
from msgspec import Struct
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from contracts.codec import encode
from contracts.events import CURSOR_PATTERN, StreamClosing
from contracts.problems import PROBLEM_JSON, Code, Problem

CONNECTION_EXTENSION = "towpath.connection"
"""In a request's ``scope["extensions"]``: ``abort()`` cuts the connection, with what it has not sent; ``put(chunk)``
writes a piece of the answer that has begun, framed already (RFC 9112, 7.1), and says whether the client had room;
``on_gone(listener)`` has *listener* called when the connection is lost, in place of a task that waits to `receive`."""
LINGER_SECONDS = 1.0
LINGER_BYTES = 1024 * 1024
UPGRADE_BYTES = 8192
"""The `websockets` library takes no longer line, and never answers a head that has one."""
RETRY_MILLISECONDS = range(1000, 5000)

_AFTER = re.compile(rb"[?&]after=([^&]*)")
_CURSOR = re.compile(CURSOR_PATTERN.encode())


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """What one connection may send and how long it may take, and how many connections there may be.

    Above *connections* a stream is told to come back (200 with ``stream-closing``), *spared_paths* are
    answered as ever, and the rest is answered 503. Above *connections* and *spare_connections* together the
    connection that has waited longest, between requests or in a head, makes room.
    """

    header_bytes: int = 32 * 1024
    header_count: int = 100
    header_seconds: float = 10
    body_bytes: int = 1024 * 1024
    body_bytes_at: dict[str, int] = {}
    """Paths with a limit of their own."""
    body_seconds: float = 30
    idle_seconds: float = 30
    connections: int = 4096
    spare_connections: int = 1024
    spared_paths: frozenset[str] = frozenset({"/healthz", "/readyz"})
    websocket_paths: frozenset[str] = frozenset()
    """Where a request may become a WebSocket. Elsewhere it is answered as if it had not asked for that."""


class _Phase(enum.Enum):
    HEAD = enum.auto()  # of a request, or nothing of the first one yet
    BODY = enum.auto()
    ANSWER = enum.auto()  # the request is complete, its answer is not
    IDLE = enum.auto()
    REFUSED = enum.auto()  # all that still arrives is thrown away


class _Stop(Exception):
    """Ends the parser from inside a callback."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection. Make the class that a server uses with make_protocol."""

    limits: ConnectionLimits
    waiting: dict["LimitedHttpProtocol", None]
    """The connections of this server that are between requests or in a head; the oldest first."""

    _phase = _Phase.HEAD
    _deadline: asyncio.TimerHandle | None = None
    _seen = 0  # bytes of this head; bytes without any content in a body; bytes past the request in an answer
    _content = 0
    _content_limit = 0
    _unsent = 0
    _keep_alive = False
    _listener: Callable[[], None] | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections + self.limits.spare_connections:
            next(iter(self.waiting), self).transport.abort()
        self.waiting[self] = None
        self._arm(self.limits.header_seconds, self._on_late)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self.waiting.pop(self, None)
        super().connection_lost(exc)
        if self._listener is not None:
            self._listener()

    @override
    def data_received(self, data: bytes) -> None:
        if self._phase is _Phase.IDLE:
            self._disarm()
            self._phase, self._seen = _Phase.HEAD, 0
        while data:
            match self._phase:
                case _Phase.HEAD:
                    data = self._feed_head(data)
                case _Phase.BODY:
                    data = self._feed_body(data)
                case _Phase.ANSWER | _Phase.IDLE | _Phase.REFUSED:
                    data = self._skip(data)
        if self._phase is _Phase.HEAD and self._deadline is None:
            self._arm(self.limits.header_seconds, self._on_late)

    def _feed_head(self, data: bytes) -> bytes:
        # httptools joins the pieces of an endless header without limit, so it must not see them all
        most = self.limits.header_bytes
        part = data[: most - self._seen]
        self._seen += len(part)
        if self._feed(part) is _Phase.HEAD and self._seen >= most:
            self._refuse(431, "header-too-large", f"The head of a request has {most} bytes at most.")
        return data[len(part) :]

    def _feed_body(self, data: bytes) -> bytes:
        self._seen += len(data)
        if self._feed(data) is _Phase.BODY and self._seen > self.limits.header_bytes:
            self._refuse(400, "bad-request", "The chunk extensions or trailers are too long.")
        return b""

    def _skip(self, data: bytes) -> bytes:
        self._seen += len(data)
        if self._seen > (LINGER_BYTES if self._phase is _Phase.REFUSED else self.limits.header_bytes):
            self.transport.abort()
        elif data.strip(b"\r\n"):  # old clients send an empty line behind a body, which means nothing
            self._end_after_answer()
        return b""

    def _feed(self, data: bytes) -> _Phase:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._disarm()
                self.waiting.pop(self, None)
                self._phase = _Phase.REFUSED
                self.handle_websocket_upgrade()
            else:  # the parser has lost what came behind the head in this piece
                self._end_after_answer()
        except httptools.HttpParserError:
            if self._phase in (_Phase.HEAD, _Phase.BODY):
                self._refuse(400, "bad-request", "This is not a well-formed request.")
            else:
                self._end_after_answer()
        return self._phase

    def _end_after_answer(self) -> None:
        if self._phase is _Phase.ANSWER:
            self.cycle.keep_alive = False
        elif self._phase is _Phase.IDLE:
            self.transport.close()

    @override
    def on_message_begin(self) -> None:
        if self._phase is not _Phase.HEAD:
            raise _Stop
        super().on_message_begin()

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase is not _Phase.HEAD:
            return  # a trailer must not become a header that the gates have already looked for
        if len(self.headers) == self.limits.header_count:
            self._refuse(431, "header-too-large", f"A head has {self.limits.header_count} fields at most.")
            raise _Stop
        super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        fields = dict(self.headers)
        if fault := self._fault(fields):
            self._refuse(400, "bad-request", fault)
            raise _Stop
        if self._seen > UPGRADE_BYTES and self.parser.should_upgrade() and self._should_upgrade():
            self._refuse(431, "header-too-large", f"The head of an upgrade has {UPGRADE_BYTES} bytes at most.")
            raise _Stop
        path = self._path()
        self._content_limit = self.limits.body_bytes_at.get(path, self.limits.body_bytes)
        if int(fields.get(b"content-length", 0)) > self._content_limit:
            self._refuse_body()
            raise _Stop
        if len(self.connections) > self.limits.connections and path not in self.limits.spared_paths:
            self._refuse_overload(path, fields)
            raise _Stop
        connection: dict[object, object] = {"abort": self.transport.abort, "put": self._put, "on_gone": self._on_gone}
        self.scope["extensions"] = {CONNECTION_EXTENSION: connection}
        super().on_headers_complete()
        if self.parser.should_upgrade() and self._should_upgrade():
            return
        self._listener = None
        self._keep_alive = self.cycle.keep_alive
        self._phase, self._seen, self._content = _Phase.BODY, 0, 0
        self.waiting.pop(self, None)
        self._disarm()
        if b"content-length" in fields or b"transfer-encoding" in fields:
            self._arm(self.limits.body_seconds, self._on_late)
            # An answer that begins before the body is there says that the connection ends behind it.
            self.cycle.keep_alive = False
            self.cycle.transport = cast("asyncio.Transport", _EarlyAnswer(self))

    def _path(self) -> str:
        """Return the path as the gates see it."""
        return unquote(self.url.partition(b"?")[0].decode("ascii"))

    @override
    def _should_upgrade(self) -> bool:
        possible = self.parser.get_http_version() == "1.1" and self._path() in self.limits.websocket_paths
        return possible and super()._should_upgrade()

    def _put(self, chunk: bytes) -> bool:
        if self.flow.write_paused or self.transport.is_closing():
            return False
        self.cycle.transport.write(chunk)
        return True

    def _on_gone(self, listener: Callable[[], None]) -> None:
        self._listener = listener
        if self.cycle.disconnected:
            listener()

    def _fault(self, fields: dict[bytes, bytes]) -> str | None:
        """Return what is wrong with a head that llhttp let through. Makes a target in absolute form a path."""
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            return "Only HTTP/1.0 and HTTP/1.1 are spoken here."
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            return "A request has exactly one Host."
        coding = fields.get(b"transfer-encoding")
        if coding is not None and (coding.lower() != b"chunked" or version == "1.0"):
            return "The only Transfer-Encoding is chunked, of HTTP/1.1."
        if self.parser.should_upgrade() and (coding or int(fields.get(b"content-length", 0))):
            return "A request with a body can't be upgraded."
        if not self.url.startswith(b"/"):  # absolute form: the Host that the gates see must be the one meant
            authority, slash, rest = self.url.partition(b"://")[2].partition(b"/")
            if authority.lower() != fields.get(b"host", b"").lower() or not authority:
                return "The target is a path, or a URL whose authority equals Host."
            self.url = (slash or b"/") + rest
        return "A target has no fragment." if b"#" in self.url else None

    @override
    def on_body(self, body: bytes) -> None:
        self._seen = 0
        self._content += len(body)
        if self._content > self._content_limit:
            self._refuse_body()
            raise _Stop
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.parser.should_upgrade() and self._should_upgrade():
            return
        self._disarm()
        self._phase, self._seen = _Phase.ANSWER, 0
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keep_alive
        if self.scope["method"] == "GET" and not self.expect_100_continue and not self.cycle.response_started:
            self.cycle.transport = cast("asyncio.Transport", _HeldHead(self))
        else:
            self.cycle.transport = self.transport
        if self.cycle.response_complete:
            self._rest()

    @override
    def shutdown(self) -> None:
        self._keep_alive = False
        super().shutdown()

    @override
    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
        if self._phase is _Phase.ANSWER:
            self._rest()

    def _rest(self) -> None:
        self._phase, self._unsent = _Phase.IDLE, 0
        self.waiting[self] = None
        self._arm(self.limits.idle_seconds, self._on_idle)

    def _on_idle(self) -> None:
        # A slow client may still be taking its answer; one that took none of it since the last look is gone.
        unsent = self.transport.get_write_buffer_size()
        if unsent not in (0, self._unsent):
            self._unsent = unsent
            self._arm(self.limits.idle_seconds, self._on_idle)
        else:
            self.transport.abort()

    def _on_late(self) -> None:
        part = "body" if self._phase is _Phase.BODY else "head"
        seconds = self.limits.body_seconds if self._phase is _Phase.BODY else self.limits.header_seconds
        self._refuse(408, "request-timeout", f"The {part} was not complete after {seconds:g} seconds.")

    def _refuse_body(self) -> None:
        self._refuse(413, "body-too-large", f"A body has {self._content_limit} bytes at most here.")

    def _refuse_overload(self, path: str, fields: dict[bytes, bytes]) -> None:
        if not path.endswith("/events") or self.parser.get_method() != b"GET":
            self._refuse(503, "overloaded", "Too many connections; try again in a few seconds.")
            return
        # An EventSource gives up for good on any status but 200.
        after = _AFTER.search(self.url)
        cursor = fields.get(b"last-event-id") or (after[1] if after else b"")
        position = b"id: %b\n" % cursor if _CURSOR.search(cursor) else b""
        retry = b"retry: %d\n" % secrets.choice(RETRY_MILLISECONDS)
        frame = b"event: stream-closing\n%bdata: %b\n\n" % (position, encode(StreamClosing(reason="overload")))
        self._answer(200, "text/event-stream", retry + frame)

    def _refuse(self, status: int, code: Code, detail: str) -> None:
        problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code)
        self._answer(status, PROBLEM_JSON, encode(problem))

    def _answer(self, status: int, media_type: str, body: bytes) -> None:
        """Answer in place of the application and close. Where its answer has begun, only close."""
        answering = self._phase is _Phase.BODY and self.cycle.response_started
        self._phase, self._seen = _Phase.REFUSED, 0
        self.waiting.pop(self, None)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if answering or self.transport.is_closing():
            self.transport.abort()
            return
        headers = [
            *self.server_state.default_headers,
            (b"content-type", media_type.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-cache, no-transform"),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"".join((STATUS_LINE[status], head, b"\r\n", body)))
        self.linger()

    def linger(self) -> None:
        """Close, but read on for a moment: to close over unread data is to reset, and the answer may be lost."""
        self._phase, self._seen = _Phase.REFUSED, 0
        self.waiting.pop(self, None)
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
        else:
            self.transport.close()
        self._arm(LINGER_SECONDS, self.transport.abort)

    def _arm(self, seconds: float, then: Callable[[], Any]) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, then)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _EarlyAnswer:
    """What a cycle writes to while its request's body is not complete."""

    def __init__(self, protocol: LimitedHttpProtocol) -> None:
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing
        self.close = protocol.linger


class _HeldHead:
    """What a cycle writes an answer's head to: it waits for the first piece of the body, and both go as one.

    A send to a socket is a tenth of what a small answer costs.
    """

    def __init__(self, protocol: LimitedHttpProtocol) -> None:
        self._protocol = protocol
        self._head: bytes | None = None
        self.is_closing = protocol.transport.is_closing
        self.close = protocol.transport.close

    def write(self, data: bytes) -> None:
        if self._head is None:
            self._head = data
            return
        self._protocol.cycle.transport = self._protocol.transport
        self._protocol.transport.write(self._head + data)


def make_protocol(limits: ConnectionLimits) -> type[LimitedHttpProtocol]:
    """Return the protocol class of one server: uvicorn.Config's ``http``."""
    return type("BoundHttpProtocol", (LimitedHttpProtocol,), {"limits": limits, "waiting": {}})
