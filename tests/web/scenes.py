"""A server with something on every page, and every page, panel and dialog of it: for pictures and for axe."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from typing import Literal

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.servers import SECONDS, Place, new_session, prompt, run_prompt
from tests.web.stage import wait_live

STORY = Path(__file__).with_name("story.py")
CONFIG = f"""\
[agents.pilot]
protocol = "acp"
title = "Pilot"
command = {[sys.executable, str(STORY), "--pace", "0"]}

[[rules]]
effect = "ask"
command = "git push *"
"""
TITLES = (
    "Why does the nightly build fail?",
    "Sort the release notes by what users see first, and leave out what only we care about",
    "Port the tide tables to the new format",
    "Count the lines of each module",
    "Draw the lock gates",
)
PROJECTS = {
    "harbour": "Harbour",
    "log": "Lock keeper's log and all that was written beside it since",
    "tides": "Tide tables",
}
PLAN = """\
<edit path="gates.py"><search>return "closed"</search><replace>return "closed" if level < 4 else "open"</replace></edit>
<write path="docs/gates.md">
# Gates

They close by themselves when the water is low.
</write>
<edit path="missing.py"><search>nothing</search><replace>something</replace></edit>
<command>python -m pytest tests/test_gates.py -q</command>
"""
GATES = (
    'LIMIT = 4\n\n\ndef state(level: int) -> str:\n    """Say whether the gates are closed."""\n    return "closed"\n'
)
COLOURS = (
    r"""for i in 1 2 3 4 5 6; do printf '\033[3%dm■■■■\033[0m \033[9%dm■■■■\033[0m  ' $i $i; done; echo; """
    r"""for i in $(seq 16 51); do printf '\033[48;5;%dm  ' $i; done; printf '\033[0m\n'; ls -la --color=always /"""
)


class Harbour:
    """What the server holds, by name."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.server = place.start()
        self.reader = ""
        self.ids: dict[str, str] = {}

    def furnish(self) -> None:
        """Fill it; one session's queue is held by a restart before the rest is made."""
        root = self.place.root
        with self.place.client() as owner:
            self.ids["held"] = new_session(owner, title="Dredge the basin")
            prompt(owner, self.ids["held"], "sleep 600")
            prompt(owner, self.ids["held"], "make dredge DEPTH=4")
            prompt(owner, self.ids["held"], "make report")
        self.server.kill()
        self.server = self.place.start()
        (root / "harbour").mkdir()
        (root / "harbour" / "gates.py").write_text(GATES)
        repository(root / "harbour")
        with self.place.client() as owner:
            self._fill(owner)

    def _fill(self, owner: httpx.Client) -> None:
        ids = self.ids
        projects = []
        for folder, name in PROJECTS.items():
            (self.place.root / folder).mkdir(exist_ok=True)
            answer = owner.post("/api/projects", json={"name": name, "rootDir": folder})
            assert answer.is_success, answer.text
            projects.append(answer.json()["projectId"])
        ids["project"] = projects[1]
        for number, title in enumerate(TITLES):
            made = new_session(owner, title=title, **({"projectId": projects[number % 3]} if number < 4 else {}))
            run_prompt(owner, made, f"echo {title}")
        ids["shell"] = new_session(owner, title="Which modules are the largest?", projectId=projects[0])
        run_prompt(owner, ids["shell"], "git log --oneline --color=always | head -3; git status --short")
        run_prompt(owner, ids["shell"], "seq 400 | sed 's/$/ a line of a long output/'")
        run_prompt(owner, ids["shell"], "cat no-such-file; exit 3")
        ids["asks-shell"] = new_session(owner, title="Push the release", projectId=projects[0])
        prompt(owner, ids["asks-shell"], "git push --tags origin main")
        ids["review"] = new_session(owner, title="Close the gates at low water", projectId=projects[0])
        owner.post(f"/api/session/{ids['review']}/operations/preview", json={"response": PLAN}).raise_for_status()
        ids["changes"] = new_session(owner, title="Rename the locks", projectId=projects[0], isolation="worktree")
        change = "sed -i 's/LIMIT = 4/LIMIT = 5/' gates.py; echo new > levels.txt; rm README.md"
        run_prompt(owner, ids["changes"], change)
        ids["error"] = new_session(owner, title="Fetch the forecast", mode="demo")
        prompt(owner, ids["error"], "error")
        ids["big"] = new_session(owner, title="A long answer", mode="demo")
        run_prompt(owner, ids["big"], "big")
        ids["story"] = new_session(owner, title="Mend the nightly build", mode="pilot", projectId=projects[0])
        context = [{"path": "gates.py"}]
        said = "The nightly build fails in the tests of retry. Find out why, mend it, and push the branch."
        body = {"command": said, "context": context}
        owner.post(f"/api/session/{ids['story']}/prompt", json=body).raise_for_status()
        ids["running"] = new_session(owner, title="Watch the tide", projectId=projects[2])
        prompt(owner, ids["running"], "for i in $(seq 5); do echo tide $i; done; sleep 900")
        prompt(owner, ids["running"], "echo then this")
        ids["empty"] = new_session(owner, title="")
        terminal = owner.post("/api/terminal", json={"sessionId": ids["shell"]}).json()["terminalId"]
        ids["terminal"] = terminal
        typed = {"clientId": "a-picture", "seq": 1, "data": f"clear; {COLOURS}\n"}
        owner.post(f"/api/terminal/{terminal}/input", json=typed).raise_for_status()
        ended = owner.post("/api/terminal", json={"sessionId": ids["running"]}).json()["terminalId"]
        ids["ended"] = ended
        typed = {"clientId": "a-picture", "seq": 1, "data": "echo bye; exit 2\n"}
        owner.post(f"/api/terminal/{ended}/input", json=typed).raise_for_status()
        for name in ("Phone", "The build's, with a rather long name, so that nobody takes it for another"):
            made = owner.post("/api/tokens", json={"name": name, "scope": "read"}).json()
            self.reader = str(made["secret"])

    def __getitem__(self, name: str) -> str:
        return self.ids[name]


def repository(folder: Path) -> None:
    (folder / "README.md").write_text("# Harbour\n")
    git = ["git", "-c", "user.name=Keeper", "-c", "user.email=keeper@harbour.example", "-C", str(folder)]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "Begin with the gates"]):
        run([*git, *words], check=True, timeout=SECONDS)


@contextmanager
def harbour(folder: Path, program: Path = Place.program) -> Iterator[Harbour]:
    """Run a server that is not furnished yet; at the end nothing of it is left."""
    (folder / "towpath.toml").write_text(CONFIG)
    place = Place(folder, TOWPATH_CONFIG=str(folder / "towpath.toml"))
    place.program = program
    made = Harbour(place)
    try:
        yield made
    finally:
        if made.server.running:
            made.server.kill()
        place.end_terminals()


Who = Literal["owner", "reader", "nobody"]


@dataclass(frozen=True)
class Scene:
    """A page and what is done on it before it is looked at."""

    name: str
    path: str
    act: Callable[[Page], object] = lambda _: None
    who: Who = "owner"
    device: Literal["desktop", "phone", ""] = ""


def scenes(at: Harbour) -> list[Scene]:
    """Return all there is to see on a furnished server."""
    session = "/session/"
    return [
        Scene("login", "/login", who="nobody"),
        Scene("login-refused", "/login", refused_login, who="nobody"),
        Scene("sessions", "/sessions", row),
        Scene("sessions-project", f"/sessions?projectId={at['project']}"),
        Scene("sessions-filtered", "/sessions?status=idle&mode=shell", row),
        Scene("sessions-search", "/sessions?q=nightly", row),
        Scene("sessions-nothing", "/sessions?q=nowhere"),
        Scene("sessions-archived", "/sessions?archived=true"),
        Scene("sessions-menu", "/sessions", row_menu),
        Scene("sessions-renaming", "/sessions", renaming),
        Scene(
            "sessions-sidebar",
            "/sessions",
            lambda page: page.get_by_role("button", name="Sessions").click(),
            device="phone",
        ),
        Scene("sessions-reader", "/sessions", row, who="reader"),
        Scene("new-session", "/sessions", new),
        Scene("new-session-completion", "/sessions", completing),
        Scene("new-session-refused", "/sessions", refused),
        Scene("new-project", "/sessions", new_project),
        Scene("rename", session + at["shell"], chooses("Rename…")),
        Scene("fork", session + at["shell"], chooses("Fork…")),
        Scene("move", session + at["shell"], chooses("Move…")),
        Scene("delete", session + at["changes"], chooses("Delete…")),
        Scene("session-menu", session + at["shell"], lambda page: more(page).click()),
        Scene("session-shell", session + at["shell"], says("cat no-such-file")),
        Scene("session-empty", session + at["empty"]),
        Scene("session-agent", session + at["story"], waits),
        Scene("session-agent-top", session + at["story"], top),
        Scene("session-plan", session + at["story"], plan),
        Scene("session-editing", session + at["asks-shell"], editing),
        Scene("session-review", session + at["review"], reviews),
        Scene("session-changes", session + at["changes"], changes),
        Scene("session-context", session + at["story"], context),
        Scene("session-find", session + at["story"], finds),
        Scene("session-held", session + at["held"], says("Interrupted")),
        Scene("session-running", session + at["running"], typing),
        Scene("session-mention", session + at["story"], mentioning),
        Scene("session-error", session + at["error"], says("You asked for an error")),
        Scene("session-long", session + at["big"], scrolled),
        Scene("session-reader", session + at["story"], waits, who="reader"),
        Scene("session-missing", session + "nosuchsession00000000000000"),
        Scene("terminal", f"/terminal/{at['terminal']}", screen),
        Scene("terminal-find", f"/terminal/{at['terminal']}", terminal_find),
        Scene("terminal-ended", f"/terminal/{at['ended']}"),
        Scene("terminal-none", f"/terminal/{at['empty']}"),
        Scene("terminal-reader", f"/terminal/{at['terminal']}", screen, who="reader"),
        Scene("settings", "/settings", heading),
        Scene("settings-tokens", "/settings", into_view("Tokens")),
        Scene("settings-rules", "/settings", into_view("Remembered")),
        Scene("settings-about", "/settings", into_view("About")),
        Scene("settings-new-token", "/settings", lambda page: page.get_by_role("button", name="New token").click()),
        Scene("palette", "/sessions", palette, device="desktop"),
        Scene("palette-search", "/sessions", searching),
        Scene("keys", "/sessions", keys, device="desktop"),
    ]


def heading(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def row(page: Page) -> None:
    expect(page.locator("[data-session]").first).to_be_visible()


def more(page: Page) -> Locator:
    return page.get_by_role("main").get_by_role("button", name="More", exact=True)


def chooses(item: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        more(page).click()
        page.get_by_role("menuitem", name=item).click()
        expect(page.get_by_role("dialog")).to_be_visible()

    return act


def says(text: str) -> Callable[[Page], None]:
    return lambda page: expect(page.get_by_role("log")).to_contain_text(text)


def into_view(title: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.get_by_role("heading", name=re.compile(title)).first.evaluate("element => element.scrollIntoView()")

    return act


def refused_login(page: Page) -> None:
    page.get_by_label("Token").fill("twp_not-the-token")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def row_menu(page: Page) -> None:
    row(page)
    page.get_by_role("main").get_by_role("button", name=re.compile("^Actions: (?!project)")).nth(3).click()


def renaming(page: Page) -> None:
    page.locator("[data-session]").nth(4).get_by_role("link").focus()
    page.keyboard.press("F2")
    expect(page.locator(".entry input")).to_be_focused()


def new(page: Page) -> None:
    page.get_by_role("button", name="New session").click()
    expect(page.get_by_role("radio").first).to_be_visible()


def completing(page: Page) -> None:
    new(page)
    page.get_by_role("combobox", name="Directory").fill("har")
    expect(page.get_by_role("option", name="harbour", exact=True)).to_be_visible()


def refused(page: Page) -> None:
    new(page)
    page.get_by_role("combobox", name="Directory").fill("/etc")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()


def new_project(page: Page) -> None:
    page.get_by_role("button", name="New project").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def waits(page: Page) -> None:
    expect(page.get_by_role("region", name="Waits for you")).to_be_visible()
    page.wait_for_timeout(600)  # an answer to what was only just shown does not count


def top(page: Page) -> None:
    waits(page)
    page.get_by_role("log").focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("log")).to_contain_text("nightly build fails in the tests")
    page.get_by_role("button", name=re.compile("^(Thought|Thinks)")).click()
    page.get_by_role("button", name=re.compile("^(Thought|Thinks)")).blur()


def plan(page: Page) -> None:
    waits(page)
    page.get_by_role("region", name="Plan").get_by_role("button").click()


def editing(page: Page) -> None:
    waits(page)
    page.get_by_role("button", name="Edit", exact=True).click()


def reviews(page: Page) -> None:
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("complementary", name="Proposed changes")).to_contain_text("gates.py")


def changes(page: Page) -> None:
    more(page).click()
    page.get_by_role("menuitem", name="Changed files").click()
    panel = page.get_by_role("complementary", name="Changed files")
    panel.get_by_role("button", name="gates.py").click()
    expect(panel).to_contain_text("LIMIT = 5")


def context(page: Page) -> None:
    page.get_by_role("button", name="Context").click()
    expect(page.get_by_role("complementary", name="Context")).to_contain_text("Given")


def finds(page: Page) -> None:
    waits(page)
    page.keyboard.press("Control+f")
    page.keyboard.type("retry")
    expect(page.get_by_role("search")).to_contain_text("of ")


def typing(page: Page) -> None:
    says("tide 5")(page)
    page.get_by_role("textbox", name="Prompt").fill("echo a prompt\necho of two lines")


def mentioning(page: Page) -> None:
    waits(page)
    page.get_by_role("textbox", name="Prompt").press_sequentially("Look at @")
    expect(page.get_by_role("option", name="gates.py")).to_be_visible()


def scrolled(page: Page) -> None:
    says("Chapter 40")(page)
    page.get_by_role("log").focus()
    page.keyboard.press("PageUp")
    expect(page.get_by_role("button", name="Jump to latest")).to_be_visible()


def screen(page: Page) -> None:
    expect(page.locator(".xterm-rows")).to_contain_text("bin")


def terminal_find(page: Page) -> None:
    screen(page)
    page.keyboard.press("Control+Shift+f")
    page.keyboard.type("root")


def palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Find")).to_be_focused()


def searching(page: Page) -> None:
    palette(page)
    page.keyboard.type("night")
    expect(page.get_by_role("dialog").get_by_role("option").first).to_be_visible()


def keys(page: Page) -> None:
    row(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def show(page: Page, place: Place, scene: Scene) -> None:
    """Bring a scene onto a page."""
    page.goto(place.url + scene.path)
    if scene.who != "nobody":
        wait_live(page)
        expect(page.locator("main > *").first).to_be_visible()
    scene.act(page)
