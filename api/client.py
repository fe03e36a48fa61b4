"""The HTTP client that the commands use: requests, and streams that go on after every cut."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
from typing import TypeVar

import anyio
import httpx
import httpx_sse
from msgspec import UNSET, DecodeError, Struct

from api.failures import NoServer, Refused, Unreachable, WrongSettings
from contracts import views
from contracts.codec import decode_event, decoder, encode
from contracts.events import Connected, Event, StreamReset
from contracts.problems import PROBLEM_JSON, Problem
from contracts.requests import CancelTurn, CreateSession, Request, SubmitPrompt
from domain.ids import is_identifier

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0  # of silence; also for the first frame of a stream, which the server sends at once
MISSED_HEARTBEATS = 3
RETRY_SECONDS = 1.0  # until the server names another time
LONGEST_RETRY_SECONDS = 15.0
PAGE = 200

T = TypeVar("T")


class Pace(Struct, frozen=True, rename="camel"):
    """How often a stream says at least something, as its first frame tells."""

    heartbeat_seconds: float


_decode_connected = decoder(Connected)
_decode_pace = decoder(Pace)
_decode_reset = decoder(StreamReset)
_decode_problem = decoder(Problem)
_decode_page = decoder(views.SessionPage)
_decode_session = decoder(views.Session)
_decode_removed = decoder(views.SessionRemoved)
_decode_accepted = decoder(views.PromptAccepted)
_decode_cancelled = decoder(views.TurnCancelled)


class Server(Struct, frozen=True):
    """Where a server is and what opens it."""

    url: str
    token: str


class Received(Struct, frozen=True):
    """An event from a stream. ``event`` is `None` where this version does not know its type."""

    type: str
    data: str
    event: Event | None


class Missing(Struct, frozen=True):
    """The stream left out events, which a sound server never does: *after* is the last seq before the gap."""

    after: int
    before: int


class Cut(Struct, frozen=True):
    """The connection is gone; the next one is tried after *seconds*. *again*: nothing else came since it was said."""

    reason: str
    seconds: float
    again: bool


Item = Received | Connected | StreamReset | Missing | Cut


class Client:
    """Speaks to one server; *locate* is asked before each request, as a restart may have moved the server."""

    def __init__(self, *, http: httpx.AsyncClient, locate: Callable[[], Server]) -> None:
        self._http = http
        self.locate = locate

    async def sessions(self) -> AsyncGenerator[views.Session, None]:
        """Yield all sessions, the last active first. Raises NoServer, Unreachable, Refused, as all methods do."""
        query: dict[str, str | int] = {"limit": PAGE}
        while True:
            page = await self.get("/api/sessions", _decode_page, **query)
            for session in page.sessions:
                yield session
            if page.next_cursor is UNSET:
                return
            query["cursor"] = page.next_cursor

    async def find_session(self, prefix: str) -> views.Session:
        """Return the session whose id is, or alone begins with, *prefix*."""
        if is_identifier(prefix):
            try:
                return await self.get(f"/api/session/{prefix}", _decode_session)
            except Refused as refusal:
                if refusal.status != HTTPStatus.NOT_FOUND:
                    raise
        found = [session async for session in self.sessions() if prefix and session.session_id.startswith(prefix)]
        match found:
            case [session]:
                return session
            case []:
                raise Refused(f"No session begins with {prefix!r}; `towpath sessions` lists them.", status=404)
            case _:
                several = ", ".join(session.session_id for session in found[:5])
                raise WrongSettings(f"{len(found)} sessions begin with {prefix!r}: {several}. Type more of the id.")

    async def make_session(self, order: CreateSession) -> views.Session:
        """Make a session."""
        return await self.post("/api/sessions", order, _decode_session)

    async def remove_session(self, session_id: str) -> None:
        """Delete a session."""
        await self.delete(f"/api/session/{session_id}", _decode_removed)

    async def submit(self, session_id: str, order: SubmitPrompt) -> views.PromptAccepted:
        """Send a prompt; when this returns it is in the log."""
        return await self.post(f"/api/session/{session_id}/prompt", order, _decode_accepted)

    async def cancel(self, session_id: str, turn_id: str) -> None:
        """Ask for a turn to be stopped."""
        await self.post(f"/api/session/{session_id}/cancel", CancelTurn(turn_id=turn_id), _decode_cancelled)

    async def get(self, path: str, answer: Callable[[bytes], T], **query: str | int) -> T:
        """Look something up."""
        return await self._request("GET", path, answer, query=query)

    async def post(self, path: str, body: Request | None, answer: Callable[[bytes], T]) -> T:
        """Ask for something to be done."""
        return await self._request("POST", path, answer, body=body)

    async def delete(self, path: str, answer: Callable[[bytes], T]) -> T:
        """Remove something."""
        return await self._request("DELETE", path, answer)

    async def follow(
        self, session_id: str, *, after: str | None, types: str | None = None
    ) -> AsyncGenerator[Item, None]:
        """Yield a session's events past the cursor *after* (``0``: all, `None`: from now on), each once.

        Goes on after cuts and restarts, with growing, random delays, until the session is deleted or its stream
        refused (Refused). Raises Unreachable or NoServer only while it has never been connected.
        """
        place = _Place(after=after)
        failures = 0
        known = ""
        while True:
            try:
                async with aclosing(self._stream(session_id, place, types)) as items:
                    async for item in items:
                        if not isinstance(item, Connected):
                            failures, known = 0, ""
                        yield item
                        if isinstance(item, Received) and item.type == "session-deleted":
                            return
                reason = place.closing or "the server ended the stream"
            except (NoServer, Refused) as failure:
                if not place.connected or (isinstance(failure, Refused) and not failure.passes):
                    raise
                reason = failure.message
                if not isinstance(failure, (Refused, Unreachable)):
                    failures = 0  # a look at a lock on this machine is no burden to anybody
            delay = min(place.retry * 2**failures, LONGEST_RETRY_SECONDS) * random.uniform(0.5, 1.5)  # noqa: S311
            failures = min(failures + 1, 10)
            yield Cut(reason, delay, again=reason == known)
            known = reason
            await anyio.sleep(delay)

    async def _request(
        self,
        method: str,
        path: str,
        answer: Callable[[bytes], T],
        *,
        body: Request | None = None,
        query: dict[str, str | int] | None = None,
    ) -> T:
        server = self.locate()
        content = None if body is None else encode(body)
        headers = _credential(server) | ({"content-type": "application/json"} if content is not None else {})
        with _adapting(server):
            response = await self._http.request(
                method, f"{server.url}{path}", content=content, params=query, headers=headers
            )
            if not response.is_success:
                raise _refusal(response, server)
            return answer(response.content)

    async def _stream(self, session_id: str, place: "_Place", types: str | None) -> AsyncGenerator[Item, None]:
        query = {} if types is None else {"types": types}
        async with aclosing(self.frames(f"/api/session/{session_id}/events", place.cursor, **query)) as frames:
            place.closing = None
            async for frame in frames:
                for item in place.take(frame, complete=types is None):
                    yield item

    async def frames(
        self, path: str, cursor: str | None, **query: str
    ) -> AsyncGenerator[httpx_sse.ServerSentEvent, None]:
        """Yield the frames of one connection to a stream, past *cursor*; none where all was seen and is over (204).

        Raises Unreachable also when nothing comes for longer than the server said. NoServer, Refused.
        """
        server = self.locate()
        with _adapting(server):
            request = self._resume(server, path, cursor, query)
            with anyio.fail_after(ANSWER_SECONDS):
                response = await self._http.send(request, stream=True)
            async with aclosing(response):
                if response.status_code == HTTPStatus.NO_CONTENT:
                    return
                if response.status_code != HTTPStatus.OK:
                    await response.aread()
                    raise _refusal(response, server)
                patience = ANSWER_SECONDS
                async with aclosing(httpx_sse.EventSource(response).aiter_sse()) as frames:
                    while (frame := await _next(frames, patience)) is not None:
                        if frame.event == "connected":
                            patience = MISSED_HEARTBEATS * _decode_pace(frame.data.encode()).heartbeat_seconds
                        yield frame

    def _resume(self, server: Server, path: str, cursor: str | None, query: dict[str, str]) -> httpx.Request:
        headers = _credential(server) | {"accept": "text/event-stream", "cache-control": "no-store"}
        if cursor == "0":
            query = {**query, "after": cursor}
        elif cursor is not None:
            headers["last-event-id"] = cursor
        return self._http.build_request(
            "GET",
            f"{server.url}{path}",
            params=query,
            headers=headers,
            timeout=httpx.Timeout(CONNECT_SECONDS, read=None),  # silence is judged by heartbeats
        )


@asynccontextmanager
async def connect(locate: Callable[[], Server], *, through_proxies: bool) -> AsyncIterator[Client]:
    """Yield a client. A server on this machine is never asked through a proxy, which would see the token."""
    timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    async with httpx.AsyncClient(timeout=timeout, trust_env=through_proxies) as http:
        yield Client(http=http, locate=locate)


class _Place:
    """How far a stream was read, over all its connections."""

    def __init__(self, *, after: str | None) -> None:
        self.cursor = after
        self.connected = False
        self.closing: str | None = None
        self.retry = RETRY_SECONDS
        self._last = _position(after or "")

    def take(self, frame: httpx_sse.ServerSentEvent, *, complete: bool) -> Iterator[Item]:
        """Move on by one frame and yield what it means; *complete* streams should leave nothing out."""
        if frame.retry is not None:
            self.retry = max(0.01, frame.retry / 1000)
        if not frame.data:  # a `retry:` of its own
            return
        self.cursor = frame.id or self.cursor
        position = _position(frame.id)
        match frame.event:
            case "connected":
                self.connected = True
                self._last = self._last or position
                yield _decode_connected(frame.data.encode())
            case "stream-reset":
                self._last = position
                yield _decode_reset(frame.data.encode())
            case "stream-closing":
                self.closing = "the server closes this stream"
            case "caught-up" | "heartbeat":
                pass
            case _:
                last, self._last = self._last, position
                if last is not None and position is not None:
                    if position[0] == last[0] and position[1] <= last[1]:
                        self._last = last
                        return
                    if complete and position != (last[0], last[1] + 1):
                        yield Missing(after=last[1], before=position[1])
                yield Received(frame.event, frame.data, _event(frame.data))


def _position(cursor: str) -> tuple[str, int] | None:
    epoch, _, seq = cursor.rpartition(".")
    return (epoch, int(seq)) if epoch and seq.isdecimal() else None


def _event(data: str) -> Event | None:
    try:
        event: Event = decode_event(data)
    except DecodeError:
        return None
    return event


async def _next(
    frames: AsyncGenerator[httpx_sse.ServerSentEvent, None], seconds: float
) -> httpx_sse.ServerSentEvent | None:
    with anyio.fail_after(seconds):
        return await anext(frames, None)


def _credential(server: Server) -> dict[str, str]:
    return {"authorization": f"Bearer {server.token}"}


@contextmanager
def _adapting(server: Server) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise Unreachable(f"The server at {server.url} gives no sign of life.") from error
    except httpx.ConnectError as error:
        raise Unreachable(f"Nothing listens at {server.url}. Start a server with `towpath serve`.") from error
    except (httpx_sse.SSEError, DecodeError) as error:
        raise Unreachable(f"What answers at {server.url} is no Towpath server of this version: {error}.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"The connection to {server.url} failed: {str(error) or type(error).__name__}.") from error


def _refusal(response: httpx.Response, server: Server) -> Refused:
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        return Refused(
            f"The server at {server.url} does not know this token. Set TOWPATH_TOKEN to one that `towpath token make`"
            " made there.",
            status=response.status_code,
        )
    text = f"The server answered {response.status_code} {response.reason_phrase}."
    if response.headers.get("content-type", "").startswith(PROBLEM_JSON):
        with suppress(DecodeError):
            text = _decode_problem(response.content).detail
    return Refused(text, status=response.status_code)
