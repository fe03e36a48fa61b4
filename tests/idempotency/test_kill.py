"""The server dies after a request's effect is durable and before its answer is: the answer comes all the same."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import SECONDS, Place, history

DRIVER = Path(__file__).with_name("dying_server.py")


class Mortal(Place):
    """A place whose server is killed while it answers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.program = folder / "towpath"
        self.program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{DRIVER}" "$@"\n')
        self.program.chmod(0o700)
        self.server = self.start()

    def call_twice(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request that kills the server, then send it again to the next one."""
        options["headers"] = {"Idempotency-Key": f"{method}-{path}"}
        with self.client() as client:
            (self.root / "die").touch()
            with pytest.raises(httpx.RemoteProtocolError):
                client.request(method, path, **options)
            self.server.process.communicate(timeout=SECONDS)
            (self.root / "die").unlink()
            self.server = self.start()
            first, second = (client.request(method, path, **options) for _ in range(2))
        assert (first.status_code, first.json()) == (second.status_code, second.json())
        assert first.headers["idempotency-replayed"] == "true"
        return first


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Mortal]:
    made = Mortal(tmp_path)
    yield made
    made.server.kill()


def test_what_was_done_is_answered_and_not_done_again(place: Mortal) -> None:
    made = place.call_twice("POST", "/api/sessions", json={"mode": "shell", "title": "unheard of"})
    session_id = made.json()["sessionId"]
    sent = place.call_twice("POST", f"/api/session/{session_id}/prompt", json={"command": "echo sent"})

    with place.client() as client:
        titles = [session["title"] for session in client.get("/api/sessions").json()["sessions"]]
        commands = [event for event in history(client, session_id) if event["type"] == "command-sent"]
    assert made.status_code == 201
    assert made.headers["location"] == f"/api/session/{session_id}"
    assert titles == ["unheard of"]
    assert sent.status_code == 202
    assert [(event["turnId"], event["timestamp"]) for event in commands] == [
        (sent.json()["turnId"], sent.json()["timestamp"])
    ]


def test_a_terminal_is_opened_once_and_ended_once(place: Mortal) -> None:
    opened = place.call_twice("POST", "/api/terminal", json={"cols": 100})
    path = f"/api/terminal/{opened.json()['terminalId']}"
    with place.client() as client:
        listed = client.get("/api/terminals").json()["terminals"]
    ended = place.call_twice("DELETE", path)

    assert opened.status_code == 201
    assert opened.headers["location"] == path
    assert [(one["terminalId"], one["status"], one["cols"]) for one in listed] == [
        (opened.json()["terminalId"], "running", 100)
    ]
    assert ended.json()["success"] is True
    with place.client() as client:
        assert client.get(path).status_code == 404
