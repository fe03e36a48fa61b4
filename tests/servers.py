"""A real server in a directory of its own: started, stopped, killed and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from infrastructure.terminals.census import end_holder, list_holders
from tests.ports import free_port
from tests.processes.living import children

SECONDS = 30
# What comes behind a body that was refused unread is not run: the connection may end at the next request.
ONE_REQUEST_EACH = httpx.Limits(max_keepalive_connections=0)
PROGRAM = Path(sys.executable).with_name("towpath")


class Refused(Exception):
    """The server did not start; the text is what it said."""


class Server:
    """A server process that answers requests, and what it announced."""

    def __init__(self, process: subprocess.Popen[str], announced: str) -> None:
        self.process = process
        self.pid = process.pid
        self.announced = announced

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def rest(self) -> None:
        """Wait until nothing is left of the prompts that are over: a shim leaves a moment after its command."""
        for _ in range(SECONDS * 100):
            if not children(self.pid):
                return
            time.sleep(0.01)
        raise AssertionError(f"processes are left: {children(self.pid)}")

    def stop(self) -> None:
        """End it as a service manager does; it must leave with 0."""
        self.process.send_signal(signal.SIGTERM)
        self._reap()
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self._reap()

    def _reap(self) -> None:
        self.process.communicate(timeout=SECONDS)


class Place:
    """A data directory, a workspace root and a port, and the program for them."""

    program = PROGRAM

    def __init__(self, folder: Path, **environment: str) -> None:
        self.data = folder / "data"
        self.root = folder / "root"
        self.root.mkdir()
        self.log = folder / "stderr"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {"TOWPATH_HEARTBEAT_SECONDS": "1", **environment}

    @property
    def token(self) -> str:
        return (self.data / "token").read_text().strip()

    @property
    def complaints(self) -> str:
        """All that servers here wrote to stderr."""
        return self.log.read_text()

    def spawn(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.program, *words, "--data-dir", self.data],
            cwd=self.root,
            env={name: value for name, value in os.environ.items() if not name.startswith("TOWPATH_")}
            | self.environment,
            text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def call(self, *words: str) -> tuple[int, str, str]:
        """Return a command's exit code and what it printed."""
        with self.spawn(*words) as process:
            try:
                out, err = process.communicate(timeout=SECONDS)
            finally:
                process.kill()  # what never ends must not be waited for
        return process.returncode, out, err

    def start(self) -> Server:
        """Start the server and wait until it answers. Raises Refused."""
        with self.log.open("a") as log:
            said = log.tell()
            process = self.spawn("serve", "--port", str(self.port), stderr=log)
        assert process.stdout
        announced = ""
        for text in process.stdout:
            announced += text
            if text.startswith("Ctrl-C"):
                return Server(process, announced)
        process.communicate(timeout=SECONDS)
        raise Refused(self.complaints[said:])

    @contextmanager
    def serving(self) -> Iterator[Server]:
        """Run the server; at the end stop it, unless the block did."""
        server = self.start()
        try:
            yield server
        except BaseException:
            if server.running:
                server.kill()
            raise
        if server.running:
            server.stop()

    def end_terminals(self) -> None:
        """End the terminals that are held here: they outlive their server."""
        for holding in list_holders(self.data):
            end_holder(self.data, holding.terminal_id)

    def client(self, **options: Any) -> httpx.Client:
        """Return a client that holds the owner's token."""
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=SECONDS, trust_env=False, **options)

    def async_client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, headers=self.headers, timeout=SECONDS, trust_env=False, **options)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def new_session(client: httpx.Client, **members: Any) -> str:
    """Make a shell session; return its id."""
    answer = client.post("/api/sessions", json={"mode": "shell", **members})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["sessionId"])


def prompt(client: httpx.Client, session_id: str, command: str) -> str:
    """Hand a prompt in; return its turn."""
    answer = client.post(f"/api/session/{session_id}/prompt", json={"command": command})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["turnId"])


def history(client: httpx.Client, session_id: str) -> list[dict[str, Any]]:
    """Return all events of a session, page by page."""
    events: list[dict[str, Any]] = []
    after = 0
    while True:
        answer = client.get(f"/api/session/{session_id}/history", params={"after": after, "limit": 1000})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        events += page["events"]
        if "nextAfter" not in page:
            return events
        after = page["nextAfter"]


def run_prompt(client: httpx.Client, session_id: str, command: str) -> None:
    """Hand a prompt in and wait until its turn is over."""
    turn = prompt(client, session_id, command)
    deadline = monotonic() + SECONDS
    with client.stream("GET", f"/api/session/{session_id}/events?after=0&types=turn-completed") as stream:
        for line in stream.iter_lines():  # a heartbeat comes every second
            if line.startswith("data:") and json.loads(line[5:]).get("turnId") == turn:
                return
            assert monotonic() < deadline, (line, history(client, session_id))


def _foreign_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TOWPATH_")}
