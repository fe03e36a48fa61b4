"""Real programs in terminals of a real server: who comes late sees what one sees who saw everything.

Missing programs are skipped; ``apt-get install vim less htop tmux`` brings them.
"""

import random
import re
import shutil
import threading
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from typing_extensions import override

from infrastructure.screens.core import Core
from tests.node_tools import run_node
from tests.screens.views import view
from tests.servers import SECONDS, Place

COLS, ROWS = 80, 24
CUT_BYTES = 3000  # on average, between two cuts of the viewer that sees everything
TEXT = Path(__file__).read_text()

SHELL = [("printf '\\033]2;mine\\007'; seq 40; echo be''fore\r", "before")]
LEFT = [("echo be''hind\r", "behind")]


class Played(NamedTuple):
    """Keys and what is waited for after them, before and after the server's death; how the program is left."""

    before: list[tuple[str, str]]
    after: list[tuple[str, str]]
    leave: str
    title: str = "mine"


PROGRAMS = {
    "vim": Played(
        [
            ("vim -u NONE -N -c 'syntax on | set title titlestring=ours' text.py\r", r'"text.py"'),
            ("jjddihello wörld 你好\x1b:echo 'step'.1\r", "step1"),
        ],
        [("gg:split\rVjd:set nu\rOe\u0301 x\x1b:echo 'step'.2\r", "step2")],
        ":qa!\r",
        "ours",
    ),
    "less": Played(
        [("less -R text.py\r", "text.py"), (" b/def\rnG", r"\(END\)")],
        [("gjjj/import\r", "import"), ("-N\r\rG", r"\(END\)")],
        "q",
    ),
    "htop": Played([("htop\r", "F10"), ("jjk", "")], [("\x1b[B", ""), ("?", "htop [0-9]")], "qq"),
    "tmux": Played(
        [
            ("tmux -f /dev/null -S mux new-session 'exec sh'\r", r"\[0\]"),
            ("seq 100; echo ste''p1\r", "step1"),
            ("\x02%", ""),
        ],
        [("ls --color=always /; echo ste''p2\r", "step2"), ('\x02"', ""), ("echo ste''p3\r", "step3")],
        "tmux -S mux kill-server\r",
    ),
}


class Viewer(threading.Thread):
    """One of a terminal's viewers: ``screen`` is what it was shown first, ``output`` all that came from there on.

    Comes back by itself, also after random cuts.
    """

    def __init__(self, place: Place, terminal_id: str, *, after: str = "", cut: int = 0) -> None:
        super().__init__(daemon=True)
        self.screen: Mapping[str, Any] = {"data": "", "offset": 0, "title": "", "exact": True}
        self.output = bytearray()
        self.failed: BaseException | None = None
        self._place = place
        self._url = f"/api/terminal/{terminal_id}/events"
        self._cursor = after
        self._cut = cut
        self._chance = random.Random(terminal_id)
        self._changed = threading.Condition()
        self.over = False
        self.start()

    @property
    def offset(self) -> int:
        return int(self.screen["offset"]) + len(self.output)

    @override
    def run(self) -> None:
        try:
            with self._place.client() as http:
                while not self.over:
                    with suppress(httpx.TransportError):
                        self._follow(http)
        except BaseException as error:  # told to the test
            self.failed = error
            raise

    def _follow(self, http: httpx.Client) -> None:
        rest, left = b"", self._chance.randrange(2 * self._cut) if self._cut else -1
        with http.stream("GET", self._url, headers={"Last-Event-ID": self._cursor} if self._cursor else {}) as answer:
            if answer.status_code == 503:
                return
            assert answer.status_code == 200, answer.read()
            for piece in answer.iter_raw():
                *blocks, rest = (rest + piece).split(b"\n\n")
                for block in blocks:
                    fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
                    left -= self._take(fields[b"id"].decode(), msgspec.json.decode(fields[b"data"]))
                    if self.over or (self._cut and left < 0):
                        return

    def _take(self, cursor: str, frame: Mapping[str, Any]) -> int:
        before = len(self.output)
        with self._changed:
            self._cursor = cursor
            match frame["type"]:
                case "terminal-snapshot":
                    assert self.offset == 0
                    self.screen = frame
                case "terminal-output":
                    assert frame["offset"] == self.offset
                    self.output += b64decode(frame["data"])
                case "stream-reset":
                    raise AssertionError(frame)
            self._changed.notify_all()
        return len(self.output) - before

    def sees(self, pattern: str, *, since: int) -> None:
        """Wait until *pattern* came after *since*; without one, until something did."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: self.failed or re.search(pattern.encode() or b"(?s).", bytes(self.output[since:])), SECONDS
            )
            assert isinstance(found, re.Match), (pattern, self.failed, bytes(self.output[since:]))

    def reaches(self, offset: int) -> None:
        """Wait for all before *offset*."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.offset >= offset, SECONDS), (self.offset, offset)

    def painted(self, offset: int) -> bytes:
        """Return what it painted, and what came from there until *offset*."""
        return b64decode(self.screen["data"]) + bytes(self.output[: offset - int(self.screen["offset"])])


class Desk:
    """A terminal in which one program is used, and its viewers."""

    def __init__(self, place: Place, http: httpx.Client, played: Played) -> None:
        self.played = played
        answer = http.post("/api/terminal", json={"cols": COLS, "rows": ROWS})
        assert answer.status_code == 201, answer.text
        self.terminal_id = answer.json()["terminalId"]
        self._place = place
        self._seq = 0
        self.first = Viewer(place, self.terminal_id, after="0", cut=CUT_BYTES)
        self.late: list[Viewer] = []
        self.ends: list[int] = []  # where the program was drawn to, and the shell after it

    def press(self, http: httpx.Client, keys: list[tuple[str, str]]) -> None:
        for text, pattern in keys:
            seen = len(self.first.output)
            self._seq += 1
            body = {"clientId": "client-of-tests", "seq": self._seq, "data": text}
            answer = http.post(f"/api/terminal/{self.terminal_id}/input", json=body)
            assert answer.json().get("acked") == self._seq, answer.text
            self.first.sees(pattern, since=seen)

    def join(self) -> None:
        viewer = Viewer(self._place, self.terminal_id)
        self.late.append(viewer)
        deadline = time.monotonic() + SECONDS
        while not viewer.screen["data"]:
            assert time.monotonic() < deadline, viewer.failed
            time.sleep(0.01)
        self.first.reaches(viewer.screen["offset"])


class Shown(NamedTuple):
    """What a terminal shows to one that saw everything and to one that came late."""

    late: int
    end: int
    stream: bytes
    painted: bytes


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Desk]]:
    """Use all programs beside each other, in one server that is killed meanwhile."""
    environment = {"SHELL": "/bin/sh", "PS1": "$ ", "ENV": "", "LC_ALL": "C.UTF-8", "TMUX": "", "EDITOR": "vi"}
    place = Place(tmp_path_factory.mktemp("screens"), **environment)
    (place.root / "text.py").write_text(TEXT * 2)
    server = place.start()
    found: dict[str, Desk] = {}
    try:
        with place.client() as http:
            for name, played in PROGRAMS.items():
                if shutil.which(name):
                    found[name] = desk = Desk(place, http, played)
                    desk.press(http, SHELL + played.before[:1])
                    desk.join()
                    desk.press(http, played.before[1:])
            server.kill()
            server = place.start()
            for desk in found.values():
                desk.join()
                desk.press(http, desk.played.after)
                desk.join()
                desk.ends.append(len(desk.first.output))
                desk.press(http, [(desk.played.leave, "")])
                desk.join()
                desk.press(http, LEFT)
                desk.join()
                desk.ends.append(len(desk.first.output))
                for viewer in desk.late:
                    viewer.reaches(desk.ends[-1])
        yield found
    finally:
        viewers = [viewer for desk in found.values() for viewer in (desk.first, *desk.late)]
        for viewer in viewers:
            viewer.over = True
        server.kill()
        for viewer in viewers:
            viewer.join(SECONDS)
        place.call("terminals", "--kill")


@pytest.fixture(scope="module")
def shown(desks: dict[str, Desk]) -> dict[str, list[Shown]]:
    return {
        name: [
            Shown(number, end, bytes(desk.first.output[:end]), viewer.painted(end))
            for end in desk.ends
            for number, viewer in enumerate(desk.late)
            if viewer.screen["offset"] <= end
        ]
        for name, desk in desks.items()
    }


@pytest.fixture(scope="module")
def reference(shown: dict[str, list[Shown]], tmp_path_factory: pytest.TempPathFactory) -> dict[bytes, dict[str, Any]]:
    """Return what another's terminal shows after each stream."""
    streams = list({stream for those in shown.values() for one in those for stream in (one.stream, one.painted)})
    asked = tmp_path_factory.mktemp("reference") / "asked.json"
    asked.write_bytes(msgspec.json.encode({"cols": COLS, "rows": ROWS, "streams": streams}))
    ran = run_node("screen.js", asked)
    assert ran.returncode == 0, ran.stderr
    return dict(zip(streams, msgspec.json.decode(ran.stdout), strict=True))


@pytest.fixture(params=PROGRAMS)
def name(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return name


@pytest.mark.timeout(300)
def test_who_comes_late_sees_what_another_terminal_makes_of_everything(
    name: str, shown: dict[str, list[Shown]], reference: dict[bytes, dict[str, Any]]
) -> None:
    for one in shown[name]:
        expected, actual = reference[one.stream], reference[one.painted]
        for member in expected:
            assert actual[member] == expected[member], (one.late, one.end, member)


@pytest.mark.timeout(300)
def test_who_comes_late_sees_what_our_terminal_makes_of_everything(name: str, shown: dict[str, list[Shown]]) -> None:
    for one in shown[name]:
        assert view(drawn(one.painted)) == view(drawn(one.stream)), (one.late, one.end)


@pytest.mark.timeout(300)
def test_the_program_was_seen_and_the_shell_is_back_behind_it(
    name: str, desks: dict[str, Desk], shown: dict[str, list[Shown]], reference: dict[bytes, dict[str, Any]]
) -> None:
    desk = desks[name]
    inside, behind = (reference[bytes(desk.first.output[:end])] for end in desk.ends)

    assert len(shown[name]) == 3 + 5
    assert [viewer.screen["exact"] for viewer in desk.late] == [True] * 5
    assert (inside["type"], inside["title"]) == ("alternate", desk.played.title)
    assert behind["type"] == "normal"
    assert {"before", "behind"} <= {"".join(cell[0] for cell in row).strip() for row in behind["rows"]}


def drawn(stream: bytes) -> Core:
    core = Core(COLS, ROWS)
    core.write(stream)
    return core
