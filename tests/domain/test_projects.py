"""Projects, what becomes of their sessions, and where sessions may work."""

import pytest
from anyio import create_task_group, wait_all_tasks_blocked
from msgspec import UNSET

from contracts.events import ProjectDeleted, SessionUpdated
from contracts.requests import CreateProject, MoveSession, UpdateProject
from domain.errors import (
    InvalidWorkingDir,
    IsolationUnavailable,
    LogFull,
    ProjectNotFound,
    SessionNotFound,
)
from domain.ids import SessionId
from tests.domain.stage import Stage, folded, of, staged


async def project(stage: Stage, **members: str) -> str:
    made = await stage.projects.create(CreateProject(**{"name": "P", "root_dir": "/srv/project", **members}))
    return made.project_id


async def belongs(stage: Stage, session_id: SessionId) -> str | None:
    return (await stage.reading.get(session_id)).project_id or None


async def test_projects_are_made_changed_and_deleted() -> None:
    async with staged() as stage:
        first, second = await project(stage, name="first"), await project(stage, name="second")

        changed = await stage.projects.update(first, UpdateProject(name="renamed"))
        same = await stage.projects.update(first, UpdateProject(root_dir="/srv/project"))
        await stage.projects.delete(second)

        assert changed == same == await stage.projects.get(first)
        assert (changed.name, changed.root_dir) == ("renamed", "/srv/project")
        assert (await stage.projects.all()).projects == [changed]
        for use in (
            stage.projects.get(second),
            stage.projects.update(second, UpdateProject(name="x")),
            stage.projects.delete(second),
            stage.open(project_id=second),
        ):
            with pytest.raises(ProjectNotFound):
                await use


async def test_a_root_directory_must_be_one() -> None:
    async with staged() as stage:
        made = await project(stage)

        for use in (
            stage.projects.create(CreateProject(name="x", root_dir="/srv/nowhere")),
            stage.projects.update(made, UpdateProject(root_dir="/srv/nowhere")),
        ):
            with pytest.raises(InvalidWorkingDir) as caught:
                await use
            assert caught.value.member == "$.rootDir"


async def test_a_session_of_a_project_works_in_its_directory() -> None:
    async with staged() as stage:
        made = await project(stage, root_dir="/srv/project")

        default = await stage.open(project_id=made)
        below = await stage.open(project_id=made, working_dir="/srv/project/src")

        assert await belongs(stage, default) == await belongs(stage, below) == made
        assert (await stage.reading.get(default)).working_dir == "/srv/project"
        assert (await stage.reading.get(below)).working_dir == "/srv/project/src"
        with pytest.raises(InvalidWorkingDir):
            await stage.open(project_id=made, working_dir="/srv/other")


async def test_deleting_a_project_detaches_its_sessions() -> None:
    async with staged() as stage:
        made, other = await project(stage), await project(stage)
        mine = [await stage.open(project_id=made) for _ in range(5)]
        others = await stage.open(project_id=other)
        await stage.sessions.delete(mine.pop())

        removed = await stage.projects.delete(made)

        assert removed.detached == 4
        assert [await belongs(stage, session_id) for session_id in mine] == [None] * 4
        assert await belongs(stage, others) == other
        assert of(await stage.events(mine[0]), SessionUpdated)[-1].project_id is None
        assert folded(await stage.events(mine[0])).project_id is UNSET


async def test_what_a_crash_kept_from_a_deletion_the_next_start_does() -> None:
    async with staged() as stage:
        made, other = await project(stage), await project(stage)
        mine, others = await stage.open(project_id=made), await stage.open(project_id=other)
        await stage.system.decide(lambda _: (ProjectDeleted(project_id=made),))
        log = stage.log

    async with staged(log=log) as stage:
        await stage.projects.recover()

        assert await belongs(stage, mine) is None
        assert await belongs(stage, others) == other
        before = log.position
        await stage.projects.recover()
        assert log.position == before


async def test_what_a_full_disk_kept_from_a_deletion_the_next_round_does() -> None:
    async with staged() as stage:
        made = await project(stage)
        mine = [await stage.open(project_id=made) for _ in range(3)]
        await stage.projects.recover()
        stage.log.refused = mine[1]
        with pytest.raises(LogFull):
            await stage.projects.delete(made)
        await stage.projects.recover()
        left = [await belongs(stage, session_id) for session_id in mine]
        stage.log.refused = None

        await stage.projects.recover()

        assert made in left
        assert [await belongs(stage, session_id) for session_id in mine] == [None] * 3


async def test_nobody_joins_a_project_that_is_being_deleted() -> None:
    async with staged() as stage:
        made = await project(stage)
        session_id = await stage.open()
        refused = 0

        async def refuse(join: object) -> None:
            nonlocal refused
            with pytest.raises(ProjectNotFound):
                await join  # type: ignore[misc]
            refused += 1

        async with create_task_group() as tasks:
            stage.log.held = True
            tasks.start_soon(stage.projects.delete, made)
            await wait_all_tasks_blocked()
            tasks.start_soon(refuse, stage.open(project_id=made))
            tasks.start_soon(refuse, stage.copies.move(session_id, MoveSession(project_id=made)))
            await wait_all_tasks_blocked()
            stage.log.release()

        assert refused == 2


async def test_a_project_that_could_not_be_deleted_is_open_again() -> None:
    async with staged() as stage:
        made = await project(stage)
        stage.log.full = True
        with pytest.raises(LogFull):
            await stage.projects.delete(made)
        stage.log.full = False

        session_id = await stage.open(project_id=made)

        assert await belongs(stage, session_id) == made


async def test_a_copy_of_a_session_whose_project_is_gone_has_none() -> None:
    async with staged() as stage:
        made = await project(stage)
        session_id = await stage.open(project_id=made)
        kept = await stage.copies.duplicate(session_id)
        await stage.system.decide(lambda _: (ProjectDeleted(project_id=made),))  # nobody was detached yet

        copy = await stage.copies.duplicate(session_id)

        assert kept.project_id == made
        assert not copy.project_id


# Worktrees


async def test_an_isolated_session_works_in_its_worktree_and_takes_it_along() -> None:
    async with staged() as stage:
        session_id = await stage.open(isolation="worktree")

        assert (await stage.reading.get(session_id)).working_dir == f"/worktrees/{session_id}"
        assert stage.worktrees.made[session_id].kept
        removed = await stage.sessions.delete(session_id)
        assert stage.worktrees.made == {}
        assert (removed.kept_worktree, removed.kept_branch) == (UNSET, UNSET)


async def test_a_worktree_with_changes_is_named_when_its_session_goes() -> None:
    async with staged() as stage:
        first, second = await stage.open(isolation="worktree"), await stage.open(isolation="worktree")
        stage.worktrees.dirty |= {first, second}

        kept = await stage.sessions.delete(first)
        lost = await stage.sessions.delete(second, discard_worktree=True)

        assert kept.kept_worktree == f"/worktrees/{first}"
        assert kept.kept_branch == f"towpath-{first}"
        assert lost.kept_worktree is UNSET


async def test_a_session_that_could_not_be_made_leaves_no_worktree() -> None:
    async with staged() as stage:
        stage.log.full = True
        with pytest.raises(LogFull):
            await stage.open(isolation="worktree")
        stage.log.full = False
        stage.worktrees.repositories = ()
        with pytest.raises(IsolationUnavailable):
            await stage.open(isolation="worktree")

        assert stage.worktrees.made == {}


async def test_the_start_removes_worktrees_without_a_session_and_spares_work() -> None:
    async with staged() as stage:
        never, clean, dirty = (SessionId(f"{name}session") for name in ("never", "clean", "dirty"))
        live = await stage.open(isolation="worktree")
        for session_id in (never, clean, dirty):
            await stage.worktrees.make(session_id, "/srv/project")
        await stage.worktrees.keep(clean)
        await stage.worktrees.keep(dirty)
        stage.worktrees.dirty |= {never, dirty}

        await stage.places.sweep()

        assert list(stage.worktrees.made) == [live]
        assert stage.worktrees.left == [f"/worktrees/{dirty}"]


async def test_the_next_start_keeps_a_worktree_that_the_last_one_could_not_note() -> None:
    async with staged() as stage:
        session_id = await stage.open(isolation="worktree")
        await stage.worktrees.make(session_id, "/srv/project")  # as if it had not been noted

        await stage.places.sweep()

        assert stage.worktrees.made[session_id].kept


async def test_a_deleted_session_can_be_in_no_project() -> None:
    async with staged() as stage:
        made = await project(stage)
        session_id = await stage.open(project_id=made)
        await stage.sessions.delete(session_id)

        with pytest.raises(SessionNotFound):
            await stage.copies.move(session_id, MoveSession(project_id=made))
        assert (await stage.projects.delete(made)).detached == 0
