"""What the commands print, and how they end, for a server that plays a script."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calls import SECONDS, bounded, call, spawn
from tests.cli.stage import (
    EPOCH,
    QUICK,
    SESSION,
    TOKEN,
    TURN,
    Answer,
    Script,
    Stage,
    Stream,
    accepted,
    connected,
    event,
    frame,
    output,
    problem,
    session,
)

ONE = f"GET /api/session/{SESSION}"
EVENTS = f"{ONE}/events"
PROMPT = f"POST /api/session/{SESSION}/prompt"
CANCEL = f"POST /api/session/{SESSION}/cancel"
DELETED = event("session-deleted", 99)


def started(seq: int, turn_id: str = TURN) -> bytes:
    return event("turn-started", seq, turnId=turn_id)


def completed(seq: int, stop_reason: str = "end", turn_id: str = TURN) -> bytes:
    return event("turn-completed", seq, turnId=turn_id, stopReason=stop_reason)


def sent(seq: int, command: str, turn_id: str = TURN) -> bytes:
    return event("command-sent", seq, turnId=turn_id, command=command, delivery="queue")


def conversation(*parts: bytes, state: str = "started", more: Script | None = None) -> Stage:
    """Return a stage for one prompt whose stream has *parts*."""
    return Stage(
        {
            "POST /api/sessions": [Answer(session(), 201)],
            ONE: [Answer(session())],
            PROMPT: [Answer(accepted(state), 202)],
            EVENTS: [Stream([QUICK, connected(0), *parts])],
            CANCEL: [Answer({"success": True, "sessionId": SESSION, "turnId": TURN, "message": "stopping"}, 202)],
            **(more or {}),
        }
    )


def test_run_makes_a_session_here_and_ends_with_the_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stage = conversation(
        sent(1, "false"),
        started(2),
        output(3, "\x1b[1mhello\x1b[0m\n"),
        output(4, "oops\n", "stderr"),
        output(5, "", "exit", exitCode=3),
        completed(6),
    )

    with stage.playing():
        result = call("run", "echo hello; exit 3", stage=stage)

    assert result.exit_code == 3
    assert result.stdout == "\x1b[1mhello\x1b[0m\n"
    assert result.stderr == f"{stage.url}/session/{SESSION}\noops\nexit 3 after 0.0 s\n"
    assert stage.asked("POST /api/sessions")[0].body == {"mode": "shell", "workingDir": str(tmp_path)}
    assert stage.asked(PROMPT)[0].body["command"] == "echo hello; exit 3"
    assert stage.asked(EVENTS)[0].headers["last-event-id"] == f"{EPOCH}.0"


def test_run_goes_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with conversation(completed(1)).playing() as stage:
        call("run", "pwd", "--dir", "sub", stage=stage)
        call("run", "pwd", "--dir", "/else/where", stage=stage)

    made = [request.body["workingDir"] for request in stage.asked("POST /api/sessions")]
    assert made == [str(tmp_path / "sub"), "/else/where"]


@pytest.mark.parametrize(
    ("stop_reason", "exit_code"),
    [("end", 0), ("cancelled", 130), ("refused", 5), ("limit", 5), ("error", 5), ("interrupted", 5)],
)
def test_a_turn_without_an_exit_code_ends_by_its_reason(stop_reason: str, exit_code: int) -> None:
    with conversation(started(1), completed(2, stop_reason)).playing() as stage:
        result = call("prompt", SESSION, "hi", stage=stage)

    assert result.exit_code == exit_code


def test_a_prompt_shows_its_own_turn_and_what_the_session_says_meanwhile() -> None:
    def background(seq: int, text: str) -> bytes:
        return event("session-output", seq, stream="stdout", content=text)

    stage = conversation(
        output(1, "other\n").replace(TURN.encode(), b"turn-other"),
        background(2, "too early\n"),
        completed(3, "error", "turn-other"),
        sent(4, "hi"),
        started(5),
        output(6, "mine\n"),
        background(7, "meanwhile\n"),
        completed(8),
        state="queued",
    )

    with stage.playing():
        result = call("prompt", SESSION, "hi", stage=stage)

    assert result.exit_code == 0
    assert result.stdout == "mine\nmeanwhile\n"
    assert "queued behind another turn" in result.stderr


def test_a_prompt_goes_on_after_a_restart_and_shows_nothing_twice() -> None:
    streams: list[Answer | Stream] = [
        Stream([QUICK, connected(0), started(1), output(2, "one\n")], end="cut"),
        Stream([connected(1), output(2, "one\n"), completed(3, "interrupted")]),
    ]

    with conversation(more={EVENTS: streams}).playing() as stage:
        result = call("prompt", SESSION, "hi", stage=stage)

    assert result.exit_code == 5
    assert result.stdout == "one\n"
    assert "trying again in" in result.stderr
    assert "interrupted" in result.stderr


def test_a_prompt_that_a_restart_left_in_the_queue_says_so() -> None:
    streams: list[Answer | Stream] = [
        Stream([QUICK, connected(0)], end="cut"),
        Stream([connected(0, status="interrupted"), DELETED]),
    ]

    with conversation(state="queued", more={EVENTS: streams}).playing() as stage:
        result = call("prompt", SESSION, "hi", stage=stage)

    assert result.exit_code == 5
    assert "held after a restart" in result.stderr


def test_no_wait_prints_the_id_of_the_turn() -> None:
    with conversation().playing() as stage:
        result = call("prompt", SESSION, "hi", "--no-wait", stage=stage)

    assert (result.exit_code, result.stdout) == (0, f"{TURN}\n")
    assert not stage.asked(EVENTS)


def test_a_prompt_is_read_from_the_standard_input() -> None:
    with conversation().playing() as stage:
        call("prompt", SESSION, "-", "--no-wait", stage=stage, stdin="zwei\nZeilen ä\n")

    assert stage.asked(PROMPT)[0].body["command"] == "zwei\nZeilen ä\n"


def test_an_input_that_is_no_text_is_not_sent() -> None:
    with conversation().playing() as stage:
        result = call("prompt", SESSION, "-", stage=stage, stdin=b"ab\xff")

    assert result.exit_code == 1
    assert "is not UTF-8" in result.stderr
    assert not stage.requests


def test_a_session_whose_only_prompt_is_refused_is_not_left_behind() -> None:
    more: Script = {
        PROMPT: [Answer(problem(400, "invalid-body", "Bad Request", "The prompt is empty."), 400)],
        f"DELETE /api/session/{SESSION}": [Answer({"success": True, "message": "gone", "sessionId": SESSION})],
    }

    with conversation(more=more).playing() as stage:
        result = call("run", "", stage=stage)

    assert result.exit_code == 4
    assert "The prompt is empty." in result.stderr
    assert len(stage.asked(f"DELETE /api/session/{SESSION}")) == 1


def test_a_refusal_is_shown_in_the_words_of_the_server() -> None:
    refusal = problem(409, "queue-full", "The queue is full", "32 prompts wait.\x1b[2J")

    with conversation(more={PROMPT: [Answer(refusal, 409)]}).playing() as stage:
        result = call("prompt", SESSION, "hi", stage=stage)

    assert result.exit_code == 4
    assert result.stderr == "Error: 32 prompts wait.\N{REPLACEMENT CHARACTER}[2J\n"


def test_a_refusal_that_is_no_problem_body_is_named_by_its_status() -> None:
    with conversation(more={PROMPT: [Answer(b"<html>", 502)]}).playing() as stage:
        result = call("prompt", SESSION, "hi", stage=stage)

    assert result.exit_code == 4
    assert result.stderr == "Error: The server answered 502 Bad Gateway.\n"


def test_the_first_interrupt_stops_the_turn_and_its_end_is_still_shown() -> None:
    more = {EVENTS: [Stream([QUICK, connected(0), started(1), output(2, "working\n")], end="cut")]}
    stage = conversation(more=more)
    process = spawn("prompt", SESSION, "sleep", environ={"TOWPATH_URL": stage.url, "TOWPATH_TOKEN": TOKEN})

    with bounded(process), stage.playing():
        assert process.stdout
        ready = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        stage.wait_for(CANCEL)
        stage.now(EVENTS, Stream([connected(2), output(3, "stopped\n"), completed(4, "cancelled")]))
        out, err = process.communicate(timeout=SECONDS)

    assert (ready, out) == ("working\n", "stopped\n")
    assert process.returncode == 130
    assert stage.asked(CANCEL)[0].body == {"turnId": TURN}
    assert "cancelled" in err
    assert "Traceback" not in err


def test_the_second_interrupt_leaves_at_once() -> None:
    stage = conversation(started(1), output(2, "working\n"))
    process = spawn("prompt", SESSION, "sleep", environ={"TOWPATH_URL": stage.url, "TOWPATH_TOKEN": TOKEN})

    with bounded(process), stage.playing():
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        stage.wait_for(CANCEL)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)

    assert process.returncode == 130
    assert "Traceback" not in err


def test_tail_prints_each_event_once_through_cuts_and_says_what_happened() -> None:
    reset = frame("stream-reset", 7, reason="trimmed", sessionId=SESSION, earliest=f"{EPOCH}.7")
    streams: list[Answer | Stream] = [
        Stream([QUICK, connected(0), sent(1, "ls"), output(2, "one\n"), output(3, "two\n")[:30]], end="cut"),
        Stream([connected(1), output(2, "one\n"), output(3, "two\n")], end="clean"),
        Stream([connected(3), reset, output(8, "eight\n"), DELETED]),
    ]

    with conversation(more={EVENTS: streams}).playing() as stage:
        result = call("tail", SESSION, stage=stage)

    assert result.exit_code == 0
    assert result.stdout == "one\ntwo\neight\n"
    assert result.stderr.count("trying again in") == 2
    assert f"events from before {EPOCH}.7 are no longer kept" in result.stderr
    assert "> ls" in result.stderr
    assert result.stderr.endswith("the session was deleted\n")


@pytest.mark.parametrize(
    ("start", "query", "header"),
    [("start", "after=0", None), ("now", "", None), (f"{EPOCH}.5", "", f"{EPOCH}.5")],
)
def test_tail_begins_where_it_is_told(start: str, query: str, header: str | None) -> None:
    with conversation(DELETED).playing() as stage:
        call("tail", SESSION, "--from", start, stage=stage)

    assert stage.asked(EVENTS)[0].query == query
    assert stage.asked(EVENTS)[0].headers.get("last-event-id") == header


def test_tail_prints_json_lines_and_resets_among_them() -> None:
    reset = frame("stream-reset", 0, "otherera", reason="epoch", sessionId=SESSION, earliest="otherera.0")

    with conversation(output(1, "a\u2028b"), reset, event("brand-new", 1, "otherera", x=1), DELETED).playing() as stage:
        result = call("tail", SESSION, "--json", stage=stage)

    lines = [json.loads(text) for text in result.stdout.split("\n")[:-1]]
    assert [item["type"] for item in lines] == ["session-output", "stream-reset", "brand-new", "session-deleted"]
    assert lines[0]["content"] == "a\u2028b"
    assert lines[2]["x"] == 1


def test_tail_asks_for_types_only() -> None:
    with conversation(completed(5), DELETED).playing() as stage:
        result = call("tail", SESSION, "--types", "turn-completed,session-deleted", stage=stage)

    assert stage.asked(EVENTS)[0].query == "types=turn-completed%2Csession-deleted&after=0"
    assert "missing" not in result.stderr


def test_tail_ends_when_its_token_is_revoked() -> None:
    streams: list[Answer | Stream] = [
        Stream([QUICK, connected(0), frame("stream-closing", 0, reason="revoked")], end="clean"),
        Answer(problem(401, "unauthorized", "Not you", "Log in first."), 401),
    ]

    with conversation(more={EVENTS: streams}).playing() as stage:
        result = call("tail", SESSION, stage=stage)

    assert result.exit_code == 4
    assert "does not know this token. Set TOWPATH_TOKEN" in result.stderr


def test_tail_leaves_by_interrupt_without_a_trace() -> None:
    stage = conversation(output(1, "one\n"))
    process = spawn("tail", SESSION, environ={"TOWPATH_URL": stage.url, "TOWPATH_TOKEN": TOKEN})

    with bounded(process), stage.playing():
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)

    assert process.returncode == 130
    assert "Traceback" not in err


def test_tail_leaves_quietly_when_its_reader_does() -> None:
    stage = conversation(*[output(seq, "line\n") for seq in range(1, 2000)])
    process = spawn("tail", SESSION, environ={"TOWPATH_URL": stage.url, "TOWPATH_TOKEN": TOKEN})

    with bounded(process), stage.playing():
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        process.wait(SECONDS)

    assert process.returncode == 1
    assert "Traceback" not in err


def listed(**members: Any) -> list[Answer | Stream]:
    return [Answer(members)]


def test_sessions_are_a_table_of_short_ids() -> None:
    found = [session("abcdefgh0123"), session("abcdefgh0199", title="evil\x1b[2J\ntitle", archived=True)]

    with Stage({"GET /api/sessions": listed(sessions=found)}).playing() as stage:
        result = call("sessions", stage=stage)

    header, first, second = result.stdout.splitlines()
    assert header.split() == ["SESSION", "MODE", "STATUS", "ACTIVE", "TITLE", "DIRECTORY"]
    assert first.split()[:3] == ["abcdefgh012", "shell", "idle"]
    assert second.startswith("abcdefgh019")
    assert "evil\N{REPLACEMENT CHARACTER}[2J title" in second
    assert "(archived)" in second


def test_sessions_as_json_are_whole() -> None:
    with Stage({"GET /api/sessions": listed(sessions=[session(), session("abcdefgh0199")])}).playing() as stage:
        result = call("sessions", "--json", stage=stage)

    assert [json.loads(text) for text in result.stdout.splitlines()] == [session(), session("abcdefgh0199")]


def test_no_sessions_say_how_to_make_one() -> None:
    with Stage({"GET /api/sessions": listed(sessions=[])}).playing() as stage:
        result = call("sessions", stage=stage)

    assert (result.exit_code, result.stdout) == (0, "")
    assert "towpath run" in result.stderr


def token(**members: Any) -> dict[str, Any]:
    return {"tokenId": "token-0001", "name": "ci", "scope": "read", "createdAt": 1_750_000_000_000} | members


def test_a_token_is_made_and_its_secret_is_all_that_stdout_gets() -> None:
    made: list[Answer | Stream] = [Answer({"success": True, "token": token(), "secret": "s3cret"}, 201)]

    with conversation(more={"POST /api/tokens": made}).playing() as stage:
        result = call("token", "make", "ci", "--scope", "session", "--session", SESSION, stage=stage)

    assert (result.exit_code, result.stdout) == (0, "s3cret\n")
    assert "towpath token revoke token-0001" in result.stderr
    assert stage.asked("POST /api/tokens")[0].body == {"name": "ci", "scope": "session", "sessionId": SESSION}


def test_tokens_are_listed() -> None:
    tokens = [token(), token(tokenId="token-0002", scope="session", sessionId=SESSION)]

    with Stage({"GET /api/tokens": listed(tokens=tokens)}).playing() as stage:
        table = call("token", "list", stage=stage).stdout.splitlines()
        lines = call("token", "list", "--json", stage=stage).stdout.splitlines()

    assert table[1].split() == ["token-0001", "ci", "read", "2025-06-15", "15:06", "UTC"]
    assert f"session {SESSION}" in table[2]
    assert [json.loads(text) for text in lines] == tokens


def test_a_token_is_revoked() -> None:
    removed: list[Answer | Stream] = [
        Answer({"success": True, "tokenId": "token-0001", "message": "Token token-0001 is revoked."})
    ]

    with Stage({"DELETE /api/tokens/token-0001": removed}).playing() as stage:
        result = call("token", "revoke", "token-0001", stage=stage)

    assert result.exit_code == 0
    assert "token-0001 is revoked" in result.stderr


def test_login_prints_the_url_alone_on_stdout() -> None:
    code = {"success": True, "code": "c0de", "url": "http://127.0.0.1:8780/login#c0de", "expiresAt": 0}

    with Stage({"POST /api/login-codes": [Answer(code, 201)]}).playing() as stage:
        result = call("login", stage=stage)

    assert result.stdout == "http://127.0.0.1:8780/login#c0de\n"
    assert "works once" in result.stderr
