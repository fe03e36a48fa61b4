"""Sessions and projects in the browser: found, made, changed, put away; by keys, in two tabs."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import APIResponse, Browser, Locator, Page, Route, expect

from tests.servers import Place, Server, new_session, prompt, run_prompt
from tests.web.stage import Visitor, axe, wait_live

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.timeout(120)


def row(page: Page, title: str) -> Locator:
    return page.locator("[data-session]").filter(has_text=title)


def choose(page: Page, title: str, action: str) -> None:
    name = "More" if "/session/" in page.url else f"Actions: {title}"
    page.get_by_role("main").get_by_role("button", name=name).click()
    page.get_by_role("menuitem", name=action).click()


def test_a_newcomer_is_told_what_to_do_first(visit: Visit) -> None:
    page = visit().live()
    expect(page.get_by_text("not installed").first).to_be_visible()
    assert axe(page) == []

    page.get_by_role("button", name="Run a command").click()

    expect(page).to_have_url(re.compile("/session/"))
    expect(page.get_by_role("log")).to_contain_text("Hello from")


def test_an_answer_that_an_event_overtook_changes_nothing(visit: Visit, place: Place) -> None:
    """The list is told what a new session looks like when that is no longer true."""
    page = visit().live()
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append((route, route.fetch()))

    page.route("**/api/session/*", hold)
    with place.client() as owner:
        with page.expect_request("**/api/session/*"):
            session = new_session(owner, title="Overtaken")
        prompt(owner, session, "sleep 60")
        page.wait_for_timeout(1000)  # for the events to come; and a page that asks again meanwhile may do so
        [(route, answer)] = held
        route.fulfill(response=answer)
        page.wait_for_timeout(500)

        expect(row(page, "Overtaken")).to_contain_text("running")
        owner.delete(f"/api/session/{session}")


def test_keys_alone_lead_from_the_login_to_a_running_prompt(browser: Browser, place: Place, server: Server) -> None:
    del server
    (place.root / "harbour").mkdir()
    visitor = Visitor(browser, place)
    page = visitor.open("/login")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.insert_text(place.token)
    page.keyboard.press("Enter")
    wait_live(page)
    expect(page.get_by_role("button", name="New session")).to_be_visible()

    page.keyboard.press("c")
    expect(page.get_by_role("textbox", name="First prompt")).to_be_focused()
    page.keyboard.type("pwd; sleep 30")
    directory = page.get_by_role("combobox", name="Directory")
    for _ in range(9):
        page.keyboard.press("Tab")
        if directory.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.type("har")
    expect(page.get_by_role("option", name="harbour")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(directory).to_have_value(re.compile("harbour/$"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("log")).to_contain_text(f"{place.root}/harbour")
    expect(page.get_by_role("main").locator("header").first).to_contain_text("running")
    visitor.close()


def test_a_session_is_renamed_in_its_place_and_the_other_tab_shows_it(visit: Visit, place: Place) -> None:
    with place.client() as owner:
        new_session(owner, title="Before")
    visitor = visit()
    one, other = visitor.live(), visitor.live()
    row(one, "Before").get_by_role("link").focus()

    one.keyboard.press("F2")
    one.keyboard.type("After")
    one.keyboard.press("Enter")

    expect(row(other, "After")).to_be_visible()
    expect(row(one, "After").get_by_role("link")).to_be_focused()
    one.keyboard.press("F2")
    one.keyboard.type("Never")
    one.keyboard.press("Escape")
    expect(row(one, "After")).to_be_visible()


def test_archiving_can_be_undone_and_deleting_asks(visit: Visit, place: Place) -> None:
    with place.client() as owner:
        new_session(owner, title="Keep me")
        new_session(owner, title="Drop me")
    page = visit().live()

    row(page, "Keep me").get_by_role("link").focus()
    page.keyboard.press("e")
    expect(row(page, "Keep me")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "Keep me")).to_be_visible()
    choose(page, "Keep me", "Archive")
    page.get_by_role("checkbox", name="Archived").check()
    expect(row(page, "Keep me")).to_be_visible()
    expect(row(page, "Drop me")).to_have_count(0)
    page.get_by_role("checkbox", name="Archived").uncheck()

    choose(page, "Drop me", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(row(page, "Drop me")).to_be_visible()
    choose(page, "Drop me", "Delete")
    assert axe(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row(page, "Drop me")).to_have_count(0)


def test_a_session_is_duplicated_forked_and_moved(visit: Visit, place: Place) -> None:
    (place.root / "deck").mkdir()
    with place.client() as owner:
        session = new_session(owner, title="The ship")
        run_prompt(owner, session, "echo ahoy")
        owner.post("/api/projects", json={"name": "Fleet", "rootDir": "deck"})
    page = visit().live(f"/session/{session}")
    expect(page.get_by_role("log")).to_contain_text("ahoy")

    choose(page, "The ship", "Fork")
    page.get_by_role("dialog").get_by_role("button", name="Fork").click()
    expect(page).not_to_have_url(re.compile(session))
    expect(page.get_by_role("log")).to_contain_text("ahoy")
    page.goto(f"{place.url}/session/{session}")
    choose(page, "The ship", "Duplicate")
    expect(page).not_to_have_url(re.compile(session))
    page.goto(f"{place.url}/session/{session}")
    choose(page, "The ship", "Move")
    page.get_by_role("combobox", name="Project", exact=True).select_option("Fleet")
    page.get_by_role("dialog").get_by_role("button", name="Move").click()

    expect(page.get_by_role("main").locator("header").first).to_contain_text(f"{place.root}/deck")


def test_a_refused_directory_is_told_at_its_field(visit: Visit, place: Place) -> None:
    del place
    page = visit().live()
    page.get_by_role("button", name="New session").click()
    page.get_by_role("combobox", name="Directory").fill("/etc")

    page.get_by_role("button", name="Make it").click()

    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("/etc")
    expect(page.get_by_role("combobox", name="Directory")).to_have_attribute("aria-invalid", "true")


def test_projects_are_made_changed_and_deleted_and_their_sessions_stay(visit: Visit, place: Place) -> None:
    (place.root / "quay").mkdir()
    page = visit().live()
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name").fill("Quay")
    page.get_by_role("combobox", name="Directory").fill("quay")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", level=1, name="Quay")).to_be_visible()
    page.get_by_role("button", name="New session").click()
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("main").locator("header").first).to_contain_text(f"{place.root}/quay")

    page.get_by_role("link", name="Towpath").click()
    page.get_by_role("link", name="Quay", exact=True).click()
    choose(page, "project Quay", "Change")
    page.get_by_label("Name").fill("Old quay")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1, name="Old quay")).to_be_visible()
    choose(page, "project Old quay", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page.get_by_role("heading", level=1, name="Sessions")).to_be_visible()
    expect(page.get_by_text("Its session stays")).to_be_visible()
    expect(row(page, "Untitled")).to_be_visible()


def test_what_was_said_is_found_and_shown(visit: Visit, place: Place) -> None:
    with place.client() as owner:
        run_prompt(owner, new_session(owner, title="One"), "echo a needle in a haystack")
        new_session(owner, title="Two")
    visitor = visit()
    page = visitor.live()
    expect(row(page, "Two")).to_be_visible()

    page.keyboard.press("/")
    page.keyboard.type("needle")
    expect(row(page, "Two")).to_have_count(0)
    expect(row(page, "One").locator("mark").first).to_have_text("needle")
    expect(page).to_have_url(re.compile(r"\?q=needle$"))
    assert axe(page) == []
    page.get_by_role("searchbox").fill("nowhere")
    page.get_by_role("button", name="Show all sessions").click()
    expect(row(page, "Two")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("haystack")
    expect(page.get_by_role("option", name="One")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="One")).to_be_visible()


def test_what_waits_stands_on_top_and_in_the_title_until_it_is_answered(visit: Visit, place: Place) -> None:
    visitor = visit()
    page = visitor.live()
    with place.client() as owner:
        asking = new_session(owner, mode="demo", title="Asks")
        new_session(owner, title="Idle")
        prompt(owner, asking, "Show me what you can do")
        expect(page.get_by_role("main").get_by_role("heading", name="Waiting for you")).to_be_visible()
        expect(page).to_have_title(re.compile(r"^\(1\) Sessions"))
        approval = owner.get(f"/api/session/{asking}/approvals").json()["approvals"][0]
        owner.post(f"/api/session/{asking}/approvals/{approval['approvalId']}", json={"approved": False})

    expect(page.get_by_role("main").get_by_role("heading", name="Waiting for you")).to_have_count(0)
    expect(page).to_have_title(re.compile("^Sessions"))


def test_a_list_survives_the_end_of_the_server(visit: Visit, place: Place, server: Server) -> None:
    with place.client() as owner:
        new_session(owner, title="Before")
    page = visit().live()
    expect(row(page, "Before")).to_be_visible()
    server.kill()
    expect(page.locator(".connection")).to_contain_text("reconnecting")
    choose(page, "Before", "Archive")
    expect(page.get_by_text("can't be reached")).to_be_visible()
    expect(row(page, "Before")).to_be_visible()

    again = place.start()
    with place.client() as owner:
        new_session(owner, title="After")

    wait_live(page)
    expect(row(page, "After")).to_be_visible()
    again.stop()
