from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.di import Provide

from api.gates import Gates
from api.hosts import HostRules
from api.parameters import StrictRequest
from api.problems import answer
from api.routes import access
from api.services import Services
from infrastructure.datadir import DataDir
from tests.access.stage import CLAUDE_SESSION, Door

ORIGIN = "http://127.0.0.1:8780"
PUBLIC = "https://towpath.example.org"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with closing(DataDir(tmp_path)) as data_dir:
        yield Door(data_dir)


@pytest.fixture
async def gates(door: Door) -> Gates:
    unused: Any = None
    services = Services(
        doorkeeper=door.keeper,
        audit=door.audit,
        live=unused,
        reading=unused,
        contexts=unused,
        copies=unused,
        projects=unused,
        places=unused,
        plans=unused,
        exports=unused,
        approvals=unused,
        rules=unused,
        streams=unused,
        launcher=unused,
        metrics=unused,
        legacy=unused,
        receipts=unused,
        uploads=unused,
        terminals=unused,
        terminal_sources=unused,
        screens=unused,
    )
    return Gates(
        Litestar(
            access.ROUTES,
            dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
            exception_handlers={Exception: answer},
            request_class=StrictRequest,
            openapi_config=None,
        ),
        hosts=HostRules(bind_host="127.0.0.1", public_urls=(PUBLIC,), allowed_hosts=(), trusted_proxies=()),
        doorkeeper=door.keeper,
        audit=door.audit,
        port=8780,
    )


def client_of(gates: Gates, base_url: str = ORIGIN, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(gates, client=("127.0.0.1", 50000))
    return httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)


@pytest.fixture
async def browser(gates: Gates) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(gates, origin=ORIGIN) as client:
        yield client


@pytest.fixture
async def program(gates: Gates, door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(gates, authorization=f"Bearer {door.owner}") as client:
        yield client


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["instance"] == response.url.path
    return response.status_code, response.json()["code"]


async def test_a_browser_logs_in_by_code_and_out_again(browser: httpx.AsyncClient, program: httpx.AsyncClient) -> None:
    assert problem(await browser.get("/api/whoami")) == (401, "unauthorized")
    made = (await program.post("/api/login-codes")).json()

    login = await browser.post("/api/login", json={"code": made["code"]})

    assert (login.status_code, login.json()["name"]) == (200, "owner")
    cookie = login.headers["set-cookie"]
    assert cookie.startswith("towpath-8780=")
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {
        "httponly",
        "path=/",
        "samesite=strict",
        "max-age=2592000",
    }
    assert (await browser.get("/api/whoami")).json()["tokenId"] == "owner_token"
    assert problem(await browser.post("/api/login", json={"code": made["code"]})) == (401, "unauthorized")

    stolen = dict(browser.cookies)
    logout = await browser.post("/api/logout")

    assert logout.json() == {"success": True}
    assert dict(browser.cookies) == {}
    browser.cookies.update(stolen)
    assert problem(await browser.get("/api/whoami")) == (401, "unauthorized")


async def test_a_login_gets_a_secret_of_its_own_whatever_cookie_was_there(
    browser: httpx.AsyncClient, door: Door
) -> None:
    browser.cookies.set("towpath-8780", "planted", domain="127.0.0.1", path="/")

    await browser.post("/api/login", json={"token": door.owner})

    assert "planted" not in [cookie.value for cookie in browser.cookies.jar]
    assert (await browser.get("/api/whoami")).status_code == 200


async def test_behind_a_public_url_the_cookie_is_bound_to_tls(gates: Gates, door: Door) -> None:
    async with client_of(gates, PUBLIC, origin=PUBLIC) as client:
        login = await client.post("/api/login", json={"token": door.owner})
        assert (await client.get("/api/whoami")).status_code == 200

    cookie = login.headers["set-cookie"]
    assert cookie.startswith("__Host-towpath-8780=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


async def test_a_wrong_login_is_refused_and_after_ten_put_off(browser: httpx.AsyncClient, door: Door) -> None:
    answers = [problem(await browser.post("/api/login", json={"code": "wrong"})) for _ in range(11)]
    last = await browser.post("/api/login", json={"token": "wrong"})

    assert answers == [(401, "unauthorized")] * 10 + [(429, "too-many-attempts")]
    assert last.headers["retry-after"] == "60"
    assert (await browser.post("/api/login", json={"token": door.owner})).status_code == 200


async def test_a_token_in_a_url_opens_nothing(gates: Gates, door: Door) -> None:
    async with client_of(gates) as client:
        for name in ("token", "access_token", "authorization", "code"):
            assert problem(await client.get("/api/whoami", params={name: door.owner})) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "invalid-body"),
        (b'{"code": "a", "token": "b"}', "invalid-body"),
        (b'{"code": 5}', "invalid-body"),
        (b'{"code": "a", "next": "/"}', "invalid-body"),
        (b'{"code": ""}', "invalid-body"),
        (b"[]", "invalid-body"),
        (b"\xff", "invalid-body"),
        (b"[" * 100_000, "invalid-body"),
    ],
)
async def test_a_login_that_makes_no_sense_is_a_bad_request(browser: httpx.AsyncClient, body: bytes, code: str) -> None:
    response = await browser.post("/api/login", content=body, headers={"content-type": "application/json"})

    assert problem(response) == (400, code)


async def test_tokens_are_made_listed_used_and_revoked(program: httpx.AsyncClient, gates: Gates) -> None:
    made = (await program.post("/api/tokens", json={"name": "CI", "scope": "read"})).json()
    listed = (await program.get("/api/tokens")).json()

    assert listed == {"tokens": [made["token"]]}
    async with client_of(gates, authorization=f"Bearer {made['secret']}") as reader:
        assert (await reader.get("/api/whoami")).json()["scope"] == "read"
        assert problem(await reader.post("/api/tokens", json={"name": "more", "scope": "full"})) == (
            403,
            "insufficient-scope",
        )
        assert problem(await reader.post("/api/login-codes")) == (403, "insufficient-scope")

        revoked = await program.delete(f"/api/tokens/{made['token']['tokenId']}")

        assert revoked.json().items() >= {"success": True, "tokenId": made["token"]["tokenId"]}.items()
        assert problem(await reader.get("/api/whoami")) == (401, "unauthorized")
    assert (await program.get("/api/tokens")).json() == {"tokens": []}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"name": "a", "scope": "all"}, (400, "invalid-body")),
        ({"name": "", "scope": "full"}, (400, "invalid-body")),
        ({"name": "a\nb", "scope": "full"}, (400, "invalid-body")),
        ({"name": "a", "scope": "session"}, (400, "invalid-body")),
        ({"name": "a", "scope": "full", "sessionId": CLAUDE_SESSION}, (400, "invalid-body")),
        ({"name": "a", "scope": "session", "sessionId": "never_there"}, (404, "session-not-found")),
        ({"name": "a", "scope": "session", "sessionId": "../x"}, (400, "invalid-body")),
    ],
)
async def test_a_token_that_makes_no_sense_is_not_made(
    program: httpx.AsyncClient, order: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert problem(await program.post("/api/tokens", json=order)) == expected
    assert (await program.get("/api/tokens")).json() == {"tokens": []}


async def test_an_unknown_token_is_not_found_and_a_malformed_id_is_said_to_be_one(program: httpx.AsyncClient) -> None:
    assert problem(await program.delete("/api/tokens/never_there")) == (404, "token-not-found")
    assert problem(await program.delete("/api/tokens/x")) == (400, "invalid-id")


async def test_a_token_of_one_session_knows_who_it_is_and_of_no_tokens(
    program: httpx.AsyncClient, gates: Gates
) -> None:
    order = {"name": "bot", "scope": "session", "sessionId": CLAUDE_SESSION}
    secret = (await program.post("/api/tokens", json=order)).json()["secret"]

    async with client_of(gates, authorization=f"Bearer {secret}") as bot:
        assert (await bot.get("/api/whoami")).json()["sessionId"] == CLAUDE_SESSION
        assert problem(await bot.get("/api/tokens")) == (404, "not-found")
        assert problem(await bot.post("/api/login-codes")) == (404, "not-found")


async def test_every_answer_stays_out_of_caches_and_frames(browser: httpx.AsyncClient, door: Door) -> None:
    for response in (
        await browser.post("/api/login", json={"token": door.owner}),
        await browser.get("/api/whoami"),
        await browser.get("/api/nothing"),
    ):
        assert response.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
