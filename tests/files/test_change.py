"""All or nothing, and back again: what plans do to real files."""

import errno
import os
import random
import stat
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest

from contracts.events import DeleteOperation, EditOperation, Operation, RenameOperation, WriteOperation
from domain.errors import FilesChanged, FilesUnavailable
from domain.operations.planning import aim, changes_of, paths_of, work_out
from domain.ports import PlanKey
from infrastructure.files import exchange
from infrastructure.files.journal import Journal, Record
from tests.files.stage import KEY, NOTE, Place, contents, draw_operations, expected, grow, look

PLANS = 60


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def execute_and_revert(folder: Path, seed: int) -> int:
    """Carry a random plan out on a random tree and undo it; return how many files it changed."""
    chance = random.Random(seed)
    place = Place(folder)
    grow(place, chance)
    before = look(place.project)
    operations = draw_operations(chance, chance.randrange(1, 9))
    targets = aim(operations, place.working_dir)
    files = await place.files.read(place.working_dir, paths_of(targets))
    changes = changes_of(work_out(operations, targets, files), files)

    await place.files.change(place.working_dir, KEY, changes, note=NOTE)
    await place.files.settle(KEY)
    after = look(place.project)
    await place.files.undo(KEY, note=NOTE)
    await place.files.settle(KEY)

    shown = expected({path: data for path, (kind, _, data) in before.items() if kind == "-"}, changes)
    assert {path: data for path, (kind, _, data) in after.items() if kind == "-"} == shown
    for change in changes:
        if change.after.mode is not None:
            assert after[change.path][1] == change.after.mode
    assert look(place.project) == before
    assert not list((place.data / "plans").iterdir())
    return len(changes)


@pytest.mark.parametrize("renames", ["by the system", "by links"])
def test_any_plan_carried_out_and_undone_leaves_the_tree_as_it_was(
    renames: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if renames == "by links":
        monkeypatch.setattr(exchange, "_try", lambda *_: False)
    changed = 0
    for seed in range(PLANS):
        with TemporaryDirectory() as folder:
            changed += anyio.run(execute_and_revert, Path(folder), seed)

    assert changed > PLANS  # it was about something


async def test_modes_are_kept_and_new_files_get_those_of_any_other(place: Place) -> None:
    place.put("run.sh", b"#!/bin/sh\n", 0o750)
    place.put("moved", b"x", 0o640)
    (place.root / "other").touch()

    await place.change(
        WriteOperation(path="run.sh", content="#!/bin/bash\n"),
        RenameOperation(path="moved", to="sub/there"),
        WriteOperation(path="sub/new", content=""),
    )

    modes = {path: mode for path, (_, mode, _) in look(place.project).items()}
    assert modes["run.sh"] == 0o750
    assert modes["sub/there"] == 0o640
    assert modes["sub/new"] == stat.S_IMODE((place.root / "other").stat().st_mode)


async def test_another_name_of_the_file_keeps_what_it_was(place: Place) -> None:
    (place.root / "other").hardlink_to(place.put("a", b"old"))

    await place.change(WriteOperation(path="a", content="new"))

    assert (place.root / "other").read_bytes() == b"old"


async def test_a_file_that_changed_since_it_was_read_stops_everything(place: Place) -> None:
    place.put("a", b"old\n")
    place.put("b", b"old\n")
    changes = await place.changes(
        WriteOperation(path="a", content="new\n"),
        EditOperation(path="b", search="old", replace="new"),
        WriteOperation(path="made/c", content="new\n"),
    )
    place.put("b", b"mine\n")

    with pytest.raises(FilesChanged, match="b changed since"):
        await place.files.change(place.working_dir, KEY, changes, note=NOTE)

    assert contents(place.project) == {"a": b"old\n", "b": b"mine\n"}
    assert not (place.project / "made").exists()


@pytest.mark.parametrize("what", ["content", "mode", "gone", "link", "directory", "appeared"])
async def test_whatever_takes_a_files_place_between_the_last_look_and_the_rename_is_left_there(
    what: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = place.put("b", b"old\n")
    place.put("a", b"old\n")
    operations: list[Operation] = [WriteOperation(path="a", content="new\n"), DeleteOperation(path="b")]
    if what == "appeared":
        target.unlink()
        operations[1:] = [WriteOperation(path="b", content="new\n")]
    elif what in ("link", "directory"):
        operations[1:] = [WriteOperation(path="b", content="new\n")]
    changes = await place.changes(*operations)

    def meddle() -> None:
        if what == "mode":
            target.chmod(0o600)
        elif what in ("content", "appeared"):
            target.write_bytes(b"mine\n")
        else:
            target.unlink()
        if what == "link":
            target.symlink_to("a")
        elif what == "directory":
            target.mkdir()

    calls: list[int] = []
    renameat2 = exchange._try

    def at_the_rename(*args: object) -> bool:
        if not calls:
            calls.append(1)
            meddle()
        return renameat2(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(exchange, "_try", at_the_rename)
    with pytest.raises(FilesChanged, match="b changed since"):
        await place.files.change(place.working_dir, KEY, changes, note=NOTE)

    found = look(place.project)
    assert found["a"] == ("-", 0o644, b"old\n")
    expectations = {
        "content": ("-", 0o644, b"mine\n"),
        "appeared": ("-", 0o644, b"mine\n"),
        "mode": ("-", 0o600, b"old\n"),
        "link": ("l", 0o777, b"a"),
        "directory": ("d", stat.S_IMODE((place.project).stat().st_mode), b""),
        "gone": None,
    }
    assert found.get("b") == expectations[what]
    assert found.keys() <= {"a", "b"}


async def test_an_undo_refuses_where_a_file_changed_since_and_touches_nothing(place: Place) -> None:
    place.put("a", b"old\n")
    await place.change(WriteOperation(path="a", content="new\n"), WriteOperation(path="b", content="new\n"))
    await place.files.settle(KEY)
    place.put("b", b"mine\n")

    with pytest.raises(FilesChanged, match="b changed since"):
        await place.files.undo(KEY, note=NOTE)

    assert contents(place.project) == {"a": b"new\n", "b": b"mine\n"}
    await place.files.settle(KEY)
    place.put("b", b"new\n")
    await place.files.undo(KEY, note=NOTE)
    assert contents(place.project) == {"a": b"old\n"}


async def test_a_directory_that_somebody_else_uses_stays_at_an_undo(place: Place) -> None:
    await place.change(WriteOperation(path="made/deep/a", content="new\n"))
    place.put("made/mine", b"mine\n")

    await place.files.undo(KEY, note=NOTE)

    assert look(place.project).keys() == {"made", "made/mine"}


async def test_a_directory_that_is_gone_is_made_again_at_an_undo(place: Place) -> None:
    place.put("src/a", b"old\n")
    await place.change(DeleteOperation(path="src/a"))
    (place.project / "src").rmdir()

    await place.files.undo(KEY, note=NOTE)

    assert contents(place.project) == {"src/a": b"old\n"}


async def test_what_is_kept_is_private_and_goes_with_its_session(place: Place) -> None:
    place.put("a", b"secret\n", 0o666)
    await place.change(DeleteOperation(path="a"))
    await place.files.settle(KEY)

    modes = [path.stat().st_mode & 0o077 for path in (place.data / "plans").rglob("*")]
    assert len(modes) >= 4
    assert not any(modes)
    await place.files.forget(KEY.session_id, keep={KEY.plan_id})
    assert await place.files.kept() == [KEY.session_id]
    await place.files.forget(KEY.session_id, keep=())
    assert await place.files.kept() == []
    with pytest.raises(FilesUnavailable, match="Nothing is kept"):
        await place.files.undo(KEY, note=NOTE)


async def test_one_plan_is_looked_after_by_itself_and_says_what_is_not_settled(place: Place) -> None:
    await place.change(WriteOperation(path="a", content="new"))
    (left,) = await place.files.recover(KEY)
    other = await place.files.recover(PlanKey(KEY.session_id, "another_plan"))
    await place.files.settle(KEY)

    assert (left.key, left.made, left.undo, left.note) == (KEY, True, False, NOTE)
    assert (other, await place.files.recover(KEY)) == ([], [])


async def test_what_can_not_be_cleared_away_does_not_make_a_change_undone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.change(WriteOperation(path="made/new", content="new\n"))
    await place.files.settle(KEY)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(os, "rmdir", refuse)
    await place.files.undo(KEY, note=NOTE)

    assert look(place.project).keys() == {"made"}
    assert [(one.undo, one.made) for one in await place.files.recover()] == [(True, True)]


async def test_what_was_refused_never_happens_later_though_it_could_not_be_put_back_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put("a", b"old\n")
    target = place.put("b", b"old\n")
    changes = await place.changes(DeleteOperation(path="a"), DeleteOperation(path="b"))
    renameat2, write = exchange._try, Record.write

    def at_the_rename(*args: object) -> bool:
        monkeypatch.setattr(exchange, "_try", renameat2)
        target.write_bytes(b"mine\n")
        return renameat2(*args)  # type: ignore[arg-type]

    def fail(record: Record, journal: Journal, **changes: object) -> Journal:
        if changes.get("phase") == "failed":
            raise OSError(5, "broken")
        return write(record, journal, **changes)

    with monkeypatch.context() as patch:
        patch.setattr(exchange, "_try", at_the_rename)
        patch.setattr(Record, "write", fail)
        with pytest.raises(FilesUnavailable, match="tries again"):
            await place.files.change(place.working_dir, KEY, changes, note=NOTE)
    place.put("b", b"old\n")

    (unsettled,) = await place.files.recover(KEY)

    assert not unsettled.made
    assert "b changed since" in unsettled.error
    assert contents(place.project) == {"a": b"old\n", "b": b"old\n"}


async def test_a_disk_that_is_read_only_is_told_at_once_and_leaves_nothing_to_put_right(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.put("a", b"old\n")
    changes = await place.changes(WriteOperation(path="a", content="new\n"), WriteOperation(path="b/c", content=""))

    def read_only(call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def refusing(path: str, *args: Any, **options: Any) -> Any:
            directory = options.get("dir_fd")
            if directory is not None and Path(f"/proc/self/fd/{directory}").readlink().is_relative_to(place.project):
                raise OSError(errno.EROFS, "Read-only file system")
            return call(path, *args, **options)

        return refusing

    for name in ("mkdir", "rmdir", "unlink"):
        monkeypatch.setattr(os, name, read_only(getattr(os, name)))

    with pytest.raises(FilesUnavailable, match="Nothing was changed: a file can't be used: Read-only"):
        await place.files.change(place.working_dir, KEY, changes, note=NOTE)

    assert [one.made for one in await place.files.recover()] == [False]
    assert contents(place.project) == {"a": b"old\n"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any directory")
async def test_a_directory_that_may_be_written_to_and_not_read_is_worked_in(place: Place) -> None:
    place.put("drop/a", b"old\n")
    (place.project / "drop").chmod(0o300)
    try:
        await place.change(DeleteOperation(path="drop/a"), WriteOperation(path="drop/b", content="new\n"))
    finally:
        (place.project / "drop").chmod(0o755)

    assert contents(place.project) == {"drop/b": b"new\n"}
