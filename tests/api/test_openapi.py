"""The published documents: fresh, valid, complete, and true of what streams carry."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.routes import HTTPRoute
from openapi_spec_validator import validate

from api import sse
from api.app import create_litestar
from api.gates import PUBLIC_ROUTES
from api.openapi import build_documents
from api.reference import event_reference, settings_reference
from contracts import catalog
from contracts.codec import decode_event, encode
from contracts.events import SessionEvent, StreamFrame
from contracts.terminals import TerminalFrame
from domain.ids import SessionId
from domain.ports import Recorded
from tests.factories import make
from tests.node_tools import FOLDER, run_node
from tests.schemas import validator

ROOT = Path(__file__).parents[2]
APP = create_litestar()
BUILT = build_documents(APP)
CANONICAL = msgspec.json.decode(BUILT["openapi-3.2.json"])
COMPONENTS = CANONICAL["components"]["schemas"]
STREAMS = ("/api/session/{sessionId}/events", "/api/events")
TERMINAL_STREAM = "/api/terminal/{terminalId}/events"
CURSOR = "k7wq2mzr5tdn4.17"

a_few_seeds = settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in CANONICAL["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def media_of(path: str) -> dict[str, Any]:
    media: dict[str, Any] = CANONICAL["paths"][path]["get"]["responses"]["200"]["content"]["text/event-stream"]
    return media


def fields_of(block: bytes) -> dict[str, str]:
    assert block.endswith(b"\n\n")
    return dict(line.split(": ", 1) for line in block.decode()[:-2].split("\n"))


@pytest.mark.parametrize("name", BUILT)
def test_a_document_is_fresh(name: str) -> None:
    assert (ROOT / "openapi" / name).read_bytes() == BUILT[name], "run make openapi and commit what it writes"


def test_the_event_reference_is_fresh() -> None:
    samples = {path.stem: path.read_bytes() for path in (ROOT / "openapi" / "examples").glob("*.json")}

    assert (ROOT / "docs" / "events.md").read_text() == event_reference(samples)


def test_the_page_of_settings_is_fresh() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings_reference()


def test_the_same_application_makes_the_same_documents() -> None:
    assert build_documents(create_litestar()) == build_documents(APP) == BUILT


@pytest.mark.parametrize("name", BUILT)
def test_a_document_is_valid_openapi(name: str) -> None:
    validate(msgspec.json.decode(BUILT[name]))


@pytest.mark.parametrize(
    ("name", "rules"), [("openapi.json", "redocly.yaml"), ("openapi-3.2.json", "redocly32.yaml")], ids=["3.1", "3.2"]
)
def test_a_document_passes_the_linter(name: str, rules: str) -> None:
    linter = FOLDER / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js"

    linted = run_node(linter, "lint", "--config", rules, name, cwd=ROOT / "openapi")

    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_every_route_is_published_save_the_pages() -> None:
    published = {(method, path) for method, path, _ in operations()}
    served = {
        (str(method), route.path_format)
        for route in APP.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS"
    }

    hidden = {path for _, path in served - published}
    pages = {"/", "/login", "/sessions", "/session/{page_id}", "/terminal/{page_id}", "/settings"}
    assert hidden == {*pages, "/static/{name}"}
    assert published <= served


def test_what_needs_no_credential_is_what_the_gates_let_through() -> None:
    public = {(method, path) for method, path, operation in operations() if operation.get("security") == []}

    assert public == {route for route in PUBLIC_ROUTES if route[1] in CANONICAL["paths"]}


def test_every_operation_can_succeed_or_leads_on() -> None:
    for method, path, operation in operations():
        assert any(status < ("400" if path.startswith("/claude/") else "300") for status in operation["responses"]), (
            method,
            path,
        )


def test_every_failure_is_a_problem() -> None:
    kinds = {
        tuple(answer["content"])
        for _, _, operation in operations()
        for status, answer in operation["responses"].items()
        if status >= "400"
    }

    assert kinds == {("application/problem+json",)}


def test_a_body_is_required_unless_the_handler_does_without() -> None:
    optional = {
        operation["operationId"]
        for _, _, operation in operations()
        if not operation.get("requestBody", {"required": True})["required"]
    }
    handlers = (handler for route in APP.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers)

    assert optional == {
        handler.operation_id
        for handler in handlers
        if (data := handler.parsed_fn_signature.parameters.get("data")) and data.has_default
    }
    assert "cancelTurn" in optional


def test_no_parameter_may_be_null() -> None:
    assert not re.search(rb'"null"', encode([operation.get("parameters") for _, _, operation in operations()]))


def test_generators_are_told_the_payload_of_a_stream() -> None:
    document = msgspec.json.decode(BUILT["openapi.json"])

    for path, union in zip(
        (*STREAMS, TERMINAL_STREAM), ("SessionStreamItem", "StreamItem", "TerminalStreamItem"), strict=True
    ):
        media = document["paths"][path]["get"]["responses"]["200"]["content"]["text/event-stream"]
        assert media == {"schema": {"$ref": catalog.REFERENCE + union}}
    assert b"itemSchema" not in BUILT["openapi.json"]


@pytest.mark.parametrize("name", [str(event.__struct_config__.tag) for event in get_args(SessionEvent)])
def test_an_event_goes_over_a_stream_as_published_and_comes_back_equal(name: str) -> None:
    items = [validator(media_of(path)["itemSchema"], COMPONENTS) for path in STREAMS]
    payloads = validator(media_of(STREAMS[0])["x-payload-schema"], COMPONENTS)

    @a_few_seeds
    @given(seed=st.integers(0, 2**32 - 1))
    def check(seed: int) -> None:
        event: Any = make(catalog.EVENTS[name], seed=seed)
        recorded = Recorded(SessionId(event.session_id), event.seq, event.seq, name, encode(event))

        block = fields_of(sse.session_frames(b"k7wq2mzr5tdn4", [recorded]))

        for item in items:
            item.validate(block)
        payloads.validate(msgspec.json.decode(block["data"]))
        assert decode_event(block["data"]) == event

    check()


@pytest.mark.parametrize("name", catalog.FRAMES)
def test_a_frame_goes_over_a_stream_as_published(name: str) -> None:
    streams = (STREAMS[1] if name.startswith("terminal-") else STREAMS[0], TERMINAL_STREAM)
    items = [validator(media_of(path)["itemSchema"], COMPONENTS) for path in streams]

    @a_few_seeds
    @given(seed=st.integers(0, 2**32 - 1))
    def check(seed: int) -> None:
        built: Any = make(catalog.FRAMES[name], seed=seed)
        block = fields_of(sse.frame(built, CURSOR))

        for item in items:
            item.validate(block)
        assert msgspec.json.decode(block["data"], type=StreamFrame | TerminalFrame) == built

    check()


@pytest.mark.parametrize(
    "block",
    [
        {"event": "turn-begun", "id": CURSOR, "data": "{}"},
        {"event": "caught-up", "id": "17", "data": '{"type":"caught-up","cursor":"k7wq2mzr5tdn4.17"}'},
        {"event": "caught-up", "data": '{"type":"caught-up","cursor":"k7wq2mzr5tdn4.17"}'},
    ],
    ids=["unknown", "no-cursor", "no-id"],
)
def test_a_wrong_block_does_not_fit(block: dict[str, str]) -> None:
    assert not validator(media_of(STREAMS[0])["itemSchema"], COMPONENTS).is_valid(block)
