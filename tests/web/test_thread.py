"""From the login to the prompt, and what becomes of a page when the server goes and the line is bad."""

import re
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.servers import Place, Server, history, new_session
from tests.web.line import line_to
from tests.web.stage import Visitor, axe, overflow, send, wait_live

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.timeout(90)


def shown(page: Page) -> str:
    """Return what the transcript shows."""
    return page.get_by_role("log").inner_text()


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^n(\d+)$", text, re.MULTILINE)]


def counting(first: int, last: int, pause: float = 0.01) -> str:
    """Return a command that prints n1, n2, …; one process, so that it is quick."""
    program = f"import time\nfor n in range({first}, {last + 1}): print(f'n{{n}}', flush=True); time.sleep({pause})"
    return f'{sys.executable} -c "{program}"'


@pytest.fixture
def session(place: Place, server: Server) -> str:
    del server
    with place.client() as owner:
        return new_session(owner, title="The one")


def test_a_login_url_logs_in_once_and_leaves_nothing_behind(browser: Browser, place: Place, server: Server) -> None:
    del server
    with place.client() as owner:
        url = owner.post("/api/login-codes").json()["url"]
    visitor = Visitor(browser, place)
    page = visitor.context.new_page()
    page.goto(url)
    expect(page).to_have_url(re.compile("/sessions$"))
    wait_live(page)
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    stranger = Visitor(browser, place)

    other = stranger.context.new_page()
    other.goto(url)
    expect(other.get_by_role("alert")).not_to_be_empty()
    other.get_by_label("Token").fill(place.token)
    other.get_by_role("button", name="Log in").click()
    expect(other).to_have_url(re.compile("/sessions$"))

    assert url.partition("#")[2] not in kept + page.url
    assert place.token not in kept + page.content()
    visitor.close()
    stranger.close()


def test_a_page_without_a_login_leads_to_it(browser: Browser, place: Place, server: Server) -> None:
    del server
    visitor = Visitor(browser, place)

    page = visitor.open("/settings")

    expect(page).to_have_url(re.compile("/login$"))
    visitor.close()


def test_a_session_made_elsewhere_appears_and_takes_a_prompt(visit: Visit, place: Place) -> None:
    page = visit().live("/sessions")
    with place.client() as owner:
        new_session(owner, title="From elsewhere")
    page.get_by_role("main").get_by_text("From elsewhere").click()
    wait_live(page)

    send(page, "echo hello; echo there")
    expect(page.get_by_role("log")).to_contain_text("hello\nthere", use_inner_text=True)
    before = shown(page)
    page.reload()

    expect(page.get_by_role("log")).to_contain_text("there")
    assert shown(page) == before
    assert before.count("hello\nthere") == 1


def test_nothing_is_lost_or_doubled_when_the_server_is_killed_and_comes_back(
    visit: Visit, place: Place, server: Server, session: str
) -> None:
    page = visit().live(f"/session/{session}")
    send(page, counting(1, 2000))
    expect(page.get_by_role("log")).to_contain_text("n30\n", use_inner_text=True)

    server.kill()
    expect(page.locator(".connection")).to_contain_text("reconnecting")
    again = place.start()
    wait_live(page)
    send(page, counting(5001, 5010))
    expect(page.get_by_role("log")).to_contain_text("n5010", use_inner_text=True)

    with place.client() as owner:
        told = "".join(event["content"] for event in history(owner, session) if event["type"] == "session-output")
    page.reload()  # shows all of the newest page of the history
    expect(page.get_by_role("log")).to_contain_text("n5010", use_inner_text=True)
    assert numbers(shown(page)) == numbers(told)[-len(numbers(shown(page))) :]
    again.stop()


def test_a_phone_shows_all_of_its_bar_while_the_server_is_gone(
    visit: Visit, place: Place, server: Server, session: str
) -> None:
    page = visit(device="phone").live(f"/session/{session}")
    page.set_viewport_size({"width": 360, "height": 740})

    server.kill()
    expect(page.get_by_role("button", name="Retry now")).to_be_visible()
    expect(page.get_by_role("link", name="Settings")).to_be_in_viewport(ratio=0.9)
    assert overflow(page) == []
    assert axe(page) == []
    again = place.start()
    page.get_by_role("button", name="Retry now").click()
    wait_live(page)

    again.stop()


def test_a_cut_and_a_stalled_line_are_noticed_and_made_good(browser: Browser, place: Place, session: str) -> None:
    with line_to(place.port) as line:
        visitor = Visitor(browser, place, url=line.url).log_in()
        page = visitor.live(f"/session/{session}")
        send(page, counting(1, 400, 0.02))
        expect(page.get_by_role("log")).to_contain_text("n20\n", use_inner_text=True)
        for _ in range(3):
            line.cut()
            page.wait_for_timeout(300)
        line.stall()  # no byte and no end: only the missing heartbeat tells
        expect(page.locator(".connection")).not_to_contain_text("live", timeout=20_000)
        line.flow()
        wait_live(page)
        expect(page.get_by_role("log")).to_contain_text("n400", use_inner_text=True)
        visitor.close()

    with place.client() as owner:
        told = "".join(event["content"] for event in history(owner, session) if event["type"] == "session-output")
    assert numbers(told) == list(range(1, 401))
