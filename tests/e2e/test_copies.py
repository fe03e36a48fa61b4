"""Projects, copies and worktrees from outside: a real server, real git, `kill -9` at the worst moments.

TOWPATH_FORKED_EVENTS says how long a history is forked.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import monotonic, sleep, time
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from contracts.events import Event
from domain.ids import SessionId
from domain.state import apply, begin, listing
from infrastructure.eventlogs.sqlite import SqliteEventLog
from tests.factories import SESSION_ID, make_completed, make_created, make_output, make_sent, make_started
from tests.servers import SECONDS, Place, history, new_session, run_prompt

FORKED_EVENTS = int(os.environ.get("TOWPATH_FORKED_EVENTS", "10000"))


def git(directory: Path, *words: str) -> str:
    words = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org", *words)
    return subprocess.run(["git", *words], cwd=directory, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    repository = place.root / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    (repository / "README").write_text("one\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "first")
    return place


def told(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def until(done: Callable[[], object]) -> None:
    deadline = monotonic() + SECONDS
    while not done():
        assert monotonic() < deadline
        sleep(0.02)


def in_vain(place: Place, method: str, path: str, **options: Any) -> Thread:
    """Send a request that the server will not live to answer."""

    def send() -> None:
        with place.client() as client, suppress(httpx.TransportError):
            client.request(method, path, **options)

    sending = Thread(target=send)
    sending.start()
    return sending


def test_an_isolated_session_disturbs_nobody_and_loses_nothing(place: Place) -> None:
    repository, store = place.root / "repository", place.data / "worktrees"
    with place.serving() as server, place.client() as client:
        session_id = new_session(client, workingDir="repository", isolation="worktree")
        run_prompt(client, session_id, "echo two >> README; echo new > new.txt")
        changes = told(client.get(f"/api/session/{session_id}/changes"), 200)
        files = told(client.get("/api/files", params={"root": str(store / session_id)}), 200)
        server.kill()

    assert git(repository, "status", "--porcelain") == ""
    with place.serving(), place.client() as client:
        assert told(client.get(f"/api/session/{session_id}/changes"), 200) == changes
        fork = told(client.post(f"/api/sessions/{session_id}/fork"), 201)["session"]
        clean = told(client.delete(f"/api/session/{fork['sessionId']}"), 200)
        kept = told(client.delete(f"/api/session/{session_id}"), 200)
        assert client.get(f"/api/session/{session_id}/changes").status_code == 404
        plain = new_session(client, workingDir="repository")
        assert told(client.get(f"/api/session/{plain}/changes"), 404)["code"] == "worktree-not-found"
        refused = client.post("/api/sessions", json={"mode": "shell", "isolation": "worktree"})
        assert told(refused, 422)["code"] == "isolation-unavailable"

    assert [(file["path"], file["status"]) for file in changes["files"]] == [
        ("README", "modified"),
        ("new.txt", "added"),
    ]
    assert {file["path"] for file in files["files"]} == {"README", "new.txt"}
    assert fork["workingDir"] == str(store / fork["sessionId"])
    assert "keptWorktree" not in clean
    assert kept["keptWorktree"] == str(store / session_id)
    assert (store / session_id / "new.txt").read_text() == "new\n"
    assert names(store) == [session_id]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_killed_while_it_makes_a_worktree_leaves_no_litter(when: str, place: Place, tmp_path: Path) -> None:
    """A git that stands still, before or after it did what it was asked for, gives the time to kill the server."""
    programs, mark, real = tmp_path / "programs", tmp_path / "reached", shutil.which("git")
    programs.mkdir()
    stand_still = f'touch "{mark}"; sleep 1000'
    steps = stand_still if when == "before" else f'"{real}" "$@"; {stand_still}'
    (programs / "git").write_text(
        f'#!/bin/sh\ncase " $* " in *" worktree add "*) {steps} ;; esac\nexec "{real}" "$@"\n'
    )
    (programs / "git").chmod(0o755)
    place.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
    with place.serving() as server:
        request = {"mode": "shell", "workingDir": "repository", "isolation": "worktree"}
        sending = in_vain(place, "POST", "/api/sessions", json=request)
        until(mark.exists)
        server.kill()
        sending.join()
    assert len(names(place.data / "worktrees")) == 1 + (when == "after")

    del place.environment["PATH"]
    with place.serving(), place.client() as client:
        assert client.get("/api/sessions").json()["sessions"] == []
        until(lambda: not names(place.data / "worktrees"))

    repository = place.root / "repository"
    assert git(repository, "branch", "--format=%(refname:short)").split() == ["main"]
    assert git(repository, "worktree", "list", "--porcelain").count("worktree ") == 1


def test_a_deleted_project_has_no_sessions_after_a_crash(place: Place) -> None:
    with place.serving() as server, place.client() as client:
        project = told(client.post("/api/projects", json={"name": "P", "rootDir": "repository"}), 201)
        sessions = {new_session(client, projectId=project["projectId"]) for _ in range(30)}
        mine = client.get("/api/sessions", params={"projectId": project["projectId"]}).json()["sessions"]
        assert {session["sessionId"] for session in mine} == sessions
        assert {session["workingDir"] for session in mine} == {project["rootDir"]}
        with client.stream("GET", "/api/events", params={"types": "project-deleted"}) as stream:
            lines = stream.iter_lines()
            next(line for line in lines if line == "event: connected")
            sending = in_vain(place, "DELETE", f"/api/project/{project['projectId']}")
            next(line for line in lines if line == "event: project-deleted")
            server.kill()
            sending.join()

    with place.serving(), place.client() as client:
        assert client.get("/api/projects").json() == {"projects": []}
        listed = client.get("/api/sessions", params={"limit": 100}).json()["sessions"]

    assert {session["sessionId"] for session in listed} == sessions
    assert [session for session in listed if "projectId" in session] == []


async def prepare(place: Place, count: int) -> None:
    """Put a session of so many events into the log, as a server would have."""
    events: list[Event] = [make_created(working_dir=str(place.root)), make_sent(), make_started()]
    events += [make_output(text=f"{number} {'x' * 80}\n") for number in range(count - len(events) - 1)]
    events.append(make_completed())
    now = int(time() * 1000)  # what is older than the retention time would go
    stamped = [replace(event, session_id=SESSION_ID, seq=seq, timestamp=now) for seq, event in enumerate(events, 1)]
    state = begin(stamped[0])  # type: ignore[arg-type]
    for event in stamped[1:]:
        state = apply(state, event)
    place.data.mkdir(mode=0o700)
    async with SqliteEventLog.open(place.data / "towpath.db", durability="power") as log:
        await log.append(SessionId(SESSION_ID), stamped, expected_seq=0, listing=listing(state))


async def test_a_long_history_is_forked_whole_and_survives_a_crash(place: Place) -> None:
    await prepare(place, FORKED_EVENTS)
    with place.serving() as server, place.client() as client:
        copy_id = told(client.post(f"/api/sessions/{SESSION_ID}/fork"), 201)["session"]["sessionId"]
        server.kill()
    with place.serving(), place.client() as client:
        original, copy = history(client, SESSION_ID), history(client, copy_id)

    assert len(original) == FORKED_EVENTS
    assert copy[1:FORKED_EVENTS] == [{**event, "sessionId": copy_id} for event in original[1:]]
    assert copy[0]["origin"] == {"sessionId": SESSION_ID, "seq": FORKED_EVENTS, "kind": "fork"}


def test_a_move_ends_background_jobs_and_begins_the_next_prompt_elsewhere(place: Place) -> None:
    with place.serving() as server, place.client() as client:
        session_id = new_session(client)
        run_prompt(client, session_id, "sleep 1000 & echo $! > pid")
        job = int((place.root / "pid").read_text())
        os.kill(job, 0)

        moved = told(client.post(f"/api/sessions/{session_id}/move", json={"workingDir": "repository"}), 200)

        with pytest.raises(ProcessLookupError):
            os.kill(job, 0)
        run_prompt(client, session_id, "pwd > where")
        server.rest()
    assert moved["agentMemory"] == "lost"
    assert (place.root / "repository" / "where").read_text().strip() == str(place.root.resolve() / "repository")
