"""What becomes of events that the old server did not know, and of texts too large for one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from api.legacy.bridge import CLOSINGS, GOING_AWAY, MOVED, UNSUPPORTED
from api.legacy.messages import ACTIONS, KNOWN_TYPES, WHOLE_BYTES
from api.legacy.policy import CHAT_PATH, client_kind
from contracts.codec import encode
from contracts.events import ApprovalOption, ApprovalRequest, LargeBody, OperationsDetected, WriteOperation
from contracts.legacy import LegacyNotice
from domain.ids import SessionId
from domain.ports import Blob
from tests.api.stage import TOKEN, Stage

SECONDS = 5


class Socket:
    """A WebSocket to an application in memory."""

    def __init__(self) -> None:
        self.into, self.incoming = anyio.create_memory_object_stream[Any](100)
        self.outgoing, self.out = anyio.create_memory_object_stream[Any](1000)

    async def say(self, **message: Any) -> None:
        await self.into.send({"type": "websocket.receive", "text": json.dumps(message)})

    async def hear(self, type_: str) -> Any:
        with anyio.fail_after(SECONDS):
            while True:
                message = await self.out.receive()
                if message["type"] == "websocket.send" and (said := json.loads(message["text"]))["type"] == type_:
                    return said

    async def closed(self) -> int:
        """Return the code with which it was closed."""
        with anyio.fail_after(SECONDS):
            while (message := await self.out.receive())["type"] != "websocket.close":
                pass
        return int(message["code"])

    async def run(self, app: Any) -> None:
        headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {TOKEN}".encode())]
        scope = {
            "type": "websocket",
            "scheme": "ws",
            "path": CHAT_PATH,
            "raw_path": CHAT_PATH.encode(),
            "query_string": b"",
            "root_path": "",
            "client": ("127.0.0.1", 50000),
            "headers": headers,
            "subprotocols": [],
            "extensions": {},
        }
        await app(scope, self.incoming.receive, self.outgoing.send)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage(legacy="bridge")
    into, incoming = anyio.create_memory_object_stream[Any](2)
    outgoing, out = anyio.create_memory_object_stream[Any](2)
    with into, incoming, outgoing, out:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage, {"type": "lifespan"}, incoming.receive, outgoing.send)
            await into.send({"type": "lifespan.startup"})
            await out.receive()
            yield stage
            await into.send({"type": "lifespan.shutdown"})


@asynccontextmanager
async def subscribed(stage: Stage, session_id: str) -> AsyncIterator[Socket]:
    socket = Socket()
    with socket.into, socket.out, socket.incoming, socket.outgoing:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(socket.run, stage)
            await socket.into.send({"type": "websocket.connect"})
            await socket.say(type="subscribe", sessionId=session_id)
            await socket.hear("subscribed")
            yield socket
            await socket.into.send({"type": "websocket.disconnect", "code": 1000})


async def append(stage: Stage, session_id: str, event: Any, *blobs: Blob) -> None:
    """Record an event that no agent here makes."""
    head = await stage.core.log.head(SessionId(session_id))
    stamped = type(event)(
        **{name: getattr(event, name) for name in event.__struct_fields__}
        | {"session_id": session_id, "seq": head.seq + 1, "timestamp": 1}
    )
    await stage.core.log.append(
        SessionId(session_id), [stamped], expected_seq=head.seq, listing=head.listing, blobs=blobs
    )


async def test_an_agents_message_comes_as_plain_output_and_what_nobody_knew_stays_away(stage: Stage) -> None:
    session_id = stage.session_ids[2]
    async with subscribed(stage, session_id) as socket:
        await socket.say(type="prompt", sessionId=session_id, command="go on")
        seen = [await socket.hear("session-output"), await socket.hear("session-output")]
        await socket.hear("session-status")
        await socket.say(type="ping")
        await socket.hear("pong")

    history = [
        json.loads(event.data) for event in (await stage.core.log.read(SessionId(session_id), after=0, limit=99)).events
    ]
    message = [event for event in history if event["type"] == "agent-message"][-1]
    output = [event for event in history if event["type"] == "session-output"][-1]
    assert seen[0] == output
    assert seen[1] == {
        "type": "session-output",
        "sessionId": session_id,
        "seq": message["seq"],
        "timestamp": message["timestamp"],
        "turnId": message["turnId"],
        "stream": "stdout",
        "content": message["text"],
    }


async def test_a_question_is_never_asked_in_part(stage: Stage) -> None:
    session_id, command = stage.session_ids[2], "echo " + "é" * 40_000
    data = command.encode()
    body = LargeBody(blob_id="a-large-command", bytes=len(data), preview=command[:100])
    question = ApprovalRequest(
        approval_id="an-approval",
        command=body,
        explanation="It asks.",
        options=[ApprovalOption(option_id="yes", name="Yes", kind="allow-once")],
        editable=False,
        expires_at=2,
    )

    async with subscribed(stage, session_id) as socket:
        await append(stage, session_id, question, Blob("a-large-command", data))

        assert (await socket.hear("approval-request"))["command"] == command


async def test_bodies_go_back_into_their_event_as_far_as_they_fit(stage: Stage) -> None:
    session_id, size = stage.session_ids[2], WHOLE_BYTES // 2
    blobs = [Blob(f"a-large-body-{number}", b"x" * size) for number in range(3)]
    operations = [
        WriteOperation(path=blob.blob_id, content=LargeBody(blob_id=blob.blob_id, bytes=size, preview="xxx"))
        for blob in blobs
    ]
    missing = WriteOperation(path="gone", content=LargeBody(blob_id="not-there", bytes=0, preview=""))

    async with subscribed(stage, session_id) as socket:
        event = OperationsDetected(plan_id="a-plan-of-many", operations=[missing, *operations])
        await append(stage, session_id, event, *blobs)
        contents = [operation["content"] for operation in (await socket.hear("operations-detected"))["operations"]]

    assert contents[0] == json.loads(encode(missing.content))
    assert contents[1:3] == ["x" * size] * 2
    assert contents[3] == json.loads(encode(operations[2].content))


async def test_a_socket_that_follows_nothing_and_says_nothing_is_closed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.legacy.bridge.IDLE_SECONDS", 0.1)
    async with subscribed(stage, stage.session_ids[0]) as follows, subscribed(stage, stage.session_ids[0]) as idles:
        await idles.say(type="unsubscribe", sessionId=stage.session_ids[0])
        await idles.hear("unsubscribed")

        assert await idles.closed() == 1001
        await follows.say(type="ping")
        await follows.hear("pong")


async def test_a_question_is_answered_once_and_never_by_silence(stage: Stage) -> None:
    session_id = stage.session_ids[2]
    async with subscribed(stage, session_id) as socket:
        await socket.say(type="prompt", sessionId=session_id, command="ask me")
        question = await socket.hear("approval-request")
        about = {"type": "approval-response", "sessionId": session_id, "approvalId": question["approvalId"]}

        await socket.say(**about)
        assert (await socket.hear("error"))["code"] == "invalid-body"
        await socket.say(**about, approved=True)
        confirmed = await socket.hear("approval-confirmed")
        await socket.say(**about, approved=False)
        assert (await socket.hear("error"))["code"] == "approval-answered"

    assert (confirmed["approved"], confirmed["answeredBy"]) == (True, "owner_token")


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("", "unnamed"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "browser"),
        ("node", "node"),
        ("Python/3.13 websockets/17.1", "python"),
        ("python-httpx/0.28", "python"),
        ("curl/8.5.0", "curl"),
        ("Go-http-client/1.1", "go"),
        ("okhttp/5", "java"),
        ("acme\nbot" * 1000, "other"),
    ],
)
def test_a_client_is_of_a_known_kind(agent: str, kind: str) -> None:
    assert client_kind(agent) == kind


def test_the_page_names_every_message_and_close_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "migration.md").read_text()

    notices = {str(notice.__struct_config__.tag) for notice in LegacyNotice.__subclasses__()}
    codes = {code for code, _ in CLOSINGS.values()} | {GOING_AWAY, UNSUPPORTED, MOVED}
    for word in ACTIONS.keys() | KNOWN_TYPES | notices:
        assert f"`{word}`" in page or f'"{word}"' in page, word
    for code in codes:
        assert f" {code}" in page, code
