"""The publisher that every Python peer carries: the same work as in old_express.js, in the same order.

`POST /publish?sessions&events&burst` sends to the sessions in turn and yields after every burst;
`POST /pace?sessions&rate&seconds` sends at a rate, looking at the clock once a millisecond.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping

CONTENT = "x" * 110

_background: set[asyncio.Task[None]] = set()
_turns = itertools.count()


def _publish_next(publish: Callable[[str], None], sessions: int) -> None:
    publish(f"sess{next(_turns) % sessions:08d}")


async def publish_burst(publish: Callable[[str], None], query: Mapping[str, str]) -> dict[str, int]:
    sessions, events, burst = int(query["sessions"]), int(query["events"]), int(query["burst"])
    for begin in range(0, events, burst):
        for _ in range(begin, min(events, begin + burst)):
            _publish_next(publish, sessions)
        await asyncio.sleep(0)
    return {"published": events}


def publish_paced(publish: Callable[[str], None], query: Mapping[str, str]) -> dict[str, int]:
    sessions, rate = int(query["sessions"]), float(query["rate"])
    events = int(rate * float(query["seconds"]))

    async def pace() -> None:
        begun, sent = time.monotonic(), 0
        while sent < events:
            due = min(events, int((time.monotonic() - begun) * rate))
            for _ in range(sent, due):
                _publish_next(publish, sessions)
            sent = due
            await asyncio.sleep(0.001)

    task = asyncio.get_running_loop().create_task(pace())
    _background.add(task)
    task.add_done_callback(_background.discard)
    return {"published": events}
