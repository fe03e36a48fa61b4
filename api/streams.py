"""The open event streams: each a cursor into the log, woken when there is more.

asyncio by nature: a stream waits on one bare future, which the log, the heartbeat sweep, a drain and a revocation
resolve alike, and so does the connection when its client goes. No stream has a timer of its own.
"""

import asyncio
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal, cast

import anyio
from litestar.status_codes import HTTP_204_NO_CONTENT
from litestar.types import Receive, Scope, Send
from msgspec import UNSET

from api import sse
from api.gates import ADMIT_AGAIN
from api.http_protocol import CONNECTION_EXTENSION
from api.sources import SessionSource, Source, StoreSource
from api.terminal_sources import MixedSource, TerminalSource
from contracts.events import CaughtUp, Connected, Heartbeat, StreamClosing, StreamFrame, StreamReset
from domain.access import Principal
from domain.cursors import format_cursor
from domain.errors import Denied, NotFound, Unavailable
from domain.ids import SessionId
from domain.ports import Clock, EventLog, Head
from domain.reading import Opening, StoreOpening

logger = logging.getLogger(__name__)

CloseReason = Literal["drain", "overload", "revoked"]
Ending = Literal[CloseReason, "stalled"]
RETRY_MS = 2000
# The sweep looks at every stream: 10,000 take 2 ms, so once a second is free.
SWEEP_SECONDS = 1.0
# A client that takes nothing for so long is gone, or as good as gone: it comes back with its cursor.
STALLED_SECONDS = 30.0


class Stream:
    """One open stream."""

    __slots__ = (
        "_future",
        "_woken",
        "abort",
        "behind_since",
        "closing",
        "gone",
        "holder",
        "put",
        "sending",
        "sent_at",
        "waiting",
    )

    def __init__(self, holder: Principal, now: float) -> None:
        self.holder = holder
        self.abort: Callable[[], None] | None = None
        self.put: Callable[[bytes], bool] = _no_room
        self.closing: CloseReason | None = None
        self.gone = False
        self.sending = False
        self.sent_at = now
        self.behind_since: float | None = None
        self.waiting = False
        """Whether nothing woke it since it last looked."""
        self._woken = False
        self._future: asyncio.Future[None] | None = None

    def connect(self, scope: Scope) -> bool:
        """Take what the server offers of its connection; return whether it will tell when the client is gone."""
        extensions: dict[str, Any] = scope.get("extensions") or {}
        connection = extensions.get(CONNECTION_EXTENSION, {})
        self.abort = connection.get("abort")
        self.put = connection.get("put", _no_room)
        if "on_gone" not in connection:
            return False
        connection["on_gone"](self.leave)
        return True

    def leave(self) -> None:
        """Let the stream end: its client is gone."""
        self.gone = True
        self.wake()

    def wake(self) -> None:
        """Let the stream look again: there is more, or it shall beat, or end."""
        self._woken = True
        self.waiting = False
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def note_lag(self, at_head: bool, now: float) -> None:
        """Remember since when there has been more to send than was read."""
        if at_head:
            self.behind_since = None
        elif self.behind_since is None:
            self.behind_since = now

    def look(self) -> None:
        """Begin to look; what wakes from now on is not missed."""
        self._woken = False

    async def wait(self) -> None:
        """Return when the stream was woken since it began to look."""
        if not self._woken:
            self._future = asyncio.get_running_loop().create_future()
            self.waiting = True
            await self._future
            self._future = None


class Streams:
    """All open streams: their number, their heartbeats, their end."""

    def __init__(
        self, *, log: EventLog, clock: Clock, heartbeat_seconds: float, most: int, most_per_token: int, version: str
    ) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self.version = version
        self._log = log
        self._clock = clock
        self._most = most
        self._most_per_token = most_per_token
        self._open: dict[Stream, None] = {}
        self._by_token: Counter[str] = Counter()
        self._draining = False
        self._framed = b"", b""
        self.resets: Counter[str] = Counter()
        self.endings: Counter[Ending] = Counter()
        self.now = time.monotonic()
        """As of the last sweep: precise enough to tell silence, and free."""

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, holder: Principal) -> Stream | CloseReason:
        """Return a new stream for this principal, or why there can't be one now."""
        full = len(self._open) >= self._most or self._by_token[holder.token_id] >= self._most_per_token
        if self._draining or full:
            reason: CloseReason = "drain" if self._draining else "overload"
            self.endings[reason] += 1
            return reason
        stream = Stream(holder, self.now)
        self._open[stream] = None
        self._by_token[holder.token_id] += 1
        return stream

    def release(self, stream: Stream) -> None:
        """Forget a stream that ended."""
        del self._open[stream]
        token_id = stream.holder.token_id
        self._by_token[token_id] -= 1
        if not self._by_token[token_id]:
            del self._by_token[token_id]

    def drain(self) -> None:
        """End all streams with `stream-closing`, and admit no more."""
        self._draining = True
        self._close(list(self._open), "drain")

    def revoke(self, revoked_id: str) -> None:
        """End the streams whose token or login is no longer good."""
        self._close([stream for stream in self._open if stream.holder.depends_on(revoked_id)], "revoked")

    def _close(self, streams: Sequence[Stream], reason: CloseReason) -> None:
        self.endings[reason] += len(streams)
        for stream in streams:
            stream.closing = reason
            stream.wake()

    async def sweep(self) -> None:
        """Wake the streams that shall beat, and end those whose clients take nothing. Runs as long as the server."""
        while True:
            await anyio.sleep(min(SWEEP_SECONDS, self.heartbeat_seconds))
            self.now = time.monotonic()
            stalled_since = self.now - STALLED_SECONDS
            for stream in list(self._open):
                if not stream.sending:
                    if self.due(stream):
                        stream.wake()
                elif stream.sent_at < stalled_since and stream.abort is not None:
                    logger.info("a stream ended: its client took nothing for %d s", STALLED_SECONDS)
                    self.endings["stalled"] += 1
                    stream.abort()

    def lag(self) -> float:
        """Return for how many seconds the stream that is furthest behind has been so; 0 if none is."""
        behind = [stream.sent_at if stream.sending else stream.behind_since for stream in self._open]
        return max(0.0, time.monotonic() - min((since for since in behind if since is not None), default=math.inf))

    def due(self, stream: Stream) -> bool:
        """Tell whether a stream has been silent for as long as it may be."""
        return self.now >= stream.sent_at + self.heartbeat_seconds

    def session(
        self,
        session_id: SessionId,
        opening: Opening,
        *,
        holder: Principal,
        types: Collection[str] | None,
        follow: bool,
    ) -> "EventStream":
        """Return the answer that streams one session's events from there on."""
        head, start = opening.head, opening.start
        earliest = format_cursor(head.epoch, head.earliest)
        frames: list[StreamFrame] = [
            Connected(
                session_id=session_id,
                cursor=format_cursor(head.epoch, start.after),
                earliest=earliest,
                status=UNSET if head.listing is None else head.listing.status,
                heartbeat_seconds=self.heartbeat_seconds,
                server_version=self.version,
                message="The session's events follow.",
            )
        ]
        if start.reset is not None:
            self.resets[start.reset] += 1
            frames.append(StreamReset(reason=start.reset, session_id=session_id, earliest=earliest))
        source = SessionSource(self._log, session_id, head.epoch, start.after, types=types, resets=self.resets)
        return EventStream(self, source, holder=holder, opening=frames, follow=follow)

    def store(
        self,
        opening: StoreOpening,
        *,
        holder: Principal,
        types: Collection[str] | None,
        lifecycle: bool,
        follow: bool,
        terminals: Sequence[TerminalSource] = (),
        gone: Sequence[str] = (),
    ) -> "EventStream":
        """Return the answer that streams many sessions' events, or all lifecycles, from there on, and *terminals*.

        *lifecycle*: all lifecycles beside chosen sessions. *gone* are terminals that were asked for and are not there.
        """
        store = StoreSource(
            self._log, opening.sessions, opening.start.after, types=types, lifecycle=lifecycle, resets=self.resets
        )
        source = MixedSource(store, terminals) if terminals else store
        frames: list[StreamFrame] = [
            Connected(
                cursor=source.cursor,
                heartbeat_seconds=self.heartbeat_seconds,
                server_version=self.version,
                message="The events of many sessions follow.",
            )
        ]
        if opening.start.reset is not None:
            self.resets[opening.start.reset] += 1
            frames.append(StreamReset(reason=opening.start.reset, earliest=source.cursor))
        self.resets["gone"] += len(opening.gone) + len(gone)
        frames += [StreamReset(reason="gone", session_id=session_id) for session_id in opening.gone]
        frames += [StreamReset(reason="gone", terminal_id=terminal_id) for terminal_id in gone]
        return EventStream(self, source, holder=holder, opening=frames, follow=follow)

    def terminal(self, source: TerminalSource, *, holder: Principal, follow: bool) -> "EventStream":
        """Return the answer that streams a terminal's output."""
        connected = Connected(
            terminal_id=source.terminal_id,
            cursor=source.cursor,
            earliest=source.earliest,
            heartbeat_seconds=self.heartbeat_seconds,
            server_version=self.version,
            message="The terminal's output follows.",
        )
        return EventStream(self, source, holder=holder, opening=[connected], follow=follow)

    def session_source(self, session_id: SessionId, head: Head, types: Collection[str]) -> SessionSource:
        """Return what a reader of one session's events reads, for a way out that is no stream of ours."""
        return SessionSource(self._log, session_id, head.epoch, head.seq, types=types, resets=self.resets)

    def framed(self, body: bytes) -> bytes:
        """Return a chunk for the wire; once for all streams that are sent the same."""
        if body is not self._framed[0]:
            self._framed = body, b"%x\r\n%b\r\n" % (len(body), body)
        return self._framed[1]

    def heartbeat(self, cursor: str) -> bytes:
        """Return a heartbeat at this position."""
        return sse.frame(Heartbeat(cursor=cursor, timestamp=self._clock.now()), cursor)


class EventStream:
    """An answer that streams: an ASGI application for one request.

    It takes a cursor and goes from there; whatever the client missed or is too slow for stays in the log.
    """

    def __init__(
        self,
        streams: Streams,
        source: Source,
        *,
        holder: Principal,
        opening: Sequence[StreamFrame],
        follow: bool,
    ) -> None:
        self._streams = streams
        self._source = source
        self._holder = holder
        self._opening = opening
        self._follow = follow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 and stream until the client, the session or the server goes."""
        await send({"type": "http.response.start", "status": 200, "headers": sse.HEADERS})
        admitted: Stream | CloseReason = "revoked"
        with suppress(Denied):  # while the log was asked, or the client took its time, before `revoke` could know of it
            cast("Callable[[], Principal]", scope.get(ADMIT_AGAIN))()
            admitted = self._streams.admit(self._holder)
        if not isinstance(admitted, Stream):
            await send({"type": "http.response.body", "body": self._closing(admitted), "more_body": False})
            return
        stream = admitted
        watcher = None
        if not stream.connect(scope):
            watcher = asyncio.get_running_loop().create_task(_until_gone(receive, stream))
        end_watch = self._source.watch(stream.wake, partial(self._put, stream))
        try:
            await self._pump(stream, send)
            if not stream.gone:
                await self._send(stream, send, b"", more=False)
        finally:
            end_watch()
            if watcher is not None:
                watcher.cancel()
            self._streams.release(stream)

    async def _pump(self, stream: Stream, send: Send) -> None:
        body = self._open()
        live = False
        while not stream.gone:
            stream.look()
            if stream.closing is not None:
                await self._send(stream, send, body + self._closing(stream.closing))
                return
            try:
                found, at_head, over = await self._source.next()
            except (NotFound, Unavailable):
                logger.info("a stream ended: its log can't be read any more", exc_info=True)
                return
            stream.note_lag(at_head, self._streams.now)
            body = body + found if body else found
            if at_head and not live:
                live = True
                body += self._frame(CaughtUp(cursor=self._source.cursor))
            if not body and live and self._streams.due(stream):
                body = self._streams.heartbeat(self._source.cursor)
            if body:
                stream.sent_at = self._streams.now
                if not stream.put(self._streams.framed(body)):
                    await self._send(stream, send, body)
                body = b""
            if over or (live and not self._follow):
                return
            if at_head:
                await stream.wait()

    def _put(self, stream: Stream, body: bytes) -> bool:
        """Write a chunk without waking the stream's task, if that has nothing else to do."""
        if not stream.waiting or not stream.put(self._streams.framed(body)):
            return False
        stream.sent_at = self._streams.now
        return True

    async def _send(self, stream: Stream, send: Send, body: bytes, *, more: bool = True) -> None:
        """Write a chunk; waits while the client has not taken those before."""
        stream.sent_at = self._streams.now
        stream.sending = True
        await send({"type": "http.response.body", "body": body, "more_body": more})
        stream.sending = False

    def _open(self) -> bytes:
        first, *rest = self._opening
        cursor = self._source.cursor
        return sse.frame(first, cursor, retry_ms=RETRY_MS) + b"".join([self._frame(content) for content in rest])

    def _closing(self, reason: CloseReason) -> bytes:
        # Jittered, so that the clients of a server that restarts don't come back all at once.
        retry = random.randint(RETRY_MS // 4, RETRY_MS * 2)  # noqa: S311 - spreads load, guards nothing
        return sse.frame(StreamClosing(reason=reason), self._source.cursor, retry_ms=retry)

    def _frame(self, content: StreamFrame) -> bytes:
        return sse.frame(content, self._source.cursor)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer that nothing is left of a stream: an EventSource then does not come again."""
    del scope, receive
    await send({"type": "http.response.start", "status": HTTP_204_NO_CONTENT, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _no_room(_: bytes) -> bool:
    return False


async def _until_gone(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.leave()
