"""How terminals end, and what is left then: of whoever dies and whatever it started."""

import fcntl
import os
import shutil
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from anyio import fail_after, move_on_after

from domain.errors import TerminalNotFound, TerminalOver, TerminalUnavailable
from infrastructure.terminals import host as host_module
from infrastructure.terminals import terminal as terminal_module
from infrastructure.terminals.census import FOLDER, end_holder, list_holders
from tests.processes.leftovers import LEFTOVERS, LEFTOVERS_COUNT
from tests.processes.living import fresh_mark, lives, marked, until
from tests.terminals import killed_server
from tests.terminals.stage import holder_of, make_plan, open_host, sh, shows, until_ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts processes in /proc")


@pytest.mark.parametrize("owner", ["user", "agent"])
async def test_end_leaves_nothing_of_what_the_program_started(tmp_path: Path, owner: str) -> None:
    mark = fresh_mark()
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(20):
            terminal = await host.open(make_plan(*sh(LEFTOVERS, mark), owner=owner))
            await shows(terminal, b"started")
            await until(lambda: len(marked(mark)) == LEFTOVERS_COUNT)
            holder = holder_of(terminal)

            await terminal.end()

            assert marked(mark) == []
            assert not lives(holder)
            assert terminal.state.ended_at is not None
            with pytest.raises(TerminalOver):
                await terminal.write("a", 1, b"x")


async def test_what_detached_itself_outlives_a_users_shell_and_no_agents(tmp_path: Path) -> None:
    users, agents = fresh_mark(), fresh_mark()
    script = 'setsid sleep "$1" >/dev/null 2>&1 </dev/null & sleep 0.1; exit 4'
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(10):
            for owner, mark in (("user", users), ("agent", agents)):
                terminal = await host.open(make_plan(*sh(script, mark), owner=owner))
                await until_ended(terminal)
                assert terminal.state.exit_code == 4

            assert marked(agents) == []
            [daemon] = marked(users)
            os.kill(daemon, signal.SIGKILL)


@pytest.mark.parametrize("owner", ["user", "agent"])
async def test_a_killed_server_leaves_users_terminals_and_nothing_of_agents(tmp_path: Path, owner: str) -> None:
    mark, folder = fresh_mark(), tmp_path / "terminals"
    with fail_after(20):
        server = await anyio.open_process(
            [sys.executable, "-m", killed_server.__name__, str(folder), "open", f"{owner}:{mark}"],
            stderr=None,
            cwd=Path(__file__).parents[2],
        )
        assert server.stdout
        terminal_id = (await server.stdout.receive()).decode().strip()
        await until(lambda: len(marked(mark)) == LEFTOVERS_COUNT + 1)  # and the one whose argument it is
        server.send_signal(signal.SIGKILL)
        await server.aclose()
        if owner == "agent":
            await until(lambda: marked(mark) == [])
        async with open_host(folder) as host:
            [terminal] = await host.find()

            assert terminal.state.plan.terminal_id == terminal_id
            assert (terminal.state.ended_at is None) == (owner == "user")
            assert len(marked(mark)) == (LEFTOVERS_COUNT if owner == "user" else 0)
            await terminal.end()
    assert marked(mark) == []


async def test_a_killed_holder_ends_its_terminal(tmp_path: Path) -> None:
    mark, folder = fresh_mark(), tmp_path / "terminals"
    with fail_after(20):
        async with open_host(folder) as host:
            terminal = await host.open(make_plan(*sh(LEFTOVERS, mark), owner="agent"))
            offset = await shows(terminal, b"started")
            await until(lambda: len(marked(mark)) == LEFTOVERS_COUNT)
            os.kill(holder_of(terminal), signal.SIGKILL)
            await until_ended(terminal)

            assert terminal.state.exit_code is None
            assert not lives(terminal.state.pid)
            assert (await terminal.read(after=0, limit=100)).offset == offset
            await until(lambda: len(marked(mark)) <= 2)
        for process in marked(mark):  # what emptied its environment and made a session of its own
            os.kill(process, signal.SIGKILL)
        async with open_host(folder) as host:
            [again] = await host.find()
            assert again.state == terminal.state


async def test_a_holder_that_hangs_can_be_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_module, "END_SECONDS", 0.5)
    mark, folder = fresh_mark(), tmp_path / FOLDER
    async with open_host(folder) as host:
        with fail_after(30):
            terminal = await host.open(make_plan(*sh(LEFTOVERS, mark)))
            await shows(terminal, b"started")
            await until(lambda: len(marked(mark)) == LEFTOVERS_COUNT)
            os.kill(holder_of(terminal), signal.SIGSTOP)
            [holding] = await anyio.to_thread.run_sync(list_holders, tmp_path)
            assert not holding.answers

            await terminal.end()

            assert marked(mark) == []
            assert not lives(holding.holder)


async def test_a_deleted_folder_ends_its_terminals(tmp_path: Path) -> None:
    mark, folder = fresh_mark(), tmp_path / "terminals"
    with fail_after(20):
        async with open_host(folder) as host:
            terminal = await host.open(make_plan(*sh('echo started; sleep "$1"', mark)))
            await shows(terminal, b"started")
            holder = holder_of(terminal)
        shutil.rmtree(folder)

        await until(lambda: not marked(mark) and not lives(holder))


async def test_commands_list_and_end_terminals_where_no_server_runs(tmp_path: Path) -> None:
    with fail_after(20):
        async with open_host(tmp_path / FOLDER) as host:
            first, second = await host.open(make_plan()), await host.open(make_plan(owner="user", working_dir=tmp_path))
            holder = holder_of(first)
        listed = list_holders(tmp_path)
        end_holder(tmp_path, first.state.plan.terminal_id)

        assert [holding.terminal_id for holding in listed] == [
            terminal.state.plan.terminal_id for terminal in (first, second)
        ]
        assert all(holding.answers for holding in listed)
        assert (listed[0].pid, listed[0].holder) == (first.state.pid, holder)
        assert not lives(first.state.pid)
        assert [holding.working_dir for holding in list_holders(tmp_path)] == [str(tmp_path)]
        end_holder(tmp_path, first.state.plan.terminal_id)
        end_holder(tmp_path, second.state.plan.terminal_id)
        with pytest.raises(TerminalNotFound):
            end_holder(tmp_path, "nothing_here")
    assert list_holders(tmp_path) == []
    assert list_holders(tmp_path / "nothing") == []


async def test_no_length_of_the_path_keeps_a_terminal_from_being_found(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200) / "terminals"
    folder.parent.mkdir()
    with fail_after(10):
        async with open_host(folder) as host:
            await host.open(make_plan())
        async with open_host(folder) as host:
            [terminal] = await host.find()
            assert await terminal.write("a", 1, b"exit\r") == 1
            await until_ended(terminal)


NONSENSE = {
    "silence": b"",
    "halves": b"state 1 2\n",
    "more than there is": b"state 9999999 0 0 80 24 1\n",
    "no end": b"x" * 100_000,
    "no words": b"\xff\n" * 9,
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE)
async def test_whoever_stands_in_for_a_holder_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(host_module, "KNOWN_SECONDS", 0.2)
    folder, talkers = tmp_path / "terminals", list[socket.socket]()
    with fail_after(20):
        async with open_host(folder) as host:
            terminal = await host.open(make_plan())
            await terminal.end()
        place = folder / terminal.state.plan.terminal_id
        with (place / "output").open("r+b") as output, socket.socket(socket.AF_UNIX) as listener:
            fcntl.flock(output, fcntl.LOCK_EX)
            output.seek(48)
            output.write(bytes(16))  # as if it had not ended
            output.flush()
            monkeypatch.chdir(place)
            listener.bind("socket")
            listener.listen()
            listener.setblocking(False)

            async def speak() -> None:
                while True:
                    await anyio.wait_readable(listener)
                    talkers.append(listener.accept()[0])
                    with suppress(OSError):
                        talkers[-1].setblocking(False)
                        talkers[-1].send(said)

            async with open_host(folder) as host, anyio.create_task_group() as tasks:
                tasks.start_soon(speak)
                [found] = await host.find()
                with move_on_after(0.2), suppress(TerminalUnavailable):
                    pytest.fail(f"typed {await found.write('a', 1, b'x')}")
                if found.state.offset > terminal.state.offset:
                    with pytest.raises(TerminalUnavailable):
                        await found.read(after=0, limit=9_999_999)
                assert found.state.ended_at is None
                tasks.cancel_scope.cancel()
    assert len(talkers) < 20  # who is broken off again and again waits longer each time
    for talker in talkers:
        talker.close()
