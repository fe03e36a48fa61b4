"""What an agent's tool call would do, as far as it tells: the very command, the files."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from contracts.events import ToolCall, ToolDiff
from domain.policy import TOOL, Action
from domain.state import SessionState

EXECUTE = "execute"
_SHELLS = frozenset({"sh", "bash", "zsh", "dash"})
_RUNS_TEXT = frozenset({"-c", "-lc"})


def exact_command(given: Any) -> str | None:
    """Return the very command that a tool was given to run, `None` where that can't be told.

    Agents name it ``command`` or ``cmd``, as a text for a shell or as words; words that have a shell run a text are
    that text.
    """
    if not isinstance(given, Mapping):
        return None
    command = given.get("command", given.get("cmd"))
    arguments = given.get("args", [])
    if isinstance(command, str) and arguments == []:
        return command or None
    words = [command, *arguments] if isinstance(command, str) and _is_words(arguments) else command
    if not words or not _is_words(words):
        return None
    program, *rest = words
    if program.rpartition("/")[2] in _SHELLS and len(rest) == 2 and rest[0] in _RUNS_TEXT:
        return str(rest[1])
    return shlex.join(words)


def _is_words(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(word, str) for word in value)


def find_call(state: SessionState, tool_call_id: str) -> ToolCall | None:
    """Return what is known of a tool call that is not over."""
    return next((call for call in state.open_tool_calls if call.tool_call_id == tool_call_id), None)


def tool_action(state: SessionState, tool_call_id: str) -> Action:
    """Return what a tool call would do; without a command where nobody can tell the exact one."""
    call = find_call(state, tool_call_id)
    kind = TOOL if call is None or call.kind is UNSET else call.kind
    return Action(
        session_id=state.session_id,
        project_id=state.project_id,
        mode=state.mode,
        kind=kind,
        command=exact_command(call.input) if call is not None and kind == EXECUTE else None,
        working_dir=state.working_dir,
        paths=_paths(call),
    )


def _paths(call: ToolCall | None) -> Sequence[str]:
    if call is None:
        return ()
    places = [] if call.locations is UNSET else [location.path for location in call.locations]
    diffs = [] if call.content is UNSET else [part.path for part in call.content if isinstance(part, ToolDiff)]
    return [*dict.fromkeys((*places, *diffs))]
