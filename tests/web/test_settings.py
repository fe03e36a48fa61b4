"""Settings in the browser: tokens, remembered answers, theme, notifications; what a token that may only read sees."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.servers import Place, Server, new_session, prompt
from tests.web.stage import Visitor, axe, overflow, wait_live

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.timeout(90)


def test_a_token_is_shown_once_works_and_is_revoked(visit: Visit, browser: Browser, place: Place) -> None:
    page = visit().live("/settings")
    page.get_by_role("button", name="New token").click()
    page.get_by_label("Name").fill("Phone")
    page.get_by_role("dialog").get_by_role("button", name="Make it").click()
    secret = page.get_by_role("textbox", name="Token").input_value()
    assert axe(page) == []
    page.get_by_role("button", name="I have kept it").click()
    expect(page.get_by_role("button", name="Revoke Phone")).to_be_visible()
    assert secret not in page.content() + page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    other = Visitor(browser, place)
    elsewhere = other.open("/login")
    elsewhere.get_by_label("Token").fill(secret)
    elsewhere.get_by_role("button", name="Log in").click()
    wait_live(elsewhere)

    page.get_by_role("button", name="Revoke Phone").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()

    expect(page.get_by_role("button", name="Revoke Phone")).to_have_count(0)
    elsewhere.goto(f"{place.url}/settings")
    expect(elsewhere).to_have_url(re.compile("/login$"))
    other.close()


def test_a_remembered_answer_is_listed_and_forgotten(visit: Visit, place: Place) -> None:
    page = visit().live("/settings")
    with place.client() as owner:
        session = new_session(owner, mode="demo", title="Asks")
        prompt(owner, session, "Show me what you can do")
        expect(page.get_by_role("navigation", name="Sessions").get_by_text("Waiting for you")).to_be_visible()
        approval = owner.get(f"/api/session/{session}/approvals").json()["approvals"][0]
        option = next(
            each["optionId"] for each in approval["options"] if each["kind"] in ("allow-session", "allow-project")
        )
        answer = {"approved": True, "optionId": option}
        assert owner.post(f"/api/session/{session}/approvals/{approval['approvalId']}", json=answer).is_success

    forget = page.get_by_role("button", name="Forget").first
    forget.click()

    expect(page.get_by_role("button", name="Forget")).to_have_count(0)


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_settings_are_accessible_with_something_in_them(visit: Visit, place: Place, device: str) -> None:
    with place.client() as owner:
        session = new_session(owner, title="A very long title " * 8)
        owner.post("/api/tokens", json={"name": "n" * 80, "scope": "session", "sessionId": session})
    page = visit(device=device, scheme="dark").live("/settings")
    expect(page.get_by_text("only “A very long title")).to_be_visible()
    expect(page.get_by_text("ready", exact=True)).to_be_visible()

    assert axe(page) == []
    assert overflow(page) == []


def test_who_may_only_read_is_offered_nothing_else(browser: Browser, place: Place, server: Server) -> None:
    del server
    with place.client() as owner:
        new_session(owner, title="Look at me")
        secret = owner.post("/api/tokens", json={"name": "reader", "scope": "read"}).json()["secret"]
    visitor = Visitor(browser, place)
    page = visitor.open("/login")
    page.get_by_label("Token").fill(secret)
    page.keyboard.press("Enter")
    wait_live(page)

    page.get_by_role("button", name="Actions: Look at me").click()
    assert page.get_by_role("menuitem").all_inner_texts() == ["Export as Markdown", "Export as JSON"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="New session")).to_have_count(0)
    expect(page.get_by_role("button", name="New project")).to_have_count(0)
    page.keyboard.press("c")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto(f"{place.url}/settings")
    expect(page.get_by_text("may only read", exact=False).first).to_be_visible()
    expect(page.get_by_role("button", name="New token")).to_have_count(0)
    visitor.close()


def test_a_notification_tells_what_waits_while_nobody_looks(visit: Visit, place: Place) -> None:
    visitor = visit()
    visitor.context.grant_permissions(["notifications"])
    visitor.context.add_init_script(
        """window.Notification = class {
            static permission = "granted"; static requestPermission = async () => "granted";
            constructor(title, options) { document.documentElement.dataset.told = `${title}: ${options.body}`; } };
        document.hasFocus = () => false;"""
    )
    page = visitor.live("/settings")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("button", name="Turn off")).to_be_visible()

    with place.client() as owner:
        prompt(owner, new_session(owner, mode="demo", title="Asks"), "Show me what you can do")

    expect(page.locator("html")).to_have_attribute("data-told", "Asks: Waits for your answer")
    page.get_by_label("Theme").select_option("dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
