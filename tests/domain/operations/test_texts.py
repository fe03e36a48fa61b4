"""How edits change texts."""

import difflib
import random

import pytest

from domain.operations.texts import LINES_MOST, Mismatch, apply_patch, search_and_replace

FILE = b"one\ntwo\nthree\nfour\nfive\n"


@pytest.mark.parametrize(
    ("data", "search", "replace", "result"),
    [
        (FILE, "two\n", "2\n", b"one\n2\nthree\nfour\nfive\n"),
        (FILE, "wo\nth", "-", b"one\nt-ree\nfour\nfive\n"),
        (FILE, "two\nthree\n", "", b"one\nfour\nfive\n"),
        (b"one\r\ntwo\r\nthree\r\n", "two\n", "2\nand\n", b"one\r\n2\r\nand\r\nthree\r\n"),
        (b"one\ntwo\n", "two\r\n", "2\r\n", b"one\n2\n"),
        (b"one\r\ntwo\nthree\n", "two\nthree\n", "2\n", b"one\r\n2\n"),
        (b"one  \n\ttwo\t\nthree\n", "one\n\ttwo\n", "1\n", b"1\nthree\n"),
        (b"one\ntwo", "two\n", "2\n", b"one\n2"),
        (b"one\ntwo \nthree\n", "one\ntwo\nthree", "1", b"1\n"),
        (b"", "", "new\n", b"new\n"),
        (b"\xef\xbb\xbfone\n", "one\n", "1\n", b"\xef\xbb\xbf1\n"),
        (b"caf\xe9 = 1\n", "= 1", "= 2", b"caf\xe9 = 2\n"),
        ("größe\n".encode(), "größe", "Größe", "Größe\n".encode()),
    ],
)
def test_a_text_is_replaced_and_the_files_line_ends_are_kept(
    data: bytes, search: str, replace: str, result: bytes
) -> None:
    assert search_and_replace(data, search, replace) == result


@pytest.mark.parametrize(
    ("data", "search", "reason"),
    [
        (FILE, "six", "not in the file"),
        (b"a\na\n", "a\n", "more than once"),
        (b"aaa", "aa", "more than once"),
        (b"a \na\t\n", "a\n", "more than once"),
        (FILE, "", "nothing to search for"),
        (b"a\0b", "a", "binary"),
        (b" \n\t\n", "\n\n", "not in the file"),
        (b"\n" * (LINES_MOST + 1), "x", "too many lines"),
    ],
    ids=str,
)
def test_a_search_that_is_not_of_one_place_changes_nothing(data: bytes, search: str, reason: str) -> None:
    with pytest.raises(Mismatch, match=reason):
        search_and_replace(data, search, "new")


@pytest.mark.parametrize(
    ("data", "patch", "result"),
    [
        (FILE, "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@ head\n one\n-two\n+2\n three\n", b"one\n2\nthree\nfour\nfive\n"),
        (b"zero\n" + FILE, "@@ -2,2 +2,1 @@\n two\n-three\n", b"zero\none\ntwo\nfour\nfive\n"),
        (FILE, "@@ @@\n two\n+and\n", b"one\ntwo\nand\nthree\nfour\nfive\n"),
        (b"one\r\ntwo\r\n", "@@ -1,2 +1,3 @@\n one\n+and\n two\n", b"one\r\nand\r\ntwo\r\n"),
        (b"one \ntwo\n", "@@ -1,2 +1,2 @@\n one\n-two\n+2\n", b"one \n2\n"),
        (b"", "@@ -0,0 +1,2 @@\n+one\n+two\n", b"one\ntwo\n"),
        (b"", "@@ -0,0 +1 @@\n+one\n\\ No newline at end of file\n", b"one"),
        (b"one", "@@ -1 +1,2 @@\n-one\n\\ No newline at end of file\n+one\n+two\n", b"one\ntwo\n"),
        (b"one\n", "@@ -1 +1 @@\n-one\n+one\n\\ No newline at end of file\n", b"one"),
        (b"one\ntwo", "@@ -1,2 +1,3 @@\n one\n two\n+three\n", b"one\ntwo\nthree"),
        (b"one\ntwo", "@@ -1,2 +1 @@\n one\n-two\n", b"one"),
        (b"one\n\ntwo\n", "@@ -1,3 +1,3 @@\n one\n\n-two\n+2\n\n\n", b"one\n\n2\n"),
        (FILE, "@@ -1 +1 @@\n-one\n+1\n@@ -5 +5,2 @@\n-five\n+5\n+6\n", b"1\ntwo\nthree\nfour\n5\n6\n"),
        (b"x\nx\nx\n", "@@ -2 +2 @@\n-x\n+y\n", b"x\ny\nx\n"),
        (FILE, "@@ -5,0 +6 @@\n+six\n", FILE + b"six\n"),
    ],
)
def test_a_patch_is_applied_where_it_fits(data: bytes, patch: str, result: bytes) -> None:
    assert apply_patch(data, patch) == result


@pytest.mark.parametrize(
    ("data", "patch", "reason"),
    [
        (FILE, "@@ -1,2 +1,2 @@\n one\n-zwei\n+2\n", "Hunk 1 of the patch does not fit"),
        (FILE, "@@ -1 +1 @@\n-one\n+1\n@@ -1 +1 @@\n-one\n+1\n", "Hunk 2 of the patch does not fit"),
        (b"x\ny\nx\n", "@@ -9 +9 @@\n-x\n+z\n", "more than one place"),
        (FILE, "@@ @@\n+six\n", "does not say where"),
        (FILE, "@@ -9,0 +9 @@\n+six\n", "does not say where"),
        (FILE, "@@ -1 +1 @@\n-one\n+1\n\\ No newline at end of file\n", "the file goes on"),
        (FILE, "one\n", "no hunk"),
        (FILE, "@@ -1 +1 @@\none\n", "Line 2"),
        (FILE, "@@ -1 +1 @@\n-one\n+1\n" * 300, "more than 256 hunks"),
    ],
    ids=str,
)
def test_a_patch_that_does_not_fit_changes_nothing(data: bytes, patch: str, reason: str) -> None:
    with pytest.raises(Mismatch, match=reason):
        apply_patch(data, patch)


def test_any_diff_applied_to_what_it_was_made_of_makes_what_it_was_made_for() -> None:
    chance = random.Random(7)
    for _ in range(500):
        before = [f"{chance.randrange(4)}\n" for _ in range(chance.randrange(30))]
        after = [line for line in before if chance.random() < 0.8]
        for _ in range(chance.randrange(4)):
            after.insert(chance.randrange(len(after) + 1), f"new {chance.randrange(4)}\n")
        if patch := "".join(difflib.unified_diff(before, after, n=chance.randrange(4))):
            assert apply_patch("".join(before).encode(), patch) == "".join(after).encode()
