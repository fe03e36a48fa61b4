"""An agent over ACP that works for as long as it is let, at a steady pace: its prompt is how many updates a second."""

import itertools
import json
import sys
import threading
import time
from typing import Any

from benchmarks.web.work import Update, piece_of_work

FIRST = 1_000_000  # pieces of work before it are in the log


class Agent:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.cancelled = threading.Event()

    def send(self, **message: Any) -> None:
        with self.lock:
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            sys.stdout.flush()

    def run(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            match message.get("method"):
                case "initialize":
                    self.send(id=message["id"], result={"protocolVersion": 1, "agentCapabilities": {}})
                case "session/new":
                    self.send(id=message["id"], result={"sessionId": "the-one"})
                case "session/prompt":
                    self.cancelled.clear()
                    threading.Thread(target=self.work, args=(message,), daemon=True).start()
                case "session/cancel":
                    self.cancelled.set()

    def work(self, message: dict[str, Any]) -> None:
        session = message["params"]["sessionId"]
        pause = 1 / int(message["params"]["prompt"][-1]["text"])
        due = time.monotonic()
        for update in itertools.chain.from_iterable(map(piece_of_work, itertools.count(FIRST))):
            if self.cancelled.is_set():
                break
            self.send(method="session/update", params={"sessionId": session, "update": wire(update)})
            due += pause
            time.sleep(max(0, due - time.monotonic()))
        self.send(id=message["id"], result={"stopReason": "cancelled"})


def wire(update: Update) -> Update:
    """Return an update as the protocol has it: output is part of what a tool call has shown so far."""
    if update["sessionUpdate"] != "output":
        return update
    text = {"type": "content", "content": {"type": "text", "text": update["text"]}}
    return {"sessionUpdate": "tool_call_update", "toolCallId": update["toolCallId"], "content": [text]}


if __name__ == "__main__":
    Agent().run()
