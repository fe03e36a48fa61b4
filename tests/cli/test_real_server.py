"""The command line and a real server, each a process of its own."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import NamedTuple

import pytest

from tests.cli.calls import bounded
from tests.ports import free_port
from tests.servers import PROGRAM, SECONDS, Place, Server, new_session, run_prompt


def run(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run words that know nothing of the place."""
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False)


def last_active(place: Place) -> str:
    """Return the id of the session that was active last."""
    _, out, _ = place.call("sessions", "--json")
    return str(json.loads(out.splitlines()[0])["sessionId"])


class Served(NamedTuple):
    """A place where a server runs."""

    place: Place
    server: Server


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Share one server among the tests that let it live."""
    place = Place(tmp_path_factory.mktemp("served"))
    with place.serving() as server:
        yield Served(place, server)


def lines_of(process: subprocess.Popen[str]) -> "Queue[str]":
    """Return a queue that gets each line of a process's stdout."""
    lines: Queue[str] = Queue()

    def pump() -> None:
        assert process.stdout
        for text in process.stdout:
            lines.put(text)

    threading.Thread(target=pump, daemon=True).start()
    return lines


def test_the_announced_command_works_as_printed_in_a_fresh_shell(served: Served) -> None:
    place, server = served
    printed = server.announced.partition("In a second terminal:\n")[2].partition("\n\n")[0]
    fresh = ("env", "-i", "PATH=/usr/bin:/bin", f"HOME={Path.home()}")
    first, _, demo = printed.rpartition("\n")  # the demo waits for an answer, which tests/e2e/test_demo.py gives
    result = run(*fresh, "sh", "-ec", first, cwd=Path("/"))

    assert demo.endswith(" demo")
    assert re.search(rf"http://127\.0\.0\.1:{place.port}/login#\S{{20,}}\n", server.announced)
    assert "towpath" in printed
    assert "run 'echo hello'" in printed
    assert (result.returncode, result.stdout) == (0, "hello\n")


def test_run_passes_output_and_exit_code_through(served: Served) -> None:
    place = served.place
    result = place.call("run", "echo hello; echo oops >&2; pwd; exit 3")

    code, out, err = result
    assert (code, out) == (3, f"hello\n{place.root}\n")
    assert "oops\n" in err
    assert re.search(r"exit 3 after \d+\.\d s", err)


def test_a_big_output_arrives_whole(served: Served) -> None:
    place = served.place
    _, out, _ = place.call("run", "seq 1 20000")

    assert out == "".join(f"{number}\n" for number in range(1, 20001))


def test_prompts_of_one_session_go_on_where_the_last_ended(served: Served) -> None:
    place = served.place
    place.call("run", "mkdir sub && cd sub")
    session = last_active(place)
    code, out, _ = place.call("prompt", session[:10], "pwd")

    assert (code, out) == (0, f"{place.root}/sub\n")


def test_an_interrupt_stops_the_turn(served: Served) -> None:
    place = served.place
    with bounded(place.spawn("run", "echo begun; sleep 60")) as process:
        assert process.stdout
        begun = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)

    assert begun == "begun\n"
    assert process.returncode == 130
    assert "cancelled after" in err
    assert "Traceback" not in err


def test_tail_shows_each_event_once_through_kill_and_restart(place: Place) -> None:
    with place.serving() as server:
        place.call("run", "echo one")
        session = last_active(place)
        with bounded(place.spawn("tail", session, "--json")) as tail:
            lines = lines_of(tail)
            seen = [json.loads(lines.get(timeout=SECONDS))]
            while seen[-1]["type"] != "turn-completed":
                seen.append(json.loads(lines.get(timeout=SECONDS)))
            with bounded(place.spawn("prompt", session, "echo two; sleep 60")) as prompt:
                assert prompt.stdout
                prompt.stdout.readline()
                server.kill()
                with place.serving():
                    out, err = prompt.communicate(timeout=SECONDS)
                    place.call("prompt", session, "echo three")
                    while sum(event["type"] == "turn-completed" for event in seen) < 3:
                        seen.append(json.loads(lines.get(timeout=SECONDS)))
            tail.send_signal(signal.SIGINT)
            _, complaints = tail.communicate(timeout=SECONDS)

    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    content = [event["content"] for event in seen if event["type"] == "session-output" and event["stream"] == "stdout"]
    assert content == ["one\n", "two\n", "three\n"]
    assert (prompt.returncode, out) == (5, "")
    assert "interrupted" in err
    assert "trying again in" in complaints
    assert "missing" not in complaints
    assert tail.returncode == 130


def test_the_tail_of_a_deleted_session_ends(served: Served) -> None:
    place = served.place
    place.call("run", "true")
    session = last_active(place)
    with bounded(place.spawn("tail", session, "--json")) as tail:
        assert tail.stdout
        tail.stdout.readline()
        token = (place.data / "token").read_text().strip()
        subprocess.run(
            [sys.executable, "-c", DELETE, f"http://127.0.0.1:{place.port}/api/session/{session}", token],
            check=True,
        )
        out, _ = tail.communicate(timeout=SECONDS)

    assert json.loads(out.splitlines()[-1])["type"] == "session-deleted"
    assert tail.returncode == 0


DELETE = """
import sys, urllib.request
headers = {"Authorization": "Bearer " + sys.argv[2]}
urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="DELETE", headers=headers))
"""


def test_a_second_server_is_refused_and_told_who_holds_the_directory(served: Served) -> None:
    place, server = served
    code, out, err = place.call("serve", "--port", str(free_port()))

    assert (code, out) == (1, "")
    assert f"pid {server.pid}" in err
    assert f"http://127.0.0.1:{place.port}" in err
    assert "Traceback" not in err


def test_a_taken_port_is_named(served: Served, tmp_path: Path) -> None:
    place = served.place
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    code, _, err = other.call("serve", "--port", str(place.port))

    assert code == 1
    assert "another program listens there" in err
    assert "Traceback" not in err


def test_an_outside_directory_is_refused_with_the_reason(served: Served, tmp_path: Path) -> None:
    place = served.place
    result = run(PROGRAM, "--data-dir", place.data, "run", "pwd", cwd=tmp_path)

    assert result.returncode == 4
    assert result.stdout == ""
    assert "root" in result.stderr


def test_a_token_opens_what_its_scope_says_until_it_is_revoked(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    place = served.place
    _, secret, _ = place.call("token", "make", "reader", "--scope", "read")
    _, table, _ = place.call("token", "list", "--json")
    monkeypatch.setenv("TOWPATH_TOKEN", secret.strip())
    url = f"http://127.0.0.1:{place.port}"
    read = run(PROGRAM, "--url", url, "sessions")
    write = run(PROGRAM, "--url", url, "run", "true")
    revoked = place.call("token", "revoke", json.loads(table)["tokenId"])
    after = run(PROGRAM, "--url", url, "sessions")

    assert (read.returncode, write.returncode, revoked[0], after.returncode) == (0, 4, 0, 4)


def test_who_replaces_the_owner_s_token_is_told_where_the_new_one_is(place: Place) -> None:
    with place.serving():
        before = place.token
        revoked, path, told = place.call("token", "revoke", "owner_token")
        after = place.call("sessions")

    assert (revoked, after[0]) == (0, 0)
    assert "was replaced: the new one is in the file `token`" in told
    assert Path(path.strip()).read_text().strip() == place.token != before


def test_doctor_finds_a_sound_place_with_and_without_a_server(place: Place) -> None:
    before = place.call("doctor")
    with place.serving():
        place.call("run", "true")
        running = place.call("doctor")
    after = place.call("doctor", "--no-agents")

    assert [result[0] for result in (before, running, after)] == [0, 0, 0], (before, running, after)
    for _, told, _ in (before, running):
        assert "agent demo (Demo (scripted, no model)): towpath-demo 1 speaks ACP 1, ready in" in told
    assert "agent demo (Demo (scripted, no model)) can start" in after[1]
    assert "is not made yet" in before[1]
    assert f"a server runs at http://127.0.0.1:{place.port}" in running[1]
    assert "agent shell" in running[1]
    assert "the log is sound: 1 sessions, every event was read" in after[1]


def test_doctor_names_what_is_damaged_and_what_others_may_read(place: Place) -> None:
    with place.serving():
        place.call("run", "echo precious")
        session = last_active(place)
    with sqlite3.connect(place.data / "towpath.db") as database:
        changed = database.execute(
            "UPDATE events SET data = CAST(replace(CAST(data AS TEXT), 'precious', 'poisoned') AS BLOB)"
        ).rowcount
    (place.data / "token").chmod(0o644)

    code, out, _ = place.call("doctor")

    assert changed > 0
    assert code == 1
    assert f"the log of session {session} is damaged" in out
    assert f"{place.data}/token is not this user's alone" in out


def test_sessions_are_found_over_http_and_after_the_index_was_made_anew(place: Place) -> None:
    with place.serving(), place.client() as client:
        first, second = new_session(client, title="Deploy the café"), new_session(client)
        run_prompt(client, second, "echo needle-in-a-haystack")
        found = [
            client.get("/api/sessions", params={"q": words}).json()["sessions"]
            for words in ("CAFE dep", "needle echo", "haystack AND", '"*(', "")
        ]

        fork = client.post(f"/api/sessions/{second}/fork", json={}).json()["session"]["sessionId"]
        copied = client.get("/api/sessions", params={"q": "needle echo"}).json()["sessions"]

    code, out, _ = place.call("doctor")
    with place.serving(), place.client() as client:
        again = client.get("/api/sessions", params={"q": "needle hay", "mode": "shell"}).json()["sessions"]

    assert [[session["sessionId"] for session in page] for page in found] == [
        [first],
        [second],
        [],
        [],
        [second, first],
    ]
    assert found[0][0]["snippet"] == "Deploy the café"
    assert "needle-in-a-haystack" in found[1][0]["snippet"]
    assert code == 0, out
    assert [session["sessionId"] for session in copied] == [fork, second]
    assert "5 titles, prompts and answers" in out
    assert [session["sessionId"] for session in again] == [fork, second]
