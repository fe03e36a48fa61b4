"""What a client or an operator gets wrong: the right answer, nothing started, nothing written, nothing lost."""

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from contracts.requests import PROMPT_BYTES
from tests.processes.living import children
from tests.servers import ONE_REQUEST_EACH, Place, Refused, Server, history, new_session, run_prompt

MEBIBYTE = 1024 * 1024
UNKNOWN = "neverwasasession"


class World:
    """A server with one session that has worked, one that was deleted, and what must not change."""

    def __init__(self, place: Place, server: Server, http: httpx.Client) -> None:
        self.place = place
        self.http = http
        self._server = server
        self.session = new_session(http)
        run_prompt(http, self.session, "echo here")
        server.rest()
        self.deleted = new_session(http)
        http.delete(f"/api/session/{self.deleted}")

    def facts(self) -> object:
        counted = self.http.get("/api/debug/metrics").json()["eventsByType"]
        sessions = self.http.get("/api/sessions").json()["sessions"]
        return counted, children(self._server.pid), sessions, history(self.http, self.session)

    def refused(self, method: str, path: str, status: int, code: str, **options: Any) -> dict[str, Any]:
        """Send what must be refused so; return the problem."""
        before = self.facts()
        answer = self.http.request(method, path, **options)
        problem: dict[str, Any] = answer.json()

        assert (answer.status_code, problem["code"]) == (status, code), problem
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert problem["status"] == status
        assert problem["detail"]
        assert "Traceback" not in answer.text
        assert self.facts() == before
        return problem


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = Place(tmp_path_factory.mktemp("bad"))
    with place.serving() as server, place.client(limits=ONE_REQUEST_EACH) as http:
        yield World(place, server, http)
        assert "Traceback" not in place.complaints


SESSION_ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "", {}),
    ("PATCH", "", {"json": {"title": "new"}}),
    ("DELETE", "", {}),
    ("GET", "/events", {}),
    ("GET", "/events/status", {}),
    ("GET", "/snapshot", {}),
    ("GET", "/history", {}),
    ("GET", "/status", {}),
    ("POST", "/prompt", {"json": {"command": "echo no"}}),
    ("POST", "/cancel", {"json": {}}),
    ("POST", "/resume", {}),
]
each_route = pytest.mark.parametrize(
    ("method", "suffix", "options"), SESSION_ROUTES, ids=[f"{method}{suffix}" for method, suffix, _ in SESSION_ROUTES]
)


@each_route
@pytest.mark.parametrize(
    "session_id",
    ["short", "x" * 33, "with.dots.inside", "semi;colon;s", "%00%00%00%00%00%00%00%00", "%0d%0aX-Y%3a%20z1"],
)
def test_a_malformed_id_is_named_as_such(
    world: World, session_id: str, method: str, suffix: str, options: dict[str, Any]
) -> None:
    problem = world.refused(method, f"/api/session/{session_id}{suffix}", 400, "invalid-session-id", **options)

    assert "{8,32}" in problem["detail"]


@each_route
@pytest.mark.parametrize("which", ["unknown", "deleted"])
def test_an_unknown_or_deleted_id_is_not_found(
    world: World, which: str, method: str, suffix: str, options: dict[str, Any]
) -> None:
    session_id = UNKNOWN if which == "unknown" else world.deleted
    problem = world.refused(method, f"/api/session/{session_id}{suffix}", 404, "session-not-found", **options)

    assert problem["sessionId"] == session_id


BODIES: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "invalid-body"),
    "no-json": (b"mode=shell", 400, "invalid-body"),
    "cut-short": (b'{"mode": "shell"', 400, "invalid-body"),
    "two-values": (b'{"mode": "shell"} {}', 400, "invalid-body"),
    "array": (b"[]", 400, "invalid-body"),
    "string": (b'"shell"', 400, "invalid-body"),
    "number": (b"1", 400, "invalid-body"),
    "null": (b"null", 400, "invalid-body"),
    "nan": (b'{"mode": NaN}', 400, "invalid-body"),
    "not-utf-8": (b'{"mode": "sh\xffell", "command": "\xff"}', 400, "invalid-body"),
    "lone-surrogate": (b'{"mode": "\\ud800", "command": "\\ud800"}', 400, "invalid-body"),
    "too-deep": (b'{"mode": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "invalid-body"),
    "too-big": (b'{"mode": "' + b"a" * MEBIBYTE + b'"}', 413, "body-too-large"),
    "unknown-member": (b'{"mode": "shell", "command": "echo no", "extra": 1}', 400, "invalid-body"),
    "escaped-nul": (b'{"mode": "she\\u0000ll", "command": "echo \\u0000 no"}', 400, "invalid-body"),
    "raw-nul": (b'{"mode": "she\0ll", "command": "echo \0 no"}', 400, "invalid-body"),
    "wrong-type": (b'{"mode": 1, "command": 1}', 400, "invalid-body"),
}


@pytest.mark.parametrize("path", ["/api/sessions", "/api/session/{}/prompt"])
@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused(world: World, path: str, name: str) -> None:
    body, status, code = BODIES[name]
    headers = {"Content-Type": "application/json"}
    world.refused("POST", path.format(world.session), status, code, content=body, headers=headers)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_that_says_it_is_no_json_is_refused(world: World, media_type: str) -> None:
    body = b'{"mode": "shell"}'
    headers = {"Content-Type": media_type}
    world.refused("POST", "/api/sessions", 415, "unsupported-media-type", content=body, headers=headers)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("missing", 422, "invalid-working-dir"),
        ("file", 422, "invalid-working-dir"),
        ("file/below", 422, "invalid-working-dir"),
        ("way-out", 403, "working-dir-outside-roots"),
        ("way-out/deeper", 403, "working-dir-outside-roots"),
        ("..", 403, "working-dir-outside-roots"),
        ("/", 403, "working-dir-outside-roots"),
        ("/etc", 403, "working-dir-outside-roots"),
        ("loop", 422, "invalid-working-dir"),
        ("a" * 300, 422, "invalid-working-dir"),
        ("a" * 5000, 400, "invalid-body"),
        ("", 400, "invalid-body"),
        ("line\nend", 400, "invalid-body"),
    ],
)
def test_a_bad_working_directory_is_refused(world: World, name: str, status: int, code: str) -> None:
    root = world.place.root
    outside = root.parent / "outside"
    if not outside.exists():
        (outside / "deeper").mkdir(parents=True)
        (root / "way-out").symlink_to(outside)
        (root / "loop").symlink_to(root / "loop")
        (root / "file").write_text("no directory")
    problem = world.refused("POST", "/api/sessions", status, code, json={"mode": "shell", "workingDir": name})

    assert problem["member"] == "$.workingDir"


@pytest.mark.parametrize("mode", ["basic", "SHELL", "../shell", "shell "])
def test_an_unknown_mode_is_refused_and_the_known_are_named(world: World, mode: str) -> None:
    problem = world.refused("POST", "/api/sessions", 422, "unknown-mode", json={"mode": mode})

    assert "shell" in problem["detail"]


@pytest.mark.parametrize(
    ("command", "status", "code"),
    [
        ("", 400, "invalid-body"),
        (" \t\r\n", 400, "invalid-body"),
        ("a" * (PROMPT_BYTES + 1), 413, "prompt-too-large"),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}" * (PROMPT_BYTES // 2 + 1), 413, "prompt-too-large"),
    ],
    ids=["empty", "blank", "over-the-limit", "over-the-limit-in-bytes"],
)
def test_a_prompt_that_is_empty_or_too_large_is_refused(world: World, command: str, status: int, code: str) -> None:
    path = f"/api/session/{world.session}/prompt"
    problem = world.refused("POST", path, status, code, json={"command": command})

    assert problem["member"] == "$.command"


def test_a_prompt_at_the_limit_runs(world: World) -> None:
    # more than one argument of a program may have on Linux (128 KiB)
    head, tail = "echo begin; : '", "'; echo end"
    command = head + "x" * (PROMPT_BYTES - len(head) - len(tail)) + tail
    session_id = new_session(world.http)
    run_prompt(world.http, session_id, command)
    events = history(world.http, session_id)

    written = "".join(event["content"] for event in events if event["type"] == "session-output")
    assert written == "begin\nend\n"
    assert [event["exitCode"] for event in events if event.get("stream") == "exit"] == [0]


CURSORS = ["1", "-1", "00", "abc", "null", "epoch123.", "epoch123.-1", "epoch123.1.2", ".5", "short.1", "epoch123.1e3",
           "epoch123.99999999999999999", "epoch123.1 ", "epoch 123.1"]  # fmt: skip


@pytest.mark.parametrize("path", ["/api/session/{}/events", "/api/events"])
@pytest.mark.parametrize("cursor", CURSORS)
@pytest.mark.parametrize("place", ["after", "Last-Event-ID"])
def test_a_cursor_of_a_wrong_kind_is_refused(world: World, path: str, cursor: str, place: str) -> None:
    options: dict[str, Any] = {"params": {"after": cursor}} if place == "after" else {"headers": {place: cursor}}
    if place != "after" and cursor != cursor.strip():
        pytest.skip("a header's value has no blanks around it")
    problem = world.refused("GET", path.format(world.session), 400, "invalid-cursor", **options)

    assert problem["member"] == place


@pytest.mark.parametrize("path", ["/api/session/{}/events", "/api/events"])
def test_a_wrong_cursor_is_refused_beside_one_that_wins(world: World, path: str) -> None:
    options: dict[str, Any] = {"params": {"after": "abc"}, "headers": {"Last-Event-ID": "0"}}
    problem = world.refused("GET", path.format(world.session), 400, "invalid-cursor", **options)

    assert problem["member"] == "after"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/session/{}/events", f"after={'a' * 65}"),
        ("/api/session/{}/events", "types=no-such-type"),
        ("/api/session/{}/events", "follow=perhaps"),
        ("/api/events", "types=session-output,,"),
        ("/api/events", "sessions=short"),
        ("/api/session/{}/history", "after=-1"),
        ("/api/session/{}/history", "after=one"),
        ("/api/session/{}/history", f"before={2**64}"),
        ("/api/session/{}/history", "limit=0"),
        ("/api/session/{}/history", "limit=1000000000"),
        ("/api/session/{}/history", f"limit={'9' * 5000}"),
        ("/api/sessions", "limit=-1"),
        ("/api/sessions", "cursor=nowhere"),
        ("/api/sessions", "status=asleep"),
        ("/api/sessions", "archived=maybe"),
    ],
)
def test_a_bad_parameter_is_refused(world: World, path: str, query: str) -> None:
    problem = world.refused("GET", f"{path.format(world.session)}?{query}", 400, "invalid-parameter")

    assert problem["member"] == query.partition("=")[0]


def test_a_query_of_very_many_parameters_is_refused_by_its_size(world: World) -> None:
    query = "&".join(f"p{number}=1" for number in range(100_000))
    with socket.create_connection(("127.0.0.1", world.place.port), timeout=30) as connection:
        connection.sendall(f"GET /api/session/{world.session}/history?{query} HTTP/1.1\r\n".encode())
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"header-too-large" in answer


def test_a_data_directory_that_others_may_write_is_refused_with_what_to_do(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.data.mkdir()
    place.data.chmod(0o777)

    with pytest.raises(Refused) as refusal:
        place.start()

    assert f"Others may write to the data directory {place.data}" in str(refusal.value)
    assert "chmod 700" in str(refusal.value)
    assert "Traceback" not in str(refusal.value)
    assert list(place.data.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_that_can_not_be_written_is_refused_with_what_to_do(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.data.mkdir()
    place.data.chmod(0o500)

    with pytest.raises(Refused) as refusal:
        place.start()

    assert f"The data directory {place.data} can't be written" in str(refusal.value)
    assert "--data-dir" in str(refusal.value)
    assert "Traceback" not in str(refusal.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serving(), place.client() as http:
        run_prompt(http, new_session(http), "echo precious")
    database = place.data / "towpath.db"
    damaged = b"garbage" * 100 + database.read_bytes()[700:]
    database.write_bytes(damaged)

    with pytest.raises(Refused) as refusal:
        place.start()

    assert "towpath.db is not a database" in str(refusal.value)
    assert "Traceback" not in str(refusal.value)
    assert database.read_bytes() == damaged


def test_a_database_that_is_damaged_beyond_its_sessions_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serving(), place.client() as http:
        new_session(http)
    database = place.data / "towpath.db"
    with closing(apsw.Connection(str(database))) as connection:
        place_of = "SELECT (rootpage - 1) * page_size, page_size FROM sqlite_schema, pragma_page_size WHERE name = ?"
        found: Any = connection.execute(place_of, ("sessions_restless",)).fetchone()
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    with database.open("r+b") as file:
        start, length = found
        file.seek(start)
        file.write(b"\xff" * length)

    with pytest.raises(Refused) as refusal:
        place.start()

    assert "The log can't be read or written" in str(refusal.value)
    assert "Traceback" not in str(refusal.value)


def test_a_session_with_a_flipped_byte_is_put_aside_and_the_others_serve(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serving(), place.client() as http:
        good, bad = new_session(http), new_session(http)
        for session_id in (good, bad):
            run_prompt(http, session_id, f"echo 'of {session_id}'")
    flip(place.data / "towpath.db", f"of {bad}\\n".encode())
    with place.serving(), place.client() as http:
        first = http.get(f"/api/session/{bad}/history")
        answers = [
            http.request(method, f"/api/session/{bad}{suffix}", **options) for method, suffix, options in SESSION_ROUTES
        ]
        run_prompt(http, good, "echo still here")
        whole = history(http, good)
        with http.stream("GET", f"/api/events?sessions={bad},{good}&after=0&follow=false") as stream:
            many = (stream.status_code, stream.read().decode())

    assert (first.status_code, first.json()["code"]) == (410, "session-quarantined")
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(410, "session-quarantined")}
    assert [event["seq"] for event in whole] == list(range(1, len(whole) + 1))
    assert many[0] == 200
    assert '"reason":"gone"' in many[1]
    assert f"of {bad}" not in many[1]
    assert "still here" in many[1]
    assert place.call("doctor")[0] == 1


def flip(database: Path, needle: bytes) -> None:
    """Change one byte of the one event whose data holds *needle*."""
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT id, data FROM events").fetchall()
        found = [(key, data) for key, data in rows if needle in data and b"session-output" in data]
        assert len(found) == 1
        key, data = found[0]
        connection.execute("UPDATE events SET data = ? WHERE id = ?", (data.replace(needle, needle.swapcase()), key))
    connection.close()
