"""Prompts to agents behind a real server, and what its events say of them, in a few words each."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from tests.servers import SECONDS, Place, history, new_session, prompt

SCRIPTED = Path(__file__).with_name("scripted_agent.py")

Event = dict[str, Any]
React = Callable[[Event], object]


def place_of_agents(folder: Path, agents: Mapping[str, tuple[str, ...]], **settings: str) -> Place:
    """Return a place whose modes are scripted agents by their faults; *settings* are further lines, by the mode."""
    tables = [
        f'[agents.{mode}]\nprotocol = "acp"\ncommand = {[sys.executable, "-I", str(SCRIPTED), *faults]}\n'
        f"{settings.get(mode.replace('-', '_'), '')}\n"
        for mode, faults in agents.items()
    ]
    (folder / "towpath.toml").write_text("\n".join(tables))
    return Place(folder, TOWPATH_CONFIG=str(folder / "towpath.toml"))


class Conversation:
    """A session with an agent, which is allowed whatever it asks; ``reactions`` to events can be changed."""

    def __init__(self, client: httpx.Client, session_id: str) -> None:
        self.client = client
        self.session_id = session_id
        self.path = f"/api/session/{self.session_id}"
        self.seen = 0
        self.reactions: dict[str, React] = {"approval-request": lambda question: self.answer(question, approved=True)}

    @classmethod
    def begun(cls, client: httpx.Client, mode: str) -> "Conversation":
        return cls(client, new_session(client, mode=mode))

    def say(self, *steps: Any, until: str = "turn-completed") -> list[str]:
        """Send a prompt of *steps*; return in words what happened up to the first event *until* of its turn."""
        return in_words(self.events(*steps, until=until))

    def events(self, *steps: Any, until: str = "turn-completed") -> list[Event]:
        self.begin(*steps)
        return self.read(until=until)

    def begin(self, *steps: Any) -> str:
        return prompt(self.client, self.session_id, json.dumps(steps))

    def read(self, *, until: str) -> list[Event]:
        """Return what happened since, up to the first event whose description begins with *until*."""
        found: list[Event] = []
        deadline = monotonic() + SECONDS
        url = f"{self.path}/events?after={self._cursor()}"
        with self.client.stream("GET", url) as stream:
            for line in stream.iter_lines():  # a heartbeat comes every second
                assert monotonic() < deadline, in_words(found)
                event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if "seq" not in event:
                    continue
                self.seen = event["seq"]
                found.append(event)
                if (reaction := self.reactions.get(event["type"])) is not None:
                    reaction(event)
                if event["type"] == until or any(said.startswith(until) for said in in_words([event])):
                    return found
        raise AssertionError(in_words(found))

    def cancel(self) -> None:
        assert self.client.post(f"{self.path}/cancel", json={}).status_code == 202

    def delete(self) -> None:
        assert self.client.delete(self.path).status_code == 200

    def history(self) -> list[Event]:
        return history(self.client, self.session_id)

    def _cursor(self) -> str:
        epoch = self.client.get(self.path).json()["cursor"].rpartition(".")[0]
        return f"{epoch}.{self.seen}"

    def answer(self, question: Event, **members: Any) -> httpx.Response:
        return self.client.post(f"{self.path}/approvals/{question['approvalId']}", json=members)


def in_words(events: Iterable[Event]) -> list[str]:
    """Return what events say, a few words each; what belongs to one message is joined, and what is usual left out."""
    said: list[str] = []
    message = None
    for event in events:
        words = _words(event)
        if event["type"] in ("agent-message", "agent-thought") and message == event["messageId"]:
            said[-1] += event["text"]
        elif words:
            said.append(words)
        if words:
            message = event.get("messageId")
    return said


def _tool(event: Event) -> str:
    about = [str(event[name]) for name in ("title", "kind", "status") if name in event]
    return " ".join(["tool", event["toolCallId"], *about, *(part["type"] for part in event.get("content", []))])


def _words(event: Event) -> str:
    words = _WORDS.get(event["type"])
    return str(event["type"]) if words is None else words(event)


_WORDS: dict[str, Callable[[Event], str]] = {
    "agent-message": lambda event: f"says {event['text']}",
    "agent-thought": lambda event: f"thinks {event['text']}",
    "tool-call": _tool,
    "plan-updated": lambda event: (
        "plan " + ", ".join(f"{entry['content']} {entry['status']}" for entry in event["entries"])
    ),
    "usage-updated": lambda event: f"usage {event['used']}/{event['size']}",
    "session-error": lambda event: f"error {event['code']}",
    "session-output": lambda event: f"{event['stream']} {event['content'].strip()[:40]}".strip(),
    "session-status": lambda event: event["status"] if event["status"] in ("exited", "error") else "",
    "session-updated": lambda event: f"mode {event['agentMode']}" if "agentMode" in event else "",
    "approval-request": lambda event: (
        f"asks {event['command']} {'/'.join(option['kind'] for option in event['options'])}"
    ),
    "approval-confirmed": lambda event: "yes" if event["approved"] else "no",
    "turn-completed": lambda event: f"ends {event['stopReason']}",
    "session-created": lambda _: "",
    "command-sent": lambda _: "",
    "turn-started": lambda _: "",
}
