"""The parameters that routes share, and the request that decodes bodies strictly.

An optional parameter has an empty default (or ABSENT) and is never ``null``: Litestar would take ``?n=null`` for that.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

from litestar import Request
from litestar.params import HeaderParameter, PathParameter, QueryParameter
from msgspec import UNSET, UnsetType
from typing_extensions import override

from contracts.catalog import EVENTS
from contracts.codec import decode_body
from contracts.events import CURSOR_PATTERN, ID_PATTERN, MAX_SAFE_INTEGER, STREAM_CURSOR_PATTERN
from domain.cursors import parse_cursor, parse_stream_cursor
from domain.errors import InvalidParameter
from domain.ids import Epoch, SessionId, is_identifier

ABSENT = MAX_SAFE_INTEGER  # no log gets so far; Litestar holds a default, too, to the parameter's bounds
CURSOR_LENGTH = 64
STREAM_CURSOR_LENGTH = 1024
MOST_SESSIONS = 100
MOST_TERMINALS = 16
OUTPUT_BYTES = 256 * 1024
_ID = ID_PATTERN.removeprefix("^").partition("$")[0]
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
# Published; domain/cursors.py refuses, and says more than a pattern could.
_CURSOR = f"^(0|{CURSOR_PATTERN.removeprefix('^').partition('$')[0]})?$"

_STREAM_CURSOR = f"^(0|{STREAM_CURSOR_PATTERN.removeprefix('^').partition('$')[0]})?$"


def _list_of(item: str, most: int) -> str:
    return f"^(({item})(,({item})){{0,{most - 1}}})?$"


SessionIdParameter = Annotated[str, PathParameter(name="sessionId", pattern=ID_PATTERN, description="A session.")]
PlanIdParameter = Annotated[str, PathParameter(name="planId", pattern=ID_PATTERN, description="A plan.")]
BlobIdParameter = Annotated[str, PathParameter(name="blobId", pattern=ID_PATTERN, description="A large body.")]
ProjectIdParameter = Annotated[str, PathParameter(name="projectId", pattern=ID_PATTERN, description="A project.")]
AgentModeParameter = Annotated[str, PathParameter(name="mode", description="An agent's mode.")]
AgentWorkingDir = Annotated[
    str,
    QueryParameter(
        name="workingDir", max_length=4096, description="A directory under a workspace root; by default the first root."
    ),
]
LastEventId = Annotated[
    str,
    HeaderParameter(
        name="Last-Event-ID",
        max_length=CURSOR_LENGTH,
        schema_extra={"pattern": _CURSOR},
        description="The id of the last frame seen; wins over `after`.",
    ),
]
AfterCursor = Annotated[
    str,
    QueryParameter(
        name="after",
        max_length=CURSOR_LENGTH,
        schema_extra={"pattern": _CURSOR},
        description="A cursor, or `0` for the beginning; without one, from now.",
    ),
]
StreamLastEventId = Annotated[
    str,
    HeaderParameter(
        name="Last-Event-ID",
        max_length=STREAM_CURSOR_LENGTH,
        schema_extra={"pattern": _STREAM_CURSOR},
        description="The id of the last frame seen; wins over `after`.",
    ),
]
StreamAfterCursor = Annotated[
    str,
    QueryParameter(
        name="after",
        max_length=STREAM_CURSOR_LENGTH,
        schema_extra={"pattern": _STREAM_CURSOR},
        description="A cursor, whatever was chosen when it was made, or `0` for the beginning; without one, from now.",
    ),
]
Follow = Annotated[
    bool, QueryParameter(name="follow", description="`false`: end at the head; 204 when nothing is left.")
]
Types = Annotated[
    str,
    QueryParameter(
        name="types",
        schema_extra={"pattern": _list_of("|".join(EVENTS), len(EVENTS))},
        description="Only these types, separated by commas.",
    ),
]
SessionIds = Annotated[
    str,
    QueryParameter(
        name="sessions",
        schema_extra={"pattern": _list_of(_ID, MOST_SESSIONS)},
        description="Only these sessions, separated by commas; else all lifecycles.",
    ),
]
Lifecycle = Annotated[
    bool,
    QueryParameter(
        name="lifecycle",
        description="`true`: the lifecycle events of all sessions too, beside the chosen ones; each event comes once.",
    ),
]
TerminalIdParameter = Annotated[str, PathParameter(name="terminalId", pattern=ID_PATTERN, description="A terminal.")]
TerminalIds = Annotated[
    str,
    QueryParameter(
        name="terminals",
        schema_extra={"pattern": _list_of(_ID, MOST_TERMINALS)},
        description="The output of these terminals too, separated by commas; one that the cursor does not know begins "
        "with what it shows.",
    ),
]
ViewerId = Annotated[
    str,
    QueryParameter(
        name="viewerId",
        schema_extra={"pattern": f"^({_ID})?$"},
        description="Who looks: its size counts as long as a stream with this name is open.",
    ),
]
ViewerIds = Annotated[
    str,
    QueryParameter(
        name="viewers",
        schema_extra={"pattern": _list_of(_ID, MOST_TERMINALS)},
        description="Who looks at the terminals, separated by commas: their sizes count while this stream is open.",
    ),
]
OutputSince = Annotated[
    str,
    QueryParameter(
        name="since",
        max_length=CURSOR_LENGTH,
        schema_extra={"pattern": f"^([0-9]{{1,15}}|{CURSOR_PATTERN.removeprefix('^').partition('$')[0]})?$"},
        description="A `cursor`, or an offset; without one, the beginning.",
    ),
]
OutputLimit = Annotated[int, QueryParameter(name="limit", ge=1, le=OUTPUT_BYTES, description="At most so many bytes.")]
AfterSeq = Annotated[
    int, QueryParameter(name="after", ge=0, le=MAX_SAFE_INTEGER, description="Only events after this seq.")
]
BeforeSeq = Annotated[
    int, QueryParameter(name="before", ge=0, le=MAX_SAFE_INTEGER, description="Only events before this seq.")
]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=1000, description="At most so many.")]
PageCursor = Annotated[
    str,
    QueryParameter(
        name="cursor",
        max_length=CURSOR_LENGTH,
        schema_extra={"pattern": rf"^([0-9]{{1,15}}\.{_ID})?$"},
        description="`nextCursor` of the page before.",
    ),
]
StatusFilter = Annotated[
    Literal["", "starting", "idle", "running", "waiting", "exited", "error", "interrupted"],
    QueryParameter(name="status", description="Only sessions of this status."),
]
ModeFilter = Annotated[str, QueryParameter(name="mode", max_length=64, description="Only sessions of this mode.")]
ArchivedFilter = Annotated[
    Literal["", "true", "false"], QueryParameter(name="archived", description="Only archived ones, or only others.")
]

ProjectFilter = Annotated[
    str,
    QueryParameter(
        name="projectId", schema_extra={"pattern": f"^({_ID})?$"}, description="Only sessions of this project."
    ),
]
Search = Annotated[
    str,
    QueryParameter(
        name="q",
        max_length=200,
        description="Only sessions whose title, prompts and answers hold all these words; the last may be cut short.",
    ),
]
DiscardWorktree = Annotated[
    bool, QueryParameter(name="discardWorktree", description="`true`: what the session's worktree holds may be lost.")
]
ExportFormat = Annotated[
    Literal["markdown", "jsonl"],
    QueryParameter(name="format", description="A transcript to read, or the events, one JSON object a line."),
]
RootDir = Annotated[
    str,
    QueryParameter(
        name="root", max_length=4096, description="A directory under a workspace root; by default the first root."
    ),
]
PathPrefix = Annotated[
    str, QueryParameter(name="prefix", max_length=4096, description="How the path begins, from `root` on.")
]


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body contracts/codec decodes, so that bad UTF-8 and deep nesting are the client's errors."""

    @override
    async def json(self) -> Any:
        return decode_body(await self.body())


class InputRequest(StrictRequest):
    """A request whose body may hold NUL: a key that somebody pressed."""

    @override
    async def json(self) -> Any:
        return decode_body(await self.body(), allow_nul=True)


def choose_cursor(last_event_id: str, after: str) -> tuple[str | None, str]:
    """Return the cursor that counts, `None` for now, and the name that it came by.

    Raises InvalidCursor for an `after` that loses and is malformed: who sends it is mistaken all the same.
    """
    if not last_event_id:
        return after or None, "after"
    if after:
        parse_cursor(after, member="after")
    return last_event_id, "Last-Event-ID"


def choose_stream_cursor(last_event_id: str, after: str) -> tuple[str | None, Mapping[Epoch, int], str]:
    """Return the cursor in the store that counts, `None` for now, the offsets beside it, and the name it came by.

    Raises InvalidCursor as `choose_cursor` does.
    """
    offsets: Mapping[Epoch, int] = {}
    chosen, member = None, "after"
    for text, name in ((after, "after"), (last_event_id, "Last-Event-ID")):
        if text:
            chosen, offsets = parse_stream_cursor(text, member=name)
            member = name
    return chosen, offsets, member


def choose_terminals(text: str) -> Sequence[str]:
    """Parse ``a,b``. Raises InvalidParameter for what can't be an id."""
    terminals = list(dict.fromkeys(_split(text, MOST_TERMINALS, "terminals"))) if text else []
    if wrong := [terminal_id for terminal_id in terminals if not is_identifier(terminal_id)]:
        raise InvalidParameter(f"{wrong[0]!r} is no terminal id.", member="terminals")
    return terminals


def choose_viewers(text: str) -> Sequence[str]:
    """Parse ``a,b``. Raises InvalidParameter for what can't be an id."""
    viewers = list(dict.fromkeys(_split(text, MOST_TERMINALS, "viewers"))) if text else []
    if wrong := [viewer_id for viewer_id in viewers if not is_identifier(viewer_id)]:
        raise InvalidParameter(f"{wrong[0]!r} is no viewer's id.", member="viewers")
    return viewers


def choose_viewer(text: str) -> str:
    """Return who looks. Raises InvalidParameter for what can't be an id."""
    if text and not is_identifier(text):
        raise InvalidParameter(f"{text!r} is no viewer's id.", member="viewerId")
    return text


def choose_types(text: str) -> Collection[str] | None:
    """Parse ``a,b``; `None` for all. Raises InvalidParameter for a type that does not exist."""
    if not text:
        return None
    types = frozenset(_split(text, len(EVENTS), "types"))
    if unknown := sorted(types - EVENTS.keys()):
        raise InvalidParameter(f"There is no event type {unknown[0]!r}; docs/events.md lists them.", member="types")
    return types


def choose_sessions(text: str) -> Collection[SessionId] | None:
    """Parse ``a,b``; `None` for all. Raises InvalidParameter for what can't be an id."""
    if not text:
        return None
    sessions = list(dict.fromkeys(_split(text, MOST_SESSIONS, "sessions")))
    if wrong := [session_id for session_id in sessions if not is_identifier(session_id)]:
        raise InvalidParameter(f"{wrong[0]!r} is no session id.", member="sessions")
    return [SessionId(session_id) for session_id in sessions]


def _split(text: str, most: int, member: str) -> list[str]:
    items = text.split(",")
    if len(items) > most:
        raise InvalidParameter(f"There are {len(items)}; give at most {most}.", member=member)
    return items


def choose_project(text: str) -> str | UnsetType:
    """Return the project to show. Raises InvalidParameter for what can't be an id."""
    if text and not is_identifier(text):
        raise InvalidParameter(f"{text!r} is no project id.", member="projectId")
    return text or UNSET


def choose_words(text: str) -> Sequence[str]:
    """Return the words to look for: what stands between blanks and control characters."""
    return [word for word in _BLANKS.split(text.encode(errors="replace").decode()) if word]


def parse_page_cursor(text: str) -> tuple[int, SessionId] | None:
    """Parse a listing's ``nextCursor``; `None` for the first page. Raises InvalidParameter."""
    if not text:
        return None
    instant, _, session_id = text.partition(".")
    if not (instant.isascii() and instant.isdigit() and len(instant) <= 15 and is_identifier(session_id)):
        raise InvalidParameter("A listing's cursor is the `nextCursor` of the page before it.", member="cursor")
    return int(instant), SessionId(session_id)
