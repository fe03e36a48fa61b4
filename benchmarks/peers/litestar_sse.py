"""Litestar's own ServerSentEvent, fed from a queue per connection."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator

import msgspec
from litestar import Litestar, Request, get, post
from litestar.response import ServerSentEvent, ServerSentEventMessage
from publisher import CONTENT, publish_burst, publish_paced


class Output(msgspec.Struct):
    type: str
    sessionId: str  # noqa: N815 -- the name on the wire
    seq: int
    t: int
    content: str


subscribers: defaultdict[str, set[asyncio.Queue[Output]]] = defaultdict(set)
seqs: defaultdict[str, int] = defaultdict(int)


def publish(session_id: str) -> None:
    seqs[session_id] += 1
    event = Output("stdout", session_id, seqs[session_id], time.monotonic_ns(), CONTENT)
    for queue in subscribers[session_id]:
        queue.put_nowait(event)


@get("/api/session/{session_id:str}/events")
async def events(session_id: str) -> ServerSentEvent:
    queue: asyncio.Queue[Output] = asyncio.Queue()
    subscribers[session_id].add(queue)

    async def frames() -> AsyncIterator[ServerSentEventMessage]:
        try:
            while True:
                event = await queue.get()
                yield ServerSentEventMessage(event=event.type, id=event.seq, data=msgspec.json.encode(event))
        finally:
            subscribers[session_id].discard(queue)

    return ServerSentEvent(frames())


@post("/publish", status_code=200)
async def publish_route(request: Request) -> dict[str, int]:
    return await publish_burst(publish, request.query_params)


@post("/pace", status_code=200)
async def pace_route(request: Request) -> dict[str, int]:
    return publish_paced(publish, request.query_params)


app = Litestar([events, publish_route, pace_route], openapi_config=None)
