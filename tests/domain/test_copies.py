"""Duplicates, forks and moves."""

from typing import Any

import pytest
from anyio import create_task_group
from msgspec import UNSET
from msgspec.structs import replace

from contracts.events import (
    AgentMessage,
    ApprovalExpired,
    ApprovalRequest,
    CommandSent,
    DeleteOperation,
    LargeBody,
    OperationsDetected,
    Origin,
    RunStarted,
    SessionError,
    SessionStatus,
    SessionUpdated,
    TerminalClosed,
    TerminalCreated,
    ToolCall,
    TurnCompleted,
)
from contracts.requests import CreateProject, ForkSession, MoveSession, UpdateSession
from domain import copies
from domain.errors import (
    BlobNotFound,
    InvalidWorkingDir,
    IsolationUnavailable,
    LogFull,
    NotForkable,
    ProjectNotFound,
    SessionBusy,
    SessionNotFound,
)
from domain.ids import SessionId, make_id
from domain.ports import Blob, ListingFilter, StoredSnapshot, Turn, TurnEnd
from domain.reading import fold
from tests.domain.stage import Stage, ends, folded, of, staged, status
from tests.fakes import FakeAgent, answer, wait, work


async def fork(stage: Stage, session_id: SessionId, **members: Any) -> SessionId:
    return SessionId((await stage.copies.fork(session_id, ForkSession(**members))).session.session_id)


async def listed(stage: Stage) -> set[str]:
    return {row.listing.session_id for row in await stage.log.page(ListingFilter(), before=None, limit=100)}


async def found(stage: Stage, word: str) -> set[str]:
    page = await stage.log.page(ListingFilter(words=(word,)), before=None, limit=100)
    return {row.listing.session_id for row in page}


async def busy(agent: FakeAgent, turn: Turn) -> TurnEnd:
    """Open whatever can be open, and work until stopped."""
    turn_id = turn.turn_id
    await agent.emit(
        SessionStatus(status="running", pid=7),
        RunStarted(turn_id=make_id(), command="make"),
        AgentMessage(turn_id=turn_id, message_id=make_id(), text="a"),
        ToolCall(turn_id=turn_id, tool_call_id="call-1", title="Read", status="running"),
        ToolCall(turn_id=turn_id, tool_call_id="call-2", title="Write", status="pending"),
        ApprovalRequest(
            approval_id=make_id(),
            turn_id=turn_id,
            command="rm x",
            explanation="",
            options=[],
            editable=False,
            expires_at=1,
        ),
        TerminalCreated(
            terminal_id=make_id(), working_dir="/srv/project", mode="shell", cols=80, rows=24, owner="agent"
        ),
    )
    await agent.stop.wait()
    return TurnEnd(stop_reason="cancelled")


# Duplicates


async def test_who_is_told_of_a_new_session_at_once_meets_its_only_owner() -> None:
    """A stream tells of a session as soon as it is in the log; its worktree is written down a moment later."""
    async with staged() as stage:

        async def prompt(session_id: SessionId) -> None:
            await stage.submit(session_id, "early")

        original = await stage.open()
        stage.worktrees.before_keep = prompt
        made = await stage.open(isolation="worktree"), await fork(stage, original, isolation="worktree")
        for session_id in made:
            await stage.submit(session_id, "late")
            events = await stage.rested(session_id, turns=2)

            assert [end for _, end in ends(events)] == ["end", "end"]


async def test_a_duplicate_has_the_settings_and_none_of_the_history() -> None:
    async with staged() as stage:
        original = await stage.open(working_dir="/srv/project/src", title="Original")
        await stage.sessions.update(original, UpdateSession(agent_mode="plan", archived=True))
        await stage.submit(original)
        await stage.rested(original)

        made = await stage.copies.duplicate(original)

        assert (made.mode, made.title, made.working_dir, made.agent_mode, made.archived, made.status) == (
            "shell",
            "Original",
            "/srv/project/src",
            "plan",
            False,
            "idle",
        )
        head = await stage.log.head(original)
        assert made.origin == Origin(session_id=original, seq=head.seq, kind="duplicate")
        assert not of(await stage.events(SessionId(made.session_id)), CommandSent)
        await stage.submit(SessionId(made.session_id), "pwd")
        await stage.rested(SessionId(made.session_id))


# Forks


async def test_a_fork_keeps_number_and_time_of_every_event() -> None:
    async with staged() as stage:
        original = await stage.open(title="Original")
        for command in ("a", "b"):
            await stage.submit(original, command)
            stage.clock.time += 1000
            await stage.rested(original)
        before = await stage.events(original)
        stage.clock.time += 1000

        forked = await stage.copies.fork(original, ForkSession())
        copy_id = SessionId(forked.session.session_id)

        assert forked.agent_memory == "none"
        assert forked.session.origin == Origin(session_id=original, seq=len(before), kind="fork")
        events = await stage.events(copy_id)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert {event.session_id for event in events} == {copy_id}
        assert [replace(event, session_id=original) for event in events[1 : len(before)]] == before[1:]
        assert events[0] == replace(
            before[0], session_id=copy_id, timestamp=stage.clock.time, origin=forked.session.origin
        )
        assert [type(event) for event in events[len(before) :]] == [SessionStatus]
        assert forked.session.last_activity == stage.clock.time
        assert await stage.events(original) == before
        assert folded(events) == await fold(stage.log, copy_id)
        await stage.submit(copy_id, "c")
        await stage.rested(copy_id, turns=3)
        assert stage.launcher.commands == ["a", "b", "c"]


async def test_a_fork_of_any_beginning_is_at_rest_and_its_parent_undisturbed() -> None:
    async with staged(play=busy) as stage:
        original = await stage.open()
        await stage.submit(original, "first")
        await stage.submit(original, "second")
        await stage.until(original, lambda events: bool(of(events, TerminalCreated)))
        await stage.submit(original, "third")
        events = before = await stage.events(original)

        for seq in range(1, len(before) + 1):
            copy_id = await fork(stage, original, at_seq=seq)
            events = await stage.events(copy_id)
            state = folded(events)
            assert [replace(event, session_id=original) for event in events[1:seq]] == before[1:seq]
            assert (state.turn, state.queue, state.open_tool_calls, state.pending_approvals) == (None, (), (), ())
            assert (state.status, state.runs, state.at_rest) == ("idle", (), True)
            assert state == await fold(stage.log, copy_id)
            opened = {event.terminal_id for event in of(events, TerminalCreated)}
            assert opened == {event.terminal_id for event in of(events, TerminalClosed)}
        assert len(of(events, ApprovalExpired)) == 1
        assert [reason for _, reason in ends(events)] == ["cancelled", "cancelled", "interrupted"]
        assert await stage.events(original) == before
        assert status(before) == "running"


async def test_a_fork_can_be_forked_and_outlives_its_parent() -> None:
    async with staged() as stage:
        original = await stage.open()
        await stage.submit(original, "a")
        await stage.rested(original)
        first = await fork(stage, original)
        await stage.sessions.delete(original)

        second = await fork(stage, first)

        assert [event.command for event in of(await stage.events(second), CommandSent)] == ["a"]
        with pytest.raises(SessionNotFound):
            await fork(stage, original)


async def test_large_bodies_are_copied() -> None:
    async with staged() as stage:
        original = await stage.open()
        command = "long " * 10_000
        await stage.submit(original, command)
        await stage.rested(original)

        copy_id = await fork(stage, original)
        await stage.sessions.delete(original)

        (sent,) = of(await stage.events(copy_id), CommandSent)
        assert isinstance(sent.command, LargeBody)
        assert await found(stage, "long") == {copy_id}
        assert (await stage.log.blob(copy_id, sent.command.blob_id)).decode() == command


async def test_a_plan_is_copied_with_the_bodies_that_it_names_and_known_as_inherited() -> None:
    async with staged() as stage:
        original = await stage.open()
        plan, body, alien = (make_id() for _ in range(3))
        owner = await stage.owners.get(original)
        detected = OperationsDetected(plan_id=plan, operations=[DeleteOperation(path="a")])
        bodies = [Blob(plan, b'{"diff":{"blobId":"%s"}}' % body.encode()), Blob(body, b"diff"), Blob(alien, b"x")]
        said = SessionError(error='"blobId":"neverwasabody"', code="x", recoverable=True)
        await owner.record(detected, said, blobs=bodies)

        copy_id = await fork(stage, original)

        assert await stage.log.blob(copy_id, body) == b"diff"
        with pytest.raises(BlobNotFound):
            await stage.log.blob(copy_id, alien)
        state = folded(await stage.events(copy_id))
        assert [known.plan_id for known in state.plans] == [plan]
        assert state.plans[0].seq <= state.inherited == 4
        assert folded(await stage.events(original)).inherited == 0


async def test_only_what_the_log_holds_can_be_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        original = await stage.open()
        await stage.submit(original, "x" * 20_000)
        await stage.rested(original)
        head = await stage.log.head(original)

        with pytest.raises(NotForkable, match=f"ends at {head.seq}"):
            await fork(stage, original, at_seq=head.seq + 1)
        monkeypatch.setattr(copies, "FORK_BYTES", 10_000)
        with pytest.raises(NotForkable, match="over 10000 bytes"):
            await fork(stage, original)
        monkeypatch.undo()
        snapshot = StoredSnapshot(head.seq, b"{}")
        await stage.log.trim(original, max_bytes=1, oldest=0, snapshot=snapshot)
        with pytest.raises(NotForkable, match="no longer kept"):
            await fork(stage, original)
        with pytest.raises(SessionNotFound):
            await fork(stage, SessionId("neverwasasession"))

        assert await listed(stage) == {original}


async def test_a_fork_that_the_log_does_not_take_leaves_nothing() -> None:
    async with staged() as stage:
        original = await stage.open()
        stage.log.full = True

        with pytest.raises(LogFull):
            await fork(stage, original, isolation="worktree")
        with pytest.raises(LogFull):
            await stage.copies.duplicate(original)

        assert await listed(stage) == {original}
        assert stage.worktrees.made == {}


async def test_a_copy_of_a_session_in_a_worktree_gets_one_too_or_goes_where_that_came_from() -> None:
    async with staged() as stage:
        original = await stage.open(working_dir="/srv/project/src", isolation="worktree")
        stage.workspace.paths += (f"/worktrees/{original}",)
        stage.worktrees.repositories += (f"/worktrees/{original}",)

        isolated = await fork(stage, original)
        plain = await fork(stage, original, isolation="none")
        duplicate = await stage.copies.duplicate(original)

        assert folded(await stage.events(isolated)).cwd == f"/worktrees/{isolated}"
        assert folded(await stage.events(plain)).cwd == "/srv/project/src"
        assert duplicate.working_dir == f"/worktrees/{duplicate.session_id}"
        assert all(worktree.kept for worktree in stage.worktrees.made.values())


async def test_a_fork_may_be_isolated_though_its_parent_is_not() -> None:
    async with staged() as stage:
        original = await stage.open(working_dir="/srv/other")

        copy_id = await fork(stage, original, isolation="worktree")

        assert folded(await stage.events(copy_id)).working_dir == f"/worktrees/{copy_id}"
        stage.worktrees.repositories = ()
        with pytest.raises(IsolationUnavailable):
            await fork(stage, original, isolation="worktree")
        assert await listed(stage) == {original, copy_id}


# Moves


async def test_a_move_ends_what_ran_in_the_old_directory_and_begins_in_the_new() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "a")
        await stage.rested(session_id)

        moved = await stage.copies.move(session_id, MoveSession(working_dir="/srv/other"))

        assert (moved.session.working_dir, moved.agent_memory) == ("/srv/other", "lost")
        assert stage.launcher.agents[0].ended.is_set()
        await stage.submit(session_id, "b")
        await stage.rested(session_id, turns=2)
        assert stage.launcher.agents[1].turns[0].cwd == "/srv/other"
        assert folded(await stage.events(session_id)).cwd == "/srv/other"


async def test_a_session_does_not_move_while_a_turn_runs() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open()
        sent = await stage.submit(session_id)
        await stage.running(session_id)
        before = await stage.events(session_id)

        with pytest.raises(SessionBusy, match="A turn runs") as caught:
            await stage.copies.move(session_id, MoveSession(working_dir="/srv/other"))

        assert caught.value.turn_id == sent.turn_id
        assert await stage.events(session_id) == before


async def test_who_waits_moves_once_nothing_runs() -> None:
    async with staged(play=wait) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.running(session_id)

        async with create_task_group() as tasks:
            tasks.start_soon(stage.copies.move, session_id, MoveSession(working_dir="/srv/other", wait=True))
            await stage.submit(session_id, "second")
            stage.launcher.agent.play = answer
            stage.launcher.agent.go.set()

        events = await stage.events(session_id)
        kinds = [type(event) for event in events if isinstance(event, (TurnCompleted, SessionUpdated))]
        assert kinds[-3:] == [TurnCompleted, TurnCompleted, SessionUpdated]
        assert events[-1].working_dir == "/srv/other"


async def test_waiting_has_an_end() -> None:
    async with staged(play=work) as stage:
        stage.copies._wait_seconds = 0.01
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.running(session_id)

        with pytest.raises(SessionBusy):
            await stage.copies.move(session_id, MoveSession(working_dir="/srv/other", wait=True))


async def test_a_move_that_cannot_be_changes_nothing() -> None:
    async with staged() as stage:
        project = await stage.projects.create(CreateProject(name="P", root_dir="/srv/project"))
        session_id = await stage.open()
        before = await stage.events(session_id)

        with pytest.raises(InvalidWorkingDir):
            await stage.copies.move(session_id, MoveSession(working_dir="/srv/nowhere"))
        with pytest.raises(InvalidWorkingDir):  # not in the project's directory
            await stage.copies.move(session_id, MoveSession(project_id=project.project_id, working_dir="/srv/other"))
        with pytest.raises(ProjectNotFound):
            await stage.copies.move(session_id, MoveSession(project_id="neverwasaproject"))
        stage.log.full = True
        with pytest.raises(LogFull):
            await stage.copies.move(session_id, MoveSession(working_dir="/srv/other"))
        stage.log.full = False

        assert await stage.events(session_id) == before
        assert (await stage.copies.move(session_id, MoveSession(working_dir="/srv/project"))).agent_memory == "kept"
        assert await stage.events(session_id) == before


async def test_a_project_takes_a_session_to_its_root_unless_it_is_there() -> None:
    async with staged() as stage:
        project = await stage.projects.create(CreateProject(name="P", root_dir="/srv/project"))
        inside, outside = await stage.open(working_dir="/srv/project/src"), await stage.open(working_dir="/srv/other")

        stays = await stage.copies.move(inside, MoveSession(project_id=project.project_id))
        goes = await stage.copies.move(outside, MoveSession(project_id=project.project_id))
        leaves = await stage.copies.move(outside, MoveSession(project_id=None))

        assert (stays.session.project_id, stays.session.working_dir) == (project.project_id, "/srv/project/src")
        assert (goes.session.project_id, goes.session.working_dir) == (project.project_id, "/srv/project")
        assert (leaves.session.project_id, leaves.session.working_dir) == (UNSET, "/srv/project")
        with pytest.raises(InvalidWorkingDir):
            await stage.copies.move(inside, MoveSession(working_dir="/srv/other"))
        assert (
            await stage.copies.move(inside, MoveSession(project_id=None, working_dir="/srv/other"))
        ).session.working_dir == "/srv/other"


async def test_a_session_that_moves_away_keeps_its_worktree_and_one_in_it_stays_for_its_project() -> None:
    async with staged() as stage:
        project = await stage.projects.create(CreateProject(name="P", root_dir="/srv/project"))
        session_id = await stage.open(working_dir="/srv/project/src", isolation="worktree")

        joined = await stage.copies.move(session_id, MoveSession(project_id=project.project_id))
        await stage.copies.move(session_id, MoveSession(project_id=None, working_dir="/srv/other"))

        assert joined.session.working_dir == f"/worktrees/{session_id}"
        assert list(stage.worktrees.made) == [session_id]
