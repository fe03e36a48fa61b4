"""A session's history as Markdown (CommonMark), event by event.

Nothing that an agent or a program wrote gets out of its block: answers are quotations, which end whatever they left
open; all else stands in fences that are longer than any in it. Control characters are shown, not obeyed.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from msgspec import UNSET, UnsetType

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
    OperationResult,
    OperationsDetected,
    OperationsError,
    OperationsExecuted,
    OperationsReverted,
    PlanUpdated,
    RunStarted,
    SessionError,
    SessionOutput,
    SessionUpdated,
    Text,
    ToolCall,
    ToolDiff,
    ToolText,
    TurnCompleted,
    TurnStarted,
)
from contracts.views import Session

OUTPUT_CHARACTERS = 64 * 1024  # of a longer output each part stands in a fence of its own
INLINE_CHARACTERS = 500
OPEN_CALLS = 256
STOPPED = {
    "cancelled": "The turn was cancelled.",
    "refused": "The turn was refused.",
    "limit": "The turn reached a limit.",
    "error": "The turn failed.",
    "interrupted": "The turn was interrupted.",
}
MARKS = {"pending": " ", "in_progress": "-", "completed": "x"}

_backticks = re.compile("`+").findall
_punctuation: Callable[[str], str] = lambda text: re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)  # noqa: E731
_SHOWN = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_SHOWN |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)


class Transcript:
    """Makes Markdown of a session's events; each call returns what can be written by now."""

    def __init__(self) -> None:
        self._waiting: dict[str, CommandSent] = {}
        self._calls: dict[str, tuple[str, str]] = {}
        self._output: list[str] = []
        self._output_size = 0
        self._stream = ""
        self._message = ""
        self._line_begun = False

    def begin(self, session: Session, *, whole: bool) -> str:
        """Return the heading, and what is known of the session."""
        facts = [
            f"- Session: {inline(session.session_id)}",
            f"- Mode: {inline(session.mode)}",
            f"- Directory: {inline(session.working_dir)}",
            f"- Begun: {_instant(session.created_at)}",
        ]
        gone = "" if whole else "*What came before is no longer kept.*\n\n"
        return f"# {_punctuation(shown(session.title)) or 'Session'}\n\n" + "\n".join(facts) + f"\n\n{gone}"

    def add(self, event: Event) -> str:
        """Return what an event adds, which may be nothing yet."""
        match event:
            case SessionOutput(stream="stdout" | "stderr" as stream, content=content):
                return self._close_message() + self._print(stream, content)
            case AgentMessage(message_id=message_id, text=text):
                return self._close_output() + self._quote(message_id, text, "")
            case AgentThought(message_id=message_id, text=text):
                return self._close_output() + self._quote(message_id, text, "> *Thought:*\n>\n")
        blocks = list(self._blocks(event))
        return self._close() + "".join(f"{block}\n\n" for block in blocks) if blocks else ""

    def end(self) -> str:
        """Return what is left to write."""
        waiting = [f"## Prompt, still waiting\n\n{fence(_text(sent.command))}\n\n" for sent in self._waiting.values()]
        return self._close() + "".join(waiting)

    def _blocks(self, event: Event) -> Iterator[str]:  # noqa: C901, PLR0912  # one arm an event
        match event:
            case CommandSent(turn_id=turn_id):
                self._waiting[turn_id] = event
            case TurnStarted(turn_id=turn_id):
                sent = self._waiting.pop(turn_id, None)
                yield f"## Prompt, {_instant(event.timestamp)}"
                yield "*It is no longer kept.*" if sent is None else fence(_text(sent.command))
            case TurnCompleted(turn_id=turn_id, stop_reason=reason):
                sent = self._waiting.pop(turn_id, None)
                if sent is not None:
                    yield "## Prompt, never begun"
                    yield fence(_text(sent.command))
                elif reason in STOPPED:
                    yield f"*{STOPPED[reason]}*"
            case SessionOutput(exit_code=int(code)) if code:
                yield f"*Exit code {code}.*"
            case ToolCall():
                yield from self._tool_call(event)
            case PlanUpdated(entries=entries) if entries:
                yield "\n".join(f"- [{MARKS[entry.status]}] {inline(entry.content)}" for entry in entries)
            case SessionError(error=error):
                yield f"**Error:** {inline(error)}"
            case SessionUpdated(working_dir=str(path)):
                yield f"*From here on in {inline(path)}.*"
            case ApprovalRequest(command=command):
                yield f"**May this run?** {inline(_text(command))}"
            case ApprovalConfirmed(approved=approved, answered_by=who):
                instead = "" if event.custom_command is UNSET else f", as {inline(event.custom_command)}"
                yield f"*{'Yes' if approved else 'No'}, by {inline(who)}{instead}.*"
            case ApprovalExpired():
                yield "*Nobody answered: no.*"
            case RunStarted(command=command):
                yield f"*Run:* {inline(_text(command))}"
            case OperationsDetected(operations=operations):
                yield "\n".join(["**Proposed:**", "", *map(_operation, operations)])
            case OperationsExecuted(results=results):
                yield "\n".join(["**Carried out:**", "", *map(_result, results)])
            case OperationsReverted(results=results):
                yield "\n".join(["**Undone:**", "", *map(_result, results)])
            case OperationsError(error=error):
                yield f"**Nothing was changed:** {inline(error)}"
            case _:  # what only matters while it happens
                pass

    def _tool_call(self, call: ToolCall) -> Iterator[str]:
        title, kind = self._calls.pop(call.tool_call_id, ("", ""))
        title = title if call.title is UNSET else call.title
        kind = kind if call.kind is UNSET else call.kind
        if call.status not in ("completed", "failed"):
            self._calls[call.tool_call_id] = title, kind
            if len(self._calls) > OPEN_CALLS:
                del self._calls[next(iter(self._calls))]
            return
        yield f"**Tool:** {inline(title or call.tool_call_id)}{f' ({inline(kind)})' if kind else ''}, {call.status}"
        for content in () if isinstance(call.content, UnsetType) else call.content:
            match content:
                case ToolText(text=text):
                    yield fence(_text(text))
                case ToolDiff(path=path, new_text=text):
                    yield f"{inline(path)}:"
                    yield fence(_text(text))

    def _print(self, stream: str, content: str) -> str:
        done = "" if stream == self._stream else self._close_output()
        self._stream = stream
        self._output.append(content)
        self._output_size += len(content)
        if self._output_size > OUTPUT_CHARACTERS:
            done += self._close_output()
        return done

    def _close_output(self) -> str:
        text, kind = "".join(self._output), "" if self._stream == "stdout" else self._stream
        self._output.clear()
        self._output_size, self._stream = 0, ""
        return f"{fence(text, kind)}\n\n" if text else ""

    def _quote(self, message_id: str, text: str, label: str) -> str:
        done = ""
        if message_id != self._message:
            done = self._close_message() + label
            self._message = message_id
        for line in shown(text).splitlines(keepends=True):
            done += line if self._line_begun else f"> {line}"
            self._line_begun = not line.endswith("\n")
        return done

    def _close_message(self) -> str:
        begun, open_ = self._line_begun, bool(self._message)
        self._message, self._line_begun = "", False
        return ("\n\n" if begun else "\n") if open_ else ""

    def _close(self) -> str:
        return self._close_output() + self._close_message()


def fence(text: str, kind: str = "") -> str:
    """Return a fenced block, longer than any fence in *text*."""
    text = shown(text)
    bar = "`" * max([3, *(len(run) + 1 for run in _backticks(text))])
    return f"{bar}{kind}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{bar}"


def inline(text: str) -> str:
    """Return a code span on one line, cut where it is long."""
    text = " ".join(shown(text[: INLINE_CHARACTERS + 1]).split())
    short = text if len(text) <= INLINE_CHARACTERS else text[: INLINE_CHARACTERS - 1] + "…"
    bar = "`" * max([1, *(len(run) + 1 for run in _backticks(short))])
    room = " " if short[:1] in ("", "`") or short.endswith("`") else ""
    return f"{bar}{room}{short}{room}{bar}"


def shown(text: str) -> str:
    """Return a text whose lines end with LF and whose other control characters are pictures of themselves."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_SHOWN)


def _text(text: Text) -> str:
    if isinstance(text, LargeBody):
        return f"{text.preview}…\n({text.bytes} bytes, body {text.blob_id})"
    return text


def _operation(operation: Operation) -> str:
    subject = operation.command if isinstance(operation, CommandOperation) else operation.path
    return f"- {operation.__struct_config__.tag} {inline(subject)}"


def _result(result: OperationResult) -> str:
    failed = "" if result.success else f": {inline(result.error or 'failed')}"
    path = f" {inline(result.path)}" if result.path else ""  # a command has none
    return f"- {result.operation}{path}{failed}"


def _instant(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
