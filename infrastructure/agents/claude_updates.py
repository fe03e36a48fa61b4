"""What Claude Code says, as updates of the Agent Client Protocol. Pure: fed the SDK's messages, it returns updates."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from claude_agent_sdk import (
    AssistantMessage,
    ResultMessage,
    StreamEvent,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

Update = dict[str, Any]

KINDS = {
    "Bash": "execute",
    "BashOutput": "execute",
    "KillShell": "execute",
    "Read": "read",
    "NotebookRead": "read",
    "Edit": "edit",
    "MultiEdit": "edit",
    "NotebookEdit": "edit",
    "Write": "edit",
    "Glob": "search",
    "Grep": "search",
    "WebFetch": "fetch",
    "WebSearch": "fetch",
    "Agent": "think",
    "Task": "think",
    "ExitPlanMode": "switch_mode",
}
TITLES = ("command", "file_path", "notebook_path", "pattern", "url", "query", "description", "skill")
PLACES = ("file_path", "notebook_path", "path")
PLANNING = "TodoWrite"
COUNTED = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


class Translation:
    """One session's: remembers what was streamed already, and which tools are at work.

    ``used`` is how many tokens the newest answer made of the context window; ``failure`` the kind of the newest answer
    that was none, if any (``authentication_failed``, ``rate_limit``, …).
    """

    def __init__(self) -> None:
        self.used = 0
        self.failure: str | None = None
        self._streaming = ""
        self._piece = ""
        self._tools: dict[str, str] = {}

    def updates(self, message: object) -> Iterator[Update]:
        """Yield what *message* tells; nothing for what an answer to the prompt tells, or nobody asked for."""
        match message:
            case StreamEvent(parent_tool_use_id=None, event=event):
                yield from self._streamed(event)
            case AssistantMessage():
                yield from self._said(message)
            case UserMessage(content=list() as blocks):
                for block in blocks:
                    if isinstance(block, ToolResultBlock):
                        yield from self._returned(block)

    def knows(self, tool_call_id: str) -> bool:
        """Return whether a tool call was told of, and has not ended."""
        return tool_call_id in self._tools

    def _streamed(self, event: Mapping[str, Any]) -> Iterator[Update]:
        match event:
            case {"type": "message_start", "message": {"id": str(message_id)}}:
                self._streaming = message_id
            case {"type": "content_block_start"}:
                self._piece = str(uuid4())
            case {"type": "content_block_delta", "delta": {"type": "text_delta", "text": str(text)}}:
                yield _chunk("agent_message_chunk", self._piece, text)
            case {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": str(text)}}:
                yield _chunk("agent_thought_chunk", self._piece, text)

    def _said(self, message: AssistantMessage) -> Iterator[Update]:
        of_agent = message.parent_tool_use_id is None
        if of_agent:
            self.failure = message.error
            self.used = sum((message.usage or {}).get(name) or 0 for name in COUNTED)
        whole = of_agent and message.error is None and message.message_id != self._streaming
        for block in message.content:
            match block:
                case TextBlock(text=text) if whole:
                    yield _chunk("agent_message_chunk", str(uuid4()), text)
                case ThinkingBlock(thinking=text) if whole:
                    yield _chunk("agent_thought_chunk", str(uuid4()), text)
                case ToolUseBlock(name=name, input=given) if name == PLANNING:
                    yield {"sessionUpdate": "plan", "entries": _entries(given)}
                case ToolUseBlock(id=call_id, name=name, input=given):
                    self._tools[call_id] = name
                    yield {"sessionUpdate": "tool_call", "status": "pending", **tool_call(call_id, name, given)}

    def _returned(self, block: ToolResultBlock) -> Iterator[Update]:
        name = self._tools.pop(block.tool_use_id, None)
        if name is None:
            return
        status = "failed" if block.is_error else "completed"
        update: Update = {"sessionUpdate": "tool_call_update", "toolCallId": block.tool_use_id, "status": status}
        if block.is_error or KINDS.get(name) != "edit":  # an edit goes on showing its diff
            update["content"] = [_text(_plain(block.content))]
        yield update


def tool_call(call_id: str, name: str, given: Mapping[str, Any]) -> Update:
    """Return what a tool is asked to do."""
    title = next((given[key] for key in TITLES if isinstance(given.get(key), str)), "")
    places = [given[key] for key in PLACES if isinstance(given.get(key), str)]
    return {
        "toolCallId": call_id,
        "title": title if name == "Bash" else f"{name} {title}".strip(),
        "kind": KINDS.get(name, "other"),
        "locations": [{"path": path} for path in places],
        "content": _changes(name, given),
        "rawInput": given,
    }


def usage(result: ResultMessage) -> Update:
    """Return the tokens that a turn took."""
    counts = result.usage or {}
    sent, said, read, written = (
        counts.get(name) or 0
        for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    return {
        "inputTokens": sent,
        "outputTokens": said,
        "cachedReadTokens": read,
        "cachedWriteTokens": written,
        "totalTokens": sent + said + read + written,
    }


def window(result: ResultMessage, used: int, *, priced: bool) -> Update | None:
    """Return how full the context window is, and what all has cost; None where the result does not tell its size."""
    sizes = [model["contextWindow"] for model in (result.model_usage or {}).values() if model.get("contextWindow")]
    if not sizes or not used:
        return None
    update: Update = {"sessionUpdate": "usage_update", "used": used, "size": max(sizes)}
    if priced and result.total_cost_usd is not None:
        update["cost"] = {"amount": result.total_cost_usd, "currency": "USD"}
    return update


def _chunk(kind: str, message_id: str, text: str) -> Update:
    return {"sessionUpdate": kind, "messageId": message_id, "content": {"type": "text", "text": text}}


def _text(text: str) -> Update:
    return {"type": "content", "content": {"type": "text", "text": text}}


def _changes(name: str, given: Mapping[str, Any]) -> list[Update]:
    match name, given:
        case "Write", {"file_path": path, "content": text}:
            return [{"type": "diff", "path": path, "newText": text}]
        case "Edit", {"file_path": path, "old_string": before, "new_string": after}:
            return [{"type": "diff", "path": path, "oldText": before, "newText": after}]
        case "MultiEdit", {"file_path": path, "edits": list() as edits}:
            return [change for edit in edits for change in _changes("Edit", {"file_path": path, **edit})]
        case "ExitPlanMode", {"plan": str(plan)}:
            return [_text(plan)]
    return []


def _entries(given: Mapping[str, Any]) -> list[Update]:
    return [
        {"content": todo.get("content", ""), "status": todo.get("status", "pending"), "priority": "medium"}
        for todo in given.get("todos", [])
    ]


def _plain(content: str | Sequence[Mapping[str, Any]] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.get("text", f"[{part.get('type')}]") for part in content)
