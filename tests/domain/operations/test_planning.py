"""What operations make of files, each by itself and all together."""

from collections.abc import Collection, Mapping, Sequence

import pytest

from contracts.events import (
    CommandOperation,
    DeleteOperation,
    EditOperation,
    LargeBody,
    Operation,
    RenameOperation,
    WriteOperation,
)
from domain.operations import planning
from domain.operations.planning import COMMAND_BYTES, Step, aim, built_upon, changes_of, paths_of, work_out
from domain.ports import FileState

HERE = "/srv/project"
FILES = {
    "a": FileState(b"one\ntwo\n", 0o755),
    "crlf": FileState(b"one\r\ntwo\r\n", 0o644),
    "link": FileState(refusal="is a link"),
}


def work(*operations: Operation, only: Collection[int] | None = None) -> tuple[Sequence[Step], Mapping[str, bytes]]:
    """Return the steps, and what is there in the end of what changed; an absent file is b"(gone)"."""
    targets = aim(operations, HERE)
    files = {path: FILES.get(path, FileState()) for path in paths_of(targets)}
    steps = work_out(operations, targets, files, only=only)
    changes = changes_of(steps, files)
    return steps, {change.path: b"(gone)" if change.after.data is None else change.after.data for change in changes}


def reasons(*operations: Operation) -> list[str]:
    return [step.reason for step in work(*operations)[0]]


def test_operations_are_worked_out_one_on_what_the_other_left() -> None:
    steps, files = work(
        EditOperation(path="a", search="one", replace="1"),
        EditOperation(path="a", search="1\ntwo", replace="3"),
        RenameOperation(path="a", to="sub/b"),
        EditOperation(path="./sub/b", patch="@@ -1 +1,2 @@\n 3\n+4\n"),
        WriteOperation(path="new", content="x"),
        DeleteOperation(path="new"),
    )

    assert [step.reason for step in steps] == [""] * 6
    assert files == {"a": b"(gone)", "sub/b": b"3\n4\n"}
    assert steps[3].after.mode == 0o755


def test_what_does_not_apply_changes_nothing_and_says_why() -> None:
    assert reasons(
        DeleteOperation(path="none"),
        EditOperation(path="none", search="x", replace=""),
        EditOperation(path="none", patch="@@ -1 +1 @@\n-x\n+y\n"),
        RenameOperation(path="none", to="b"),
        RenameOperation(path="a", to="crlf"),
        RenameOperation(path="a", to="./a"),
        WriteOperation(path="link", content=""),
        WriteOperation(path="a/b", content=""),
        EditOperation(path="a", search="three", replace=""),
        WriteOperation(path="b", content=LargeBody(blob_id="k7wq2mzr5tdn4xba", bytes=9, preview="")),
    ) == [
        "There is no file 'none'.",
        "There is no file 'none'.",
        "There is no file 'none'.",
        "There is no file 'none'.",
        "There is a file 'crlf' already.",
        "There is a file 'a' already.",
        "'link' is a link.",
        "'a/b' and 'a' can't both be there.",
        "The text to search for is not in the file.",
        "The operation is not whole.",
    ]


def test_an_edit_of_nothing_begins_a_file() -> None:
    _, files = work(
        EditOperation(path="b", search="", replace="new\n"),
        EditOperation(path="c", patch="--- /dev/null\n+++ b/c\n@@ -0,0 +1 @@\n+new\n"),
    )

    assert files == {"b": b"new\n", "c": b"new\n"}


def test_a_file_that_ends_its_lines_with_crlf_goes_on_to() -> None:
    assert work(WriteOperation(path="crlf", content="1\n2\n"))[1] == {"crlf": b"1\r\n2\r\n"}
    assert work(WriteOperation(path="a", content="1\r\n2\r\n"))[1] == {"a": b"1\r\n2\r\n"}


def test_a_file_that_is_as_it_was_in_the_end_is_not_touched() -> None:
    _, files = work(RenameOperation(path="a", to="b"), RenameOperation(path="b", to="a"))

    assert files == {}


def test_operations_that_undo_each_other_are_conflicts() -> None:
    steps, _ = work(
        EditOperation(path="a", search="one", replace="1"),
        EditOperation(path="a", search="two", replace="2"),
        WriteOperation(path="a", content="x"),
        EditOperation(path="a", search="one", replace="1"),
        WriteOperation(path="b", content=""),
        CommandOperation(command="make"),
    )

    assert [sorted(step.conflicts) for step in steps] == [[2, 3], [2, 3], [0, 1, 3], [0, 1, 2], [], []]


def test_some_of_them_are_worked_out_without_the_others() -> None:
    operations = [
        EditOperation(path="a", search="one", replace="1"),
        EditOperation(path="a", search="two", replace="2"),
    ]

    steps, files = work(*operations, only={1})

    assert [step.index for step in steps] == [1]
    assert files == {"a": b"one\n2\n"}


def test_a_patch_is_not_taken_without_what_it_was_shown_to_come_after() -> None:
    operations = [
        EditOperation(path="a", search="one", replace="1"),
        EditOperation(path="./a", patch="@@ -1,2 +1,2 @@\n 1\n-two\n+2\n"),
    ]
    targets = aim(operations, HERE)

    assert list(built_upon(targets, operations, [1])) == [(1, 0)]
    assert list(built_upon(targets, operations, [0, 1])) == []
    assert list(built_upon(targets, operations, [0])) == []


@pytest.mark.parametrize("command", ["", " \n", "x" * COMMAND_BYTES])
def test_a_command_that_nobody_could_be_asked_about_is_refused(command: str) -> None:
    (target,) = aim([CommandOperation(command=command)], HERE)

    assert target.refusal is not None
    assert target.refusal.member == "$.operations[0].command"


def test_a_refused_path_is_named_by_its_member() -> None:
    targets = aim([WriteOperation(path="a", content=""), RenameOperation(path="a", to="../b")], HERE)

    assert targets[0].refusal is None
    assert targets[1].refusal is not None
    assert targets[1].refusal.member == "$.operations[1].to"


def test_a_plan_reaches_into_so_many_directories_that_all_can_be_held_open() -> None:
    operations = [WriteOperation(path=f"{index}/a/b/c", content="") for index in range(200)]

    targets = aim([*operations, WriteOperation(path="0/d", content="")], HERE)

    assert [target.refusal is None for target in targets] == [True] * 170 + [False] * 30 + [True]


def test_edits_that_make_too_much_to_hold_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "EDITED_BYTES", 20)

    assert reasons(
        EditOperation(path="a", search="one", replace="1" * 21),
        EditOperation(path="a", search="two", replace="2"),
        WriteOperation(path="b", content=""),
    ) == ["", "The edits before it make more than 20 bytes: make it another plan's.", ""]
