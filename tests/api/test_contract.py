"""Schemathesis over the published 3.2 document, in process: every operation, every check, workflows, streams."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.python.asgi import get_client, shutdown_lifespans
from typing_extensions import override

from api import sse
from contracts import catalog
from domain.ids import is_identifier
from tests.api.stage import TOKEN, WORKING_DIR, Stage
from tests.schemas import validator

AUTH = {"Authorization": f"Bearer {TOKEN}"}
CONFIG = {
    "auth": {"openapi": {"bearerAuth": {"bearer": TOKEN}}},
    "generation": {"mode": "all", "max-examples": 15, "deterministic": True, "database": "none"},
    "operations": [
        {"include-path-regex": "/events$", "max-stream-events": 8, "request-timeout": 1.0},
        # without a credential, only the server's own pages may send this
        {"include-path": "/api/login", "headers": {"Origin": "http://testserver"}},
        # whatever is asked there is asked elsewhere
        {
            "include-path-regex": "^/claude/",
            "checks": {"positive_data_acceptance": {"expected-statuses": ["308"]}},
        },
    ],
    "checks": {
        # a mode or a directory that does not exist is well formed, and no schema knows those that do
        "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "422"]},
        # a prompt over the limit is too large, as a body is
        "negative_data_rejection": {
            "expected-statuses": ["400", "401", "403", "404", "405", "409", "413", "415", "422"]
        },
    },
}
COMPONENTS = catalog.components()
MODE, PATH = (validator(COMPONENTS["CreateSession"]["properties"][name], {}) for name in ("mode", "workingDir"))
SECRET = validator(COMPONENTS["Login"]["oneOf"][1]["properties"]["token"], {})
KNOWN = {
    "createSession": {"mode": (MODE, "shell"), "workingDir": (PATH, WORKING_DIR)},
    "moveSession": {"workingDir": (PATH, WORKING_DIR)},
    "openTerminal": {"mode": (MODE, "shell"), "workingDir": (PATH, WORKING_DIR)},
    "createProject": {"rootDir": (PATH, WORKING_DIR)},
    "updateProject": {"rootDir": (PATH, WORKING_DIR)},
    "logIn": {"token": (SECRET, TOKEN)},
}
STAGE = Stage()
SCHEMA = schemathesis.openapi.from_asgi(
    "/schema/openapi-3.2.json",
    STAGE,
    config=SchemathesisConfig.from_dict(CONFIG),
    headers=AUTH,
)


def restart() -> None:
    shutdown_lifespans()
    SCHEMA["/healthz"]["GET"].Case().call()


@SCHEMA.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    """Let most well-formed ids be of what exists, so that more than a 404 is tried."""
    project_id = str((path_parameters or {}).get("projectId", ""))
    if context.operation.method != "delete" and is_identifier(project_id) and len(project_id) % 4:
        return {**path_parameters, "projectId": STAGE.project_id}
    if str((path_parameters or {}).get("mode", "")).isalpha():
        return {**path_parameters, "mode": "writer"}
    terminal_id = str((path_parameters or {}).get("terminalId", ""))
    if context.operation.method != "delete" and is_identifier(terminal_id) and len(terminal_id) % 4:
        return {**path_parameters, "terminalId": STAGE.terminal_ids[len(terminal_id) % 2]}
    session_id = str((path_parameters or {}).get("sessionId", ""))
    if context.operation.method != "delete" and is_identifier(session_id) and len(session_id) % 4:
        known = {"sessionId": STAGE.session_ids[len(session_id) % 3]}
        if is_identifier(str(path_parameters.get("blobId", ""))):
            known = {"sessionId": STAGE.session_ids[0], "blobId": STAGE.blob_id}
        if is_identifier(str(path_parameters.get("approvalId", ""))):
            known = {"sessionId": STAGE.asking_id, "approvalId": STAGE.approval_id}
        return {**path_parameters, **known}
    return path_parameters


@SCHEMA.hook
def map_body(context: Any, body: Any) -> Any:
    """Let most well-formed modes, directories and tokens be those that exist, and so be taken."""
    known = KNOWN.get(context.operation.definition.raw.get("operationId"), {})
    if not isinstance(body, dict):
        return body
    return body | {
        name: value
        for name, (fits, value) in known.items()
        if name in body and fits.is_valid(body[name]) and len(body[name]) % 4
    }


@SCHEMA.parametrize()
def test_operation(case: Any) -> None:
    case.call_and_validate()


SEEDS, RUNS = 16, 5


class Workflow(SCHEMA.as_state_machine()):  # type: ignore[misc]
    """Follows what one answer says to the next request; every run begins with a new server."""

    @override
    def setup(self) -> None:
        restart()


def test_workflows() -> None:
    # What can be asked next depends on earlier answers, and those on how far a turn has come. Hypothesis gives up where
    # the same beginning goes on otherwise: so it gets many seeds with few runs each, and may give up on some. A failure
    # is told at once, not shrunk, so that it can't end as that.
    order = settings(
        max_examples=RUNS,
        stateful_step_count=8,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    given_up = 0
    for number in range(SEEDS):
        try:
            seed(number)(Workflow).run(settings=order)
        except FlakyStrategyDefinition:
            given_up += 1
    assert given_up <= SEEDS // 4


# What a stream may not carry: each makes a wrong block out of a right one.
FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "member": lambda block: block.replace(b'"seq":', b'"seq":"x","was":'),
    "event": lambda block: block.replace(b"event: session-created", b"event: session-made"),
    "id": lambda block: re.sub(rb"id: \S+", b"id: 17", block),
    "mismatch": lambda block: block.replace(b"event: session-created", b"event: session-error"),
}


@pytest.fixture
def fresh() -> Iterator[None]:
    restart()
    yield
    restart()


def replay() -> Any:
    return SCHEMA["/api/session/{sessionId}/events"]["GET"].Case(
        path_parameters={"sessionId": STAGE.session_ids[0]}, query={"after": "0", "follow": "false"}, headers=AUTH
    )


@pytest.mark.usefixtures("fresh")
def test_a_replay_passes() -> None:
    answer = replay().call_and_validate()

    assert answer.content.count(b"\nevent: ") > 5


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_block_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = sse.session_frames
    monkeypatch.setattr(sse, "session_frames", lambda epoch, events: FAULTS[fault](right(epoch, events)))

    with pytest.raises(FailureGroup, match="SSE"):
        replay().call_and_validate()


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/api/sessions", "GET, OPTIONS, POST"), ("/api/session/12345678", "DELETE, GET, OPTIONS, PATCH")],
    ids=["list", "one"],
)
def test_options_lists_every_method_of_an_address(path: str, methods: str) -> None:
    assert get_client(STAGE).options(path, headers=AUTH).headers["allow"] == methods
