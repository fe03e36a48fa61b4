"""Agents over ACP through a real server: what a client sees of them, and what is left of them when the server dies."""

import json
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from tests.e2e.test_approvals import asked, of, over, reply
from tests.processes.living import everyone, read
from tests.servers import Place, history, new_session, prompt, run_prompt

SCRIPT = Path(__file__).parents[1] / "agents" / "scripted_agent.py"
SECONDS = 20


def make_place(folder: Path, *arguments: str, **members: Any) -> Place:
    """Make a place whose mode `scripted` is the scripted agent, run with *arguments*."""
    command = [sys.executable, "-I", str(SCRIPT), *arguments, f"--store={folder}"]
    table = {"protocol": "acp", "command": command, **members}
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())
    (folder / "towpath.toml").write_text(f"[agents.scripted]\n{lines}")
    return Place(folder, TOWPATH_CONFIG=str(folder / "towpath.toml"))


def steps(*words: list[Any]) -> str:
    return json.dumps(words)


def said(events: list[dict[str, Any]]) -> str:
    return "".join(event["text"] for event in of(events, "agent-message"))


def nothing_left(folder: Path) -> bool:
    """Say whether no agent of this place lives, once what was killed is gone."""
    deadline = monotonic() + 5
    while left := [pid for pid in everyone() if f"--store={folder}".encode() in read(f"/proc/{pid}/cmdline")]:
        if monotonic() > deadline:
            raise AssertionError(left)
        sleep(0.02)
    return True


def test_a_turn_with_files_a_terminal_and_a_question(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    written = place.root / "made" / "new.txt"
    (place.root / "old.txt").write_text("1\n2\n3\n")
    with place.serving(), place.client() as http:
        session_id = new_session(http, mode="scripted")
        turn = steps(
            ["ask", "make it"],
            ["call", "fs/read_text_file", {"path": str(place.root / "old.txt"), "line": 2, "limit": 1}],
            ["call", "fs/read_text_file", {"path": "/etc/hostname"}],
            ["call", "fs/read_text_file", {"path": str(place.root / "nowhere.txt")}],
            ["call", "fs/write_text_file", {"path": str(written), "content": "new\n"}],
            ["call", "fs/write_text_file", {"path": str(tmp_path / "out.txt"), "content": "new\n"}],
            ["terminal", "echo in a terminal; exit 3"],
        )
        prompt(http, session_id, turn)
        reply(http, asked(http, session_id))
        events = over(http, session_id)
        content = written.read_text()
        files = http.get(f"/api/session/{session_id}/context").json()["files"]
        (plan,) = http.get(f"/api/session/{session_id}/plans").json()["plans"]
        reverted = http.post(f"/api/session/{session_id}/operations/revert", json={"planId": plan["planId"]})
        http.delete(f"/api/session/{session_id}")
        nothing_left(tmp_path)

    assert said(events) == '[y]{"content": "2\\n"}-32603-32002{}-326033 in a terminal'
    assert content == "new\n"
    assert reverted.status_code == 200
    assert not written.parent.exists()
    assert not (tmp_path / "out.txt").exists()
    assert {(Path(file["path"]).name, file["how"]) for file in files} == {("old.txt", "read"), ("new.txt", "written")}
    assert [event["code"] for event in of(events, "session-error")] == ["path-outside", "path-outside"]
    assert [event["owner"] for event in of(events, "terminal-created")] == ["agent"]
    assert [event["exitCode"] for event in of(events, "terminal-closed")] == [3]
    assert [event["stopReason"] for event in of(events, "turn-completed")] == ["end"]


@pytest.mark.parametrize(
    ("end", "arguments"), [("kill", ("--resume",)), ("stop", ())], ids=["killed, remembers", "stopped, forgets"]
)
def test_a_question_outlives_the_server_and_what_it_allows_is_done_once(
    tmp_path: Path, end: str, arguments: tuple[str, ...]
) -> None:
    place = make_place(tmp_path, *arguments)
    mark = tmp_path / "done"
    server = place.start()
    with place.client() as http:
        session_id = new_session(http, mode="scripted")
        prompt(http, session_id, steps(["ask", "deploy"], ["mark", str(mark)], ["ask", "deploy"], ["mark", str(mark)]))
        question = asked(http, session_id)
        getattr(server, end)()
        nothing_left(tmp_path)
        with place.serving():
            again = asked(http, session_id)
            view = http.get(f"/api/session/{session_id}").json()
            statuses = [reply(http, question).status_code for _ in range(2)]
            other = asked(http, session_id)
            before = mark.read_text()
            reply(http, other, approved=False)
            events = over(http, session_id)
    nothing_left(tmp_path)

    assert (again, view["status"]) == (question, "waiting")
    assert statuses == [200, 409]
    assert other["approvalId"] != question["approvalId"]
    assert before == "done\n"
    assert [event["approvalId"] for event in of(events, "run-started")] == [question["approvalId"]]
    assert said(events) == "[y][n]"
    lost = [event["code"] for event in of(events, "session-error")]
    assert lost == ([] if arguments else ["agent-memory-lost"])


def test_what_had_begun_before_a_second_kill_never_runs_again(tmp_path: Path) -> None:
    place = make_place(tmp_path, "--resume")
    mark = tmp_path / "done"
    server = place.start()
    with place.client() as http:
        session_id = new_session(http, mode="scripted")
        prompt(http, session_id, steps(["ask", "deploy"], ["mark", str(mark)], ["hang"]))
        question = asked(http, session_id)
        server.kill()
        server = place.start()
        reply(http, question)
        deadline = monotonic() + SECONDS
        while not mark.exists():
            assert monotonic() < deadline
            sleep(0.02)
        server.kill()
        nothing_left(tmp_path)
        with place.serving():
            events = over(http, session_id)
            status = http.get(f"/api/session/{session_id}").json()["status"]

    assert mark.read_text() == "done\n"
    assert len(of(events, "run-started")) == 1
    assert [event["stopReason"] for event in of(events, "turn-completed")] == ["interrupted"]
    assert status == "interrupted"


def test_an_agent_takes_up_its_session_after_a_restart_and_its_copy_remembers(tmp_path: Path) -> None:
    place = make_place(tmp_path, "--resume", "--fork")
    with place.serving(), place.client() as http:
        session_id = new_session(http, mode="scripted")
        run_prompt(http, session_id, steps(["say", "one"]))
    with place.serving(), place.client() as http:
        run_prompt(http, session_id, steps(["say", "two"]))
        answer = http.post(f"/api/sessions/{session_id}/fork", json={})
        assert answer.status_code == 201, answer.text
        fork = answer.json()
        copy_id = fork["session"]["sessionId"]
        run_prompt(http, copy_id, steps(["say", "three"]))
        events, copied = history(http, session_id), history(http, copy_id)
        earlier = http.post(f"/api/sessions/{session_id}/fork", json={"atSeq": 5}).json()
    nothing_left(tmp_path)

    ids = [event["agentSessionId"] for event in of(copied, "session-updated") if "agentSessionId" in event]
    assert said(events) == "onetwo"
    assert (fork["agentMemory"], earlier["agentMemory"]) == ("forked", "none")
    assert len(set(ids)) == 2
    assert not of(events, "session-error")
    assert not of(copied, "session-error")
    kept = [json.loads(path.read_text()) for path in tmp_path.glob(f"{ids[-1]}.json")]
    assert [said_text(kept[0])] == ["onetwothree"]


def said_text(updates: list[dict[str, Any]]) -> str:
    return "".join(one["content"]["text"] for one in updates if one["sessionUpdate"] == "agent_message_chunk")
