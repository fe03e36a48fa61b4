"""The documents as they are served, and the page that shows them."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from api.app import create_litestar
from api.openapi import build_documents

APP = create_litestar()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with TestClient(APP) as client:
        yield client


@pytest.mark.parametrize("name", ["openapi.json", "openapi-3.2.json"])
def test_a_document_is_served_as_it_is_committed(client: Any, name: str) -> None:
    answer = client.get(f"/schema/{name}")

    assert answer.json() == msgspec.json.decode(build_documents(APP)[name])


def test_the_page_is_made_of_the_servers_own_files(client: Any) -> None:
    page = client.get("/docs")
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert page.headers["content-type"].startswith("text/html")
    assert sorted(sources) == ["/docs/start.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "data:,"]
    assert all(client.get(source).status_code == 200 for source in sources if source.startswith("/"))
    assert '"/schema/openapi.json"' in client.get("/docs/start.js").text


@pytest.mark.parametrize("path", ["/docs", "/docs/start.js", "/login"])
def test_the_charset_is_said_once(client: Any, path: str) -> None:
    assert client.get(path).headers["content-type"].count("charset=utf-8") == 1


def test_the_page_lets_no_foreign_or_inline_script_run(client: Any) -> None:
    page = client.get("/docs")
    policy = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))

    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert not re.search(r"<script>|\son\w+=", page.text)


def test_swagger_ui_is_new_enough_for_openapi_3_1(client: Any) -> None:
    bundle = client.get("/docs/swagger-ui-bundle.js").text

    assert re.search(r'PACKAGE_VERSION:"5\.\d+\.\d+"|"5\.\d{2}\.\d+"', bundle)


@pytest.mark.parametrize("path", ["/schema", "/schema/swagger", "/schema/openapi.yaml", "/docs/nothing.js"])
def test_pages_of_the_framework_are_gone(client: Any, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
