"""The life of an agent's program: how it starts, dies, is ended, and is taken up again."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group, wait_all_tasks_blocked
from anyio.abc import TaskGroup

from contracts.events import SessionError, SessionStatus
from domain.errors import AgentUnavailable
from tests.agents.acp_stage import AcpStage, acp_stage
from tests.processes.living import lives


async def begin(tasks: TaskGroup, stage: AcpStage, *steps: list[Any]) -> list[Any]:
    """Begin a turn that says `ready` after *steps*, then waits; return where its end will be."""
    ends: list[Any] = []

    async def prompt() -> None:
        ends.append(await stage.prompt(*steps, ["say", "ready"], ["hang"]))

    tasks.start_soon(prompt)
    await stage.until(lambda: "ready" in stage.said)
    return ends


def pid_of(stage: AcpStage) -> int:
    pid: int = stage.of(SessionStatus)[-1].pid
    return pid


# Starts that fail


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--version=2",), "speaks version 2 of the Agent Client Protocol, and Towpath version 1"),
        (("--silent=initialize",), "did not answer within 1 s"),
        (("--silent=session/new",), "did not answer within 1 s"),
        (("--refuse=session/new",), "refused to start a session: No session/new today"),
        (("--auth=refused",), r"wants a login \(A key\): log in once .* `env` in \[agents.scripted\]"),
    ],
)
async def test_an_agent_that_can_not_be_spoken_to_says_why_and_is_gone(
    tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    async with acp_stage(tmp_path, *arguments, start_seconds=1) as stage:
        with pytest.raises(AgentUnavailable, match=why):
            await stage.prompt(text="hello")

        assert not stage.agent.alive


@pytest.mark.parametrize("at", ["start", "initialize", "session/new"])
async def test_an_agent_that_dies_at_its_start_is_told_with_its_last_words(tmp_path: Path, at: str) -> None:
    async with acp_stage(tmp_path, f"--exit-at={at}") as stage:
        end = await stage.prompt(text="hello")

    (error,) = stage.of(SessionError)
    assert end.stop_reason == "error"
    assert error.code == "agent-exited"
    assert "fatal: no" in error.error


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, command=("no-such-program",)) as stage:
        with pytest.raises(AgentUnavailable, match="no-such-program: No such file"):
            await stage.prompt(text="hello")


async def test_a_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    async with acp_stage(root) as stage:
        root.rmdir()
        with pytest.raises(AgentUnavailable):
            await stage.prompt(text="hello")


async def test_a_key_that_is_there_logs_in(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    arguments = ("--auth=needed", f"--journal={journal}")
    async with acp_stage(tmp_path, *arguments, environment={"SCRIPTED_API_KEY": "k"}) as stage:
        end = await stage.prompt(text="hello")

    assert end.stop_reason == "end"
    assert "authenticate" in journal.read_text()


# Deaths


async def test_a_death_in_the_midst_of_a_turn_is_told_and_the_next_prompt_resumes(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    arguments = ("--resume", f"--store={tmp_path}", f"--journal={journal}")
    async with acp_stage(tmp_path, *arguments) as stage:
        died = await stage.prompt(["say", "one"], ["complain", "out of memory"], ["exit", 9])
        end = await stage.prompt(text="two")

    (error,) = stage.of(SessionError)
    assert (died.stop_reason, end.stop_reason) == ("error", "end")
    assert error.code == "agent-exited"
    assert "ended with exit code 9 in the midst of the turn" in error.error
    assert "out of memory" in error.error
    assert journal.read_text().count("session/resume") == 1
    assert journal.read_text().count("session/new") == 1


async def test_an_agent_without_resume_loads_its_history_and_tells_it_to_nobody(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, "--load", f"--store={tmp_path}") as stage:
        await stage.prompt(["say", "one"], ["kill"])
        await stage.prompt(["say", "two"])

    assert stage.said == "onetwo"
    assert stage.errors == ["agent-exited"]


@pytest.mark.parametrize("arguments", [(), ("--load",), ("--resume",)], ids=["neither", "load fails", "resume fails"])
async def test_an_agent_that_forgot_says_so(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    async with acp_stage(tmp_path, *arguments) as stage:
        await stage.prompt(text="one")
        first = stage.desk.agent_session_id
        os.kill(pid_of(stage), signal.SIGKILL)
        await stage.until(lambda: stage.statuses[-1] == "exited")
        end = await stage.prompt(text="two")

    assert end.stop_reason == "end"
    assert stage.errors == ["agent-exited", "agent-memory-lost"]
    assert stage.desk.agent_session_id != first


async def test_a_death_between_turns_is_told(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(text="one")
        os.kill(pid_of(stage), signal.SIGKILL)
        await stage.until(lambda: stage.statuses[-1] == "exited")

        assert not stage.agent.alive

    assert stage.of(SessionStatus)[-1].reason == "Scripted was ended by signal 9."
    assert stage.errors == ["agent-exited"]


async def test_an_agent_whose_child_holds_its_pipes_is_gone_all_the_same(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    async with acp_stage(tmp_path) as stage:
        end = await stage.prompt(["leave", str(pid_file)], ["exit", 3])

        assert not lives(int(pid_file.read_text()))

    assert end.stop_reason == "error"
    assert stage.errors == ["agent-exited"]


async def test_half_a_line_is_told(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(["raw", '{"jsonrpc":"2.0","method":"session/upd'], ["exit", 0])

    assert stage.errors == ["agent-protocol", "agent-exited"]


# Ends


async def test_a_turn_that_is_cancelled_leaves_the_agent_alive(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        async with create_task_group() as tasks:
            ends = await begin(tasks, stage)
            await stage.agent.cancel()
        before = pid_of(stage)
        await stage.prompt(text="next")

        assert pid_of(stage) == before

    assert [end.stop_reason for end in ends] == ["cancelled"]


@pytest.mark.parametrize("deaf", [["deaf"], ["leave", "{pid}"]], ids=["deaf", "with a child"])
async def test_an_agent_that_does_not_stop_is_ended_with_all_that_it_started(tmp_path: Path, deaf: list[str]) -> None:
    pid_file = tmp_path / "pid"
    steps = [[part.format(pid=pid_file) for part in deaf], ["deaf"]]
    async with acp_stage(tmp_path, cancel_seconds=0.3) as stage:
        async with create_task_group() as tasks:
            ends = await begin(tasks, stage, *steps)
            program = pid_of(stage)
            await stage.agent.cancel()

        assert not lives(program)
        assert not (pid_file.exists() and lives(int(pid_file.read_text())))
        end = await stage.prompt(text="next")

    assert [one.stop_reason for one in ends] == ["cancelled"]
    assert end.stop_reason == "end"
    assert "agent-exited" not in stage.errors


async def test_an_agent_that_stops_in_the_midst_of_a_line_is_ended_too(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, cancel_seconds=0.3) as stage:
        async with create_task_group() as tasks:
            tasks.start_soon(stage.prompt, ["say", "ready"], ["half"])
            await stage.until(lambda: "ready" in stage.said)
            await stage.agent.cancel()

        assert not stage.agent.alive


async def test_a_start_that_takes_long_can_be_cancelled(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, "--silent=initialize") as stage:
        ends: list[Any] = []

        async def prompt() -> None:
            ends.append(await stage.prompt(text="hello"))

        async with create_task_group() as tasks:
            tasks.start_soon(prompt)
            await wait_all_tasks_blocked()
            await stage.agent.cancel()

    assert [end.stop_reason for end in ends] == ["cancelled"]


async def test_a_turn_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, turn_seconds=0.5) as stage:
        end = await stage.prompt(["hang"])

    assert end.stop_reason == "limit"
    assert stage.errors == ["turn-timeout"]


async def test_the_time_of_a_turn_does_not_run_while_a_human_is_asked(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, turn_seconds=0.5) as stage:
        stage.desk.answer = None
        async with create_task_group() as tasks:
            tasks.start_soon(stage.prompt, ["ask", "rm x"])
            await stage.until(lambda: bool(stage.calls))
            with pytest.raises(TimeoutError):
                await stage.until_within(1.2, lambda: bool(stage.errors))
            await stage.agent.cancel()

    assert stage.errors == []


async def test_an_idle_agent_is_ended_and_started_again(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, "--resume", f"--store={tmp_path}", idle_seconds=0.2) as stage:
        await stage.prompt(text="one")
        await stage.until(lambda: stage.statuses[-1] == "exited")

        assert not stage.agent.alive
        end = await stage.prompt(text="two")

    assert end.stop_reason == "end"
    assert "was idle" in next(event.reason for event in stage.of(SessionStatus) if event.status == "exited")
    assert stage.errors == []


async def test_closing_ends_a_turn_and_all_that_runs(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    async with acp_stage(tmp_path, "--stubborn") as stage:
        async with create_task_group() as tasks:
            ends = await begin(tasks, stage, ["leave", str(pid_file)], ["deaf"])
            await stage.agent.close()

        assert not lives(int(pid_file.read_text()))

    assert [end.stop_reason for end in ends] == ["cancelled"]


async def test_a_log_that_takes_nothing_ends_the_agent(tmp_path: Path) -> None:
    from domain.errors import LogFull  # noqa: PLC0415

    async with acp_stage(tmp_path) as stage:

        async def full(*_: object) -> None:
            raise LogFull("The disk is full.")

        await stage.prompt(text="one")
        stage.desk.emit = full
        with pytest.raises(LogFull):
            await stage.prompt(["say", "two"], ["hang"])

        assert not stage.agent.alive


# Copies


async def test_a_copy_of_the_session_is_made_by_the_agent(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, "--fork", "--close") as stage:
        before = await stage.agent.fork(str(tmp_path))
        await stage.prompt(text="one")
        copy = await stage.agent.fork(str(tmp_path))
        mine = stage.desk.agent_session_id

    assert before is None
    assert copy not in (None, mine)
    assert stage.errors == []


async def test_an_agent_that_makes_no_copies_makes_none(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, "--refuse=session/fork") as stage:
        await stage.prompt(text="one")

        assert await stage.agent.fork(str(tmp_path)) is None


async def test_the_session_is_closed_where_the_agent_offers_that_before_it_is_ended(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    arguments = ("--close", "--resume", f"--store={tmp_path}", f"--journal={journal}")
    async with acp_stage(tmp_path, *arguments, idle_seconds=0.1) as stage:
        await stage.prompt(["say", "a"])
        await stage.until(lambda: "exited" in stage.statuses)
        assert journal.read_text().count("session/close") == 1

        await stage.prompt(["say", "b"])
    assert journal.read_text().count("session/close") == 2
    assert stage.errors == []


async def test_one_that_does_not_answer_that_is_ended_all_the_same(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, "--close", "--silent=session/close", "--stubborn") as stage:
        await stage.prompt(["say", "a"])
