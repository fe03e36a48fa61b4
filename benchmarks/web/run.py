"""What the pages cost a browser: opening a session of many events, reading in it while more arrive, terminal output.

    make bench-web                                              12 minutes; writes docs/performance.md
    make bench-web ARGS="--events 5000 --seconds 3 --runs 2"    does it run? Nothing is written

A real server, an agent in a process of its own, Debian's chromium without a window.
"""

import argparse
import itertools
import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, time
from typing import Any

import uvloop
from msgspec.structs import replace
from playwright.sync_api import Browser, CDPSession, Page, expect

from api.settings import Settings
from api.wiring import open_core
from benchmarks.machine import description
from benchmarks.web.work import NEEDLE, piece_of_work
from contracts.codec import encode
from contracts.events import CommandSent, Event, SessionCreated, SessionOutput, TurnCompleted, TurnStarted
from domain.ids import SessionId, make_id
from domain.owner import SNAPSHOT_EVENTS
from domain.state import apply, begin, listing
from infrastructure.agents.updates import Translation
from infrastructure.datadir import DataDir
from infrastructure.terminals.census import end_holder, list_holders
from tests.servers import Place, prompt
from tests.web.stage import Visitor, chromium, wait_live

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
PROBE = Path(__file__).with_name("probe.js")
BEGIN, END = "<!-- figures: make bench-web -->", "<!-- end of figures -->"
WHOLE_EVENTS, WHOLE_SECONDS, WHOLE_RUNS = 100_000, 30, 5  # what less says is not written
MODE = "worker"
FIRST_ROW = 3  # the first prompt's: its turn-started
UPDATES_PER_SECOND = 900  # some 500 events: pieces of one message that come together are joined
EVENT_MS = 50  # between two events of the log
TERMINAL_BYTES = 5 * 2**20
SETTLE_MS = 1_500
FIELDS = ".items .item"
MIB = 2**20
PROMPT = re.compile(r"[$#]")


# --- the place ---------------------------------------------------------------


def make_place(folder: Path) -> Place:
    command = json.dumps([sys.executable, "-m", "benchmarks.web.agent"])
    (folder / "towpath.toml").write_text(f'[agents.{MODE}]\nprotocol = "acp"\ncommand = {command}\n')
    return Place(folder, TOWPATH_CONFIG=str(folder / "towpath.toml"), TOWPATH_HEARTBEAT_SECONDS="15")


async def fill(place: Place, count: int) -> str:
    """Make a session of *count* events in the log itself."""
    session_id = SessionId(make_id())
    began = int(time() * 1000) - count * EVENT_MS
    created = SessionCreated(
        session_id=session_id, seq=1, timestamp=began, mode=MODE, working_dir=str(place.root), title="A long session"
    )
    state = begin(created)
    settings = Settings(data_dir=place.data, roots=(place.root,))
    with closing(DataDir(settings.data_dir)) as data_dir:
        async with open_core(settings, data_dir) as core:
            await core.log.append(session_id, [created], expected_seq=0, listing=listing(state))
            for number in itertools.count():
                seq = state.seq
                events = [
                    replace(event, session_id=session_id, seq=at, timestamp=began + at * EVENT_MS)
                    for at, event in enumerate(turn(number), seq + 1)
                ]
                for event in events:
                    state = apply(state, event)
                kept = encode(state) if state.seq // SNAPSHOT_EVENTS > seq // SNAPSHOT_EVENTS else None
                await core.log.append(session_id, events, expected_seq=seq, listing=listing(state), snapshot=kept)
                if state.seq >= count:
                    break
    return session_id


def turn(number: int) -> Iterator[Event]:
    turn_id = f"turn_{number:08d}"
    yield CommandSent(turn_id=turn_id, command=f"Please do part {number}", delivery="queue")
    yield TurnStarted(turn_id=turn_id)
    translation = Translation()
    translation.begin(turn_id)
    for update in piece_of_work(number):
        if update["sessionUpdate"] == "output":
            call = update["toolCallId"]
            yield SessionOutput(turn_id=turn_id, tool_call_id=call, stream="stdout", content=update["text"])
        else:
            yield from translation.events([update])
    yield TurnCompleted(turn_id=turn_id, stop_reason="end")


# --- what is measured --------------------------------------------------------

Figures = dict[str, float]


@contextmanager
def visiting(browser: Browser, place: Place) -> Iterator[Visitor]:
    visitor = Visitor(browser, place).log_in()
    visitor.context.add_init_script(path=PROBE)
    yield visitor
    visitor.close()


def devtools(visitor: Visitor, page: Page) -> CDPSession:
    session = visitor.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Performance.enable")
    return session


class Counter:
    """Counts what a tab is sent besides the page's own files."""

    def __init__(self, session: CDPSession, url: str) -> None:
        self.bytes = 0
        self._own: dict[str, bool] = {}
        self._url = url
        session.on("Network.requestWillBeSent", self._begin)
        session.on("Network.dataReceived", self._receive)

    def _begin(self, told: Any) -> None:
        self._own[told["requestId"]] = not told["request"]["url"].startswith(f"{self._url}/api/")

    def _receive(self, told: Any) -> None:
        if not self._own.get(told["requestId"], True):
            self.bytes += told["dataLength"]


def opening(visitor: Visitor, path: str, *, shows: str = FIELDS, text: str = "") -> Figures:
    """Open a tab; tell when it shows something, how much of that was not spent on files, and what it was sent."""
    page = visitor.context.new_page()
    counter = Counter(devtools(visitor, page), visitor.url)
    page.goto(visitor.url + path, wait_until="commit")
    told = page.evaluate("([selector, text]) => probe.whenPainted(selector, text)", [shows, text])
    wait_live(page)
    page.wait_for_timeout(SETTLE_MS / 3)  # what comes at once when it is open counts too
    page.close()
    return {"whole": told["painted"], "own": told["painted"] - told["files"], "KiB": counter.bytes / 1024}


def openings(browser: Browser, place: Place, path: str, runs: int, **what: str) -> tuple[list[Figures], list[Figures]]:
    """Open it in *runs* new profiles, and once more in each, when the files are in its cache."""
    cold, warm = [], []
    for _ in range(runs):
        with visiting(browser, place) as visitor:
            cold.append(opening(visitor, path, **what))
            warm.append(opening(visitor, path, **what))
    return cold, warm


def searching(visitor: Visitor, session: str) -> Figures:
    """Tell how long it takes to find what only the first turn has, all of the session being searched for it."""
    page = visitor.live(f"/session/{session}")
    page.wait_for_timeout(SETTLE_MS)
    page.evaluate("probe.watch()")
    began = perf_counter()
    page.keyboard.press("Control+f")
    page.keyboard.insert_text(NEEDLE)
    page.locator(f"{FIELDS}.current", has_text=NEEDLE).wait_for(timeout=60_000)
    figures = {"ms": (perf_counter() - began) * 1000, **page.evaluate("probe.watched()")}
    page.close()
    return figures


def heap(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize")) / MIB


def window(page: Page, seconds: float, sample: str) -> Figures:
    page.evaluate(f"probe.watch({sample})")
    page.wait_for_timeout(seconds * 1000)
    figures: Figures = page.evaluate("probe.watched()")
    return figures


class Following(dict[str, list[Figures]]):
    """What was seen while events arrived: at the end, and while somebody read above it."""

    heaps: list[float]
    loaded: Figures
    rate: float


def follow(browser: Browser, place: Place, session: str, *, seconds: float, runs: int) -> Following:
    """Page up through the whole session, then have events arrive: by turns at the end and reading above."""
    found = Following(end=[], above=[])
    with visiting(browser, place) as visitor, place.client() as owner:
        page = visitor.live(f"/session/{session}")
        session_of = devtools(visitor, page)
        page.wait_for_timeout(SETTLE_MS)
        page.mouse.move(700, 300)
        page.mouse.wheel(0, -3_000)  # leaves the end
        page.evaluate("probe.watch()")
        took = page.evaluate("seq => probe.scrollUpTo(seq)", FIRST_ROW)
        found.loaded = {"seconds": took / 1000, **page.evaluate("probe.watched()")}
        found.heaps = [heap(session_of)]
        page.get_by_role("button", name="Jump to latest").click()

        def head() -> int:
            return int(owner.get(f"/api/session/{session}").json()["cursor"].rpartition(".")[2])

        prompt(owner, session, str(UPDATES_PER_SECOND))
        page.wait_for_timeout(2 * SETTLE_MS)
        before, began = head(), perf_counter()
        for _ in range(runs):
            found["end"].append(window(page, seconds, "probe.end"))
            page.mouse.move(700, 300)
            page.mouse.wheel(0, -3_000)
            page.wait_for_timeout(SETTLE_MS)
            found["above"].append(window(page, seconds, "probe.reading()"))
            found.heaps.append(heap(session_of))
            page.get_by_role("button", name="Jump to latest").click()
            page.wait_for_timeout(SETTLE_MS)
        found.rate = (head() - before) / (perf_counter() - began)
        expect(page.locator(".connection")).to_contain_text("live")
        owner.post(f"/api/session/{session}/cancel", json={}).raise_for_status()
    return found


def terminal_output(browser: Browser, place: Place, runs: int) -> tuple[list[Figures], list[Figures]]:
    """Write 5 MiB into a terminal that is looked at, then look at it anew."""
    line = b"\x1b[3%dm%07d\x1b[0m the quick brown fox jumps over the lazy dog \x1b[1mand back\x1b[0m\r\n"
    data = b"".join(line % (number % 8, number) for number in range(TERMINAL_BYTES // len(line % (0, 0))))
    (place.root / "output").write_bytes(data)
    shown, before = [], []
    for run in range(runs):
        with visiting(browser, place) as visitor, place.client() as owner:
            answer = owner.post("/api/terminal", json={})
            answer.raise_for_status()
            path = f"/terminal/{answer.json()['terminalId']}"
            page = visitor.live(path)
            expect(page.locator(".xterm-rows")).to_contain_text(PROMPT)
            page.keyboard.type(f"cat {shlex.quote(str(place.root / 'output'))}; printf 'the-%s-%s' end {run}")
            page.wait_for_timeout(SETTLE_MS)
            page.evaluate("probe.watch()")
            began = page.evaluate("performance.now()")
            page.keyboard.press("Enter")
            drawn = page.evaluate("text => probe.whenPainted('.xterm-rows', text)", f"the-end-{run}")
            shown.append({"ms": drawn["painted"] - began, **page.evaluate("probe.watched()")})
            page.close()
            before.append(opening(visitor, path, shows=".xterm-rows", text=f"the-end-{run}"))
    for holding in list_holders(place.data):
        end_holder(place.data, holding.terminal_id)
    return shown, before


# --- the report --------------------------------------------------------------


def told(runs: list[Figures], name: str, digits: int = 0) -> str:
    """Return the median and the worst of some runs."""
    values = sorted(one[name] for one in runs)
    worst = values[0] if name == "fps" else values[-1]
    return f"{median(values):.{digits}f} ({worst:.{digits}f})"


def table(head: str, rows: list[list[str]]) -> str:
    columns = head.split("|")
    return "\n".join(["| " + " | ".join(row) + " |" for row in [columns, ["---"] * len(columns), *rows]])


def report(browser: Browser, place: Place, session: str, *, events: int, seconds: float, runs: int) -> str:
    machine = f"{description()}, chromium {browser.version}, load {os.getloadavg()[0]:.1f} at the start"
    parts: list[str] = []

    def say(text: str) -> None:
        parts.append(text)
        print(f"\n{text}", flush=True)

    say(f"Medians of {runs} runs, the worst in brackets.")
    path = f"/session/{session}"
    cold, warm = openings(browser, place, path, runs)
    _, linked = openings(browser, place, f"{path}#{events // 2}", runs, shows=f"{FIELDS}.current")
    rows = [
        [name, told(found, "own"), told(found, "whole"), told(found, "KiB")]
        for name, found in (("cold", cold), ("warm", warm), ("warm, by a link to the middle", linked))
    ]
    say(table(f"opening a session of {events:,} events|after its files, ms|whole, ms|fetched, KiB", rows))
    with visiting(browser, place) as visitor:
        found = [searching(visitor, session) for _ in range(runs)]
    say(
        f"Find, what only the first turn has, through all {events:,}: {told(found, 'ms')} ms, the longest task "
        f"{told(found, 'longest')} ms."
    )
    following = follow(browser, place, session, seconds=seconds, runs=runs)
    loaded = following.loaded
    say(
        f"Paged up through all {events:,}: {loaded['seconds']:.1f} s, {loaded['fps']:.1f} frames a second, p99 "
        f"{loaded['p99']:.1f} ms, {loaded['long']:.0f} long tasks, the longest {loaded['longest']:.0f} ms."
    )
    rows = [
        [name, *(told(one, figure, 1) for figure in ("fps", "p99", "slowest")), told(one, "long"), told(one, "longest"),
         told(one, "moved", 1)]
        for name, one in (("at the end", following["end"]), ("reading above", following["above"]))
    ]  # fmt: skip
    say(
        table(
            f"{following.rate:.0f} events a second, {seconds:.0f} s each|frames a second|p99 frame, ms|slowest, ms"
            "|long tasks|longest, ms|moved, px",
            rows,
        )
    )
    say(f"Heap after collection, MiB: {', '.join(f'{one:.1f}' for one in following.heaps)}.")
    shown, before = terminal_output(browser, place, runs)
    rows = [
        ["looked at", told(shown, "ms"), told(shown, "long"), told(shown, "longest"), ""],
        ["opened afterwards", f"{told(before, 'own')} after its files", "", "", told(before, "KiB")],
    ]
    say(table("5 MiB of terminal output|until drawn, ms|long tasks|longest, ms|fetched, KiB", rows))
    return "\n\n".join([f"{machine}, {os.getloadavg()[0]:.1f} at the end", *parts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=WHOLE_EVENTS)
    parser.add_argument("--seconds", type=float, default=60, help="of each look at what arrives; two in each run")
    parser.add_argument("--runs", type=int, default=WHOLE_RUNS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = make_place(Path(folder).resolve())
        session = uvloop.run(fill(place, options.events))  # before playwright has a loop of its own at work
        with place.serving(), chromium() as browser:
            figures = report(browser, place, session, events=options.events, seconds=options.seconds, runs=options.runs)
    if options.events >= WHOLE_EVENTS and options.seconds >= WHOLE_SECONDS and options.runs >= WHOLE_RUNS:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{figures}\n\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
