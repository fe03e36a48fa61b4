"""A browser for each module of tests of pages, and a server for each test."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.servers import Place, Server
from tests.web.stage import Visitor, chromium, need_chromium
from tests.wheels import build, install


# Not for the whole session: while it runs, playwright's event loop counts as running, and no other could.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need_chromium()
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what is tested: what a user installs; without CI that of the tree, which is there at once."""
    if "CI" not in os.environ:
        return Place.program
    return install(build(tmp_path_factory.mktemp("dist")), tmp_path_factory.mktemp("installed"))


@pytest.fixture
def place(tmp_path: Path, program: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    made.program = program
    yield made
    made.end_terminals()


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
