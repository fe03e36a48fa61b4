"""What the pages' code does without a browser, and what both sides are held to."""

import subprocess

from tests.node_tools import NODE
from tests.web.folds import FOLDS, render
from tests.web.stage import WEB


def test_the_folds_are_those_of_the_domain() -> None:
    assert FOLDS.read_bytes() == render(), "run python -m tests.web.folds"


def test_the_units_of_the_pages_pass() -> None:
    ended = subprocess.run(
        [NODE, "node_modules/vitest/vitest.mjs", "run"],
        cwd=WEB,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
