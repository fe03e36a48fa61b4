"""The gates that every request passes, HTTP and WebSocket alike, before anything of it is acted upon.

In this order: Host (421), Content-Type (415), Origin (403), credential and the rate of wrong ones (401, 429), scope
(404, 403). Limits on the raw connection stand before them (api.http_protocol), strict decoding of the body comes
after. A refusal reads no body. There are no CORS headers: no other origin's page has any business here.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from litestar import Request
from litestar.datastructures import State
from litestar.routes import HTTPRoute
from msgspec import Struct

from api.hosts import HostRules, Site
from api.problems import at, headers_of, of_domain, problem
from contracts.codec import encode
from contracts.problems import PROBLEM_JSON, Code
from domain.access import SAFE_METHODS, Principal
from domain.doorkeeper import Doorkeeper
from domain.errors import TooManyAttempts, TowpathError, WrongCredential
from domain.ports import Audit

ADMIT_AGAIN = "towpath.admit"
"""Where a scope holds what asks for its credential again; raises WrongCredential once that is revoked."""

REPLAYED = "towpath.replayed"
"""Where a scope says that the answer is one that was given before: nothing was done now."""

LOGIN_PATH = "/api/login"
NOTED_PATH_LENGTH = 512
# Not noted: a line for each key would tell when somebody types, and drown the rest.
_KEYS = re.compile(r"/api/terminal/[^/]+/(?:input|resize)/?\Z").match
PUBLIC_ROUTES = (
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", LOGIN_PATH),
    ("GET", "/"),
    ("GET", "/login"),
    ("GET", "/sessions"),
    ("GET", "/session/{session_id}"),
    ("GET", "/terminal/{terminal_id}"),
    ("GET", "/settings"),
    ("GET", "/static/{path}"),
)
"""All that needs no credential: health, the static shell, login. HEAD is open where GET is."""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types dompurify"
)
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),  # who opens a page of ours gets no hold of it
]
_UNLESS_SET = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", PAGE_POLICY.encode()),
]

# One segment, or under /static several; none begins with a dot, so that no path can lead elsewhere.
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
_PUBLIC = {
    method: re.compile(
        "|".join(
            re.sub(r"\\{\w+\\}", rf"(?:{_SEGMENT}/)*{_SEGMENT}" if "{path}" in path else _SEGMENT, re.escape(path))
            for public_method, path in PUBLIC_ROUTES
            if public_method == method
        )
    ).fullmatch
    for method in {method for method, _ in PUBLIC_ROUTES}
}
_PUBLIC["HEAD"] = _PUBLIC["GET"]

_ONCE = frozenset(
    {
        b"host",
        b"content-type",
        b"origin",
        b"sec-fetch-site",
        b"authorization",
        b"x-forwarded-host",
        b"x-forwarded-proto",
    }
)
_JOINED = {b"cookie": b";", b"x-forwarded-for": b",", b"content-length": b",", b"transfer-encoding": b","}
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


# ASGI's own types: Litestar's scope leaves the lifespan out.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class Visitor(Struct, frozen=True, kw_only=True):
    """Where a request comes from (``scope["user"]``): by which site, from which peer. ``cookie`` names ours."""

    site: Site
    peer: str
    cookie: str
    sent_cookie: bool


GatedRequest = Request[Visitor, Principal, State]
"""What handlers are given. ``auth`` is there on every route that is not public."""


class Refused(Exception):
    """A gate stays shut."""

    def __init__(self, status: int, code: Code, detail: str, *, allow: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = {"Allow": allow} if allow else {}


class Gates:
    """The ASGI application that stands around the whole of Litestar."""

    def __init__(self, app: Application, *, hosts: HostRules, doorkeeper: Doorkeeper, audit: Audit, port: int) -> None:
        """*port* is the one that the server listens on; cookies know no ports, so their names tell servers apart."""
        self._app = app
        self._hosts = hosts
        self._doorkeeper = doorkeeper
        self._audit = audit
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            await self._admit(scope)
        except (Refused, TowpathError) as error:
            await self._refuse(error, scope, receive, send)
            return
        if scope["type"] == "http":
            send = _hardened(send)
            if scope["method"] not in SAFE_METHODS and "auth" in scope:
                send = send if _KEYS(scope["path"]) else self._noted(scope, send)
                receive = _still_admitted(scope, receive)
            if scope["method"] == "OPTIONS":
                send = _all_methods(scope, send)
            if scope["method"] == "HEAD" and _is_public("GET", scope["path"]):
                scope, send = {**scope, "method": "GET"}, _without_body(send)
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> None:
        fields = _fields(scope)
        path = scope["path"]
        method = scope["method"] if scope["type"] == "http" else "WEBSOCKET"
        scope["user"] = visitor = self._visitor(scope, fields)
        _check_content_type(fields)
        bearer = _bearer(fields)
        login = _cookie(fields, visitor.cookie)
        public = _is_public(method, path)
        if bearer is None and (path == LOGIN_PATH if public else login is not None or method == "WEBSOCKET"):
            _check_origin(fields, visitor.site, method)
        if not public:
            if bearer is None and login is None:
                _check_method(method, path)
            admit = partial(self._doorkeeper.admit, token=bearer, login=login, peer=visitor.peer)
            scope["auth"] = principal = admit()
            scope[ADMIT_AGAIN] = admit
            await self._doorkeeper.authorize(principal, method=method, path=path)

    def _visitor(self, scope: Scope, fields: dict[bytes, str]) -> Visitor:
        client = _client(scope)
        scheme, host, forwarded_for = scope["scheme"], fields.get(b"host", ""), ""
        if self._hosts.trusts(client):
            scheme = fields.get(b"x-forwarded-proto", scheme)
            host = fields.get(b"x-forwarded-host", host)
            forwarded_for = fields.get(b"x-forwarded-for", "")
        site = self._hosts.site(host, _SCHEMES.get(scheme, "http"))
        if site is None:
            raise Refused(
                421,
                "misdirected-request",
                "This server does not answer to that Host. Use a loopback name, or start it with --public-url.",
            )
        cookie = f"{'__Host-' if site.secure else ''}towpath-{self._port}"
        return Visitor(
            site=site,
            peer=self._hosts.peer(client, forwarded_for),
            cookie=cookie,
            sent_cookie=f"{cookie}=" in fields.get(b"cookie", ""),
        )

    def _noted(self, scope: Scope, send: Send) -> Send:
        """Write down who changed what: here, so that no handler can forget to."""

        def note_status(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                self._audit.note(
                    "replay" if REPLAYED in scope else "request",
                    by=scope["auth"].token_id,
                    peer=scope["user"].peer,
                    method=scope["method"],
                    path=path,
                    status=str(message["status"]),
                )
            return send(message)

        path = scope["path"][:NOTED_PATH_LENGTH]  # as it was sent: the router puts its own form of it in its place
        return note_status

    async def _refuse(self, error: Refused | TowpathError, scope: Scope, receive: Receive, send: Send) -> None:
        if isinstance(error, Refused):
            body, extra = problem(error.status, error.code, str(error)), error.headers
        else:
            body, extra = of_domain(error), headers_of(error)
        visitor, principal = scope.get("user"), scope.get("auth")
        self._audit.note(
            "denied",
            by=principal.token_id if isinstance(principal, Principal) else "nobody",
            peer=visitor.peer if isinstance(visitor, Visitor) else self._hosts.peer(_client(scope), ""),
            code=body.code,
            path=scope["path"][:NOTED_PATH_LENGTH],
        )
        headers = [(b"content-type", PROBLEM_JSON.encode()), *_ALWAYS, *_UNLESS_SET]
        headers += [(name.lower().encode(), value.encode()) for name, value in extra.items()]
        if (
            isinstance(error, (WrongCredential, TooManyAttempts))
            and isinstance(visitor, Visitor)
            and visitor.sent_cookie
        ):
            headers.append((b"set-cookie", _dead_cookie(visitor)))
        await _send_answer(body.status, headers, encode(at(scope["path"], body)), scope, receive, send)


def _still_admitted(scope: Scope, receive: Receive) -> Receive:
    """Ask for the credential again once the body is there: a revocation must not be waited out in its middle."""

    async def receive_admitted() -> Message:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            scope[ADMIT_AGAIN]()
        return message

    return receive_admitted


def _client(scope: Scope) -> str | None:
    """Return the address at the other end of the connection; a Unix socket has none."""
    return scope["client"][0] if scope.get("client") else None


def _fields(scope: Scope) -> dict[bytes, str]:
    """Return the headers that the gates look at; one that decides something and comes twice is refused."""
    fields: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        text = value.decode("latin-1")
        if name not in fields:
            fields[name] = text
        elif name in _JOINED:
            fields[name] += _JOINED[name] + text
        elif name in _ONCE:
            raise Refused(400, "bad-request", f"The header {name.decode()} was sent twice.")
    return fields


def _check_content_type(fields: dict[bytes, str]) -> None:
    """Refuse a body that is not JSON: other types cross sites without asking (CORS-safelisted, fetch 2.2.2)."""
    if b"transfer-encoding" not in fields and fields.get(b"content-length", "0") == "0":
        return
    if fields.get(b"content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "unsupported-media-type", "Send the body as `Content-Type: application/json`.")


def _check_origin(fields: dict[bytes, str], site: Site, method: str) -> None:
    """Refuse what a page of another origin may have caused: browsers add credentials to that by themselves."""
    origin, fetch_site = fields.get(b"origin"), fields.get(b"sec-fetch-site")
    safe = method in SAFE_METHODS
    known = origin is not None or (fetch_site is not None and method != "WEBSOCKET")
    if (
        (origin is not None and origin != site.origin)
        or (fetch_site is not None and fetch_site != "same-origin" and not (safe and fetch_site == "none"))
        or not (safe or known)
    ):
        raise Refused(
            403,
            "forbidden-origin",
            "Only the server's own pages may send this. Programs send `Authorization: Bearer`.",
        )


def _bearer(fields: dict[bytes, str]) -> bytes | None:
    """Return the token, `None` where none is sent: another scheme's credential is for a proxy before this server."""
    scheme, _, token = fields.get(b"authorization", "").partition(" ")
    return token.strip().encode("latin-1") if scheme.lower() == "bearer" else None


def _cookie(fields: dict[bytes, str], wanted: str) -> bytes | None:
    for pair in fields.get(b"cookie", "").split(";"):
        name, _, value = pair.partition("=")
        if name.strip() == wanted:
            return value.strip().encode("latin-1")
    return None


def _check_method(method: str, path: str) -> None:
    """Tell a stranger that a public route does not take this method: no credential would help."""
    allowed = [public for public in _PUBLIC if _is_public(public, path)]
    if allowed and method not in ("OPTIONS", "WEBSOCKET"):
        raise Refused(
            405,
            "method-not-allowed",
            "This address does not take this method; Allow lists those it takes.",
            allow=", ".join(sorted(allowed)),
        )


def _is_public(method: str, path: str) -> bool:
    match = _PUBLIC.get(method)
    return match is not None and match(path) is not None


def _dead_cookie(visitor: Visitor) -> bytes:
    """Return what makes a browser drop a cookie that is no longer good, before it is counted as wrong once more."""
    secure = "; Secure" if visitor.site.secure else ""
    return f"{visitor.cookie}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict{secure}".encode()


def _hardened(send: Send) -> Send:
    """Add the security headers to an answer's start; all else passes without another coroutine in between."""

    def add_headers(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = [*message["headers"], *_ALWAYS]
            present = {name.lower() for name, _ in headers}
            message["headers"] = headers + [header for header in _UNLESS_SET if header[0] not in present]
        return send(message)

    return add_headers


def _all_methods(scope: Scope, send: Send) -> Send:
    """Put every method of the address into the answer: Litestar lists those of one route object alone."""

    def complete(message: Message) -> Awaitable[None]:
        path = scope.get("path_template")
        if message["type"] == "http.response.start" and path:
            routes = [route for route in scope["litestar_app"].routes if isinstance(route, HTTPRoute)]
            methods = {method for route in routes if route.path_format == path for method in route.methods}
            kept = [header for header in message["headers"] if header[0] != b"allow"]
            message["headers"] = [*kept, (b"allow", ", ".join(sorted(methods)).encode())]
        return send(message)

    return complete


def _without_body(send: Send) -> Send:
    """Make the answer to HEAD from that to GET, for public routes: none of them is a stream."""

    def drop_body(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.body":
            message["body"] = b""
        return send(message)

    return drop_body


async def _send_answer(
    status: int,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": status, "headers": headers})
        content = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": content, "more_body": False})
        return
    await receive()  # websocket.connect
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008, "reason": ""})  # before accept: the server answers 403
        return
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})
