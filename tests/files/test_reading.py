"""What paths lead to, whatever somebody made of them."""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from anyio import fail_after

from contracts.events import WriteOperation
from domain.errors import FilesChanged, FilesUnavailable, InvalidWorkingDir, OutsideRoots, PathOutside
from domain.ports import Change, FileState
from tests.files.stage import KEY, NOTE, Place, look

FLIPS = 400


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def read(place: Place, path: str) -> FileState:
    with fail_after(5):
        return (await place.files.read(place.working_dir, [path]))[path]


async def test_a_file_is_read_with_its_mode_and_an_absent_one_is_absent(place: Place) -> None:
    place.put("src/a", b"\0one", 0o751)

    assert await read(place, "src/a") == FileState(b"\0one", 0o751)
    assert await read(place, "src/b") == FileState()
    assert await read(place, "none/b") == FileState()


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("link", "is a link"),
        ("dangling", "is a link"),
        ("out/secret", "leads through a link, or through what is no directory"),
        ("inside/a", "leads through a link, or through what is no directory"),
        ("a/b", "leads through a link, or through what is no directory"),
        ("directory", "is a directory"),
        ("fifo", "is no regular file"),
        ("socket", "is no regular file"),
        ("zero", "is no regular file"),
        ("huge", "is larger than 1048576 bytes"),
        ("n" * 256, "can't be used: File name too long"),
    ],
)
async def test_what_is_no_file_below_the_directory_is_refused_at_once(path: str, refusal: str, place: Place) -> None:
    here = place.project
    place.put("a", b"one")
    (here / "directory").mkdir()
    (place.root / "secret").write_bytes(b"secret")
    (here / "link").symlink_to("a")
    (here / "dangling").symlink_to("nowhere")
    (here / "out").symlink_to(place.root)
    (here / "inside").symlink_to("directory")
    os.mkfifo(here / "fifo")
    if path == "zero":
        try:
            os.mknod(here / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root makes devices")
    with (here / "huge").open("wb") as file:
        file.truncate(100 << 30)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(here / "socket"))

        assert await read(place, path) == FileState(refusal=refusal)
        with pytest.raises((FilesChanged, FilesUnavailable)):
            await place.files.change(place.working_dir, KEY, [Change(path, FileState(), FileState(b"new"))], note=NOTE)

    assert (place.root / "secret").read_bytes() == b"secret"
    assert (here / "link").is_symlink()
    assert not list(here.rglob("*.towpath*"))


async def test_all_files_of_a_plan_together_have_a_limit(tmp_path: Path) -> None:
    place = Place(tmp_path, most_bytes=10)
    for name in "abcdef":
        place.put(name, b"1234567890")

    found = await place.files.read(place.working_dir, list("abcdef"))

    too_many = "makes the plan's files larger than 40 bytes together"
    assert [state.refusal for state in found.values()] == [""] * 4 + [too_many] * 2


async def test_its_own_data_is_nobodys_business(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.data = place.project / "data"
    place.data.mkdir()
    (place.data / "token").write_bytes(b"secret")
    (place.data / "worktrees" / "s").mkdir(parents=True)
    (place.data / "worktrees" / "s" / "a").write_bytes(b"one")
    (place.data / "worktrees" / "s" / "a").chmod(0o644)
    place.files = place.adapter()

    assert await read(place, "data/token") == FileState(refusal="belongs to Towpath itself")
    with pytest.raises(PathOutside):
        await place.files.read(str(place.data), ["token"])
    with pytest.raises(PathOutside):
        await place.files.read(str(place.data / "plans"), ["x"])
    found = await place.files.read(str(place.data / "worktrees" / "s"), ["a"])
    assert found["a"] == FileState(b"one", 0o644)


async def test_a_directory_that_is_gone_or_outside_is_none_to_work_in(place: Place, tmp_path: Path) -> None:
    with pytest.raises(InvalidWorkingDir):
        await place.files.read(str(place.root / "gone"), ["a"])
    with pytest.raises(OutsideRoots):
        await place.files.read(str(tmp_path), ["a"])


async def test_no_swap_of_a_directory_for_a_link_leads_out(place: Place) -> None:
    inside, name = place.project / "inside", place.project / "d"
    outside = place.root.parent / "outside"
    inside.mkdir()
    (inside / "a").write_bytes(b"inside")
    (inside / "a").chmod(0o644)
    outside.mkdir()
    (outside / "a").write_bytes(b"outside")
    done = Event()

    def flip() -> None:
        while not done.is_set():
            for step in (lambda: inside.rename(name), lambda: name.rename(inside), lambda: name.symlink_to(outside)):
                with suppress(OSError):  # the change may have made the directory in the meantime
                    step()
            if name.is_symlink():
                name.unlink()

    flipper = Thread(target=flip)
    flipper.start()
    try:
        for turn in range(FLIPS):
            found = await read(place, "d/a")
            assert found.data != b"outside"
            if turn % 10 == 0:
                with suppress(FilesChanged, FilesUnavailable):
                    change = Change("d/new", FileState(), FileState(b"new"))
                    await place.files.change(place.working_dir, KEY, [change], note=NOTE)
                await place.files.recover()
                await place.files.forget(KEY.session_id)
    finally:
        done.set()
        flipper.join()

    assert look(outside) == {"a": ("-", stat.S_IMODE((outside / "a").stat().st_mode), b"outside")}


async def test_a_full_disk_changes_nothing_and_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.put("a", b"old")
    changes = await place.changes(WriteOperation(path="a", content="new"), WriteOperation(path="b/c", content="new"))
    real, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 9:
            raise OSError(28, "No space left on device")
        real(descriptor)

    before = look(place.project)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match="disk is full"):
        await place.files.change(place.working_dir, KEY, changes, note=NOTE)

    assert look(place.project) == before
