"""What is left of a change, or an undoing, whose process is killed in the middle of it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("kind", "renames", "stride"),
    [("execute", "system", 2), ("undo", "system", 3), ("execute", "links", 5), ("undo", "links", 5)],
    ids=str,
)
def test_killed_at_any_step_it_leaves_all_or_nothing(kind: str, renames: str, stride: int, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.files.killed", str(tmp_path), kind, renames, str(stride)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    before, after = map(int, run.stdout.split())
    assert before > 20 // stride
    assert after > 20 // stride
