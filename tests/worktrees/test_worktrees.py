"""Worktrees by the real git: what is made, what is told, what is left, and what a hostile repository can't do."""

import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from anyio import fail_after

from domain.errors import GitFailed, IsolationUnavailable, WorktreeNotFound
from domain.ids import SessionId
from infrastructure.processes.environment import minimal_environment
from infrastructure.workspace import Workspace
from infrastructure.worktrees import changes, worktrees
from infrastructure.worktrees.worktrees import GitWorktrees

SESSION, OTHER = SessionId("u4k7wq2mzr5tdn4x"), SessionId("h3j8wq2mzr5tdn4x")
ENVIRONMENT = minimal_environment(("PATH",), os.environ, {"HOME": "/nonexistent"})
NOBODY = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "protocol.file.allow=always")


def git(directory: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *NOBODY, *words], cwd=directory, env=ENVIRONMENT, check=True, capture_output=True, text=True, timeout=20
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "root" / "repository"
    (folder / "src").mkdir(parents=True)
    (folder / "README").write_text("one\ntwo\nthree\n")
    (folder / "src/main.c").write_text("int main;\n")
    (folder / ".gitignore").write_text("*.o\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "worktrees"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
async def made(repository: Path, store: Path) -> AsyncIterator[GitWorktrees]:
    workspace = Workspace(roots=[repository.parent], worktrees=store)
    with fail_after(60):
        yield GitWorktrees(store, environment=ENVIRONMENT, open_directory=workspace.open_directory)


def move(path: Path, name: str) -> None:
    path.rename(path.with_name(name))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def branches(repository: Path) -> list[str]:
    return git(repository, "branch", "--format=%(refname:short)").split()


async def test_a_worktree_is_the_last_commit_on_a_branch_of_its_own(
    repository: Path, store: Path, made: GitWorktrees
) -> None:
    (repository / "README").write_text("not committed\n")
    before = git(repository, "status", "--porcelain")

    worktree = await made.make(SESSION, str(repository / "src"))

    assert worktree.working_dir == str(store / SESSION / "src")
    assert worktree.source == str(repository / "src")
    assert (store / SESSION / "README").read_text() == "one\ntwo\nthree\n"
    assert git(store / SESSION, "branch", "--show-current").strip() == f"towpath-{SESSION}"
    assert git(repository, "status", "--porcelain") == before
    assert git(repository, "branch", "--show-current").strip() == "main"


async def test_a_worktree_of_a_worktree_knows_the_directory_that_the_first_was_made_for(
    repository: Path, store: Path, made: GitWorktrees
) -> None:
    first = await made.make(SESSION, str(repository / "src"))
    git(store / SESSION, "commit", "-q", "--allow-empty", "-m", "second")

    second = await made.make(OTHER, first.working_dir)

    assert (second.working_dir, second.source) == (str(store / OTHER / "src"), str(repository / "src"))
    assert git(store / OTHER, "log", "--format=%s").split() == ["second", "first"]


async def test_what_is_known_survives_the_server(repository: Path, store: Path, made: GitWorktrees) -> None:
    worktree = await made.make(SESSION, str(repository))
    await made.keep(SESSION)

    again = GitWorktrees(store, environment=ENVIRONMENT, open_directory=Workspace(roots=[store]).open_directory)

    found = await again.find(SESSION)
    assert found is not None
    assert (found.working_dir, found.kept, worktree.kept) == (worktree.working_dir, True, False)
    assert await again.all() == [SESSION]
    assert await again.find(OTHER) is None


def nothing(repository: Path) -> Path:
    (repository.parent / "plain").mkdir()
    return repository.parent / "plain"


def bare(repository: Path) -> Path:
    git(repository.parent, "clone", "-q", "--bare", "repository", "bare")
    return repository.parent / "bare"


def unborn(repository: Path) -> Path:
    git(repository.parent, "init", "-q", "unborn")
    return repository.parent / "unborn"


def not_committed(repository: Path) -> Path:
    (repository / "new").mkdir()
    return repository / "new"


def git_directory(repository: Path) -> Path:
    return repository / ".git"


def reaching_out(repository: Path) -> Path:
    """Its root lies above the workspace's."""
    outer = repository.parent.parent
    git(outer, "init", "-q")
    git(outer, "commit", "-q", "--allow-empty", "-m", "outer")
    return nothing(repository)


def led_out(repository: Path) -> Path:
    """Its git directory lies elsewhere."""
    secret = repository.parent.parent / "secret"
    secret.mkdir()
    git(secret, "init", "-q")
    (secret / "key").write_text("k")
    git(secret, "add", "-A")
    git(secret, "commit", "-q", "-m", "secret")
    (nothing(repository) / ".git").write_text(f"gitdir: {secret}/.git\n")
    return repository.parent / "plain"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (nothing, "in no git repository"),
        (bare, "bare"),
        (unborn, "no commit yet"),
        (not_committed, "not in the repository's last commit"),
        (git_directory, "bare|in no git repository"),
        (reaching_out, "reaches out of the workspace roots"),
        (led_out, "reaches out of the workspace roots"),
    ],
)
async def test_where_none_can_be_it_says_why_and_nothing_is_left(
    place: Callable[[Path], Path], reason: str, repository: Path, store: Path, made: GitWorktrees
) -> None:
    source = place(repository)

    with pytest.raises(IsolationUnavailable, match=reason):
        await made.make(SESSION, str(source))

    assert names(store) == []
    assert branches(repository) == ["main"]
    assert await made.all() == []


async def test_without_git_it_says_so(repository: Path, store: Path) -> None:
    made = GitWorktrees(
        store,
        environment={"PATH": str(repository)},
        open_directory=Workspace(roots=[repository]).open_directory,
    )

    with fail_after(20), pytest.raises(IsolationUnavailable, match="not installed"):
        await made.make(SESSION, str(repository))

    assert names(store) == []


# Changes


async def test_changes_are_all_that_differs_from_the_base_whether_committed_or_not(
    repository: Path, store: Path, made: GitWorktrees
) -> None:
    tree = store / SESSION
    await made.make(SESSION, str(repository))
    git(tree, "mv", "README", "LIESMICH")
    git(tree, "commit", "-q", "-m", "second")
    (tree / "src/main.c").write_text("int main;\nint more;\n")
    (tree / "new file\t«ü».txt").write_text("new\n")
    (tree / "blob").write_bytes(bytes(range(256)))
    (tree / "src/main.o").write_bytes(b"ignored")
    before = git(tree, "status", "--porcelain")

    compared = await made.changes(SESSION)

    assert compared.base_commit == git(repository, "rev-parse", "main").strip()
    assert compared.branch == f"towpath-{SESSION}"
    assert {file.path: (file.status, file.additions, file.deletions) for file in compared.files if file.additions} == {
        "src/main.c": ("modified", 1, 0),
        "new file\t«ü».txt": ("added", 1, 0),
    }
    assert {file.path: file.status for file in compared.files} == {
        "LIESMICH": "renamed",
        "blob": "added",
        "new file\t«ü».txt": "added",
        "src/main.c": "modified",
    }
    assert [file.previous_path for file in compared.files if file.path == "LIESMICH"] == ["README"]
    assert "+int more;\n" in compared.diff
    assert "+new\n" in compared.diff
    assert not compared.truncated
    assert git(tree, "status", "--porcelain") == before
    assert names(store) == [SESSION, f"{SESSION}.json"]


async def test_a_clean_worktree_has_no_changes(repository: Path, made: GitWorktrees) -> None:
    await made.make(SESSION, str(repository))

    compared = await made.changes(SESSION)

    assert (compared.files, compared.diff, compared.truncated) == ([], "", False)


async def test_a_long_diff_is_cut_between_files(
    repository: Path, store: Path, made: GitWorktrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made.make(SESSION, str(repository))
    for name in "abc":
        (store / SESSION / name).write_text(f"{name}\n" * 100)
    monkeypatch.setattr(worktrees, "DIFF_BYTES", 1000)
    monkeypatch.setattr(changes, "FILES", 2)

    compared = await made.changes(SESSION)

    assert [file.path for file in compared.files] == ["a", "b"]
    assert compared.diff.count("diff --git") == 2
    assert compared.diff.count("\n+b") == 100
    assert compared.truncated


async def test_more_than_may_be_told_is_not_waited_for(
    repository: Path, store: Path, made: GitWorktrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made.make(SESSION, str(repository))
    (store / SESSION / "large").write_text("line\n" * 1_000_000)
    monkeypatch.setattr(worktrees, "DIFF_BYTES", 1000)

    compared = await made.changes(SESSION)

    assert ([file.path for file in compared.files], compared.diff, compared.truncated) == (["large"], "", True)


async def test_without_a_worktree_there_are_no_changes(repository: Path, store: Path, made: GitWorktrees) -> None:
    with pytest.raises(WorktreeNotFound):
        await made.changes(SESSION)

    await made.make(SESSION, str(repository))
    move(store / SESSION, "elsewhere")
    with pytest.raises(WorktreeNotFound, match="gone"):
        await made.changes(SESSION)


# Ends


async def test_a_clean_worktree_goes_with_its_branch(repository: Path, store: Path, made: GitWorktrees) -> None:
    await made.make(SESSION, str(repository))
    (store / SESSION / "main.o").write_bytes(b"ignored")

    left = await made.remove(SESSION, discard=False)

    assert (left.path, left.branch) == (None, None)
    assert names(store) == []
    assert branches(repository) == ["main"]
    assert "prunable" not in git(repository, "worktree", "list", "--porcelain")
    assert await made.remove(SESSION, discard=True) == left


async def test_a_branch_with_commits_stays(repository: Path, store: Path, made: GitWorktrees) -> None:
    await made.make(SESSION, str(repository))
    git(store / SESSION, "commit", "-q", "--allow-empty", "-m", "second")

    left = await made.remove(SESSION, discard=False)

    assert (left.path, left.branch) == (None, f"towpath-{SESSION}")
    assert branches(repository) == ["main", f"towpath-{SESSION}"]
    assert names(store) == []


@pytest.mark.parametrize("change", ["README", "new"])
async def test_a_worktree_with_changes_stays_and_is_forgotten(
    change: str, repository: Path, store: Path, made: GitWorktrees
) -> None:
    await made.make(SESSION, str(repository))
    (store / SESSION / change).write_text("work\n")

    left = await made.remove(SESSION, discard=False)

    assert left.path == str(store / SESSION)
    assert (store / SESSION / change).read_text() == "work\n"
    assert await made.all() == []


async def test_what_may_be_lost_is_removed(repository: Path, store: Path, made: GitWorktrees) -> None:
    await made.make(SESSION, str(repository))
    git(store / SESSION, "commit", "-q", "--allow-empty", "-m", "second")
    git(repository, "worktree", "lock", str(store / SESSION))
    (store / SESSION / "new").write_text("work\n")

    left = await made.remove(SESSION, discard=True)

    assert (left.path, left.branch) == (None, None)
    assert names(store) == []
    assert branches(repository) == ["main"]


async def test_without_its_repository_a_worktree_stays_unless_it_may_be_lost(
    repository: Path, store: Path, made: GitWorktrees
) -> None:
    for session_id in (SESSION, OTHER):
        await made.make(session_id, str(repository))
    move(repository, "moved")

    assert (await made.remove(SESSION, discard=False)).path == str(store / SESSION)
    assert (await made.remove(OTHER, discard=True)).path is None
    assert names(store) == [SESSION]


async def test_a_worktree_that_a_crash_left_half_made_is_removed(
    repository: Path, store: Path, made: GitWorktrees
) -> None:
    await made.make(SESSION, str(repository))
    (store / SESSION / ".git").unlink()
    (repository / ".git/worktrees" / SESSION / "locked").write_text("initializing")

    left = await made.remove(SESSION, discard=True)

    assert (left.path, left.branch) == (None, None)
    assert names(store) == []
    assert branches(repository) == ["main"]
    assert git(repository, "worktree", "list", "--porcelain").count("worktree ") == 1


# Repositories that nobody vouches for


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """Make a program that leaves a mark when it is run."""
    program = tmp_path / "trap"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/sprung\ncat\n')
    program.chmod(0o755)
    return program


def arm(repository: Path, trap: Path) -> None:
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-commit"):
        (repository / ".git/hooks" / hook).parent.mkdir(exist_ok=True)
        (repository / ".git/hooks" / hook).symlink_to(trap)
    for name, value in {
        "core.fsmonitor": str(trap),
        "core.pager": str(trap),
        "core.editor": str(trap),
        "core.sshCommand": str(trap),
        "diff.external": str(trap),
        "diff.trap.command": str(trap),
        "diff.trap.textconv": str(trap),
        "filter.trap.smudge": str(trap),
        "filter.trap.clean": str(trap),
        "filter.trap.required": "true",
        "filter.long.process": str(trap),
        "filter.long.required": "true",
        "filter.odd=name.with.dots.clean": str(trap),
        "filter.odd=name.with.dots.smudge": str(trap),
        "filter.odd=name.with.dots.required": "true",
        "protocol.ext.allow": "always",
        "submodule.recurse": "true",
    }.items():
        git(repository, "config", name, value)


async def test_no_program_that_a_repository_names_is_run(
    repository: Path, store: Path, made: GitWorktrees, trap: Path
) -> None:
    (repository / ".gitattributes").write_text(
        "README filter=trap diff=trap\n*.c filter=long\nodd filter=odd=name.with.dots\n"
    )
    (repository / "odd").write_text("odd\n")
    inner = repository.parent / "inner"
    git(repository.parent, "init", "-q", "inner")
    git(inner, "commit", "-q", "--allow-empty", "-m", "inner")
    git(repository, "submodule", "--quiet", "add", str(inner), "module")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "armed")
    arm(repository, trap)

    await made.make(SESSION, str(repository))
    tree = store / SESSION
    git(inner, "clone", "-q", str(inner), str(tree / "module"))
    git(tree / "module", "config", "core.fsmonitor", str(trap))
    for name in ("README", "src/main.c", "odd", "module/file", "new"):
        (tree / name).write_text("changed\n")
    compared = await made.changes(SESSION)
    left = await made.remove(SESSION, discard=False)
    await made.make(OTHER, str(repository))
    await made.remove(OTHER, discard=True)

    assert {"README", "src/main.c", "odd", "new"} <= {file.path for file in compared.files}
    assert left.path == str(tree)
    assert not (trap.parent / "sprung").exists(), (trap.parent / "sprung").read_text()


@pytest.mark.parametrize("condition", ["gitdir:**/worktrees/**", "onbranch:towpath-*"])
async def test_no_filter_is_run_that_only_the_worktree_has(
    repository: Path, store: Path, made: GitWorktrees, trap: Path, condition: str
) -> None:
    (repository / ".gitattributes").write_text("README filter=trap\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "armed")
    git(repository, "config", "--file", str(repository / ".git/more"), "filter.trap.smudge", str(trap))
    git(repository, "config", f"includeIf.{condition}.path", "more")

    await made.make(SESSION, str(repository))

    assert (store / SESSION / "README").read_text() == (repository / "README").read_text()
    assert not (trap.parent / "sprung").exists(), (trap.parent / "sprung").read_text()


async def test_nothing_is_fetched_for_a_checkout(repository: Path, store: Path, made: GitWorktrees, trap: Path) -> None:
    arm(repository, trap)
    for name, value in {
        "remote.origin.url": f"ext::{trap} %S",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
    }.items():
        git(repository, "config", name, value)
    blob = git(repository, "rev-parse", "HEAD:README").strip()
    (repository / ".git/objects" / blob[:2] / blob[2:]).unlink()

    with pytest.raises(GitFailed):
        await made.make(SESSION, str(repository))

    assert not (trap.parent / "sprung").exists()
    assert names(store) == []
