"""`Idempotency-Key`: an unsafe request that comes again is not carried out again (draft-ietf-httpapi-idempotency-key).

Stands between the gates and the routes; no handler knows of it. The log keeps the receipt of a request in the commit of
its effect (`domain.receipts`) and its answer right after, before the client gets it. A request that failed without any
effect leaves no receipt and may be sent again.
"""

import logging
import re
from collections import deque
from collections.abc import Awaitable, Iterable
from hashlib import sha256

import anyio
from msgspec import Struct

from api.gates import ADMIT_AGAIN, REPLAYED, Application, Message, Receive, Scope, Send
from api.problems import at, headers_of, of_domain
from api.replays import rebuild
from contracts.codec import decoder, encode
from contracts.problems import PROBLEM_JSON
from domain.access import SAFE_METHODS
from domain.errors import InvalidParameter, TowpathError
from domain.ports import Receipt
from domain.reading import Reading
from domain.receipts import Receipts, asking
from domain.terminals import Terminals

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
KEY_LENGTH = 255
# A string of RFC 8941, as the draft has it, or what most programs send: a bare UUID.
KEY_PATTERN = r'^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-+\--:<-\[\]-~]{1,255})$'
ANSWER_BYTES = 256 * 1024
"""The largest answer that is kept."""
TELLS_SECRET = "tells_secret"  # noqa: S105 - the name of an option
"""In a handler's ``opt``: its answer holds a secret, and is never kept."""

_is_key = re.compile(KEY_PATTERN).fullmatch


class Answer(Struct, frozen=True):
    """What a request was answered, as its receipt keeps it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


_decode_answer = decoder(Answer)


class Idempotency:
    """The ASGI application around the routes."""

    def __init__(self, app: Application, *, receipts: Receipts, reading: Reading, terminals: Terminals) -> None:
        self._app = app
        self._receipts = receipts
        self._reading = reading
        self._terminals = terminals
        self._running: dict[str, anyio.Event] = {}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Hand on what has no key: no coroutine stands between a stream and its client."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS or "auth" not in scope:
            return self._app(scope, receive, send)
        keys = [value for name, value in scope["headers"] if name == HEADER.lower().encode()]
        return self._carry_out(keys, scope, receive, send) if keys else self._app(scope, receive, send)

    async def _carry_out(self, keys: list[bytes], scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]  # the router puts its own form of it in its place
        try:
            body = _Body(receive)
            receipt = self._receipts.make(_name(_parse(keys), scope), await body.read(scope["query_string"]))
            answers = await self._once(receipt, scope, body)
        except TowpathError as error:
            answers = _problem(path, error)
        for message in answers:
            await send(message)

    async def _once(self, receipt: Receipt, scope: Scope, body: "_Body") -> list[Message]:
        """Return the answer to a request, carried out now or before; a twin that comes meanwhile waits here."""
        while (running := self._running.get(receipt.receipt_id)) is not None:
            await running.wait()
            scope[ADMIT_AGAIN]()
        self._running[receipt.receipt_id] = done = anyio.Event()
        try:
            kept = await self._receipts.find(receipt)
            if kept is not None:
                scope[REPLAYED] = True
                return await self._again(kept, scope)
            answers: list[Message] = []

            async def listen(message: Message) -> None:
                answers.append(message)

            with asking(receipt):
                await self._app(scope, body.receive, listen)
            if answers:
                await self._keep(receipt, scope, answers)
            return answers
        finally:
            del self._running[receipt.receipt_id]
            done.set()

    async def _again(self, kept: Receipt, scope: Scope) -> list[Message]:
        if kept.answer is not None:
            answer = _decode_answer(kept.answer)
        else:
            events = await self._receipts.effect(kept)
            status, location, view = await rebuild(
                scope["method"], scope["path"], kept, events, self._reading, self._terminals
            )
            answer = Answer(status, [("content-type", "application/json"), *location], encode(view))
        headers = [*answer.headers, ("idempotency-replayed", "true")]
        return _messages(answer.status, headers, answer.body)

    async def _keep(self, receipt: Receipt, scope: Scope, answers: list[Message]) -> None:
        """Keep the answer to what was done: it succeeded, or it failed and left something all the same."""
        start, *rest = answers
        try:
            if start["status"] >= 300 and await self._receipts.find(receipt) is None:
                return
            answer = Answer(
                start["status"],
                [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]],
                b"".join([message.get("body", b"") for message in rest]),
            )
            secret = TELLS_SECRET in scope["route_handler"].opt or any(
                name == b"set-cookie" for name, _ in start["headers"]
            )
            small = len(answer.body) <= ANSWER_BYTES
            await self._receipts.keep(receipt, encode(answer) if small and not secret else None)
        except TowpathError:
            logger.exception("the answer to a request could not be kept; its client gets it all the same")


class _Body:
    """A request's body, read before the routes get it, since its digest tells one request from another."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: deque[Message] = deque()

    async def read(self, query: bytes) -> str:
        """Return the digest of what is asked."""
        digest = sha256(query + b"\0")
        more = True
        while more:
            message = await self._receive()
            self._messages.append(message)
            digest.update(message.get("body", b""))
            more = message.get("more_body", False)
        return digest.hexdigest()

    async def receive(self) -> Message:
        return self._messages.popleft() if self._messages else await self._receive()


def _parse(keys: list[bytes]) -> str:
    text = keys[0].decode("latin-1")
    value = re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
    if len(keys) > 1 or not _is_key(text) or len(value) > KEY_LENGTH:
        raise InvalidParameter(
            f"A key has 1 to {KEY_LENGTH} visible characters of ASCII, bare or as a quoted string; a UUID serves well.",
            member=HEADER,
        )
    return value


def _name(key: str, scope: Scope) -> str:
    """Return what a receipt is known by: whose key it is, and for which route."""
    route = scope["path"].rstrip("/")
    return sha256(encode([scope["auth"].token_id, scope["method"], route, key])).hexdigest()


def _messages(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> list[Message]:
    fields = {name.lower(): value for name, value in headers} | {"content-length": str(len(body))}
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    return [
        {"type": "http.response.start", "status": status, "headers": encoded},
        {"type": "http.response.body", "body": body, "more_body": False},
    ]


def _problem(path: str, error: TowpathError) -> list[Message]:
    body = of_domain(error)
    headers = [("content-type", PROBLEM_JSON), *headers_of(error).items()]
    return _messages(body.status, headers, encode(at(path, body)))
