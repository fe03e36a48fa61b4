from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.gates import PAGE_POLICY, PUBLIC_ROUTES, Gates
from api.hosts import HostRules
from contracts.problems import Problem
from domain.access import Principal
from domain.ids import SessionId
from infrastructure.datadir import DataDir
from tests.access.stage import CLAUDE_SESSION, SHELL_SESSION, Door

HERE = "127.0.0.1:8780"
ORIGIN = f"http://{HERE}"
PUBLIC = "https://towpath.example.org"
COOKIE = "towpath-8780"

Headers = list[tuple[str, str]]


class Answer:
    """What came back, and what the application behind the gates was given, if it was reached."""

    def __init__(self, sent: list[dict[str, Any]], reached: dict[str, Any] | None, received: int) -> None:
        self.sent = sent
        self.reached = reached
        self.received = received
        self.status = sent[0].get("status")
        self.headers = {name.decode(): value.decode() for name, value in sent[0].get("headers", [])}
        self.body = b"".join(message.get("body", b"") for message in sent)

    @property
    def problem(self) -> Problem:
        return msgspec.json.decode(self.body, type=Problem)


class Entrance:
    """The gates around an application that notes what reaches it."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self._reached: dict[str, Any] | None = None
        self.gates = Gates(
            self._application,
            hosts=HostRules(
                bind_host="127.0.0.1",
                public_urls=(PUBLIC,),
                allowed_hosts=("testserver",),
                trusted_proxies=("10.1.0.0/16",),
            ),
            doorkeeper=door.keeper,
            audit=door.audit,
            port=8780,
        )

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self._reached = scope
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"inside"})

    async def call(
        self,
        method: str = "GET",
        path: str = "/api/sessions",
        headers: Headers | None = None,
        *,
        host: str | None = HERE,
        client: str = "127.0.0.1",
        extensions: dict[str, Any] | None = None,
    ) -> Answer:
        """Send one request; *method* WEBSOCKET opens a WebSocket."""
        given = [("host", host)] if host is not None else []
        websocket = method == "WEBSOCKET"
        scope: dict[str, Any] = {
            "type": "websocket" if websocket else "http",
            "scheme": "ws" if websocket else "http",
            "path": path,
            "client": (client, 50000),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in [*given, *(headers or [])]],
            "extensions": extensions or {},
        }
        if not websocket:
            scope["method"] = method
        sent: list[dict[str, Any]] = []
        received = 0
        self._reached = None

        async def receive() -> dict[str, Any]:
            nonlocal received
            received += 1
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.gates(scope, receive, send)
        return Answer(sent, self._reached, received)

    def bearer(self) -> tuple[str, str]:
        return ("authorization", f"Bearer {self.door.owner}")

    async def cookie(self, name: str = COOKIE) -> tuple[str, str]:
        owner = self.door.credentials.by_token(self.door.owner.encode())
        assert owner is not None
        return ("cookie", f"other=1; {name}={await self.door.credentials.make_login(owner)}; last=2")


@pytest.fixture
def entrance(tmp_path: Path) -> Iterator[Entrance]:
    with closing(DataDir(tmp_path)) as data_dir:
        yield Entrance(Door(data_dir))


def body(content_type: str | None = "application/json", length: str = "2") -> Headers:
    types = [] if content_type is None else [("content-type", content_type)]
    return [*types, ("content-length", length)]


# Host


@pytest.mark.parametrize("method", ["GET", "POST", "WEBSOCKET"])
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.com", "0.0.0.0:8780", "", None])
async def test_a_foreign_host_is_refused_before_all_else(entrance: Entrance, method: str, host: str | None) -> None:
    extensions: dict[str, Any] = {"websocket.http.response": {}}

    answer = await entrance.call(
        method, headers=[entrance.bearer(), *body("text/plain")], host=host, extensions=extensions
    )

    assert (answer.status, answer.problem.code) == (421, "misdirected-request")
    assert answer.reached is None
    assert answer.received == (1 if method == "WEBSOCKET" else 0)  # of a WebSocket, the request to open it


@pytest.mark.parametrize("path", ["/healthz", "/login", "/api/login"])
async def test_a_foreign_host_is_refused_on_public_routes_too(entrance: Entrance, path: str) -> None:
    method = "POST" if path == "/api/login" else "GET"

    assert (await entrance.call(method, path, host="evil.example")).status == 421


@pytest.mark.parametrize("name", ["host", "origin", "authorization", "content-type", "sec-fetch-site"])
async def test_a_header_that_decides_something_may_not_come_twice(entrance: Entrance, name: str) -> None:
    twice = [(name, "a"), (name, "b")]

    answer = await entrance.call(headers=twice, host=HERE if name != "host" else None)

    assert (answer.status, answer.problem.code) == (400, "bad-request")
    assert answer.reached is None


@pytest.mark.parametrize("header", ["x-forwarded-host", "forwarded", "x-host", "x-original-host"])
async def test_a_foreign_host_can_not_be_covered_up(entrance: Entrance, header: str) -> None:
    answer = await entrance.call(headers=[entrance.bearer(), (header, HERE)], host="evil.example")

    assert answer.status == 421


async def test_what_an_untrusted_peer_says_was_forwarded_does_not_count(entrance: Entrance) -> None:
    forwarded = [
        ("x-forwarded-host", "towpath.example.org"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "198.51.100.1"),
        ("remote-user", "admin"),
    ]

    answer = await entrance.call(headers=forwarded, client="203.0.113.7")

    assert answer.status == 401
    assert entrance.door.audit.notes[-1]["peer"] == "203.0.113.7"


async def test_what_a_trusted_proxy_says_was_forwarded_counts(entrance: Entrance) -> None:
    forwarded = [("x-forwarded-host", "towpath.example.org"), ("x-forwarded-for", "198.51.100.1")]

    answer = await entrance.call(headers=[entrance.bearer(), *forwarded], client="10.1.0.1")

    assert answer.reached is not None
    assert answer.reached["user"].site.origin == PUBLIC
    assert answer.reached["user"].peer == "198.51.100.1"
    assert (await entrance.call(headers=[("x-forwarded-host", "evil")], client="10.1.0.1")).status == 421
    assert (await entrance.call(headers=[("x-forwarded-host", "evil, localhost")], client="10.1.0.1")).status == 421


# Content-Type


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; a=b", "application/json;charset=utf-8", "application/json "]
)
async def test_json_is_let_in(entrance: Entrance, content_type: str) -> None:
    answer = await entrance.call("POST", headers=[entrance.bearer(), *body(content_type)])

    assert answer.status == 200


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/plain;charset=application/json",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json, text/plain",
        "text/plain, application/json",
        "application/problem+json",
        "*/*",
    ],
)
@pytest.mark.parametrize(
    "size", [[("content-length", "2")], [("transfer-encoding", "chunked")], [("content-length", "00")]],
    ids=["length", "chunked", "odd length"],
)  # fmt: skip
async def test_a_body_that_is_not_said_to_be_json_is_refused(
    entrance: Entrance, content_type: str | None, size: Headers
) -> None:
    types = [] if content_type is None else [("content-type", content_type)]

    answer = await entrance.call("POST", headers=[entrance.bearer(), *types, *size])

    assert (answer.status, answer.problem.code) == (415, "unsupported-media-type")
    assert (answer.reached, answer.received) == (None, 0)


@pytest.mark.parametrize("headers", [[], [("content-length", "0")], [("content-type", "text/plain")]])
async def test_without_a_body_the_type_does_not_matter(entrance: Entrance, headers: Headers) -> None:
    assert (await entrance.call("POST", headers=[entrance.bearer(), *headers])).status == 200


# Origin

OTHER_ORIGINS = [
    "https://evil.example",
    "null",
    "",
    "http://127.0.0.1",
    "http://127.0.0.1:8781",
    "http://127.0.0.1:87800",
    "https://127.0.0.1:8780",
    "http://localhost:8780",
    "http://127.0.0.1:8780.evil.com",
    "http://127.0.0.1.evil.com:8780",
    "http://127.0.0.1:8780/",
    "http://127.0.0.1.:8780",
    "HTTP://127.0.0.1:8780",
    "http://evil@127.0.0.1:8780",
    "127.0.0.1:8780",
    PUBLIC,
]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "WEBSOCKET"])
@pytest.mark.parametrize("origin", OTHER_ORIGINS)
async def test_a_cookie_from_another_origin_opens_nothing(entrance: Entrance, method: str, origin: str) -> None:
    answer = await entrance.call(
        method,
        headers=[await entrance.cookie(), ("origin", origin), ("sec-fetch-site", "same-origin")],
        extensions={"websocket.http.response": {}},
    )

    assert (answer.status, answer.problem.code) == (403, "forbidden-origin")
    assert answer.reached is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://towpath.example.org.evil.com",
        "https://towpath.example.orgy",
        "https://towpath.example.org:9999",
        "https://towpath.example.org:443",
        "http://towpath.example.org",
        "https://towpath.example.org.",
        "https://TOWPATH.example.org",
        ORIGIN,
    ],
)
async def test_behind_a_public_url_only_its_own_origin_counts(entrance: Entrance, origin: str) -> None:
    cookie = await entrance.cookie(f"__Host-{COOKIE}")
    host = "towpath.example.org"

    wrong = await entrance.call("POST", headers=[cookie, ("origin", origin)], host=host)
    right = await entrance.call("POST", headers=[cookie, ("origin", PUBLIC)], host=host)

    assert (wrong.status, right.status) == (403, 200)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 200),
        ("GET", {"sec-fetch-site": "same-origin"}, 200),
        ("GET", {"sec-fetch-site": "none"}, 200),
        ("GET", {"sec-fetch-site": "same-site"}, 403),
        ("GET", {"sec-fetch-site": "cross-site"}, 403),
        ("GET", {"sec-fetch-site": "Same-Origin"}, 403),
        ("GET", {"origin": ORIGIN}, 200),
        ("POST", {}, 403),
        ("POST", {"sec-fetch-site": "same-origin"}, 200),
        ("POST", {"sec-fetch-site": "none"}, 403),
        ("POST", {"sec-fetch-site": "same-site"}, 403),
        ("POST", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", {"origin": ORIGIN}, 200),
        ("POST", {"origin": ORIGIN, "sec-fetch-site": "same-origin"}, 200),
        ("POST", {"origin": ORIGIN, "sec-fetch-site": "cross-site"}, 403),
        ("POST", {"referer": f"{ORIGIN}/sessions"}, 403),
        ("DELETE", {}, 403),
        ("WEBSOCKET", {}, 403),
        ("WEBSOCKET", {"sec-fetch-site": "same-origin"}, 403),
        ("WEBSOCKET", {"origin": ORIGIN}, None),
    ],
)
async def test_a_cookie_counts_only_on_a_request_of_the_servers_own_pages(
    entrance: Entrance, method: str, headers: dict[str, str], status: int | None
) -> None:
    answer = await entrance.call(
        method,
        headers=[await entrance.cookie(), *headers.items()],
        extensions={"websocket.http.response": {}},
    )

    assert answer.status == status
    assert (answer.reached is None) == (status == 403)


@pytest.mark.parametrize("method", ["GET", "POST", "WEBSOCKET"])
async def test_a_token_needs_no_origin_since_no_browser_adds_one_by_itself(entrance: Entrance, method: str) -> None:
    answer = await entrance.call(method, headers=[entrance.bearer(), ("origin", "https://evil.example")])

    assert answer.reached is not None


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ([("origin", ORIGIN)], True),
        ([("sec-fetch-site", "same-origin")], True),
        ([("origin", "https://evil.example")], False),
        ([("sec-fetch-site", "cross-site")], False),
        ([("authorization", "Basic dTpw")], False),
        ([], False),
    ],
)
async def test_nobody_is_logged_in_from_another_origin(entrance: Entrance, headers: Headers, passes: bool) -> None:
    answer = await entrance.call("POST", "/api/login", headers=[*headers, *body()])

    assert (answer.status, answer.reached is not None) == ((200, True) if passes else (403, False))


async def test_a_websocket_without_a_credential_is_refused_by_its_origin_first(entrance: Entrance) -> None:
    extensions: dict[str, Any] = {"websocket.http.response": {}}

    foreign = await entrance.call("WEBSOCKET", headers=[("origin", "https://evil.example")], extensions=extensions)
    own = await entrance.call("WEBSOCKET", headers=[("origin", ORIGIN)], extensions=extensions)

    assert (foreign.status, own.status) == (403, 401)


async def test_a_server_that_can_only_close_a_websocket_closes_it_before_it_is_accepted(entrance: Entrance) -> None:
    answer = await entrance.call("WEBSOCKET")

    assert [message["type"] for message in answer.sent] == ["websocket.close"]
    assert answer.reached is None


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
async def test_no_answer_ever_lets_another_origin_in(entrance: Entrance, method: str) -> None:
    preflight = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-private-network", "true"),
    ]

    for headers in (preflight, [*preflight, entrance.bearer()]):
        answer = await entrance.call(method, headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control-")]


# Credential


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
@pytest.mark.parametrize("path", ["/", "/api/sessions", "/metrics", "/docs", "/schema/openapi.json", "/nothing", ""])
async def test_nothing_but_the_public_routes_opens_without_a_credential(
    entrance: Entrance, method: str, path: str
) -> None:
    public = path == "/" and method in ("GET", "HEAD")

    answer = await entrance.call(method, path)

    assert (answer.reached is not None) == public
    assert answer.status == (200 if public else 405 if path == "/" and method != "OPTIONS" else 401)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("TRACE", "/healthz", "GET, HEAD"),
        ("GET", "/api/login", "POST"),
        ("DELETE", "/session/session_one", "GET, HEAD"),
    ],
)
async def test_a_public_route_says_which_methods_it_takes(
    entrance: Entrance, method: str, path: str, allow: str
) -> None:
    answer = await entrance.call(method, path)

    assert (answer.status, answer.problem.code) == (405, "method-not-allowed")
    assert answer.headers["allow"] == allow
    assert answer.reached is None


@pytest.mark.parametrize(("method", "path"), PUBLIC_ROUTES)
async def test_the_public_routes_need_no_credential(entrance: Entrance, method: str, path: str) -> None:
    path = path.format(session_id="session_one", terminal_id="terminal_one", path="assets/index-B1x.js")

    answer = await entrance.call(method, path, headers=[("origin", ORIGIN)])

    assert answer.reached is not None
    assert "auth" not in answer.reached


@pytest.mark.parametrize(
    "path",
    [
        "/static",
        "/static/",
        "/static/../api/sessions",
        "/static/./x",
        "/static/.env",
        "/static/a/../../etc/passwd",
        "/static//x",
        "/static/a\\b",
        "/static/a\n",
        "/static/a\0",
        "/session/",
        "/session/..",
        "/session/one/two",
        "/session/one/../two",
        "//login",
        "/login/",
        "/login/x",
        "/LOGIN",
        "/api/login/",
        "/healthz/x",
        "/loginx",
    ],
)
async def test_what_only_begins_like_a_public_route_is_closed(entrance: Entrance, path: str) -> None:
    method = "POST" if path.startswith("/api") else "GET"

    assert (await entrance.call(method, path)).status == 401


async def test_a_page_opens_from_a_link_on_another_page(entrance: Entrance) -> None:
    headers = [await entrance.cookie(), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]

    assert (await entrance.call("GET", "/session/session_one", headers=headers)).status == 200


async def test_every_wrong_credential_gets_the_same_answer(entrance: Entrance) -> None:
    owner = entrance.door.owner
    wrong = [
        [],
        [("authorization", f"Bearer {owner[:-1]}")],
        [("authorization", f"Bearer {owner}x")],
        [("authorization", f"Bearer {owner.swapcase()}")],
        [("authorization", "Bearer ÿÿÿ")],
        [("authorization", "Bearer ")],
        [("authorization", "Bearer")],
        [("authorization", f"Basic {owner}")],
        [("authorization", owner)],
        [("cookie", f"token={owner}")],
    ]

    answers = [await entrance.call(headers=headers) for headers in wrong]

    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1
    assert answers[0].headers["www-authenticate"] == "Bearer"
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert answers[0].problem.code == "unauthorized"


async def test_a_right_token_is_told_to_the_application(entrance: Entrance) -> None:
    answer = await entrance.call(headers=[("authorization", f"bearer  {entrance.door.owner}")])

    assert answer.reached is not None
    assert answer.reached["auth"] == Principal(token_id="owner_token", name="owner", scope="full")
    assert answer.reached["user"].peer == "loopback"


async def test_a_token_is_no_cookie_and_a_cookies_secret_no_token(entrance: Entrance) -> None:
    _, cookie = await entrance.cookie()
    secret = cookie.split(f"{COOKIE}=")[1].split(";")[0]

    as_cookie = await entrance.call(headers=[("cookie", f"{COOKIE}={entrance.door.owner}")])
    as_token = await entrance.call(headers=[("authorization", f"Bearer {secret}")])

    assert (as_cookie.status, as_token.status) == (401, 401)


async def test_a_wrong_token_is_not_made_good_by_a_cookie(entrance: Entrance) -> None:
    answer = await entrance.call(headers=[await entrance.cookie(), ("authorization", "Bearer wrong")])

    assert answer.status == 401


@pytest.mark.parametrize(
    ("host", "good", "other"),
    [(HERE, COOKIE, f"__Host-{COOKIE}"), ("towpath.example.org", f"__Host-{COOKIE}", COOKIE)],
)
async def test_a_cookie_is_known_by_the_name_that_fits_the_site(
    entrance: Entrance, host: str, good: str, other: str
) -> None:
    assert (await entrance.call(headers=[await entrance.cookie(good)], host=host)).status == 200
    assert (await entrance.call(headers=[await entrance.cookie(other)], host=host)).status == 401
    assert (await entrance.call(headers=[await entrance.cookie(f"x{good}")], host=host)).status == 401
    assert (await entrance.call(headers=[await entrance.cookie("towpath-8781")], host=host)).status == 401


async def test_a_dead_cookie_is_taken_from_the_browser(entrance: Entrance) -> None:
    plain = await entrance.call(headers=[("cookie", f"{COOKIE}=dead")])
    behind = await entrance.call(headers=[("cookie", f"__Host-{COOKIE}=dead")], host="towpath.example.org")

    assert plain.headers["set-cookie"] == f"{COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"
    assert behind.headers["set-cookie"] == f"__Host-{COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure"


# Rate


async def test_after_ten_wrong_credentials_a_peer_has_to_wait_and_a_right_one_passes(entrance: Entrance) -> None:
    wrong = [("authorization", "Bearer wrong")]

    statuses = [(await entrance.call(headers=wrong)).status for _ in range(200)]
    refused = await entrance.call(headers=wrong, client="127.0.0.2")
    right = await entrance.call(headers=[entrance.bearer()])
    elsewhere = await entrance.call(headers=wrong, client="203.0.113.7")

    assert statuses == [401] * 10 + [429] * 190
    assert (refused.status, refused.problem.code) == (429, "too-many-attempts")
    assert refused.headers["retry-after"] == "60"
    assert right.status == 200
    assert elsewhere.status == 401

    entrance.door.clock.seconds += 60
    assert (await entrance.call(headers=wrong)).status == 401


async def test_to_send_no_credential_is_not_a_wrong_one(entrance: Entrance) -> None:
    assert {(await entrance.call()).status for _ in range(50)} == {401}


# Scope


async def test_a_read_only_token_changes_nothing(entrance: Entrance) -> None:
    _, secret = await entrance.door.credentials.make_token(name="board", scope="read", session_id=None)
    bearer = ("authorization", f"Bearer {secret}")
    extensions: dict[str, Any] = {"websocket.http.response": {}}

    assert (await entrance.call("GET", headers=[bearer])).status == 200
    for method in ("POST", "WEBSOCKET"):
        answer = await entrance.call(method, headers=[bearer], extensions=extensions)
        assert (answer.status, answer.problem.code) == (403, "insufficient-scope")
        assert answer.reached is None


async def test_a_token_of_one_session_sees_that_one_alone(entrance: Entrance) -> None:
    _, secret = await entrance.door.credentials.make_token(name="bot", scope="session", session_id=CLAUDE_SESSION)
    bearer = ("authorization", f"Bearer {secret}")

    async def status_and_code(method: str, path: str) -> tuple[int | None, str]:
        answer = await entrance.call(method, path, headers=[bearer])
        return answer.status, "" if answer.reached else answer.problem.code

    assert await status_and_code("GET", f"/api/session/{CLAUDE_SESSION}/events") == (200, "")
    assert await status_and_code("POST", f"/api/session/{CLAUDE_SESSION}/prompt") == (200, "")
    assert await status_and_code("GET", f"/api/session/{SHELL_SESSION}") == (404, "session-not-found")
    assert await status_and_code("GET", "/api/session/never_there") == (404, "session-not-found")
    assert await status_and_code("GET", "/api/events") == (404, "not-found")
    assert await status_and_code("POST", "/api/tokens") == (404, "not-found")


async def test_a_token_of_one_session_may_watch_a_shell_and_not_use_it(entrance: Entrance) -> None:
    _, secret = await entrance.door.credentials.make_token(name="bot", scope="session", session_id=SHELL_SESSION)
    bearer = ("authorization", f"Bearer {secret}")

    watch = await entrance.call("GET", f"/api/session/{SHELL_SESSION}/events", headers=[bearer])
    prompt = await entrance.call("POST", f"/api/session/{SHELL_SESSION}/prompt", headers=[bearer])

    assert watch.status == 200
    assert (prompt.status, prompt.problem.code) == (403, "insufficient-scope")


async def test_a_token_of_a_deleted_session_finds_nothing(entrance: Entrance) -> None:
    _, secret = await entrance.door.credentials.make_token(
        name="bot", scope="session", session_id=SessionId("deleted_one")
    )

    answer = await entrance.call(
        "POST", "/api/session/deleted_one/prompt", headers=[("authorization", f"Bearer {secret}")]
    )

    assert (answer.status, answer.problem.session_id) == (404, "deleted_one")


# Answers


async def test_an_answer_carries_the_security_headers(entrance: Entrance) -> None:
    inside = await entrance.call(headers=[entrance.bearer()])
    refused = await entrance.call()

    for answer in (inside, refused):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == PAGE_POLICY


async def test_a_header_that_a_handler_set_stays(entrance: Entrance) -> None:
    async def stream(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"cache-control", b"no-cache, no-transform"), (b"Content-Security-Policy", b"sandbox")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    gates = Gates(
        stream,
        hosts=HostRules(bind_host="127.0.0.1", public_urls=(), allowed_hosts=(), trusted_proxies=()),
        doorkeeper=entrance.door.keeper,
        audit=entrance.door.audit,
        port=8780,
    )
    entrance.gates = gates

    answer = await entrance.call("GET", "/healthz")

    assert answer.headers["cache-control"] == "no-cache, no-transform"
    assert "content-security-policy" not in answer.headers


async def test_a_refused_head_request_has_the_headers_and_no_body(entrance: Entrance) -> None:
    head, get = await entrance.call("HEAD"), await entrance.call("GET")

    assert head.body == b""
    assert head.headers == get.headers


async def test_head_is_answered_as_get_where_that_is_public(entrance: Entrance) -> None:
    head, get = await entrance.call("HEAD", "/healthz"), await entrance.call("GET", "/healthz")
    closed = await entrance.call("HEAD", "/api/sessions", headers=[entrance.bearer()])

    assert head.reached is not None
    assert head.reached["method"] == "GET"
    assert (head.status, head.headers, head.body, get.body) == (200, get.headers, b"", b"inside")
    assert closed.reached is not None
    assert closed.reached["method"] == "HEAD"


async def test_the_lifespan_passes(entrance: Entrance) -> None:
    seen: list[str] = []

    async def application(scope: Any, *_: Any) -> None:
        seen.append(scope["type"])

    entrance.gates._app = application
    await entrance.gates({"type": "lifespan"}, _never, _never)

    assert seen == ["lifespan"]


async def _never(*_: Any) -> Any:
    raise AssertionError


async def test_a_denial_is_written_down_without_the_credential(entrance: Entrance) -> None:
    await entrance.call(path="/api/sessions", headers=[("authorization", "Bearer secret-guess")])

    assert entrance.door.audit.notes == [
        {"action": "denied", "by": "nobody", "peer": "loopback", "code": "unauthorized", "path": "/api/sessions"}
    ]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_a_change_is_written_down_with_who_made_it_and_what_came_of_it(entrance: Entrance, method: str) -> None:
    await entrance.call(method, "/api/session/session_one/prompt", headers=[entrance.bearer()])
    await entrance.call("GET", "/api/session/session_one", headers=[entrance.bearer()])

    assert entrance.door.audit.notes == [
        {
            "action": "request",
            "by": "owner_token",
            "peer": "loopback",
            "method": method,
            "path": "/api/session/session_one/prompt",
            "status": "200",
        }
    ]


async def test_a_long_path_does_not_fill_the_audit(entrance: Entrance) -> None:
    await entrance.call("POST", "/" + "x" * 30_000)
    await entrance.call("POST", "/" + "x" * 30_000, headers=[entrance.bearer()])

    assert [len(note["path"]) for note in entrance.door.audit.notes] == [512, 512]
