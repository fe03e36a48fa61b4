"""Whatever an agent says over ACP, right or wrong: what a client of a real server sees of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.agents.conversations import Conversation, Event, in_words, place_of_agents
from tests.servers import Place, Server

FLOOD = 20_000
LARGE_BYTES = 40_000_000
STDERR_BYTES = 1_000_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return place_of_agents(tmp_path_factory.mktemp("conformance"), {"scripted": ()})


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[Server]:
    with place.serving() as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server, place: Place) -> Iterator[httpx.Client]:
    assert server.running
    with place.client() as client:
        yield client


@pytest.fixture
def agent(client: httpx.Client) -> Iterator[Conversation]:
    conversation = Conversation.begun(client, "scripted")
    yield conversation
    conversation.delete()


class Case(NamedTuple):
    """The steps of a prompt, and what is seen of them before the turn ends as it should."""

    steps: list[Any]
    said: list[str]


CHUNK = "agent_message_chunk"
TOOL = {"toolCallId": "t1", "title": "Read", "kind": "read", "status": "pending"}
DIFF = {"type": "diff", "path": "a.py", "oldText": "a", "newText": "b"}
TEXT = {"type": "content", "content": {"type": "text", "text": "result"}}
PLAN = [{"content": "one", "priority": "high", "status": "completed"}]


def update(what: str, /, **members: Any) -> list[Any]:
    return ["update", {"sessionUpdate": what, **members}]


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def spoken(said: list[str]) -> str:
    return "".join(words.removeprefix("says ") for words in said if words.startswith("says "))


UPDATES = {
    "message": Case([["say", "a"], ["say", "b"]], ["says ab"]),
    "two messages": Case([["say", "a", "m-1"], ["say", "b", "m-2"]], ["says a", "says b"]),
    "two messages by turns": Case(
        [["say", "a", "m-1"], ["say", "b", "m-2"], ["say", "c", "m-1"]], ["says a", "says b", "says c"]
    ),
    "thought": Case([update("agent_thought_chunk", content=text("hm")), ["say", "a"]], ["thinks hm", "says a"]),
    "image": Case(
        [update("agent_message_chunk", content={"type": "image", "data": "AAAA", "mimeType": "image/png"})],
        ["says [image: image/png]"],
    ),
    "the prompt said again": Case([update("user_message_chunk", content=text("said"))], []),
    "plan": Case([update("plan", entries=PLAN)], ["plan one completed"]),
    "tool": Case(
        [
            update("tool_call", **TOOL),
            update("tool_call_update", toolCallId="t1", status="in_progress"),
            update("tool_call_update", toolCallId="t1", status="completed", content=[TEXT, DIFF]),
        ],
        ["tool t1 Read read pending", "tool t1 running", "tool t1 completed text diff"],
    ),
    "tool of an unknown kind and status": Case(
        [update("tool_call", toolCallId="t1", title="X", kind="magic", status="sleeping")], ["tool t1 X magic pending"]
    ),
    "update without its tool call": Case(
        [update("tool_call_update", toolCallId="t9", title="X", status="completed")], ["tool t9 X other completed"]
    ),
    "usage": Case([update("usage_update", used=10, size=100)], ["usage 10/100"]),
    "usage without sense": Case([update("usage_update", used=-1, size=2**70)], [f"usage 0/{2**53 - 1}"]),
    "mode": Case([update("current_mode_update", currentModeId="x")], ["mode x"]),
    "commands": Case(
        [update("available_commands_update", availableCommands=[{"name": "test", "description": "t"}])],
        ["tool update-available_commands_update Commands of the agent other completed"],
    ),
    "title": Case(
        [update("session_info_update", title="T")],
        ["tool update-session_info_update The agent's name for this session other completed"],
    ),
    "settings": Case(
        [update("config_option_update", configOptions=[{"id": "m", "category": "mode", "currentValue": "x"}])],
        ["mode x", "tool update-config_option_update Settings of the agent other completed"],
    ),
    "unknown kind": Case(
        [update("no_such_kind", x=1)],
        ["tool update-no_such_kind An update of an unknown kind (no_such_kind) other completed"],
    ),
    "malformed": Case(
        [update("agent_message_chunk", content=5), ["say", "a"]],
        [
            f"tool update-{CHUNK} An update that could not be understood ({CHUNK}) other completed",
            "says a",
        ],
    ),
    "no kind": Case([["update", {"x": 1}]], ["tool update-None An update of an unknown kind (None) other completed"]),
    "no object": Case([["update", 5]], ["tool update-None An update of an unknown kind (None) other completed"]),
}


@pytest.mark.parametrize("name", UPDATES)
def test_every_kind_of_update_becomes_its_event(agent: Conversation, name: str) -> None:
    case = UPDATES[name]

    assert agent.say(*case.steps) == [*case.said, "ends end"]


JUNK = {
    "prose": ["raw", "Loading…\n"],
    "an array": ["raw", "[]\n"],
    "a number": ["raw", "5\n"],
    "null": ["raw", "null\n"],
    "a text": ["raw", '"x"\n'],
    "a batch": ["raw", '[{"jsonrpc":"2.0","method":"session/update","params":{}}]\n'],
    "an empty object": ["raw", "{}\n"],
    "half a message": ["raw", '{"jsonrpc":"2.0","method":"session/upd\n'],
    "no UTF-8": ["bytes", "ff0a"],
    "NUL": ["bytes", "000a"],
    "too deep": ["raw", "[" * 100_000 + "\n"],
    "an answer to nothing": ["raw", '{"jsonrpc":"2.0","id":999,"result":{}}\n'],
    "an update without parameters": ["raw", '{"jsonrpc":"2.0","method":"session/update"}\n'],
    "a notification that nobody knows": ["raw", '{"jsonrpc":"2.0","method":"x/y","params":{}}\n'],
    "an update of another session": ["elsewhere", {"sessionUpdate": "agent_message_chunk", "content": text("x")}],
}


@pytest.mark.parametrize("name", JUNK)
def test_what_is_no_message_is_told_and_ends_nothing(agent: Conversation, name: str) -> None:
    said = agent.say(["say", "a"], JUNK[name], ["say", "b"])

    assert spoken(said) == "ab"
    assert said[-1] == "ends end"
    assert sum(words.startswith(("error agent-protocol", "tool update-")) for words in said) == 1, "it is told, once"


@pytest.mark.parametrize("ends", ["\n\n", "\r\n", " \n"])
def test_empty_lines_mean_nothing(agent: Conversation, ends: str) -> None:
    assert agent.say(["raw", ends], ["say", "a"]) == ["says a", "ends end"]


@pytest.mark.parametrize(
    ("stop_reason", "ends"),
    [
        ("end_turn", "end"),
        ("max_tokens", "limit"),
        ("max_turn_requests", "limit"),
        ("refusal", "refused"),
        ("cancelled", "cancelled"),
        ("tired", "end"),
    ],
)
def test_a_turn_ends_for_the_reason_that_the_agent_gives(agent: Conversation, stop_reason: str, ends: str) -> None:
    assert agent.say(["end", stop_reason])[-1] == f"ends {ends}"


@pytest.mark.parametrize(
    "answer",
    [
        {"result": None},
        {"result": {}},
        {"result": 5},
        {"error": 5},
        {"error": {"code": "x"}},
        {"result": {"stopReason": 1}},
    ],
    ids=str,
)
def test_an_answer_without_sense_ends_the_turn_all_the_same(agent: Conversation, answer: dict[str, Any]) -> None:
    assert agent.say(["say", "a"], ["answer", answer])[-1].startswith("ends ")
    assert agent.say(["say", "b"]) == ["says b", "ends end"]


def test_an_error_ends_the_turn_and_its_text_is_told(agent: Conversation) -> None:
    events = agent.events(["say", "a"], ["fail", -32603, "The model is out."])

    assert in_words(events) == ["says a", "error agent-error", "ends error"]
    assert "The model is out." in next(event["error"] for event in events if event["type"] == "session-error")
    assert agent.say(["say", "b"]) == ["says b", "ends end"]


def test_what_comes_after_the_answer_is_kept(agent: Conversation, tmp_path: Path) -> None:
    go = tmp_path / "go"
    assert agent.say(["say", "a"], ["end", "end_turn"], ["wait", str(go)], ["say", "late"]) == ["says a", "ends end"]

    go.touch()

    assert in_words(agent.read(until="says late")) == ["says late"]


def test_a_second_answer_to_a_prompt_is_told_and_ends_no_other_turn(agent: Conversation) -> None:
    agent.say(["end", "end_turn"], ["end", "refusal"])

    assert agent.say(["say", "b"])[-2:] == ["says b", "ends end"]


def test_prompts_queue_whatever_the_agent_would_do_with_two(agent: Conversation) -> None:
    agent.begin(["hang"])
    agent.begin(["say", "b"])
    agent.read(until="turn-started")
    agent.cancel()

    assert in_words(agent.read(until="says b")) == ["ends cancelled", "says b"]


def test_20_000_updates_come_in_their_order(agent: Conversation) -> None:
    said = "".join(event["text"] for event in agent.events(["flood", FLOOD]) if event["type"] == "agent-message")

    assert said.split() == [str(number) for number in range(FLOOD)]


def test_a_message_in_a_line_of_40_mb_is_kept_whole(agent: Conversation) -> None:
    events = agent.events(["big", LARGE_BYTES], ["say", "a"])

    said = [event["text"] for event in events if event["type"] == "agent-message"]
    assert sum(map(len, said)) == LARGE_BYTES + 1
    assert max(map(len, said)) < 65536
    assert events[-1]["stopReason"] == "end"


def test_a_megabyte_on_stderr_holds_nothing_up(agent: Conversation) -> None:
    said = agent.say(["stderr", STDERR_BYTES], ["say", "a"])

    assert said[-2:] == ["says a", "ends end"]


OPTIONS = {
    "odd ids": (
        [
            {"optionId": "proceed_once", "name": "Go", "kind": "allow_once"},
            {"optionId": "0 ß", "name": "No", "kind": "reject_once"},
        ],
        "proceed_once",
        "0 ß",
    ),
    "no way to reject": ([{"optionId": "ok", "name": "Ok", "kind": "allow_once"}], "ok", None),
    "always alone": (
        [
            {"optionId": "ever", "name": "Ever", "kind": "allow_always"},
            {"optionId": "never", "name": "N", "kind": "reject_always"},
        ],
        "ever",
        "never",
    ),
    "a kind that nobody knows": (
        [
            {"optionId": "m", "name": "Maybe", "kind": "perhaps"},
            {"optionId": "y", "name": "Yes", "kind": "allow_once"},
            {"optionId": "n", "name": "No", "kind": "reject_once"},
        ],
        "y",
        "n",
    ),
}


@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_question_is_answered_by_the_kind_of_option(agent: Conversation, name: str, approved: bool) -> None:
    options, yes, no = OPTIONS[name]

    def choose(question: Event) -> None:
        """Choose the first option of that kind, if there is one."""
        fitting = [
            option["optionId"]
            for option in question["options"]
            if option["kind"].startswith("allow" if approved else "reject")
        ]
        answer = {"approved": approved, **({"optionId": fitting[0]} if fitting else {})}
        assert agent.answer(question, **answer).status_code == 200

    agent.reactions["approval-request"] = choose

    said = agent.say(["ask", f"make {name}", options])

    chosen = yes if approved else no
    assert said[0] == f"tool asked make {name} execute pending"
    assert said[1].startswith(f"asks make {name} allow-")
    assert said[2] == ("yes" if approved else "no")
    assert said[-1] == ("ends cancelled" if chosen is None else "ends end")
    assert (f"says [{chosen}]" in said) is (chosen is not None)


def test_several_questions_stand_at_once_and_each_has_its_own_answer(agent: Conversation) -> None:
    questions: list[dict[str, Any]] = []
    agent.reactions["approval-request"] = questions.append
    agent.begin(["ask_all", "one", "two", "three"])
    while len(questions) < 3:
        agent.read(until="approval-request")
    for question, approved in ((questions[2], True), (questions[0], False), (questions[1], True)):
        assert agent.answer(question, approved=approved).status_code == 200

    said = in_words(agent.read(until="turn-completed"))

    assert [question["command"] for question in questions] == ["one", "two", "three"]
    assert spoken(said) == "[n][y][y]"
    assert said[-1] == "ends end"


def test_two_questions_under_one_id_have_two_answers(agent: Conversation) -> None:
    said = agent.say(["ask_twice", "make"])

    assert spoken(said) == "[y][y]"
    assert said.count("yes") == 2
    assert said[-1] == "ends end"


def test_a_question_that_the_agent_takes_back_is_closed(agent: Conversation) -> None:
    agent.reactions.clear()

    said = agent.say(["withdraw", "make"], ["say", "a"], until="approval-expired")
    said += in_words(agent.read(until="turn-completed")) if "ends end" not in said else []

    assert "approval-expired" in said
    assert "ends end" in said
    assert agent.client.get(f"{agent.path}/approvals").json() == {"approvals": []}


def test_a_question_that_a_turn_leaves_behind_is_closed_with_it(agent: Conversation) -> None:
    agent.reactions.clear()

    said = agent.say(["ask_and_go", "make"])

    assert said[-1] == "ends end"
    assert "approval-expired" in said
    assert agent.client.get(f"{agent.path}/approvals").json() == {"approvals": []}


def test_a_turn_that_is_cancelled_while_it_asks_runs_nothing(agent: Conversation) -> None:
    agent.reactions["approval-request"] = lambda _: agent.cancel()

    said = agent.say(["ask", "make"])

    assert said[-1] == "ends cancelled"
    assert "yes" not in said
    assert agent.client.get(f"{agent.path}/approvals").json() == {"approvals": []}


def test_a_question_outside_a_turn_is_refused(agent: Conversation) -> None:
    agent.reactions.clear()
    agent.say(["end", "end_turn"], ["ask", "make", None, "late"])

    said = agent.say(["say", "b"])

    assert said[-2:] == ["says b", "ends end"]
    assert agent.client.get(f"{agent.path}/approvals").json() == {"approvals": []}


def test_files_are_read_by_lines_and_only_below_the_roots(agent: Conversation, place: Place) -> None:
    (place.root / "lines").write_text("1\n2\n3\n4\n")
    (place.root / "out").symlink_to("/etc")
    calls = [
        {"path": str(place.root / "lines")},
        {"path": str(place.root / "lines"), "line": 2, "limit": 2},
        {"path": str(place.root / "missing")},
        {"path": "/etc/hostname"},
        {"path": str(place.root / "out" / "hostname")},
        {"path": f"{place.root}/../data/token"},
        {"path": 5},
    ]

    said = [agent.say(["call", "fs/read_text_file", call])[-2].removeprefix("says ") for call in calls]

    answers = [json.loads(each) for each in said]
    assert answers[0] == {"content": "1\n2\n3\n4\n"}
    assert answers[1] in ({"content": "2\n3\n"}, {"content": "2\n3"})
    assert answers[2] == -32002
    assert all(isinstance(answer, int) for answer in answers[3:]), answers


def test_files_are_written_only_below_the_roots(agent: Conversation, place: Place) -> None:
    inside, outside = place.root / "written", place.root.parent / "escaped"

    said = agent.say(
        ["call", "fs/write_text_file", {"path": str(inside), "content": "héllo\n"}],
        ["say", " "],
        ["call", "fs/write_text_file", {"path": str(outside), "content": "x"}],
    )

    assert inside.read_text() == "héllo\n"
    assert not outside.exists()
    assert "operations-executed" in said
    assert said[-1] == "ends end"


def test_a_command_in_a_terminal_is_seen_to_its_end(agent: Conversation) -> None:
    said = agent.say(["terminal", "echo hello; exit 3"])

    assert said[-2:] == ["says 3 hello", "ends end"]
    assert "terminal-created" in said


def test_a_terminal_is_released_once_however_often_that_is_asked(agent: Conversation) -> None:
    said = agent.say(["open_terminal", "sleep 60"], ["call_all", *[["terminal/release", {}]] * 3], ["say", " done"])

    assert said[-2].endswith("done")
    assert said[-2].startswith("says {}")
    assert said[-1] == "ends end"


def test_what_is_asked_for_another_session_is_refused(agent: Conversation, place: Place) -> None:
    other = {"sessionId": "agent-of-somebody-else"}
    question = {"toolCall": {"toolCallId": "t"}, "options": [{"optionId": "y", "name": "Y", "kind": "allow_once"}]}

    said = agent.say(
        ["call", "session/request_permission", {**other, **question}],
        ["call", "fs/write_text_file", {**other, "path": str(place.root / "foreign"), "content": "x"}],
        ["call", "terminal/create", {**other, "command": "true", "args": []}],
    )

    assert said == ["says -32602-32602-32602", "ends end"]
    assert not (place.root / "foreign").exists()


LONG = "x" * 70_000


@pytest.mark.parametrize(
    ("tool_call_id", "options"),
    [
        (LONG, [{"optionId": "y", "name": "Y", "kind": "allow_once"}]),
        ("t", [{"optionId": LONG, "name": "Y", "kind": "allow_once"}]),
        ("t", [{"optionId": "y", "name": LONG, "kind": "allow_once"}]),
        ("t", [{"optionId": str(number), "name": "Y", "kind": "allow_once"} for number in range(1000)]),
    ],
    ids=["id", "option's id", "option's name", "options"],
)
def test_a_question_that_no_event_can_hold_is_refused(
    agent: Conversation, tool_call_id: str, options: list[dict[str, str]]
) -> None:
    question = {"toolCall": {"toolCallId": tool_call_id, "title": "T"}, "options": options}

    assert agent.say(["call", "session/request_permission", question]) == ["says -32602", "ends end"]


@pytest.mark.parametrize("method", ["no/such_method", "session/update", "initialize", "terminal/output"])
def test_what_the_agent_must_not_ask_is_refused(agent: Conversation, method: str) -> None:
    said = agent.say(["call", method, {"terminalId": "nobody-has-it"}])

    assert said[-2].startswith("says -32")
    assert said[-1] == "ends end"
