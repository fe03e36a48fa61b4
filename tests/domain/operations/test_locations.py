"""Which paths an operation may name."""

import pytest

from domain.errors import Invalid, InvalidPath, PathOutside
from domain.operations.locations import clean_path

HERE = "/srv/project"


def clean(path: str, working_dir: str = HERE) -> str:
    return clean_path(path, working_dir, member="$.operations[3].path")


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("a.py", "a.py"),
        ("./src/./a.py", "src/a.py"),
        ("/srv/project/src/a.py", "src/a.py"),
        ("größe/ü.md", "größe/ü.md"),
        ("with blanks/100%.txt", "with blanks/100%.txt"),
        (".gitignore", ".gitignore"),
        (".github/x", ".github/x"),
        ("..a/b..", "..a/b.."),
    ],
)
def test_a_path_below_the_directory_gets_one_spelling(path: str, meant: str) -> None:
    assert clean(path) == meant


def test_a_path_below_the_root_directory_is_one_too() -> None:
    assert clean("/etc/hosts", "/") == "etc/hosts"


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd", "a/../../b", "a/../b", "..", "/etc/passwd", "//etc", "/srv/project/../x", "/srv/projects/x",
        "/srv/project//etc", "~/.bashrc", "/",
    ],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(Invalid) as caught:
        clean(path)

    assert isinstance(caught.value, PathOutside) or "//" in path
    assert caught.value.member == "$.operations[3].path"


@pytest.mark.parametrize(
    "path",
    [
        "", ".", "./", "dir/", "a//b", "....//x", ".../x", "%2e%2e/x", "..%2fx", "%252e%252e/x", "a%00b",
        "\\\\host\\x", "a\\b", "C:\\x", "c:x", "a\0b", "a\nb", "a\x1b]0;x\x07", "a\x85", "a\u202etxt.exe", "a\udcff",
        "n" * 256, "ü" * 128, "d/" * 2048 + "x", "e/" * 64 + "x", ".git/config", "sub/.GIT/hooks/pre-commit", ".git",
    ],
    ids=lambda path: ascii(path[:20]),
)  # fmt: skip
def test_a_path_that_names_no_file_is_refused_and_quoted_harmlessly(path: str) -> None:
    with pytest.raises(InvalidPath) as caught:
        clean(path)

    assert caught.value.member == "$.operations[3].path"
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
