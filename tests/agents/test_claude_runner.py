"""Claude Code by its SDK against a scripted model, at the runner's own streams."""

import json
import os
import queue
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.agents.model import Model, Step, scripted
from tests.agents.programs import program
from tests.processes.living import children
from tests.servers import Place, history, new_session, run_prompt

SECONDS = 30
Answer = Callable[["Runner"], Any]


def choose(option: str) -> Answer:
    return lambda _: {"outcome": {"outcome": "selected", "optionId": option}}


def nobody_asks(runner: "Runner") -> Any:
    raise AssertionError(runner.asked[-1])


class Runner:
    """A client of the runner: calls it, and answers what it asks."""

    def __init__(self, home: Path, url: str) -> None:
        self.folder = home / "work"
        self.folder.mkdir(exist_ok=True)
        self.updates: list[Any] = []
        self.asked: list[Any] = []
        self.session = ""
        self._lines: queue.Queue[str] = queue.Queue()
        self._calls = 0
        self.process = subprocess.Popen(
            [program("claude/bin/python"), "-P", "-m", "infrastructure.agents.claude_runner"],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "ANTHROPIC_BASE_URL": url,
                "ANTHROPIC_API_KEY": "test-key",
                "CLAUDE_CODE_MAX_RETRIES": "0",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        Thread(target=self._read, daemon=True).start()

    def open(self, method: str = "session/new", **params: Any) -> None:
        answer = self.call(method, cwd=str(self.folder), **params)
        self.session = answer["result"]["sessionId"]

    def prompt(self, *answers: list[Step], answer: Answer = nobody_asks) -> Any:
        return self.call("session/prompt", answer, prompt=[{"type": "text", "text": scripted("Go on.", *answers)}])

    def tell(self, method: str) -> None:
        self._send(method=method, params={"sessionId": self.session})

    def call(self, method: str, answer: Answer = nobody_asks, **params: Any) -> Any:
        """Return what a call is answered; *answer* says what questions are answered meanwhile."""
        self._calls += 1
        self.updates = []
        self._send(id=self._calls, method=method, params={"sessionId": self.session, **params})
        while True:
            message = json.loads(self._lines.get(timeout=SECONDS))
            match message:
                case {"method": "session/update", "params": {"update": update}}:
                    self.updates.append(update)
                case {"method": "session/request_permission", "id": number, "params": asked}:
                    self.asked.append(asked)
                    if (answered := answer(self)) is not None:
                        self._send(id=number, result=answered)
                case {"id": self._calls}:
                    return message

    def told(self, kind: str) -> list[Any]:
        return [update for update in self.updates if update["sessionUpdate"] == kind]

    @property
    def said(self) -> str:
        return "".join(update["content"]["text"] for update in self.told("agent_message_chunk"))

    def _send(self, **message: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)


@contextmanager
def running(home: Path, model: Model) -> Iterator[Runner]:
    runner = Runner(home, model.url)
    try:
        runner.call("initialize", protocolVersion=1)
        yield runner
    finally:
        runner.process.terminate()
        runner.process.wait(SECONDS)
        for stream in (runner.process.stdin, runner.process.stdout):
            assert stream
            stream.close()


@pytest.fixture
def model() -> Iterator[Model]:
    program("claude/bin/python")
    with Model() as model:
        yield model


@pytest.fixture
def runner(tmp_path: Path, model: Model) -> Iterator[Runner]:
    with running(tmp_path, model) as runner:
        runner.open()
        yield runner


def run(command: str) -> Step:
    return {"call": "Bash", "input": {"command": command, "description": "Try it"}}


def test_thoughts_and_text_come_in_pieces_and_the_window_is_told(runner: Runner) -> None:
    answer = runner.prompt([{"think": "A thought of its own."}, {"say": "An answer of its own."}])

    thoughts = runner.told("agent_thought_chunk")
    assert "".join(one["content"]["text"] for one in thoughts) == "A thought of its own."
    assert runner.said == "An answer of its own."
    assert len({one["messageId"] for one in runner.told("agent_message_chunk")}) == 1 < len(thoughts)
    assert answer["result"]["stopReason"] == "end_turn"
    assert answer["result"]["usage"]["totalTokens"] == 120
    (usage,) = runner.told("usage_update")
    assert usage["used"] == 120 < usage["size"]


def test_a_tool_runs_once_it_is_allowed_and_not_when_refused(runner: Runner) -> None:
    allowed = runner.prompt([run("echo ran >> a")], [{"told": True}], answer=choose("allow"))

    calls = [(one.get("title"), one["status"]) for one in runner.updates if "toolCallId" in one]
    assert calls == [("echo ran >> a", "pending"), (None, "in_progress"), (None, "completed")]
    assert (runner.folder / "a").read_text() == "ran\n"
    assert allowed["result"]["stopReason"] == "end_turn"

    refused = runner.prompt([run("echo ran >> b")], [{"say": "Well."}], answer=choose("reject"))

    assert runner.told("tool_call_update")[-1]["status"] == "failed"
    assert not (runner.folder / "b").exists()
    assert (runner.said, refused["result"]["stopReason"]) == ("Well.", "end_turn")


def test_an_edit_shows_its_diff(runner: Runner) -> None:
    path = str(runner.folder / "text")
    write = {"call": "Write", "input": {"file_path": path, "content": "one\n"}}
    edit = {"call": "Edit", "input": {"file_path": path, "old_string": "one", "new_string": "two"}}

    runner.prompt([write], [edit], [{"say": "Done."}], answer=choose("allow"))

    made, changed = runner.told("tool_call")
    assert made["content"] == [{"type": "diff", "path": path, "newText": "one\n"}]
    assert changed["content"] == [{"type": "diff", "path": path, "oldText": "one", "newText": "two"}]
    assert (changed["kind"], changed["locations"]) == ("edit", [{"path": path}])
    assert Path(path).read_text() == "two\n"


def test_a_question_with_choices_gets_the_choice(runner: Runner) -> None:
    options = [{"label": colour, "description": colour} for colour in ("Red", "Blue")]
    question = {"question": "Which colour?", "header": "Colour", "options": options, "multiSelect": False}

    runner.prompt(
        [{"call": "AskUserQuestion", "input": {"questions": [question]}}], [{"told": True}], answer=choose("answer-1")
    )

    (asked,) = runner.asked
    assert asked["toolCall"]["title"] == "Which colour?"
    assert [option["name"] for option in asked["options"]] == ["Red", "Blue", "Answer nothing"]
    assert '"Which colour?"="Blue"' in runner.said


def test_a_cancel_ends_a_turn_that_asks_and_one_that_runs(runner: Runner) -> None:
    def cancel(runner: Runner) -> None:
        runner.tell("session/cancel")

    def cancel_what_is_allowed(runner: Runner) -> Any:
        runner.tell("session/cancel")
        return choose("allow")(runner)

    asking = runner.prompt([run("echo ran >> a")], [{"say": "Went on."}], answer=cancel)
    running = runner.prompt(
        [run("python3 -c 'import time; time.sleep(60)'")], [{"say": "Went on."}], answer=cancel_what_is_allowed
    )

    assert asking["result"]["stopReason"] == running["result"]["stopReason"] == "cancelled"
    assert not (runner.folder / "a").exists()
    assert runner.prompt([{"say": "Still here."}])["result"]["stopReason"] == "end_turn"


def test_an_error_that_arrives_as_success_fails_the_prompt(runner: Runner) -> None:
    failed = runner.prompt([{"fail": 500}])

    assert "500 scripted failure" in failed["error"]["message"]
    assert not runner.said
    assert runner.prompt([{"say": "Again."}])["result"]["stopReason"] == "end_turn"


def test_a_killed_program_fails_its_prompt_and_the_next_one_remembers(runner: Runner) -> None:
    runner.prompt([{"say": "The word is pelican."}])
    (program_id,) = (pid for pid in children(runner.process.pid) if b"claude" in _arguments(pid))

    def kill(_: Runner) -> None:
        os.kill(program_id, signal.SIGKILL)

    failed = runner.prompt([run("echo ran >> a")], answer=kill)

    assert "has ended" in failed["error"]["message"]
    runner.prompt([{"recall": "pelican"}])
    assert runner.said == "I remember pelican."
    assert not (runner.folder / "a").exists()


def test_another_runner_goes_on_and_a_fork_knows_what_was_said(runner: Runner, tmp_path: Path, model: Model) -> None:
    runner.prompt([{"say": "The word is pelican."}])
    parent = runner.session
    runner.open("session/fork")
    fork = runner.session
    runner.prompt([{"say": "The word is heron."}])

    with running(tmp_path, model) as second:
        second.open("session/resume", sessionId=fork)
        second.prompt([{"recall": "pelican"}, {"recall": "heron"}])
        assert second.said == "I remember pelican.I remember heron."
        second.open("session/resume", sessionId=parent)
        second.prompt([{"recall": "pelican"}, {"recall": "heron"}])
        assert second.said == "I remember pelican.I know no heron."
        unknown = second.call("session/resume", sessionId="0" * 8, cwd=str(second.folder))
        assert unknown["error"]["code"] == -32002


def test_a_message_may_be_larger_than_the_sdk_expects(runner: Runner) -> None:
    text = "0123456789 " * 120_000

    answer = runner.prompt([{"say": text}])

    assert answer["result"]["stopReason"] == "end_turn"
    assert len(runner.said) == len(text) > 1024 * 1024


def test_what_is_given_beside_a_prompt_reaches_the_model_as_it_is(runner: Runner, model: Model) -> None:
    text = {"type": "text", "text": scripted("Look.", [{"say": "I see."}])}
    file = {"type": "resource_link", "uri": "file:///etc/two%20words", "name": "two words"}
    hidden = runner.folder / "hidden"
    hidden.write_text("pelican")
    given = {"type": "resource", "resource": {"uri": "note", "text": f"/exit and @{hidden}"}}
    strange = {"type": "resource", "resource": {"uri": "x", "blob": "AAAA", "mimeType": "application/zip"}}

    runner.call("session/prompt", prompt=[text, file, given])

    heard = "".join(said.text for said in model.conversations[-1])
    assert "/etc/two words" in heard
    assert f"/exit and @{hidden}" in heard
    assert "pelican" not in heard
    assert "nothing else" in runner.call("session/prompt", prompt=[text, strange])["error"]["message"]
    assert runner.prompt([{"say": "Well."}])["result"]["stopReason"] == "end_turn"


def test_a_mode_is_set_before_the_program_runs_and_while_it_does(runner: Runner) -> None:
    write = {"call": "Write", "input": {"file_path": str(runner.folder / "a"), "content": "a"}}
    assert runner.call("session/set_mode", modeId="acceptEdits")["result"] == {}

    runner.prompt([write], [{"say": "Done."}])
    runner.call("session/set_mode", modeId="default")
    runner.prompt([run("echo ran >> b")], [{"say": "Done."}], answer=choose("reject"))

    assert (runner.folder / "a").read_text() == "a"
    assert runner.call("session/set_mode", modeId="auto")["error"]["code"] == -32602


def test_what_lies_in_the_directory_is_not_imported(tmp_path: Path, model: Model) -> None:
    (tmp_path / "work").mkdir()
    for name in ("anyio", "msgspec", "contracts", "infrastructure", "claude_agent_sdk"):
        (tmp_path / "work" / f"{name}.py").write_text("open('/dev/stdout', 'w').write('imported\\n')")

    with running(tmp_path, model) as runner:
        runner.open()

        assert runner.session


def test_the_extra_is_all_that_the_mode_needs(tmp_path: Path, model: Model) -> None:
    place = Place(tmp_path, HOME=str(tmp_path), ANTHROPIC_API_KEY="test-key", ANTHROPIC_BASE_URL=model.url)
    place.program = program("claude/bin/towpath")

    with place.serving(), place.client() as client:
        modes = {agent["mode"]: agent["available"] for agent in client.get("/api/agents").json()["agents"]}
        assert modes["claude"]
        session_id = new_session(client, mode="claude")
        run_prompt(client, session_id, scripted("Go on.", [{"say": "An answer."}]))
        events = history(client, session_id)

    said = "".join(event["text"] for event in events if event["type"] == "agent-message")
    assert said == "An answer."
    assert {event["agentMode"] for event in events if "agentMode" in event} <= {"default"}


def _arguments(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()
