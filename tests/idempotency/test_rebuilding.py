"""An answer that was not kept is made anew from what the request left in the log: the same one, or 409."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from litestar.routes import HTTPRoute

from api.app import create_litestar
from api.idempotency import TELLS_SECRET
from api.openapi import build_documents
from contracts.codec import decode_body
from domain.receipts import Receipts
from tests.api.stage import TOKEN, WAIT, WORKING_DIR, Stage

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
Prepare = Callable[[httpx.AsyncClient, str], Awaitable[tuple[str, str, Any]]]


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    async def forget(*_: object) -> None:
        """Keep no answer."""

    monkeypatch.setattr(Receipts, "keep", forget)
    stage = Stage()
    async with AsyncExitStack() as stack:
        await stage.open(stack)
        transport = httpx.ASGITransport(stage)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        yield await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers)
        )


async def create(_: httpx.AsyncClient, __: str) -> tuple[str, str, Any]:
    return "POST", "/api/sessions", {"mode": "shell", "title": "made"}


async def duplicate(_: httpx.AsyncClient, path: str) -> tuple[str, str, Any]:
    return "POST", f"{path.replace('/session/', '/sessions/')}/duplicate", None


async def fork(_: httpx.AsyncClient, path: str) -> tuple[str, str, Any]:
    return "POST", f"{path.replace('/session/', '/sessions/')}/fork", {}


async def project(_: httpx.AsyncClient, __: str) -> tuple[str, str, Any]:
    return "POST", "/api/projects", {"name": "new", "rootDir": WORKING_DIR}


async def submit(_: httpx.AsyncClient, path: str) -> tuple[str, str, Any]:
    return "POST", f"{path}/prompt", {"command": WAIT}


async def queue(client: httpx.AsyncClient, path: str) -> tuple[str, str, Any]:
    await client.post(f"{path}/prompt", json={"command": WAIT})
    return "POST", f"{path}/prompt", {"command": "queued"}


async def cancel(client: httpx.AsyncClient, path: str) -> tuple[str, str, Any]:
    await client.post(f"{path}/prompt", json={"command": WAIT})
    queued = await client.post(f"{path}/prompt", json={"command": "queued"})
    return "POST", f"{path}/cancel", {"turnId": queued.json()["turnId"]}


async def rename(_: httpx.AsyncClient, path: str) -> tuple[str, str, Any]:
    return "PATCH", path, {"title": "renamed"}


async def remove(_: httpx.AsyncClient, path: str) -> tuple[str, str, Any]:
    return "DELETE", path, None


async def revoke(client: httpx.AsyncClient, _: str) -> tuple[str, str, Any]:
    made = await client.post("/api/tokens", json={"name": "old", "scope": "read"})
    return "DELETE", f"/api/tokens/{made.json()['token']['tokenId']}", None


@pytest.mark.parametrize("prepare", [create, duplicate, fork, project, submit, queue, cancel, rename, remove, revoke])
async def test_the_answer_is_the_same(client: httpx.AsyncClient, prepare: Prepare) -> None:
    session = (await client.post("/api/sessions", json={"mode": "shell"})).json()
    method, path, body = await prepare(client, f"/api/session/{session['sessionId']}")

    first, second = [await client.request(method, path, json=body, headers=KEY) for _ in range(2)]

    assert first.is_success, first.text
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.headers.get("location") == first.headers.get("location")
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["idempotency-replayed"] == "true"


async def test_what_can_not_be_known_is_not_made_up(client: httpx.AsyncClient) -> None:
    session_id = (await client.post("/api/sessions", json={"mode": "shell"})).json()["sessionId"]
    path = f"/api/session/{session_id}"
    await client.patch(path, json={"title": "first"}, headers=KEY)
    await client.delete(path)

    gone = await client.patch(path, json={"title": "first"}, headers=KEY)

    assert (gone.status_code, gone.json()["code"]) == (409, "answer-gone")
    assert session_id in gone.json()["detail"]


async def test_of_operations_only_their_plan_is_named_which_knows_what_was_done(client: httpx.AsyncClient) -> None:
    session_id = (await client.post("/api/sessions", json={"mode": "shell"})).json()["sessionId"]
    path = f"/api/session/{session_id}"
    body = {"response": '<write path="a">x</write>'}
    first = await client.post(f"{path}/operations/preview", json=body, headers=KEY)

    gone = await client.post(f"{path}/operations/preview", json=body, headers=KEY)

    assert (gone.status_code, gone.json()["code"]) == (409, "answer-gone")
    assert first.json()["planId"] in gone.json()["detail"]
    assert "was done when" not in gone.json()["detail"]


def test_every_answer_that_holds_a_secret_is_marked() -> None:
    app = create_litestar()
    document = decode_body(build_documents(app)["openapi.json"])
    secrets = {
        name
        for name, schema in document["components"]["schemas"].items()
        if schema.get("properties", {}).keys() & {"secret", "code", "password"} and name != "Problem"
    }
    marked = {
        handler.operation_id
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if TELLS_SECRET in handler.opt
    }

    telling = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        for media in answer.get("content", {}).values()
        if status < "400" and media["schema"].get("$ref", "").rpartition("/")[2] in secrets
    }

    assert telling
    assert telling == marked
