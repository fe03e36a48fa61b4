"""The session page: what it shows, what can be done on it, by keys alone too."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.servers import Place, Server, history, new_session, prompt, run_prompt
from tests.web.stage import Device, Scheme, Visitor, axe, overflow, send, wait_live

Visit = Callable[..., Visitor]
LOOKS: list[tuple[Device, Scheme]] = [("desktop", "light"), ("desktop", "dark"), ("phone", "light"), ("phone", "dark")]
ANSWER = """<edit path="greet.py"><search>hello</search><replace>hello, world</replace></edit>
<write path="notes.md">
# Notes
</write>
<command>echo from the plan</command>
"""

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def session(place: Place, server: Server) -> str:
    del server
    with place.client() as owner:
        return new_session(owner, title="The one")


def transcript(page: Page) -> Locator:
    return page.get_by_role("log")


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Prompt")


def prompts(place: Place, session: str) -> list[dict[str, Any]]:
    with place.client() as owner:
        return [event for event in history(owner, session) if event["type"] == "command-sent"]


def demo(place: Place, what: str) -> str:
    """Begin a session of the demo; return it."""
    with place.client() as owner:
        session = new_session(owner, mode="demo", title="Demo")
        prompt(owner, session, what)
    return session


def plan(place: Place, session: str) -> None:
    (place.root / "greet.py").write_text("print('hello')\n")
    with place.client() as owner:
        owner.post(f"/api/session/{session}/operations/preview", json={"response": ANSWER}).raise_for_status()


def test_output_is_told_apart(visit: Visit, place: Place, session: str) -> None:
    with place.client() as owner:
        run_prompt(owner, session, r"printf '\033[1;31mred\033[0m \033]0;title\007plain\n'; echo oh >&2; exit 3")
    page = visit().live(f"/session/{session}")

    expect(transcript(page).locator(".fg-1.bold")).to_have_text("red")
    expect(transcript(page).locator(".item.output:not(.stderr) pre").first).to_have_text("red plain\n")
    expect(transcript(page).locator(".stderr")).to_have_text("stderr: oh\n")
    expect(transcript(page)).to_contain_text(re.compile(r"exit 3\s*[\d.]+ m?s"))


def test_prompts_queue_are_taken_back_steered_and_stopped_by_keys(visit: Visit, place: Place, session: str) -> None:
    page = visit().live(f"/session/{session}")
    send(page, "echo first; sleep 60")
    expect(transcript(page)).to_contain_text("first\n", use_inner_text=True)
    send(page, "echo second")
    queue = page.get_by_role("region", name="Queue")
    expect(queue).to_contain_text("1 prompt in the queue")
    page.get_by_role("button", name="Remove from the queue: echo second").press("Enter")
    expect(queue).to_have_count(0)
    expect(transcript(page)).to_contain_text("cancelled")

    field(page).fill("echo third; sleep 60")
    page.keyboard.press("Control+Enter")
    expect(transcript(page)).to_contain_text("third\n", use_inner_text=True)
    expect(transcript(page)).to_contain_text("Stopped")
    page.keyboard.press("Escape")

    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    assert [sent["delivery"] for sent in prompts(place, session)] == ["queue", "queue", "steer"]


def test_a_queue_that_a_restart_held_goes_on_when_told(
    visit: Visit, place: Place, server: Server, session: str
) -> None:
    page = visit().live(f"/session/{session}")
    send(page, "sleep 60")
    send(page, "echo kept")
    expect(page.get_by_role("region", name="Queue")).to_contain_text("echo kept")

    server.kill()
    again = place.start()
    wait_live(page)
    expect(page.get_by_role("region", name="Queue")).to_contain_text("Nothing runs until you say so")
    expect(transcript(page)).to_contain_text("Interrupted")
    page.get_by_role("button", name="Go on").click()

    expect(transcript(page)).to_contain_text("kept\n", use_inner_text=True)
    expect(page.get_by_role("region", name="Queue")).to_have_count(0)
    again.stop()


def test_files_are_named_by_keys_pasted_and_sent_along(visit: Visit, place: Place, server: Server) -> None:
    del server
    (place.root / "src").mkdir()
    (place.root / "src" / "main.py").write_text("print()\n")
    with place.client() as owner:
        session = new_session(owner, mode="demo")
    page = visit().live(f"/session/{session}")

    field(page).focus()
    page.keyboard.type("help with @s")
    expect(page.get_by_role("option", name="src/")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("option", name="src/main.py")).to_be_visible()
    page.keyboard.press("Enter")
    expect(field(page)).to_have_value("help with @src/main.py ")
    field(page).evaluate(
        """element => {
            const data = new DataTransfer();
            data.items.add(new File(["some notes"], "notes.txt", { type: "text/plain" }));
            const told = { clipboardData: data, bubbles: true, cancelable: true };
            element.dispatchEvent(new ClipboardEvent("paste", told));
        }"""
    )
    given = page.get_by_role("list", name="Goes with it")
    expect(given).to_contain_text("notes.txt")
    expect(given).not_to_contain_text("uploading")
    page.keyboard.press("Enter")

    expect(page.get_by_role("list", name="Given with it")).to_contain_text("src/main.py")
    expect(given).to_have_count(0)
    [sent] = prompts(place, session)
    assert [item.get("path") or item.get("name") for item in sent["context"]] == ["src/main.py", "notes.txt"]
    page.keyboard.press("ArrowUp")
    expect(field(page)).to_have_value("help with @src/main.py ")


def test_a_prompt_that_is_refused_stays_and_says_why(visit: Visit, place: Place, session: str) -> None:
    page = visit().live(f"/session/{session}")
    page.route("**/prompt", lambda route: route.abort())

    send(page, "echo once")
    expect(page.get_by_role("alert")).to_contain_text("can't be reached")
    expect(field(page)).to_have_value("echo once")
    page.unroute("**/prompt")
    field(page).press("Enter")

    expect(transcript(page)).to_contain_text("once\n", use_inner_text=True)
    assert len(prompts(place, session)) == 1


def test_questions_are_answered_by_keys_and_by_others(visit: Visit, place: Place, server: Server) -> None:
    del server
    session = demo(place, "ask")
    page = visit().live(f"/session/{session}")
    card = page.get_by_role("region", name="Waits for you")
    expect(card).to_contain_text("1 of 2")
    expect(page).to_have_title("(1) Demo · Towpath")
    field(page).focus()
    page.keyboard.type("a")  # is for the prompt: nothing is allowed by what somebody writes
    expect(card).to_contain_text("1 of 2")
    expect(card.get_by_role("button", name="Allow").first).to_be_enabled()

    page.keyboard.press("Alt+w")
    asked = card.locator(".command").inner_text()
    page.keyboard.press("a")
    expect(card).not_to_contain_text("of 2")
    expect(card.locator(".command")).not_to_have_text(asked)
    with place.client() as owner:
        [left] = owner.get(f"/api/session/{session}/approvals").json()["approvals"]
        owner.post(f"/api/session/{session}/approvals/{left['approvalId']}", json={"approved": False})

    expect(card).to_have_count(0)
    expect(page).to_have_title("Demo · Towpath")
    expect(transcript(page)).to_contain_text("allowed (Allow)")
    expect(transcript(page)).to_contain_text("rejected (Reject)")


def test_a_plan_is_reviewed_taken_in_part_and_undone(visit: Visit, place: Place, session: str) -> None:
    plan(place, session)
    page = visit().live(f"/session/{session}")
    page.get_by_role("button", name="Review").press("Enter")
    panel = page.get_by_role("complementary", name="Proposed changes")
    expect(panel.get_by_role("group", name="Changes of greet.py")).to_contain_text("hello, world")
    panel.get_by_role("checkbox", name="Take: run").uncheck()

    panel.get_by_role("button", name="Carry out 2").press("Enter")
    expect(panel).to_contain_text("Carried out")
    assert (place.root / "greet.py").read_text() == "print('hello, world')\n"
    (place.root / "greet.py").write_text("mine\n")
    panel.get_by_role("button", name="Undo").click()
    expect(panel.get_by_role("alert")).to_contain_text("greet.py")
    (place.root / "greet.py").write_text("print('hello, world')\n")
    panel.get_by_role("button", name="Undo").click()

    expect(panel).to_contain_text("Undone")
    assert (place.root / "greet.py").read_text() == "print('hello')\n"
    assert not (place.root / "notes.md").exists()
    panel.get_by_role("button", name="Close").press("Escape")
    expect(panel).to_have_count(0)


def test_a_plan_whose_file_changed_is_refused_and_says_why(visit: Visit, place: Place, session: str) -> None:
    plan(place, session)
    page = visit().live(f"/session/{session}")
    page.get_by_role("button", name="Review").click()
    panel = page.get_by_role("complementary", name="Proposed changes")
    expect(panel.get_by_role("group", name="Changes of greet.py")).to_be_visible()
    (place.root / "greet.py").write_text("changed meanwhile\n")

    panel.get_by_role("button", name="Carry out all").click()

    expect(panel.get_by_role("alert")).to_contain_text("Nothing was written")
    assert not (place.root / "notes.md").exists()


def test_all_of_a_session_is_searched_linked_and_copied(visit: Visit, place: Place, session: str) -> None:
    with place.client() as owner:
        run_prompt(owner, session, "echo a needle, the first")
        for _ in range(4):
            run_prompt(owner, session, "for i in $(seq 300); do echo hay $i; sleep 0.001; done")
        run_prompt(owner, session, "echo a needle, the last")
        first = next(event["seq"] for event in history(owner, session) if "first" in str(event.get("content")))
    visitor = visit()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.live(f"/session/{session}")

    expect(transcript(page)).to_contain_text("needle, the last")
    page.keyboard.press("Control+f")
    page.keyboard.type("NEEDLE")
    search = page.get_by_role("search")
    expect(search).to_contain_text("4 of 4")
    for _ in range(3):
        page.keyboard.press("Enter")
    expect(search).to_contain_text("1 of 4")
    expect(transcript(page)).to_contain_text("needle, the first")
    expect(transcript(page).locator(".current")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(transcript(page)).to_be_focused()
    page.keyboard.press("y")
    assert "needle, the first" in page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("u")
    expect(page.get_by_text("Link copied")).to_be_visible()
    assert re.fullmatch(rf".*/session/{session}#\d+", page.evaluate("navigator.clipboard.readText()"))

    linked = visitor.live(f"/session/{session}#{first}")
    expect(transcript(linked).locator(".current")).to_contain_text("needle, the first")
    linked.get_by_role("button", name="Jump to latest").click()
    expect(transcript(linked)).to_contain_text("needle, the last")
    linked.get_by_role("button", name="More").click()
    with linked.expect_download() as saved:
        linked.get_by_role("menuitem", name="Export as Markdown").click()
    assert "needle, the first" in Path(saved.value.path()).read_text()


def test_the_row_being_read_stays_while_much_arrives(visit: Visit, place: Place, session: str) -> None:
    with place.client() as owner:
        run_prompt(owner, session, "seq 1 3000")
    page = visit().live(f"/session/{session}")
    send(page, "for i in $(seq 3000); do echo more $i; echo >&2; sleep 0.002; done")
    expect(transcript(page)).to_contain_text(re.compile(r"more \d\d"))
    page.mouse.move(600, 300)
    page.mouse.wheel(0, -900)
    latest = page.get_by_role("button", name="Jump to latest")
    expect(latest).to_be_visible()
    page.wait_for_timeout(300)
    place_of = """() => {
        const rows = [...document.querySelectorAll(".items .item")];
        const row = rows.find(row => row.getBoundingClientRect().bottom > 200);
        return row && [row.dataset.seq, row.getBoundingClientRect().top];
    }"""
    page.wait_for_function(place_of)
    before = page.evaluate(place_of)
    expect(latest).to_contain_text(re.compile(r"\d\d\d?\+? new"))

    assert page.evaluate(place_of) == before
    latest.click()
    page.keyboard.press("Escape")
    expect(transcript(page)).to_contain_text("Stopped")


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_what_a_session_can_show_is_accessible_and_fits(
    visit: Visit, place: Place, session: str, device: Device, scheme: Scheme
) -> None:
    plan(place, session)
    with place.client() as owner:
        run_prompt(
            owner, session, r"for i in $(seq 0 7); do printf '\033[3${i}mone\033[0m \033[4${i}mtwo\033[0m '; done"
        )
    asking = demo(place, "tour")
    visitor = visit(device=device, scheme=scheme)
    page = visitor.live(f"/session/{asking}")
    expect(page.get_by_role("region", name="Waits for you")).to_be_visible()
    assert (axe(page), overflow(page)) == ([], [])
    page.get_by_role("button", name="Context").click()
    expect(page.get_by_role("complementary", name="Context")).to_contain_text("Written")
    assert (axe(page), overflow(page)) == ([], [])

    page = visitor.live(f"/session/{session}")
    expect(transcript(page)).to_contain_text("two")
    page.keyboard.press("Control+f")
    page.keyboard.type("one")
    expect(page.get_by_role("search")).to_contain_text("of ")
    assert (axe(page), overflow(page)) == ([], [])
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("complementary", name="Proposed changes")).to_contain_text("hello, world")
    assert (axe(page), overflow(page)) == ([], [])
