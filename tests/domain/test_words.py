"""Which commands a pattern allows, and which it forbids: the tricks that make one look like the other."""

from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.words import Pattern, same_command


def allows(pattern: str, command: str) -> bool:
    return Pattern(pattern, allowing=True).allows(command)


def forbids(pattern: str, command: str) -> bool:
    return Pattern(pattern, allowing=False).forbids(command)


@pytest.mark.parametrize(
    ("pattern", "command"),
    [
        ("git *", "git status"),
        ("git *", "git  status\tsrc"),
        ("git *", "git"),
        ("git *", "git 'status'"),
        ("git log *", "git log main..next"),
        ("git log --oneline *", "git log --oneline main"),
        ("git **", "git status -s"),
        ("npm run *", "npm run build"),
        ("cat src/*.py", "cat src/greet.py"),
        ("cat /srv/*", "cat /srv/greet.py"),
        ("curl *", "curl https://example.com/x"),
        ("make CC=*", "make CC=clang"),
        ("pytest -*", "pytest -x"),
        ("echo 'a b' *", 'echo "a b" c'),
        ("make && make test", "make && make test"),
        ("ls", "ls"),
        ("sudo apt *", "sudo apt update"),
    ],
)
def test_what_a_pattern_allows(pattern: str, command: str) -> None:
    assert allows(pattern, command)


@pytest.mark.parametrize(
    "command",
    [
        "git status; rm -rf ~",
        "git status;rm -rf ~",
        "git status & rm -rf ~",
        "git status && rm -rf ~",
        "git status || rm -rf ~",
        "git status | sh",
        "git status > ~/.bashrc",
        "git status >f",
        "git log < /etc/passwd",
        "git $(rm -rf ~)",
        "git `rm -rf ~`",
        'git "$(rm -rf ~)"',
        'git "`rm -rf ~`"',
        "git status\nrm -rf ~",
        "git status\rrm -rf ~",
        "git status\0rm",
        "git (x)",
        "git {a,b}",
        "git {status}",
        "git *",
        "git st?tus",
        "git [a-z]*",
        "git ~/x",
        "git x=~/y",
        "git $HOME",
        "git ${HOME}",
        "git $'status'",
        'git $"status"',
        "git \\status",
        "git status \\\n; rm",
        "git status #; rm",
        "git !x",
        'git "!x"',
        "git ^a^b",
        "git -c core.pager=evil log",
        "git -c core.pager='rm -rf ~' log",
        "git --exec-path=/tmp log",
        "git -C / log",
        "git submodule foreach 'rm -rf ~'",
        "git log ../../etc",
        "git --no-pager log",
        "git 'status",
        'git "status',
        "git\u00a0status",
        "git\u2003status",
        "git status\u2028rm",
        "git\x0bstatus",
        "git\x0cstatus",
        "git st\u00e0tus",
        "\u00a0git status",
        "gi\\t status",
        "/usr/bin/git status",
        "./git status",
        "GIT_PAGER=evil git log",
        "A+=b git log",
        "A[0]=b git log",
        "env git status",
        "sudo git status",
        "xargs git status",
        "time git status",
        "! git status",
        "gitx status",
        "GIT status",
        "",
        " ",
        ";git status",
        "'git status'",
        "\ufeffgit status",
        "git\u200b status",
        "ｇｉｔ status",  # noqa: RUF001
        "git status ；rm",  # noqa: RUF001
    ],
)
def test_what_an_allowed_git_never_allows(command: str) -> None:
    assert not allows("git *", command)


@pytest.mark.parametrize(
    ("pattern", "command"),
    [
        ("git", "git status"),
        ("git log", "git log x"),
        ("git * x", "git log y"),
        ("cat src/*", "cat src/../../etc/passwd"),
        ("cat *", "cat 'a b'"),
        ("cat *", "cat /etc/passwd"),
        ("cat * x", "cat /etc/passwd x"),
        ("dd *", "dd if=/etc/passwd"),
        ("git **", "git --git-dir=/x log"),
        ("make CC=*", "make CC=-x y"),
        ("a *", "a x:../y"),
        ("make && make test", "make && make  test"),
        ("git **", "git log; ls"),
        ("git **", "git -c 'a=b c' log"),
    ],
)
def test_what_a_pattern_does_not_allow(pattern: str, command: str) -> None:
    assert not allows(pattern, command)


@pytest.mark.parametrize(
    "pattern",
    ["", " ", "*", "**", "* status", "sudo *", "env *", "env A=b *", "timeout 5 *", "xargs -n 1 *", "bash -c *", "g*",
     "git ** log", "git status; *", "git * | less", "A=b git *", "git *$x", "nohup nice *", "/bin/sh *",
     "/usr/bin/env *", "toybox *"],
)  # fmt: skip
def test_a_pattern_that_would_allow_anything_or_never_match_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|program|word"):
        Pattern(pattern, allowing=True)


@pytest.mark.parametrize(
    "command",
    [
        "rm x",
        "rm -rf /",
        "ls; rm x",
        "ls;rm x",
        "ls && rm x",
        "ls | rm x",
        "ls & rm x",
        "(rm x)",
        "{ rm x; }",
        "echo $(rm x)",
        'echo "$(rm x)"',
        'echo "`rm x`"',
        "echo `rm x`",
        "ls\nrm x",
        "ls\r\nrm x",
        "/bin/rm x",
        "../rm x",
        "A=b rm x",
        "A=b B=c rm x",
        "if true; then rm x; fi",
        "while ! rm x; do :; done",
        "r'm' x",
        'r"m" x',
        "\\rm x",
        "r\\m x",
        "r\\\nm x",
        "$'rm' x",
        "$'\\x72m' x",
        "$'\\162\\u006d' x",
        "{rm,-rf,x}",
        "sudo rm x",
        "sudo -u root rm x",
        "env -i A=b rm x",
        "xargs rm",
        "ls | xargs -0 /bin/rm",
        "find . -exec rm {} +",
        "find . -execdir rm '{}' \\;",
        "nohup nice rm x",
        "bash -c 'rm x'",
        'bash -c "ls; rm x"',
        "sudo bash -c \"bash -c 'rm x'\"",
        "eval 'rm x'",
        "eval rm x",
        "ssh host 'rm x'",
        "timeout 5 rm x",
        "exec rm x",
        "rm\u00a0x",
        "rm <x",
        ">x rm y",
        "2>&1 rm y",
        "ls <(rm x)",
        "echo 'unbalanced; rm x",
        "# it's old\nrm x\necho 'done'",
        "cat <<E\nit's old\nE\nrm x\necho 'done'",
        "# it's old\nrm \\\n x # isn't",
        "sh <<< 'rm x'",
        "rm$IFS-rf",
        "rm${IFS}-rf${IFS:0:1}x",
        "setpriv --no-new-privs rm x",
    ],
)
def test_a_forbidden_program_is_found_wherever_it_can_be_seen(command: str) -> None:
    assert forbids("rm *", command)


@pytest.mark.parametrize(
    "command",
    [
        "git rm x",
        "echo rm",
        "man rm",
        "ls rm",
        "git commit -m 'rm it; now'",
        "rmdir x",
        "ls > rm",
        "echo 'rm x'",
        "cat <<< 'rm x'",
    ],
)
def test_a_word_that_is_no_program_there_is_left_alone(command: str) -> None:
    assert not forbids("rm *", command)


@pytest.mark.parametrize(
    ("pattern", "command", "found"),
    [
        ("git push --force *", "git push --force", True),
        ("git push --force *", "git -C x push origin main --force", True),
        ("git push --force *", "git push; echo --force", False),
        ("git push --force*", "git push --force-with-lease", True),
        ("sudo *", "ls; sudo -i", True),
        ("*", "anything", True),
        ("* --force", "x y --force", True),
        ("curl x | sh", "curl x | sh", True),
        ("curl x | sh", "curl y", False),
        ("ls [a]", "ls [a]", True),
    ],
)
def test_what_a_forbidding_pattern_finds(pattern: str, command: str, *, found: bool) -> None:
    assert forbids(pattern, command) is found


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("rm -rf build", "rm -rf build", True),
        ("rm -rf build", "rm  -rf 'build'", True),
        ("rm -rf build", "cd x; rm -rf build", True),
        ("rm -rf build", "rm -rf build/x", False),
        ("make a && make b", "make b", False),
        ("make a && make b", "make a; make b", True),
        ("rm -rf build", "# it's old\nrm -rf build\necho 'done'", True),
        (";", ";", True),
        (";", "ls", False),
    ],
)
def test_a_refused_command_is_known_again(one: str, other: str, *, same: bool) -> None:
    assert same_command(one, other) is same


def test_long_texts_are_read_in_no_time() -> None:
    nasty = ["rm " * 80_000, "{" + "," * 200_000, "'" * 200_001, '"`' * 100_000, "sudo " + "'a ;' " * 40_000,
             "$(" * 90_000, "\\" * 200_001, "$'" * 100_001, "x=" * 100_000]  # fmt: skip
    began = monotonic()

    for text in nasty:
        assert not forbids("nothing --at all *", text)
        assert not allows("nothing *", text)

    assert monotonic() - began < 5


@given(st.text(st.sampled_from("git ;|&<>$()`'\"\\\n\r{}*?[]~!#=-a/.\u00a0\t")))
def test_an_allowed_text_holds_nothing_that_a_shell_would_act_on(tail: str) -> None:
    if allows("git *", f"git {tail}"):
        outside = "".join(part for at, part in enumerate(tail.replace('"', "'").split("'")) if at % 2 == 0)
        assert not set(outside) & set(";|&<>$()`\\\n\r{}*?[]~!#\u00a0")
