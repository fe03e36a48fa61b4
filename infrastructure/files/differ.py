"""Unified diffs: made by git where it is installed, since it is quick with any text, else by difflib for small ones."""

import difflib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread

# Beyond that nobody looks through a diff; of a whole plan, four times as much.
DIFF_BYTES = 256 * 1024
PLAN_DIFF_BYTES = 4 * DIFF_BYTES
GIT_SECONDS = 10
# Its worst case takes quadratic time, says its documentation; texts of 1,000 random lines each took 4 ms.
DIFFLIB_LINES = 2_000

_GIT_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "HOME": os.devnull,
    "LC_ALL": "C",
}
_GIT_OPTIONS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=", "-c", "core.attributesFile=/dev/null")
_DIFF_OPTIONS = (
    "--no-index",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--no-prefix",
    "--unified=3",
    "--text",
)


class UnifiedDiffer:
    """Adapter of `Differ`. *folder* is private and takes the texts for git; *environment* has the PATH."""

    def __init__(self, *, folder: Path, environment: Mapping[str, str]) -> None:
        shutil.rmtree(folder, ignore_errors=True)  # of a server that was killed
        folder.mkdir(mode=0o700)
        self._folder = folder
        self._path = environment.get("PATH", os.defpath)
        self._git = shutil.which("git", path=self._path)

    async def diffs(self, pairs: Sequence[tuple[str, str]]) -> Sequence[str | None]:
        return await to_thread.run_sync(self._diffs, pairs)

    def _diffs(self, pairs: Sequence[tuple[str, str]]) -> Sequence[str | None]:
        made = self._by_git(pairs) if self._git else None
        room = PLAN_DIFF_BYTES
        diffs: list[str | None] = []
        for index, pair in enumerate(pairs):
            diff = _by_difflib(*pair) if made is None else made.get(index)
            if diff is not None:
                size = len(diff.encode())
                diff = diff if size <= min(room, DIFF_BYTES) else None
                room -= size if diff is not None else 0
            diffs.append(diff)
        return diffs

    def _by_git(self, pairs: Sequence[tuple[str, str]]) -> dict[int, str] | None:
        """Return the diff of each pair that has one, all made by one process; `None` where git fails."""
        assert self._git is not None
        try:
            with TemporaryDirectory(dir=self._folder) as name:
                for side in (0, 1):
                    folder = Path(name, "ab"[side])
                    folder.mkdir()
                    for index, pair in enumerate(pairs):
                        (folder / str(index)).write_bytes(pair[side].encode())
                result = subprocess.run(
                    [self._git, *_GIT_OPTIONS, "diff", *_DIFF_OPTIONS, "a", "b"],
                    cwd=name,
                    env={**_GIT_ENVIRONMENT, "PATH": self._path, "GIT_CEILING_DIRECTORIES": str(Path(name).parent)},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=GIT_SECONDS,
                    check=False,
                )
        except (OSError, subprocess.SubprocessError):
            return None
        return dict(_split(result.stdout.decode())) if result.returncode in (0, 1) else None


def _split(output: str) -> Iterator[tuple[int, str]]:
    for part in ("\n" + output).split("\ndiff --git a/")[1:]:
        head, _, hunks = part.partition("\n@@ ")
        yield int(head.split(" ", 1)[0]), f"@@ {hunks.removesuffix(chr(10))}\n"


def _by_difflib(before: str, after: str) -> str | None:
    old, new = _lines(before), _lines(after)
    if len(old) + len(new) > DIFFLIB_LINES:
        return None
    lines = list(difflib.unified_diff(old, new))[2:]
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.split("\n")[:-1]] + ([last] if (last := text.rpartition("\n")[2]) else [])
