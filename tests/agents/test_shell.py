"""Prompts of a shell session, by real shells."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import fail_after

from contracts.events import SessionError, SessionOutput, SessionStatus
from domain.errors import AgentUnavailable
from infrastructure.agents.shell import find_shell
from tests.agents.sessions import ShellSession, shell_session
from tests.processes.living import lives, until


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[ShellSession]:
    async with shell_session(tmp_path) as session:
        yield session


async def test_a_turn_is_running_then_output_then_the_exit_code(session: ShellSession) -> None:
    end = await session.prompt("echo hello")

    status, output, code = session.events
    assert isinstance(status, SessionStatus)
    assert status.status == "running"
    assert isinstance(status.pid, int)
    assert output == SessionOutput(turn_id="turn-00000001", stream="stdout", content="hello\n")
    assert code == SessionOutput(turn_id="turn-00000001", stream="exit", content="", exit_code=0)
    assert (end.stop_reason, end.cwd) == ("end", session.working_dir)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("true", 0),
        ("false", 1),
        ("exit 7", 7),
        ("(exit 5)", 5),
        ("f() { return 3; }; f", 3),
        ("set -e; false; echo no", 1),
        ("set -euo pipefail; false | true", 1),
        ("no-such-command", 127),
        ("/", 126),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("bash -c 'kill -SEGV $$'", 139),
        ("exec sh -c 'exit 9'", 9),
        ("if", 2),
        ("trap 'exit 6' EXIT", 6),
        ("trap 'echo bye' EXIT; false", 1),
        ("set -e; mkdir gone; cd gone; rmdir ../gone", 0),
    ],
)
async def test_the_exit_code_is_exactly_the_commands(command: str, code: int, session: ShellSession) -> None:
    end = await session.prompt(command)

    assert session.code == code
    assert end.stop_reason == "end"


@pytest.mark.parametrize(
    "command",
    [
        "cd below",
        "cd below; exit 3",
        "cd below; exit",
        "set -e; cd below; false; cd ..",
        "set -u; cd below; echo $unset",
        "cd below\nif",
        "trap 'cd /' EXIT; cd below",
        "f() { cd below; }; f",
        "cd below; (cd /; exit 4)",
        "cd below; exec 3>&1 9>file 1>&2; echo x >&3",
        "set -x; cd below",
        "cd below; cd -P .",
        "cd link",
        "trap 'echo interrupted' INT; cd below; kill -INT $$",
        "cd below; kill -TERM $$",
        "pwd() { echo /; }; cd below",
    ],
)
async def test_the_next_prompt_begins_where_this_one_ended(command: str, tmp_path: Path, session: ShellSession) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "link").symlink_to("below")

    end = await session.prompt(command)
    await session.prompt("command pwd -P; echo $PWD")

    below = f"{session.working_dir}/below"
    assert end.cwd == below
    assert session.out.endswith(f"{below}\n{below}\n")
    assert "towpath" not in session.err


@pytest.mark.parametrize("name", ["with space", "quo'te\"s", "$(echo x)`", "-dash", "ünïcödé", "trailing "])
async def test_a_directory_may_have_any_printable_name(name: str, tmp_path: Path, session: ShellSession) -> None:
    (tmp_path / name).mkdir()

    await session.prompt(f"cd -- '{name.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}'")

    assert session.cwd == f"{session.working_dir}/{name}"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("cd /", "outside the workspace roots"),
        ("cd ../../secret", "outside the workspace roots"),
        ("mkdir gone; cd gone; rmdir ../gone", "gone"),
        ("mkdir gone; cd gone; (sleep 0.1; rmdir ../gone) & wait", "gone"),
        ("mkdir $'new\\nline'; cd new*", "gone, or can't be entered or named"),
        ("mkdir $'\\xff'; cd $'\\xff'", "gone, or can't be entered or named"),
        ("cd below; exec true", "nobody can tell"),
        ("cd below; kill -KILL $$", "nobody can tell"),
        ("cd below; trap 'echo own' EXIT; exit", "nobody can tell"),
    ],
)
async def test_where_no_prompt_can_begin_the_next_begins_in_the_working_directory_and_says_so(
    command: str, reason: str, tmp_path: Path
) -> None:
    for path in ("root/start/below", "secret"):
        (tmp_path / path).mkdir(parents=True)

    async with shell_session(tmp_path / "root") as session:
        await session.prompt("cd start")
        await session.prompt(command)

        note = session.outputs[-2]
        assert note.stream == "stderr"
        assert reason in note.content
        assert note.content.endswith(f"the next one begins in {session.working_dir}\n")
        assert "secret" not in session.err
        assert session.outputs[-1].stream == "exit"
        assert session.cwd == session.working_dir


async def test_a_directory_that_went_away_between_prompts_is_said_at_the_beginning(
    tmp_path: Path, session: ShellSession
) -> None:
    await session.prompt("mkdir below; cd below")
    (tmp_path / "below").rmdir()

    end = await session.prompt("pwd")

    assert session.out == f"{session.working_dir}\n"
    assert "below is no longer a directory to work in; this prompt begins in" in session.err
    assert end.cwd == session.working_dir


async def test_a_session_whose_working_directory_is_gone_says_so_and_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "root/work").mkdir(parents=True)
    async with shell_session(tmp_path / "root") as session:
        session.cwd = f"{session.working_dir}/work"
        (tmp_path / "root/work").rmdir()
        (tmp_path / "root").rmdir()

        end = await session.prompt("echo no")

        assert end.stop_reason == "error"
        (error,) = session.events
        assert isinstance(error, SessionError)
        assert error.code == "invalid-working-dir"
        assert "No such file or directory" in error.error


async def test_a_link_that_was_swapped_in_leads_no_prompt_outside(tmp_path: Path) -> None:
    (tmp_path / "root/work").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    async with shell_session(tmp_path / "root") as session:
        await session.prompt("cd work")
        (tmp_path / "root/work").rmdir()
        (tmp_path / "root/work").symlink_to(tmp_path / "secret")

        await session.prompt("pwd -P")

        assert session.out == f"{session.working_dir}\n"


async def test_output_and_errors_keep_their_streams_and_their_order(session: ShellSession) -> None:
    await session.prompt("for i in 1 2 3; do echo out $i; sleep 0.02; echo err $i >&2; sleep 0.02; done")

    written = [(output.stream, output.content) for output in session.outputs[:-1]]
    assert written == [(s, f"{w} {i}\n") for i in (1, 2, 3) for s, w in (("stdout", "out"), ("stderr", "err"))]


@pytest.mark.parametrize(
    ("command", "out"),
    [
        ("cat <<'X'\n$a 'b' \"c\" \\d `e`\nX", "$a 'b' \"c\" \\d `e`\n"),
        ("cat <<X\n$((1 + 2)) $(echo sub)\nX\necho after", "3 sub\nafter\n"),
        ('echo \'it\'"\'"\'s\' "a \\"b\\"" \\$HOME', 'it\'s a "b" $HOME\n'),
        ("echo one\n\n# comment\necho two", "one\ntwo\n"),
        ("#!/bin/bash\necho $LINENO", "2\n"),
        ("echo \\\ncontinued", "continued\n"),
        ("echo 'ünïcödé 🎉'", "ünïcödé 🎉\n"),
        ("-x; echo a", "a\n"),
        ("false; echo $?", "1\n"),
        ("echo $# $0", "0 bash\n"),
        ("test $$ = $BASHPID && echo same", "same\n"),
        ("read x; echo $? $x", "1\n"),
        ("tty", "not a tty\n"),
        ('echo "$TERM"', "xterm-256color\n"),
        ("ls --color=always -d .", "\x1b[0m\x1b[01;34m.\x1b[0m\n"),
        ("printf '\\033[31mred\\033[m\\r\\n'", "\x1b[31mred\x1b[m\r\n"),
        ("set -- a b; echo $1$2", "ab\n"),
        ("exec 3>file; echo x >&3; cat file", "x\n"),
        ("yes | head -n 2", "y\ny\n"),
    ],
)
async def test_a_prompt_means_what_it_means_to_bash(command: str, out: str, session: ShellSession) -> None:
    await session.prompt(command)

    assert session.out == out


@pytest.mark.parametrize(
    ("command", "err"),
    [
        ("nope", "bash: line 1: nope: command not found\n"),
        ("\n\nnope", "bash: line 3: nope: command not found\n"),
        ("cd nowhere", "bash: line 1: cd: nowhere: No such file or directory\n"),
        ("echo $((1/0))", 'bash: line 1: 1/0: division by 0 (error token is "0")\n'),
        ("echo 'open", "bash: eval: line 1: unexpected EOF while looking for matching `''\n"),
        ("set -v; echo x >&2; exit", "x\n"),
        ("set -x; : a", "++ : a\n"),
    ],
)
async def test_errors_look_as_bash_writes_them(command: str, err: str, session: ShellSession) -> None:
    await session.prompt(command)

    assert session.err.startswith(err)


async def test_a_prompt_may_be_longer_than_one_argument(session: ShellSession) -> None:
    await session.prompt("x='" + "ü" * 120_000 + "'; echo ${#x} $#; cd /; cd -")

    assert session.out == f"120000 0\n{session.working_dir}\n"


async def test_the_environment_holds_no_secret_of_the_server(tmp_path: Path) -> None:
    secrets = {"ANTHROPIC_API_KEY": "sk-1", "AWS_SECRET_ACCESS_KEY": "s", "PGPASSWORD": "s", "TOWPATH_TOKEN": "s"}
    names = {"PATH", "HOME", "TERM", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}
    source = {**secrets, "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "BASH_ENV": "/x"}

    async with shell_session(tmp_path, source=source) as session:
        await session.prompt("env; cat /proc/self/environ | tr '\\0' '\\n'")

        assert {line.partition("=")[0] for line in session.out.splitlines()} <= names


async def test_only_the_report_pipe_is_handed_down(session: ShellSession) -> None:
    await session.prompt("ls /proc/$$/fd")

    assert session.out.split() == ["0", "1", "2", "254"]


async def test_sh_does_where_there_is_no_bash(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "mkdir", "ls"):
        (programs / name).symlink_to(f"/bin/{name}")

    async with shell_session(tmp_path, source={"PATH": str(programs)}) as session:
        await session.prompt("mkdir below; cd below; echo $0; exit 3")
        await session.prompt("ls /proc/$$/fd; trap 'echo bye' EXIT; false")

    assert session.out.startswith("sh\n0\n1\n2\n")
    assert session.out.endswith("bye\n")
    assert session.code == 1
    assert session.cwd == f"{session.working_dir}/below"


async def test_a_shell_that_does_not_start_is_unavailable_and_says_why(tmp_path: Path) -> None:
    async with shell_session(tmp_path, source={"PATH": "/nowhere"}) as session:
        with pytest.raises(AgentUnavailable, match=r"The shell can't be started: sh: No such file"):
            await session.prompt("true")

        assert not session.agent.alive


async def test_a_prompt_that_kills_its_supervisor_is_an_error_and_leaves_nothing(session: ShellSession) -> None:
    end = await session.prompt("echo $$; sleep 0.2; kill -KILL $PPID; sleep 100")

    error = session.events[-1]
    assert isinstance(error, SessionError)
    assert error.code == "agent-failed"
    assert (end.stop_reason, end.cwd) == ("error", session.working_dir)
    with fail_after(5):
        await until(lambda: not lives(int(session.out)))
    await session.prompt("echo on")
    assert session.out.endswith("on\n")


async def test_binary_output_becomes_text(session: ShellSession) -> None:
    await session.prompt("head -c 1000000 /dev/urandom; head -c 200000 /dev/zero; printf 'end\\303'")

    assert session.out.endswith("end\ufffd")
    assert session.out.count("\0") >= 200_000


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pipe is as large as it is")
async def test_what_a_widened_pipe_holds_at_the_end_belongs_to_the_turn(session: ShellSession) -> None:
    write = "import fcntl, os; fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1 << 20); os.write(1, b'x' * 1_000_000)"

    await session.prompt(f'{sys.executable} -c "{write}"')

    assert len(session.out) == 1_000_000
    assert session.late == ""


async def test_a_character_that_comes_in_pieces_is_whole(session: ShellSession) -> None:
    await session.prompt(r"for b in '\360' '\237' '\216' '\211'; do printf $b; sleep 0.02; done; printf '\303'")

    assert session.out == "🎉\ufffd"


async def test_a_chatty_prompt_makes_few_events(session: ShellSession) -> None:
    await session.prompt("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done")

    assert session.out.splitlines() == [f"line {number}" for number in range(20_000)]
    assert len(session.outputs) < 400


def test_bash_goes_before_sh(tmp_path: Path) -> None:
    assert find_shell({"PATH": os.environ["PATH"]}) == "bash"
    assert find_shell({"PATH": str(tmp_path)}) is None
