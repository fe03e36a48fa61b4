"""What a client is told of a body or a parameter that can't be meant: in words, the member named."""

from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from anyio import fail_after

from tests.api.stage import TOKEN, Stage

AUTH = {"Authorization": f"Bearer {TOKEN}"}
PROMPT = "/api/session/{}/prompt"
JARGON = ("Expected", "`str", "`int", "`array", "`object", "enum", "regex", "field")


async def refused(method: str, path: str, **options: Any) -> tuple[str, str]:
    """Return what is said to be wrong, and with which member."""
    stage = Stage()
    with fail_after(20):
        async with AsyncExitStack() as stack:
            await stage.open(stack)
            client = httpx.AsyncClient(transport=httpx.ASGITransport(stage), base_url="http://testserver", headers=AUTH)
            answer = await client.request(method, path.format(stage.session_ids[0]), **options)
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (400, 400), problem
    assert not [word for word in JARGON if word in problem["detail"]], problem["detail"]
    return problem["detail"], problem["member"]


@pytest.mark.parametrize(
    ("body", "detail", "member"),
    [
        ({"command": None}, "`command` must be text, not null.", "$.command"),
        ({"command": 3}, "`command` must be text, not a whole number.", "$.command"),
        ({"command": {}}, "`command` must be text, not an object.", "$.command"),
        ({"command": ""}, "The prompt is empty, or it holds a NUL character.", "$.command"),
        ({}, "The body lacks `command`.", "$.command"),
        ({"command": "a", "comand": 1}, "The body can't have `comand`; /docs lists what it can have.", "$.comand"),
        ({"command": "a", "a - b": 1}, "The body can't have `a`; /docs lists what it can have.", "$.a"),
        ([], "The body must be an object, not a list.", "$"),
        ({"command": "a", "context": {}}, "`context` must be a list, not an object.", "$.context"),
        ({"command": "a", "context": [{"path": "x"}] * 65}, "`context` must have at most 64 items.", "$.context"),
        (
            {"command": "a", "context": [{"path": ""}]},
            "`context[0].path` must have at least 1 character.",
            "$.context[0].path",
        ),
        (
            {"command": "a", "context": [{"pat": ""}]},
            "`context[0]` can't have `pat`; /docs lists what it can have.",
            "$.context[0].pat",
        ),
        (
            {"command": "a", "context": [{"name": "x"}]},
            "Give either `path`, or `name` and `text`, or `blobId`.",
            "$.context[0]",
        ),
        ({"command": "a", "delivery": "x"}, "`delivery` can't be 'x'; /docs lists what it can be.", "$.delivery"),
    ],
)
async def test_a_body_s_fault_is_told_in_words(body: Any, detail: str, member: str) -> None:
    assert await refused("POST", PROMPT, json=body) == (detail, member)


async def test_a_member_that_may_be_null_is_told_so() -> None:
    detail, member = await refused("PATCH", "/api/session/{}", json={"title": 1})

    assert (detail, member) == ("`title` must be text or null, not a whole number.", "$.title")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=x", "`limit` must be a whole number."),
        ("limit=0", "`limit` must be at least 1."),
        ("limit=1001", "`limit` must be at most 1000."),
        ("archived=perhaps", "`archived` can't be 'perhaps'; /docs lists what it can be."),
    ],
)
async def test_a_parameter_s_fault_is_told_in_words(query: str, detail: str) -> None:
    assert await refused("GET", f"/api/sessions?{query}") == (detail, query.partition("=")[0])


async def test_a_parameter_is_named_as_clients_name_it() -> None:
    told = await refused("GET", "/api/session/{}/export?format=x")

    assert told == ("`format` can't be 'x'; /docs lists what it can be.", "format")
