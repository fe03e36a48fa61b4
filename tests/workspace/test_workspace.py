import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from anyio import fail_after

from domain.errors import Invalid, InvalidWorkingDir, OutsideRoots, StartRefused
from infrastructure.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "root"
    (root / "project" / "src").mkdir(parents=True)
    (root.parent / "secret").mkdir()
    return root


@pytest.fixture
async def workspace(root: Path) -> AsyncIterator[Workspace]:
    """Yield a workspace, and see that it leaves no handle open."""
    workspace = Workspace(roots=[root])
    with fail_after(60):
        await workspace.resolve(None)
    before = descriptors()
    yield workspace
    assert descriptors() == before


def descriptors() -> list[Path]:
    return sorted(Path("/proc/self/fd").iterdir())


def swap(path: Path, moved: Path, target: Path) -> None:
    path.rename(moved)
    path.symlink_to(target)


def move_and_make_anew(path: Path, moved: Path) -> None:
    path.rename(moved)
    path.mkdir()


async def test_none_is_the_first_root_and_relative_paths_begin_there(root: Path, workspace: Workspace) -> None:
    assert await workspace.resolve(None) == str(root)
    assert await workspace.resolve("project/src") == str(root / "project/src")
    assert await workspace.resolve(".") == str(root)
    assert await workspace.resolve("project/../project/./src//") == str(root / "project/src")
    assert await workspace.resolve(str(root / "project")) == str(root / "project")


async def test_every_root_is_a_root_however_it_is_spelled(root: Path) -> None:
    other = root.parent / "other"
    other.mkdir()
    (root.parent / "link").symlink_to(other)

    workspace = Workspace(roots=[root, root.parent / "link"])

    assert await workspace.resolve(str(other)) == str(other)
    assert await workspace.resolve(str(root.parent / "link")) == str(other)
    assert await workspace.resolve(f"{root.parent}/secret/../link") == str(other)


async def test_a_link_that_stays_inside_is_followed(root: Path, workspace: Workspace) -> None:
    (root / "link").symlink_to("project/src")

    assert await workspace.resolve("link") == str(root / "project/src")


@pytest.mark.parametrize("path", ["..", "../secret", "/", "/etc", "//etc", "/proc/self/root/etc", "/proc/self/cwd/.."])
async def test_what_lies_outside_is_refused(path: str, workspace: Workspace) -> None:
    with pytest.raises(OutsideRoots, match="outside the workspace roots") as caught:
        await workspace.resolve(path)

    assert caught.value.member == "$.workingDir"


async def test_a_neighbour_whose_name_begins_like_the_root_is_outside(root: Path, workspace: Workspace) -> None:
    neighbour = root.with_name("root-too")
    neighbour.mkdir()

    with pytest.raises(OutsideRoots):
        await workspace.resolve(str(neighbour))


async def test_a_link_that_leads_out_is_refused_without_telling_where(root: Path, workspace: Workspace) -> None:
    (root / "out").symlink_to(root.parent / "secret")
    (root / "project/out").symlink_to("../out")

    for path in ("out", "project/out", str(root / "out")):
        with pytest.raises(OutsideRoots) as caught:
            await workspace.resolve(path)
        assert "secret" not in str(caught.value)
        with pytest.raises(OutsideRoots):
            await workspace.open_directory(str(root / path))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere", "No such file or directory"),
        ("file", "Not a directory"),
        ("file/below", "Not a directory"),
        ("fifo", "Not a directory"),
        ("socket", "Not a directory"),
        ("/dev/zero", "Not a directory"),
        ("loop", "Too many levels of symbolic links"),
        ("dangling", "No such file or directory"),
        pytest.param("n" * 256, "File name too long", id="a long name"),
        pytest.param("d/" * 10_000, "No such file or directory", id="10,000 names"),
        ("", "empty"),
        ("a\0b", "control characters"),
        ("a\nb", "control characters"),
        ("a\x1b]0;x\x07", "control characters"),
        ("a\x85", "control characters"),
        ("a\udcff", "not UTF-8"),
        ("notutf8", "not UTF-8"),
    ],
)
async def test_what_is_no_directory_to_work_in_says_why_and_hangs_nobody(
    path: str, reason: str, root: Path, workspace: Workspace
) -> None:
    (root / "file").touch()
    os.mkfifo(root / "fifo")
    (root / "loop").symlink_to("loop")
    (root / "dangling").symlink_to("nowhere")
    (root / "\udcff").mkdir()
    (root / "notutf8").symlink_to("\udcff")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        with fail_after(5), pytest.raises(InvalidWorkingDir, match=reason) as caught:
            await workspace.resolve(path)

    assert caught.value.member == "$.workingDir"
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter everything")
async def test_a_directory_that_cannot_be_entered_is_refused(root: Path, workspace: Workspace) -> None:
    (root / "closed").mkdir(mode=0)

    with pytest.raises(InvalidWorkingDir, match="Permission denied"):
        await workspace.resolve("closed")


async def test_a_root_that_was_made_anew_is_still_the_root(root: Path, workspace: Workspace) -> None:
    move_and_make_anew(root, root.with_name("moved"))

    assert await workspace.resolve(None) == str(root)
    with pytest.raises(OutsideRoots):
        await workspace.resolve(str(root.with_name("moved")))


async def test_a_handle_stays_where_it_is_when_names_are_swapped(root: Path, workspace: Workspace) -> None:
    directory = await workspace.open_directory(str(root / "project"))
    try:
        swap(root / "project", root / "moved", root.parent / "secret")

        assert os.stat(".", dir_fd=directory).st_ino == (root / "moved").stat().st_ino
    finally:
        os.close(directory)


async def test_a_handle_is_not_inherited(root: Path, workspace: Workspace) -> None:
    directory = await workspace.open_directory(str(root))
    try:
        assert not os.get_inheritable(directory)
    finally:
        os.close(directory)


async def test_no_swap_between_check_and_use_leads_out(root: Path, workspace: Workspace) -> None:
    inside, outside, name = root / "inside", root.parent / "secret", root / "d"
    (inside / "sub").mkdir(parents=True)
    (outside / "sub").mkdir()
    foreign = (outside / "sub").stat().st_ino
    done = Event()

    def flip() -> None:
        while not done.is_set():
            inside.rename(name)
            name.rename(inside)
            name.symlink_to(outside)
            name.unlink()

    flipper = Thread(target=flip)
    flipper.start()
    entered = 0
    try:
        for _ in range(3000):
            with suppress(Invalid):
                directory = await workspace.open_directory(str(name / "sub"))
                entered += 1
                place = os.stat(".", dir_fd=directory).st_ino
                os.close(directory)
                assert place != foreign
    finally:
        done.set()
        flipper.join()

    assert entered


def test_no_roots_or_a_root_that_is_none_refuses_the_start(root: Path) -> None:
    (root / "file").touch()

    for roots in ([], [root / "nowhere"], [root, root / "file"]):
        with pytest.raises(StartRefused):
            Workspace(roots=roots)


async def test_sizes_are_those_of_regular_files_below_the_directory(root: Path, workspace: Workspace) -> None:
    project = root / "project"
    (project / "src" / "a").write_bytes(b"12345")
    (project / "empty").touch()
    (root / "outside").write_bytes(b"123")
    os.mkfifo(project / "fifo")
    (project / "link").symlink_to("empty")
    (project / "folder").symlink_to("src")
    (project / "away").symlink_to("..")
    with (project / "sparse").open("wb") as file:
        file.truncate(100 << 30)
    wrong = [
        "fifo",
        "link",
        "folder/a",
        "away/outside",
        "../outside",
        "src/../../outside",
        "src",
        "missing",
        "a\0b",
        "\udcff",
    ]

    with fail_after(10):
        sizes = await workspace.sizes(
            str(project), ["src/a", "empty", "sparse", *wrong, "src/missing/a", "empty/a", ""]
        )

    assert sizes == [5, 0, 100 << 30, *[None] * (len(wrong) + 3)]


async def test_nothing_has_a_size_where_the_directory_is_gone_or_outside(root: Path, workspace: Workspace) -> None:
    (root.parent / "secret" / "a").write_bytes(b"x")

    assert await workspace.sizes(str(root / "gone"), ["a"]) == [None]
    assert await workspace.sizes(str(root.parent / "secret"), ["a"]) == [None]


async def test_a_directory_that_is_swapped_for_a_link_leads_nowhere(root: Path, workspace: Workspace) -> None:
    """While *src* is now a directory and now a link to the outside, no size from outside is ever told."""
    source, moved, outside = root / "project/src", root / "project/moved", root.parent / "secret"
    (source / "a").write_bytes(b"12345")
    (outside / "a").write_bytes(b"outside")
    stop = Event()

    def flip() -> None:
        while not stop.is_set():
            swap(source, moved, outside)
            source.unlink()
            moved.rename(source)

    flipping = Thread(target=flip)
    flipping.start()
    try:
        found = {size for _ in range(50) for size in await workspace.sizes(str(root / "project"), ["src/a"] * 40)}
    finally:
        stop.set()
        flipping.join()

    assert found <= {5, None}
    assert await workspace.sizes(str(root / "project"), ["src/a"]) == [5]


async def test_what_is_closed_opens_to_nobody_wherever_it_lies(root: Path) -> None:
    data = root / "project" / "data"
    (data / "worktrees" / "session1").mkdir(parents=True)
    (data / "token").write_text("secret")
    (root / "link").symlink_to(data)
    workspace = Workspace(roots=[root], closed=data, worktrees=data / "worktrees")

    for path in ("project/data", "project/data/worktrees", "link", "link/worktrees"):
        with pytest.raises(OutsideRoots):
            await workspace.resolve(path)
    inside = await workspace.resolve("project/data/worktrees/session1")
    found = await workspace.complete(None, "project/data/")
    sizes = await workspace.sizes(str(root), ["project/data/token", "link/token"])

    assert inside == str(data / "worktrees" / "session1")
    assert found.files == []
    assert sizes == [None, None]
