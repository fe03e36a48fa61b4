"""Three clients that others wrote, each following a stream and coming back with the last id by itself or as told."""

import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from shutil import which
from subprocess import DEVNULL, PIPE
from typing import Any, NamedTuple

import anyio
import httpx
import httpx_sse
import pytest
from anyio.abc import ObjectSendStream
from anyio.streams.memory import MemoryObjectReceiveStream
from anyio.streams.text import TextReceiveStream

from contracts.catalog import EVENTS, FRAMES
from tests.node_tools import FOLDER, NODE, install_packages

PAUSE_SECONDS = 0.1  # npm eventsource waits as long as the server says, these two need not


class Frame(NamedTuple):
    """What a client gave out. The type `refused` says which status ended the client for good."""

    type: str
    id: str
    data: dict[str, Any]


def refused(status: int) -> Frame:
    return Frame("refused", "", {"status": status})


class Following:
    """What a client saw so far."""

    def __init__(self, frames: MemoryObjectReceiveStream[Frame]) -> None:
        self._frames = frames
        self.seen: list[Frame] = []

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """Wait for a frame that was not returned or passed over before."""
        while True:
            frame = await self._frames.receive()
            self.seen.append(frame)
            if wanted(frame):
                return frame

    async def until_type(self, *types: str) -> Frame:
        return await self.until(lambda frame: frame.type in types)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the log holds of what was seen."""
        return [frame.data for frame in self.seen if "seq" in frame.data]

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for event in self.events]

    @property
    def frames(self) -> list[str]:
        """The types of what the stream itself added, heartbeats aside."""
        return [frame.type for frame in self.seen if "seq" not in frame.data and frame.type != "heartbeat"]


Client = Callable[[str, str, ObjectSendStream[Frame]], Coroutine[Any, Any, None]]


@asynccontextmanager
async def following(client: Client, url: str, token: str) -> AsyncIterator[Following]:
    """Let a client follow *url* until the block ends."""
    send, receive = anyio.create_memory_object_stream[Frame](100_000)
    async with anyio.create_task_group() as tasks:
        with send, receive:
            tasks.start_soon(client, url, token, send)
            yield Following(receive)
            tasks.cancel_scope.cancel()


async def by_httpx_sse(url: str, token: str, frames: ObjectSendStream[Frame]) -> None:
    last = ""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        while True:
            headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last} if last else {})
            try:
                async with httpx_sse.aconnect_sse(client, "GET", url, headers=headers) as source:
                    if source.response.status_code != 200:
                        await frames.send(refused(source.response.status_code))
                        return
                    async with aclosing(source.aiter_sse()) as events:
                        async for event in events:
                            last = event.id or last
                            await frames.send(Frame(event.event, event.id, event.json()))
            except httpx.TransportError:
                pass
            await anyio.sleep(PAUSE_SECONDS)


async def by_npm_eventsource(url: str, token: str, frames: ObjectSendStream[Frame]) -> None:
    await anyio.to_thread.run_sync(install_packages)
    command = [str(NODE), str(FOLDER / "follow.js"), url, token, *EVENTS, *FRAMES]
    async with await anyio.open_process(command, cwd=FOLDER, stdin=DEVNULL, stderr=sys.stderr) as process:
        try:
            async for line in _lines(process):
                type_, id_, data = json.loads(line)
                await frames.send(Frame(type_, id_, json.loads(data)))
        finally:
            process.kill()


async def by_curl(url: str, token: str, frames: ObjectSendStream[Frame]) -> None:
    last = ""
    while True:
        resume = ["--header", f"Last-Event-ID: {last}"] if last else []
        command = ["curl", "--silent", "--include", "--no-buffer", "--noproxy", "*", *resume]
        command += ["--header", f"Authorization: Bearer {token}", url]
        async with await anyio.open_process(command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL) as process:
            try:
                status, head, fields = 0, True, dict[str, str]()
                async for line in _lines(process):
                    if head:
                        status = status or int(line.split()[1])
                        head = bool(line.strip())
                    elif line:
                        name, _, value = line.partition(": ")
                        fields[name] = value
                    else:
                        last = fields["id"]
                        await frames.send(Frame(fields["event"], last, json.loads(fields["data"])))
                        fields = {}
                if status not in (0, 200):
                    await frames.send(refused(status))
                    return
            finally:
                if process.returncode is None:
                    process.kill()
        await anyio.sleep(PAUSE_SECONDS)


async def _lines(process: anyio.abc.Process) -> AsyncIterator[str]:
    assert process.stdout is not None
    rest = ""
    async for piece in TextReceiveStream(process.stdout):
        *lines, rest = (rest + piece).split("\n")
        for line in lines:
            yield line


CLIENTS: dict[str, Client] = {"httpx-sse": by_httpx_sse, "npm-eventsource": by_npm_eventsource, "curl": by_curl}
each_client = pytest.mark.parametrize(
    "client",
    [
        pytest.param(client, id=name, marks=pytest.mark.skipif(name == "curl" and not which("curl"), reason="no curl"))
        for name, client in CLIENTS.items()
    ],
)
