"""What a terminal shows of a session: its output as it is, all else as short notes that can do no harm."""

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from msgspec import UNSET

from contracts.events import (
    AgentMessage,
    AgentThought,
    ApprovalConfirmed,
    ApprovalExpired,
    ApprovalRequest,
    CommandOperation,
    CommandSent,
    Event,
    LargeBody,
    Operation,
    OperationsDetected,
    OperationsError,
    OperationsExecuted,
    OperationsReverted,
    PlanUpdated,
    ProjectCreated,
    ProjectDeleted,
    ProjectUpdated,
    RuleCreated,
    RuleDeleted,
    RunStarted,
    SessionCreated,
    SessionDeleted,
    SessionError,
    SessionOutput,
    SessionStatus,
    SessionUpdated,
    TerminalClosed,
    TerminalCreated,
    Text,
    TokenCreated,
    TokenRevoked,
    ToolCall,
    ToolContent,
    ToolDiff,
    ToolTerminal,
    ToolText,
    TurnCompleted,
    TurnStarted,
    UsageUpdated,
)

# C0 but tab and newline, DEL, C1, the two Unicode line ends, and what turns the reading direction (CVE-2021-42574).
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LINE_LENGTH = 200
_RESULT_LINES = 10
_MARKS = {"pending": " ", "in_progress": "~", "completed": "x"}


def printable(text: str) -> str:
    """Return *text* with U+FFFD for each character that could command a terminal; newline and tab stay."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def line(text: str, limit: int = _LINE_LENGTH) -> str:
    """Return *text* as one printable line of at most *limit* characters."""
    joined = " ".join(printable(text).split())
    return joined if len(joined) <= limit else f"{joined[: limit - 1]}…"


def duration(milliseconds: int) -> str:
    """Return a time span as people say it: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min, 4 d 3 h."""
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f} s"
    seconds = milliseconds // 1000
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // part} {smaller}"
    return f"{seconds} s"


class Screen:
    """Two streams that may be one terminal: raw text keeps every byte, notes begin on a line of their own."""

    def __init__(self, *, out: BinaryIO, err: BinaryIO, together: bool, dim: bool) -> None:
        """*together*: both streams are the same terminal; *dim*: notes may be coloured."""
        self._out = out
        self._err = err
        self._together = together
        self._dim = dim
        self._unfinished: BinaryIO | None = None

    def out(self, text: str) -> None:
        """Write to stdout as it is."""
        self._write(self._out, text)

    def err(self, text: str) -> None:
        """Write to stderr as it is."""
        self._write(self._err, text)

    def note(self, text: str) -> None:
        """Write a line of our own to stderr."""
        if self._unfinished is self._err or (self._unfinished is not None and self._together):
            self._write(self._err, "\n")
            self._unfinished = None
        lines = printable(text)
        # A program that was stopped may have left its colour on, hence the 0.
        self._write(self._err, f"\x1b[0;2m{lines}\x1b[0m\n" if self._dim else f"{lines}\n")

    def aside(self, text: str) -> None:
        """Write a piece of our own to stderr, which may go on."""
        shown = printable(text)
        self._write(self._err, f"\x1b[0;2m{shown}\x1b[0m" if self._dim else shown)
        self._unfinished = None if shown.endswith("\n") else self._err

    def finish_line(self) -> None:
        """End an unfinished line."""
        if self._unfinished is self._out:
            self.out("\n")
        elif self._unfinished is self._err:
            self.err("\n")

    def _write(self, stream: BinaryIO, text: str) -> None:
        if not text:
            return
        stream.write(text.encode())
        stream.flush()
        if not text.endswith("\n"):
            self._unfinished = stream
        elif self._together or self._unfinished is stream:
            self._unfinished = None


class Transcript:
    """Shows events in their order, and remembers what a later one refers to."""

    def __init__(self, screen: Screen, *, page: str) -> None:
        """*page* is the session's URL, where a human can answer."""
        self._screen = screen
        self._page = page
        self._message_id: str | None = None
        self._tools: dict[str, str] = {}
        self._started: dict[str, int] = {}
        self._exit_codes: dict[str, int] = {}

    def show(self, event: Event) -> None:  # noqa: C901, PLR0912, PLR0915 - an arm per event
        """Write what a reader should see of *event*."""
        if not isinstance(event, (AgentMessage, AgentThought)) and self._message_id is not None:
            self._screen.finish_line()
            self._message_id = None
        note = self._screen.note
        match event:
            case SessionOutput():
                self._output(event)
            case AgentMessage(message_id=message_id, text=text) | AgentThought(message_id=message_id, text=text):
                self._piece(message_id, text, thought=isinstance(event, AgentThought))
            case CommandSent(command=command):
                note(f"> {_brief(command)}")
            case TurnStarted(turn_id=turn_id, timestamp=timestamp):
                self._started[turn_id] = timestamp
            case TurnCompleted():
                note(self._turn_end(event))
            case ToolCall():
                self._tool(event)
            case SessionCreated(session_id=session_id, mode=mode, working_dir=working_dir):
                note(f"session {session_id} ({line(mode)}) in {line(working_dir)}")
            case SessionUpdated(title=str(title)):
                note(f"title: {line(title)}")
            case SessionUpdated(agent_mode=str(agent_mode)):
                note(f"the agent's mode: {line(agent_mode)}")
            case SessionUpdated(agent_session_id=str()):
                pass  # a matter between the agent and the server
            case SessionUpdated():
                note("the session's settings changed")
            case SessionDeleted():
                note("the session was deleted")
            case SessionStatus(status=("waiting" | "exited" | "error" | "interrupted") as status, reason=reason):
                note(f"{status}: {line(reason)}" if reason else status)
            case SessionError(error=error, code=code):
                note(f"error: {line(error)} ({line(code)})")
            case PlanUpdated(entries=entries):
                note("\n".join(f"[{_MARKS[entry.status]}] {line(entry.content)}" for entry in entries))
            case OperationsDetected(operations=operations, plan_id=plan_id):
                note(f"proposes {', '.join(map(_operation, operations))} (plan {plan_id})")
            case OperationsExecuted(results=results, plan_id=plan_id):
                note(f"{sum(result.success for result in results)} of {len(results)} done (plan {plan_id})")
            case OperationsReverted(plan_id=plan_id):
                note(f"undone (plan {plan_id})")
            case OperationsError(error=error):
                note(f"nothing was changed: {line(error)}")
            case ApprovalRequest(command=command, explanation=explanation):
                note(f"asks: {_brief(command)}\n      {line(explanation)}\n      answer at {self._page}")
            case ApprovalConfirmed(approved=approved, answered_by=answered_by):
                note(f"{'allowed' if approved else 'rejected'} by {line(answered_by)}")
            case ApprovalExpired():
                note("nobody answered, which counts as no")
            case RunStarted(command=command):
                note(f"runs: {_brief(command)}")
            case TerminalCreated(terminal_id=terminal_id):
                note(f"terminal {terminal_id} opened")
            case TerminalClosed(terminal_id=terminal_id):
                note(f"terminal {terminal_id} closed")
            case SessionStatus() | UsageUpdated():
                pass
            case (
                ProjectCreated()
                | ProjectUpdated()
                | ProjectDeleted()
                | RuleCreated()
                | RuleDeleted()
                | TokenCreated()
                | TokenRevoked()
            ):
                pass  # in no session's stream

    def _output(self, event: SessionOutput) -> None:
        match event.stream:
            case "stdout":
                self._screen.out(event.content)
            case "stderr":
                self._screen.err(event.content)
            case "exit":
                if event.turn_id is not UNSET and event.exit_code is not UNSET:
                    self._exit_codes[event.turn_id] = event.exit_code
            case "ready":
                pass

    def _piece(self, message_id: str, text: str, *, thought: bool) -> None:
        if self._message_id not in (None, message_id):
            self._screen.finish_line()
        if thought:
            self._screen.aside(text)
        else:
            self._screen.out(printable(text))
        self._message_id = message_id

    def _tool(self, event: ToolCall) -> None:
        new = event.tool_call_id not in self._tools
        if event.title is not UNSET or new:
            self._tools[event.tool_call_id] = line(event.title or event.kind or "tool")
        if new or event.status in ("completed", "failed"):
            status = f": {event.status}" if event.status else ""
            self._screen.note(f"[{self._tools[event.tool_call_id]}]{status}")
        if event.status in ("completed", "failed") and event.content:
            self._screen.note("\n".join(_result(event.content)))

    def _turn_end(self, event: TurnCompleted) -> str:
        exit_code = self._exit_codes.pop(event.turn_id, 0)
        outcome = event.stop_reason if event.stop_reason != "end" else f"exit {exit_code}" if exit_code else "done"
        started = self._started.pop(event.turn_id, None)
        return outcome if started is None else f"{outcome} after {duration(max(0, event.timestamp - started))}"


def _brief(text: Text) -> str:
    return line(f"{text.preview}… ({text.bytes} bytes)" if isinstance(text, LargeBody) else text)


def _result(content: Sequence[ToolContent]) -> Iterator[str]:
    """Yield what a tool came to, in few lines."""
    for part in content:
        match part:
            case ToolText(text=text):
                whole = text.preview if isinstance(text, LargeBody) else text
                lines = whole.rstrip().split("\n")
                yield from (f"  {line(each)}" for each in lines[:_RESULT_LINES])
                if len(lines) > _RESULT_LINES:
                    yield f"  … and {len(lines) - _RESULT_LINES} more lines"
            case ToolDiff(path=path):
                yield f"  changes {line(path)}"
            case ToolTerminal(terminal_id=terminal_id):
                yield f"  in terminal {terminal_id}"


def _operation(operation: Operation) -> str:
    if isinstance(operation, CommandOperation):
        return f"to run {line(operation.command)}"
    name = type(operation).__struct_config__.tag
    return f"to {name} {line(operation.path)}"
