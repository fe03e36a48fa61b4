"""What people do on a session's page beside writing prompts: unfold, go to both ends, fork, export, drop files."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.servers import Place, Server, new_session, prompt, run_prompt
from tests.web.stage import Visitor, wait_live

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.timeout(90)

ASK = """\
[[rules]]
effect = "ask"
command = "touch *"
"""


@pytest.fixture
def place(place: Place, tmp_path: Path) -> Place:
    """Return a place where `touch` is asked for."""
    (tmp_path / "towpath.toml").write_text(ASK)
    place.environment["TOWPATH_CONFIG"] = str(tmp_path / "towpath.toml")
    return place


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Prompt")


def test_both_ends_are_reached_by_keys_however_quickly(visit: Visit, place: Place) -> None:
    with place.client() as owner:
        session = new_session(owner)
        run_prompt(owner, session, "echo the very first")
        for _ in range(3):
            run_prompt(owner, session, "for i in $(seq 300); do echo line $i; sleep 0.001; done")
        run_prompt(owner, session, "seq 60000 | sed 's/$/ of many/'")
        run_prompt(owner, session, "echo the very last")
    page = visit().live(f"/session/{session}")
    log = page.get_by_role("log")
    latest = page.get_by_role("button", name="Jump to latest")
    expect(log).to_contain_text("the very last\n", use_inner_text=True)
    log.focus()

    page.keyboard.press("Home")
    expect(log.get_by_text("echo the very first")).to_be_in_viewport()
    page.keyboard.press("End")
    expect(log.get_by_text("echo the very last")).to_be_in_viewport()
    for key in ("Home", "End", "Home", "End"):
        page.keyboard.press(key)
    expect(log.get_by_text("echo the very last")).to_be_in_viewport()
    expect(latest).to_have_count(0)
    with place.client() as owner:
        run_prompt(owner, session, "echo even later")
    expect(log.get_by_text("echo even later")).to_be_in_viewport()


def test_a_long_output_is_shown_in_part_and_then_whole(visit: Visit, place: Place) -> None:
    with place.client() as owner:
        session = new_session(owner)
        run_prompt(owner, session, "seq 60000 | sed 's/$/ of many/'")
    page = visit().live(f"/session/{session}")
    log = page.get_by_role("log")
    more = page.get_by_role("button", name=re.compile("more of this output")).first
    expect(log).to_contain_text("60000 of many")
    log.focus()
    for _ in range(100):
        if more.count():
            break
        page.keyboard.press("PageUp")
        page.wait_for_timeout(50)
    said = more.inner_text()

    more.press("Enter")

    expect(log.get_by_role("button", name=said)).to_have_count(0)


def test_a_session_is_forked_at_a_message_and_before_a_prompt(visit: Visit, place: Place) -> None:
    with place.client() as owner:
        session = new_session(owner, title="The trunk")
        for word in ("one", "two", "three"):
            run_prompt(owner, session, f"echo {word} | tr a-z A-Z")
    page = visit().live(f"/session/{session}")
    log = page.get_by_role("log")
    log.get_by_text("echo two").hover()

    page.locator(".item", has_text="echo two").get_by_role("button", name="Fork").click()
    expect(page.get_by_role("dialog")).to_contain_text("before this prompt")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    log.focus()
    page.keyboard.press("k")
    page.keyboard.press("k")
    expect(page.locator(".item.current")).to_contain_text("echo two")
    page.keyboard.press("f")
    page.get_by_role("dialog").get_by_role("button", name="Fork").press("Enter")

    expect(page).not_to_have_url(re.compile(session))
    expect(field(page)).to_have_value("echo two | tr a-z A-Z")
    expect(log).to_contain_text("ONE")
    expect(log).not_to_contain_text("TWO")


def test_a_transcript_is_exported_both_ways_and_copied_whole(visit: Visit, place: Place) -> None:
    with place.client() as owner:
        session = new_session(owner, title="Logbook")
        run_prompt(owner, session, "echo ahoy")
    visitor = visit()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.live(f"/session/{session}")
    main = page.get_by_role("main")

    saved: dict[str, str] = {}
    for kind in ("Export as Markdown", "Export as JSON"):
        main.get_by_role("button", name="More").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=kind).click()
        saved[kind] = Path(download.value.path()).read_text()
    main.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Copy all as Markdown").click()

    expect(page.get_by_text("copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == saved["Export as Markdown"]
    assert "ahoy" in saved["Export as Markdown"]
    events = [json.loads(line) for line in saved["Export as JSON"].splitlines()]
    assert "command-sent" in {event["type"] for event in events}


def test_dropped_files_go_with_a_prompt_and_drafts_stay_with_their_sessions(visit: Visit, place: Place) -> None:
    with place.client() as owner:
        one = new_session(owner, title="One")
        new_session(owner, title="Other")
    page = visit().live(f"/session/{one}")
    field(page).evaluate(
        """element => {
            const data = new DataTransfer();
            data.items.add(new File(["soundings"], "depths.txt", { type: "text/plain" }));
            element.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    given = page.get_by_role("list", name="Goes with it")
    expect(given).to_contain_text("depths.txt")
    page.get_by_role("button", name="Remove depths.txt").click()
    expect(given).to_have_count(0)

    field(page).fill("a draft of one")
    page.get_by_role("navigation", name="Sessions").get_by_role("link", name="Other").click()
    expect(page.get_by_role("heading", level=1, name="Other")).to_be_visible()
    expect(field(page)).to_have_value("")
    page.go_back()

    expect(field(page)).to_have_value("a draft of one")


def test_keys_alone_lead_from_the_login_to_an_answer(browser: Browser, place: Place, server: Server) -> None:
    del server
    with place.client() as owner:
        session = new_session(owner, mode="demo", title="Asks")
        prompt(owner, session, "ask")
    visitor = Visitor(browser, place)
    page = visitor.open("/login")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.insert_text(place.token)
    page.keyboard.press("Enter")
    wait_live(page)
    expect(page.get_by_role("main").get_by_role("heading", name="Waiting for you")).to_be_visible()

    page.keyboard.press("Control+k")
    page.keyboard.type("Asks")
    expect(page.get_by_role("option", name="Asks")).to_be_visible()
    page.keyboard.press("Enter")
    card = page.get_by_role("region", name="Waits for you")
    expect(card).to_contain_text("1 of 2")
    page.wait_for_timeout(700)  # an answer to what was only just shown does not count
    page.keyboard.press("Alt+w")
    page.keyboard.press("d")

    expect(card).not_to_contain_text("of 2")
    expect(page.get_by_role("log")).to_contain_text("rejected (Reject)")
    visitor.close()


def test_a_command_is_edited_before_it_runs_and_answers_are_remembered(visit: Visit, place: Place) -> None:
    with place.client() as owner:
        project = owner.post("/api/projects", json={"name": "Fleet", "rootDir": str(place.root)}).json()["projectId"]
        session = new_session(owner, title="Asks", projectId=project)
        prompt(owner, session, "touch first")
        page = visit().live(f"/session/{session}")
        card = page.get_by_role("region", name="Waits for you")
        card.get_by_role("button", name="Edit", exact=True).click()
        card.get_by_role("textbox", name="What shall run instead").fill("touch second")
        card.get_by_role("button", name="Allow once, as edited").click()
        expect(card).to_have_count(0)
        expect(page.get_by_role("log")).to_contain_text("Ran touch second")
        expect(page.get_by_role("main")).to_contain_text("idle")
        assert [path.name for path in place.root.iterdir()] == ["second"]

        prompt(owner, session, "touch third")
        card.get_by_role("button", name="Always allow in this project").click()
        expect(card).to_have_count(0)
        other = new_session(owner, projectId=project)
        run_prompt(owner, other, "touch third")  # unasked, in another session

    assert (place.root / "third").exists()


def test_a_session_is_made_in_a_project_and_a_worktree(visit: Visit, place: Place) -> None:
    git = ["git", "-C", str(place.root), "-c", "user.name=Keeper", "-c", "user.email=keeper@harbour.example"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "Begin"]):
        subprocess.run([*git, *words], check=True, timeout=30)
    with place.client() as owner:
        owner.post("/api/projects", json={"name": "Fleet", "rootDir": str(place.root)}).raise_for_status()
    page = visit().live()
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog")

    dialog.get_by_role("textbox", name="First prompt").fill("git branch --show-current; pwd")
    dialog.get_by_role("combobox", name="Project").select_option("Fleet")
    dialog.get_by_role("checkbox", name="In a git worktree of its own").check()
    dialog.get_by_role("button", name="Make it and send").click()

    log = page.get_by_role("log")
    expect(log).to_contain_text(str(place.data / "worktrees"))
