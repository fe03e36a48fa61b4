"""What an agent asks of its client, by the Agent Client Protocol v1: permissions, files, terminals."""

import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from anyio import CancelScope, current_time
from msgspec import UNSET, Struct, ValidationError, convert

from contracts.events import ApprovalOption, OptionKind, ToolCall, ToolDiff, ToolText
from domain.errors import (
    LogFull,
    LogUnavailable,
    SequenceConflict,
    SessionNotFound,
    SessionQuarantined,
    TerminalNotFound,
    TowpathError,
)
from domain.ports import Asking, Desk, TerminalState
from infrastructure.agents.connection import Refused, unknown_method
from infrastructure.agents.updates import Translation
from infrastructure.agents.wire import INTERNAL_ERROR, INVALID_PARAMS, RESOURCE_NOT_FOUND

T = TypeVar("T")

TERMINAL_BYTES = 1024 * 1024
EXPLANATION_CHARACTERS = 2000
OPTIONS = 20
NAME_CHARACTERS = 500
"""Of an id or a name in a question, which must fit into one event with all of them."""
_KINDS: Mapping[str, OptionKind] = {
    "allow_once": "allow-once",
    "allow_always": "allow-session",
    "reject_once": "reject-once",
    "reject_always": "reject-always",
}
# Ids and times of the call, and a model's prose; whatever else differs is another request.
_NEW_EACH_TIME = frozenset(
    {"call_id", "callId", "turn_id", "turnId", "approval_id", "approvalId", "tool_call_id", "toolCallId"}
    | {"started_at_ms", "description", "reason", "justification", "parsed_cmd"}
)
_CANCELLED = {"outcome": {"outcome": "cancelled"}}


class _Theirs(Struct, frozen=True, rename="camel"):
    """Base of what agents ask. They may add members, and write null for what is absent."""

    session_id: str


class Option(Struct, frozen=True, rename="camel"):
    """An answer that an agent takes."""

    option_id: str
    name: str
    kind: str


class Permission(_Theirs, frozen=True):
    """May this be done."""

    tool_call: Mapping[str, Any]
    options: list[Option]


class ReadFile(_Theirs, frozen=True):
    """What is in a file."""

    path: str
    line: int | None = None
    limit: int | None = None


class WriteFile(_Theirs, frozen=True):
    """Make or replace a file."""

    path: str
    content: str


class Variable(Struct, frozen=True):
    """A variable of a program's environment."""

    name: str
    value: str


class OpenTerminal(_Theirs, frozen=True):
    """Run a program in a terminal. Without ``args`` the command may be a whole line for a shell."""

    command: str
    args: list[str] | None = None
    env: list[Variable] | None = None
    cwd: str | None = None
    output_byte_limit: int | None = None


class NamedTerminal(_Theirs, frozen=True):
    """Something about a terminal."""

    terminal_id: str


class Answers:
    """Answers what one agent program asks, for one session."""

    def __init__(self, *, desk: Desk, translation: Translation, title: str, hidden: Sequence[str]) -> None:
        """*hidden* are the capabilities that the agent was not told of: what it asks of those is refused."""
        self._desk = desk
        self._translation = translation
        self._title = title
        self._limits: dict[str, int] = {}
        self._asking: set[CancelScope] = set()
        self._waited = 0.0
        self._waiting_since = 0.0
        self._methods: dict[str, Callable[[Any, Callable[[], None]], Awaitable[Any]]] = {
            "session/request_permission": self._permit
        }
        if "readTextFile" not in hidden:
            self._methods["fs/read_text_file"] = self._read
        if "writeTextFile" not in hidden:
            self._methods["fs/write_text_file"] = self._write
        if "terminal" not in hidden:
            self._methods |= {
                "terminal/create": self._open,
                "terminal/output": self._output,
                "terminal/wait_for_exit": self._wait,
                "terminal/kill": self._kill,
                "terminal/release": self._release,
            }

    async def answer(self, method: str, params: Any, in_order: Callable[[], None]) -> Any:
        """Return the answer. Raises Refused, and what the log raises."""
        handler = self._methods.get(method)
        if handler is None:
            raise unknown_method(method)
        try:
            return await handler(params, in_order)
        except ValidationError as error:
            raise Refused(INVALID_PARAMS, f"{method}: {error}") from error

    def withdraw(self) -> None:
        """Answer what is still asked with `cancelled`: the turn is stopped, or over."""
        for scope in self._asking:
            scope.cancel()

    @property
    def waited(self) -> float:
        """How many seconds at least one question was open, altogether."""
        return self._waited + (current_time() - self._waiting_since if self._asking else 0.0)

    # Permissions

    async def _permit(self, params: Any, in_order: Callable[[], None]) -> Any:
        asked = convert(params, Permission)
        _check_size(asked)
        before = self._translation.known(asked.tool_call)
        call = self._translation.call(asked.tool_call, status="pending")
        if before is None or self._translation.whole(call) != before:  # most say again what they told
            await self._desk.emit(call)
        in_order()
        whole = self._translation.whole(call)
        asking = Asking(
            tool_call_id=call.tool_call_id,
            command=_title(whole),
            explanation=" ".join((f"{self._title} asks.", *_texts(call)))[:EXPLANATION_CHARACTERS],
            options=_options(asked.options),
            input=_subject(whole),
        )
        with CancelScope() as scope:
            if not self._asking:
                self._waiting_since = current_time()
            self._asking.add(scope)
            try:
                permission = await self._desk.ask(asking)
            finally:
                waited = self.waited
                self._asking.discard(scope)
                self._waited = self._waited if self._asking else waited
            if permission is not None and permission.option_id:
                return {"outcome": {"outcome": "selected", "optionId": permission.option_id}}
        return _CANCELLED

    # Files

    async def _read(self, params: Any, in_order: Callable[[], None]) -> Any:
        del in_order
        asked = convert(params, ReadFile)
        text = await _explained(asked.path, self._desk.read_text(asked.path, line=asked.line, limit=asked.limit))
        return {"content": text}

    async def _write(self, params: Any, in_order: Callable[[], None]) -> Any:
        del in_order
        asked = convert(params, WriteFile)
        await _explained(asked.path, self._desk.write_text(asked.path, asked.content))
        return {}

    # Terminals

    async def _open(self, params: Any, in_order: Callable[[], None]) -> Any:
        del in_order
        asked = convert(params, OpenTerminal)
        command = ["/bin/sh", "-c", asked.command] if _is_line(asked) else [asked.command, *(asked.args or ())]
        environment = {variable.name: variable.value for variable in asked.env or ()}
        opening = self._desk.open_terminal(command, working_dir=asked.cwd, environment=environment)
        terminal_id = await _explained(asked.command, opening)
        limit = TERMINAL_BYTES if asked.output_byte_limit is None else asked.output_byte_limit
        self._limits[terminal_id] = min(max(limit, 0), TERMINAL_BYTES)
        return {"terminalId": terminal_id}

    async def _output(self, params: Any, in_order: Callable[[], None]) -> Any:
        in_order()
        terminal_id = self._known(params)
        reading = self._desk.terminal_output(terminal_id, limit=self._limits[terminal_id])
        output, state = await _explained(terminal_id, reading)
        text = output.data.decode("utf-8", "ignore")  # cut at its beginning, within a character
        status = {} if state.ended_at is None else {"exitStatus": _exit_status(state)}
        return {"output": text, "truncated": output.offset > len(output.data), **status}

    async def _wait(self, params: Any, in_order: Callable[[], None]) -> Any:
        in_order()
        terminal_id = self._known(params)
        return _exit_status(await _explained(terminal_id, self._desk.wait_terminal(terminal_id)))

    async def _kill(self, params: Any, in_order: Callable[[], None]) -> Any:
        in_order()
        terminal_id = self._known(params)
        await _explained(terminal_id, self._desk.end_terminal(terminal_id))
        return {}

    async def _release(self, params: Any, in_order: Callable[[], None]) -> Any:
        answered = await self._kill(params, in_order)
        self._limits.pop(convert(params, NamedTerminal).terminal_id, None)  # it may be released twice at once
        return answered

    def _known(self, params: Any) -> str:
        terminal_id = convert(params, NamedTerminal).terminal_id
        if terminal_id not in self._limits:
            raise Refused(RESOURCE_NOT_FOUND, f"There is no terminal {terminal_id[:100]}.")
        return terminal_id


async def _explained(what: str, doing: Awaitable[T]) -> T:
    """Turn what the session refuses into an answer for the agent; what the log refuses ends it."""
    try:
        return await doing
    except (FileNotFoundError, TerminalNotFound) as error:
        raise Refused(RESOURCE_NOT_FOUND, f"Resource not found: {what[:1000]}", {"uri": what[:1000]}) from error
    except TowpathError as error:
        if isinstance(error, LogFull | LogUnavailable | SessionNotFound | SessionQuarantined | SequenceConflict):
            raise
        raise Refused(INTERNAL_ERROR, str(error)) from error


def _check_size(asked: Permission) -> None:
    """Refuse a question that fits into no event, or not with all of its options."""
    texts = [text for option in asked.options for text in (option.option_id, option.name)]
    if (
        len(asked.options) > OPTIONS
        or max(map(len, [*texts, str(asked.tool_call.get("toolCallId"))])) > NAME_CHARACTERS
    ):
        raise Refused(
            INVALID_PARAMS, f"A question has {OPTIONS} options at most, and {NAME_CHARACTERS} characters each."
        )


def _options(offered: Sequence[Option]) -> list[ApprovalOption]:
    """Return the options by their kinds, each id once; one of a kind that nobody knows means nothing."""
    options: dict[str, ApprovalOption] = {}
    for one in offered:
        if one.kind in _KINDS and one.option_id:
            options.setdefault(
                one.option_id, ApprovalOption(option_id=one.option_id, name=one.name, kind=_KINDS[one.kind])
            )
    return list(options.values())


def _title(call: ToolCall) -> str:
    return call.title if isinstance(call.title, str) and call.title else call.tool_call_id


def _texts(call: ToolCall) -> list[str]:
    """Return what a tool call says of itself in words."""
    content = [] if call.content is UNSET else call.content
    return [one.text for one in content if isinstance(one, ToolText) and isinstance(one.text, str)]


def _subject(call: ToolCall) -> Any:
    """Return what tells this request from every other, without what is new each time that the same is asked for.

    Where an agent tells no input (kimi 2.1), its words are all that there is.
    """
    diffs = [] if call.content is UNSET else [one for one in call.content if isinstance(one, ToolDiff)]
    if diffs:
        return diffs
    given = call.input
    if given is UNSET:
        return _texts(call)
    if not isinstance(given, Mapping):
        return given
    return {name: value for name, value in given.items() if name not in _NEW_EACH_TIME and value != call.tool_call_id}


def _is_line(asked: OpenTerminal) -> bool:
    """Say whether a command without arguments is a line for a shell."""
    return not asked.args and shlex.quote(asked.command) != asked.command


def _exit_status(state: TerminalState) -> Mapping[str, Any]:
    code = state.exit_code
    if code is not None and code > 128:
        return {"exitCode": None, "signal": str(code - 128)}
    return {"exitCode": code, "signal": None}
