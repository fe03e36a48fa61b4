"""Worktrees of git: a checkout and a branch for each session that shall not disturb its repository's own."""

import logging
import os
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread
from msgspec.structs import replace

from contracts.views import Changes
from domain.errors import GitFailed, Invalid, IsolationUnavailable, LogFull, WorktreeNotFound
from domain.ids import SessionId
from domain.ports import Leftover, Worktree
from infrastructure.worktrees.changes import COMPARE, read_comparison
from infrastructure.worktrees.git import Answer, Git
from infrastructure.worktrees.records import Record, Records

logger = logging.getLogger(__name__)

OpenDirectory = Callable[[str], Awaitable[int]]

DIFF_BYTES = 512 * 1024
LIST_BYTES = 1024 * 1024
HANDLE_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
INDEX_PREFIX = ".index-"
# --no-track and plain names: nothing of ours ends up in the repository's configuration.
LOOK = ("rev-parse", "--path-format=absolute", "--git-common-dir", "--is-bare-repository", "--show-prefix")
is_commit = re.compile("[0-9a-f]{40,64}").fullmatch


class GitWorktrees:
    """Keeps worktrees in *folder*, which is private. *open_directory* as `Workspace.open_directory`."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str], open_directory: OpenDirectory) -> None:
        self._folder = folder
        self._records = Records(folder)
        self._git = Git(environment=environment)
        self._open_directory = open_directory
        for stale in folder.glob(INDEX_PREFIX + "*"):
            shutil.rmtree(stale, ignore_errors=True)

    async def make(self, session_id: SessionId, source: str) -> Worktree:
        directory = await self._open_directory(source)
        try:
            record = await self._look(session_id, source, directory)
            await to_thread.run_sync(self._records.write, session_id, record)
            # Its files come later: only the finished worktree tells which filters its configuration names (includeIf).
            made = await self._git.run(
                directory,
                *("worktree", "add", "--quiet", "--no-track", "--no-checkout", "-b", record.branch),
                *(str(self._tree(session_id)), record.base_commit),
            )
        finally:
            os.close(directory)
        if not made.code:
            made = await self._fill(session_id, record)
        worktree = self._worktree(session_id, record)
        if made.code or not await to_thread.run_sync(os.path.isdir, worktree.working_dir):
            logger.warning("no worktree for session %s: %s", session_id, made.error)
            await self.remove(session_id, discard=True)
            if made.code:
                raise GitFailed("git could not make the worktree; the server's log says why.")
            raise IsolationUnavailable("The directory is not in the repository's last commit.")
        return worktree

    async def keep(self, session_id: SessionId) -> None:
        try:
            record = await self._record(session_id)
            if record is not None and not record.kept:
                await to_thread.run_sync(self._records.write, session_id, replace(record, kept=True))
        except (GitFailed, LogFull) as error:
            logger.warning("the worktree of session %s: %s", session_id, error)

    async def find(self, session_id: SessionId) -> Worktree | None:
        record = await self._record(session_id)
        return None if record is None else self._worktree(session_id, record)

    async def all(self) -> Sequence[SessionId]:
        return await to_thread.run_sync(self._records.all)

    async def changes(self, session_id: SessionId) -> Changes:
        record = await self._record(session_id)
        if record is None:
            raise WorktreeNotFound("The session has no worktree of its own.")
        places = self._places(session_id, record)
        with ExitStack() as stack:
            directory = stack.enter_context(_handle(self._tree(session_id)))
            spare = stack.enter_context(TemporaryDirectory(prefix=INDEX_PREFIX, dir=self._folder))
            index = await to_thread.run_sync(_copy_index, places["GIT_DIR"], spare)
            run = partial(
                self._git.run,
                directory,
                without=await self._git.filters(directory, places=places),
                places={**places, "GIT_INDEX_FILE": index},
            )
            # What git does not know yet is compared too; its content goes nowhere by that.
            await run("add", "--intent-to-add", "--ignore-errors", ".")
            compared = await run(*COMPARE, record.base_commit, most_bytes=LIST_BYTES + DIFF_BYTES)
        if compared.code and compared.whole:
            logger.warning("the worktree of session %s can't be compared: %s", session_id, compared.error)
            raise GitFailed("git could not compare the worktree; the server's log says why.")
        files, diff, truncated = await to_thread.run_sync(
            partial(read_comparison, compared.out, whole=compared.whole, diff_bytes=DIFF_BYTES)
        )
        return Changes(
            base_commit=record.base_commit, branch=record.branch, files=files, diff=diff, truncated=truncated
        )

    async def remove(self, session_id: SessionId, *, discard: bool) -> Leftover:
        left = Leftover()
        try:
            record = await self._record(session_id)
            if record is not None:
                left = Leftover(path=str(self._tree(session_id)), branch=record.branch)
                left = await self._remove(session_id, record, discard=discard)
        except (GitFailed, IsolationUnavailable, WorktreeNotFound, OSError) as error:
            logger.warning("the worktree of session %s stays: %s", session_id, error)
        await to_thread.run_sync(self._records.drop, session_id)
        return left

    async def _fill(self, session_id: SessionId, record: Record) -> Answer:
        places = self._places(session_id, record)
        with _handle(self._tree(session_id)) as directory:
            return await self._git.run(
                directory,
                *("reset", "--quiet", "--hard", "--no-recurse-submodules"),
                places=places,
                without=await self._git.filters(directory, places=places),
            )

    async def _remove(self, session_id: SessionId, record: Record, *, discard: bool) -> Leftover:
        tree, own = self._tree(session_id), self._places(session_id, record)["GIT_DIR"]
        if discard:
            await to_thread.run_sync(partial(shutil.rmtree, tree, ignore_errors=True))
        with _handle(self._folder) as directory:
            run = partial(self._git.run, directory, places={"GIT_DIR": record.repository})
            if await to_thread.run_sync(os.path.lexists, own):
                force = ("--force", "--force") if discard else ()
                without = await self._git.filters(directory, places={"GIT_DIR": own})
                removed = await run("worktree", "remove", *force, str(tree), without=without)
                if removed.code:
                    raise GitFailed(removed.error)
            elif await to_thread.run_sync(tree.exists):  # without its repository nobody can tell what would be lost
                return Leftover(path=str(tree))
            reference = f"refs/heads/{record.branch}"
            await run("update-ref", "-d", reference, *(() if discard else (record.base_commit,)))
            held = await run("rev-parse", "--verify", "--quiet", reference)
        return Leftover(branch=None if held.code else record.branch)

    async def _look(self, session_id: SessionId, source: str, directory: int) -> Record:
        """Return what the worktree will be of. Raises IsolationUnavailable."""
        looked = await self._git.run(directory, *LOOK, "--show-toplevel", "HEAD^{commit}")
        common, bare, prefix, top, commit, *_ = (*looked.lines, "", "", "", "", "")
        if bare == "true" or "bare repository" in looked.error:  # safe.bareRepository
            raise IsolationUnavailable("The repository is bare: there is no directory of it to copy.")
        if not common or not top:
            dubious = "dubious ownership" in looked.error
            raise IsolationUnavailable(
                "git does not trust the repository, which belongs to somebody else: see git's safe.directory."
                if dubious
                else "The directory is in no git repository."
            )
        for place in (top, common):
            try:
                os.close(await self._open_directory(place))
            except Invalid as error:
                raise IsolationUnavailable("The repository reaches out of the workspace roots.") from error
        if looked.code or not is_commit(commit):
            raise IsolationUnavailable("The repository has no commit yet.")
        original = Path(source)
        if self._folder in original.parents:  # another session's worktree, which may be gone before this one
            parent = await self._record(SessionId(original.relative_to(self._folder).parts[0]))
            source = source if parent is None else parent.source
        return Record(
            repository=common,
            source=source,
            subdirectory=prefix,
            branch=f"towpath-{session_id}",
            base_commit=commit,
        )

    async def _record(self, session_id: SessionId) -> Record | None:
        return await to_thread.run_sync(self._records.read, session_id)

    def _tree(self, session_id: SessionId) -> Path:
        return self._folder / session_id

    def _places(self, session_id: SessionId, record: Record) -> dict[str, str]:
        """Return where git finds the worktree, whatever the files in it say."""
        return {
            "GIT_DIR": f"{record.repository}/worktrees/{session_id}",
            "GIT_WORK_TREE": str(self._tree(session_id)),
        }

    def _worktree(self, session_id: SessionId, record: Record) -> Worktree:
        return Worktree(
            source=record.source,
            working_dir=os.path.normpath(self._tree(session_id) / record.subdirectory),
            kept=record.kept,
        )


@contextmanager
def _handle(path: Path) -> Iterator[int]:
    try:
        directory = os.open(path, HANDLE_FLAGS)
    except OSError as error:
        raise WorktreeNotFound("The session's worktree is gone from the disk.") from error
    try:
        yield directory
    finally:
        os.close(directory)


def _copy_index(git_dir: str, folder: str) -> str:
    """Copy a worktree's index, so that nobody who works there is disturbed; return the copy's name."""
    copy = Path(folder, "index")
    with suppress(FileNotFoundError):
        shutil.copyfile(Path(git_dir, "index"), copy)
    return str(copy)
