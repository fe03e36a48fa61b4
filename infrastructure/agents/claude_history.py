"""What Claude Code keeps of its sessions, by the SDK, as the Agent Client Protocol tells it. Starts nothing."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
    get_session_messages,
    list_sessions,
)

from infrastructure.agents.claude_updates import Translation, Update

LISTED = 200


def known_sessions(cwd: str) -> list[dict[str, Any]]:
    """Return the sessions that were held in a directory, the newest first."""
    return [
        {
            "sessionId": one.session_id,
            "cwd": one.cwd or cwd,
            "title": one.summary,
            "updatedAt": datetime.fromtimestamp(one.last_modified / 1000, UTC).isoformat(),
        }
        for one in list_sessions(cwd, limit=LISTED, include_worktrees=False)
    ]


def history(session_id: str, cwd: str) -> Iterator[Update]:
    """Yield what was said in a session."""
    translation = Translation()
    for message in get_session_messages(session_id, cwd):
        told: Mapping[str, Any] = message.message
        said = told.get("content") or []
        blocks = [{"type": "text", "text": said}] if isinstance(said, str) else said
        if message.type == "assistant":
            parts = [part for part in map(_part, blocks) if part is not None]
            yield from translation.updates(AssistantMessage(content=parts, model=told.get("model", "")))
            continue
        for block in blocks:
            if block.get("type") == "text":
                yield {"sessionUpdate": "user_message_chunk", "content": {"type": "text", "text": block["text"]}}
        yield from translation.updates(UserMessage(content=[*_results(blocks)]))


def _part(block: Mapping[str, Any]) -> TextBlock | ThinkingBlock | ToolUseBlock | None:
    match block:
        case {"type": "text", "text": str(text)}:
            return TextBlock(text)
        case {"type": "thinking", "thinking": str(text)}:
            return ThinkingBlock(text, block.get("signature", ""))
        case {"type": "tool_use", "id": str(call_id), "name": str(name)}:
            return ToolUseBlock(call_id, name, block.get("input") or {})
    return None


def _results(blocks: list[Mapping[str, Any]]) -> Iterator[ToolResultBlock]:
    for block in blocks:
        if block.get("type") == "tool_result":
            yield ToolResultBlock(block["tool_use_id"], block.get("content"), block.get("is_error"))
