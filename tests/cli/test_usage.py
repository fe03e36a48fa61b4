"""Help is quick and whole; wrong usage says what to do instead."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from api.cli import towpath
from tests.cli.calls import call

COMMANDS = [
    ("attach",),
    ("demo",),
    ("doctor",),
    ("login",),
    ("openapi",),
    ("prompt",),
    ("run",),
    ("serve",),
    ("sessions",),
    ("tail",),
    ("terminals",),
    ("token",),
    ("token", "list"),
    ("token", "make"),
    ("token", "revoke"),
]


def test_the_tested_commands_are_all_there_are() -> None:
    def walk(group: click.Group, *words: str) -> list[tuple[str, ...]]:
        found = []
        for name, command in sorted(group.commands.items()):
            found.append((*words, name))
            if isinstance(command, click.Group):
                found += walk(command, *words, name)
        return found

    assert walk(towpath) == COMMANDS


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_its_options(words: tuple[str, ...]) -> None:
    command: click.Command = towpath
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]

    result = call(*words, "--help")

    assert result.exit_code == 0
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_help_documents_the_exit_codes() -> None:
    result = call("--help")

    assert [line.split()[0] for line in result.output.partition("Exit codes:")[2].splitlines()[1:-1]] == [
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "130",
    ]


def test_help_loads_nothing_that_takes_long() -> None:
    code = "import sys, api.cli; print(sys.modules.keys() & {'anyio', 'httpx', 'litestar', 'msgspec'})"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout == "set()\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "echo", "hello"), "TEXT is one argument: put it in quotes."),
        (("run",), "Missing argument 'TEXT"),
        (("token", "make", "x", "--scope", "session"), "--scope session and --session SESSION go together."),
        (("token", "make", "x", "--session", "abcdefgh"), "--scope session and --session SESSION go together."),
        (("openapi", "--write", ".", "--check", "."), "Give either --write or --check."),
        (("serve", "--durability", "none"), "'none' is not one of 'power', 'process'"),
        (("tail", "abcdefgh", "--from", "yesterday"), "give start, now, or a cursor"),
        (("tail", "abcdefgh", "--from", "firstera.1\n"), "give start, now, or a cursor"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_to_do(words: tuple[str, ...], message: str) -> None:
    result = call(*words)

    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "url",
    ["towpath.example.org", "ftp://x", "http://", "http://[::1", "https://x:99999", "https://x/?a=b", "https://x#y"],
)
def test_a_url_that_is_none_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWPATH_TOKEN", "sesame")

    result = call("sessions", "--url", url)

    assert result.exit_code == 2
    assert "Write it like https://towpath.example.org." in result.stderr


def test_a_token_never_goes_unencrypted_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWPATH_TOKEN", "sesame")

    result = call("sessions", "--url", "http://towpath.example.org")

    assert result.exit_code == 2
    assert "unencrypted" in result.stderr


def test_a_server_elsewhere_needs_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOWPATH_TOKEN", raising=False)

    result = call("--url", "https://towpath.example.org", "sessions")

    assert result.exit_code == 2
    assert "Set TOWPATH_TOKEN" in result.stderr


@pytest.mark.parametrize(
    "words", [("sessions",), ("tail", "abcdefgh"), ("prompt", "abcdefgh", "hi"), ("run", "hi"), ("login",)]
)
@pytest.mark.parametrize("before", [True, False])
def test_where_no_server_runs_the_way_to_start_one_is_told(
    words: tuple[str, ...], tmp_path: Path, *, before: bool
) -> None:
    option = ("--data-dir", str(tmp_path / "data"))

    result = call(*option, *words) if before else call(*words, *option)

    assert result.exit_code == 3
    assert result.stderr == (
        f"Error: No server runs on this data directory ({tmp_path / 'data'}). Start one with `towpath serve`.\n"
    )
    assert not (tmp_path / "data").exists()


def test_wrong_settings_are_shown_with_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWPATH_DURABILTY", "power")

    result = call("sessions")

    assert result.exit_code == 2
    assert "TOWPATH_DURABILTY" in result.stderr
