"""Five thousand sessions in a list: every one is found by scrolling, and few are in the page."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import expect

from domain.ids import SessionId
from infrastructure.eventlogs.sqlite import SqliteEventLog
from tests.eventlogs.stage import Owner
from tests.servers import Place, new_session
from tests.web.stage import Visitor, overflow

Visit = Callable[..., Visitor]
MANY = 5_000
YEAR_2020 = 1_577_836_800_000

# Scrolls to the end of a list, and returns all that was to be seen and how many rows there were at most.
SCROLL = """async many => {
    const list = document.querySelector(".list");
    const seen = new Set();
    let most = 0;
    for (let idle = 0; seen.size < many && idle < 600; idle++) {
        const rows = [...list.querySelectorAll("[data-session]")].map(row => row.dataset.session);
        most = Math.max(most, rows.length);
        const before = seen.size;
        rows.forEach(row => seen.add(row));
        if (seen.size > before) idle = 0;
        list.scrollBy(0, list.clientHeight * 0.9);
        await new Promise(resolve => requestAnimationFrame(resolve));
    }
    return { seen: [...seen], most };
}"""

pytestmark = pytest.mark.timeout(150)


def name(number: int) -> SessionId:
    return SessionId(f"session_{number:08}")


async def _fill(database: Path) -> None:
    async with SqliteEventLog.open(database, durability="process") as log:
        writes = []
        for number in range(MANY):
            owner = Owner(log, name(number))
            owner.now, owner.title = YEAR_2020 + number, f"Number {number}"
            writes.append(owner.create())
        await asyncio.gather(*writes)


@pytest.fixture
def place(place: Place) -> Place:
    place.data.mkdir(mode=0o700)
    with ThreadPoolExecutor() as other:  # playwright's event loop counts as running in this thread
        other.submit(asyncio.run, _fill(place.data / "towpath.db")).result()
    return place


def test_five_thousand_sessions_are_scrolled_through_while_things_happen(visit: Visit, place: Place) -> None:
    page = visit(device="phone").live()
    with place.client() as owner:
        expect(page.locator(f"[data-session={name(MANY - 1)}]")).to_be_visible()
        made = new_session(owner, title="Made meanwhile")
        owner.patch(f"/api/session/{name(0)}", json={"title": "Renamed meanwhile"}).raise_for_status()
        expect(page.get_by_role("main").get_by_text("Renamed meanwhile")).to_be_visible()

        found = page.evaluate(SCROLL, MANY + 1)

    assert set(found["seen"]) == {made, *(name(number) for number in range(MANY))}
    assert found["most"] < 80
    assert overflow(page) == []
