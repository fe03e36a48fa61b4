"""`towpath attach` in a real terminal, beside a real server."""

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from time import monotonic

import pytest

from tests.servers import SECONDS, Place


class Seat:
    """A person's terminal with a command in it."""

    def __init__(self, place: Place, *words: str, cols: int = 90, rows: int = 30) -> None:
        self.own, theirs = pty.openpty()
        self.resize(cols, rows)
        self.before = termios.tcgetattr(self.own)
        self.process = place.spawn(
            *words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=take_terminal
        )
        os.close(theirs)
        self.seen = b""

    def resize(self, cols: int, rows: int) -> None:
        ioctl(self.own, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.own, text.encode())

    def shows(self, pattern: str, *, seconds: float = SECONDS) -> re.Match[bytes]:
        """Wait until *pattern* was shown since the last call."""
        until = monotonic() + seconds
        while not (found := re.search(pattern.encode(), self.seen)):
            assert monotonic() < until, self.seen
            self._read(0.5)
        self.seen = self.seen[found.end() :]
        return found

    def ends(self) -> int:
        until = monotonic() + SECONDS
        while self.process.poll() is None:
            assert monotonic() < until, self.seen
            self._read(0.1)
        self._read(0.1)
        return self.process.returncode

    def _read(self, seconds: float) -> None:
        while select.select([self.own], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.own, 65536)
            except OSError:
                return
            seconds = 0


def take_terminal() -> None:
    ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def seat(place: Place, *words: str) -> Iterator[Seat]:
    one = Seat(place, *words)
    try:
        if words[0] == "attach":
            one.shows(r"[$#>] ", seconds=SECONDS)
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        os.close(one.own)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Give a place to what stops the server, or looks at all terminals."""
    with made(tmp_path) as place:
        yield place


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Give all else one, with a server: each start of a program takes longer than what is tried."""
    with made(tmp_path_factory.mktemp("served")) as place, place.serving():
        yield place


@contextmanager
def made(folder: Path) -> Iterator[Place]:
    place = Place(folder, SHELL="/bin/sh", PS1="ready> ", ENV="")
    try:
        yield place
    finally:
        place.end_terminals()


def test_a_shell_is_left_running_and_found_again(served: Place) -> None:
    with seat(served, "attach", "--new") as first:
        first.type("stty size; kept=yes\r")
        first.shows(r"30 90")
        first.type("\x1dq")
        assert first.ends() == 0
        terminal_id = first.shows(r"towpath attach ([a-z0-9]+)")[1].decode()
        assert termios.tcgetattr(first.own) == first.before
    listed = [json.loads(line) for line in served.call("terminals", "--json")[1].splitlines()]
    assert terminal_id[:10] in {one["terminalId"][:10] for one in listed}
    with seat(served, "attach", terminal_id[:10]) as second:
        second.type("echo $kept; exit 7\r")
        second.shows(r"yes")

        assert second.ends() == 7


def test_what_is_typed_arrives_once_though_the_server_is_killed(place: Place) -> None:
    server = place.start()
    with seat(place, "attach", "--new") as one:
        one.type("echo be''gun\r")
        one.shows("begun")
        for turn in range(2):
            server.kill()
            one.type(f"echo tur''n {turn} | tee -a log\r")
            server = place.start()
            one.shows(f"turn {turn}")
        one.type("exit 3\r")

        assert one.ends() == 3
        assert (place.root / "log").read_text() == "turn 0\nturn 1\n"
    server.stop()


def test_the_size_follows_and_a_query_is_not_answered_here(served: Place) -> None:
    with seat(served, "attach", "--new") as one:
        one.resize(70, 20)
        os.killpg(one.process.pid, signal.SIGWINCH)
        one.type("until test \"$(stty size)\" = '20 70'; do sleep 0.1; done; echo re''sized\r")
        one.shows("resized")
        one.type("printf '\\033[6n\\033]52;c;aGk=\\007'; echo asked\r")
        one.shows("asked\r")
        assert not re.search(rb"\x1b\[6n|\x1b\]52", one.seen)
        one.type("\x1dq")

        assert one.ends() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_put_right_whatever_ends_it(served: Place, number: signal.Signals) -> None:
    with seat(served, "attach", "--new") as one:
        one.type("printf '\\033[?1049h\\033[?1002h\\033[?25l'; echo dra''wn\r")
        one.shows("drawn")
        one.process.send_signal(number)

        assert one.ends() == 128 + number
        one.shows(r"\x1b\[\?1049l.*\x1b\[\?25h.*\x1b\[\?1002l")
        assert termios.tcgetattr(one.own) == one.before


def test_without_a_terminal_it_says_what_it_needs(served: Place) -> None:
    code, _, said = served.call("attach", "--new")

    assert (code, "needs a terminal" in said) == (2, True)
    code, _, said = served.call("attach", "nobody_here")
    assert code != 0


def test_all_are_ended_also_where_no_server_runs(place: Place) -> None:
    with place.serving(), place.client() as client:
        assert place.call("attach")[2].startswith("There are no terminals")
        for _ in range(2):
            assert client.post("/api/terminal", json={}).status_code == 201
    code, _, said = place.call("terminals", "--kill")

    assert (code, said) == (0, "2 ended.\n")
    assert place.call("terminals", "--kill")[2] == "No terminal runs.\n"
    assert subprocess.run(["pgrep", "-f", str(place.data)], capture_output=True, check=False).stdout == b""
