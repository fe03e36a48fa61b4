"""How fast the durable event log takes and gives events, and what a watched session costs in memory.

    python benchmarks/bench_eventlog.py [power|process]

A window of 1,000 appends is not awaited; contents have 110 bytes. Best of three runs, since the others tell more of
the machine's other work than of the log.
"""

import asyncio
import gc
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks.machine import description
from contracts.events import SessionCreated, SessionOutput
from domain.ids import SessionId
from domain.ports import Listing
from infrastructure.eventlogs.schema import Durability
from infrastructure.eventlogs.sqlite import SqliteEventLog

EVENTS = 100_000
WINDOW = 1_000
CONTENT = "x" * 110
RUNS = 3
RATE = 1_000


class Publisher:
    def __init__(self, log: SqliteEventLog, session_id: str) -> None:
        self.log = log
        self.session_id = SessionId(session_id)
        self.seq = 0

    def append(self) -> Awaitable[None]:
        self.seq += 1
        now = time.time_ns() // 1_000_000
        event = (
            SessionCreated(
                session_id=self.session_id, seq=1, timestamp=now, mode="shell", working_dir="/srv/project", title=""
            )
            if self.seq == 1
            else SessionOutput(
                session_id=self.session_id, seq=self.seq, timestamp=now, stream="stdout", content=CONTENT
            )
        )
        listing = Listing(
            session_id=self.session_id,
            mode="shell",
            title="",
            working_dir="/srv/project",
            status="running",
            created_at=0,
            archived=False,
            at_rest=False,
        )
        return self.log.append(self.session_id, [event], expected_seq=self.seq - 1, listing=listing)


async def publish(publishers: list[Publisher], events: int) -> float:
    """Append round robin, at most WINDOW not yet durable, and return events a second."""
    pending: list[Awaitable[None]] = []
    begun = time.perf_counter()
    for number in range(events):
        pending.append(publishers[number % len(publishers)].append())
        if len(pending) == WINDOW:
            await pending[WINDOW // 2 - 1]
            del pending[: WINDOW // 2]
    await pending[-1]
    return events / (time.perf_counter() - begun)


async def pace(publisher: Publisher) -> tuple[float, float]:
    """Append RATE events a second for five seconds; return p50 and p99 from call to durable in microseconds."""
    delays: list[float] = []

    async def one() -> None:
        begun = time.perf_counter()
        await publisher.append()
        delays.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    tasks = []
    for number in range(5 * RATE):
        await asyncio.sleep(begun + number / RATE - time.perf_counter())
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    delays.sort()
    return delays[len(delays) // 2] * 1e6, delays[len(delays) * 99 // 100] * 1e6


async def replay(log: SqliteEventLog, session_id: SessionId, limit: int) -> float:
    """Read a session from the disk in pages and return events a second."""
    begun = time.perf_counter()
    after = count = 0
    head = await log.head(session_id)
    while after < head.seq:
        batch = await log.read(session_id, after=after, limit=limit)
        after, count = batch.upto, count + len(batch.events)
    return count / (time.perf_counter() - begun)


async def idle(log: SqliteEventLog, sessions: int) -> float:
    """Watch sessions that are idle, each known and read once; return bytes of Python memory for each."""
    ids = [SessionId(f"session_{number:05}") for number in range(sessions)]
    gc.collect()
    tracemalloc.start()
    ends: list[Callable[[], None]] = []
    for session_id in ids:
        ends.append(log.watch(session_id, lambda: None))
        await log.head(session_id)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for end in ends:
        end()
    return used / sessions


async def measure(durability: Durability) -> dict[str, float]:
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "log.db"
        async with SqliteEventLog.open(path, durability=durability) as log:
            figures["one session, appends/s"] = await publish([Publisher(log, "session_one")], EVENTS)
            many = [Publisher(log, f"session_{number:05}") for number in range(1_000)]
            await publish(many, len(many))
            figures["1,000 sessions round robin, appends/s"] = await publish(many, EVENTS // 2)
            paced = Publisher(log, "session_paced")
            figures["1,000/s, append to durable p50 µs"], figures["1,000/s, append to durable p99 µs"] = await pace(
                paced
            )
        async with SqliteEventLog.open(path, durability=durability) as log:
            for limit in (256, 1_024):
                figures[f"replay in pages of {limit}, events/s"] = await replay(log, SessionId("session_one"), limit)
            figures["watched idle session, bytes"] = await idle(log, 1_000)
    return figures


def main() -> None:
    durability: Durability = "process" if sys.argv[1:] == ["process"] else "power"
    print(description())
    runs = [uvloop.run(measure(durability)) for _ in range(RUNS)]
    print(f"durability {durability}; best of {RUNS} runs, all in brackets")
    for name in runs[0]:
        values = [run[name] for run in runs]
        best = max(values) if name.endswith("/s") else min(values)
        print(f"{name:42}{best:12,.0f}   [{', '.join(f'{value:,.0f}' for value in values)}]")


if __name__ == "__main__":
    main()
