"""Reaching a real server without being let in: Host, Origin, content type, credential, scope, revocation."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.attacks.stage import PUBLIC_URL, REACHES, SECONDS, Target, read_answer, receive_all
from tests.servers import Place, Refused, new_session, prompt, run_prompt

JSON = ("Content-Type", "application/json")
MARK = b'{"command": "touch came-in"}'


@pytest.fixture(scope="module", params=list(REACHES))
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    place = Place(tmp_path_factory.mktemp(request.param), **REACHES[request.param])
    with place.serving() as server:
        yield Target(place, server)


def bearer(token: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {token}")


def prompt_path(target: Target) -> str:
    return f"/api/session/{target.session}/prompt"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "localhost.evil.com",
        "127.0.0.1.nip.io",
        "localhost.",
        "[::ffff:127.0.0.1]",
        "0.0.0.0:{port}",
        "0",
        "127.1",
        "2130706433",
        "localhost:99999",
        "localhost@evil",
        "a, localhost",
        "towpath.example.org.evil.com",
        "towpath.example.org:{port}",
        "",
    ],
)
def test_a_foreign_host_gets_nothing_whatever_it_holds(target: Target, host: str) -> None:
    headers = [("Host", host.format(port=target.place.port)), bearer(target.place.token), JSON]

    with target.untouched():
        answer = target.ask("POST", prompt_path(target), headers, MARK)

        assert answer.status == 421


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "Forwarded", "X-Original-Host", "X-Host"])
def test_a_foreign_host_can_not_be_covered_up(target: Target, name: str) -> None:
    headers = [("Host", "evil.example"), (name, "localhost"), bearer(target.place.token), JSON]

    with target.untouched():
        assert target.ask("POST", prompt_path(target), headers, MARK).status == 421


@pytest.mark.parametrize("name", ["Remote-User", "X-Forwarded-User", "X-Remote-User", "X-Forwarded-For", "X-Real-IP"])
def test_a_name_or_address_in_a_header_is_no_credential(target: Target, name: str) -> None:
    with target.untouched():
        assert target.ask("POST", prompt_path(target), [(name, "127.0.0.1"), JSON], MARK).status == 401


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/plain;charset=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json, text/plain",
        "application/jsonp",
        "",
    ],
)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "own"])
def test_a_body_that_is_not_json_is_never_acted_upon(target: Target, content_type: str, origin: str) -> None:
    headers = [("Cookie", target.login()), ("Origin", target.origin if origin == "own" else origin)]
    headers += [("Content-Type", content_type)] if content_type else []

    with target.untouched():
        assert target.ask("POST", prompt_path(target), headers, MARK).status == 415


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "{own}.evil.com",
        "{own}9",
        "{own}/",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://127.0.0.1",
        "http://localhost.evil",
        PUBLIC_URL,
        f"{PUBLIC_URL}.evil.com",
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_cookie_from_another_origin_opens_nothing(target: Target, origin: str, method: str) -> None:
    own = origin.format(own=target.origin, port=target.place.port)
    headers = [("Cookie", target.login()), ("Origin", own), JSON]
    path = prompt_path(target) if method == "POST" else f"/api/session/{target.session}/history"

    with target.untouched():
        answer = target.ask(method, path, headers, MARK if method == "POST" else b"")

        assert (answer.status, answer.code) == (403, "forbidden-origin")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "", "missing"])
def test_a_cookie_without_an_origin_changes_nothing(target: Target, site: str) -> None:
    headers = [("Cookie", target.login()), JSON]
    headers += [] if site == "missing" else [("Sec-Fetch-Site", site)]

    with target.untouched():
        assert target.ask("POST", prompt_path(target), headers, MARK).status == 403


@pytest.mark.parametrize("path", ["/api/sessions", "/api/login", "/healthz", "/"])
def test_a_preflight_is_never_granted(target: Target, path: str) -> None:
    headers = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
        "Access-Control-Request-Private-Network": "true",
    }

    for method in ("OPTIONS", "GET", "POST"):
        answer = target.ask(method, path, headers)
        assert not [name for name in answer.headers if name.startswith("access-control-")], method


@pytest.mark.parametrize("way", ["stream", "websocket"])
@pytest.mark.parametrize("held", [True, False])
def test_a_foreign_page_reads_no_stream(target: Target, way: str, held: bool) -> None:
    headers = [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")]
    if held:
        headers.append(("Cookie", target.login()))
    if way == "websocket":
        headers += [
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Protocol", target.place.token),
        ]

    answer = target.ask("GET", f"/api/session/{target.session}/events?after=0", headers)

    assert answer.status == (403 if held else 401)
    assert b"session-created" not in answer.body


def test_every_wrong_credential_gets_one_answer_and_the_right_one_passes_after_them(target: Target) -> None:
    token = target.place.token
    wrong = [token[:-1], token + "x", token.swapcase(), f"{token}é", "", " ", "x" * 4000, token[::-1], "null"]

    with target.untouched():
        answers = [target.ask("POST", prompt_path(target), [bearer(one), JSON], MARK) for one in wrong]
        answers += [target.ask("POST", prompt_path(target), [bearer("guess"), JSON], MARK) for _ in range(30)]

    assert {answer.status for answer in answers[:5]} <= {401, 429}
    assert {answer.status for answer in answers[-20:]} == {429}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers if answer.status == 429)
    assert len({answer.body for answer in answers if answer.status == 401}) <= 1
    assert target.ask("GET", "/api/whoami", [bearer(token)]).status == 200


@pytest.mark.parametrize(
    "path",
    ["/api/sessions?token={token}", "/api/sessions?access_token={token}", "/?token={token}", "/login?code={token}"],
)
def test_a_token_in_a_url_opens_nothing_and_is_not_written_down(target: Target, path: str) -> None:
    answer = target.ask("GET", path.format(token=target.place.token))

    assert answer.status == (401 if path.startswith("/api") else 200)
    assert "set-cookie" not in answer.headers
    kept = target.place.complaints + (target.place.data / "audit.jsonl").read_text()
    assert target.place.token not in kept


def test_a_login_from_another_page_is_refused_and_takes_no_given_cookie(target: Target) -> None:
    body = json.dumps({"token": target.place.token}).encode()
    fixed = ("Cookie", f"{target.cookie_name}=chosen-by-the-attacker")

    with target.untouched():
        for origin in ([("Origin", "https://evil.example")], []):
            answer = target.ask("POST", "/api/login", [*origin, JSON, fixed], body)
            assert (answer.status, "set-cookie" in answer.headers) == (403, False)

    answer = target.ask("POST", "/api/login", [("Origin", target.origin), JSON, fixed], body)
    assert "chosen-by-the-attacker" not in answer.headers["set-cookie"]
    assert {"httponly", "samesite=strict"} <= set(answer.headers["set-cookie"].lower().split("; "))


def test_a_login_code_opens_one_browser_of_many_that_race(target: Target) -> None:
    with target.place.client() as owner:
        code = owner.post("/api/login-codes").json()["code"]
    body = json.dumps({"code": code}).encode()
    statuses: list[int] = []

    def race() -> None:
        statuses.append(target.ask("POST", "/api/login", [("Origin", target.origin), JSON], body).status)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429}


def hold_back(target: Target, token: str, path: str, body: bytes) -> socket.socket:
    """Begin a request and send its body but for the last byte."""
    connection = target.connect()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{target.place.port}\r\nConnection: close\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body[:-1])
    return connection


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/tokens", b'{"name": "evil", "scope": "full"}'),
        ("/api/sessions", b'{"mode": "shell"}'),
        ("/api/session/{session}/prompt", MARK),
    ],
)
def test_a_token_that_is_revoked_in_the_middle_of_a_request_does_nothing(
    target: Target, path: str, body: bytes
) -> None:
    token_id, secret = target.make_token("full")
    with closing(hold_back(target, secret, path.format(session=target.session), body)) as connection:
        with target.place.client() as owner:
            assert owner.get("/api/whoami").status_code == 200  # the head before it was read, too
            owner.delete(f"/api/tokens/{token_id}").raise_for_status()

        with target.untouched():
            connection.sendall(body[-1:])
            answer = read_answer(receive_all(connection))

            assert answer.status in (401, 429)


def test_logins_with_a_lesser_token_push_out_nobody(target: Target) -> None:
    owners = ("Cookie", target.login())
    _, secret = target.make_token("read")

    for _ in range(65):
        target.login(secret)

    assert target.ask("GET", "/api/whoami", [owners, ("Sec-Fetch-Site", "same-origin")]).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/sessions",
        "/api/events",
        "/api/events?sessions={other}",
        "/metrics",
        "/api/debug/metrics",
        "/api/agents",
        "/api/tokens",
        "/schema/openapi.json",
        "/docs",
        "/api/session/{other}",
        "/api/session/{other}/",
        "/api/session/{other}/snapshot",
        "/api/session/{other}/history",
        "/api/session/{other}/events?after=0",
        "/api/session/{other}/blobs/{blob}",
        "/api/session/{own}/blobs/{blob}",
        "/api/session/{own}/../{other}/history",
        "/api/session/{own}/%2e%2e/{other}/history",
        "/api/session/{own}%2f..%2f{other}/history",
        "/api//session/{other}/history",
        "//api/session/{other}/history",
        "/api/session//{other}/history",
        "/api/session/{own}//../../sessions",
        "/api/session/{own};/../{other}",
        "/api/session/system_0/history",
    ],
)
def test_a_token_of_one_session_reaches_nothing_else(target: Target, path: str) -> None:
    with target.place.client() as owner:
        other = new_session(owner)
        run_prompt(owner, other, "true # " + "secret " * 5000)
    (blob,) = [event["command"]["blobId"] for event in target.events(other) if event["type"] == "command-sent"]
    _, secret = target.make_token("session", sessionId=target.session)

    answer = target.ask("GET", path.format(own=target.session, other=other, blob=blob), [bearer(secret)])

    assert answer.status in (400, 404)
    assert b"secret" not in answer.body


@pytest.mark.parametrize("scope", ["read", "session"])
def test_a_lesser_token_makes_itself_no_greater_and_runs_nothing(target: Target, scope: str) -> None:
    members = {"sessionId": target.session} if scope == "session" else {}
    token_id, secret = target.make_token(scope, **members)
    cookie = target.login(secret)
    orders = {
        "/api/tokens": b'{"name": "evil", "scope": "full"}',
        "/api/login-codes": b"",
        "/api/sessions": b'{"mode": "shell"}',
        prompt_path(target): MARK,
        f"/api/session/{target.session}/cancel": b"{}",
        f"/api/session/{target.session}/resume": b"",
    }

    with target.untouched():
        for held in ([bearer(secret)], [("Cookie", cookie), ("Origin", target.origin)]):
            for path, body in orders.items():
                answer = target.ask("POST", path, [*held, *([JSON] if body else [])], body)
                assert answer.status in (403, 404), path
            for path in (f"/api/session/{target.session}", "/api/tokens/owner_token", f"/api/tokens/{token_id}"):
                assert target.ask("DELETE", path, held).status in (403, 404), path


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_method_can_not_be_smuggled_in_a_header(target: Target, name: str) -> None:
    _, secret = target.make_token("read")

    with target.untouched():
        target.ask("GET", f"/api/session/{target.session}", [bearer(secret), (name, "DELETE")])


def test_the_streams_of_a_cookie_and_of_its_token_count_together(tmp_path: Path) -> None:
    place = Place(tmp_path, TOWPATH_STREAMS_PER_TOKEN="2")
    with place.serving() as server:
        target = Target(place, server)
        path = f"{target.origin}/api/session/{target.session}/events"
        cookie = {"Cookie": target.login(), "Sec-Fetch-Site": "same-origin"}
        with (
            httpx.stream("GET", path, headers=place.headers, trust_env=False) as first,
            httpx.stream("GET", path, headers=cookie, trust_env=False) as second,
            httpx.stream("GET", path, headers={"Cookie": target.login()}, trust_env=False) as third,
        ):
            assert next(first.iter_lines()) == next(second.iter_lines()) == "event: connected"
            assert next(third.iter_lines()) == "event: stream-closing"


def test_two_framings_of_one_request_are_refused_in_front_of_the_real_routes(target: Target) -> None:
    head = f"Host: 127.0.0.1:{target.place.port}\r\nAuthorization: Bearer {target.place.token}\r\n"
    inner = f"POST {prompt_path(target)} HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
    inner += f"Content-Length: {len(MARK)}\r\n\r\n{MARK.decode()}"
    framings = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "X: a\r\n Transfer-Encoding: chunked\r\n",
    ]

    with target.untouched():
        for framing in framings:
            data = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{target.place.port}\r\n{framing}\r\n0\r\n\r\n{inner}"
            answer = target.say(data.encode())
            assert answer.startswith(b"HTTP/1.1 400"), framing
            assert answer.count(b"HTTP/1.1 ") == 1, framing


@pytest.mark.parametrize("environment", [{"TOWPATH_HOST": "0.0.0.0"}, {"TOWPATH_HOST": "::"}])
def test_a_server_that_others_reach_does_not_start_without_a_name(tmp_path: Path, environment: dict[str, str]) -> None:
    place = Place(tmp_path, **environment)

    with pytest.raises(Refused, match="--public-url"):
        place.start()


@pytest.mark.parametrize("content", [b"", b"\n", b" \n", b"short\n"])
def test_a_token_file_without_a_token_never_means_that_all_may_enter(tmp_path: Path, content: bytes) -> None:
    place = Place(tmp_path)
    place.data.mkdir(mode=0o700)
    (place.data / "token").write_bytes(content)
    (place.data / "token").chmod(0o600)

    with pytest.raises(Refused, match="holds no token"):
        place.start()


def test_a_credential_in_the_environment_neither_opens_nor_closes_anything(tmp_path: Path) -> None:
    place = Place(tmp_path, TOWPATH_TOKEN=" ", TOKEN="")
    with place.serving() as server:
        target = Target(place, server)

        with target.untouched():
            for headers in ([], [bearer("")], [bearer(" ")]):
                assert target.ask("POST", prompt_path(target), [*headers, JSON], MARK).status == 401


def test_a_prompt_without_the_token_is_a_stranger_too(target: Target) -> None:
    with target.place.client() as owner:
        session = new_session(owner)
        run_prompt(
            owner,
            session,
            f"exec 3<>/dev/tcp/127.0.0.1/{target.place.port}; printf "
            f"'POST {prompt_path(target)} HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n"
            "Content-Type: application/json\\r\\nContent-Length: 2\\r\\n\\r\\n{}' >&3; head -1 <&3",
        )

    said = "".join(event["content"] for event in target.events(session) if event["type"] == "session-output")
    assert said.startswith("HTTP/1.1 4")
    assert said.split()[1] in ("401", "429")


def test_a_prompt_ends_with_its_server_and_not_with_its_token(target: Target) -> None:
    token_id, secret = target.make_token("full")
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=target.origin, headers=headers, trust_env=False, timeout=SECONDS) as client:
        session = new_session(client)
        turn = prompt(client, session, "sleep 0.3; echo done")
    with target.place.client() as owner:
        owner.delete(f"/api/tokens/{token_id}").raise_for_status()
        run_prompt(owner, session, "true")

    ends = [
        event["stopReason"] for event in target.events(session) if event.get("turnId") == turn and "stopReason" in event
    ]
    assert ends == ["end"]
