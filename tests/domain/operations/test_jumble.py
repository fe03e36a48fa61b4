"""Pieces of every form in any order: what holds whatever an answer says."""

from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import given, settings

from domain.operations.parsing import Finder, find

PIECES = [
    "prose\n", "\n", "  ", "- item\n", "1. item\n", "# heading\n", "x", "\r\n", "src/a.py\n", "`src/a.py`\n",
    "**b/c.md**:\n", "```\n", "```python\n", "```python src/a.py\n", "```md README.md\n", "```diff\n", "```xml\n",
    "````\n", "~~~\n", "   ```\n", "# src/a.py\n", "# ...\n", "#!/bin/sh\n", "<<<<<<< SEARCH\n", "=======\n",
    ">>>>>>> REPLACE\n", "--- a/x.py\n+++ b/x.py\n", "--- /dev/null\n+++ b/x.py\n", "diff --git a/x.py b/x.py\n",
    "rename from x.py\nrename to y.py\n", "new file mode 100644\n", "index 0000000..e69de29\n", "@@ -1 +1 @@\n",
    "@@ -0,0 +1 @@\n", "@@\n", " same\n", "-old\n", "+new\n", "\\ No newline at end of file\n", "*** Begin Patch\n",
    "*** End Patch\n", "*** Add File: a\n", "*** Update File: a\n", "*** Delete File: a\n", "*** Move to: b\n",
    "*** End of File\n", '<write path="a">', "</write>", "</write>\n", '<write path="a"/>', '<delete path="a"/>',
    '<delete path="a">', "</delete>", '<edit path="a">\n', "<search>", "</search>", "<replace>", "</replace>",
    "</edit>\n", '<dyad-rename from="a" to="b">', "</dyad-rename>", "<command>", "</command>", "<think>", "</think>",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


@given(text=texts, data=st.data())
@settings(deadline=None, max_examples=300)
def test_cuts_change_nothing(text: str, data: st.DataObject) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    finder = Finder()

    found = [
        each
        for start, end in zip([0, *places], [*places, len(text)], strict=True)
        for each in finder.feed(text[start:end])
    ]
    assert found + finder.close() == find(text)


@given(text=texts)
@settings(deadline=None, max_examples=300)
def test_what_a_whole_line_follows_stays_found(text: str) -> None:
    whole = find(text)

    for number in range(len(text)):
        certain = [each for each in find(text[:number]) if "\n" in text[each.end : number]]
        assert certain == whole[: len(certain)], text[:number]


@given(text=texts)
@settings(deadline=None, max_examples=300)
def test_ranges_are_in_order_and_apart(text: str) -> None:
    found = find(text)

    for first, second in pairwise(found):
        assert first.start < first.end <= second.start or (first.start, first.end) == (second.start, second.end)
    assert all(each.end <= len(text) for each in found)
