"""Background jobs, cancelling, closing, and a log that does not take the output."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after, sleep
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from contracts.events import Event, SessionOutput
from domain.errors import LogFull
from domain.ports import TurnEnd
from infrastructure.agents import prompt as prompt_module
from tests.agents.sessions import ShellSession, shell_session
from tests.processes.living import children, fresh_mark, marked, read, until

DEAF = "trap '' INT TERM; echo ready; while :; do sleep {mark}; done"


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[ShellSession]:
    """Yield a session, and see that it leaves neither a process nor a descriptor behind."""
    async with shell_session(tmp_path) as session:
        await session.prompt("true")  # threads and the event loop's own descriptors are there now
        with fail_after(20):
            await until(lambda: not session.agent.alive)
        session.events.clear()
        before, below = descriptors(), below_us()
        yield session
    # What a test before left to the collector may go meanwhile.
    assert ({*descriptors()} - {*before}, below_us()) == (set(), below)


def descriptors() -> list[Path]:
    return sorted(Path("/proc/self/fd").iterdir())


def below_us() -> list[int]:
    return children(os.getpid())


async def begin(tasks: TaskGroup, session: ShellSession, command: str, heard: str) -> list[TurnEnd]:
    """Start a prompt, and return when it has written *heard*; its end will be in the list."""
    ends: list[TurnEnd] = []

    async def run() -> None:
        ends.append(await session.prompt(command))

    tasks.start_soon(run)
    await session.heard(heard)
    return ends


async def test_what_a_background_job_writes_later_belongs_to_no_turn(session: ShellSession) -> None:
    end = await session.prompt("(until [ -e go ]; do sleep 0.01; done; echo later; echo wrong >&2) & echo now")
    assert end.stop_reason == "end"
    assert (session.out, session.late) == ("now\n", "")
    assert session.agent.alive

    await session.prompt("echo other; touch go")
    await session.heard("later")
    await session.heard("wrong")

    assert sorted(session.late.splitlines()) == ["later", "wrong"]
    with fail_after(20):
        await until(lambda: not session.agent.alive)


async def test_all_that_a_prompt_wrote_itself_comes_before_its_exit(session: ShellSession) -> None:
    for _ in range(5):
        session.events.clear()
        await session.prompt("sleep 100 & head -c 60000 /dev/zero; echo end >&2")

        assert (len(session.out), session.err, session.late) == (60_000, "end\n", "")
        assert session.outputs[-1].stream == "exit"


async def test_a_character_cut_by_the_end_of_a_turn_is_whole_in_the_background(session: ShellSession) -> None:
    await session.prompt(r"(until [ -e go ]; do sleep 0.01; done; printf '\251.') & printf '\303'")
    assert session.out == ""

    await session.prompt("touch go")
    await session.heard(".")

    assert session.late == "é."


async def test_close_ends_background_jobs_wherever_they_went(session: ShellSession) -> None:
    mark = fresh_mark()
    await session.prompt(f"sleep {mark} & setsid sleep {mark} & (env -i setsid nohup sleep {mark} >/dev/null 2>&1 &)")
    with fail_after(20):
        await until(lambda: len(marked(mark)) == 3)

    with fail_after(20):
        await session.agent.close()

    assert marked(mark) == []
    assert not session.agent.alive


@pytest.mark.parametrize("command", ["sleep {mark}", "sleep {mark}; echo no", "sh -c 'sleep {mark}; :' | cat"])
async def test_cancel_interrupts_what_runs(command: str, session: ShellSession) -> None:
    mark = fresh_mark()
    async with create_task_group() as tasks:
        ends = await begin(tasks, session, f"echo ready; {command.format(mark=mark)}", "ready")
        with fail_after(20):
            # a SIGINT that meets a child of bash between fork and exec is lost, and SIGTERM follows 2 s later
            await until(lambda: any(read(f"/proc/{process}/comm") == b"sleep\n" for process in marked(mark)))
            await session.agent.cancel()

    (end,) = ends
    assert (end.stop_reason, end.cwd) == ("cancelled", session.working_dir)
    assert session.code == 130
    assert session.out == "ready\n"
    assert marked(mark) == []


@pytest.mark.parametrize("command", ["while :; do :; done", "while :; do echo x; done"])
async def test_cancel_interrupts_the_shell_itself(command: str, session: ShellSession) -> None:
    async with create_task_group() as tasks:
        ends = await begin(tasks, session, f"echo ready; {command}", "ready")
        await session.agent.cancel()

    assert ends[0].stop_reason == "cancelled"
    assert session.code == 130


async def test_cancel_kills_what_ignores_everything_else(
    session: ShellSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_module, "INTERRUPT_SECONDS", 0.2)
    monkeypatch.setattr(prompt_module, "TERMINATE_SECONDS", 0.2)
    mark = fresh_mark()
    async with create_task_group() as tasks:
        ends = await begin(tasks, session, DEAF.format(mark=mark), "ready")
        with fail_after(20):
            await session.agent.cancel()

    assert ends[0].stop_reason == "cancelled"
    assert session.code == 137
    assert marked(mark) == []


async def test_cancel_ends_the_prompts_own_background_and_no_other(session: ShellSession) -> None:
    mine, other = fresh_mark(), fresh_mark()
    await session.prompt(f"sleep {other} &")
    async with create_task_group() as tasks:
        await begin(tasks, session, f"sleep {mine} & setsid sleep {mine} & echo ready; wait", "ready")
        with fail_after(20):
            await session.agent.cancel()

    assert (len(marked(mine)), len(marked(other))) == (0, 1)


async def test_last_words_of_a_cancelled_prompt_belong_to_its_turn(session: ShellSession) -> None:
    async with create_task_group() as tasks:
        await begin(tasks, session, "trap 'echo bye; exit 5' INT; echo ready; sleep 100", "ready")
        await session.agent.cancel()

    assert (session.out, session.code, session.late) == ("ready\nbye\n", 5, "")


async def test_cancel_without_a_turn_does_nothing(session: ShellSession) -> None:
    await session.agent.cancel()
    await session.prompt("sleep 100 &")
    await session.agent.cancel()

    assert session.agent.alive


async def test_cancel_before_the_process_runs_cancels(session: ShellSession) -> None:
    async with create_task_group() as tasks:

        async def run() -> None:
            assert (await session.prompt("sleep 100")).stop_reason == "cancelled"

        tasks.start_soon(run)
        await checkpoint()
        with fail_after(20):
            await session.agent.cancel()


async def test_close_in_a_turn_ends_it_as_cancelled(session: ShellSession) -> None:
    async with create_task_group() as tasks:
        ends = await begin(tasks, session, "sleep 100 & echo ready; sleep 100", "ready")
        with fail_after(20):
            await session.agent.close()

    assert ends[0].stop_reason == "cancelled"
    assert not session.agent.alive


async def test_cancelling_the_task_that_runs_a_turn_ends_its_processes(session: ShellSession) -> None:
    mark = fresh_mark()
    async with create_task_group() as tasks:
        await begin(tasks, session, f"setsid sleep {mark} & {DEAF.format(mark=mark)}", "ready")
        tasks.cancel_scope.cancel()

    assert marked(mark) == []
    assert not session.agent.alive


async def test_fifty_megabytes_pass_a_slow_log_in_bounded_memory(session: ShellSession) -> None:
    written = 0
    waiting = 0

    async def count(*events: Event) -> None:
        nonlocal written, waiting
        size = sum(len(event.content) for event in events if isinstance(event, SessionOutput))
        waiting = max(waiting, size)
        written += size
        await sleep(0.0005)

    session.emit = count
    end = await session.prompt("head -c 50000000 /dev/zero | tr '\\0' x; echo; exit 4")

    assert end.stop_reason == "end"
    assert written == 50_000_001
    assert waiting <= 2 * 2 * 65536


async def test_a_log_that_stands_still_stops_the_process_and_nothing_is_lost(session: ShellSession) -> None:
    held = time.monotonic() + 0.5
    sizes: list[int] = []

    async def hold(*events: Event) -> None:
        sizes.append(sum(len(event.content) for event in events if isinstance(event, SessionOutput)))
        await sleep(max(0, held - time.monotonic()))
        await session.record(*events)

    session.emit = hold
    await session.prompt("i=0; while [ $i -lt 30000 ]; do echo line $i; i=$((i + 1)); done")

    assert session.out.splitlines() == [f"line {number}" for number in range(30_000)]


async def test_a_log_that_is_full_ends_the_turn_and_its_processes(session: ShellSession) -> None:
    mark = fresh_mark()

    async def full(*events: Event) -> None:
        if any(isinstance(event, SessionOutput) for event in events):
            raise LogFull("The disk is full.")

    session.emit = full
    with pytest.raises(LogFull):
        await session.prompt(f"sleep {mark} & echo hello; sleep {mark}")

    assert marked(mark) == []
    assert not session.agent.alive


async def test_a_log_that_is_full_at_the_start_or_at_the_end_raises_too(session: ShellSession) -> None:
    async def full(*_: Event) -> None:
        raise LogFull("The disk is full.")

    async def full_at_exit(*events: Event) -> None:
        if any(isinstance(event, SessionOutput) and event.stream == "exit" for event in events):
            raise LogFull("The disk is full.")

    for session.emit in (full, full_at_exit):
        with pytest.raises(LogFull):
            await session.prompt("sleep 100 &")
        assert not session.agent.alive


async def test_a_log_that_is_full_ends_background_jobs_and_the_session_goes_on(
    session: ShellSession, caplog: pytest.LogCaptureFixture
) -> None:
    mark = fresh_mark()
    await session.prompt(f"(until [ -e go ]; do sleep 0.01; done; echo later; sleep {mark}) &")

    async def full(*events: Event) -> None:
        if any(isinstance(event, SessionOutput) and event.content == "later\n" for event in events):
            raise LogFull("The disk is full.")
        await session.record(*events)

    session.emit = full
    await session.prompt("touch go")
    with fail_after(20):
        await until(lambda: not session.agent.alive)

    assert marked(mark) == []
    assert "The disk is full" in caplog.text
    await session.prompt("echo on")
    assert session.out == "on\n"


async def test_a_turn_does_not_wait_for_background_jobs_that_hold_or_fill_its_output(session: ShellSession) -> None:
    with fail_after(20):
        await session.prompt("sleep 100 & yes & exit 3")

    assert session.code == 3
    assert session.agent.alive
