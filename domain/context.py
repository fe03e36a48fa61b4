"""What a session read, wrote or was given, as a fold over its events; pure.

A tool call counts once it is completed, or if it was at work when its turn ended: what was refused or failed touched
nothing. What a tool call of another kind than edit, move and delete names, it read.
"""

import posixpath
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Literal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from contracts.events import CommandSent, ContextItem, LargeBody, OperationResult, ToolCall, ToolDiff
from contracts.views import Touch

FILES_KEPT = 500
# All names together, so that a snapshot stays small; 500 of 130 characters.
NAMES_CHARACTERS = 64 * 1024
PATH_CHARACTERS = 4096  # no longer path names a file (PATH_MAX, limits.h)
BYTES_PER_TOKEN = 4  # what tokenizers make of English and of code, roughly

_TOOLS: dict[object, Touch] = {"edit": "written", "move": "written", "delete": "deleted"}
_OPERATIONS: dict[str, Touch] = {"write": "written", "edit": "written", "rename": "deleted", "delete": "deleted"}
# A file that was written and is read again was written all the same; of two changes the last one counts.
_WEIGHT: dict[Touch, int] = {"read": 0, "given": 1, "written": 2, "deleted": 2}


class Touched(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A file by its absolute path, a text by its name, or an uploaded body by its id; when, and in which turn."""

    kind: Literal["file", "text", "blob"] = "file"
    name: str
    how: Touch
    at: int
    turn_id: str | UnsetType = UNSET
    bytes: int | UnsetType = UNSET


def locate(working_dir: str, path: str) -> str:
    """Return a path as absolute and normal, by its text alone; relative ones begin at *working_dir*."""
    normal = posixpath.normpath(posixpath.join(working_dir, path))
    return "/" + normal.lstrip("/")


def is_below(working_dir: str, path: str) -> bool:
    """Say whether an absolute and normal *path* lies below *working_dir*, by its text alone."""
    return path.startswith(working_dir.rstrip("/") + "/")


def estimate_tokens(size: int) -> int:
    """Return about how many tokens so many bytes take: a quarter of them, rounded up."""
    return -(-size // BYTES_PER_TOKEN)


def size_of(item: ContextItem) -> int | UnsetType:
    """Return how many bytes a named text (as UTF-8) or an uploaded body has; of files the event does not tell."""
    match item.text:
        case str(text):
            return len(text.encode())
        case LargeBody(bytes=size):
            return size
    return item.bytes


def touch(known: tuple[Touched, ...], news: Iterable[Touched]) -> tuple[Touched, ...]:
    """Return what is *known* with the *news*, the last touched last; the newest FILES_KEPT stay."""
    entries: dict[tuple[str, str], Touched] | None = None
    for new in news:
        if entries is None:
            entries = {(entry.kind, entry.name): entry for entry in known}
        old = entries.pop((new.kind, new.name), new)
        entries[new.kind, new.name] = new if _WEIGHT[new.how] >= _WEIGHT[old.how] else replace(new, how=old.how)
    if entries is None:
        return known
    newest = list(entries.values())[-FILES_KEPT:]
    lengths = list(accumulate(len(entry.name) for entry in reversed(newest)))
    return tuple(newest[len(newest) - bisect_right(lengths, NAMES_CHARACTERS) :])


def given(event: CommandSent, working_dir: str) -> Iterator[Touched]:
    """Yield what a prompt gives to the agent."""
    for item in () if event.context is UNSET else event.context:
        if item.path is not UNSET:
            yield from _files([item.path], "given", working_dir, event.timestamp, event.turn_id)
            continue
        body = item.blob_id is not UNSET
        yield Touched(
            kind="blob" if body else "text",
            name=str(item.blob_id if body else item.name),
            how="given",
            at=event.timestamp,
            turn_id=event.turn_id,
            bytes=size_of(item),
        )


def used(call: ToolCall, working_dir: str) -> Iterator[Touched]:
    """Yield what a tool call touched, all that is known of it joined in *call*."""
    places = [] if call.locations is UNSET else [location.path for location in call.locations]
    diffs = [] if call.content is UNSET else [part.path for part in call.content if isinstance(part, ToolDiff)]
    yield from _files(places, _TOOLS.get(call.kind, "read"), working_dir, call.timestamp, call.turn_id)
    changed: Touch = "deleted" if call.kind == "delete" else "written"
    yield from _files(diffs, changed, working_dir, call.timestamp, call.turn_id)


def carried_out(
    results: Sequence[OperationResult], working_dir: str, at: int, *, reverted: bool = False
) -> Iterator[Touched]:
    """Yield what a plan changed; what undoing it brought back is written."""
    for result in results:
        if not result.success or result.operation not in _OPERATIONS:
            continue
        yield from _files([result.path], "written" if reverted else _OPERATIONS[result.operation], working_dir, at)
        if result.to is not UNSET:
            yield from _files([result.to], "deleted" if reverted else "written", working_dir, at)


def _files(
    paths: Iterable[str], how: Touch, working_dir: str, at: int, turn_id: str | UnsetType = UNSET
) -> Iterator[Touched]:
    for path in paths:
        if path and len(located := locate(working_dir, path)) <= PATH_CHARACTERS and located != working_dir:
            yield Touched(name=located, how=how, at=at, turn_id=turn_id)
