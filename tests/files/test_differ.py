"""Diffs, by git and without it."""

from pathlib import Path

import pytest

from infrastructure.files.differ import DIFF_BYTES, DIFFLIB_LINES, UnifiedDiffer

PAIRS = [
    ("a\nb\n", "a\nc\n"),
    ("", "x\n"),
    ("x\ny", "x"),
    ("a\r\n", "b\r\n"),
    ("\ndiff --git 9 9\n@@ -1 +1 @@\n", ""),
    ("größe\u2028x\x0c\n", "Größe\u2028x\x0c\n"),
]
HUNKS = [
    "@@ -1,2 +1,2 @@\n a\n-b\n+c\n",
    "@@ -0,0 +1 @@\n+x\n",
    "@@ -1,2 +1 @@\n-x\n-y\n\\ No newline at end of file\n+x\n\\ No newline at end of file\n",
    "@@ -1 +1 @@\n-a\r\n+b\r\n",
    "@@ -1,3 +0,0 @@\n-\n-diff --git 9 9\n-@@ -1 +1 @@\n",
    "@@ -1 +1 @@\n-größe\u2028x\x0c\n+Größe\u2028x\x0c\n",
]


@pytest.mark.parametrize("path", ["/usr/bin:/usr/local/bin", "/nonexistent"], ids=["git", "difflib"])
async def test_git_and_python_say_the_same(path: str, tmp_path: Path) -> None:
    differ = UnifiedDiffer(folder=tmp_path / "diffs", environment={"PATH": path})

    assert await differ.diffs(PAIRS) == HUNKS
    assert list((tmp_path / "diffs").iterdir()) == []


async def test_what_nobody_would_read_is_not_made(tmp_path: Path) -> None:
    line = "x" * 99 + "\n"
    by_git = UnifiedDiffer(folder=tmp_path / "a", environment={"PATH": "/usr/bin:/usr/local/bin"})
    without = UnifiedDiffer(folder=tmp_path / "b", environment={"PATH": "/nonexistent"})

    assert await by_git.diffs([("", line * (DIFF_BYTES // 100 + 1)), ("a", "b")]) == [
        None,
        "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n",
    ]
    assert await without.diffs([("", "x\n" * (DIFFLIB_LINES + 1))]) == [None]


async def test_no_configuration_of_anybodys_has_a_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".gitconfig").write_text(
        "[diff]\n\texternal = touch /tmp/never\n\tnoprefix = false\n[color]\n\tui = always\n"
    )
    (tmp_path / ".gitattributes").write_text("* binary\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.chdir(tmp_path)
    differ = UnifiedDiffer(folder=tmp_path / "diffs", environment={"PATH": "/usr/bin:/usr/local/bin"})

    assert await differ.diffs(PAIRS) == HUNKS
