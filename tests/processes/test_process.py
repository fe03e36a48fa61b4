import errno
import os
import py_compile
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from anyio import (
    BrokenResourceError,
    BusyResourceError,
    ClosedResourceError,
    EndOfStream,
    WouldBlock,
    create_task_group,
    fail_after,
    move_on_after,
)
from anyio.lowlevel import checkpoint

from infrastructure.processes import shim, supervisor
from infrastructure.processes.errors import CommandNotStarted, SupervisorLost
from infrastructure.processes.process import Limits
from tests.processes.commands import everything, line, shell, start
from tests.processes.living import children, fresh_mark, marked, read, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("kill -INT $$", 130)],
)
async def test_wait_returns_the_exit_code_or_128_and_the_signal(script: str, code: int) -> None:
    async with await shell(script) as process:
        with fail_after(10):
            assert await process.wait() == code


async def test_output_and_errors_come_apart() -> None:
    async with await shell("echo out; echo err >&2") as process:
        assert await everything(process.stdout) == b"out\n"
        assert await everything(process.stderr) == b"err\n"


@pytest.mark.parametrize(
    ("command", "directory", "stage", "number"),
    [
        (("no-such-program",), "/", "program", errno.ENOENT),
        (("/etc/passwd",), "/", "program", errno.EACCES),
        (("true",), "/etc/passwd", "directory", errno.ENOTDIR),
        (("echo", "a\0b"), "/", "program", errno.EINVAL),
        (("echo", "a" * 200_000), "/", "program", errno.E2BIG),
    ],
)
async def test_a_command_that_cannot_start_says_at_which_stage_and_why(
    command: tuple[str, ...], directory: str, stage: str, number: int
) -> None:
    with pytest.raises(CommandNotStarted) as caught:
        await start(*command, directory=Path(directory))

    assert (caught.value.stage, caught.value.errno) == (stage, number)
    assert str(caught.value).startswith(command[0])
    assert os.strerror(number) in str(caught.value)


async def test_no_more_descriptors_is_a_supervisor_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def pipe() -> tuple[int, int]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "pipe", pipe)

    with pytest.raises(CommandNotStarted) as caught:
        await start("true")

    assert (caught.value.stage, caught.value.errno) == ("supervisor", errno.EMFILE)


async def test_a_shim_that_fails_at_its_start_is_told_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "shim_file", lambda: "/no/such/shim")

    with pytest.raises(SupervisorLost) as caught:
        await start("true")

    assert "/no/such/shim" in caught.value.__notes__[0]


async def test_the_shims_bytecode_runs_while_it_is_newer_than_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shutil.copy(shim.__file__, tmp_path)
    monkeypatch.setattr(shim, "__file__", source)
    assert supervisor.shim_file() == source

    compiled = py_compile.compile(source)

    assert supervisor.shim_file() == compiled
    async with await start("echo", "hello") as process:
        assert await everything(process.stdout) == b"hello\n"
    os.utime(source, (2**32, 2**32))
    assert supervisor.shim_file() == source


async def test_the_environment_is_exactly_what_was_given() -> None:
    environment = {"PATH": os.environ["PATH"], "EMPTY": "", "LINES": "a\nb=c", "BYTES": "\udcff", "WORT": "grün"}
    async with await start("env", "-0", environment=environment) as process:
        listed = (await everything(process.stdout)).rstrip(b"\0").split(b"\0")

    assert sorted(listed) == sorted(os.fsencode(f"{name}={value}") for name, value in environment.items())


async def test_the_program_is_looked_for_in_the_environment_that_was_given(tmp_path: Path) -> None:
    program = tmp_path / "hello"
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)

    async with await start("hello", environment={"PATH": f"/no/such:{tmp_path}"}) as process:
        assert await everything(process.stdout) == b"hello\n"


async def test_arguments_and_environment_may_be_long() -> None:
    arguments = ["x" * 100_000] * 10
    async with await shell('echo "$#" "${#10}"', *arguments) as process:
        assert await everything(process.stdout) == b"10 100000\n"


async def test_a_command_runs_in_the_directory_that_was_opened_whatever_its_path_is_now(tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    descriptor = os.open(tmp_path / "shown", os.O_RDONLY)
    (tmp_path / "shown").rename(tmp_path / "moved")
    (tmp_path / "shown").symlink_to("/etc")

    async with await start("pwd", "-P", directory=Path(f"/proc/self/fd/{descriptor}")) as process:
        os.close(descriptor)

        assert await everything(process.stdout) == f"{tmp_path}/moved\n".encode()


@pytest.mark.parametrize("report", [False, True])
async def test_a_command_inherits_its_streams_and_no_other_descriptor(report: bool) -> None:
    async with await start("ls", "-1", "/proc/self/fd", report=report) as process:
        listed = (await everything(process.stdout)).split()

    assert len(listed) == 4 + report  # ls holds the directory that it lists
    assert max(map(int, listed)) == 3 + report


async def test_a_report_goes_by_descriptor_3_past_the_output() -> None:
    async with await shell("echo shown; pwd >&3", report=True) as process:
        assert process.report

        assert await everything(process.report) == b"/\n"
        assert await everything(process.stdout) == b"shown\n"


async def test_a_command_starts_with_every_signal_at_its_default_and_none_blocked() -> None:
    ignored = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGQUIT)}
    try:
        async with await start("cat", "/proc/self/status") as process:
            status = dict(row.split(b":", 1) for row in (await everything(process.stdout)).splitlines())
    finally:
        for number, handler in ignored.items():
            signal.signal(number, handler)

    # Not of ours: two that the C library keeps to itself and lets nobody reset; make starts its commands without them.
    ours = sum(1 << number - 1 for number in signal.valid_signals())
    assert int(status[b"SigIgn"], 16) & ours == int(status[b"SigBlk"], 16) & ours == 0


async def test_a_command_leads_a_process_session_that_is_not_the_servers() -> None:
    async with await start("cat", stdin=True) as process:
        assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid
        assert os.getsid(process.supervisor_pid) != os.getsid(0)


async def test_limits_bind_the_command_and_the_kernel_takes_it_before_the_server() -> None:
    limits = Limits(open_files=64, file_bytes=1_048_576, memory_bytes=2**30)
    script = "ulimit -c; ulimit -Sn; ulimit -f; ulimit -v; cat /proc/self/oom_score_adj"
    async with await start("bash", "-c", script, limits=limits) as process:
        assert await everything(process.stdout) == b"0\n64\n1024\n1048576\n500\n"


async def test_a_limit_above_the_hard_limit_is_the_hard_limit() -> None:
    async with await start("bash", "-c", "ulimit -Hn", limits=Limits(open_files=2**40)) as process:
        assert int(await everything(process.stdout)) < 2**40
        assert await process.wait() == 0


async def test_a_command_reads_what_it_is_sent_until_its_input_is_closed() -> None:
    async with await start("wc", "-c", stdin=True) as process:
        assert process.stdin
        with fail_after(10):
            await process.stdin.send(b"x" * 1_000_000)
        process.stdin.close()

        assert await everything(process.stdout) == b"1000000\n"


async def test_without_stdin_a_command_reads_the_end_at_once() -> None:
    async with await start("cat") as process:
        with fail_after(10):
            assert await process.wait() == 0


async def test_what_nobody_reads_waits_in_the_sender_and_is_refused_when_nobody_can() -> None:
    async with await start("sleep", "300", stdin=True) as process:
        assert process.stdin
        with move_on_after(0.1) as deadline:
            await process.stdin.send(bytes(10_000_000))
        async with create_task_group() as tasks:
            tasks.start_soon(process.stdin.send, b"x")
            await checkpoint()
            with pytest.raises(BusyResourceError):
                await process.stdin.send(b"y")
            tasks.cancel_scope.cancel()
        process.kill()

        assert deadline.cancelled_caught
        with fail_after(10), pytest.raises(BrokenResourceError):
            await process.stdin.send(bytes(10_000_000))


async def test_output_waits_in_the_command_until_it_is_received() -> None:
    async with await start("yes") as process:
        with fail_after(10):
            for _ in range(100):
                await process.stdout.receive(1000)
            await until(lambda: b"State:\tS" in read(f"/proc/{process.pid}/status"))

        written = dict(row.split(b": ") for row in read(f"/proc/{process.pid}/io").splitlines())[b"wchar"]
        assert int(written) <= 100_000 + 2 * 65536


async def test_much_output_passes_through_little_memory() -> None:
    received, most = 0, resident()
    before = most
    async with await start("head", "-c", "200000000", "/dev/zero") as process:
        with fail_after(60), suppress(EndOfStream):
            while data := await process.stdout.receive():
                received += len(data)
                most = max(most, resident())

    assert received == 200_000_000
    assert most - before < 8_000_000


async def test_a_cancelled_receive_loses_nothing() -> None:
    async with await start("cat", stdin=True) as process:
        assert process.stdin
        for number in range(100):
            with move_on_after(0.001):
                await process.stdout.receive()
                pytest.fail(f"received before number {number} was sent")
            await process.stdin.send(b"%d\n" % number)

            assert await line(process.stdout) == b"%d\n" % number


async def test_receive_nowait_has_all_that_an_ended_command_wrote() -> None:
    async with await shell("printf done; sleep 300 & exit 0") as process:
        with fail_after(10):
            await process.wait()

        assert process.stdout.receive_nowait() == b"done"
        with pytest.raises(WouldBlock):
            process.stdout.receive_nowait()


async def test_closing_wakes_who_receives() -> None:
    process = await start("sleep", "300")

    async def receive() -> None:
        with pytest.raises(ClosedResourceError):
            await process.stdout.receive()

    with fail_after(10):
        async with create_task_group() as tasks:
            tasks.start_soon(receive)
            await checkpoint()
            await checkpoint()
            process.stdout.close()
        await process.aclose()
    with pytest.raises(ClosedResourceError):
        process.stderr.receive_nowait()


async def test_twenty_start_at_once() -> None:
    answers: list[bytes] = []

    async def greet(number: int) -> None:
        async with await shell(f"echo {number}") as process:
            answers.append(await everything(process.stdout))

    async with create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(greet, number)

    assert sorted(map(int, answers)) == list(range(20))


async def test_nothing_stays_behind_of_commands_that_ended_or_could_not_start() -> None:
    descriptors, processes = open_descriptors(), children(os.getpid())

    for _ in range(5):
        async with await start("cat", stdin=True, report=True) as process:
            process.terminate()
        with pytest.raises(CommandNotStarted):
            await start("no-such-program", stdin=True, report=True)

    assert open_descriptors() == descriptors
    assert children(os.getpid()) == processes


@pytest.mark.parametrize("milliseconds", [0, 1, 2, 4, 8, 12, 16])
async def test_nothing_stays_behind_of_a_start_that_was_cancelled(milliseconds: int) -> None:
    descriptors, processes, mark = open_descriptors(), children(os.getpid()), fresh_mark()

    with move_on_after(milliseconds / 1000):
        async with await start("sleep", mark, stdin=True):
            await everything((await start("sleep", mark)).stdout)

    assert marked(mark) == []
    assert open_descriptors() == descriptors
    assert children(os.getpid()) == processes


def open_descriptors() -> list[str]:
    return sorted(entry.name for entry in Path("/proc/self/fd").iterdir())


def resident() -> int:
    """Bytes of this process in memory."""
    return int(read("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGESIZE")
