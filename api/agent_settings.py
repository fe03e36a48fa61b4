"""The tables ``[agents.NAME]`` of the configuration file."""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from contracts.requests import LINE_PATTERN

_Seconds = Annotated[float, Meta(gt=0, le=10 * 365 * 86400)]
_Word = Annotated[str, Meta(min_length=1, max_length=4096, pattern=LINE_PATTERN)]
_Variable = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\*?$(?!\n)")]
_Limits = dict[Literal["processes", "open-files", "file-bytes", "memory-bytes"], Annotated[int, Meta(ge=1, le=2**53)]]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}").fullmatch


class Member(NamedTuple):
    """What a table may hold under one key: of which type, what to write, what it means."""

    type: Any
    wanted: str
    meaning: str


MEMBERS = {
    "protocol": Member(Literal["acp", "claude", "shell"], '"acp", "claude" or "shell"', "How it is spoken to."),
    "command": Member(
        Annotated[tuple[_Word, ...], Meta(min_length=1)],
        'a list such as ["my-agent", "--acp"]',
        "The program, by the server's PATH or from the file's directory, and its arguments.",
    ),
    "title": Member(
        Annotated[str, Meta(min_length=1, max_length=200, pattern=LINE_PATTERN)],
        'a text such as "My agent"',
        "How people see it.",
    ),
    "enabled": Member(bool, "true or false", "Whether sessions can be made with it."),
    "env": Member(
        tuple[_Variable, ...],
        'a list of names such as ["MY_API_KEY", "MINE_*"]',
        "Variables of the server's environment that it gets beside the usual ones.",
    ),
    "agent-mode": Member(
        _Word, 'the mode\'s id as the agent has it, such as "default"', "The mode of its own that sessions begin in."
    ),
    "hide": Member(
        tuple[Literal["readTextFile", "writeTextFile", "terminal"], ...],
        'a list of "readTextFile", "writeTextFile" and "terminal"',
        "What it is not told that Towpath can do for it.",
    ),
    "detects-operations": Member(bool, "true or false", "Whether its answers are searched for file operations."),
    "start-seconds": Member(_Seconds, "a number of seconds such as 60", "How long it may take to be ready."),
    "turn-seconds": Member(_Seconds, "a number of seconds such as 3600", "How long a turn may take."),
    "cancel-seconds": Member(
        _Seconds, "a number of seconds such as 10", "How long it may take to stop when asked; then it is ended."
    ),
    "idle-seconds": Member(
        _Seconds, "a number of seconds such as 900", "How long it is kept without a turn and without a question."
    ),
    "limits": Member(
        _Limits,
        "a table such as { open-files = 1024 }, of processes, open-files, file-bytes and memory-bytes",
        "What each of its processes may use.",
    ),
}


def read_agents(tables: object, base: Path) -> dict[str, dict[str, Any]]:
    """Return what each agent's table says, its keys written as names are in Python.

    A program with a slash counts from *base*. Raises ValueError, which names the key and says what to write.
    """
    try:
        found = msgspec.convert(tables, dict[str, dict[str, Any]])
    except msgspec.ValidationError as error:
        raise ValueError("write each agent below a line such as [agents.mine].") from error
    return {name: dict(_members(name, table, base)) for name, table in found.items()}


def _members(agent: str, table: Mapping[str, Any], base: Path) -> Iterator[tuple[str, Any]]:
    if not _NAME(agent):
        raise ValueError(f"{agent!r} can't be an agent's name: write small letters, digits, - and _.")
    for written, value in table.items():
        key = re.sub("[A-Z]", lambda match: f"-{match[0].lower()}", written)  # agentMode is agent-mode
        if key not in MEMBERS:
            close = difflib.get_close_matches(key, MEMBERS, n=1)
            advice = f"Did you mean `{close[0]}`?" if close else f"Write one of {', '.join(MEMBERS)}."
            raise ValueError(f"[agents.{agent}] can't have `{written}`. {advice}")
        try:
            yield _in_python(key), _converted(key, value, base)
        except msgspec.ValidationError as error:
            raise ValueError(
                f"[agents.{agent}] `{written}` can't be {value!r}: write {MEMBERS[key].wanted}."
            ) from error


def _converted(key: str, value: object, base: Path) -> Any:
    converted = msgspec.convert(value, MEMBERS[key].type)
    if key == "limits":
        return {_in_python(name): bound for name, bound in converted.items()}
    if key == "command" and "/" in converted[0]:
        return (str(base / Path(converted[0]).expanduser()), *converted[1:])
    return converted


def _in_python(key: str) -> str:
    return key.replace("-", "_")
