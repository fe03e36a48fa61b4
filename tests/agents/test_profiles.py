import re
from pathlib import Path

import pytest

from domain.errors import StartRefused
from infrastructure.agents.profiles import BUILT_IN, Profile, assemble

DOCUMENTED = Path(__file__).parents[2] / "docs" / "agents.md"


def program(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_table_changes_a_built_in_profile_member_by_member() -> None:
    profiles = assemble({"gemini": {"turn_seconds": 60.0, "env": ("MY_KEY",)}})

    built_in = next(profile for profile in BUILT_IN if profile.mode == "gemini")
    gemini = profiles["gemini"]
    assert (gemini.turn_seconds, gemini.env) == (60, ("MY_KEY",))
    assert (gemini.command, gemini.hide, gemini.title) == (built_in.command, ("readTextFile",), built_in.title)
    assert list(profiles) == [profile.mode for profile in BUILT_IN]


def test_a_table_of_another_name_makes_an_agent() -> None:
    mine = assemble({"mine": {"protocol": "acp", "command": ("my-agent", "--acp")}})["mine"]

    assert mine == Profile(mode="mine", title="mine", protocol="acp", command=("my-agent", "--acp"))


@pytest.mark.parametrize(
    ("mode", "members", "reason"),
    [
        ("mine", {"command": ("x",)}, 'agents.mine] lacks `protocol`: write "acp", "claude" or "shell".'),
        ("mine", {"protocol": "acp"}, 'agents.mine] lacks `command`: write a list such as ["my-agent", "--acp"].'),
        ("mine", {"protocol": "shell", "command": ("zsh",)}, "agents.mine] is a shell, which has no `command`"),
        ("shell", {"protocol": "acp", "command": ("x",)}, 'is built in with the protocol "shell": give yours another'),
    ],
)
def test_a_table_from_which_no_agent_can_be_made_is_refused_with_what_to_write(
    mode: str, members: dict[str, object], reason: str
) -> None:
    with pytest.raises(StartRefused) as refusal:
        assemble({mode: members})

    assert reason in str(refusal.value)


def test_two_programs_of_one_name_are_told_apart_by_their_package(tmp_path: Path) -> None:
    profiles = assemble({})
    for package, there, other in (
        ("@zed-industries", "codex", "codex2"),
        ("@agentclientprotocol", "codex2", "codex"),
    ):
        path = tmp_path / package / "bin"
        target = program(tmp_path / package, f"lib/{package}/codex-acp/bin/codex-acp.js")
        path.mkdir()
        (path / "codex-acp").symlink_to(target)
        environment = {"PATH": str(path)}

        assert profiles[there].missing(environment) == ""
        assert "is another one of that name: npm install" in profiles[other].missing(environment)


def test_whoever_names_a_program_of_their_own_need_not_have_the_package_that_is_built_in(tmp_path: Path) -> None:
    mine = program(tmp_path, "my-codex")

    codex = assemble({"codex2": {"command": (str(mine),)}})["codex2"]

    assert codex.missing({"PATH": "/nowhere"}) == ""
    mine.chmod(0o644)
    assert codex.missing({"PATH": "/nowhere"}) == (
        f"The program {mine} can't be run: install it, or change [agents.codex2]."
    )


def test_the_demo_is_always_there() -> None:
    assert assemble({})["demo"].missing({"PATH": "/nowhere"}) == ""


def test_the_documentation_lists_what_is_built_in() -> None:
    rows = re.findall(
        r"^\| `(\S+)` \|[^|]*\| (?:`(.+?)`)?[^|]*\| (?:`(.*)`)?", DOCUMENTED.read_text("utf-8"), re.MULTILINE
    )

    expected = {
        profile.mode: (" ".join(profile.command), profile.install)
        for profile in BUILT_IN
        if profile.protocol == "acp" and profile.mode != "demo"
    }
    assert {mode: (command, install) for mode, command, install in rows if mode in expected} == expected
    assert {mode for mode, _, _ in rows} == {profile.mode for profile in BUILT_IN}
