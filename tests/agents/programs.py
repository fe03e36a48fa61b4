"""Real agents, where `make agents` has installed them."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / ".agents"


def program(path: str) -> Path:
    """Return a program of those that were installed; skips the test where it was not."""
    agent = path.partition("/")[0]
    if not (FOLDER / agent / ".ready").exists():
        pytest.skip(f"{agent} is not installed: make agents AGENTS={agent}")
    return FOLDER / path
