"""Agents that die, hang, hold on or come back: what a client of a real server sees, and that nothing is left."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import httpx
import pytest

from tests.agents.conversations import Conversation, Event, in_words, place_of_agents
from tests.processes.living import children, lives
from tests.servers import SECONDS, Place, Server

AGENTS: dict[str, tuple[str, ...]] = {
    "sound": (),
    "version-2": ("--version", "2"),
    "exit-at-start": ("--exit-at", "start"),
    "exit-in-initialize": ("--exit-at", "initialize"),
    "exit-in-new": ("--exit-at", "session/new"),
    "exit-in-prompt": ("--exit-at", "session/prompt"),
    "silent-initialize": ("--silent", "initialize"),
    "silent-new": ("--silent", "session/new"),
    "silent-prompt": ("--silent", "session/prompt"),
    "refuse-initialize": ("--refuse", "initialize"),
    "refuse-new": ("--refuse", "session/new"),
    "auth-needed": ("--auth", "needed"),
    "auth-refused": ("--auth", "refused"),
    "modes": ("--modes", "wild,tame"),
    "modes-without": ("--modes", "wild"),
    "stubborn": ("--stubborn",),
    "hasty": (),
    "idle": (),
}
SETTINGS = {
    "silent_initialize": "start-seconds = 0.5",
    "silent_new": "start-seconds = 0.5",
    "silent_prompt": "turn-seconds = 0.5\ncancel-seconds = 0.3",
    "auth_needed": 'env = ["SCRIPTED_*"]',
    "auth_refused": 'env = ["SCRIPTED_*"]',
    "modes": 'agent-mode = "tame"',
    "modes_without": 'agent-mode = "tame"',
    "stubborn": "cancel-seconds = 0.3",
    "hasty": "cancel-seconds = 0.3",
    "idle": "idle-seconds = 0.3",
}
MEMORIES: dict[str, tuple[str, ...]] = {
    "loads": ("--load",),
    "resumes": ("--resume", "--load"),
    "forgets": (),
    "forks": ("--fork", "--resume"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("misbehaving")
    (folder / "store").mkdir()
    remembering = {
        mode: (*faults, "--store", str(folder / "store"), "--journal", str(folder / mode))
        for mode, faults in MEMORIES.items()
    }
    place = place_of_agents(folder, {**AGENTS, **remembering}, **SETTINGS)
    place.environment["SCRIPTED_API_KEY"] = "secret"
    return place


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[Server]:
    with place.serving() as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server, place: Place) -> Iterator[httpx.Client]:
    assert server.running
    with place.client() as client:
        yield client


@contextmanager
def session(client: httpx.Client, server: Server, mode: str) -> Iterator[Conversation]:
    """Talk to an agent; once the session is deleted nothing of it may be left."""
    conversation = Conversation.begun(client, mode)
    yield conversation
    conversation.delete()
    server.rest()


def told(events: list[Event]) -> str:
    return " ".join(event["error"] for event in events if event["type"] == "session-error")


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("version-2", "2"),
        ("exit-at-start", "no start today"),
        ("exit-in-initialize", "not in the mood for initialize"),
        ("exit-in-new", "not in the mood for session/new"),
        ("exit-in-prompt", "not in the mood for session/prompt"),
        ("silent-initialize", "0.5"),
        ("silent-new", "0.5"),
        ("refuse-initialize", "No initialize today"),
        ("refuse-new", "No session/new today"),
        ("auth-refused", "wants a login (A key)"),
        ("modes-without", "tame"),
    ],
)
def test_an_agent_that_does_not_get_to_work_ends_the_turn_with_the_reason(
    client: httpx.Client, server: Server, mode: str, reason: str
) -> None:
    with session(client, server, mode) as agent:
        events = agent.events(["say", "a"])
        again = agent.events(["say", "b"])

    for each in (events, again):
        assert in_words(each)[-1] == "ends error"
        assert reason in told(each), in_words(each)


def test_a_turn_that_takes_too_long_is_ended_with_the_reason(client: httpx.Client, server: Server) -> None:
    with session(client, server, "silent-prompt") as agent:
        events = agent.events(["say", "a"])

    assert in_words(events)[-1] == "ends limit"
    assert "0.5" in told(events)


def test_an_agent_that_wants_a_login_and_gets_one_works(client: httpx.Client, server: Server) -> None:
    with session(client, server, "auth-needed") as agent:
        assert agent.say(["say", "a"])[-2:] == ["says a", "ends end"]


def test_an_agent_is_put_into_the_mode_of_its_profile_then_into_the_one_that_a_human_chose(
    client: httpx.Client, server: Server
) -> None:
    with session(client, server, "modes") as agent:
        before = agent.say(["mode"])
        patched = client.patch(agent.path, json={"agentMode": "wild"})
        after = agent.say(["mode"])
        client.patch(agent.path, json={"agentMode": "no such"})
        refused = agent.say(["mode"])

    assert patched.status_code == 200
    assert before[-2:] == ["says tame", "ends end"]
    assert after[-2:] == ["says wild", "ends end"]
    assert refused[-1] == "ends error"


DEATHS = {
    "exit": ["exit", 4],
    "exit with 0": ["exit", 0],
    "SIGKILL": ["kill"],
}


@pytest.mark.parametrize("name", DEATHS)
def test_an_agent_that_dies_in_a_turn_ends_it_with_its_last_words_and_comes_back(
    client: httpx.Client, server: Server, name: str
) -> None:
    with session(client, server, "sound") as agent:
        events = agent.events(["say", "a"], ["complain", "my last words"], DEATHS[name])
        again = agent.say(["say", "b"])

    said = in_words(events)
    assert "says a" in said
    assert said[-1] == "ends error"
    assert "my last words" in told(events)
    assert again[-2:] == ["says b", "ends end"]


def test_a_child_that_holds_the_pipes_of_a_dead_agent_holds_nothing_up_and_ends(
    client: httpx.Client, server: Server, tmp_path: Path
) -> None:
    with session(client, server, "sound") as agent:
        said = agent.say(["leave", str(tmp_path / "pid")], ["say", "a"], ["kill"])
        again = agent.say(["say", "b"])
    child = int((tmp_path / "pid").read_text())

    assert said[-1] == "ends error"
    assert again[-2:] == ["says b", "ends end"]
    assert not lives(child)


def test_an_agent_that_dies_while_it_asks_leaves_no_question(
    client: httpx.Client, server: Server, tmp_path: Path
) -> None:
    with session(client, server, "sound") as agent:
        agent.reactions["approval-request"] = lambda _: (tmp_path / "asked").touch()
        said = agent.say(["ask_and_go", "make"], ["wait", str(tmp_path / "asked")], ["exit", 1])
        questions = client.get(f"{agent.path}/approvals").json()

    assert said[-1] == "ends error"
    assert questions == {"approvals": []}


def test_an_agent_that_dies_between_turns_is_seen_to_and_comes_back(
    client: httpx.Client, server: Server, tmp_path: Path
) -> None:
    with session(client, server, "sound") as agent:
        agent.say(["say", "a"], ["end", "end_turn"], ["wait", str(tmp_path / "go")], ["exit", 5])
        (tmp_path / "go").touch()
        after = in_words(agent.read(until="exited"))
        again = agent.say(["say", "b"])

    assert after[-1] == "exited"
    assert again[-2:] == ["says b", "ends end"]


@pytest.mark.parametrize(
    ("mode", "steps"),
    [
        ("sound", [["hang"]]),
        ("stubborn", [["deaf"], ["hang"]]),
        ("hasty", [["half"]]),
    ],
    ids=["heard", "never answered", "stalled in a line"],
)
def test_a_cancel_ends_the_turn_whatever_the_agent_does(
    client: httpx.Client, server: Server, mode: str, steps: list[list[str]]
) -> None:
    with session(client, server, mode) as agent:
        agent.begin(["say", "a"], *steps)
        agent.read(until="says a")
        agent.cancel()
        said = in_words(agent.read(until="turn-completed"))
        again = agent.say(["say", "b"])

    assert said[-1] == "ends cancelled"
    assert again[-2:] == ["says b", "ends end"]


def test_an_idle_agent_is_ended_but_never_while_a_question_stands(client: httpx.Client, server: Server) -> None:
    with session(client, server, "idle") as agent:
        agent.reactions.clear()
        agent.begin(["ask", "make"])
        (question,) = (e for e in agent.read(until="approval-request") if e["type"] == "approval-request")
        sleep(1)  # three times as long as it may be idle: nothing to wait for, since nothing may happen
        assert children(server.pid)
        client.post(f"{agent.path}/approvals/{question['approvalId']}", json={"approved": True})
        said = in_words(agent.read(until="turn-completed"))
        after = in_words(agent.read(until="exited"))
        again = agent.say(["say", "b"])

    assert said[-2:] == ["says [y]", "ends end"]
    assert after == ["exited"]
    assert again[-2:] == ["says b", "ends end"]


def methods(place: Place, mode: str) -> list[str]:
    lines = (place.root.parent / mode).read_text().splitlines()
    return [message["method"] for message in map(json.loads, lines) if "method" in message]


@pytest.mark.parametrize(("mode", "method"), [("loads", "session/load"), ("resumes", "session/resume")])
def test_an_agent_goes_on_by_its_own_means_and_what_it_replays_is_not_said_twice(
    client: httpx.Client, server: Server, place: Place, mode: str, method: str
) -> None:
    with session(client, server, mode) as agent:
        agent.say(["say", "before"], ["exit", 1])
        again = agent.say(["say", "after"])

    assert again[-2:] == ["says after", "ends end"]
    assert "says before" not in again
    assert method in methods(place, mode)


def test_an_agent_without_memory_begins_anew_and_it_is_told(client: httpx.Client, server: Server, place: Place) -> None:
    with session(client, server, "forgets") as agent:
        agent.say(["say", "before"], ["exit", 1])
        again = agent.events(["say", "after"])

    assert in_words(again)[-2:] == ["says after", "ends end"]
    assert told(again)
    assert methods(place, "forgets").count("session/new") == 2


@pytest.mark.parametrize(("mode", "memory"), [("forks", "forked"), ("forgets", "none")])
def test_a_fork_says_whether_the_agent_remembers(client: httpx.Client, server: Server, mode: str, memory: str) -> None:
    with session(client, server, mode) as agent:
        agent.say(["say", "before"])
        fork = client.post(f"/api/sessions/{agent.session_id}/fork", json={})
        forked = Conversation(client, fork.json()["session"]["sessionId"])
        forked.seen = int(fork.json()["session"]["cursor"].rpartition(".")[2])
        said = forked.say(["say", "after"])
        forked.delete()

    assert fork.json()["agentMemory"] == memory
    assert said[-2:] == ["says after", "ends end"]


def test_nothing_outlives_a_killed_server_and_a_session_goes_on_after_it(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    place = place_of_agents(tmp_path, {"loads": ("--load", "--store", str(tmp_path / "store"))})
    pid = tmp_path / "pid"
    first = place.start()
    try:
        with place.client() as client:
            agent = Conversation.begun(client, "loads")
            agent.begin(["leave", str(pid)], ["say", "a"], ["hang"])
            agent.read(until="says a")
    finally:
        first.kill()

    with place.serving() as second, place.client() as client:
        agent.client = client
        said = in_words(agent.read(until="turn-completed"))
        again = agent.say(["say", "b"])
        for _ in range(SECONDS * 10):
            if not lives(int(pid.read_text())):
                break
            sleep(0.1)
        assert not lives(int(pid.read_text()))
        agent.delete()
        second.rest()

    assert said[-1] == "ends interrupted"
    assert again[-2:] == ["says b", "ends end"]


def test_an_agent_that_is_killed_from_outside_is_told(client: httpx.Client, server: Server) -> None:
    with session(client, server, "sound") as agent:
        pids: list[int] = []
        agent.reactions["session-status"] = lambda event: pids.append(event.get("pid", 0))
        agent.begin(["say", "a"], ["hang"])
        agent.read(until="says a")
        os.kill(next(filter(None, pids)), signal.SIGKILL)
        said = in_words(agent.read(until="turn-completed"))

    assert said[-1] == "ends error"
