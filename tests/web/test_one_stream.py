"""Many tabs, one stream: everything that they show comes by one connection, and none waits for another."""

import re
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.servers import Place, Server, new_session, prompt, run_prompt
from tests.web.stage import Visitor, wait_for_streams, wait_live

Visit = Callable[..., Visitor]
SESSIONS = 9
FLOOD_LINES = 150_000

pytestmark = pytest.mark.timeout(120)


def terminal(place: Place) -> str:
    with place.client() as owner:
        return str(owner.post("/api/terminal", json={}).raise_for_status().json()["terminalId"])


def run(page: Page, command: str) -> None:
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.type(command)
    page.keyboard.press("Enter")


def screen(page: Page) -> str:
    return str(page.locator(".xterm-rows").inner_text())


def test_lists_sessions_and_terminals_in_twelve_tabs_take_one_connection(
    visit: Visit, place: Place, server: Server
) -> None:
    del server
    visitor, shell = visit(), terminal(place)
    with place.client() as owner:
        sessions = [new_session(owner, title=f"Session {number}") for number in range(SESSIONS)]
        pages = [visitor.live(f"/session/{session}") for session in sessions]
        lists, *terminals = [visitor.live(path) for path in ("/sessions", *[f"/terminal/{shell}"] * 2)]
        leader = pages.pop(0)

        def all_are_told(word: str) -> None:
            for session in sessions[1:]:
                prompt(owner, session, f"echo {word}-$((6*7))")
            run(terminals[-1], f"echo {word}-$((6*7))")
            new_session(owner, title=f"Made {word}")
            for page in pages:
                expect(page.get_by_role("log")).to_contain_text(f"{word}-42")
            for page in terminals:
                expect(page.locator(".xterm-rows")).to_contain_text(f"{word}-42")
            expect(lists.get_by_role("main")).to_contain_text(f"Made {word}")
            wait_for_streams(owner, 1)

        all_are_told("before")
        leader.close()
        run_prompt(owner, sessions[1], "echo between")  # nobody leads, or somebody has just begun to
        all_are_told("after")

    expect(pages[0].get_by_role("log")).to_contain_text("between")
    assert [page.get_by_role("log").inner_text().count("before-42") for page in pages] == [1] * len(pages)
    assert screen(terminals[0]) == screen(terminals[1])


def test_a_terminal_that_floods_loses_nothing_and_holds_up_no_session(
    visit: Visit, place: Place, server: Server
) -> None:
    del server
    visitor, shell = visit(), terminal(place)
    with place.client() as owner:
        session = new_session(owner, title="Elsewhere")
        page = visitor.live(f"/session/{session}")
        flooded = visitor.live(f"/terminal/{shell}")
        flooded.bring_to_front()
        expect(flooded.locator(".xterm-rows")).to_contain_text(re.compile("[$#]"))
        text = "f'{n:07} ' + 'flood ' * 10"
        run(flooded, f'{sys.executable} -c "for n in range({FLOOD_LINES}): print({text})"; echo over-$((6*7))')

        for number in range(5):
            prompt(owner, session, f"echo told-{number}-$((6*7))")
            expect(page.get_by_role("log")).to_contain_text(f"told-{number}-42", timeout=5_000)

        expect(flooded.locator(".xterm-rows")).to_contain_text("over-42", timeout=60_000)
        assert f"{FLOOD_LINES - 1:07}" in screen(flooded)
        wait_live(flooded)
        wait_for_streams(owner, 1)
