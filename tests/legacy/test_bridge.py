"""Old clients on the bridge of a real server."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from tests.attacks.stage import Target
from tests.legacy.old_client import SECONDS, OldClient, old_client
from tests.servers import Place, history, new_session, prompt, run_prompt


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    place = Place(tmp_path_factory.mktemp("bridge"), TOWPATH_LEGACY="bridge")
    with place.serving() as server:
        yield Target(place, server)


@pytest.fixture
def owner(target: Target) -> Iterator[httpx.Client]:
    with target.place.client() as client:
        yield client


def idle_again(client: OldClient, session_id: str) -> None:
    client.until(lambda message: message.get("status") == "idle" and message["sessionId"] == session_id)


def test_the_first_message_says_where_to_go(target: Target) -> None:
    with old_client(target.place) as client:
        first, second = client.hear(), client.hear()

    assert (first["type"], first["successor"], first["events"]) == (
        "deprecation",
        "/api/sessions",
        "/api/session/{sessionId}/events",
    )
    assert first["deprecated"] < first["sunset"]
    assert second["type"] == "connected"


def test_the_handshake_carries_the_headers_of_what_goes_away(target: Target) -> None:
    with old_client(target.place, f"?sessionId={target.session}") as client:
        assert client.socket.response is not None
        headers = client.socket.response.headers

    assert headers["Deprecation"].startswith("@")
    assert headers["Sunset"] == "Fri, 31 Dec 2027 00:00:00 GMT"
    assert headers["Link"] == f'</api/session/{target.session}/events>; rel="successor-version"'


def test_a_client_gets_the_sessions_it_subscribed_to_and_no_other(target: Target, owner: httpx.Client) -> None:
    one, two, other = (new_session(owner) for _ in range(3))

    with old_client(target.place) as client:
        for session_id in (one, two):
            assert client.ask("subscribe", sessionId=session_id)["type"] in ("deprecation", "connected", "subscribed")
        client.until(lambda message: message["type"] == "subscribed" and message["sessionId"] == two)
        for session_id, text in ((other, "three"), (one, "first"), (two, "second")):
            run_prompt(owner, session_id, f"echo {text}")
        for session_id in (one, two):
            if not any(event.get("status") == "idle" for event in client.events(session_id)):
                idle_again(client, session_id)
        client.ask("ping")

    assert (client.output(one), client.output(two)) == ("first\n", "second\n")
    assert {message["sessionId"] for message in client.seen if "seq" in message} == {one, two}


def test_the_session_in_the_url_is_subscribed_to_and_meant(target: Target, owner: httpx.Client) -> None:
    session_id = new_session(owner)

    with old_client(target.place, f"?sessionId={session_id}") as client:
        client.until_type("subscribed")
        for word, member in (("command", "command"), ("prompt", "message"), ("chat-message", "content")):
            client.say(word, **{member: f"echo {word}"})
            client.until_type("prompt-accepted")
            idle_again(client, session_id)

    assert client.output(session_id) == "command\nprompt\nchat-message\n"


def test_what_goes_out_is_what_was_recorded(target: Target, owner: httpx.Client) -> None:
    session_id = new_session(owner)

    with old_client(target.place, f"?sessionId={session_id}") as client:
        client.until_type("subscribed")
        client.say("prompt", command="echo out; echo err >&2; exit 3")
        idle_again(client, session_id)

    recorded = {event["seq"]: event for event in history(owner, session_id)}
    assert all(event == recorded[event["seq"]] for event in client.events(session_id))


def test_unsubscribing_ends_it(target: Target, owner: httpx.Client) -> None:
    session_id = new_session(owner)

    with old_client(target.place, f"?sessionId={session_id}") as client:
        client.until_type("subscribed")
        client.say("unsubscribe", sessionId=session_id)
        client.until_type("unsubscribed")
        run_prompt(owner, session_id, "echo unheard")
        client.say("ping")
        client.until_type("pong")

    assert client.events(session_id) == []


def test_a_subscription_says_where_a_stream_takes_over(target: Target, owner: httpx.Client) -> None:
    session_id = new_session(owner)
    with old_client(target.place, f"?sessionId={session_id}") as client:
        subscribed = client.until_type("subscribed")

    run_prompt(owner, session_id, "echo after")

    stream = owner.get(subscribed["events"], params={"after": subscribed["cursor"], "follow": "false"})
    first = next(line for line in stream.text.split("\n\n") if "command-sent" in line or "session-updated" in line)
    epoch, _, seq = subscribed["cursor"].partition(".")
    assert f"id: {epoch}.{int(seq) + 1}" in first


def test_a_deleted_session_is_told_and_its_subscription_ends(target: Target, owner: httpx.Client) -> None:
    session_id = new_session(owner)
    with old_client(target.place, f"?sessionId={session_id}") as client:
        client.until_type("subscribed")
        owner.delete(f"/api/session/{session_id}")
        client.until_type("session-deleted")
        client.say("subscribe", sessionId=session_id)

        error = client.until_type("error")

    assert (error["code"], error["sessionId"]) == ("session-not-found", session_id)


def test_a_running_turn_is_cancelled(target: Target, owner: httpx.Client) -> None:
    session_id = new_session(owner)
    with old_client(target.place, f"?sessionId={session_id}") as client:
        client.until_type("subscribed")
        client.say("prompt", command="sleep 60")
        client.until(lambda message: message.get("status") == "running")
        client.say("cancel")
        client.until_type("cancel-accepted")
        idle_again(client, session_id)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("{", "invalid-body"),
        ("[]", "invalid-body"),
        ('"text"', "invalid-body"),
        ("[" * 100_000, "invalid-body"),
        ('{"type": 7}', "invalid-body"),
        ('{"type": "subscribe"}', "invalid-parameter"),
        ('{"type": "subscribe", "sessionId": "../../etc"}', "invalid-body"),
        ('{"type": "subscribe", "sessionId": "nosuchsession"}', "session-not-found"),
        ('{"type": "prompt", "sessionId": "nosuchsession"}', "invalid-body"),
        ('{"type": "prompt", "sessionId": "nosuchsession", "command": "  "}', "invalid-body"),
        ('{"type": "prompt", "sessionId": "nosuchsession", "command": "a\\u0000"}', "invalid-body"),
        ('{"type": "prompt", "sessionId": "nosuchsession", "command": "ls"}', "session-not-found"),
        ('{"type": "cancel", "sessionId": "nosuchsession"}', "session-not-found"),
        ('{"type": "eval", "code": "1"}', "bad-request"),
    ],
)
def test_a_bad_message_is_answered_and_the_socket_stays(target: Target, said: str, code: str) -> None:
    with target.untouched(), old_client(target.place) as client:
        client.until_type("connected")
        client.socket.send(said)

        assert client.until_type("error")["code"] == code
        assert client.ask("ping")["type"] == "pong"


def test_a_member_that_is_null_is_absent_and_an_unknown_one_is_ignored(target: Target, owner: httpx.Client) -> None:
    session_id = new_session(owner)
    with old_client(target.place, f"?sessionId={session_id}&clientId=7") as client:
        client.until_type("subscribed")
        client.say("prompt", sessionId=None, command=None, message="true", id=7, options={"a": [1]})

        assert client.until_type("prompt-accepted")["sessionId"] == session_id


# Limits


def frames(*parts: tuple[Opcode, bytes, bool]) -> bytes:
    return b"".join(Frame(opcode, data, fin).serialize(mask=True) for opcode, data, fin in parts)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frames((Opcode.TEXT, b'"' + b"x" * (1024 * 1024) + b'"', True)), 1009),
        (frames((Opcode.TEXT, b'"', False), *[(Opcode.CONT, b"x" * 2048, False)] * 600), 1009),
        (frames((Opcode.TEXT, b"", False), *[(Opcode.CONT, b"", False)] * 5000), 1008),
        (frames((Opcode.TEXT, b"\xff\xfe", True)), 1007),
        (frames((Opcode.BINARY, b"{}", True)), 1003),
        (frames((Opcode.CONT, b"x", True)), 1002),
        (frames((Opcode.TEXT, b"x", True))[:1] + b"\x01x", 1002),
    ],
    ids=["size", "size-in-pieces", "empty-pieces", "utf-8", "binary", "no-beginning", "unmasked"],
)
def test_what_is_no_message_ends_the_socket(target: Target, data: bytes, code: int) -> None:
    with old_client(target.place) as client:
        client.until_type("connected")
        client.socket.socket.sendall(data)

        assert client.closed() == code
    assert "Traceback" not in target.place.complaints


def test_pings_that_nobody_reads_the_answers_to_cost_nothing(target: Target, owner: httpx.Client) -> None:
    with old_client(target.place) as client:
        client.until_type("connected")
        data = frames(*[(Opcode.PING, b"x" * 125, True)] * 1000)
        for _ in range(20):
            client.socket.socket.sendall(data)

        assert owner.get("/healthz").status_code == 200
        assert client.ask("ping")["type"] == "pong"


def test_a_socket_has_so_many_subscriptions_and_no_more(target: Target, owner: httpx.Client) -> None:
    sessions = [new_session(owner) for _ in range(101)]
    with old_client(target.place) as client:
        client.until_type("connected")
        for session_id in [*sessions[:100], sessions[0]]:
            assert client.ask("subscribe", sessionId=session_id)["type"] == "subscribed"

        assert client.ask("subscribe", sessionId=sessions[100])["code"] == "overloaded"
        client.ask("unsubscribe", sessionId=sessions[0])
        assert client.ask("subscribe", sessionId=sessions[100])["type"] == "subscribed"


def test_a_slow_client_loses_nothing_and_holds_nobody_up(target: Target, owner: httpx.Client) -> None:
    session_id = new_session(owner)
    with old_client(target.place, f"?sessionId={session_id}", max_queue=1) as client:
        client.until_type("subscribed")
        started = time.monotonic()
        run_prompt(owner, session_id, "seq 1 600000")
        took = time.monotonic() - started
        idle_again(client, session_id)

    assert client.output(session_id) == "".join(f"{number}\n" for number in range(1, 600_001))
    recorded = [event["seq"] for event in history(owner, session_id) if event["type"] == "session-output"]
    assert [event["seq"] for event in client.events(session_id) if event["type"] == "session-output"] == recorded
    assert took < SECONDS


# The gates


def refused(place: Place, query: str = "", **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refusal, old_client(place, query, **options):
        raise AssertionError("it was let in")
    response = refusal.value.response
    return response.status_code, str(json.loads(response.body or b"{}").get("code"))


def test_nobody_enters_without_a_credential(target: Target) -> None:
    token = target.place.token

    for query, subprotocols in (("", None), (f"?token={token}&access_token={token}", None), ("", [token])):
        options: dict[str, Any] = {"additional_headers": {}, "subprotocols": subprotocols}
        assert refused(target.place, query, **options, origin=target.origin) == (401, "unauthorized")
        assert refused(target.place, query, **options) == (403, "forbidden-origin")


def test_a_token_of_less_scope_does_not_enter(target: Target) -> None:
    for scope, members, status in (("read", {}, 403), ("session", {"sessionId": target.session}, 404)):
        _, secret = target.make_token(scope, **members)

        assert refused(target.place, additional_headers={"Authorization": f"Bearer {secret}"})[0] == status


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_a_foreign_page_does_not_enter_with_the_cookie(target: Target, origin: str | None) -> None:
    cookie = {"Cookie": target.login()}

    assert refused(target.place, additional_headers=cookie, origin=origin) == (403, "forbidden-origin")


def test_our_own_page_enters_with_the_cookie(target: Target) -> None:
    with old_client(
        target.place,
        additional_headers={"Cookie": target.login()},
        origin=target.origin,
        user_agent_header="Mozilla/5.0",
    ) as client:
        assert client.until_type("connected")


def test_a_foreign_host_is_refused(target: Target) -> None:
    answer = target.ask(
        "GET",
        "/claude/api/claude/chat",
        [
            ("Host", "evil.example"),
            ("Authorization", f"Bearer {target.place.token}"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
        ],
    )

    assert (answer.status, answer.code) == (421, "misdirected-request")


def test_a_revoked_token_ends_its_sockets_and_does_nothing_more(target: Target, owner: httpx.Client) -> None:
    token_id, secret = target.make_token("full")
    with old_client(target.place, additional_headers={"Authorization": f"Bearer {secret}"}) as client:
        client.until_type("connected")
        assert owner.delete(f"/api/tokens/{token_id}").status_code == 200
        with suppress(ConnectionClosed):  # it may have closed by now
            client.say("prompt", sessionId=target.session, command="touch came-in")

        assert client.closed() == 1008
    assert not (target.place.root / "came-in").exists()


def test_who_did_what_is_written_down(target: Target, owner: httpx.Client) -> None:
    session_id = new_session(owner)
    with old_client(target.place, f"?sessionId={session_id}") as client:
        client.until_type("subscribed")
        client.say("prompt", command="true # a secret")
        client.until_type("prompt-accepted")

    lines = (target.place.data / "audit.jsonl").read_text()
    assert any(session_id in line and '"WEBSOCKET"' in line and '"prompt"' in line for line in lines.splitlines())
    assert "a secret" not in lines


def test_old_clients_are_counted_by_kind(target: Target, owner: httpx.Client) -> None:
    with old_client(target.place, user_agent_header="Mozilla/5.0 (X11) Firefox/140") as browser:
        browser.until_type("connected")
        with old_client(target.place, user_agent_header=None) as unnamed:
            unnamed.until_type("connected")
            owner.get("/claude/api/claude/sessions", headers={"User-Agent": "curl/8"})
            metrics = owner.get("/metrics").text

    assert 'towpath_legacy_sockets{client="browser"} 1.0' in metrics
    assert 'towpath_legacy_sockets{client="unnamed"} 1.0' in metrics
    assert 'towpath_legacy_uses_total{client="curl",use="sessions"} 1.0' in metrics
    assert 'towpath_legacy_last_use_timestamp_seconds{client="browser",use="chat"}' in metrics


def test_open_sockets_count_as_streams(tmp_path: Any) -> None:
    place = Place(tmp_path, TOWPATH_LEGACY="bridge", TOWPATH_STREAMS_PER_TOKEN="2")
    with place.serving(), old_client(place) as one, old_client(place) as two:
        one.until_type("connected")
        two.until_type("connected")
        with old_client(place) as three:
            assert three.closed() == 1013
        assert [message["type"] for message in three.seen] == ["deprecation"]


def test_a_server_that_stops_says_so_at_once(tmp_path: Any) -> None:
    place = Place(tmp_path, TOWPATH_LEGACY="bridge")
    server = place.start()
    with place.client() as owner:
        session_id = new_session(owner)
        with old_client(place, f"?sessionId={session_id}") as client, old_client(place, max_queue=1) as idle:
            client.until_type("subscribed")
            idle.until_type("connected")
            prompt(owner, session_id, "sleep 60")
            client.until(lambda message: message.get("status") == "running")
            started = time.monotonic()
            server.stop()
            took = time.monotonic() - started

            assert client.closed() == 1012
            assert idle.closed() == 1012
    assert took < 8
    assert "Traceback" not in place.complaints
