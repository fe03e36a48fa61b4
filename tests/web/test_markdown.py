"""Markdown of an agent that means harm, in a real browser: it neither scripts nor loads anything nor dresses up."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Route, expect

from tests.servers import Place, Server, new_session
from tests.web.stage import Visitor

HOSTILE = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    "![x](https://evil.example/?d=1)",
    "<svg onload='window.ran = 1'><script>window.ran = 1</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror='window.ran = 1'>",
    "<iframe srcdoc='<script>parent.ran = 1</script>'></iframe>",
    "<form action=https://evil.example><input name=x><button>Go</button></form>",
    "<style>* { display: none }</style><link rel=stylesheet href=https://evil.example>",
    "<p style='position:fixed' class='dialog button' id=root data-x=1 aria-label=y onclick='window.ran = 1'>x</p>",
    "<video src=x autoplay></video><object data=x></object><embed src=x><base href=https://evil.example>",
    "<a href='https://evil.example' ping='https://evil.example' onclick='window.ran = 1'>x</a>",
    "[x](javascript:window.ran=1) [x](data:text/html,x) [x](/api/logout) [x](file:///etc/passwd) [x](//evil.example)",
]
GOOD = "Some **bold** `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[site](https://example.org)\n\n```python\nprint('x')\n```\n\nEnd"
MAY_BE = {
    "A",
    "BLOCKQUOTE",
    "BR",
    "CODE",
    "DIV",
    "P",
    "PRE",
    "SPAN",
    "STRONG",
    "TABLE",
    "TBODY",
    "TD",
    "TH",
    "THEAD",
    "TR",
}
MAY_HAVE = {"href", "target", "rel", "title", "class"}


@pytest.fixture
def said(browser: Browser, place: Place, server: Server) -> Iterator[Callable[[list[str]], Locator]]:
    """Return what shows texts as an agent's messages."""
    del server
    visitor = Visitor(browser, place).log_in()
    with place.client() as owner:
        session = new_session(owner)

    def add(texts: list[str]) -> Callable[[Route], None]:
        def answer(route: Route) -> None:
            page = route.fetch().json()
            for seq, text in enumerate(texts, 2):
                message = {
                    "type": "agent-message",
                    "turnId": "turn-number-1",
                    "messageId": f"message-{seq}",
                    "text": text,
                }
                page["events"].append({**message, "sessionId": session, "seq": seq, "timestamp": 1})
            route.fulfill(json=page)

        return answer

    def show(texts: list[str]) -> Locator:
        page = visitor.context.new_page()
        page.route("**/history*", add([*texts, "The end"]))
        page.goto(f"{place.url}/session/{session}")
        log = page.get_by_role("log")
        expect(log).to_contain_text("The end")
        return log

    yield show
    visitor.context.close()  # not asked for faults: what is parsed to be cleaned, the policy of the page refuses too


def elements(log: Locator) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = log.evaluate(
        "log => [...log.querySelectorAll('.markdown > * *')].map(e => [e.tagName, e.getAttributeNames()])"
    )
    return found


def test_hostile_markdown_is_disarmed(said: Callable[[list[str]], Locator]) -> None:
    log = said(HOSTILE)

    assert {tag for tag, _ in elements(log)} <= MAY_BE
    assert {name for _, names in elements(log) for name in names} <= MAY_HAVE
    targets = log.evaluate("log => [...log.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    assert {target for target in targets if target} == {"https://evil.example"}
    assert log.evaluate("window.ran") is None


def test_good_markdown_keeps_its_form_and_its_links_take_nothing_along(said: Callable[[list[str]], Locator]) -> None:
    log = said([GOOD])

    assert {"STRONG", "TABLE", "PRE"} <= {tag for tag, _ in elements(log)}
    expect(log.locator("code.language-python .hljs-string")).to_have_text("'x'")
    link = log.get_by_role("link", name="site")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")
