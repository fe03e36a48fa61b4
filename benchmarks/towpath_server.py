"""The real server with a publisher around it: the log at ``durability: power``, all gates on, only caps raised.

The publisher's events take the way that an agent's output takes: a session's owner numbers and folds them, the log
commits them. Its two routes lie behind the gates like every other.
"""

import argparse
import asyncio
import itertools
import sys
import time
from collections import Counter, deque
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup
from litestar import Request, post

from api.app import create_app
from api.logs import configure_logs
from api.server import Server, listen
from api.serving import collect_rarely, connection_limits, open_services
from api.settings import Settings
from api.wiring import Core, hold_data_dir, open_core
from contracts.events import SessionCreated, SessionOutput, SessionStatus
from domain.ids import SessionId
from domain.owner import Owner

IN_FLIGHT = 5000
CONTENT_CHARACTERS = 110
PADDING = "x" * CONTENT_CHARACTERS
STREAMS = 20_000
RETENTION_BYTES = 2**40


class Publisher:
    """Sends to its sessions in turn; see peers/publisher.py for what the queries mean."""

    def __init__(self, core: Core, *, sessions: int, in_flight: int) -> None:
        self._core = core
        self._owners: list[Owner] = []
        self._sessions = sessions
        self._turns = itertools.count()
        self._in_flight = in_flight
        self._undurable: deque[Awaitable[None]] = deque()

    async def open(self, working_dir: Path) -> None:
        """Make sess00000000 and its sisters; they exist when this returns."""
        for number in range(self._sessions):
            session_id = SessionId(f"sess{number:08d}")
            created = SessionCreated(mode="shell", working_dir=str(working_dir), title=session_id)
            owner, durable = Owner.create(
                session_id,
                created,
                SessionStatus(status="idle"),
                log=self._core.log,
                clock=self._core.clock,
                outcomes=Counter(),
            )
            self._owners.append(owner)
            self._undurable.append(durable)
        await self._settle(down_to=0)

    async def burst(self, query: Mapping[str, str]) -> dict[str, int]:
        sessions, events, burst = int(query["sessions"]), int(query["events"]), int(query["burst"])
        for begin in range(0, events, burst):
            for _ in range(begin, min(events, begin + burst)):
                self._publish_next(sessions)
            await self._settle(down_to=self._in_flight)
            await asyncio.sleep(0)  # as the peers yield
        if "settled" in query:
            await self._settle(down_to=0)
        return {"published": events}

    async def pace(self, query: Mapping[str, str]) -> None:
        sessions, rate = int(query["sessions"]), float(query["rate"])
        events = int(rate * float(query["seconds"]))
        begun, sent = time.monotonic(), 0
        while sent < events:
            due = min(events, int((time.monotonic() - begun) * rate))
            for _ in range(sent, due):
                self._publish_next(sessions)
            await self._settle(down_to=self._in_flight)
            sent = due
            await asyncio.sleep(0.001)

    def _publish_next(self, sessions: int) -> None:
        owner = self._owners[next(self._turns) % sessions]
        content = f"t={time.monotonic_ns()} {PADDING}"[:CONTENT_CHARACTERS]
        self._undurable.append(owner.record(SessionOutput(stream="stdout", content=content)))

    async def _settle(self, *, down_to: int) -> None:
        while len(self._undurable) > down_to:
            await self._undurable.popleft()


async def serve(settings: Settings, *, sessions: int, in_flight: int) -> None:
    with hold_data_dir(settings) as data_dir:
        async with open_core(settings, data_dir) as core, open_services(core, settings) as services:
            publisher = Publisher(core, sessions=sessions, in_flight=in_flight)
            await publisher.open(settings.roots[0])
            server = Server(
                create_app(services, settings, port=settings.port, routes=_routes(publisher, core.tasks)),
                listener=listen(settings.host, settings.port),
                limits=connection_limits(settings),
                drain=services.streams.drain,
                on_listening=lambda _host, _port: None,
            )
            await server.serve()


def _routes(publisher: Publisher, tasks: TaskGroup) -> tuple[Any, ...]:
    @post("/publish", status_code=200, include_in_schema=False)
    async def publish(request: Request[Any, Any, Any]) -> dict[str, int]:
        # In a task of its own: each of its pauses would otherwise be handed through all that stands around a handler.
        return await asyncio.create_task(publisher.burst(dict(request.query_params)))

    @post("/pace", status_code=200, include_in_schema=False)
    async def pace(request: Request[Any, Any, Any]) -> dict[str, int]:
        tasks.start_soon(publisher.pace, dict(request.query_params))
        return {}

    return publish, pace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--await-each", action="store_true", help="wait for each append before the next")
    chosen = parser.parse_args()
    settings = Settings(
        port=chosen.port,
        data_dir=chosen.data_dir,
        roots=(Path.cwd(),),
        streams=STREAMS,
        streams_per_token=STREAMS,
        retention_bytes=RETENTION_BYTES,
        log_level="warning",
    )
    configure_logs(settings.log_level, stream=sys.stderr)
    collect_rarely()
    in_flight = 0 if chosen.await_each else IN_FLIGHT
    anyio.run(
        lambda: serve(settings, sessions=chosen.sessions, in_flight=in_flight), backend_options={"use_uvloop": True}
    )


if __name__ == "__main__":
    main()
