"""What prompts and the queue do in a session."""

import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint

from contracts.codec import encode
from contracts.events import (
    CommandSent,
    SessionOutput,
    SessionStatus,
    SessionUpdated,
    TurnCompleted,
    TurnStarted,
)
from contracts.requests import UpdateSession
from domain.errors import (
    AgentUnavailable,
    InvalidWorkingDir,
    QueueFull,
    SessionBusy,
    SessionNotFound,
    TurnNotFound,
    TurnOver,
    UnknownMode,
)
from domain.ids import SessionId
from tests.domain.stage import ends, of, staged, started, status
from tests.factories import make_create
from tests.fakes import PID, wait, work


async def test_a_new_session_is_idle_and_starts_nothing() -> None:
    async with staged() as stage:
        session = await stage.sessions.open(make_create(title="Mine", working_dir="/srv/project"))

        events = await stage.events(SessionId(session.session_id))

    assert [event.seq for event in events] == [1, 2]
    assert (session.status, session.title, session.working_dir) == ("idle", "Mine", "/srv/project")
    assert session.cursor.endswith(".2")
    assert stage.launcher.agents == []


@pytest.mark.parametrize(
    ("mode", "working_dir", "error"),
    [
        ("none", "/srv/project", UnknownMode),
        ("claude", "/srv/project", AgentUnavailable),
        ("shell", "/x", InvalidWorkingDir),
    ],
)
async def test_a_session_that_can_not_be_made_leaves_nothing(
    mode: str, working_dir: str, error: type[Exception]
) -> None:
    async with staged() as stage:
        with pytest.raises(error):
            await stage.open(mode=mode, working_dir=working_dir)

    assert stage.log.position == 0


async def test_a_prompt_runs_from_its_log_entry_to_idle() -> None:
    async with staged() as stage:
        session_id = await stage.open(title="t")

        accepted = await stage.submit(session_id, "echo hello")
        events = await stage.rested(session_id)

    assert accepted.state == "started"
    assert [type(event) for event in events[2:]] == [
        CommandSent, TurnStarted, SessionStatus, SessionStatus, SessionOutput, TurnCompleted, SessionStatus
    ]  # fmt: skip
    assert [event.status for event in of(events, SessionStatus)] == ["idle", "starting", "running", "idle"]
    assert [event.seq for event in events] == list(range(1, 10))
    assert ends(events) == [(accepted.turn_id, "end")]


async def test_the_first_prompt_gives_a_title_and_the_second_leaves_it() -> None:
    async with staged() as stage:
        session_id = await stage.open()

        await stage.submit(session_id, "\n  make\ttest " + "x" * 200 + "\nsecond line")
        await stage.rested(session_id)
        await stage.submit(session_id, "other")
        events = await stage.rested(session_id, turns=2)

    titles = [event.title for event in of(events, SessionUpdated)]
    assert titles == [("make test " + "x" * 200)[:79] + "…"]


async def test_a_prompt_of_what_nobody_can_see_gives_no_title() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "\u200b")

        assert not of(await stage.rested(session_id), SessionUpdated)


async def test_nothing_runs_before_its_prompt_is_durable() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        stage.log.held = True

        async with create_task_group() as tasks:
            tasks.start_soon(stage.submit, session_id)
            for _ in range(10):
                await checkpoint()
            before = list(stage.launcher.commands)
            stage.log.release()
        await stage.rested(session_id)

    assert before == []
    assert stage.launcher.commands == ["ls"]


async def test_a_client_that_goes_away_does_not_stop_its_prompt() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        stage.log.held = True

        async with create_task_group() as tasks:
            tasks.start_soon(stage.submit, session_id)
            await checkpoint()
            tasks.cancel_scope.cancel()
            tasks.cancel_scope.shield = False
            stage.log.release()
        events = await stage.rested(session_id)

    assert [reason for _, reason in ends(events)] == ["end"]


async def test_prompts_wait_for_the_running_turn_and_run_in_order() -> None:
    async with staged(play=wait) as stage:
        session_id = await stage.open()
        states = [(await stage.submit(session_id, name)).state for name in ("a", "b", "c")]
        await stage.running(session_id)
        stage.launcher.agent.go.set()
        events = await stage.rested(session_id, turns=3)

    assert states == ["started", "queued", "queued"]
    assert stage.launcher.commands == ["a", "b", "c"]
    assert started(events) == [turn_id for turn_id, _ in ends(events)]


async def test_the_next_turn_begins_in_the_commit_that_ends_the_last() -> None:
    async with staged(play=wait) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "a")
        await stage.submit(session_id, "b")
        await stage.running(session_id)
        stage.launcher.agent.go.set()
        events = await stage.rested(session_id, turns=2)

    first = next(index for index, event in enumerate(events) if isinstance(event, TurnCompleted))
    assert [type(event) for event in events[first : first + 3]] == [TurnCompleted, TurnStarted, SessionStatus]


async def test_a_prompt_that_comes_while_a_turn_s_end_is_committed_runs_once() -> None:
    async with staged(play=wait) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "a")
        await stage.running(session_id)
        stage.log.held = True
        stage.launcher.agent.go.set()
        for _ in range(10):
            await checkpoint()

        async with create_task_group() as tasks:
            tasks.start_soon(stage.submit, session_id, "b")
            await checkpoint()
            stage.log.release()
        events = await stage.rested(session_id, turns=2)

    assert stage.launcher.commands == ["a", "b"]
    assert [reason for _, reason in ends(events)] == ["end", "end"]
    assert stage.sessions.active == 0


async def test_a_queue_is_bounded() -> None:
    async with staged(play=work, queue=2) as stage:
        session_id = await stage.open()
        for _ in range(3):
            await stage.submit(session_id)
        before = (await stage.log.head(session_id)).seq

        with pytest.raises(QueueFull):
            await stage.submit(session_id)
        await stage.running(session_id)

        assert len(of(await stage.events(session_id), CommandSent)) == 3
    assert before


async def test_a_prompt_may_ask_to_be_rejected_rather_than_wait() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open()
        first = await stage.submit(session_id, delivery="reject")

        with pytest.raises(SessionBusy) as caught:
            await stage.submit(session_id, delivery="reject")

    assert first.state == "started"
    assert caught.value.turn_id == first.turn_id


async def test_steering_stops_the_running_turn_and_goes_first() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open()
        first = await stage.submit(session_id, "first")
        queued = await stage.submit(session_id, "queued")
        await stage.running(session_id)

        steered = await stage.submit(session_id, "steered", delivery="steer")
        events = await stage.until(session_id, lambda events: len(started(events)) == 2)

    assert steered.state == "queued"
    assert ends(events) == [(first.turn_id, "cancelled")]
    assert started(events) == [first.turn_id, steered.turn_id]
    assert queued.turn_id not in started(events)


async def test_cancelling_ends_the_running_turn_and_the_queue_goes_on() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open()
        first = await stage.submit(session_id, "first")
        await stage.submit(session_id, "second")
        await stage.running(session_id)

        await stage.cancel(session_id, first.turn_id)
        await stage.cancel(session_id, first.turn_id)
        events = await stage.until(session_id, lambda events: len(started(events)) == 2 and status(events) == "running")

    assert ends(events) == [(first.turn_id, "cancelled")]
    assert stage.launcher.commands == ["first", "second"]


async def test_a_turn_that_is_cancelled_before_it_is_durable_never_runs() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        stage.log.held = True
        async with create_task_group() as tasks:
            tasks.start_soon(stage.submit, session_id)
            await checkpoint()
            await stage.cancel(session_id)
            stage.log.release()
        events = await stage.rested(session_id)

    assert [reason for _, reason in ends(events)] == ["cancelled"]
    assert stage.launcher.commands == []


async def test_a_queued_prompt_that_is_cancelled_never_runs() -> None:
    async with staged(play=wait) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "a")
        queued = await stage.submit(session_id, "b")
        await stage.submit(session_id, "c")
        await stage.running(session_id)

        await stage.cancel(session_id, queued.turn_id)
        stage.launcher.agent.go.set()
        events = await stage.rested(session_id, turns=3)

    assert (queued.turn_id, "cancelled") in ends(events)
    assert stage.launcher.commands == ["a", "c"]


async def test_cancelling_what_does_not_run_says_why() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        accepted = await stage.submit(session_id)
        await stage.rested(session_id)

        with pytest.raises(TurnOver):
            await stage.cancel(session_id, accepted.turn_id)
        with pytest.raises(TurnNotFound):
            await stage.cancel(session_id, "0" * 26)
        with pytest.raises(TurnNotFound):
            await stage.cancel(session_id)
        with pytest.raises(SessionNotFound):
            await stage.cancel(SessionId("nowhere-at-all"))


async def test_two_who_send_at_once_share_one_sequence() -> None:
    async with staged(queue=100) as stage:
        session_id = await stage.open()

        async def send(name: str) -> None:
            for number in range(20):
                await stage.submit(session_id, f"{name}{number}")

        async with create_task_group() as tasks:
            tasks.start_soon(send, "a")
            tasks.start_soon(send, "b")
        events = await stage.rested(session_id, turns=40)

    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert sorted(stage.launcher.commands) == sorted(f"{name}{number}" for name in "ab" for number in range(20))
    assert len(stage.launcher.agents) == 1


async def test_changes_are_recorded_once_and_no_change_is_none() -> None:
    async with staged() as stage:
        session_id = await stage.open()

        view = await stage.sessions.update(session_id, UpdateSession(title="New", archived=True, agent_mode="plan"))
        await stage.sessions.update(session_id, UpdateSession(title="New", archived=True, agent_mode="plan"))
        cleared = await stage.sessions.update(session_id, UpdateSession(agent_mode=None))
        events = await stage.events(session_id)

    assert (view.title, view.archived, view.agent_mode) == ("New", True, "plan")
    assert encode(cleared).count(b"agentMode") == 0
    assert len(of(events, SessionUpdated)) == 2


async def test_a_running_session_tells_its_process_and_an_idle_one_none() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.running(session_id)
        stage.clock.time += 5_000

        at_work = await stage.reading.status(session_id)
        active = stage.sessions.active
        await stage.cancel(session_id)
        await stage.rested(session_id)
        after = await stage.reading.status(session_id)

    assert (at_work.status, at_work.pid, at_work.uptime, active) == ("running", PID, 5_000, 1)
    assert (after.status, after.pid, after.uptime, stage.sessions.active) == ("idle", None, 0, 0)


async def test_a_clock_that_is_set_back_keeps_the_order_of_events() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        stage.clock.time -= 60_000
        await stage.submit(session_id)
        events = await stage.rested(session_id)

    times = [event.timestamp for event in events]
    assert times == sorted(times)
