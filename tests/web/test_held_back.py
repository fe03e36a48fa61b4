"""What pages show where something is held back: by the line, by the token, by what is no longer kept."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.servers import Place, Server, new_session, run_prompt
from tests.web.line import line_to
from tests.web.stage import Visitor, axe, send, wait_for_streams, wait_live

pytestmark = pytest.mark.timeout(120)


def opened(place: Place, **members: str) -> str:
    with place.client() as owner:
        return str(owner.post("/api/terminal", json=members).raise_for_status().json()["terminalId"])


def type_into(place: Place, terminal: str, text: str) -> None:
    with place.client() as owner:
        body = {"clientId": "the-test", "seq": 1, "data": f"{text}\r"}
        owner.post(f"/api/terminal/{terminal}/input", json=body).raise_for_status()


def run(page: Page, command: str) -> None:
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type(command)
    page.keyboard.press("Enter")


def log_in(browser: Browser, place: Place, **token: str) -> tuple[Visitor, Page]:
    with place.client() as owner:
        secret = owner.post("/api/tokens", json={"name": "guest", **token}).raise_for_status().json()["secret"]
    visitor = Visitor(browser, place)
    page = visitor.open("/login")
    page.get_by_label("Token").fill(secret)
    page.keyboard.press("Enter")
    wait_live(page)
    return visitor, page


@pytest.mark.usefixtures("server")
def test_a_terminal_on_a_stalled_line_says_so_and_has_all_when_it_flows_again(browser: Browser, place: Place) -> None:
    terminal = opened(place)
    with line_to(place.port) as line:
        visitor = Visitor(browser, place, url=line.url).log_in()
        page = visitor.live(f"/terminal/{terminal}")
        screen = page.locator(".xterm-rows")
        expect(screen).to_contain_text(re.compile(r"[$#]"))
        run(page, "echo before-$((6*7))")
        expect(screen).to_contain_text("before-42")

        line.stall()  # no byte and no end: only the missing heartbeat tells
        run(page, "echo typed-$((6*7))")
        type_into(place, terminal, "echo meanwhile-$((6*7))")
        expect(page.locator(".connection")).not_to_contain_text("live", timeout=20_000)
        line.flow()

        wait_live(page)
        for word in ("meanwhile-42", "typed-42"):
            expect(screen).to_contain_text(word)
            assert screen.inner_text().count(word) == 1
        visitor.close()


@pytest.mark.usefixtures("server")
def test_a_token_for_one_session_shows_that_and_nothing_beside_it(browser: Browser, place: Place) -> None:
    with place.client() as owner:
        session, other = new_session(owner, title="Shared"), new_session(owner, title="Private")
        visitor, page = log_in(browser, place, scope="session", sessionId=session)
        expect(page).to_have_url(re.compile(f"/session/{session}$"))
        again = visitor.live(f"/session/{session}")

        run_prompt(owner, session, "echo said-$((6*7))")
        for tab in (page, again):
            expect(tab.get_by_role("log")).to_contain_text("said-42")
        wait_for_streams(owner, 1)
        page.close()
        run_prompt(owner, session, "echo later-$((6*7))")
        expect(again.get_by_role("log")).to_contain_text("later-42")
        assert axe(again) == []

        again.goto(f"{place.url}/session/{other}")
        expect(again.get_by_text("There is no session", exact=False).first).to_be_visible()
        expect(again.get_by_text("Private")).to_have_count(0)
    visitor.close()


@pytest.mark.usefixtures("server")
def test_who_may_only_read_sees_a_session_and_its_terminal_live_and_changes_neither(
    browser: Browser, place: Place
) -> None:
    with place.client() as owner:
        session = new_session(owner, title="Watched")
        terminal = opened(place, sessionId=session)
        visitor, page = log_in(browser, place, scope="read")
        page.goto(f"{place.url}/session/{session}")
        wait_live(page)
        run_prompt(owner, session, "echo told-$((6*7))")
        expect(page.get_by_role("log")).to_contain_text("told-42")
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_disabled()

        page.goto(f"{place.url}/terminal/{terminal}")
        wait_live(page)
        expect(page.get_by_text("This token may only look.")).to_be_visible()
        run(page, "echo not-$((6*7))")
        type_into(place, terminal, "echo shown-$((6*7))")
        expect(page.locator(".xterm-rows")).to_contain_text("shown-42")
        expect(page.locator(".xterm-rows")).not_to_contain_text("not-")
        assert axe(page) == []
    visitor.close()


def test_a_page_whose_place_is_no_longer_kept_shows_what_is(browser: Browser, place: Place, server: Server) -> None:
    with line_to(place.port) as line:
        visitor = Visitor(browser, place, url=line.url).log_in()
        with place.client() as owner:
            session = new_session(owner, title="Trimmed")
            run_prompt(owner, session, "echo first-$((6*7))")
            page = visitor.live(f"/session/{session}")
            expect(page.get_by_role("log")).to_contain_text("first-42")
            line.stall()
            line.cut()
            for number in range(5):
                run_prompt(owner, session, f"echo away-{number}-$((6*7))")
        server.stop()
        place.environment["TOWPATH_RETENTION_BYTES"] = "1000"
        with place.serving(), place.client() as owner:
            status = f"/api/session/{session}/events/status"
            while owner.get(status).json()["earliest"].endswith(".0"):  # the retention begins when the server does
                page.wait_for_timeout(20)
            line.flow()

            wait_live(page)
            expect(page.get_by_role("log")).to_contain_text("away-4-42")
            expect(page.get_by_role("log")).not_to_contain_text("first-42")
            send(page, "echo on-$((6*7))")
            expect(page.get_by_role("log")).to_contain_text("on-42")
            assert page.get_by_role("log").inner_text().count("away-4-42") == 1
            visitor.close()
