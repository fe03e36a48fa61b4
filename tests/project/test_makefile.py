"""The list of developer commands."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()

    listed = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[0].split())
    assert targets == phony
    assert set(re.findall(r"^make ([a-z-]+)", listed, re.MULTILINE)) == targets


def test_ci_runs_the_same_commands() -> None:
    script = (ROOT / ".ci/run").read_text()

    assert re.findall(r"^make \w+", script, re.MULTILINE) == ["make check", "make agents", "make test"]
