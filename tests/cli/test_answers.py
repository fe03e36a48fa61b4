"""A question is answered in the terminal that shows it, and by nothing but a human there."""

import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select

import pytest

from tests.servers import SECONDS, Place

RULES = """
[[rules]]
effect = "ask"
command = "touch *"
"""


class Human:
    """Sits at a terminal in which a command runs."""

    def __init__(self, terminal: int) -> None:
        self.terminal = terminal
        self.seen = ""

    def sees(self, text: str) -> None:
        while text not in self.seen:
            assert select([self.terminal], [], [], SECONDS)[0], self.seen
            try:
                data = os.read(self.terminal, 65536)
            except OSError:  # the command has left (EIO, pty(7))
                data = b""
            assert data, self.seen
            self.seen += data.decode(errors="replace")

    def types(self, line: str) -> None:
        os.write(self.terminal, f"{line}\n".encode())


@contextmanager
def at_terminal(place: Place, *words: str) -> Iterator[tuple[Human, "subprocess.Popen[str]"]]:
    terminal, theirs = pty.openpty()
    try:
        # setsid makes the terminal the command's own, as a login does
        with place.spawn(
            *words,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        ) as process:
            os.close(theirs)
            try:
                yield Human(terminal), process
            finally:
                process.kill()
    finally:
        os.close(terminal)


@pytest.fixture
def asking(tmp_path: Path) -> Place:
    config = tmp_path / "towpath.toml"
    config.write_text(RULES)
    return Place(tmp_path, TOWPATH_CONFIG=str(config), NO_COLOR="1")


@pytest.mark.parametrize(("typed", "made", "code"), [("y", True, 0), ("no", False, 5)])
def test_a_question_is_answered_where_it_is_shown(asking: Place, typed: str, made: bool, code: int) -> None:
    with asking.serving(), at_terminal(asking, "run", "touch here") as (human, process):
        human.sees("or type y or n")
        human.types("what?")
        human.sees("type y or n\r\n")
        human.types(typed)
        human.sees("allowed by" if made else "rejected by")
        assert process.wait(SECONDS) == code

    assert (asking.root / "here").exists() is made


def test_what_is_piped_in_answers_nothing(asking: Place) -> None:
    with (
        asking.serving(),
        asking.client() as client,
        asking.spawn("run", "touch here", stdin=subprocess.PIPE) as process,
    ):
        assert process.stdin
        assert process.stderr
        process.stdin.write("y\n")
        process.stdin.flush()
        while "answer at" not in (line := process.stderr.readline()):
            assert line
        (session,) = client.get("/api/sessions").json()["sessions"]
        approvals = f"/api/session/{session['sessionId']}/approvals"
        (question,) = client.get(approvals).json()["approvals"]
        answer = client.post(f"{approvals}/{question['approvalId']}", json={"approved": False})
        assert answer.status_code == 200
        process.wait(SECONDS)

    assert not (asking.root / "here").exists()
