"""Terminals in a browser: what is shown is what came, what is typed arrives once, and nothing answers by itself."""

import re
import shlex
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.servers import Place, Server, new_session
from tests.web.stage import Device, Scheme, Visitor, axe, overflow, wait_live

Visit = Callable[..., Visitor]
LOOKS: list[tuple[Device, Scheme]] = [("desktop", "light"), ("desktop", "dark"), ("phone", "light"), ("phone", "dark")]

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def terminal(place: Place, server: Server) -> str:
    del server
    return opened(place)


def opened(place: Place, **members: str) -> str:
    with place.client() as owner:
        answer = owner.post("/api/terminal", json=members)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["terminalId"])


def look(visitor: Visitor, terminal: str) -> Page:
    """Open a terminal and wait until it shows what is, and has the size of the page."""
    page = visitor.live(f"/terminal/{terminal}")
    shows(page, re.compile(r"[$#]"))
    return page


def run(page: Page, command: str) -> None:
    page.keyboard.type(command)
    page.keyboard.press("Enter")


def shows(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator(".xterm-rows")).to_contain_text(text)


def asking(queries: str) -> str:
    """Return a command that asks a terminal and prints how much it was answered within a second."""
    program = (
        "import os,select,sys,termios,tty\n"
        "old=termios.tcgetattr(0); tty.setraw(0)\n"
        f"os.write(1,{queries!r}.encode('latin-1')); got=b''\n"
        "while select.select([0],[],[],1.5)[0]: got+=os.read(0,4096)\n"
        "termios.tcsetattr(0,termios.TCSANOW,old)\n"
        "print('answered',got.count(b'\\x1b'),'times')\n"
    )
    return f"exec {sys.executable} -c {shlex.quote(program)}"


def test_what_is_typed_arrives_once_and_in_order_through_a_kill(visit: Visit, place: Place, server: Server) -> None:
    terminal = opened(place)
    page = look(visit(), terminal)

    run(page, "echo $((6*7))-first")
    shows(page, "42-first")
    server.kill()
    expect(page.locator(".connection")).not_to_contain_text("live")
    page.keyboard.type("echo while-away-$((1+1))")
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("There is no connection")
    with place.serving():
        wait_live(page)
        shows(page, "while-away-2")
        run(page, "seq -s, 300")
        shows(page, "298,299,300")
        expect(page.locator(".notice")).to_have_count(0)
        text = page.locator(".xterm-rows").inner_text()
        assert text.count("while-away-2") == 1
        page.reload()
        shows(page, "298,299,300")  # what was shown is there again
        assert page.locator(".xterm-rows").inner_text().count("while-away-2") == 1


def test_a_program_that_asks_is_answered_once_though_two_look(visit: Visit, terminal: str) -> None:
    visitor = visit()
    look(visitor, terminal)
    page = look(visitor, terminal)
    five = "\x1b[c\x1b[>c\x1b[5n\x1b[6n\x1b[?25$p"

    run(page, asking(five + "\x1b]52;c;aGk=\x07\x1b[18t\x1b[21t"))

    shows(page, "answered 5 times")


def test_the_smallest_viewer_counts_until_one_takes_control(visit: Visit, terminal: str) -> None:
    big = look(visit(), terminal)
    full = big.locator("header .count").inner_text()

    small = visit()
    page = small.context.new_page()
    page.set_viewport_size({"width": 700, "height": 500})
    page.goto(f"{small.url}/terminal/{terminal}")
    expect(big.locator(".notice")).to_contain_text("Another viewer limits the size")
    big.get_by_role("button", name="Take control").click()
    expect(big.locator("header .count")).to_have_text(full)
    expect(page.locator(".notice")).to_contain_text("Another viewer limits the size")
    big.get_by_role("button", name="Let all decide").click()
    expect(big.locator(".notice")).to_contain_text("Another viewer limits the size")

    page.close()
    expect(big.locator("header .count")).to_have_text(full)


def test_one_that_has_ended_is_still_read_and_can_be_closed(visit: Visit, place: Place, server: Server) -> None:
    del server
    with place.client() as owner:
        session = new_session(owner, title="Has a terminal")
    opened(place, sessionId=session)
    page = visit().live(f"/terminal/{session}")
    shows(page, re.compile(r"[$#]"))
    run(page, "echo last-$((2+3)); exit 3")
    expect(page.locator(".notice")).to_contain_text("exit code 3")

    page.reload()

    expect(page.locator(".notice")).to_contain_text("exit code 3")
    shows(page, "last-5")
    page.get_by_role("button", name="Terminal menu").click()
    page.get_by_role("menuitem", name="Close the terminal").click()
    page.get_by_role("button", name="Close it").click()
    expect(page).to_have_url(re.compile(f"/session/{session}$"))
    with place.client() as owner:
        assert owner.get("/api/terminals").json()["terminals"] == []


def test_keys_alone_search_leave_and_open_another(visit: Visit, terminal: str) -> None:
    page = look(visit(), terminal)
    run(page, "echo needle-$((7*11))")
    shows(page, "needle-77")

    page.keyboard.press("Control+Shift+F")
    page.keyboard.type("needle-77")
    expect(page.get_by_role("search")).to_contain_text("1 of 1")
    page.keyboard.press("Escape")
    run(page, "echo back")
    shows(page, "back")
    page.keyboard.press("Control+Shift+ArrowUp")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page).not_to_have_url(re.compile(terminal))
    expect(page.get_by_role("navigation", name="Terminals").get_by_role("link")).to_have_count(2)


def test_lines_are_pasted_after_a_question_and_none_ends_the_paste(visit: Visit, place: Place, server: Server) -> None:
    del server
    page = look(visit(), opened(place))
    run(page, "bind 'set enable-bracketed-paste off'; cat -v")
    shows(page, "cat -v")
    paste = """text => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text/plain", text);
        const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
        document.querySelector(".xterm-helper-textarea").dispatchEvent(event);
    }"""

    page.evaluate(paste, "one\nt\x1b[201~wo\n")
    dialog = page.get_by_role("dialog", name="Paste whole lines?")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Paste").click()

    shows(page, "t[201~wo")
    expect(page.locator(".xterm-rows")).not_to_contain_text("^[")


def test_on_a_phone_there_are_keys_and_a_field(visit: Visit, terminal: str) -> None:
    page = look(visit(device="phone"), terminal)
    field = page.get_by_label("Type into the terminal")

    field.fill("echo phone-$((8*8)); cat -v")
    page.keyboard.press("Enter")
    shows(page, "phone-64")
    page.get_by_role("button", name="Esc").tap()
    page.get_by_role("button", name="Up").tap()
    shows(page, "^[^[[A")
    page.get_by_role("button", name="Ctrl").tap()
    field.press_sequentially("c")
    field.fill("echo still-$((9*9))")
    page.keyboard.press("Enter")
    shows(page, "still-81")


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_terminals_are_accessible_and_fit(visit: Visit, terminal: str, device: Device, scheme: Scheme) -> None:
    page = look(visit(device=device, scheme=scheme), terminal)
    shows(page, re.compile(r"[$#]"))

    assert axe(page) == []
    assert overflow(page) == []
