"""Writes openapi/folds.json: events, and the state after each, as domain/state.py folds them.

The pages' own fold (web/src/state/reduce.ts) is held to the same. `python -m tests.web.folds` after a change.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from contracts.codec import encode
from contracts.events import Event, SessionCreated
from domain.ids import Epoch
from domain.reading import state_view
from domain.state import apply, begin

ROOT = Path(__file__).parents[2]
FOLDS = ROOT / "openapi" / "folds.json"
EXAMPLES = ROOT / "openapi" / "examples"
EPOCH = Epoch("k7wq2mzr5tdn4xba")
TURN, NEXT, STEERED = "turn-number-1", "turn-number-2", "turn-number-3"
ORDER = {"session-created": 0, "session-deleted": 2}
_decode = msgspec.json.Decoder(Event).decode


def golden() -> Iterator[dict[str, Any]]:
    """Yield the golden sample of every event that a session can hold, `session-created` first."""
    samples = [msgspec.json.decode(path.read_bytes()) for path in sorted(EXAMPLES.glob("*.json"))]
    of_sessions = [sample for sample in samples if "seq" in sample and sample["sessionId"] != "system_0"]
    yield from sorted(
        of_sessions, key=lambda sample: (sample["type"] == "session-deleted", "-created" not in sample["type"])
    )


def day() -> Iterator[dict[str, Any]]:
    """Yield a session's day: each change of its state, and of the order in which things change."""
    origin = {"sessionId": "originaloriginal", "seq": 4, "kind": "duplicate"}
    yield {"type": "session-created", "mode": "shell", "workingDir": "/w", "title": "", "origin": origin}
    yield {"type": "command-sent", "turnId": TURN, "command": "one", "delivery": "queue"}
    yield {"type": "turn-started", "turnId": TURN}
    yield {"type": "session-status", "status": "running", "pid": 7, "uptime": 3}
    given = [{"path": "a.py"}]
    yield {"type": "command-sent", "turnId": NEXT, "command": "two", "delivery": "queue", "context": given}
    yield {"type": "command-sent", "turnId": STEERED, "command": "three", "delivery": "steer"}
    yield {"type": "session-output", "stream": "stdout", "content": "x\n", "turnId": TURN}
    yield {"type": "agent-message", "turnId": TURN, "messageId": "message-1", "text": "Hello"}
    yield {"type": "tool-call", "turnId": TURN, "toolCallId": "t1", "title": "Read", "status": "pending"}
    yield {"type": "tool-call", "turnId": TURN, "toolCallId": "t2", "title": "Write", "status": "running"}
    yield {"type": "tool-call", "turnId": TURN, "toolCallId": "t1", "status": "running", "locations": given}
    yield {"type": "tool-call", "turnId": TURN, "toolCallId": "t2", "status": "failed"}
    yield {
        "type": "plan-updated",
        "turnId": TURN,
        "entries": [{"content": "c", "priority": "low", "status": "pending"}],
    }
    yield {"type": "usage-updated", "used": 5, "size": 10, "cost": {"amount": 0.5, "currency": "EUR"}}
    asked = {"turnId": TURN, "explanation": "", "options": [], "editable": True, "expiresAt": 9}
    yield {"type": "approval-request", "approvalId": "approval-1", "command": "rm", **asked}
    yield {"type": "approval-request", "approvalId": "approval-2", "command": "mv", **asked}
    yield {"type": "session-status", "status": "waiting"}
    answered = {"approved": True, "optionId": "allow-once", "answeredBy": "owner"}
    yield {"type": "approval-confirmed", "approvalId": "approval-1", **answered}
    yield {"type": "approval-expired", "approvalId": "approval-2"}
    yield {"type": "turn-completed", "turnId": TURN, "stopReason": "end", "cwd": "/w/sub"}
    yield {"type": "session-status", "status": "idle"}
    yield {"type": "turn-completed", "turnId": STEERED, "stopReason": "cancelled"}
    yield {"type": "turn-started", "turnId": NEXT}
    for number in range(1, 5):
        operations = [{"type": "delete", "path": f"{number}"}]
        yield {"type": "operations-detected", "turnId": NEXT, "planId": f"plan-num-{number}", "operations": operations}
    yield {"type": "operations-detected", "planId": "plan-num-4", "operations": [{"type": "command", "command": "x"}]}
    yield {"type": "operations-executed", "planId": "plan-num-1", "results": []}
    yield {"type": "operations-executed", "planId": "plan-num-2", "results": []}
    yield {"type": "operations-reverted", "planId": "plan-num-2", "results": []}
    yield {"type": "operations-error", "planId": "plan-num-3", "error": "no", "operations": []}
    yield {"type": "operations-error", "planId": "plan-num-1", "error": "no", "operations": []}
    yield {"type": "operations-error", "error": "no plan", "operations": []}
    yield {"type": "session-updated", "title": "Named", "projectId": "project-1", "agentMode": "careful"}
    yield {"type": "session-updated", "archived": True, "workingDir": "/elsewhere"}
    yield {"type": "session-updated", "projectId": None, "agentMode": None}
    yield {"type": "turn-started", "turnId": "turn-of-nobody"}
    yield {"type": "turn-completed", "turnId": "turn-of-nobody", "stopReason": "error"}
    yield {"type": "session-error", "error": "e", "code": "c", "recoverable": True}
    yield {"type": "run-started", "command": "x", "turnId": NEXT}
    yield {"type": "session-deleted"}


def folded(events: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each event as it is recorded, and the state after it."""
    steps: list[dict[str, Any]] = []
    state = None
    for seq, event in enumerate(events, 1):
        stamped = {**event, "sessionId": "session-of-folds", "seq": seq, "timestamp": 1000 * seq}
        read = _decode(encode(stamped))
        if state is None:
            assert isinstance(read, SessionCreated)
            state = begin(read)
        else:
            state = apply(state, read)
        steps.append({"event": stamped, "state": msgspec.json.decode(encode(state_view(state, EPOCH)))})
    return steps


def render() -> bytes:
    """Return the file as it has to be: a line for each step."""
    histories = {"golden": folded(golden()), "day": folded(day())}
    lists = [b'"%s":[\n%s\n]' % (name.encode(), b",\n".join(map(encode, steps))) for name, steps in histories.items()]
    return b"{%s}\n" % b",".join(lists)


if __name__ == "__main__":
    FOLDS.write_bytes(render())
