"""Every page, panel and dialog with something in it: readable in any light, within the page, on a narrow phone too."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.web.scenes import Harbour, harbour, scenes, show
from tests.web.stage import Device, Scheme, Visitor, axe, overflow

# What the tests of each page do not look at themselves.
LOOKED_AT = {
    "login-refused", "sessions-menu", "sessions-renaming", "sessions-sidebar", "new-session-refused", "new-project",
    "rename", "fork", "move", "delete", "session-changes", "session-held", "session-running", "session-mention",
    "session-error", "session-editing", "session-missing", "terminal-ended", "settings-new-token", "keys",
}  # fmt: skip
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
NARROW = 360

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Iterator[Harbour]:
    with harbour(tmp_path_factory.mktemp("harbour"), program) as furnished:
        furnished.furnish()
        yield furnished


@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_nothing_is_unreadable_or_out_of_the_page(browser: Browser, at: Harbour, device: Device) -> None:
    visitors = {who: Visitor(browser, at.place, device=device) for who in ("owner", "reader", "nobody")}
    visitors["owner"].log_in()
    visitors["reader"].log_in(at.reader)
    pages = {who: visitor.context.new_page() for who, visitor in visitors.items()}
    wrong: dict[str, list[str]] = {}

    for scene in scenes(at):
        if scene.name not in LOOKED_AT or scene.device not in ("", device):
            continue
        page = pages[scene.who]
        page.set_viewport_size(
            {"width": 1280, "height": 800} if device == "desktop" else {"width": NARROW, "height": 740}
        )
        show(page, at.place, scene)
        for scheme in SCHEMES if device == "desktop" else SCHEMES[:1]:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if found := axe(page) + overflow(page):
                wrong[f"{scene.name}, {scheme}"] = found
        page.evaluate("localStorage.clear()")  # no draft of one scene stands in the next

    assert wrong == {}
    for visitor in visitors.values():
        visitor.close()
