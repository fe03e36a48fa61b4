"""One stream over a log in memory, with a client played by hand."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from anyio import Event as Signal
from anyio import create_task_group, fail_after, sleep_forever

from api import streams
from api.gates import ADMIT_AGAIN
from api.http_protocol import CONNECTION_EXTENSION
from api.streams import EventStream, Streams
from domain.access import OWNER
from domain.cursors import Start
from domain.errors import WrongCredential
from domain.ports import EventLog
from domain.reading import Opening
from infrastructure.eventlogs.memory import MemoryEventLog
from tests.eventlogs.stage import A, created
from tests.fakes import FakeClock


class Client:
    """Takes what it is sent until its end, if ``takes_the_end`` is not false, and never goes by itself."""

    def __init__(self, *, takes_the_end: bool = True) -> None:
        self.takes_the_end = takes_the_end
        self.chunks: list[bytes] = []
        self.cut = Signal()
        self.scope: Any = {"extensions": {CONNECTION_EXTENSION: {"abort": self.cut.set}}, ADMIT_AGAIN: lambda: OWNER}

    async def receive(self) -> Any:
        await sleep_forever()

    async def send(self, message: Any) -> None:
        self.chunks.append(message.get("body", b""))
        if message.get("more_body") is False and not self.takes_the_end:
            await self.cut.wait()


@pytest.fixture(autouse=True)
async def _bounded() -> AsyncIterator[None]:
    with fail_after(10):
        yield


def opened(log: EventLog) -> Streams:
    return Streams(log=log, clock=FakeClock(), heartbeat_seconds=0.01, most=1, most_per_token=1, version="0")


async def stream(all_streams: Streams, log: EventLog, **options: Any) -> EventStream:
    opening = Opening(await log.head(A), Start(0))
    return all_streams.session(A, opening, holder=OWNER, **{"types": None, "follow": True, **options})


async def test_a_client_that_does_not_take_the_end_of_its_stream_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "STALLED_SECONDS", 0.01)
    log, client = MemoryEventLog(), Client(takes_the_end=False)
    await created(log, A, "x")
    all_streams = opened(log)

    async with create_task_group() as tasks:
        tasks.start_soon(all_streams.sweep)
        await (await stream(all_streams, log, follow=False))(client.scope, client.receive, client.send)
        tasks.cancel_scope.cancel()

    assert client.cut.is_set()
    assert len(all_streams) == 0


async def test_the_end_of_its_session_ends_a_stream_that_did_not_ask_for_it() -> None:
    log, client = MemoryEventLog(), Client()
    owner = await created(log, A, "x")
    all_streams = opened(log)

    async with create_task_group() as tasks:
        tasks.start_soon(
            await stream(all_streams, log, types=frozenset({"session-output"})),
            client.scope,
            client.receive,
            client.send,
        )
        await owner.delete()

    assert b"event: session-deleted\n" in client.chunks[-2]
    assert client.chunks[-1] == b""


async def test_a_token_that_is_revoked_while_its_stream_opens_opens_none() -> None:
    log, client = MemoryEventLog(), Client()
    await created(log, A, "secret")
    all_streams = opened(log)
    opening = await stream(all_streams, log)

    def refuse() -> None:
        raise WrongCredential

    client.scope[ADMIT_AGAIN] = refuse
    await opening(client.scope, client.receive, client.send)

    assert b"event: stream-closing\n" in client.chunks[-1]
    assert b"revoked" in client.chunks[-1]
    assert b"secret" not in b"".join(client.chunks)
    assert len(all_streams) == 0
