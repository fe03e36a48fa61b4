"""What an agent tells of its session, as events: every kind of `session/update` of the Agent Client Protocol v1.

Pure. Nothing is passed over in silence: what is of no known kind, or not understood, is kept raw as a tool call. Only
what is in the log already leaves no event: the prompt said again, and a history that is replayed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, ValidationError, convert, field
from msgspec.structs import replace

from contracts.codec import encode
from contracts.events import (
    ID_PATTERN,
    MAX_SAFE_INTEGER,
    AgentMessage,
    AgentThought,
    Cost,
    Event,
    Location,
    PlanEntry,
    PlanUpdated,
    SessionUpdated,
    ToolCall,
    ToolCallStatus,
    ToolContent,
    ToolDiff,
    ToolTerminal,
    ToolText,
    TurnUsage,
    UsageUpdated,
)
from domain.ids import make_id

HISTORY = frozenset(
    {"user_message_chunk", "agent_message_chunk", "agent_thought_chunk", "tool_call", "tool_call_update", "plan"}
)
NAME_CHARACTERS = 200
CALLS_KNOWN = 10_000
OPEN_BYTES = 16 * 1024 * 1024  # of all tool calls that are not over; one may come in a line of 64 MiB
_STATUSES: Mapping[str, ToolCallStatus] = {
    "pending": "pending", "in_progress": "running", "completed": "completed", "failed": "failed"
}  # fmt: skip
_PRIORITIES = ("high", "medium", "low")
_is_id = re.compile(ID_PATTERN).fullmatch


class _Theirs(Struct, frozen=True, rename="camel"):
    """Base of what agents send. They may add members, and write null for what is absent."""


class Chunk(_Theirs, frozen=True):
    """A piece of a message."""

    content: Mapping[str, Any]
    message_id: str | None = None


class Place(_Theirs, frozen=True):
    """Where in which file."""

    path: str
    line: int | None = None


class Call(_Theirs, frozen=True):
    """A tool call, or what changed of it."""

    tool_call_id: str
    title: str | None = None
    kind: str | None = None
    status: str | None = None
    content: list[Any] | None = None
    locations: list[Place] | None = None
    raw_input: Any = None
    raw_output: Any = None


class Entry(_Theirs, frozen=True):
    """One thing to do."""

    content: str
    priority: str = "medium"
    status: str = "pending"


class Plan(_Theirs, frozen=True):
    """All that is to be done."""

    entries: list[Entry]


class Filled(_Theirs, frozen=True):
    """How full the context window is."""

    used: int
    size: int
    cost: Mapping[str, Any] | None = None


class Mode(_Theirs, frozen=True):
    """The mode that the agent is in now."""

    current_mode_id: str


class Option(_Theirs, frozen=True):
    """A setting of the agent's."""

    id: str
    category: Any = None
    current_value: Any = None
    options: list[Any] = field(default_factory=list)


class Options(_Theirs, frozen=True):
    """All settings."""

    config_options: list[Option]


class Translation:
    """One agent program's updates. ``turn_id`` is the turn at work, or the last one: what comes late belongs to it."""

    def __init__(self) -> None:
        self.turn_id = ""
        self.mode: str | None = None
        """The agent's own mode, as far as it tells."""
        self.settled = False
        """Whether it is in the mode that is wanted: what it tells before is how it came up, which nobody chose."""
        self.replaying = False
        """Whether a history is being replayed that the log holds."""
        self._speaking: tuple[str, str | None] | None = None
        self._message_id = ""
        self._messages: dict[tuple[str, str], str] = {}
        self._shown: dict[str, bool] = {}
        """The tool calls that were told of, and whether anything of what they brought was."""
        self._open: dict[str, tuple[ToolCall, int]] = {}
        """What was told of each tool call that is not over, and its size; where it is too much, the oldest go."""
        self._open_bytes = 0
        self._usage: UsageUpdated | None = None
        self._offered: dict[str, Any] = {}

    def begin(self, turn_id: str) -> None:
        """Begin a turn, and with it a new message."""
        self.turn_id = turn_id
        self._speaking = None
        self._messages.clear()
        self._open.clear()
        self._open_bytes = 0
        if len(self._shown) > CALLS_KNOWN:
            self._shown.clear()

    def events(self, updates: Iterable[Any]) -> list[Event]:
        """Return what the updates mean; pieces of one message that come together are one piece."""
        found: list[Event] = []
        for update in updates:
            for event in self._events(update):
                if not self.turn_id and not isinstance(event, SessionUpdated | UsageUpdated):
                    continue  # before the first prompt nothing is said or done
                last = found[-1] if found else None
                if isinstance(event, AgentMessage | AgentThought) and type(last) is type(event):
                    assert isinstance(last, AgentMessage | AgentThought)
                    if last.message_id == event.message_id:
                        found[-1] = replace(last, text=last.text + event.text)
                        continue
                found.append(event)
        return found

    def call(self, given: Any, *, status: ToolCallStatus | UnsetType = UNSET) -> ToolCall:
        """Return a tool call, or what changed of it; *status* where it tells none. Raises ValidationError."""
        told = convert(given, Call)
        known = told.tool_call_id in self._shown
        state: ToolCallStatus | UnsetType = UNSET if told.status is None else _STATUSES.get(told.status, UNSET)
        content = UNSET if told.content is None else [*_contents(told.content)]
        over = state in ("completed", "failed")
        if content is UNSET and over and told.raw_output is not None and not self._shown.get(told.tool_call_id):
            content = [ToolText(text=_said(told.raw_output))]
        self._shown[told.tool_call_id] = self._shown.get(told.tool_call_id, False) or bool(content)
        call = ToolCall(
            turn_id=self.turn_id,
            tool_call_id=told.tool_call_id,
            title=_unless_null(told.title),
            kind=(UNSET if known else "other") if told.kind is None else told.kind[:NAME_CHARACTERS],
            status=(UNSET if known else status) if state is UNSET else state,
            locations=UNSET if told.locations is None else [*map(_location, told.locations)],
            content=content,
            input=_unless_null(told.raw_input),
        )
        self._keep(call, over=over)
        return call

    def known(self, given: Any) -> ToolCall | None:
        """Return what was told of a tool call that is not over. Raises ValidationError."""
        return self._open.get(convert(given, Call).tool_call_id, (None, 0))[0]

    def whole(self, call: ToolCall) -> ToolCall:
        """Return all that was told of a tool call that is not over."""
        return self._open.get(call.tool_call_id, (call, 0))[0]

    def _keep(self, call: ToolCall, *, over: bool) -> None:
        known, size = self._open.pop(call.tool_call_id, (call, 0))
        self._open_bytes -= size
        if over:
            return
        whole = replace(known, **_given(call))
        self._open[call.tool_call_id] = whole, len(encode(whole))
        self._open_bytes += self._open[call.tool_call_id][1]
        while self._open_bytes > OPEN_BYTES:
            self._open_bytes -= self._open.pop(next(iter(self._open)))[1]

    def _events(self, update: Any) -> Iterator[Event]:
        kind = update.get("sessionUpdate") if isinstance(update, Mapping) else None
        if self.replaying and kind in HISTORY:
            return
        try:
            yield from self._known(kind, update)
        except (ValidationError, ValueError, TypeError, RecursionError):
            yield self._raw(kind, update, "An update that could not be understood")

    # One arm for each kind that there is.
    def _known(self, kind: object, update: Any) -> Iterator[Event]:  # noqa: C901
        match kind:
            case "agent_message_chunk" | "agent_thought_chunk":
                yield from self._piece(kind, convert(update, Chunk))
                return
            case "user_message_chunk":  # said again what the log holds as `command-sent`
                return
        if kind != "usage_update":
            self._speaking = None
        match kind:
            case "tool_call" | "tool_call_update":
                yield self.call(update, status="pending")
            case "plan":
                yield PlanUpdated(turn_id=self.turn_id, entries=[*map(_entry, convert(update, Plan).entries)])
            case "usage_update":
                yield from self._filled(convert(update, Filled))
            case "current_mode_update":
                yield from self._in_mode(convert(update, Mode).current_mode_id)
            case "config_option_update":
                options = convert(update, Options).config_options
                yield from self._in_mode(next((o.current_value for o in options if o.category == "mode"), None))
                yield from self._offer(kind, "Settings of the agent", update.get("configOptions"))
            case "available_commands_update":
                yield from self._offer(kind, "Commands of the agent", update.get("availableCommands"))
            case "session_info_update":
                about = {name: value for name, value in update.items() if name in ("title", "updatedAt")}
                yield from self._offer(kind, "The agent's name for this session", about)
            case _:
                yield self._raw(kind, update, "An update of an unknown kind")

    def _piece(self, kind: Literal["agent_message_chunk", "agent_thought_chunk"], chunk: Chunk) -> Iterator[Event]:
        """Tell a piece of a message; without an id it belongs to the one before, if nothing came between."""
        said = (kind, chunk.message_id)
        if chunk.message_id is not None:
            self._message_id = self._messages.setdefault((kind, chunk.message_id), make_id())
        elif self._speaking != said:
            self._message_id = make_id()
        self._speaking = said
        text = text_of(chunk.content)
        if text:
            event = AgentMessage if kind == "agent_message_chunk" else AgentThought
            yield event(turn_id=self.turn_id, message_id=self._message_id, text=text)

    def _filled(self, told: Filled) -> Iterator[Event]:
        usage = UsageUpdated(used=_count(told.used), size=_count(told.size), cost=_cost(told.cost))
        if usage != self._usage:
            self._usage = usage
            yield usage

    def _in_mode(self, mode: object) -> Iterator[Event]:
        if isinstance(mode, str) and mode != self.mode:
            self.mode = mode
            if self.settled:
                yield SessionUpdated(agent_mode=mode)

    def _offer(self, kind: str, title: str, what: Any) -> Iterator[Event]:
        """Keep what is neither said nor done; once, as long as it stays the same."""
        if self._offered.get(kind) != what:
            self._offered[kind] = what
            yield self._kept(kind, title, what)

    def _raw(self, kind: object, update: Any, title: str) -> ToolCall:
        name = str(kind)[:NAME_CHARACTERS]
        return self._kept(name, f"{title} ({name})", update)

    def _kept(self, name: str, title: str, what: Any) -> ToolCall:
        return ToolCall(
            turn_id=self.turn_id,
            tool_call_id=f"update-{name}",
            title=title,
            kind="other",
            status="completed",
            input=what,
        )


def turn_usage(told: Any) -> TurnUsage | UnsetType:
    """Return what a turn took, as far as the agent tells."""
    if not isinstance(told, Mapping):
        return UNSET
    names = ("input_tokens", "output_tokens", "thought_tokens", "cached_read_tokens", "cached_write_tokens")
    wire = {name: _camel(name) for name in (*names, "total_tokens")}
    counts = {name: told[key] for name, key in wire.items() if isinstance(told.get(key), int)}
    return TurnUsage(**{name: _count(count) for name, count in counts.items()}) if counts else UNSET


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _count(number: int) -> int:
    return min(max(number, 0), MAX_SAFE_INTEGER)


def _cost(told: Mapping[str, Any] | None) -> Cost | UnsetType:
    match told:
        case {"amount": int() | float() as amount, "currency": str(currency)} if amount >= 0 and re.fullmatch(
            "[A-Z]{3}", currency
        ):
            return Cost(amount=float(amount), currency=currency)
    return UNSET


def _given(call: ToolCall) -> dict[str, Any]:
    return {name: value for name in call.__struct_fields__ if (value := getattr(call, name)) is not UNSET}


def _unless_null(value: Any) -> Any:
    return UNSET if value is None else value


def _location(place: Place) -> Location:
    return Location(path=place.path, line=UNSET if place.line is None else _count(place.line))


def _entry(entry: Entry) -> PlanEntry:
    return PlanEntry(
        content=entry.content,
        priority="high" if entry.priority == "high" else "low" if entry.priority == "low" else "medium",
        status="completed"
        if entry.status == "completed"
        else "in_progress"
        if entry.status == "in_progress"
        else "pending",
    )


def _contents(parts: Iterable[Any]) -> Iterator[ToolContent]:
    for part in parts:
        match part:
            case {"type": "content", "content": dict(block)}:
                yield ToolText(text=text_of(block))
            case {"type": "diff", "path": str(path), "newText": str(new)}:
                old = part.get("oldText")
                yield ToolDiff(path=path, old_text=old if isinstance(old, str) else UNSET, new_text=new)
            case {"type": "terminal", "terminalId": str(terminal_id)} if _is_id(terminal_id):
                yield ToolTerminal(terminal_id=terminal_id)
            case _:
                yield ToolText(text=_said(part))


def text_of(block: Mapping[str, Any]) -> str:
    """Return a block of content as Markdown; of bytes what they are."""
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "resource_link", "uri": str(uri)}:
            return f"[{block.get('title') or block.get('name') or uri}](<{uri}>)"
        case {"type": "resource", "resource": {"text": str(text), "uri": str(uri)}}:
            return f"`{uri}`\n\n```\n{text}\n```\n"
        case {"type": str(kind)} if kind in ("image", "audio", "resource"):
            inner = block.get("resource", block)
            name = inner.get("mimeType") if isinstance(inner, Mapping) else None
            return f"[{kind}: {name or 'unknown'}]"
    return _said(block)


def _said(value: Any) -> str:
    return value if isinstance(value, str) else encode(value).decode()
