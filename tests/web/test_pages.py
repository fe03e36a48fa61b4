"""Every page, as everybody needs it: reachable by keys, readable, narrow enough for a phone, quick to load."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

import api
from tests.servers import Place, Server, new_session, run_prompt
from tests.web.stage import Device, Scheme, Visitor, axe, overflow, wait_live

Visit = Callable[..., Visitor]
STATIC = Path(api.__file__).parent / "static"
KIB = 1024
PAGES = ["/sessions", "/session/{session}", "/settings"]
LOOKS: list[tuple[Device, Scheme]] = [("desktop", "light"), ("desktop", "dark"), ("phone", "light"), ("phone", "dark")]

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def session(place: Place, server: Server) -> str:
    del server
    with place.client() as owner:
        made = new_session(owner, title="A session with a rather long name, as its first prompt gave it")
        run_prompt(owner, made, "echo out; echo err >&2; false")
    return made


@pytest.mark.parametrize(("device", "scheme"), LOOKS)
def test_pages_are_accessible_and_fit(visit: Visit, session: str, device: Device, scheme: Scheme) -> None:
    visitor = visit(device=device, scheme=scheme)
    for path in PAGES:
        page = visitor.live(path.format(session=session))
        expect(page.get_by_role("heading", level=1)).to_be_visible()

        assert axe(page) == [], path
        assert overflow(page) == [], path
        if device == "desktop":
            page.keyboard.press("Control+k")
            expect(page.get_by_role("combobox", name="Find")).to_be_focused()
            assert axe(page) == [], f"{path}, palette"
        page.close()


def test_the_palette_finds_a_session_and_gives_the_focus_back(visit: Visit, session: str) -> None:
    page = visit().live("/settings")

    page.keyboard.press("Control+k")
    page.keyboard.type("rather long")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"/session/{session}$"))
    expect(page.get_by_role("textbox", name="Prompt")).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.press("Escape")
    expect(page.get_by_role("textbox", name="Prompt")).to_be_focused()


def test_a_composed_word_sends_nothing_and_a_draft_survives(visit: Visit, session: str) -> None:
    visitor = visit()
    page = visitor.live(f"/session/{session}")
    field = page.get_by_role("textbox", name="Prompt")
    field.focus()
    keyboard = visitor.context.new_cdp_session(page)
    keyboard.send("Input.imeSetComposition", {"text": "漢字", "selectionStart": 2, "selectionEnd": 2})
    code_of_an_ime = {"windowsVirtualKeyCode": 229, "key": "Enter", "code": "Enter"}
    keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **code_of_an_ime})
    keyboard.send("Input.insertText", {"text": "漢字"})
    expect(field).to_have_value("漢字")

    page.reload()

    wait_live(page)
    expect(field).to_have_value("漢字")
    expect(page.get_by_role("log")).not_to_contain_text("漢字")


def test_the_first_visit_to_a_session_is_small(visit: Visit, session: str) -> None:
    visitor = visit()
    scripts: set[str] = set()
    visitor.context.on("response", lambda answer: scripts.add(answer.url) if answer.url.endswith(".js") else None)

    visitor.live(f"/session/{session}")

    sizes = {url: gzipped(url.rpartition("/")[2]) for url in scripts}
    assert sizes
    assert sum(sizes.values()) < 150 * KIB, sizes


def gzipped(name: str) -> int:
    packed = STATIC / f"{name}.gz"
    return (packed if packed.exists() else STATIC / name).stat().st_size


def test_files_may_be_kept_for_ever_and_the_page_is_asked_for_anew(place: Place, server: Server) -> None:
    del server
    with place.client() as client:
        page = client.get("/sessions")
        script = re.findall(r'src="([^"]+)"', page.text)[0]
        plain, packed = (client.get(script, headers={"Accept-Encoding": accepted}) for accepted in ("identity", "br"))
        again = client.get("/sessions", headers={"If-None-Match": page.headers["etag"]})
        stamp = client.get("/static/source-sha256")

        assert "immutable" in plain.headers["cache-control"]
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "br"
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
        assert packed.headers["vary"] == "Accept-Encoding"
        assert (again.status_code, again.content) == (304, b"")
        assert stamp.status_code == 404
        assert client.get(f"{script}.br").status_code == 404
