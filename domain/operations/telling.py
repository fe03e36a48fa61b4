"""How plans are told: in events of bounded size, and whole to whoever asks for one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeVar

from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts import views
from contracts.codec import encode
from contracts.events import (
    EVENT_BYTES,
    CommandOperation,
    DeleteOperation,
    EditOperation,
    Operation,
    OperationsDetected,
    RenameOperation,
    WriteOperation,
)
from contracts.requests import DeleteFile, EditFile, GivenOperation, RenameFile, RunCommand, WriteFile
from domain.fitting import INLINE_TEXT_BYTES
from domain.operations.planning import COMMAND_BYTES, Step, hash_of
from domain.ports import Differ, FileState

# What of an event a list may take beside the short texts in it; the long ones are kept apart (domain/fitting.py).
LIST_BYTES = EVENT_BYTES - INLINE_TEXT_BYTES - 4 * 1024
# A reference to a text that is kept apart, its preview of 200 characters included.
REFERENCE_BYTES = 1500
FIXED_BYTES = 100
CUT_CHARACTERS = 200
# Both texts of a diff together: git took 0.4 s for as much at random, 1.6 s for half as much of few different lines.
DIFFED_BYTES = 8 * 1024 * 1024

T = TypeVar("T", bound=Struct)
NoDiff = Literal["binary", "too-large", "unchanged", "not-applicable"]

_TEXTS = ("content", "search", "replace", "patch")


def as_operation(given: GivenOperation) -> Operation:
    """Return an operation of a request as events have it."""
    match given:
        case WriteFile(path=path, content=content):
            return WriteOperation(path=path, content=content)
        case EditFile(path=path, search=search, replace=new, patch=patch):
            return EditOperation(path=path, search=search, replace=new, patch=patch)
        case DeleteFile(path=path):
            return DeleteOperation(path=path)
        case RenameFile(path=path, to=to):
            return RenameOperation(path=path, to=to)
        case RunCommand(command=command):
            return CommandOperation(command=command)


def detected(plan: views.Plan) -> list[OperationsDetected]:
    """Return the events of a new plan: one, or several where it is too long for one."""
    operations = [_bounded(planned.operation) for planned in plan.operations]
    return [
        OperationsDetected(
            turn_id=plan.turn_id, message_id=plan.message_id, plan_id=plan.plan_id, operations=list(piece)
        )
        for piece in pieces(operations)
    ]


def pieces(items: Sequence[T]) -> Iterator[list[T]]:
    """Cut a list into such as fit into one event; there is always one."""
    piece: list[T] = []
    room = LIST_BYTES
    for item in items:
        size = _weight(item)
        if piece and size > room:
            yield piece
            piece, room = [], LIST_BYTES
        piece.append(item)
        room -= size
    yield piece


def _weight(item: Struct) -> int:
    members = {name: value for name in item.__struct_fields__ if isinstance(value := getattr(item, name), str)}
    sizes = {name: len(encode(value)) for name, value in members.items()}
    return FIXED_BYTES + sum(min(size, REFERENCE_BYTES) if name in _TEXTS else size for name, size in sizes.items())


def _bounded(operation: Operation) -> Operation:
    """Return an operation without the endless names and commands that a plan refuses anyway."""
    names = [name for name in ("path", "to", "command") if len(encode(getattr(operation, name, ""))) > COMMAND_BYTES]
    return replace(operation, **{name: getattr(operation, name)[:CUT_CHARACTERS] + "…" for name in names})


async def planned_operations(
    steps: Sequence[Step], files: Mapping[str, FileState], differ: Differ
) -> list[views.PlannedOperation]:
    """Return what each step does, as clients see it."""
    looks = {step.index: _look(step) for step in steps}
    pairs = {index: look for index, look in looks.items() if isinstance(look, tuple)}
    hunks = dict(zip(pairs, await differ.diffs(list(pairs.values())), strict=True)) if pairs else {}
    hashes = {path: hash_of(state) for path, state in files.items()}
    planned = []
    for step in steps:
        look, hunk = looks[step.index], hunks.get(step.index)
        planned.append(
            views.PlannedOperation(
                index=step.index,
                operation=step.operation,
                path=step.target.path or UNSET,
                to=step.target.to or UNSET,
                base_hash=hashes.get(step.target.path),
                diff=UNSET if hunk is None else _head(step) + hunk,
                no_diff=look if isinstance(look, str) else "too-large" if hunk is None else UNSET,
                applies=not step.reason,
                reason=step.reason or UNSET,
                conflicts=sorted(step.conflicts),
            )
        )
    return planned


def _look(step: Step) -> tuple[str, str] | NoDiff:
    """Return both texts of what a step changes, or why nobody can look at them."""
    if step.reason or not step.target.path:
        return "not-applicable"
    before, after = step.before.data or b"", step.after.data or b""
    if before == after:
        return "unchanged"
    if len(before) + len(after) > DIFFED_BYTES:
        return "too-large"
    try:
        return "binary" if b"\0" in before + after else (before.decode(), after.decode())
    except UnicodeDecodeError:
        return "binary"


def _head(step: Step) -> str:
    old = "/dev/null" if step.before.data is None else f"a/{step.target.path}"
    new = "/dev/null" if step.after.data is None else f"b/{step.target.path}"
    return f"--- {old}\n+++ {new}\n"
