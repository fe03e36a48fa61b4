"""One old client's WebSocket: what it says becomes use cases, the sessions it subscribes to become old messages.

There is no queue per client here either: each subscription is a cursor into the log, read on when what was read before
is written. A client that takes nothing is cut, as streams are.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import msgspec
from litestar import WebSocket
from litestar.datastructures import State
from msgspec import UNSET, Struct

from api.gates import Visitor
from api.legacy.messages import ACTIONS, TYPES, Messages, complaint
from api.legacy.policy import CHAT_PATH, EVENTS_SUCCESSOR, Legacy
from api.parameters import MOST_SESSIONS
from api.problems import of_domain
from api.sources import SessionSource
from api.streams import CloseReason, Stream, Streams
from api.version import VERSION
from contracts.codec import MalformedBody, decode_body, encode
from contracts.legacy import (
    LegacyApprovalAccepted,
    LegacyCancelAccepted,
    LegacyConnected,
    LegacyError,
    LegacyNotice,
    LegacyPromptAccepted,
    LegacyRequest,
    Pong,
    Subscribed,
    Unsubscribed,
)
from contracts.requests import AnswerApproval, SubmitPrompt
from domain.access import Principal
from domain.approvals import Approvals
from domain.cursors import format_cursor
from domain.errors import CursorExpired, InvalidParameter, NotFound, TowpathError, Unavailable
from domain.ids import SessionId, TurnId, is_identifier
from domain.ports import Audit
from domain.reading import Reading
from domain.sessions import Sessions

Socket = WebSocket[Visitor, Principal, State]

logger = logging.getLogger(__name__)

IDLE_SECONDS = 300.0
"""A socket that follows nothing and says nothing for so long is closed."""
CLOSE_SECONDS = 2.0
GOING_AWAY, UNSUPPORTED, POLICY, FAILED, RESTART, TRY_AGAIN, MOVED = 1001, 1003, 1008, 1011, 1012, 1013, 4308
"""Close codes (RFC 6455, 7.4); 4308 is of the range for private use, and named after the HTTP status."""
CLOSINGS: dict[CloseReason, tuple[int, str]] = {
    "drain": (RESTART, "the server stops; come back in a moment"),
    "overload": (TRY_AGAIN, "too many streams; come back later"),
    "revoked": (POLICY, "the credential is no longer good"),
}


class _Subscription(Struct):
    source: SessionSource
    after: int
    news: bool = True
    end_watch: Callable[[], None] = lambda: None


class Bridge:
    """One socket, from its first message to its close."""

    def __init__(
        self,
        *,
        socket: Socket,
        stream: Stream,
        live: Sessions,
        approvals: Approvals,
        reading: Reading,
        streams: Streams,
        legacy: Legacy,
        audit: Audit,
    ) -> None:
        self._socket = socket
        self._stream = stream
        self._live = live
        self._approvals = approvals
        self._reading = reading
        self._messages = Messages(reading)
        self._streams = streams
        self._legacy = legacy
        self._audit = audit
        self._subscriptions: dict[SessionId, _Subscription] = {}
        self._default: str | None = None
        self._heard_at = streams.now
        self._writing = anyio.Lock()

    async def run(self, session_id: str) -> None:
        """Speak until the client, its credential or the server goes; *session_id* is that of the URL, or empty."""
        closing: tuple[int, str] | None = (FAILED, "the server failed")
        try:
            await self._say(LegacyConnected(server_version=VERSION, timestamp=self._legacy.now()))
            if session_id:
                self._default = session_id if is_identifier(session_id) else None
                await self._hear(encode({"type": "subscribe", "sessionId": session_id}))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._listen)
                closing = await self._pump()
                tasks.cancel_scope.cancel()
        except Exception:
            logger.exception("a legacy socket failed")
        finally:
            if closing is not None:
                await self._close(*closing)
            for subscription in self._subscriptions.values():
                subscription.end_watch()

    # What the client says

    async def _listen(self) -> None:
        while not self._stream.gone and self._stream.closing is None:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self._stream.leave()
                return
            self._heard_at = self._streams.now
            text = message.get("text")
            if not isinstance(text, str):
                await self._close(UNSUPPORTED, "messages are text")
                self._stream.leave()
            elif self._stream.closing is None:
                await self._hear(text.encode())

    async def _hear(self, said: bytes) -> None:
        try:
            request = msgspec.convert(decode_body(said), LegacyRequest)
        except MalformedBody as error:
            await self._say(LegacyError(code="invalid-body", message=str(error)))
            return
        except msgspec.ValidationError as error:
            await self._say(LegacyError(code="invalid-body", message=complaint(error)))
            return
        await self._answer(request)

    async def _answer(self, request: LegacyRequest) -> None:
        session_id = request.session_id or self._default or UNSET
        try:
            notice = await self._act(request)
        except TowpathError as error:
            problem = of_domain(error)
            notice = LegacyError(code=problem.code, message=problem.detail, session_id=session_id)
        except msgspec.ValidationError as error:
            notice = LegacyError(code="invalid-body", message=complaint(error), session_id=session_id)
        except Exception:
            logger.exception("unexpected failure")
            notice = LegacyError(code="internal-error", message="The server failed; its log says more.")
        if notice is not None:
            await self._say(notice)

    async def _act(self, request: LegacyRequest) -> LegacyNotice | None:
        action = ACTIONS.get(request.type)
        self._legacy.messages[action or "unknown"] += 1
        message = "There is no such message; docs/migration.md lists them."
        notice: LegacyNotice | None = LegacyError(code="bad-request", message=message)
        match action:
            case "ping":
                notice = Pong(timestamp=self._legacy.now())
            case "subscribe":
                notice = await self._subscribe(self._session(request))
            case "unsubscribe":
                notice = self._unsubscribe(self._session(request))
            case "prompt":
                notice = await self._prompt(self._session(request), request)
            case "cancel":
                notice = await self._cancel(self._session(request), request)
            case "approval-response":
                notice = await self._approve(self._session(request), request)
            case None:
                pass
        return notice

    def _session(self, request: LegacyRequest) -> SessionId:
        session_id = request.session_id or self._default
        if session_id is None:
            raise InvalidParameter("Say which session is meant, by `sessionId`.", member="sessionId")
        return SessionId(session_id)

    async def _subscribe(self, session_id: SessionId) -> LegacyNotice | None:
        known = self._subscriptions.get(session_id)
        if known is None and len(self._subscriptions) >= MOST_SESSIONS:
            message = f"A socket has at most {MOST_SESSIONS} subscriptions."
            return LegacyError(code="overloaded", message=message, session_id=session_id)
        head = (await self._reading.open_stream(session_id, None, member="sessionId")).head
        assert head.listing is not None
        after = head.seq if known is None else known.after
        subscribed = Subscribed(
            session_id=session_id,
            status=head.listing.status,
            cursor=format_cursor(head.epoch, after),
            events=EVENTS_SUCCESSOR.format(sessionId=session_id),
        )
        await self._say(subscribed)  # before the first event of it
        if known is None:
            source = self._streams.session_source(session_id, head, TYPES)
            subscription = self._subscriptions[session_id] = _Subscription(source, after)
            subscription.end_watch = source.watch(partial(self._news, subscription), _never)
            self._stream.wake()
        return None

    def _unsubscribe(self, session_id: SessionId) -> LegacyNotice:
        self._drop(session_id)
        return Unsubscribed(session_id=session_id)

    async def _prompt(self, session_id: SessionId, request: LegacyRequest) -> LegacyNotice:
        text = next((text for text in (request.command, request.message, request.content) if text is not None), None)
        prompt = msgspec.convert({"command": text}, SubmitPrompt)
        self._note("prompt", session_id)
        accepted = await self._live.submit(session_id, prompt)
        return LegacyPromptAccepted(
            session_id=session_id, turn_id=accepted.turn_id, state=accepted.state, timestamp=accepted.timestamp
        )

    async def _cancel(self, session_id: SessionId, request: LegacyRequest) -> LegacyNotice:
        self._note("cancel", session_id)
        cancelled = await self._live.cancel(session_id, None if request.turn_id is None else TurnId(request.turn_id))
        return LegacyCancelAccepted(session_id=session_id, turn_id=cancelled.turn_id)

    async def _approve(self, session_id: SessionId, request: LegacyRequest) -> LegacyNotice:
        given = {"approved": request.approved, "optionId": request.option_id, "customCommand": request.custom_command}
        answer = msgspec.convert({name: value for name, value in given.items() if value is not None}, AnswerApproval)
        approval_id = request.approval_id
        if approval_id is None:
            raise InvalidParameter("Say which question is meant, by `approvalId`.", member="approvalId")
        answered = await self._approvals.answer(
            session_id, approval_id, answer, by=self._stream.holder, peer=self._socket.user.peer
        )
        return LegacyApprovalAccepted(
            session_id=session_id, approval_id=approval_id, approved=answered.approved, option_id=answered.option_id
        )

    def _note(self, action: str, session_id: SessionId) -> None:
        by = self._stream.holder.token_id
        self._audit.note(
            "request",
            by=by,
            peer=self._socket.user.peer,
            method="WEBSOCKET",
            path=CHAT_PATH,
            message=action,
            session_id=session_id,
        )

    # What the sessions say

    async def _pump(self) -> tuple[int, str] | None:
        """Write what is new; return how to close the socket, `None` if the client did."""
        stream, streams = self._stream, self._streams
        while not stream.gone:
            stream.look()
            if stream.closing is not None:
                return CLOSINGS[stream.closing]
            busy = [(session_id, each) for session_id, each in self._subscriptions.items() if each.news]
            for session_id, subscription in busy:
                await self._page(session_id, subscription)
            if streams.due(stream):
                stream.sent_at = streams.now
                if not self._subscriptions and streams.now - self._heard_at > IDLE_SECONDS:
                    return GOING_AWAY, "idle"
            if not busy:
                await stream.wait()
        return None

    async def _page(self, session_id: SessionId, subscription: _Subscription) -> None:
        subscription.news = False
        try:
            batch = await subscription.source.read(subscription.after)
        except CursorExpired as expired:
            subscription.after, subscription.news = expired.earliest, True
            self._streams.resets["trimmed"] += 1
            message = "Events were dropped before you took them; those that are kept follow."
            await self._say(LegacyError(code="stream-reset", message=message, session_id=session_id))
            return
        except (NotFound, Unavailable) as error:
            self._drop(session_id)
            problem = of_domain(error)
            await self._say(LegacyError(code=problem.code, message=problem.detail, session_id=session_id))
            return
        for event in batch.events:
            if self._subscriptions.get(session_id) is not subscription or self._stream.closing or self._stream.gone:
                return
            await self._write(await self._messages.render(event))
        subscription.news = subscription.news or (not batch.complete and batch.upto > subscription.after)
        subscription.after = batch.upto
        if subscription.source.ends(batch):
            self._drop(session_id)

    def _news(self, subscription: _Subscription) -> None:
        subscription.news = True
        self._stream.wake()

    def _drop(self, session_id: SessionId) -> None:
        subscription = self._subscriptions.pop(session_id, None)
        if subscription is not None:
            subscription.end_watch()

    # The socket

    async def _say(self, notice: LegacyNotice) -> None:
        await self._write(encode(notice).decode())

    async def _write(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def _send(self, message: Any) -> None:
        """Send one message; waits while the client has not taken those before."""
        async with self._writing:
            if self._stream.gone:
                return
            self._stream.sent_at = self._streams.now
            self._stream.sending = True
            try:
                await self._socket.send(message)
            except OSError:  # what a server raises once the client is gone (ASGI 2.4)
                self._stream.leave()
            finally:
                self._stream.sending = False

    async def _close(self, code: int, reason: str) -> None:
        with anyio.move_on_after(CLOSE_SECONDS):
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


def _never(_: object) -> bool:
    return False
