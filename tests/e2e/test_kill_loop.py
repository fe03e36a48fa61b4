"""`kill -9` of the server, again and again, under writers and readers that take no notice.

TOWPATH_KILL_CYCLES says how often; a cycle takes about as long as the server's start.
"""

import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from threading import Event, Lock
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from tests.processes.living import fresh_mark, marked
from tests.servers import Place, history, new_session

CYCLES = int(os.environ.get("TOWPATH_KILL_CYCLES", "100" if os.environ.get("CI") else "10"))
SESSIONS, WRITERS, READERS = 4, 8, 4
ALIVE_SECONDS = (0.05, 0.4)
LEFTOVER_SECONDS = 2.0
PAUSE_SECONDS = 0.02


class Storm:
    """What writers were promised and readers were shown."""

    def __init__(self, place: Place, sessions: list[str]) -> None:
        self.place = place
        self.sessions = sessions
        self.mark = fresh_mark()
        self.acknowledged: list[tuple[str, str]] = []
        self.refusals: set[int] = set()
        self.wrong: list[str] = []
        self.up = Event()
        self.over = Event()
        self.quiet = Event()
        self.heads: dict[str, int] = {}
        self._lock = Lock()

    def write(self, number: int) -> None:
        session_id = self.sessions[number % SESSIONS]
        commands = [
            f"echo {self.mark} {number}",
            f"sleep 0.05; printf '%s\\n' {self.mark}",
            f"sleep {self.mark} & echo left {number}",
            f"setsid sleep {self.mark} >/dev/null & sleep 0.2",
        ]
        with self.place.client() as http:
            for command in cycle(commands):
                self.up.wait()
                if self.over.is_set():
                    return
                try:
                    answer = http.post(f"/api/session/{session_id}/prompt", json={"command": command})
                except httpx.TransportError:
                    continue
                with self._lock:
                    if answer.status_code == 202:
                        self.acknowledged.append((session_id, answer.json()["turnId"]))
                    else:
                        self.refusals.add(answer.status_code)
                sleep(PAUSE_SECONDS)

    def read(self, number: int) -> list[dict[str, Any]]:
        """Follow a session until all is over; return what came, as it came."""
        session_id = self.sessions[number % SESSIONS]
        events: list[dict[str, Any]] = []
        last = ""
        with self.place.client() as http:
            while not self.has_all(session_id, events):
                try:
                    headers = {"Last-Event-ID": last} if last else {}
                    with http.stream("GET", f"/api/session/{session_id}/events?after=0", headers=headers) as answer:
                        assert answer.status_code == 200, answer.status_code
                        fields: dict[str, str] = {}
                        for line in answer.iter_lines():
                            if line:
                                name, _, value = line.partition(": ")
                                fields[name] = value
                                continue
                            last = fields["id"]
                            if fields["event"] in ("stream-reset", "stream-closing"):
                                self.wrong.append(fields["data"])
                            if '"seq":' in fields["data"]:
                                events.append(json.loads(fields["data"]))
                            fields = {}
                            if self.has_all(session_id, events):
                                break
                except httpx.TransportError:
                    sleep(PAUSE_SECONDS)
        return events

    def has_all(self, session_id: str, events: list[dict[str, Any]]) -> bool:
        return self.quiet.is_set() and (not events or events[-1]["seq"] >= self.heads.get(session_id, 0))


@pytest.mark.timeout(60 + 10 * CYCLES)
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    place = Place(tmp_path)
    chance = random.Random(seed := random.randrange(10**6))
    server = place.start()
    starts = []
    with place.client() as http, ThreadPoolExecutor(WRITERS + READERS) as threads:
        storm = Storm(place, [new_session(http) for _ in range(SESSIONS)])
        writers = [threads.submit(storm.write, number) for number in range(WRITERS)]
        readers = [threads.submit(storm.read, number) for number in range(READERS)]
        try:
            for _ in range(CYCLES):
                storm.up.set()
                sleep(chance.uniform(*ALIVE_SECONDS))  # the moment is what is tried
                server.kill()
                storm.up.clear()
                began = monotonic()
                server = place.start()
                starts.append(monotonic() - began)
                check_at_rest(http, storm)
            storm.over.set()
            storm.up.set()
            for writer in writers:
                writer.result()
            logs = {session_id: history(http, session_id) for session_id in storm.sessions}
            storm.heads = {session_id: events[-1]["seq"] for session_id, events in logs.items()}
        finally:
            storm.over.set()
            storm.up.set()
            storm.quiet.set()
        shown = [reader.result() for reader in readers]
    server.stop()
    doctor = place.call("doctor")
    print(
        f"{CYCLES} cycles, seed {seed}: {len(storm.acknowledged)} prompts acknowledged, "
        f"{sum(map(len, logs.values()))} events, start {sorted(starts)[CYCLES // 2]:.2f} s"
    )

    for session_id, events in logs.items():
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        check_turns(events)
        kept = {event["turnId"] for event in events if event["type"] == "command-sent"}
        assert {turn for one, turn in storm.acknowledged if one == session_id} <= kept
    for number, events in enumerate(shown):
        assert events == logs[storm.sessions[number % SESSIONS]]
    assert storm.wrong == []
    assert storm.refusals <= {429}  # a full queue
    assert marked(storm.mark) == []
    assert doctor[0] == 0, doctor
    assert "the log is sound" in doctor[1]
    assert "Traceback" not in place.complaints


def check_at_rest(http: httpx.Client, storm: Storm) -> None:
    """Check, right after a start, that nothing runs and nothing says that it does."""
    for session_id in storm.sessions:
        answers = [http.get(f"/api/session/{session_id}/{view}") for view in ("status", "snapshot")]
        assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
        status, state = answers[0].json(), answers[1].json()["state"]
        assert status["status"] in ("idle", "interrupted"), status
        assert status["pid"] is None
        assert state.get("turn") is None
    deadline = monotonic() + LEFTOVER_SECONDS
    while left := marked(storm.mark):
        assert monotonic() < deadline, left
        sleep(PAUSE_SECONDS)


def check_turns(events: list[dict[str, Any]]) -> None:
    """Check that every turn that started is over, once, and only what a crash cut short says so."""
    started = [event["turnId"] for event in events if event["type"] == "turn-started"]
    over = [event["turnId"] for event in events if event["type"] == "turn-completed"]
    assert len(started) == len(set(started))
    assert len(over) == len(set(over))
    assert set(started[:-1]) <= set(over) <= set(started)
    assert {event["stopReason"] for event in events if event["type"] == "turn-completed"} <= {"end", "interrupted"}
