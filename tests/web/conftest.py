"""A browser for each module of tests of pages, and a server for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.servers import Place, Server
from tests.web.stage import CHROMIUM, Visitor, chromium


# Not for the whole session: while it runs, playwright's event loop counts as running, and no other could.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the PATH")
    with chromium() as running:
        yield running


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def server(place: Place) -> Iterator[Server]:
    """Run a server; a test that kills it starts another itself."""
    with place.serving() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, place: Place, server: Server) -> Iterator[Callable[..., Visitor]]:
    """Return what makes a browser profile that is logged in; at the end all are closed, and had no faults."""
    del server  # runs
    visitors: list[Visitor] = []

    def make(**options: Any) -> Visitor:
        visitors.append(Visitor(browser, place, **options))
        return visitors[-1].log_in()

    yield make
    for visitor in visitors:
        visitor.close()
