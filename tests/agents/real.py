"""Real agents behind a real server, each with a scripted model and a home of its own."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.agents.model import Model, Step, scripted
from tests.agents.programs import program
from tests.node_tools import NODE
from tests.processes.living import everyone, read
from tests.servers import Place, history, prompt

SECONDS = 60
PAUSE_SECONDS = 0.02

CODEX = """
model = "scripted"
model_provider = "scripted"
[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
"""
GEMINI = """{{
  "security": {{"auth": {{"selectedType": "gemini-api-key"}}}},
  "privacy": {{"usageStatisticsEnabled": false}},
  "general": {{"disableAutoUpdate": true}}
}}"""
KIMI = """
default_model = "scripted"
[providers.scripted]
type = "openai"
base_url = "{url}/v1"
api_key = "test-key"
[models.scripted]
provider = "scripted"
model = "scripted"
max_context_size = 100000
"""


class RealAgent(NamedTuple):
    """How an agent is installed, configured and made to run a command.

    ``files`` are those of its home directory, ``run`` what its model calls. ``refused`` is how a turn ends whose tool
    was refused, ``forks`` whether it copies its memory, ``lists`` whether it tells what it remembers, ``remembers``
    whether it always knows after a restart what was said before.
    """

    mode: str
    command: Callable[[], list[str]]
    run: Callable[[str], Step]
    environment: Mapping[str, str]
    files: Mapping[str, str] = {}
    refused: str = "end"
    remembers: bool = True
    forks: bool = False
    lists: bool = True


def _codex(command: str) -> Step:
    asked = {"sandbox_permissions": "require_escalated", "justification": "It leaves a mark."}
    return {"call": "exec_command", "input": {"cmd": command, **asked}}


def _gemini(command: str) -> Step:
    return {"call": "run_shell_command", "input": {"command": command, "description": "Leave a mark"}}


def _bash(command: str) -> Step:
    return {"call": "Bash", "input": {"command": command, "description": "Leave a mark"}}


def _node(script: str, *arguments: str) -> Callable[[], list[str]]:
    return lambda: [str(NODE), str(program(script)), *arguments]


AGENTS = (
    RealAgent(
        "codex",
        lambda: [str(next(program("codex/node_modules/@zed-industries").glob("codex-acp-*/bin/codex-acp")))],
        _codex,
        {"OPENAI_API_KEY": "test-key"},
        {".codex/config.toml": CODEX},
        refused="cancelled",
    ),
    RealAgent(
        "gemini",
        _node("gemini/node_modules/@google/gemini-cli/bundle/gemini.js", "--acp"),
        _gemini,
        {"GEMINI_API_KEY": "test-key", "GEMINI_MODEL": "gemini-2.5-pro", "GOOGLE_GEMINI_BASE_URL": "{url}"},
        {".gemini/settings.json": GEMINI},
        remembers=False,
        lists=False,
    ),
    RealAgent(
        "kimi",
        _node("kimi/node_modules/@moonshot-ai/kimi-code/dist/main.mjs", "acp"),
        _bash,
        {"KIMI_CODE_NO_AUTO_UPDATE": "1"},
        {".kimi-code/config.toml": KIMI},
        forks=True,
    ),
    RealAgent(
        "claude",
        lambda: [str(program("claude/bin/python")), "-P", "-m", "infrastructure.agents.claude_runner"],
        _bash,
        {"ANTHROPIC_API_KEY": "test-key", "ANTHROPIC_BASE_URL": "{url}"},
        forks=True,
    ),
)


class RealPlace(Place):
    """A place whose server runs one agent; ``model`` is what it asks."""

    def __init__(self, folder: Path, agent: RealAgent, model: Model) -> None:
        self.agent = agent
        self.home = folder / "home"
        for name, text in agent.files.items():
            path = self.home / name
            path.parent.mkdir(parents=True)
            path.write_text(text.format(url=model.url))
        self.home.mkdir(exist_ok=True)
        config = folder / "towpath.toml"
        config.write_text(f"[agents.{agent.mode}]\ncommand = {json.dumps(agent.command())}\n")
        environment = {name: text.format(url=model.url) for name, text in agent.environment.items()}
        super().__init__(folder, TOWPATH_CONFIG=str(config), HOME=str(self.home), **environment)

    def leftovers(self) -> list[str]:
        """Return the processes that have this place's home in their environment, or work below it."""
        marks = str(self.home).encode(), str(self.root).encode()
        found = (
            read(f"/proc/{process}/cmdline").replace(b"\0", b" ").decode()
            for process in everyone()
            if any(mark in read(f"/proc/{process}/environ") for mark in marks) or _works_below(process, self.root)
        )
        return [words for words in found if words]

    def rest(self) -> None:
        """Wait until nothing of what the server ran is left; a killed server's shims need a moment."""
        deadline = time.monotonic() + SECONDS
        while left := self.leftovers():
            assert time.monotonic() < deadline, left
            time.sleep(PAUSE_SECONDS)


class Talk:
    """A session of a real agent, and its client."""

    def __init__(self, place: RealPlace, client: httpx.Client, session_id: str = "") -> None:
        self.place = place
        self.client = client
        self.session_id = session_id or self._open()

    def prompt(self, *answers: list[Step]) -> str:
        return prompt(self.client, self.session_id, scripted("Go on.", *answers))

    def run(self, command: str) -> Step:
        return self.place.agent.run(command)

    def question(self) -> dict[str, Any]:
        """Return what is asked, once something is."""
        question: dict[str, Any] = self.until(lambda: next(iter(self.questions()), None))
        return question

    def questions(self) -> list[dict[str, Any]]:
        answer = self.client.get(f"/api/session/{self.session_id}/approvals")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["approvals"])

    def reply(self, question: Mapping[str, Any], *, approved: bool) -> None:
        answer = self.client.post(
            f"/api/session/{self.session_id}/approvals/{question['approvalId']}", json={"approved": approved}
        )
        assert answer.status_code == 200, answer.text

    def cancel(self) -> None:
        answer = self.client.post(f"/api/session/{self.session_id}/cancel", json={})
        assert answer.status_code in (200, 202), answer.text

    def over(self, turn_id: str) -> str:
        """Return how a turn ended, once it has."""
        return str(self.until(lambda: self._end(turn_id))["stopReason"])

    def said(self, turn_id: str) -> str:
        return "".join(event["text"] for event in self.events("agent-message") if event["turnId"] == turn_id)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in history(self.client, self.session_id) if event["type"] == kind]

    def until(self, look: Callable[[], Any]) -> Any:
        """Look again and again until there is something."""
        deadline = time.monotonic() + SECONDS
        while not (found := look()):
            assert time.monotonic() < deadline, (history(self.client, self.session_id)[-8:], self.place.complaints)
            time.sleep(PAUSE_SECONDS)
        return found

    def _end(self, turn_id: str) -> dict[str, Any] | None:
        return next((event for event in self.events("turn-completed") if event["turnId"] == turn_id), None)

    def _open(self) -> str:
        answer = self.client.post("/api/sessions", json={"mode": self.place.agent.mode})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["sessionId"])


@contextmanager
def talking(place: RealPlace, session_id: str = "") -> Iterator[Talk]:
    """Serve, and talk; at the end the server stops and nothing may be left."""
    with place.serving(), place.client() as client:
        yield Talk(place, client, session_id)
    place.rest()


def _works_below(process: int, root: Path) -> bool:
    try:
        return Path(f"/proc/{process}/cwd").readlink().is_relative_to(root)
    except OSError:
        return False
