"""Much at once: all of it arrives, in order. How long others wait meanwhile is printed, not asserted (pytest -rP)."""

import re
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx

from domain.ids import SessionId
from infrastructure.eventlogs.sqlite import SqliteEventLog
from tests.eventlogs.stage import Owner
from tests.servers import Place

T = TypeVar("T")

EVENTS = 100_000
SESSIONS = 1_000
BATCH = 1_000
PROBE_SECONDS = 0.05
SECONDS = 100
IDS = re.compile(rb"^event: (?:session|turn|command)-\S+\nid: \w+\.(\d+)$", re.MULTILINE)


def ready_place(folder: Path) -> Place:
    """Return a place with a data directory, whose server is not running."""
    place = Place(folder, TOWPATH_STREAMS=str(SESSIONS + 10), TOWPATH_STREAMS_PER_TOKEN=str(SESSIONS + 10))
    place.start().stop()
    return place


def probing(http: httpx.Client, work: "Future[T]", what: str) -> T:
    """Ask for something small again and again until *work* is done; print how long it took at worst."""
    waits = []
    while not work.done():
        began = time.perf_counter()
        assert http.get("/api/sessions?limit=1").status_code == 200
        waits.append(time.perf_counter() - began)
        time.sleep(PROBE_SECONDS)  # the rate of the probe
    result = work.result()
    waits.sort()
    print(f"{what}: {len(waits)} probes, median {waits[len(waits) // 2] * 1e3:.1f} ms, worst {waits[-1] * 1e3:.1f} ms")
    return result


def connect(place: Place, path: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", place.port), timeout=SECONDS)
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {place.token}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def pieces(connection: socket.socket) -> Iterator[bytes]:
    while piece := connection.recv(262_144):
        yield piece


async def test_100_000_events_come_in_order_while_others_are_served(tmp_path: Path) -> None:
    place = ready_place(tmp_path)
    async with SqliteEventLog.open(place.data / "towpath.db", durability="process") as log:
        owner = Owner(log, SessionId("a_long_session"))
        await owner.create()
        for first in range(2, EVENTS + 1, BATCH):
            await owner.write(*[f"line {number}\n" for number in range(first, min(first + BATCH, EVENTS + 1))])

    def replay() -> tuple[bytes, float]:
        began = time.perf_counter()
        with connect(place, "/api/session/a_long_session/events?after=0") as connection:
            body = bytearray()
            for piece in pieces(connection):
                body += piece
                if b"event: caught-up\n" in body[-500:]:
                    break
        return bytes(body), time.perf_counter() - began

    with place.serving(), place.client() as http, ThreadPoolExecutor(1) as threads:
        body, seconds = probing(http, threads.submit(replay), f"replay of {EVENTS:,} events")
    print(f"{EVENTS / seconds:,.0f} events a second")

    lines = re.sub(rb"\r\n[0-9a-f]+\r\n", b"", body)  # the chunks' sizes
    assert [int(number) for number in IDS.findall(lines)] == list(range(1, EVENTS + 1))


async def test_1_000_sessions_stream_at_once_while_others_are_served(tmp_path: Path) -> None:
    place = ready_place(tmp_path)
    ids = [f"session_{number:06}" for number in range(SESSIONS)]
    async with SqliteEventLog.open(place.data / "towpath.db", durability="process") as log:
        for session_id in ids:
            await Owner(log, SessionId(session_id)).create()

    with place.serving(), place.client() as http, ThreadPoolExecutor(2) as threads:
        streams = OpenStreams()
        try:
            opening = threads.submit(streams.open, [connect_to(place, session_id) for session_id in ids])
            probing(http, opening, f"{SESSIONS:,} streams connect")
            following = threads.submit(streams.read_until, b"event: session-updated\n")
            threads.submit(rename, place, ids)
            probing(http, following, f"{SESSIONS:,} streams follow")
        finally:
            streams.close()

    for session_id, body in zip(ids, streams.bodies, strict=True):
        assert [int(number) for number in IDS.findall(body)] == [1, 2]
        assert body.count(f'"sessionId":"{session_id}","seq":'.encode()) == 2
        assert f'"title":"new {session_id}"'.encode() in body


def connect_to(place: Place, session_id: str) -> Callable[[], socket.socket]:
    return lambda: connect(place, f"/api/session/{session_id}/events?after=0")


def rename(place: Place, ids: list[str]) -> None:
    with place.client() as http:
        for session_id in ids:
            http.patch(f"/api/session/{session_id}", json={"title": f"new {session_id}"}).raise_for_status()


class OpenStreams:
    """Many connections, read by one thread."""

    def __init__(self) -> None:
        self.bodies: list[bytearray] = []
        self._selector = selectors.DefaultSelector()

    def open(self, connects: list[Callable[[], socket.socket]]) -> None:
        for number, connect_one in enumerate(connects):
            self.bodies.append(bytearray())
            self._selector.register(connect_one(), selectors.EVENT_READ, number)
        self.read_until(b"event: caught-up\n")

    def read_until(self, marker: bytes) -> None:
        """Read until every stream has shown *marker*."""
        deadline = time.monotonic() + SECONDS
        missing = {number for number, body in enumerate(self.bodies) if marker not in body}
        while missing:
            assert time.monotonic() < deadline, f"{len(missing)} streams miss {marker!r}"
            for key, _ in self._selector.select(timeout=1):
                piece = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                assert piece, bytes(self.bodies[key.data][-500:])
                self.bodies[key.data] += piece
                if marker in self.bodies[key.data]:
                    missing.discard(key.data)

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
