"""Every registered route and method of a real server, knocked at without a credential."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from litestar.routes import HTTPRoute

from api.app import create_litestar
from tests.processes.living import children
from tests.servers import ONE_REQUEST_EACH, Place, Server, history, new_session, run_prompt

OPEN = {
    "/",
    "/healthz",
    "/login",
    "/readyz",
    "/session/{page_id}",
    "/sessions",
    "/settings",
    "/static/{name}",
    "/terminal/{page_id}",
}
"""What GET and HEAD answer to everybody: health, and the static shell without data. All else is closed."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
CLOSED = {401, 403, 404, 405}
BODIES = {
    "/api/login": {"code": "not-a-code-that-anybody-made"},
    "/api/session/{sessionId}/prompt": {"command": "touch came-in"},
    "/api/sessions": {"mode": "shell"},
    "/api/tokens": {"name": "mine", "scope": "full"},
}
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def registered() -> dict[str, set[str]]:
    """Return the methods of every path that the application has."""
    return {
        route.path_format: set(route.methods if isinstance(route, HTTPRoute) else METHODS)
        for route in create_litestar().routes
    }


class House:
    """A server with a session that has worked, and a visitor without a credential."""

    def __init__(self, place: Place, server: Server, owner: httpx.Client, visitor: httpx.Client) -> None:
        self.visitor = visitor
        self._place = place
        self._server = server
        self._owner = owner
        self._session = new_session(owner)
        self._script = visitor.get("/").text.partition('src="/static/')[2].partition('"')[0]
        run_prompt(owner, self._session, "echo private")
        server.rest()

    def address(self, path: str) -> str:
        given = {"sessionId": self._session, "page_id": self._session, "name": self._script}
        return re.sub(r"{(\w+)}", lambda name: given.get(name[1], f"no-such-{name[1]}"), path)

    def facts(self) -> object:
        metrics = self._owner.get("/api/debug/metrics").json()
        tokens = self._owner.get("/api/tokens").json()
        inside = sorted(entry.name for entry in Path(self._place.root).iterdir())
        return metrics["eventsByType"], tokens, children(self._server.pid), inside, history(self._owner, self._session)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = Place(tmp_path_factory.mktemp("closed"))
    with (
        place.serving() as server,
        place.client() as owner,
        httpx.Client(base_url=place.url, timeout=30, trust_env=False, limits=ONE_REQUEST_EACH) as visitor,
    ):
        yield House(place, server, owner, visitor)


def test_what_is_open_is_registered() -> None:
    assert registered().keys() >= OPEN


@pytest.mark.parametrize("path", sorted(registered()))
def test_a_route_is_closed_without_a_credential(house: House, path: str) -> None:
    before = house.facts()
    for method in registered()[path] | set(METHODS):
        body = None if method in ("GET", "HEAD", "OPTIONS", "TRACE") else BODIES.get(path, {})
        answer = house.visitor.request(method, house.address(path), json=body)

        if path in OPEN and method in ("GET", "HEAD"):
            assert answer.status_code == 200, method
        else:
            assert answer.status_code in CLOSED, (method, answer.text)
        assert "private" not in answer.text
        assert "set-cookie" not in answer.headers

    assert house.facts() == before


@pytest.mark.parametrize("path", [*sorted(registered()), "/ws"])
def test_no_websocket_opens_without_a_credential(house: House, path: str) -> None:
    before = house.facts()
    answer = house.visitor.get(house.address(path), headers=HANDSHAKE)

    assert answer.status_code in ({200} if path in OPEN else CLOSED)  # a page, to whoever asks for more
    assert house.facts() == before


@pytest.mark.parametrize("path", ["/api/session/%2e%2e/", "/api//sessions", "//api/sessions", "/API/sessions", "/api/x",
                                  "/static/../api/sessions", "/static/%2e%2e/api/sessions", "/healthz/../api/sessions",
                                  "/api/sessions/", "/api/sessions;x=1", "/login/%2e%2e/api/sessions"])  # fmt: skip
def test_no_way_of_writing_a_path_opens_it(house: House, path: str) -> None:
    answer = house.visitor.get(httpx.URL(house.visitor.base_url).copy_with(raw_path=path.encode()))

    assert answer.status_code in CLOSED
    assert "private" not in answer.text
