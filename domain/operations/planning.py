"""What a set of operations makes of the files that it names: each operation by itself, and all of them together.

Operations are worked out in their order, each on what those before it left. One that does not apply changes nothing
and says why.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import UNSET, Struct, field

from contracts.codec import encode
from contracts.events import (
    CommandOperation,
    DeleteOperation,
    EditOperation,
    Operation,
    OperationName,
    RenameOperation,
    WriteOperation,
)
from domain.errors import Invalid, InvalidOperation
from domain.operations.locations import clean_path, shown
from domain.operations.texts import Mismatch, apply_patch, search_and_replace
from domain.ports import Change, FileState

PLAN_DIRECTORIES = 512  # each is held open while a plan is carried out
COMMAND_BYTES = 16 * 1024  # of JSON: events and questions carry it whole
# What all edits of a plan make, each of a whole file: 500 edits of one file of 16 MiB would hold 8 GiB.
EDITED_BYTES = 128 * 1024 * 1024

ABSENT = FileState()


class Target(Struct, frozen=True):
    """Where an operation works, as domain/operations/locations.py spells it; "" where it has no such place."""

    path: str = ""
    to: str = ""
    refusal: Invalid | None = None


class Step(Struct, kw_only=True):
    """What one operation does to the file that it ends with; without ``reason`` it applies."""

    index: int
    operation: Operation
    target: Target
    before: FileState = ABSENT
    after: FileState = ABSENT
    reason: str = ""
    conflicts: set[int] = field(default_factory=set)


def aim(operations: Sequence[Operation], working_dir: str) -> list[Target]:
    """Return where each operation works, or why it can't."""
    targets: list[Target] = []
    directories: set[str] = set()
    for index, operation in enumerate(operations):
        member = f"$.operations[{index}]"
        target = _aim(operation, member, working_dir)
        above = {directory for path in (target.path, target.to) for directory in _above(path)}
        if len(directories | above) > PLAN_DIRECTORIES:
            reason = f"All paths together have more than {PLAN_DIRECTORIES} directories."
            target = Target(refusal=InvalidOperation(reason, member=member))
        else:
            directories |= above
        targets.append(target)
    return targets


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _aim(operation: Operation, member: str, working_dir: str) -> Target:
    try:
        match operation:
            case CommandOperation(command=command):
                return Target(refusal=_check_command(command, f"{member}.command"))
            case RenameOperation(path=path, to=to):
                origin = clean_path(path, working_dir, member=f"{member}.path")
                return Target(origin, clean_path(to, working_dir, member=f"{member}.to"))
            case WriteOperation(path=path) | EditOperation(path=path) | DeleteOperation(path=path):
                return Target(clean_path(path, working_dir, member=f"{member}.path"))
    except Invalid as error:
        return Target(refusal=error)


def _check_command(command: str, member: str) -> Invalid | None:
    if command.strip() and len(encode(command)) <= COMMAND_BYTES:
        return None
    return InvalidOperation(f"The command is empty or longer than {COMMAND_BYTES} bytes.", member=member)


def paths_of(targets: Sequence[Target]) -> list[str]:
    """Return every file that operations name, once."""
    return list(dict.fromkeys(path for target in targets for path in (target.path, target.to) if path))


def work_out(
    operations: Sequence[Operation],
    targets: Sequence[Target],
    files: Mapping[str, FileState],
    *,
    only: Collection[int] | None = None,
) -> list[Step]:
    """Return what each operation does, or each of *only*, where *files* are as they are."""
    current = dict(files)
    room = EDITED_BYTES
    steps: list[Step] = []
    for index, (operation, target) in enumerate(zip(operations, targets, strict=True)):
        if only is not None and index not in only:
            continue
        step = Step(index=index, operation=operation, target=target)
        try:
            room -= _work(step, current, room)
        except Mismatch as mismatch:
            step.reason = str(mismatch)
        _contradict(step, steps)
        steps.append(step)
    return steps


def changes_of(steps: Sequence[Step], files: Mapping[str, FileState]) -> list[Change]:
    """Return what the steps that apply make of each file together."""
    ends: dict[str, FileState] = {}
    for step in steps:
        if not step.reason and step.target.path:
            ends[step.target.path] = step.after
            if step.target.to:
                ends[step.target.path], ends[step.target.to] = ABSENT, step.after
    return [Change(path, files[path], end) for path, end in ends.items() if end != files[path]]


def built_upon(
    targets: Sequence[Target], operations: Sequence[Operation], chosen: Collection[int]
) -> Iterator[tuple[int, int]]:
    """Yield the *chosen* patches that were shown as coming after an operation on the same file that is not chosen.

    Their place in the file may be another one without it.
    """
    for index in chosen:
        operation, path = operations[index], targets[index].path
        if isinstance(operation, EditOperation) and operation.patch is not UNSET:
            for earlier, target in enumerate(targets[:index]):
                if earlier not in chosen and path in (target.path, target.to):
                    yield index, earlier


def hash_of(state: FileState) -> str | None:
    """Return the SHA-256 of a file in hex, `None` where there is none."""
    return None if state.data is None else hashlib.sha256(state.data).hexdigest()


def name_of(operation: Operation) -> OperationName:
    """Return an operation's type."""
    name: OperationName = operation.__struct_config__.tag  # type: ignore[assignment]
    return name


def _work(step: Step, current: dict[str, FileState], room: int) -> int:
    """Work a step out; return how much of the *room* for edited files it takes."""
    target = step.target
    if target.refusal is not None:
        raise Mismatch(str(target.refusal))
    if not target.path:
        return 0
    step.before = _found(target.path, current)
    if isinstance(step.operation, RenameOperation):
        _present(step.before, target.path)
        if _found(target.to, current).data is not None:
            raise Mismatch(f"There is a file {shown(target.to)} already.")
        _make_room(target.to, {**current, target.path: ABSENT})
        current[target.path], current[target.to] = ABSENT, step.before
        step.after = step.before
        return 0
    if room < 0 and isinstance(step.operation, EditOperation):
        raise Mismatch(f"The edits before it make more than {EDITED_BYTES} bytes: make it another plan's.")
    data = _data_after(step.operation, step.before.data, target.path)
    if data is None:
        step.after = ABSENT
    else:
        _make_room(target.path, current)
        step.after = FileState(data, step.before.mode)
    current[target.path] = step.after
    return len(data) if data is not None and isinstance(step.operation, EditOperation) else 0


def _data_after(operation: Operation, data: bytes | None, path: str) -> bytes | None:
    if isinstance(operation, WriteOperation):
        return _written(data, _whole(operation.content))
    if data is None and not (isinstance(operation, EditOperation) and _begins_a_file(operation)):
        raise Mismatch(f"There is no file {shown(path)}.")
    return _edited(data or b"", operation) if isinstance(operation, EditOperation) else None


def _found(path: str, current: Mapping[str, FileState]) -> FileState:
    state = current[path]
    if state.refusal:
        raise Mismatch(f"{shown(path)} {state.refusal}.")
    return state


def _present(state: FileState, path: str) -> None:
    if state.data is None:
        raise Mismatch(f"There is no file {shown(path)}.")


def _make_room(path: str, current: Mapping[str, FileState]) -> None:
    """Refuse a file where the operations so far want a directory, or the other way round."""
    for other, state in current.items():
        if state.data is not None and (path.startswith(f"{other}/") or other.startswith(f"{path}/")):
            raise Mismatch(f"{shown(path)} and {shown(other)} can't both be there.")


def _written(old: bytes | None, content: str) -> bytes:
    """Return a file's new content. Where the old one ends all its lines with CRLF, so does the new one."""
    new = content.encode()
    if old and b"\r" not in new and 0 < old.count(b"\r\n") == old.count(b"\n"):
        return new.replace(b"\n", b"\r\n")
    return new


def _begins_a_file(edit: EditOperation) -> bool:
    """Say whether an edit asks for nothing to be there before."""
    if edit.patch is UNSET:
        return not edit.search
    _, _, body = _whole(edit.patch).partition("@@")
    return not any(line.startswith((" ", "-")) for line in body.split("\n")[1:])


def _edited(data: bytes, edit: EditOperation) -> bytes:
    if edit.patch is UNSET:
        return search_and_replace(data, _whole(edit.search), _whole(edit.replace))
    return apply_patch(data, _whole(edit.patch))


def _whole(text: object) -> str:
    if not isinstance(text, str):
        raise Mismatch("The operation is not whole.")
    return text


def _contradict(step: Step, earlier: Sequence[Step]) -> None:
    """Note which of the *earlier* operations a step contradicts: what one of both does is lost, or can't be done."""
    for other in earlier:
        shared = {step.target.path, step.target.to} & {other.target.path, other.target.to} - {""}
        if not shared or other.reason:
            continue
        overwritten = isinstance(step.operation, WriteOperation | DeleteOperation)
        if step.reason or overwritten:
            step.conflicts.add(other.index)
            other.conflicts.add(step.index)
