"""Bodies sent ahead of their prompts, to a real server: kept whole, bounded, and in the session that was given them."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers import Place, history, new_session

MOST = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(
        tmp_path_factory.mktemp("uploads"),
        TOWPATH_BLOB_BYTES=str(MOST),
        TOWPATH_UPLOADS_BYTES=str(2 * MOST),
    )
    with made.serving():
        yield made


@pytest.fixture
def client(place: Place) -> Iterator[httpx.Client]:
    with place.client() as made:
        yield made


def upload(client: httpx.Client, data: bytes, **members: str) -> httpx.Response:
    return client.post("/api/blobs", json={"data": base64.b64encode(data).decode(), **members})


def test_a_prompt_takes_a_body_into_its_session(client: httpx.Client) -> None:
    data = os.urandom(MOST)
    session_id = new_session(client)

    kept = upload(client, data, name="noise.bin", mediaType="application/octet-stream")
    blob_id = kept.json()["blobId"]
    answer = client.post(
        f"/api/session/{session_id}/prompt", json={"command": "true", "context": [{"blobId": blob_id}]}
    )
    body = client.get(f"/api/session/{session_id}/blobs/{blob_id}")

    assert (kept.status_code, kept.json()) == (201, {"success": True, "blobId": blob_id, "bytes": MOST})
    assert answer.status_code == 202, answer.text
    assert body.content == data
    (sent,) = [event for event in history(client, session_id) if event["type"] == "command-sent"]
    assert sent["context"] == [
        {"name": "noise.bin", "blobId": blob_id, "bytes": MOST, "mediaType": "application/octet-stream"}
    ]


def test_an_unknown_body_is_refused_by_name(client: httpx.Client) -> None:
    session_id = new_session(client)

    answer = client.post(
        f"/api/session/{session_id}/prompt",
        json={"command": "true", "context": [{"name": "a", "text": "b"}, {"blobId": "never_there"}]},
    )

    assert answer.status_code == 422
    assert answer.json()["member"] == "$.context[1].blobId"
    assert not any(event["type"] == "command-sent" for event in history(client, session_id))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"data": "YQ"},
        {"data": "Y Q=="},
        {"data": "_-8="},
        {"data": 1},
        {"data": None},
        {"data": "YQ==", "name": ""},
        {"data": "YQ==", "name": "a\nb"},
        {"data": "YQ==", "mediaType": "text"},
        {"data": "YQ==", "mediaType": "text/html\r\nX: y"},
        {"data": "YQ==", "more": 1},
    ],
)
def test_what_is_no_body_is_refused(client: httpx.Client, members: dict[str, object]) -> None:
    answer = client.post("/api/blobs", json=members)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-body")


def test_a_body_over_the_limit_is_refused_and_the_server_goes_on(client: httpx.Client, place: Place) -> None:
    above = upload(client, b"x" * (MOST + 1))
    with place.client() as other:
        far_above = upload(other, b"x" * (2 * MOST))

    assert (above.status_code, above.json()["code"]) == (413, "body-too-large")
    assert (far_above.status_code, far_above.json()["code"]) == (413, "body-too-large")
    assert client.get("/healthz").status_code == 200


def test_bodies_have_so_much_room_together(client: httpx.Client) -> None:
    answers = [upload(client, b"x" * MOST).status_code for _ in range(3)]

    assert answers[-1] == 429
    assert upload(client, b"").status_code == 201


def test_an_upload_outlives_a_kill(tmp_path: Path) -> None:
    place = Place(tmp_path)
    server = place.start()
    with place.client() as client:
        session_id, blob_id = new_session(client), upload(client, b"kept").json()["blobId"]
    server.kill()

    with place.serving(), place.client() as client:
        command = {"command": "true", "context": [{"blobId": blob_id}]}
        assert client.post(f"/api/session/{session_id}/prompt", json=command).status_code == 202
        assert client.get(f"/api/session/{session_id}/blobs/{blob_id}").content == b"kept"


def test_a_token_of_one_session_or_for_reading_sends_no_bodies(client: httpx.Client, place: Place) -> None:
    session_id = new_session(client)
    for order, status in (
        ({"name": "a", "scope": "read"}, 403),
        ({"name": "b", "scope": "session", "sessionId": session_id}, 404),
    ):
        secret = client.post("/api/tokens", json=order).json()["secret"]
        with place.client() as other:
            other.headers["Authorization"] = f"Bearer {secret}"
            assert upload(other, b"x").status_code == status
