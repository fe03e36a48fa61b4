"""A request that comes again under its key is answered the same and done once, by a real server."""

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import Place, history, new_session, prompt, run_prompt

REPLAYED = "idempotency-replayed"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("idempotency"))
    with made.serving():
        yield made


@pytest.fixture
def client(place: Place) -> Iterator[httpx.Client]:
    with place.client() as made:
        yield made


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def commands(client: httpx.Client, session_id: str) -> list[str]:
    return [event["command"] for event in history(client, session_id) if event["type"] == "command-sent"]


def audit(place: Place, action: str, path: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (place.data / "audit.jsonl").read_text().splitlines()]
    return [line for line in lines if line["action"] == action and line.get("path") == path]


def test_the_same_request_is_answered_the_same_and_done_once(client: httpx.Client, place: Place) -> None:
    session_id = new_session(client)
    path = f"/api/session/{session_id}/prompt"

    first, second = (client.post(path, json={"command": "echo x"}, headers=keyed("once")) for _ in range(2))

    assert (first.status_code, first.json()) == (202, second.json())
    assert second.status_code == 202
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["x-content-type-options"] == "nosniff"
    assert commands(client, session_id) == ["echo x"]
    assert len(audit(place, "request", path)) == len(audit(place, "replay", path)) == 1


def test_a_session_is_made_once_and_found_at_the_same_place(client: httpx.Client) -> None:
    first, second = (
        client.post("/api/sessions", json={"mode": "shell", "title": "once only"}, headers=keyed("made"))
        for _ in range(2)
    )

    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    found = client.get("/api/sessions", params={"q": "once only"}).json()["sessions"]
    assert [session["sessionId"] for session in found] == [first.json()["sessionId"]]


def test_twins_wait_for_the_first(client: httpx.Client, place: Place) -> None:
    session_id = new_session(client)

    def send(_: int) -> Any:
        body = {"command": "echo twin"}
        return httpx.post(
            f"{place.url}/api/session/{session_id}/prompt",
            json=body,
            headers={**place.headers, **keyed("twins")},
            timeout=30,
            trust_env=False,
        ).json()

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(send, range(32)))

    assert all(answer == answers[0] for answer in answers)
    assert "turnId" in answers[0]
    assert commands(client, session_id) == ["echo twin"]


def test_a_key_stands_for_one_request(client: httpx.Client) -> None:
    session_id = new_session(client)
    path = f"/api/session/{session_id}"
    first = client.patch(path, json={"title": "one"}, headers=keyed("reused"))

    other_body = client.patch(path, json={"title": "two"}, headers=keyed("reused"))
    other_query = client.patch(f"{path}?x=1", json={"title": "one"}, headers=keyed("reused"))
    other_route = client.post("/api/sessions", json={"mode": "shell"}, headers=keyed("reused"))

    assert first.status_code == 200
    for answer in (other_body, other_query):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")
        assert answer.json()["member"] == "Idempotency-Key"
        assert answer.json()["instance"] == path
    assert other_route.status_code == 201
    assert client.get(path).json()["title"] == "one"


def test_keys_of_different_tokens_are_different(client: httpx.Client, place: Place) -> None:
    secret = client.post("/api/tokens", json={"name": "other", "scope": "full"}).json()["secret"]
    body = {"mode": "shell"}

    mine = client.post("/api/sessions", json=body, headers=keyed("theirs")).json()
    with place.client() as other:
        other.headers["Authorization"] = f"Bearer {secret}"
        theirs = other.post("/api/sessions", json=body, headers=keyed("theirs")).json()

    assert mine["sessionId"] != theirs["sessionId"]


def test_what_failed_without_effect_may_be_sent_again(client: httpx.Client) -> None:
    session_id = new_session(client)
    path = f"/api/session/{session_id}/prompt"
    long = prompt(client, session_id, "sleep 600")
    body = {"command": "echo later", "delivery": "reject"}

    refused = client.post(path, json=body, headers=keyed("again"))
    client.post(f"/api/session/{session_id}/cancel", json={"turnId": long})
    run_prompt(client, session_id, "true")
    taken = client.post(path, json=body, headers=keyed("again"))

    assert (refused.status_code, taken.status_code) == (409, 202)
    assert REPLAYED not in taken.headers


@pytest.mark.parametrize(
    "key",
    ["", "x" * 256, "two words", "a,b", "ta\tb", '"open', '"a"b', '"a";b=1', "é", '""', '"' + "x" * 256 + '"'],
)
def test_a_malformed_key_is_refused_by_name(client: httpx.Client, key: str) -> None:
    answer = client.post("/api/sessions", json={"mode": "shell"}, headers=[(b"Idempotency-Key", key.encode("latin-1"))])

    assert answer.status_code == 400, answer.text
    assert (answer.json()["code"], answer.json()["member"]) == ("invalid-parameter", "Idempotency-Key")


def test_two_keys_are_refused(client: httpx.Client) -> None:
    headers = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]

    assert client.post("/api/sessions", json={"mode": "shell"}, headers=headers).status_code == 400


def test_a_quoted_key_is_the_bare_one(client: httpx.Client) -> None:
    bare, quoted = (
        client.post("/api/sessions", json={"mode": "shell"}, headers=keyed(key)).json() for key in ("same", '"same"')
    )

    assert bare == quoted


def test_reading_ignores_a_key(client: httpx.Client) -> None:
    answers = [client.get("/api/whoami", headers=keyed(key)) for key in ("read", "read", "")]

    assert {answer.status_code for answer in answers} == {200}
    assert not any(REPLAYED in answer.headers for answer in answers)


def test_a_deletion_is_answered_the_same_once_the_session_is_gone(client: httpx.Client) -> None:
    path = f"/api/session/{new_session(client)}"

    first, second = (client.delete(path, headers=keyed("gone")) for _ in range(2))
    other = client.delete(path, headers=keyed("another"))

    assert (first.status_code, first.json()) == (200, second.json())
    assert other.status_code == 404


def test_no_secret_is_kept(client: httpx.Client, place: Place) -> None:
    made = client.post("/api/tokens", json={"name": "secret", "scope": "read"}, headers=keyed("secret"))
    again = client.post("/api/tokens", json={"name": "secret", "scope": "read"}, headers=keyed("secret"))
    code = client.post("/api/login-codes", headers=keyed("code"))
    code_again = client.post("/api/login-codes", headers=keyed("code"))

    assert (made.status_code, again.status_code, code.status_code, code_again.status_code) == (201, 409, 201, 409)
    assert again.json()["code"] == code_again.json()["code"] == "answer-gone"
    assert made.json()["token"]["tokenId"] in again.json()["detail"]
    tokens = client.get("/api/tokens").json()["tokens"]
    assert [token["name"] for token in tokens].count("secret") == 1
    for file in place.data.glob("towpath.db*"):
        content = file.read_bytes()
        assert made.json()["secret"].encode() not in content
        assert code.json()["code"].encode() not in content


def test_a_revoked_token_gets_no_answer_again(client: httpx.Client, place: Place) -> None:
    made = client.post("/api/tokens", json={"name": "short", "scope": "full"}).json()
    with place.client() as other:
        other.headers["Authorization"] = f"Bearer {made['secret']}"
        first = other.post("/api/sessions", json={"mode": "shell"}, headers=keyed("revoked"))
        client.delete(f"/api/tokens/{made['token']['tokenId']}")
        second = other.post("/api/sessions", json={"mode": "shell"}, headers=keyed("revoked"))

    assert (first.status_code, second.status_code) == (201, 401)


def test_answers_survive_a_kill(tmp_path: Path) -> None:
    place = Place(tmp_path)
    server = place.start()
    with place.client() as client:
        session_id = new_session(client)
        path = f"/api/session/{session_id}/prompt"
        first = client.post(path, json={"command": "echo x"}, headers=keyed("kept"))
    server.kill()
    with sqlite3.connect(place.data / "towpath.db") as database:
        assert database.execute("SELECT count(*) FROM receipts WHERE answer IS NOT NULL").fetchone() == (1,)

    with place.serving(), place.client() as client:
        second = client.post(path, json={"command": "echo x"}, headers=keyed("kept"))
        other = client.post(path, json={"command": "echo y"}, headers=keyed("kept"))

        assert (second.status_code, second.json()) == (202, first.json())
        assert other.status_code == 422
        assert commands(client, session_id) == ["echo x"]
