"""One question, many who answer, and a server that dies: what was allowed runs once or not at all, and the log tells.

TOWPATH_KILL_CYCLES says how often the server is killed; a cycle takes about as long as its start.
"""

import os
import random
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Barrier
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from tests.servers import Place, history, new_session, prompt

CYCLES = int(os.environ.get("TOWPATH_KILL_CYCLES", "12" if os.environ.get("CI") else "6"))
CLIENTS = 50
SECONDS = 20
PAUSE_SECONDS = 0.02
RULES = """
[[rules]]
effect = "ask"
command = "deploy *"
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    config = tmp_path / "towpath.toml"
    config.write_text(RULES)
    return Place(tmp_path, TOWPATH_CONFIG=str(config))


class Deed:
    """Something to be asked about that leaves a line in a file each time it is done."""

    def __init__(self, place: Place) -> None:
        self.mark = place.root / "done"
        self.command = f"deploy() {{ echo done >> {self.mark}; sleep 0.1; }}; deploy now"

    @property
    def times(self) -> int:
        return len(self.mark.read_text().splitlines()) if self.mark.exists() else 0


def asked(http: httpx.Client, session_id: str) -> dict[str, Any]:
    """Return the session's question once there is one."""
    deadline = monotonic() + SECONDS
    while not (questions := http.get(f"/api/session/{session_id}/approvals").json()["approvals"]):
        assert monotonic() < deadline, history(http, session_id)
        sleep(PAUSE_SECONDS)
    question: dict[str, Any] = questions[0]
    return question


def reply(http: httpx.Client, question: dict[str, Any], **answer: Any) -> httpx.Response:
    address = f"/api/session/{question['sessionId']}/approvals/{question['approvalId']}"
    return http.post(address, json={"approved": True, **answer})


def over(http: httpx.Client, session_id: str) -> list[dict[str, Any]]:
    """Return the session's events once its turn is over."""
    deadline = monotonic() + SECONDS
    while not of(events := history(http, session_id), "turn-completed"):
        assert monotonic() < deadline, events
        sleep(PAUSE_SECONDS)
    return events


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def test_of_fifty_clients_one_wins_and_all_others_learn_which(place: Place) -> None:
    deed = Deed(place)
    together = Barrier(CLIENTS)

    def answer(number: int) -> httpx.Response:
        with place.client() as http:
            http.get("/healthz")
            together.wait(SECONDS)
            return reply(http, question, approved=number % 5 > 0)

    with place.serving(), place.client() as http, ThreadPoolExecutor(CLIENTS) as threads:
        session_id = new_session(http)
        prompt(http, session_id, deed.command)
        question = asked(http, session_id)
        answers = list(threads.map(answer, range(CLIENTS)))
        events = over(http, session_id)
        again = reply(http, question)

    (confirmed,) = of(events, "approval-confirmed")
    winners = [answer.json() for answer in answers if answer.status_code == 200]
    late = [answer for answer in (*answers, again) if answer.status_code != 200]
    assert len(winners) == 1
    assert winners[0]["approved"] == confirmed["approved"]
    assert {(answer.status_code, answer.json()["code"]) for answer in late} == {(409, "approval-answered")}
    assert all(answer.json()["answer"] == confirmed for answer in late)
    assert deed.times == len(of(events, "run-started")) == int(confirmed["approved"])
    assert [event["stopReason"] for event in of(events, "turn-completed")] == [
        "end" if confirmed["approved"] else "refused"
    ]


def test_a_question_outlives_kill_9_and_runs_once_when_it_is_answered(place: Place) -> None:
    deed = Deed(place)
    server = place.start()
    with place.client() as http:
        session_id = new_session(http)
        prompt(http, session_id, deed.command)
        question = asked(http, session_id)
        prompt(http, session_id, f"echo queued >> {deed.mark}")
        server.kill()
        with place.serving():
            again = asked(http, session_id)
            status = http.get(f"/api/session/{session_id}").json()["status"]
            before = deed.times
            statuses = [reply(http, question).status_code for _ in range(2)]
            events = over(http, session_id)
            held = http.get(f"/api/session/{session_id}/snapshot").json()["state"]["held"]

    assert (again, status, before) == (question, "waiting", 0)
    assert statuses == [200, 409]
    assert deed.times == len(of(events, "run-started")) == 1
    assert held is True


@pytest.mark.timeout(60 + 10 * CYCLES)
def test_kill_9_around_the_answer_runs_it_once_or_not_at_all_and_the_log_tells(place: Place) -> None:
    chance = random.Random(seed := random.randrange(10**6))
    ends: dict[str, int] = {}
    server = place.start()
    with place.client() as http, ThreadPoolExecutor(1) as thread:
        for number in range(CYCLES):
            deed = Deed(place)
            deed.mark.unlink(missing_ok=True)
            session_id = new_session(http, title=str(number))
            prompt(http, session_id, deed.command)
            question = asked(http, session_id)
            sending = thread.submit(answer_until_killed, place, question)
            if (
                number % 2
            ):  # right after the answer, else somewhere before, in or behind it: the moment is what is tried
                wait([sending], SECONDS)
            else:
                sleep(chance.uniform(0, 0.1))
            server.kill()
            acknowledged = sending.result()
            server = place.start()
            events = history(http, session_id)
            confirmed, started = of(events, "approval-confirmed"), of(events, "run-started")
            if acknowledged:
                assert confirmed, events
            if not confirmed:  # it still stands
                assert http.get(f"/api/session/{session_id}").json()["status"] == "waiting"
                assert (deed.times, reply(http, question).status_code) == (0, 200)
                assert len(of(over(http, session_id), "run-started")) == deed.times == 1
                outcome = "answered after the restart"
            else:
                (completed,) = of(events, "turn-completed")
                assert reply(http, question).status_code == 409
                assert deed.times <= len(started) <= 1
                assert completed["stopReason"] in ({"end", "interrupted"} if started else {"interrupted"})
                outcome = f"{completed['stopReason']} {'after' if started else 'before'} run-started"
            ends[outcome] = ends.get(outcome, 0) + 1
            http.delete(f"/api/session/{session_id}").raise_for_status()
    server.stop()
    print(f"{CYCLES} cycles, seed {seed}: {ends}")

    assert "Traceback" not in place.complaints


def answer_until_killed(place: Place, question: dict[str, Any]) -> bool:
    with place.client() as http:
        try:
            return reply(http, question).status_code == 200
        except httpx.TransportError:
            return False
