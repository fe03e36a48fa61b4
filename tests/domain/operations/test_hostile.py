"""Text that is made to be slow to read, or to be taken for what it is not."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from domain.operations.parsing import Finder, find

SIZE = int(os.environ.get("HOSTILE_BYTES", "262144"))
HOSTILE: dict[str, Callable[[int], str]] = {
    "search-marks": lambda n: "<<<<<<< SEARCH\n" * (n // 15),
    "angles": lambda n: "<" * n,
    "angle-lines": lambda n: "<<<<<<<\n" * (n // 8),
    "dividers": lambda n: "a.py\n<<<<<<< SEARCH\n" + "=======\n" * (n // 8) + ">>>>>>> REPLACE\n",
    "backticks": lambda n: "`" * n,
    "backtick-lines": lambda n: "```\n" * (n // 4),
    "opening-fences": lambda n: "```a\n" * (n // 5),
    "longer-fences": lambda n: "\n".join("`" * k for k in range(3, int((2 * n) ** 0.5))),
    "info-string": lambda n: "```" + "{" * n + "\n",
    "info-words": lambda n: "```a " + "title=" * (n // 6) + "\nx\n```\n",
    "open-attribute": lambda n: '<write path="' * (n // 13),
    "open-attribute-lines": lambda n: '<write path="\n' * (n // 14),
    "nested-elements": lambda n: '<write path="a">' * (n // 16),
    "nested-element-lines": lambda n: '<write path="a">\n' * (n // 17),
    "attributes": lambda n: "<write" + "".join(f" a{k}=''" for k in range(n // 10)) + ">\n",
    "spaces-in-tag": lambda n: "<write" + " " * n,
    "closing-tags": lambda n: '<write path="a">\nx ' + "</write>x" * (n // 9),
    "closing-tags-behind-spaces": lambda n: '<write path="a">\n' + " " * (n // 2) + "x" + "</write>x" * (n // 18),
    "unclosed-closing-tags": lambda n: '<write path="a">\nx' + "</write " * (n // 8),
    "short-elements": lambda n: '<delete path="a"/>' * (n // 18) + "\n",
    "paired-elements": lambda n: '<write path="a">x</write>' * (n // 25) + "\n",
    "refused-elements": lambda n: '<delete path="a">' * (n // 17) + "\n",
    "refused-element-lines": lambda n: '<delete path="a">\n' * (n // 18),
    "children": lambda n: '<edit path="a">' + "<search>" * (n // 8) + "</edit>\n",
    "thoughts": lambda n: "<think>" * (n // 7),
    "minus-lines": lambda n: "--- a\n" * (n // 6),
    "diff-heads": lambda n: "--- a\n+++ b\n" * (n // 12),
    "git-heads": lambda n: "diff --git a/x b/x\n" * (n // 19),
    "endless-hunk": lambda n: "--- a/x\n+++ b/x\n@@ -1,999999999 +1,999999999 @@\n" + " a\n" * (n // 3),
    "blanks-after-hunk": lambda n: "```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n" + "\n" * n + "```\n",
    "many-hunks": lambda n: "```diff\n--- a/x\n+++ b/x\n" + "@@ -1 +1 @@\n-a\n+b\n" * (n // 18) + "```\n",
    "many-blank-hunks": lambda n: "```diff\n--- a/x\n+++ b/x\n" + "@@ -1 +1 @@\n-a\n+b\n\n\n" * (n // 20) + "```\n",
    "envelopes": lambda n: "*** Begin Patch\n" * (n // 16),
    "sections": lambda n: "*** Begin Patch\n" + "*** Delete File: a\n" * (n // 19) + "*** End Patch\n",
    "blanks-in-envelope": lambda n: "*** Begin Patch\n*** Delete File: a\n" + "\n" * n + "*** End Patch\n",
    "label": lambda n: "**" * (n // 2) + "\n\n```py\nx\n```\n",
    "labels": lambda n: ("# " * 60 + "`a.py`" + "*" * 300 + "\n```py\nx\n```\n") * (n // 450),
    "comments": lambda n: "```py a.py\n" + ("# ..." + "rest " * 100 + "\n") * (n // 500) + "```\n",
    "wrapped": lambda n: "```xml\n" + '<delete path="a"/>\n' * (n // 19) + "```\n",
    "lists": lambda n: "- " * (n // 2),
    "blank-lines": lambda n: "\n" * n,
    "spaces": lambda n: " " * n,
    "quotation": lambda n: '```diff\n--- "' + "\\" * n + '"\n+++ b\n@@ -1 +1 @@\n-a\n+b\n```\n',
    "line-of-nothing": lambda n: "\x00" * n,
}  # fmt: skip


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count the lines that the parser runs."""
    count = [0]

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if "operations" not in frame.f_code.co_filename:
            return None
        count[0] += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(before)


def work(text: str) -> int:
    with counted() as count:
        find(text)
    return count[0]


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_twice_the_text_is_twice_the_work(make: Callable[[int], str]) -> None:
    once, twice = work(make(4096)), work(make(8192))

    assert twice <= 2.2 * once + 200


# What is quadratic within a regular expression runs no more lines, but takes minutes here, hours for a mebibyte.
@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_much_of_it_is_read(make: Callable[[int], str]) -> None:
    find(make(SIZE))


@pytest.mark.timeout(20)
def test_a_line_may_arrive_character_by_character() -> None:
    finder = Finder()

    for _ in range(SIZE):
        assert finder.feed("x") == []
    assert finder.close() == []
