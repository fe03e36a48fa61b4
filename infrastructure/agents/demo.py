"""The demo: a program that speaks the Agent Client Protocol and plays a script. It asks no model and needs no network.

It runs by itself (``python -I demo.py``), since a session's directory may hold modules of any name: it imports nothing
of Towpath's. ``--pace 0`` plays without pauses.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec

Json = dict[str, Any]

VERSION = "1"
FILE = "towpath-demo.sh"
SCRIPT = """\
# Made by Towpath's demo. Delete it when you like.
for step in 1 2 3; do
  echo "step $step of 3"
  sleep 0.3
done
"""
WINDOW_TOKENS = 16_000  # made up, as is what of it is used
_METHOD_NOT_FOUND, _INVALID_PARAMS, _INTERNAL_ERROR = -32601, -32602, -32603

HELP = """\
I am **scripted**: no model reads what you write. These words make me do something of their own:

| prompt | what happens |
| --- | --- |
| `ask` | a question that you answer, in two ways at once |
| `terminal` | a command in one of Towpath's terminals |
| `slow` | an answer that takes a minute; stop it, or watch it from two windows |
| `big` | a long answer, at once |
| `error` | a turn that fails |
| `crash` | this program ends in the middle of a turn; the next prompt starts it again |
| `help` | this list |

Any other prompt begins the tour.
"""
INTRODUCTION = """\
Hello! I am **scripted**: no model reads what you write, and whatever you ask, you see the same tour. It shows what \
real agents do in a session.

You said “{said}”.

I look around, write a small file, and ask you before I run it. Reload the page meanwhile, or open it twice: nothing \
gets lost.
"""
OPTIONS = (
    {"optionId": "once", "name": "Allow", "kind": "allow_once"},
    {"optionId": "always", "name": "Always allow", "kind": "allow_always"},
    {"optionId": "no", "name": "Reject", "kind": "reject_once"},
    {"optionId": "never", "name": "Always reject", "kind": "reject_always"},
)


class Cancelled(Exception):
    """The client stopped the turn."""


class Failed(Exception):
    """A request ended in an error, ours or theirs: its code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Wire:
    """JSON-RPC 2.0, one message a line; whoever sends, from whichever thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, Future[Json]] = {}

    def send(self, **message: object) -> None:
        """Send a message; end the program if nobody reads any more."""
        data = msgspec.json.encode({"jsonrpc": "2.0", **message}) + b"\n"
        try:
            with self._lock:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
        except OSError:
            os._exit(0)

    def call(self, method: str, params: Json) -> Json:
        """Return the client's result. Raises Failed."""
        request = f"demo-{token_hex(6)}"
        future = self._waiting[request] = Future()
        self.send(id=request, method=method, params=params)
        return future.result()

    def answered(self, message: Json) -> None:
        """Hand an answer to whoever waits for it."""
        future = self._waiting.pop(str(message.get("id")), None)
        if future is None:
            return
        if error := message.get("error"):
            future.set_exception(Failed(error.get("code", _INTERNAL_ERROR), str(error.get("message"))))
        else:
            future.set_result(message.get("result") or {})


class Session:
    """What the client opened: a directory, and whether its turn shall stop."""

    def __init__(self, session_id: str, directory: str) -> None:
        self.session_id = session_id
        self.directory = directory
        self.mode = "ask"
        self.stop = threading.Event()
        self.said = 0


class Turn:
    """What a script does."""

    def __init__(self, wire: Wire, session: Session, client: Json, pace: float) -> None:
        self.wire = wire
        self.session = session
        self.client = client
        self._pace = pace
        self._message = ""

    def pause(self, seconds: float) -> None:
        """Wait, unless the turn is stopped. Raises Cancelled."""
        if self.session.stop.wait(seconds * self._pace) or self.session.stop.is_set():
            raise Cancelled

    def update(self, what: str, /, **members: object) -> None:
        """Send one ``session/update``."""
        update = {"sessionUpdate": what, **members}
        self.wire.send(method="session/update", params={"sessionId": self.session.session_id, "update": update})

    def say(self, text: str, *, thought: bool = False) -> None:
        """Say a message word by word."""
        message_id = f"message-{token_hex(6)}"
        kind = "agent_thought_chunk" if thought else "agent_message_chunk"
        for piece in re.findall(r"\s*\S+\s*\n|\s*\S+|\s+", text):
            self.update(kind, content={"type": "text", "text": piece}, messageId=message_id)
            self.pause(0.02)
        self.session.said += len(text)

    def plan(self, *entries: str, done: int) -> None:
        """Tell the plan, of which the first *done* are done and the next is under way."""
        self.update(
            "plan",
            entries=[
                {
                    "content": entry,
                    "priority": "medium",
                    "status": "completed" if index < done else "in_progress" if index == done else "pending",
                }
                for index, entry in enumerate(entries)
            ],
        )

    def tool(self, title: str, kind: str, **members: object) -> str:
        """Begin a tool call; return its id."""
        tool_id = f"tool-{token_hex(6)}"
        self.update("tool_call", toolCallId=tool_id, title=title, kind=kind, status="pending", **members)
        return tool_id

    def progress(self, tool_id: str, status: str, text: str | None = None, **members: object) -> None:
        """Say how a tool call goes on."""
        if text is not None:
            members["content"] = [{"type": "content", "content": {"type": "text", "text": text}}]
        self.update("tool_call_update", toolCallId=tool_id, status=status, **members)

    def allowed(self, tool_id: str, title: str, kind: str, given: Json) -> bool:
        """Return whether a human lets the tool go on; in the mode ``free`` nobody is asked. Raises Cancelled."""
        if self.session.mode == "free":
            return True
        call = {"toolCallId": tool_id, "title": title, "kind": kind, "status": "pending", "rawInput": given}
        answer = self.wire.call(
            "session/request_permission",
            {"sessionId": self.session.session_id, "toolCall": call, "options": list(OPTIONS)},
        )
        outcome = answer.get("outcome") or {}
        if outcome.get("outcome") != "selected":
            raise Cancelled
        return outcome.get("optionId") in ("once", "always")

    def usage(self) -> None:
        """Say how full the context window would be."""
        self.update("usage_update", used=min(900 + self.session.said // 4, WINDOW_TOKENS), size=WINDOW_TOKENS)


PLAN = ("Look around", f"Write {FILE}", "Run it, if you allow it")


def tour(turn: Turn, said: str) -> None:
    """Show one of everything."""
    turn.say("This is where a model would think. I only play my part: look around, write, ask, run.", thought=True)
    turn.say(INTRODUCTION.format(said=" ".join(said.split())[:200] or "nothing"))
    turn.plan(*PLAN, done=0)
    _look_around(turn)
    turn.plan(*PLAN, done=1)
    written = _write(turn)
    turn.plan(*PLAN, done=2)
    ran = written and _run(turn, f"sh {FILE}", "It prints three lines. Whatever you answer, I go on.")
    turn.plan(*PLAN, done=3)
    turn.usage()
    turn.say(
        f"That was it: `{FILE}` is real and lies in this session's directory. "
        + ("It ran because you allowed it. " if ran else "It did not run. ")
        + "Say `help` to see what else I can play, or make a session with a real agent: `towpath doctor` says which "
        "are here.\n"
    )


def _look_around(turn: Turn) -> None:
    directory = turn.session.directory
    tool_id = turn.tool("List the directory", "read", locations=[{"path": directory}], rawInput={"path": directory})
    turn.progress(tool_id, "in_progress")
    turn.pause(0.4)
    names = sorted(entry.name for entry in Path(directory).iterdir())
    shown = "\n".join(names[:20]) or "It is empty."
    turn.progress(tool_id, "completed", f"{shown}\n… and {len(names) - 20} more" if len(names) > 20 else shown)


def _write(turn: Turn) -> bool:
    path = Path(turn.session.directory, FILE)
    before = path.read_text(errors="replace") if path.exists() else None
    tool_id = turn.tool(f"Write {FILE}", "edit", locations=[{"path": str(path)}], rawInput={"path": str(path)})
    if before not in (None, SCRIPT):
        turn.progress(tool_id, "failed", f"There is a {FILE} that is not mine: I leave it alone.")
        return False
    turn.progress(
        tool_id, "in_progress", content=[{"type": "diff", "path": str(path), "oldText": before, "newText": SCRIPT}]
    )
    turn.pause(0.4)
    try:
        if (turn.client.get("fs") or {}).get("writeTextFile"):
            turn.wire.call(
                "fs/write_text_file",
                {"sessionId": turn.session.session_id, "path": str(path), "content": SCRIPT},
            )
        else:
            path.write_text(SCRIPT)
    except (Failed, OSError) as error:
        turn.progress(tool_id, "failed", f"It can't be written: {error}")
        return False
    turn.progress(tool_id, "completed")
    return True


def _run(turn: Turn, command: str, why: str) -> bool:
    given = {"command": command, "description": why}
    tool_id = turn.tool(command, "execute", rawInput=given)
    if not turn.allowed(tool_id, command, "execute", given):
        turn.progress(tool_id, "failed", "You said no.")
        return False
    turn.progress(tool_id, "in_progress")
    with subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=turn.session.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout
        said = ""
        try:
            for line in process.stdout:
                said += line
                turn.progress(tool_id, "in_progress", said)
                turn.pause(0)
        except Cancelled:
            process.kill()
            turn.progress(tool_id, "failed", f"{said}stopped\n")
            raise
    turn.progress(tool_id, "failed" if process.returncode else "completed", said)
    return True


def ask(turn: Turn, _said: str) -> None:
    """Ask for two things at once: both questions stand until they are answered."""
    turn.say("Two questions: answer them in any order, in this window or in another. The first answer counts.\n")
    with ThreadPoolExecutor() as pool:
        asked = {command: pool.submit(_run, turn, command, "It changes nothing.") for command in ("date", "uname -a")}
    for command, ran in asked.items():
        turn.say(f"- `{command}` {'ran' if ran.result() else 'did not run'}\n")


def terminal(turn: Turn, _said: str) -> None:
    """Run a command in a terminal of the client's."""
    if not turn.client.get("terminal"):
        turn.say("This client offers no terminals.\n")
        return
    session = {"sessionId": turn.session.session_id}
    command = 'for n in 1 2 3 4 5; do echo "line $n"; sleep 0.3; done'
    made = turn.wire.call("terminal/create", {**session, "command": "/bin/sh", "args": ["-c", command]})
    it = {**session, "terminalId": made["terminalId"]}
    tool_id = turn.tool(
        "Count in a terminal", "execute", content=[{"type": "terminal", "terminalId": made["terminalId"]}]
    )
    turn.progress(tool_id, "in_progress")
    try:
        status = turn.wire.call("terminal/wait_for_exit", it)
        output = turn.wire.call("terminal/output", it).get("output", "")
        turn.progress(tool_id, "completed" if status.get("exitCode") == 0 else "failed")
        turn.pause(0)
        turn.say(f"It wrote {len(output.splitlines())} lines and ended with {status.get('exitCode')}.\n")
    finally:
        turn.wire.call("terminal/release", it)


def slow(turn: Turn, _said: str) -> None:
    """Say something each second, for a minute."""
    turn.say("I count to sixty. Stop me whenever you like.\n\n")
    for number in range(1, 61):
        turn.pause(1)
        turn.say(f"{number} ")


def big(turn: Turn, _said: str) -> None:
    """Say much without a pause."""
    for chapter in range(1, 41):
        lines = "".join(
            f"{number}. line {number} of a long answer that nobody has to read\n" for number in range(1, 81)
        )
        text = f"\n## Chapter {chapter}\n\n{lines}"
        turn.update("agent_message_chunk", content={"type": "text", "text": text})
        turn.session.said += len(text)
        turn.pause(0)
    turn.usage()


def error(turn: Turn, _said: str) -> None:
    """Fail a tool, then the turn."""
    tool_id = turn.tool("A tool that fails", "fetch")
    turn.progress(tool_id, "failed", "Nobody answers at that address. (There was none.)")
    raise Failed(_INTERNAL_ERROR, "You asked for an error, and this is it.")


def crash(turn: Turn, _said: str) -> None:
    """End without a word of goodbye."""
    turn.say("I end now, in the middle of the turn.\n")
    sys.stderr.write("demo: the last words on stderr\n")
    sys.stderr.flush()
    os._exit(3)


def tell(turn: Turn, _said: str) -> None:
    """Say what there is."""
    turn.say(HELP)


SCRIPTS: Mapping[str, Callable[[Turn, str], None]] = {
    "ask": ask,
    "big": big,
    "crash": crash,
    "error": error,
    "help": tell,
    "slow": slow,
    "terminal": terminal,
}


class Demo:
    """The agent: answers requests on this thread, plays each turn on one of its own."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._wire = Wire()
        self._client: Json = {}
        self._sessions: dict[str, Session] = {}

    def run(self) -> None:
        """Answer until nobody asks any more."""
        for line in sys.stdin.buffer:
            try:
                message = msgspec.json.decode(line, type=Json)
            except msgspec.DecodeError as error:
                sys.stderr.write(f"demo: no message: {error}\n")
                continue
            if "method" in message:
                self._take(message)
            else:
                self._wire.answered(message)

    def _take(self, message: Json) -> None:
        params = message.get("params") or {}
        if message["method"] == "session/prompt":
            threading.Thread(target=self._play, args=(message["id"], params), daemon=True).start()
            return
        try:
            result = self._answer(message["method"], params)
        except (Failed, KeyError, TypeError) as error:
            code = error.code if isinstance(error, Failed) else _INVALID_PARAMS
            answer: Json = {"error": {"code": code, "message": str(error)}}
        else:
            answer = {"result": result}
        if "id" in message:
            self._wire.send(id=message["id"], **answer)

    def _answer(self, method: str, params: Json) -> Json:
        match method:
            case "initialize":
                self._client = params.get("clientCapabilities") or {}
                return {
                    "protocolVersion": 1,
                    "agentInfo": {"name": "towpath-demo", "title": "Towpath's demo (scripted)", "version": VERSION},
                    "agentCapabilities": {
                        "loadSession": True,
                        "promptCapabilities": {"embeddedContext": True, "image": True},
                        "sessionCapabilities": {"resume": {}, "fork": {}, "close": {}},
                    },
                    "authMethods": [],
                }
            case "session/new" | "session/fork":
                return self._open(f"demo-{token_hex(8)}", params["cwd"])
            case "session/load" | "session/resume":  # it remembers nothing, so there is nothing to forget
                return self._open(params["sessionId"], params["cwd"])
            case "session/set_mode":
                if params["modeId"] not in ("ask", "free"):
                    raise Failed(_INVALID_PARAMS, "There are the modes ask and free.")
                self._session(params).mode = params["modeId"]
            case "session/cancel":
                self._session(params).stop.set()
            case "session/close":
                self._session(params).stop.set()
                del self._sessions[params["sessionId"]]
            case _:
                raise Failed(_METHOD_NOT_FOUND, f"The demo does not know {method}.")
        return {}

    def _open(self, session_id: str, directory: str) -> Json:
        session = self._sessions.setdefault(session_id, Session(session_id, directory))
        session.directory = directory
        modes = [{"id": "ask", "name": "Ask before running"}, {"id": "free", "name": "Run without asking"}]
        return {"sessionId": session_id, "modes": {"currentModeId": session.mode, "availableModes": modes}}

    def _session(self, params: Json) -> Session:
        try:
            return self._sessions[params["sessionId"]]
        except KeyError:
            raise Failed(_INVALID_PARAMS, "There is no such session.") from None

    def _play(self, request: object, params: Json) -> None:
        try:
            session = self._session(params)
            session.stop.clear()
            text = _text(params["prompt"])
            word = re.match(r"\W*(\w*)\W*\Z", text)
            script = SCRIPTS.get(word[1].lower(), tour) if word else tour
            script(Turn(self._wire, session, self._client, self._pace), text)
        except Cancelled:
            answer: Json = {"result": {"stopReason": "cancelled"}}
        except Failed as error:
            answer = {"error": {"code": error.code, "message": str(error)}}
        except (KeyError, OSError, TypeError) as error:
            answer = {"error": {"code": _INTERNAL_ERROR, "message": repr(error)}}
        else:
            answer = {"result": {"stopReason": "end_turn"}}
        self._wire.send(id=request, **answer)


def _text(blocks: Sequence[Json]) -> str:
    """Return the prompt; what was given with it comes after it."""
    return next((str(block["text"]) for block in blocks if block.get("type") == "text"), "")


def main(arguments: Sequence[str]) -> None:
    """Play until the standard input ends."""
    Demo(pace=float(arguments[1]) if arguments[:1] == ["--pace"] else 1).run()
    os._exit(0)  # whatever a turn waits for


if __name__ == "__main__":
    main(sys.argv[1:])
