"""Writes pictures of all pages to docs/screenshots: `make screenshots`, of some with `ARGS='session-review keys'`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Error, Page, expect

from tests.web.scenes import Harbour, Scene, harbour, scenes, show
from tests.web.stage import SIZES, Device, Scheme, Visitor, chromium

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
DEVICES: tuple[Device, ...] = ("desktop", "phone")


def take(page: Page, name: str, device: Device) -> None:
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_timeout(60)  # for colours that a script sets
        page.screenshot(path=FOLDER / f"{name}-{device}-{scheme}.png")


def newcomer(browser: Browser, at: Harbour) -> None:
    for device in DEVICES:
        visitor = Visitor(browser, at.place, device=device).log_in()
        page = visitor.live("/sessions")
        expect(page.get_by_role("button", name="Run a command")).to_be_visible()
        take(page, "sessions-empty", device)
        visitor.close()


def picture(browser: Browser, at: Harbour, wanted: list[Scene]) -> None:
    for device in DEVICES:
        visitors = {who: Visitor(browser, at.place, device=device) for who in ("owner", "reader", "nobody")}
        for visitor in visitors.values():
            visitor.context.set_default_timeout(3000)
        visitors["owner"].log_in()
        visitors["reader"].log_in(at.reader)
        for scene in wanted:
            if scene.device in ("", device):
                page = visitors[scene.who].context.new_page()
                try:
                    show(page, at.place, scene)
                except (AssertionError, Error) as error:
                    sys.stderr.write(f"{scene.name}, {device}: {str(error)[:300]}\n")
                take(page, scene.name, device)
                page.evaluate("localStorage.clear()")  # what was written is no draft of the next scene's
                page.close()
        for visitor in visitors.values():
            visitor.close()


def without_server(browser: Browser, at: Harbour) -> None:
    visitors = {device: Visitor(browser, at.place, device=device).log_in() for device in DEVICES}
    pages = {device: visitor.live(f"/session/{at['shell']}") for device, visitor in visitors.items()}
    for page in pages.values():
        expect(page.get_by_role("textbox", name="Prompt")).to_be_visible()
    at.server.kill()
    for device, page in pages.items():
        expect(page.locator(".connection")).to_contain_text("reconnecting")
        page.get_by_role("textbox", name="Prompt").fill("make test")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        take(page, "session-offline", device)
    for visitor in visitors.values():
        visitor.close()


def main(names: list[str]) -> None:
    expect.set_options(timeout=5000)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="towpath-") as folder, chromium() as browser, harbour(Path(folder)) as at:
        if not names or "sessions-empty" in names:
            newcomer(browser, at)
        at.furnish()
        picture(browser, at, [scene for scene in scenes(at) if not names or scene.name in names])
        if not names or "session-offline" in names:
            without_server(browser, at)
    sys.stdout.write(f"{len(SIZES) * len(SCHEMES)} looks of each page are in {FOLDER}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
