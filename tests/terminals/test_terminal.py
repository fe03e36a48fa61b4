"""What a terminal promises (`Terminal`, `TerminalHost`), with real programs on real PTYs."""

import os
import signal
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after

from domain.errors import CursorExpired, InputGap, TerminalOver, TerminalUnavailable
from infrastructure.processes.process import Limits
from tests.terminals.stage import make_plan, open_host, sh, shows, until_ended, whole


async def test_a_shell_is_typed_to_and_answers(tmp_path: Path) -> None:
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(10):
            terminal = await host.open(make_plan(working_dir=tmp_path))

            assert await terminal.write("client", 1, b"tty >/dev/null && pwd; exit 3\r") == 1
            output = await whole(terminal)

    assert f"{tmp_path}\r\n".encode() in output
    assert terminal.state.exit_code == 3
    assert terminal.state.plan.working_dir == str(tmp_path)


async def test_a_program_has_a_terminal_of_its_own_and_nothing_else(tmp_path: Path) -> None:
    script = (
        'tty; ls -l /proc/self/fd | wc -l; stty size; umask; echo "$TERM $COLORTERM $TOWPATH_TERMINAL $X"; env | wc -l'
    )
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(10):
            first = await host.open(make_plan())
            plan = make_plan(*sh(script), cols=100, rows=30, environment={"X": "y"})
            terminal = await host.open(plan)
            tty, descriptors, size, umask, words, _ = (await whole(terminal)).decode().split("\r\n")[:6]
            await first.end()

    assert tty.startswith("/dev/pts/")
    assert descriptors == "5"  # a headline, three streams, and the directory that ls reads
    assert size == "30 100"
    assert int(umask, 8) == current_umask()
    assert words == f"xterm-256color truecolor {plan.terminal_id} y"


async def test_the_program_begins_in_the_directory_that_was_opened_whatever_its_name_becomes(tmp_path: Path) -> None:
    allowed, moved = tmp_path / "allowed", tmp_path / "moved"
    allowed.mkdir()

    async def open_and_swap(path: str) -> int:
        handle = os.open(path, os.O_RDONLY)
        allowed.rename(moved)
        allowed.symlink_to("/etc")
        return handle

    async with open_host(tmp_path / "terminals", open_directory=open_and_swap) as host:
        with fail_after(10):
            terminal = await host.open(make_plan("/bin/pwd", "-P", working_dir=allowed))

            assert await whole(terminal) == f"{moved}\r\n".encode()


async def test_a_program_has_limits(tmp_path: Path) -> None:
    async with open_host(tmp_path / "terminals", limits=Limits(open_files=77)) as host:
        with fail_after(10):
            terminal = await host.open(make_plan(*sh("ulimit -n; ulimit -c")))

            assert (await whole(terminal)).split() == [b"77", b"0"]


async def test_output_that_is_not_in_memory_is_read_by_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "RWF_NOWAIT", 1 << 30, raising=False)  # refused, as by a file system that can't tell
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(10):
            terminal = await host.open(make_plan(*sh("seq 1000")))

            assert len(await whole(terminal)) == terminal.state.offset > 1000


async def test_what_is_no_program_opens_no_terminal_and_leaves_nothing(tmp_path: Path) -> None:
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(10), pytest.raises(TerminalUnavailable, match="No such file"):
            await host.open(make_plan("/nothing/here"))

    assert list((tmp_path / "terminals").iterdir()) == []


async def test_output_is_read_from_any_offset_until_it_is_trimmed(tmp_path: Path) -> None:
    async with open_host(tmp_path / "terminals", kept=300_000) as host:
        with fail_after(20):
            terminal = await host.open(make_plan(*sh("seq 1 200000")))
            kept = await whole(terminal)

            everything = "".join([f"{n}\r\n" for n in range(1, 200_001)]).encode()
            state = terminal.state
            assert state.offset == len(everything)
            assert 300_000 <= len(kept) < 700_000
            assert kept == everything[state.earliest :]
            assert (await terminal.read(after=state.offset - 10, limit=4)).data == everything[-10:-6]
            assert (await terminal.read(after=state.offset, limit=4)).data == b""
            with pytest.raises(CursorExpired) as expired:
                await terminal.read(after=state.earliest - 1, limit=4)
            assert expired.value.earliest == state.earliest
            with pytest.raises(ValueError, match="not reached"):
                await terminal.read(after=state.offset + 1, limit=4)


async def test_input_is_typed_once_and_in_order(tmp_path: Path) -> None:
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(10):
            terminal = await host.open(make_plan(*sh("stty -echo; echo ready; cat")))
            await shows(terminal, b"ready")
            assert await terminal.write("a", 1, b"a1\n") == 1
            assert await terminal.write("a", 1, b"again\n") == 1
            with pytest.raises(InputGap) as gap:
                await terminal.write("a", 3, b"early\n")
            assert gap.value.expected == 2
            assert await terminal.write("b", 1, b"b1\n") == 1
            async with create_task_group() as typing:
                for seq in range(2, 20):
                    typing.start_soon(terminal.write, "a", seq, b"a%d\n" % seq)
            assert await terminal.write("a", 7, b"again\n") == 19
            await terminal.write("a", 20, b"\x04")
            output = await whole(terminal)

            with pytest.raises(TerminalOver):
                await terminal.write("a", 21, b"late")

    assert output.decode().split() == ["ready", "a1", "b1", *[f"a{n}" for n in range(2, 20)]]


async def test_a_query_is_answered_once(tmp_path: Path) -> None:
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(10):
            terminal = await host.open(make_plan(*sh("stty -echo; echo ready; cat")))
            offset = await shows(terminal, b"ready\r\n")

            for answer in (b"first\n", b"second\n"):
                await terminal.reply(offset, answer)
            await terminal.reply(offset + 10_000, b"to nothing that was asked\n")
            await terminal.write("a", 1, b"\x04")
            output = await whole(terminal)

    assert output.decode().split() == ["ready", "first"]
    assert terminal.state.replied == offset


async def test_a_new_size_reaches_the_program(tmp_path: Path) -> None:
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(10):
            terminal = await host.open(make_plan(*sh("trap 'stty size; exit' WINCH; echo ready; read never")))
            await shows(terminal, b"ready")
            await terminal.resize(132, 43)
            output = await whole(terminal)

    assert b"43 132" in output
    assert (terminal.state.cols, terminal.state.rows) == (132, 43)


async def test_removed_terminals_leave_nothing(tmp_path: Path) -> None:
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(10):
            terminal = await host.open(make_plan())
            await terminal.end()
            assert terminal.state.exit_code == 128 + signal.SIGHUP
            await terminal.remove()

            assert await host.find() == []
            with pytest.raises(TerminalUnavailable):
                await terminal.read(after=0, limit=1)
    assert list((tmp_path / "terminals").iterdir()) == []


async def test_terminals_are_found_again_with_their_shell(tmp_path: Path) -> None:
    folder = tmp_path / "terminals"
    with fail_after(20):
        async with open_host(folder) as host:
            running, ended = await host.open(make_plan()), await host.open(make_plan(*sh("echo done; exit 5")))
            await running.write("a", 1, b"echo on\r")
            await until_ended(ended)
        async with open_host(folder) as host:
            found = {terminal.state.plan.terminal_id: terminal for terminal in await host.find()}
            again = found[running.state.plan.terminal_id]
            assert await again.write("a", 1, b"echo twice\r") == 1
            await again.write("a", 2, b"exit\r")
            output = await whole(again)

            assert again.state.pid == running.state.pid
            assert again.state.epoch == running.state.epoch
            assert b"on\r\n" in output
            assert b"twice" not in output
            assert found[ended.state.plan.terminal_id].state == ended.state
            assert await whole(found[ended.state.plan.terminal_id]) == b"done\r\n"
            assert ended.state.exit_code == 5


def current_umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
