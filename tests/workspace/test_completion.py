"""How paths go on, and that nothing outside the roots is told."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import fail_after

from domain.errors import Invalid, InvalidParameter, InvalidWorkingDir, OutsideRoots
from infrastructure import workspace as module
from infrastructure.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "root"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "setup.py").touch()
    (root / "src" / "main.py").touch()
    (root / ".hidden").mkdir()
    (root / ".hidden" / "inside").touch()
    (root.parent / "secret").mkdir()
    (root.parent / "secret" / "key").touch()
    (root.parent / "worktrees" / "session1").mkdir(parents=True)
    (root.parent / "worktrees" / "session1" / "file").touch()
    return root


@pytest.fixture
async def workspace(root: Path) -> AsyncIterator[Workspace]:
    """Yield a workspace, and see that it leaves no handle open."""
    workspace = Workspace(roots=[root], worktrees=root.parent / "worktrees")
    with fail_after(60):
        await workspace.resolve(None)
        before = descriptors()
        yield workspace
        assert descriptors() == before


def descriptors() -> list[Path]:
    return sorted(Path("/proc/self/fd").iterdir())


async def told(workspace: Workspace, prefix: str, root: str | None = None) -> list[str]:
    found = await workspace.complete(root, prefix)
    return [file.path + "/" * file.directory for file in found.files]


async def test_a_path_goes_on_by_files_and_directories(root: Path, workspace: Workspace) -> None:
    assert (await workspace.complete(None, "")).root == str(root)
    assert await told(workspace, "") == ["setup.py", "src/"]
    assert await told(workspace, "s") == ["setup.py", "src/"]
    assert await told(workspace, "sr") == ["src/"]
    assert await told(workspace, "src") == ["src/"]
    assert await told(workspace, "src/") == ["src/deep/", "src/main.py"]
    assert await told(workspace, "src/d") == ["src/deep/"]
    assert await told(workspace, "main", root="src") == ["main.py"]
    assert await told(workspace, "nowhere/x") == await told(workspace, "setup.py/x") == []


async def test_hidden_ones_are_told_to_who_types_their_dot(workspace: Workspace) -> None:
    assert await told(workspace, ".") == [".hidden/"]
    assert await told(workspace, ".hidden/") == [".hidden/inside"]


@pytest.mark.parametrize(
    "prefix", ["../", "../secret/k", "src/../../secret/", "/etc/", "//", "a\nb", "a\x1b", "\udcff"]
)
async def test_a_prefix_leads_downwards(prefix: str, workspace: Workspace) -> None:
    with pytest.raises(InvalidParameter) as caught:
        await workspace.complete(None, prefix)

    assert caught.value.member == "prefix"


@pytest.mark.parametrize(
    ("path", "error"), [("..", OutsideRoots), ("/etc", OutsideRoots), ("nowhere", InvalidWorkingDir)]
)
async def test_a_root_lies_under_a_workspace_root(path: str, error: type[Invalid], workspace: Workspace) -> None:
    with pytest.raises(error) as caught:
        await workspace.complete(path, "")

    assert caught.value.member == "root"


async def test_no_link_tells_what_lies_outside(root: Path, workspace: Workspace) -> None:
    (root / "out").symlink_to(root.parent / "secret")
    (root / "in").symlink_to("src")
    (root / "file").symlink_to("setup.py")
    (root / "dangling").symlink_to("nowhere")

    assert await told(workspace, "out/") == []
    assert await told(workspace, "in/m") == ["in/main.py"]
    assert {"out", "in/", "file", "dangling"} <= set(await told(workspace, ""))


async def test_what_nobody_edits_or_can_name_is_left_out(root: Path, workspace: Workspace) -> None:
    os.mkfifo(root / "src" / "fifo")
    (root / "src" / "a\nb").touch()
    (root / "src" / "\udcff").touch()

    assert await told(workspace, "src/") == ["src/deep/", "src/main.py"]


async def test_no_more_are_told_than_anybody_reads(
    root: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(150):
        (root / "src" / "deep" / f"n{number:03}").touch()

    found = await workspace.complete(None, "src/deep/n")

    assert [file.path for file in found.files] == [f"src/deep/n{number:03}" for number in range(100)]
    assert found.truncated
    assert not (await workspace.complete(None, "src/deep/n0")).truncated
    monkeypatch.setattr(module, "SCANNED_NAMES", 10)
    assert len((await workspace.complete(None, "src/deep/n")).files) == 10


# Worktrees


async def test_whatever_lies_in_the_worktrees_is_under_a_root_but_not_all_of_them(
    root: Path, workspace: Workspace
) -> None:
    worktrees = root.parent / "worktrees"

    assert await workspace.resolve(str(worktrees / "session1")) == str(worktrees / "session1")
    assert await told(workspace, "f", root=str(worktrees / "session1")) == ["file"]
    for path in (worktrees, root.parent, worktrees / "session1" / ".." / "..", worktrees / "session1" / ".."):
        with pytest.raises(OutsideRoots):
            await workspace.resolve(str(path))


async def test_a_directory_within_another_is_found_there_and_nowhere_else(root: Path, workspace: Workspace) -> None:
    src = str(root / "src")

    assert await workspace.resolve(None, within=src) == await workspace.resolve(".", within=src) == src
    assert await workspace.resolve("deep", within=src) == await workspace.resolve(f"{src}/deep", within=src)
    (root / "src" / "up").symlink_to("..")
    for path in ("..", "up", str(root), f"{src}/deep/../.."):
        with pytest.raises(InvalidWorkingDir, match="does not lie in"):
            await workspace.resolve(path, within=src)
    with pytest.raises(OutsideRoots):
        await workspace.resolve("/etc", within=src)
