"""An agent over ACP that does what a test tells it, right or wrong; standard library only, run by its path.

A prompt is a JSON list of steps, each a list of a word and what it takes (see ``Turn``); any other prompt is echoed.
What goes wrong before a prompt is told by arguments (see ``Faults``).
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

OPTIONS = [
    {"optionId": "y", "name": "Yes", "kind": "allow_once"},
    {"optionId": "Y", "name": "Always", "kind": "allow_always"},
    {"optionId": "n", "name": "No", "kind": "reject_once"},
]
SLEEPER = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'w'), flush=True); time.sleep(600)"


class Faults(argparse.Namespace):
    version: int
    exit_at: str
    silent: str
    refuse: str
    auth: str
    load: bool
    resume: bool
    fork: bool
    close: bool
    list: str
    modes: str
    settings: str
    announces: bool
    stubborn: bool
    store: Path | None
    journal: Path | None


def arguments() -> Faults:
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument("--exit-at", default="", help="the method at which it exits with 3; `start` for none")
    parser.add_argument("--silent", default="", help="the method that it never answers")
    parser.add_argument("--refuse", default="", help="the method that it answers with an error")
    parser.add_argument("--auth", default="", help="none|needed|refused: what session/new asks for first")
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--fork", action="store_true")
    parser.add_argument("--close", action="store_true")
    parser.add_argument("--list", default="", help="lists its sessions: of these titles, a page each; parted by commas")
    parser.add_argument("--modes", default="", help="the modes there are, the first one being set; parted by commas")
    parser.add_argument("--settings", default="", help="as --modes, in a setting of the category `mode`")
    parser.add_argument(
        "--announces", action="store_true", help="tells its mode before it answers that a session is open"
    )
    parser.add_argument("--stubborn", action="store_true", help="ends neither at the end of input nor by SIGTERM")
    parser.add_argument("--store", type=Path, help="where it keeps its sessions")
    parser.add_argument("--journal", type=Path, help="where it writes every message that it was sent")
    return parser.parse_args(namespace=Faults())


class Cancelled(Exception):
    pass


class Agent:
    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.lock = threading.Lock()
        self.waiting: dict[str, tuple[threading.Event, list[dict[str, Any]]]] = {}
        self.sessions: dict[str, list[dict[str, Any]]] = {}
        self.cancelled = threading.Event()
        self.authenticated = not faults.auth
        self.mode = (faults.modes or faults.settings).split(",")[0]
        self.calls = 0

    def write(self, data: bytes) -> None:
        with self.lock:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def send(self, **message: Any) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the answer whole."""
        request, answered = self.begin(method, params)
        answered.wait()
        return self.waiting.pop(request)[1][0]

    def begin(self, method: str, params: dict[str, Any]) -> tuple[str, threading.Event]:
        with self.lock:
            self.calls += 1
            request = f"call-{self.calls}"
        answered = threading.Event()
        self.waiting[request] = (answered, [])
        self.send(id=request, method=method, params=params)
        return request, answered

    def run(self) -> None:
        for line in sys.stdin.buffer:
            if self.faults.journal:
                with self.faults.journal.open("ab") as journal:
                    journal.write(line)
            message = json.loads(line)
            if "method" in message:
                self.take(message)
            elif message.get("id") in self.waiting:
                answered, answers = self.waiting[message["id"]]
                answers.append(message)
                answered.set()
        if self.faults.stubborn:
            time.sleep(600)
        os._exit(0)

    def take(self, message: dict[str, Any]) -> None:
        method, request = message["method"], message.get("id")
        if method == self.faults.exit_at:
            sys.stderr.write(f"fatal: not in the mood for {method}\n")
            sys.stderr.flush()
            os._exit(3)
        if method == self.faults.silent:
            return
        if method == self.faults.refuse:
            self.send(id=request, error={"code": -32603, "message": f"No {method} today", "data": {"why": "because"}})
            return
        if method == "session/prompt":
            threading.Thread(target=Turn(self, request, message["params"]).play, daemon=True).start()
        elif method == "session/cancel":
            self.cancelled.set()
        elif request is not None:
            self.send(id=request, **self.answer(method, message.get("params") or {}))

    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "initialize":
                return {"result": self.introduction()}
            case "authenticate" if self.faults.auth == "needed":
                self.authenticated = True
            case "session/new" | "session/load" | "session/resume" | "session/fork":
                opened = self.opened(method, params.get("sessionId", ""))
                if self.faults.announces:
                    update = {"sessionUpdate": "current_mode_update", "currentModeId": self.mode}
                    session_id = opened["result"].get("sessionId") or params["sessionId"]
                    self.send(method="session/update", params={"sessionId": session_id, "update": update})
                return opened
            case "session/set_mode" if params["modeId"] in self.faults.modes.split(","):
                self.mode = params["modeId"]
            case "session/close":  # some tell of a session that is closed, too
                title = {"sessionUpdate": "session_info_update", "title": "Over"}
                self.send(method="session/update", params={"sessionId": params["sessionId"], "update": title})
            case "session/set_config_option" if params["value"] in self.faults.settings.split(","):
                self.mode = params["value"]
                return {"result": self.told_modes()}
            case "session/list" if self.faults.list:
                return {"result": self.page(int(params.get("cursor", "0")), params["cwd"])}
            case _:
                return {"error": {"code": -32601, "message": "Method not found", "data": {"method": method}}}
        return {"result": {}}

    def introduction(self) -> dict[str, Any]:
        kinds: dict[str, Any] = {kind: {} for kind in ("resume", "fork", "close", "list") if getattr(self.faults, kind)}
        key = {"id": "key", "name": "A key", "type": "env_var", "vars": [{"name": "SCRIPTED_API_KEY"}]}
        return {
            "protocolVersion": self.faults.version,
            "agentInfo": {"name": "scripted", "version": "1.0"},
            "agentCapabilities": {
                "loadSession": self.faults.load,
                "promptCapabilities": {"image": True, "embeddedContext": True},
                "sessionCapabilities": kinds,
            },
            "authMethods": [key] if self.faults.auth else [],
        }

    def opened(self, method: str, session_id: str) -> dict[str, Any]:
        if not self.authenticated:
            return {"error": {"code": -32000, "message": "Authentication required"}}
        said = self.restored(session_id)
        if method in ("session/new", "session/fork"):
            made = f"agent-{time.time_ns()}"
            self.sessions[made] = list(said or [])
            self.keep(made)
            if method == "session/fork":
                commands = {"sessionUpdate": "available_commands_update", "availableCommands": []}
                self.send(method="session/update", params={"sessionId": made, "update": commands})
            return {"result": {"sessionId": made, **self.told_modes()}}
        if said is None:
            return {"error": {"code": -32002, "message": "Resource not found", "data": {"uri": session_id}}}
        self.sessions[session_id] = said
        for update in said if method == "session/load" else ():
            self.send(method="session/update", params={"sessionId": session_id, "update": update})
        return {"result": self.told_modes()}

    def page(self, number: int, cwd: str) -> dict[str, Any]:
        titles = self.faults.list.split(",")
        day = f"2026-01-{number % 28 + 1:02}T00:00:00Z"
        known = {"sessionId": f"agent-{titles[number]}", "cwd": cwd, "title": titles[number], "updatedAt": day}
        odd: list[Any] = [{"cwd": cwd}, 7, {"sessionId": "x" * 501, "cwd": cwd}, {"sessionId": "far", "cwd": "/far"}]
        more = {"nextCursor": str(number + 1)} if number + 1 < len(titles) else {}
        return {"sessions": [known, *odd], **more}

    def told_modes(self) -> dict[str, Any]:
        if self.faults.settings:
            offered = [{"value": value, "name": value.title()} for value in self.faults.settings.split(",")]
            setting = {"id": "how", "name": "How", "category": "mode", "type": "select"}
            return {"configOptions": [{**setting, "currentValue": self.mode, "options": offered}]}
        if not self.faults.modes:
            return {}
        known = [{"id": mode, "name": mode.title()} for mode in self.faults.modes.split(",")]
        return {"modes": {"currentModeId": self.mode, "availableModes": known}}

    def keep(self, session_id: str) -> None:
        if self.faults.store:
            (self.faults.store / f"{session_id}.json").write_text(json.dumps(self.sessions[session_id]))

    def restored(self, session_id: str) -> list[dict[str, Any]] | None:
        path = self.faults.store / f"{session_id}.json" if self.faults.store else None
        if session_id not in self.sessions and path and path.exists():
            return list(json.loads(path.read_text()))
        return self.sessions.get(session_id)


class Turn:
    """A prompt; each method is a step."""

    def __init__(self, agent: Agent, request: Any, params: dict[str, Any]) -> None:
        self.agent = agent
        self.request = request
        self.session_id = params["sessionId"]
        self.text = "\n".join(block["text"] for block in params["prompt"] if block["type"] == "text")
        self.blocks = params["prompt"]
        self.over = False
        self.deaf = False
        self.terminal_id = ""

    def play(self) -> None:
        self.agent.cancelled.clear()
        try:
            steps, _ = json.JSONDecoder().raw_decode(self.text)
        except ValueError:
            steps = [["say", f"echo: {self.text}"]]
        self.remember({"sessionUpdate": "user_message_chunk", "content": {"type": "text", "text": self.text}})
        try:
            for word, *taken in steps:
                getattr(self, f"do_{word}")(*taken)
            if not self.over:
                self.do_end("end_turn")
        except Cancelled:
            self.do_end("cancelled")

    def remember(self, update: dict[str, Any]) -> None:
        self.agent.sessions.setdefault(self.session_id, []).append(update)
        self.agent.keep(self.session_id)

    def do_update(self, update: dict[str, Any]) -> None:
        """Send any update."""
        self.agent.send(method="session/update", params={"sessionId": self.session_id, "update": update})

    def do_elsewhere(self, update: dict[str, Any]) -> None:
        """Send an update of a session that nobody opened."""
        self.agent.send(method="session/update", params={"sessionId": "nobody", "update": update})

    def do_say(self, text: str, message_id: str = "") -> None:
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
        self.remember(update)
        self.do_update({**update, "messageId": message_id} if message_id else update)

    def do_mode(self) -> None:
        """Say in which mode it is."""
        self.do_say(self.agent.mode)

    def do_blocks(self) -> None:
        """Say of which types the prompt's blocks are."""
        self.do_say(" ".join(block["type"] for block in self.blocks))

    def do_flood(self, count: int) -> None:
        for number in range(count):
            self.do_update({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": f"{number} "}})

    def do_big(self, size: int) -> None:
        """Say it in one line."""
        self.do_update({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "B" * size}})

    def do_line(self, size: int) -> None:
        """Write a line that is no message."""
        self.agent.write(b"J" * size + b"\n")

    def do_raw(self, text: str) -> None:
        self.agent.write(text.encode())

    def do_bytes(self, digits: str) -> None:
        self.agent.write(bytes.fromhex(digits))

    def do_stderr(self, size: int) -> None:
        sys.stderr.write("E" * (size - 1) + "\n")
        sys.stderr.flush()

    def do_complain(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def do_exit(self, code: int) -> None:
        os._exit(code)

    def do_kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_leave(self, pid_file: str) -> None:
        """Leave a child behind that holds our pipes, in a process session of its own."""
        subprocess.Popen([sys.executable, "-c", SLEEPER, pid_file], start_new_session=True)
        while not (Path(pid_file).exists() and Path(pid_file).read_text().strip()):
            time.sleep(0.01)

    def do_half(self) -> None:
        """Write a part of a line, then nothing more, whatever happens."""
        with self.agent.lock:
            sys.stdout.buffer.write(b'{"jsonrpc":"2.0","method":"session/upd')
            sys.stdout.buffer.flush()
            time.sleep(600)

    def do_deaf(self) -> None:
        """Hear no cancel from now on."""
        self.deaf = True

    def do_hang(self) -> None:
        """Wait for a cancel."""
        if self.deaf:
            time.sleep(600)
        self.agent.cancelled.wait()
        raise Cancelled

    def do_call(self, method: str, params: dict[str, Any]) -> None:
        """Ask the client for something and say what it answered."""
        answer = self.agent.call(method, {"sessionId": self.session_id, **params})
        self.do_say(json.dumps(answer["error"]["code"] if "error" in answer else answer.get("result")))

    def do_call_all(self, *calls: list[Any]) -> None:
        """Ask the client for several things at once, terminals by the last one's id, and say what it answered."""
        begun = [
            self.agent.begin(method, {"sessionId": self.session_id, "terminalId": self.terminal_id, **params})
            for method, params in calls
        ]
        for request, answered in begun:
            answered.wait()
            answer = self.agent.waiting.pop(request)[1][0]
            self.do_say(json.dumps(answer["error"]["code"] if "error" in answer else answer["result"]))

    def do_open_terminal(self, command: str) -> None:
        params = {"sessionId": self.session_id, "command": "/bin/sh", "args": ["-c", command]}
        self.terminal_id = self.agent.call("terminal/create", params)["result"]["terminalId"]

    def do_terminal(self, command: str) -> None:
        """Run a command in a terminal of the client's, and say how it ended and what it wrote."""
        made = self.agent.call(
            "terminal/create", {"sessionId": self.session_id, "command": "/bin/sh", "args": ["-c", command]}
        )
        if "error" in made:
            return self.do_say(f"no terminal: {made['error']['code']}")
        it = {"sessionId": self.session_id, "terminalId": made["result"]["terminalId"]}
        content = [{"type": "terminal", "terminalId": it["terminalId"]}]
        self.do_update({"sessionUpdate": "tool_call", "toolCallId": "in-terminal", "title": "T", "content": content})
        ended = self.agent.call("terminal/wait_for_exit", it)["result"]
        output = self.agent.call("terminal/output", it)["result"]["output"]
        self.agent.call("terminal/release", it)
        return self.do_say(f"{ended.get('exitCode')} {output.strip()}")

    def do_ask(self, command: str, options: list[dict[str, str]] | None = None, tool_call_id: str = "asked") -> None:
        """Ask for permission, with no tool call before it, and say what was answered."""
        self.outcome(self.agent.call("session/request_permission", self.asked(command, options, tool_call_id)))

    def do_ask_all(self, *commands: str) -> None:
        """Ask for several at once."""
        begun = [
            self.agent.begin("session/request_permission", self.asked(command, None, f"asked-{number}"))
            for number, command in enumerate(commands)
        ]
        for request, answered in begun:
            answered.wait()
            self.outcome(self.agent.waiting.pop(request)[1][0])

    def do_ask_and_go(self, command: str) -> None:
        """Ask, and go on without the answer."""
        self.agent.begin("session/request_permission", self.asked(command, None, "asked"))

    def do_ask_twice(self, command: str) -> None:
        """Ask two things under one id, and say the answers as they come."""
        request, answered = self.agent.begin("session/request_permission", self.asked(command, None, "asked"))
        other = self.asked(f"{command} again", None, "asked-again")
        self.agent.send(id=request, method="session/request_permission", params=other)
        answered.wait()
        while len(self.agent.waiting[request][1]) < 2:
            time.sleep(0.01)
        for answer in self.agent.waiting.pop(request)[1]:
            self.outcome(answer)

    def do_withdraw(self, command: str) -> None:
        """Ask, and take it back."""
        request, _ = self.agent.begin("session/request_permission", self.asked(command, None, "asked"))
        self.agent.send(method="$/cancel_request", params={"requestId": request})

    def asked(self, command: str, options: list[dict[str, str]] | None, tool_call_id: str) -> dict[str, Any]:
        call = {"toolCallId": tool_call_id, "title": command, "kind": "execute", "rawInput": {"command": command}}
        return {"sessionId": self.session_id, "toolCall": call, "options": OPTIONS if options is None else options}

    def outcome(self, answer: dict[str, Any]) -> None:
        outcome = answer.get("result", {}).get("outcome", {})
        if outcome.get("outcome") == "cancelled":
            raise Cancelled
        self.do_say(f"[{outcome.get('optionId', answer)}]")

    def do_mark(self, path: str) -> None:
        """Leave a line in a file."""
        with Path(path).open("a") as file:
            file.write("done\n")

    def do_wait(self, path: str) -> None:
        """Wait until there is such a file."""
        while not Path(path).exists():
            time.sleep(0.01)

    def do_end(self, stop_reason: str) -> None:
        self.over = True
        self.agent.send(id=self.request, result={"stopReason": stop_reason})

    def do_fail(self, code: int, message: str) -> None:
        self.over = True
        self.agent.send(id=self.request, error={"code": code, "message": message})

    def do_answer(self, answer: dict[str, Any]) -> None:
        """Answer the prompt with any message, under its id unless that has another."""
        self.over = True
        self.agent.send(**{"id": self.request, **answer})


if __name__ == "__main__":
    faults = arguments()
    if faults.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if faults.exit_at == "start":
        sys.exit("fatal: no start today")
    Agent(faults).run()
