"""Terminals of a real server: every byte once, through cuts, kills and restarts."""

import json
import os
import random
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import SECONDS, Place, history, new_session, prompt

# Once: TOWPATH_TEST_TERMINAL_BYTES=104857600 TOWPATH_TEST_TERMINAL_CUTS=100 TOWPATH_TEST_TERMINAL_KILLS=10
BYTES = int(os.environ.get("TOWPATH_TEST_TERMINAL_BYTES", "10000000"))
CUTS = int(os.environ.get("TOWPATH_TEST_TERMINAL_CUTS", "20"))
KILLS = int(os.environ.get("TOWPATH_TEST_TERMINAL_KILLS", "2"))
LINE = 16
COUNT = "import sys; [sys.stdout.write('%015d ' % n) for n in range(int(sys.argv[1]))]"


class Keys:
    """A client that types."""

    def __init__(self, http: httpx.Client, terminal_id: str) -> None:
        self._http = http
        self._path = f"/api/terminal/{terminal_id}/input"
        self._seq = 0

    def type(self, text: str) -> None:
        self._seq += 1
        body = {"clientId": "client-of-tests", "seq": self._seq, "data": text}
        answer = self._http.post(self._path, json=body)
        assert answer.json().get("acked") == self._seq, answer.text


def opened(http: httpx.Client, **members: Any) -> str:
    answer = http.post("/api/terminal", json=members)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["terminalId"])


@contextmanager
def frames(http: httpx.Client, path: str, **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Follow a stream; each frame has its ``id`` too."""
    with http.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        yield blocks(answer)


def blocks(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    rest = b""
    for piece in answer.iter_raw():
        *whole, rest = (rest + piece).split(b"\n\n")
        for block in whole:
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
            yield {"id": fields[b"id"].decode(), **json.loads(fields[b"data"])}


def until(http: httpx.Client, terminal_id: str, done: Callable[[bytes], bool]) -> bytes:
    """Return a terminal's output once it fits."""
    output = b""
    deadline = time.monotonic() + SECONDS
    with frames(http, f"/api/terminal/{terminal_id}/events?after=0") as following:
        for frame in following:
            if frame["type"] == "terminal-output":
                output += b64decode(frame["data"])
                if done(output):
                    return output
            assert time.monotonic() < deadline, output
    raise AssertionError(output)


def of_terminals(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(one["type"], one["terminalId"], one.get("exitCode")) for one in events if "terminal-" in one["type"]]


def store_events(http: httpx.Client) -> list[dict[str, Any]]:
    with frames(http, "/api/events?after=0&follow=false") as following:
        return [frame for frame in following if "seq" in frame]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    place.end_terminals()


@pytest.mark.timeout(600)
def test_every_byte_comes_once_and_in_order_through_cuts_and_kills(place: Place) -> None:
    chance = random.Random(BYTES)
    server = place.start()
    with place.client() as http:
        terminal_id = opened(http)
        shell = http.get(f"/api/terminal/{terminal_id}").json()["pid"]
        (place.root / "count.py").write_text(COUNT)
        count = BYTES // LINE
        Keys(http, terminal_id).type(f"stty raw -echo; printf '<<'; python3 count.py {count}; printf '>>'; read\r")
        output, cursor, resets = bytearray(), "0", 0
        cuts = sorted(chance.randrange(BYTES) for _ in range(CUTS))
        killing = set(chance.sample(range(CUTS), KILLS))
        url = f"{place.url}/api/terminal/{terminal_id}/events"
        while not output.endswith(b">>"):
            cut = cuts[0] if cuts else BYTES * 2
            try:
                with frames(http, url, **{"Last-Event-ID": cursor}) as following:
                    for frame in following:
                        cursor = frame["id"]
                        if frame["type"] == "terminal-output":
                            assert frame["offset"] == len(output), (frame["offset"], len(output))
                            output += b64decode(frame["data"])
                        resets += frame["type"] == "stream-reset"
                        if len(output) >= cut or output.endswith(b">>"):
                            break
            except httpx.TransportError:
                pass
            if len(output) >= cut:
                cuts.pop(0)
                if len(cuts) in killing:
                    server.kill()
                    server = place.start()
        assert not cuts
        assert resets == 0
        begin = output.rindex(b"<<") + 2
        assert bytes(output[begin:-2]) == b"".join(b"%015d " % number for number in range(count))
        assert http.get(f"/api/terminal/{terminal_id}").json()["pid"] == shell
    server.stop()


def test_a_shell_is_still_there_after_a_kill_and_one_that_ended_meanwhile_is_told_of_once(place: Place) -> None:
    server = place.start()
    with place.client() as http:
        session_id = new_session(http)
        stays, ends = opened(http, sessionId=session_id), opened(http)
        Keys(http, stays).type("X=kept\r")
        Keys(http, ends).type("while ! [ -e go ]; do sleep 0.05; done; exit 7\r")
        until(http, ends, lambda output: b"exit 7" in output)
        before = {one["terminalId"]: one["pid"] for one in http.get("/api/terminals").json()["terminals"]}
        server.kill()
        (place.root / "go").touch()
        _wait(lambda: not Path(f"/proc/{before[ends]}").exists())

        for _ in range(2):
            with place.serving():
                listed = {one["terminalId"]: one for one in http.get("/api/terminals").json()["terminals"]}
                assert listed[stays]["status"] == "running"
                assert listed[stays]["pid"] == before[stays]
                assert (listed[ends]["status"], listed[ends]["exitCode"]) == ("ended", 7)
                assert of_terminals(store_events(http))[-2:] == [
                    ("terminal-created", ends, None),
                    ("terminal-closed", ends, 7),
                ]
                assert of_terminals(history(http, session_id)) == [("terminal-created", stays, None)]
        with place.serving():
            other = {"clientId": "another-client", "seq": 1, "data": "echo $X-$((6*7))\r"}
            assert http.post(f"/api/terminal/{stays}/input", json=other).status_code == 200
            assert b"kept-42" in until(http, stays, lambda output: b"kept-42" in output)


def test_a_session_takes_its_terminals_with_it(place: Place) -> None:
    with place.serving(), place.client() as http:
        session_id = new_session(http)
        own, common = opened(http, sessionId=session_id), opened(http)
        pid = http.get(f"/api/terminal/{own}").json()["pid"]

        with frames(http, f"/api/terminal/{own}/events") as following:
            next(following)
            assert http.delete(f"/api/session/{session_id}").status_code == 200
            assert [frame["type"] for frame in following if frame["type"] != "heartbeat"][-1] == "terminal-closed"

        assert not Path(f"/proc/{pid}").exists()
        assert [one["terminalId"] for one in http.get("/api/terminals").json()["terminals"]] == [common]
        assert http.get(f"/api/terminal/{own}/events").status_code == 404
        assert http.post("/api/terminal", json={"sessionId": session_id}).status_code == 404


def test_a_terminal_without_its_event_is_ended_at_the_next_start(place: Place) -> None:
    with place.serving(), place.client() as http:
        terminal_id = opened(http)
        pid = http.get(f"/api/terminal/{terminal_id}").json()["pid"]
    for name in place.data.glob("towpath.db*"):  # the log of another day, in which it was never opened
        name.unlink()

    with place.serving(), place.client() as http:
        assert http.get("/api/terminals").json() == {"terminals": []}
        _wait(lambda: not Path(f"/proc/{pid}").exists())


def test_what_is_typed_is_in_no_log(place: Place) -> None:
    secret = "hunter2-is-no-secret"
    with place.serving(), place.client() as http:
        terminal_id = opened(http)
        keys = Keys(http, terminal_id)
        keys.type(f"stty -echo; read X # {secret}\r")
        keys.type(f"{secret}\r")
        for body in ({"clientId": "client-of-tests", "seq": 9, "data": secret}, {"data": secret}):
            assert http.post(f"/api/terminal/{terminal_id}/input", json=body).status_code in (400, 409)
        audit = [json.loads(line) for line in (place.data / "audit.jsonl").read_text().splitlines()]
        assert [line["terminal_id"] for line in audit if line["action"] == "terminal-opened"] == [terminal_id]
        assert not [line for line in audit if "/input" in line.get("path", "")]
        for name in ("audit.jsonl", "towpath.db", "towpath.db-wal"):
            assert secret.encode() not in (place.data / name).read_bytes()
    assert secret not in place.complaints


def test_tokens_look_as_far_as_they_reach_and_only_full_ones_type(place: Place) -> None:
    with place.serving(), place.client() as http:
        session_id = new_session(http)
        own, other = opened(http, sessionId=session_id), opened(http)
        bodies = [{"name": "r", "scope": "read"}, {"name": "s", "scope": "session", "sessionId": session_id}]
        for body, seen in zip(bodies, ({own, other}, {own}), strict=True):
            secret = http.post("/api/tokens", json=body).json()["secret"]
            with httpx.Client(
                base_url=place.url, headers={"Authorization": f"Bearer {secret}"}, timeout=SECONDS, trust_env=False
            ) as guest:
                assert {one["terminalId"] for one in guest.get("/api/terminals").json()["terminals"]} == seen
                for path in ("", "/output", "/events?follow=false"):
                    for terminal_id in (own, other):
                        expected = 200 if terminal_id in seen else 404
                        assert guest.get(f"/api/terminal/{terminal_id}{path}").status_code == expected
                key = {"clientId": "client-of-guest", "seq": 1, "data": "x"}
                size = {"viewerId": "viewer-of-guest", "cols": 10, "rows": 10}
                assert guest.post(f"/api/terminal/{own}/input", json=key).status_code == 403
                assert guest.post(f"/api/terminal/{own}/resize", json=size).status_code == 403
                assert guest.delete(f"/api/terminal/{own}").status_code == 403
                assert guest.post("/api/terminal", json={"sessionId": session_id}).status_code == 403


def test_a_flood_ends_a_second_after_ctrl_c_and_holds_up_no_other_stream(place: Place) -> None:
    with place.serving() as server, place.client() as http:
        terminal_id, session_id = opened(http), new_session(http)
        keys = Keys(http, terminal_id)
        keys.type("yes; echo over-$((6*7))\r")
        with frames(http, f"/api/terminal/{terminal_id}/events?after=0") as following:
            began, memory = time.monotonic(), 0
            while time.monotonic() < began + 2:
                next(following)
                memory = memory or (_resident(server.pid) if time.monotonic() > began + 0.5 else 0)
            asked = time.monotonic()
            prompt(http, session_id, "true")
            assert time.monotonic() < asked + 1
            keys.type("\x03")
            stopped, tail = time.monotonic(), b""
            for frame in following:
                tail = (tail + b64decode(frame.get("data", "")))[-100:]
                if b"over-42" in tail or b"^C" in tail:
                    break
            assert time.monotonic() < stopped + 2
            assert _resident(server.pid) < memory + 30 * 1024 * 1024


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)
