"""FastAPI with sse-starlette, as its documentation shows it: a queue and a JSON encoding per connection."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from publisher import CONTENT, publish_burst, publish_paced
from sse_starlette.sse import EventSourceResponse

app = FastAPI()
subscribers: defaultdict[str, set[asyncio.Queue[dict[str, Any]]]] = defaultdict(set)
seqs: defaultdict[str, int] = defaultdict(int)


def publish(session_id: str) -> None:
    seqs[session_id] += 1
    event = {
        "type": "stdout",
        "sessionId": session_id,
        "seq": seqs[session_id],
        "t": time.monotonic_ns(),
        "content": CONTENT,
    }
    for queue in subscribers[session_id]:
        queue.put_nowait(event)


@app.get("/api/session/{session_id}/events")
async def events(session_id: str) -> EventSourceResponse:
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    subscribers[session_id].add(queue)

    async def frames() -> AsyncIterator[dict[str, str]]:
        try:
            while True:
                event = await queue.get()
                data = json.dumps(event, separators=(",", ":"))
                yield {"event": event["type"], "id": str(event["seq"]), "data": data}
        finally:
            subscribers[session_id].discard(queue)

    return EventSourceResponse(frames())


@app.post("/publish")
async def publish_route(request: Request) -> dict[str, int]:
    return await publish_burst(publish, request.query_params)


@app.post("/pace")
async def pace_route(request: Request) -> dict[str, int]:
    return publish_paced(publish, request.query_params)
