import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from anyio import CancelScope, EndOfStream, create_task_group, current_time, fail_after, move_on_after

from infrastructure.processes import process as supervised
from infrastructure.processes import supervisor
from infrastructure.processes.errors import ProcessesRemain, SupervisorLost
from tests.processes.commands import everything, line, shell, start
from tests.processes.leftovers import LEFTOVERS, LEFTOVERS_COUNT, RELAY, STORM
from tests.processes.living import children, fresh_mark, lives, marked, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts processes in /proc")


async def test_wait_returns_when_the_command_ended_and_end_ends_its_background() -> None:
    mark = fresh_mark()
    async with await shell('sleep "$1" & echo started; exit 4', mark) as process:
        assert await line(process.stdout) == b"started\n"
        with fail_after(10):
            assert await process.wait() == 4
            await until(lambda: len(marked(mark)) == 1)  # has no arguments while it becomes another program
            with move_on_after(0.05) as receiving:
                await process.stdout.receive()

            await process.end(interrupt_seconds=0)

            assert receiving.cancelled_caught
            assert marked(mark) == []
            with pytest.raises(EndOfStream):
                await process.stdout.receive()


async def test_gone_returns_when_the_last_of_the_background_has_ended() -> None:
    async with await shell("exec 4<&0; cat <&4 & echo started", stdin=True) as process:
        assert process.stdin
        with fail_after(10):
            assert await process.wait() == 0
            with move_on_after(0.05) as waiting:
                await process.gone()
            process.stdin.close()
            await process.gone()

        assert waiting.cancelled_caught
        assert await everything(process.stdout) == b"started\n"


async def test_several_tasks_may_wait_at_once() -> None:
    codes: list[int] = []
    async with await start("cat", stdin=True) as process, create_task_group() as tasks:
        assert process.stdin

        async def wait() -> None:
            codes.append(await process.wait())

        with fail_after(10):
            tasks.start_soon(process.gone)
            tasks.start_soon(wait)
            tasks.start_soon(process.gone)
            tasks.start_soon(wait)
            process.stdin.close()
            await process.gone()

    assert codes == [0, 0]


async def test_an_interrupt_is_the_commands_to_handle() -> None:
    script = "trap 'echo cleaned; exit 5' INT; echo started; while :; do sleep 0.01; done"
    async with await shell(script) as process:
        await line(process.stdout)
        process.interrupt()

        assert await everything(process.stdout) == b"cleaned\n"
        with fail_after(10):
            assert await process.wait() == 5


async def test_an_interrupt_leaves_what_left_the_commands_group() -> None:
    mark = fresh_mark()
    script = """setsid sh -c 'echo started; exec sleep "$0"' "$1" & exec sleep 300"""
    async with await shell(script, mark) as process:
        await line(process.stdout)
        process.interrupt()

        with fail_after(10):
            assert await process.wait() == 130
        assert len(marked(mark)) == 1


async def test_termination_reaches_the_background_in_sessions_of_its_own() -> None:
    script = """
    setsid sh -c 'trap "echo saved; exit" TERM; echo started; while :; do sleep 0.01; done' &
    sleep 300
    """
    async with await shell(script) as process:
        await line(process.stdout)
        with fail_after(10):
            await process.end(interrupt_seconds=0)

        assert await everything(process.stdout) == b"saved\n"
        assert await process.wait() == 143


async def test_termination_reaches_what_is_stopped() -> None:
    async with await shell("kill -STOP $$") as process:
        with fail_after(10):
            await process.end(interrupt_seconds=0, terminate_seconds=9)

            assert await process.wait() == 143


async def test_who_ignores_interrupt_and_termination_is_killed_in_time() -> None:
    mark = fresh_mark()
    async with await shell('trap \'\' INT TERM; echo started; sleep "$1"; sleep "$1"', mark) as process:
        await line(process.stdout)
        before = current_time()
        with fail_after(10):
            await process.end(interrupt_seconds=0.1, terminate_seconds=0.2)

        assert current_time() - before >= 0.3
        assert await process.wait() == 137
        assert marked(mark) == []


async def test_no_leftover_escapes_the_end() -> None:
    mark = fresh_mark()
    async with await shell(LEFTOVERS, mark) as process:
        await line(process.stdout)
        with fail_after(10):
            await until(lambda: len(marked(mark)) == LEFTOVERS_COUNT)
            await process.end(interrupt_seconds=0.05, terminate_seconds=0.05)

        assert marked(mark) == []
        assert not lives(process.supervisor_pid)


@pytest.mark.parametrize("how", ["", "setsid"])
async def test_no_storm_of_forks_outruns_the_end(how: str) -> None:
    mark = fresh_mark()
    async with await shell(STORM, mark, how) as process:
        await line(process.stdout)
        with fail_after(10):
            process.kill()
            await process.gone()

        assert marked(mark) == []


@pytest.mark.parametrize("how", ["fork", "setsid"])
async def test_no_relay_of_short_lives_outruns_the_end(how: str) -> None:
    mark = fresh_mark()
    async with await start(sys.executable, "-I", "-S", "-c", RELAY, mark, how) as process:
        await line(process.stdout)
        with fail_after(10):
            assert await process.wait() == 0
            process.kill()
            await process.gone()

        assert marked(mark) == []


async def test_leaving_the_context_kills_even_when_cancelled() -> None:
    mark = fresh_mark()

    with CancelScope() as scope:
        async with await shell(LEFTOVERS, mark) as process:
            await line(process.stdout)
            scope.cancel()
            await process.wait()

    assert scope.cancelled_caught
    assert marked(mark) == []


async def test_orphans_leave_no_zombies() -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do (true & true &); done; echo started; exec sleep 300"
    async with await shell(script) as process:
        await line(process.stdout)

        with fail_after(10):
            await until(lambda: children(process.supervisor_pid) == [process.pid])


async def test_nothing_outlives_a_killed_server_by_a_second() -> None:
    mark = fresh_mark()
    server = subprocess.Popen(  # noqa: ASYNC220  # nothing else runs in this loop
        [sys.executable, "-m", "tests.processes.stand_in", mark],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        try:
            assert server.stdout
            told = list(iter(server.stdout.readline, "ready\n"))
            processes = [int(word) for row in told for word in row.split()]
            with fail_after(10):
                await until(lambda: len(marked(mark)) == 5 * LEFTOVERS_COUNT + 1)
        finally:
            server.kill()

        with fail_after(1):
            await until(lambda: not marked(mark) and not any(map(lives, processes)))
        assert len(processes) == 10


async def test_the_death_of_a_shim_is_an_error_and_takes_the_commands_session_along() -> None:
    mark = fresh_mark()
    async with await shell('sleep "$1" & echo started; sleep "$1"', mark) as process:
        await line(process.stdout)
        os.kill(process.supervisor_pid, signal.SIGKILL)

        with fail_after(10):
            with pytest.raises(SupervisorLost):
                await process.wait()
            with pytest.raises(SupervisorLost):
                await process.gone()
            await process.end()
            await until(lambda: marked(mark) == [])


async def test_a_command_whose_first_act_is_to_end_its_shim_leaves_nothing() -> None:
    mark = fresh_mark()

    for _ in range(10):
        with suppress(SupervisorLost):  # it may be over before anybody knew that it began
            await (await shell('sleep "$1" & kill -9 $PPID; sleep "$1"', mark)).aclose()

    with fail_after(10):
        await until(lambda: marked(mark) == [])


async def test_a_command_dies_with_its_shim_even_if_no_server_looks() -> None:
    async with await start("sleep", "300") as process:
        os.kill(process.supervisor_pid, signal.SIGKILL)

        with fail_after(10):
            await until(lambda: not lives(process.pid))


async def test_an_end_that_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "KILL_SECONDS", 0.05)
    async with await start("sleep", "300") as process:
        os.kill(process.supervisor_pid, signal.SIGSTOP)  # as if what it kills did not die
        try:
            with pytest.raises(ProcessesRemain):
                await process.end(interrupt_seconds=0, terminate_seconds=0)
        finally:
            os.kill(process.supervisor_pid, signal.SIGCONT)


@pytest.mark.parametrize("orders", ["end", "close", "lose"])
async def test_where_there_is_no_subreaper_the_process_group_is_ended(
    orders: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = fresh_mark()
    elsewhere = tmp_path / "elsewhere.py"
    elsewhere.write_text(
        f"import runpy, sys\nsys.platform = 'darwin'\nrunpy.run_path({supervisor.shim_file()!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(supervisor, "shim_file", lambda: str(elsewhere))

    async with await shell('sleep "$1" & echo started; exit 3', mark) as process:
        await line(process.stdout)
        with fail_after(10):
            assert await process.wait() == 3
            assert len(marked(mark)) == 1
            if orders == "end":
                await process.end(interrupt_seconds=0.05, terminate_seconds=2)
                assert marked(mark) == []
            if orders == "lose":
                os.kill(process.supervisor_pid, signal.SIGKILL)
                with pytest.raises(SupervisorLost):
                    await process.gone()

    with fail_after(10):
        await until(lambda: marked(mark) == [])
