"""Writes pictures of all pages to docs/screenshots: `make screenshots`. Look at them."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, expect

from tests.servers import Place, new_session, run_prompt
from tests.web.stage import SIZES, Device, Scheme, Visitor, chromium

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
DEVICES: tuple[Device, ...] = ("desktop", "phone")


def furnish(place: Place) -> dict[str, str]:
    """Fill a server with something to see; return the pages and where they are."""
    with place.client() as owner:
        for title in ("Sort the release notes", "Why does the nightly build fail?"):
            run_prompt(owner, new_session(owner, title=title), "echo done")
        session = new_session(owner, title="Count the lines of each module")
        run_prompt(owner, session, "mkdir -p src && seq 12 > src/a.txt && seq 30 > src/b.txt && wc -l src/*")
        run_prompt(owner, session, "ls missing")
    return {"sessions": "/sessions", "session": f"/session/{session}", "settings": "/settings"}


def picture(browser: Browser, place: Place, pages: dict[str, str]) -> None:
    for device in DEVICES:
        for scheme in SCHEMES:
            visitor = Visitor(browser, place, device=device, scheme=scheme).log_in()
            for name, path in pages.items():
                page = visitor.live(path)
                expect(page.get_by_role("heading", level=1)).to_be_visible()
                page.screenshot(path=FOLDER / f"{name}-{device}-{scheme}.png")
                page.close()
            visitor.close()


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, chromium() as browser:
        place = Place(Path(folder))
        with place.serving():
            picture(browser, place, furnish(place))
    sys.stdout.write(f"{len(SIZES) * len(SCHEMES)} looks of each page are in {FOLDER}\n")


if __name__ == "__main__":
    main()
