"""Programs that draw, run on a PTY of their own, with what they wrote kept as it came."""

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import termios
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

COLS, ROWS = 80, 24
SETTLE_SECONDS = 0.15  # nothing came for so long: the program waits for a key
MOST_SECONDS = 3.0
TEXT = Path(__file__).read_text()

PROGRAMS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "bash": (
        ["bash", "--norc"],
        [
            "ls -la --color=always /usr\r",
            "printf '\\e[1;31mred\\e[0m \\e[38;5;200mpal\\e[48;2;1;2;3mtrue\\e[0m\\n'\r",
            f"echo {'a' * 100}\r",
            "\x0c",
            "seq 50\r",
        ],
    ),
    "less": (["less", "-R", "text"], [" ", " ", "b", "/def\r", "n", "G", "g", "jjj", "kk", "q"]),
    "vim": (
        ["vim", "-u", "NONE", "-N", "-c", "syntax on", "text.py"],
        ["jjdd", "ihello wörld 你好\x1b", ":set nu\r", "\x06G", "gg:split\r", "\x05\x05", "V5jdu", "Oe\u0301 x\x1b"],
    ),
    "vim from a shell": (["bash", "--norc"], ["seq 40\r", "vim -u NONE -N text\r", "jjdd", ":q!\r", "echo back\r"]),
    "tmux": (
        ["tmux", "-L", "towpath-test", "-f", "/dev/null", "new-session", "bash --norc"],
        ["seq 100\r", "\x02%", "ls --color=always /\r", '\x02"', "vim -u NONE text\r", "\x06", ":q!\r", "\x02oexit\r"],
    ),
    "htop": (["htop"], ["jj", "\x1b[B", "k", "u"]),
}  # fmt: skip


@cache
def recording(name: str) -> bytes:
    """Return what a program wrote while keys were pressed."""
    command, keys = PROGRAMS[name]
    for program in {command[0], *(word for word in ("vim",) if word in name)}:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    folder = Path(os.environ.get("PYTEST_TMPDIR", "/tmp")) / f"towpath-recordings-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    for file in ("text", "text.py"):
        (folder / file).write_text(TEXT * 3)
    environment = {
        "PATH": os.environ["PATH"],
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        "HOME": str(folder),
        "PS1": "$ ",
    }
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe(command[0], [*command], environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLS, 0, 0))
    try:
        written = drain(terminal, first=True)
        for key in keys:
            os.write(terminal, key.encode())
            written += drain(terminal)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(terminal)
        os.waitpid(pid, 0)
        shutil.rmtree(folder, ignore_errors=True)
    return written


def drain(terminal: int, *, first: bool = False) -> bytes:
    """Read until nothing comes any more."""
    written, until = b"", time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        if not select.select([terminal], [], [], SETTLE_SECONDS if written or not first else MOST_SECONDS)[0]:
            break
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the program has ended
            break
        written += data
    return written
