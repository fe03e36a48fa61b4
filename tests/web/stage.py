"""A real browser before a real server: how tests open pages, log in, cut the line and look for faults."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

from tests.servers import Place

WEB = Path(__file__).parents[2] / "web"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
SECONDS = 15
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

Device = Literal["desktop", "phone"]
Scheme = Literal["light", "dark"]

expect.set_options(timeout=SECONDS * 1000)


def need_chromium() -> None:
    """Skip what takes a browser where there is none; fail in CI, where nobody reads what was skipped."""
    if CHROMIUM is None:
        (pytest.fail if "CI" in os.environ else pytest.skip)("there is no chromium on the PATH")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """One browser profile at one server: its pages share cookies, locks and channels, as tabs do."""

    def __init__(
        self, browser: Browser, place: Place, *, device: Device = "desktop", scheme: Scheme = "light", url: str = ""
    ) -> None:
        """*url* is where the server is found, if not directly: a Line's."""
        width, height = SIZES[device]
        self.place = place
        self.url = url or place.url
        self.faults: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce",  # axe measures contrasts, which a fade changes
            has_touch=device == "phone",
            is_mobile=device == "phone",
            device_scale_factor=1,
        )
        self.context.set_default_timeout(SECONDS * 1000)
        self.context.on("console", self._note)
        self.context.on("weberror", lambda error: self.faults.append(f"{error.error}"))

    def _note(self, message: ConsoleMessage) -> None:
        # What the network does is for the tests to cause; the rest of what a browser calls an error is a fault.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(message.text)

    def log_in(self, token: str = "") -> "Visitor":
        """Take a cookie, as the login page would get it; the owner's if no *token* is given."""
        answer = self.context.request.post(
            f"{self.url}/api/login", data={"token": token or self.place.token}, headers={"Origin": self.url}
        )
        assert answer.ok, answer.text()
        return self

    def open(self, path: str = "/sessions") -> Page:
        """Open a tab."""
        page = self.context.new_page()
        page.goto(self.url + path)
        return page

    def live(self, path: str = "/sessions") -> Page:
        """Open a tab and wait until it shows what is."""
        page = self.open(path)
        wait_live(page)
        return page

    def close(self) -> None:
        """End the profile; nothing in it may have gone wrong unseen, a broken content security policy included."""
        with suppress(Error):  # the browser may be gone
            self.context.close()
        assert not self.faults, self.faults


def wait_live(page: Page) -> None:
    expect(page.locator(".connection")).to_contain_text("live")


def send(page: Page, text: str) -> None:
    """Write a prompt and send it."""
    page.get_by_role("textbox", name="Prompt").fill(text)
    page.keyboard.press("Enter")


def axe(page: Page) -> list[str]:
    """Return what WCAG 2.2 AA and good practice forbid on the page as it is now."""
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate(
        "rules => axe.run({ runOnly: rules }).then(({ violations }) => violations)", AXE_RULES
    )
    return [f"{fault['id']}: {node['html']}" for fault in found for node in fault["nodes"]]


def overflow(page: Page) -> list[str]:
    """Return what reaches over the page's right edge, and is in nothing that scrolls or clips."""
    names: list[str] = page.evaluate(
        """() => {
            const loose = e => !e || e === document.body
                || (getComputedStyle(e).overflowX === "visible" && loose(e.parentElement));
            return [...document.querySelectorAll("body *")]
                .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && loose(e.parentElement))
                .map(e => e.outerHTML.slice(0, 120));
        }"""
    )
    return names


def wait_for_streams(owner: httpx.Client, count: int) -> None:
    """Wait until the server has so many streams: one that a client left ends a moment later."""
    deadline = monotonic() + SECONDS
    while (found := owner.get("/api/debug/metrics").json()["subscribers"]) != count:
        assert monotonic() < deadline, f"{found} streams, not {count}"
        sleep(0.05)
