from pathlib import Path

import pytest

from api.settings import Settings, SettingsError, load_settings


def load(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    (tmp_path / "towpath.toml").write_text(text)
    return load_settings({"config": "towpath.toml", "data_dir": "data"}, environ or {}, tmp_path)


def test_agents_are_read_as_they_are_written(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
[agents.mine]
protocol = "acp"
command = ["bin/my-agent", "--acp"]
title = "My agent"
env = ["MY_KEY", "MINE_*"]
agentMode = "default"
hide = ["readTextFile"]
detects-operations = true
idle-seconds = 30
limits = { open-files = 512 }

[agents.gemini]
enabled = false
""",
    )

    assert settings.agents == {
        "mine": {
            "protocol": "acp",
            "command": (str(tmp_path / "bin/my-agent"), "--acp"),
            "title": "My agent",
            "env": ("MY_KEY", "MINE_*"),
            "agent_mode": "default",
            "hide": ("readTextFile",),
            "detects_operations": True,
            "idle_seconds": 30,
            "limits": {"open_files": 512},
        },
        "gemini": {"enabled": False},
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("agents = 3", "write each agent below a line such as [agents.mine]."),
        ("agents.mine = 3", "write each agent below a line such as [agents.mine]."),
        ('[agents."My agent"]', "'My agent' can't be an agent's name: write small letters, digits, - and _."),
        ('[agents.x]\nprotocol = "mcp"', '[agents.x] `protocol` can\'t be \'mcp\': write "acp", "claude" or'),
        ('[agents.x]\ncommand = "x --acp"', "[agents.x] `command` can't be 'x --acp': write a list such as"),
        ("[agents.x]\ncommand = []", "[agents.x] `command` can't be []: write a list such as"),
        ('[agents.x]\nenv = ["A=1"]', "[agents.x] `env` can't be ['A=1']: write a list of names such as"),
        ('[agents.x]\nhide = ["fs"]', "[agents.x] `hide` can't be ['fs']: write a list of"),
        ("[agents.x]\nturn-seconds = 0", "[agents.x] `turn-seconds` can't be 0: write a number of seconds"),
        ("[agents.x]\nlimits = { memory = 1 }", "[agents.x] `limits` can't be {'memory': 1}: write a table such as"),
        ("[agents.x]\nagent_mode = 'a'", "[agents.x] can't have `agent_mode`. Did you mean `agent-mode`?"),
        ("[agents.x]\nsudo = true", "[agents.x] can't have `sudo`. Write one of protocol, command,"),
    ],
)
def test_what_no_agent_can_be_made_of_is_refused_with_the_key_and_what_to_write(
    text: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(tmp_path, text)

    assert str(refusal.value).startswith(f"{tmp_path / 'towpath.toml'}, key `agents`: {reason}")


def test_agents_are_not_taken_from_the_environment(tmp_path: Path) -> None:
    environ = {"TOWPATH_AGENTS": "mine"}

    with pytest.raises(SettingsError, match="TOWPATH_AGENTS can't be given in the environment"):
        load(tmp_path, "", environ)
