"""The agent profiles: those that are built in, and what an operator's tables make of them. Starts nothing."""

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from domain.errors import StartRefused
from infrastructure.agents.shell import find_shell

Protocol = Literal["acp", "claude", "shell"]
Capability = Literal["readTextFile", "writeTextFile", "terminal"]

_MINUTE = 60.0


class Profile(Struct, frozen=True, kw_only=True):
    """How one kind of agent is run: what a session's mode names. Times are in seconds.

    ``env`` names what passes of the server's environment beside the usual variables (a last ``*`` stands for any
    end), ``secrets`` what is set to a random text at each start. ``agent_mode`` is the mode of the agent's own that
    its sessions begin in, ``hide`` what it is not told that its client can do. ``start_seconds`` is how long it may
    take to be ready, ``cancel_seconds`` to stop when asked, ``turn_seconds`` for one turn; after ``idle_seconds``
    without one it is ended. ``limits`` are by their names in infrastructure.processes.process.Limits.

    Of programs of one name ``package`` tells the right one: a part of its real path, or with ``!`` none of it.
    """

    mode: str
    title: str
    protocol: Protocol
    command: Sequence[str] = ()
    package: str = ""
    install: str = ""
    enabled: bool = True
    env: Sequence[str] = ()
    secrets: Sequence[str] = ()
    agent_mode: str | None = None
    hide: Sequence[Capability] = ()
    detects_operations: bool = False
    start_seconds: float = 60
    turn_seconds: float = 240 * _MINUTE
    cancel_seconds: float = 10
    idle_seconds: float = 15 * _MINUTE
    limits: Mapping[str, int] = {}

    def missing(self, environment: Mapping[str, str]) -> str:
        """Say why it can't start where programs get this *environment*, and what to do; "" if nothing is missing."""
        if self.protocol == "shell":
            return "" if find_shell(environment) else "Neither bash nor sh is on the server's PATH: install bash."
        own = self.command[:1] == (sys.executable,)
        if self.protocol == "claude" and own and find_spec("claude_agent_sdk") is None:
            return "The package claude-agent-sdk is not installed: install towpath[claude] in the place of towpath."
        if not self.command:
            return ""
        name = self.command[0]
        found = shutil.which(name, path=environment["PATH"])
        if found is None:
            where = "can't be run" if "/" in name else "is not on the server's PATH"
            return f"The program {name} {where}: {self.install or f'install it, or change [agents.{self.mode}]'}."
        if self.package and (self.package.strip("!") in str(Path(found).resolve())) == self.package.startswith("!"):
            return f"The program {found} is another one of that name: {self.install}."
        return ""


_OPENAI = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
_CODEX = (*_OPENAI, "CODEX_API_KEY", "CODEX_HOME")
_ANTHROPIC = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CONFIG_DIR",
)
_GEMINI = ("GEMINI_*", "GOOGLE_*")

BUILT_IN = (
    Profile(mode="shell", title="Shell", protocol="shell"),
    Profile(
        mode="demo",
        title="Demo (scripted, no model)",
        protocol="acp",
        # by its path: a session's directory may hold a package of any name
        command=(sys.executable, "-I", str(Path(__file__).with_name("demo.py"))),
    ),
    Profile(
        mode="claude",
        title="Claude Code",
        protocol="claude",
        # -P: it starts in the session's directory, and what lies there must not be imported
        command=(sys.executable, "-P", "-m", "infrastructure.agents.claude_runner"),
        env=_ANTHROPIC,
        agent_mode="default",  # its own choice may be one that runs everything unasked
    ),
    Profile(
        mode="claude-acp",
        title="Claude Code (ACP adapter)",
        protocol="acp",
        command=("claude-agent-acp",),
        install="npm install -g @agentclientprotocol/claude-agent-acp",
        env=_ANTHROPIC,
        agent_mode="default",  # 0.101.0 came up in `auto`, which ran commands unasked
    ),
    Profile(
        mode="codex",
        title="Codex (Zed's adapter)",
        protocol="acp",
        command=("codex-acp",),
        package="!@agentclientprotocol/codex-acp",
        install="npm install -g @zed-industries/codex-acp@0.16",
        env=_CODEX,
    ),
    Profile(
        mode="codex2",
        title="Codex",
        protocol="acp",
        command=("codex-acp",),
        package="@agentclientprotocol/codex-acp",
        install="npm install -g @agentclientprotocol/codex-acp",
        env=_CODEX,
        agent_mode="workspace-write",  # by default a model reviews what would run
    ),
    Profile(
        mode="gemini",
        title="Gemini CLI",
        protocol="acp",
        command=("gemini", "--acp"),
        install="npm install -g @google/gemini-cli",
        env=_GEMINI,
        hide=("readTextFile",),  # it reads before it writes, and fails on a file that is not there yet
    ),
    Profile(
        mode="kimi",
        title="Kimi Code",
        protocol="acp",
        command=("kimi", "acp"),
        install="npm install -g @moonshot-ai/kimi-code",
        env=("KIMI_*", "MOONSHOT_*"),
    ),
    Profile(
        mode="opencode",
        title="opencode",
        protocol="acp",
        command=("opencode", "acp"),
        install="npm install -g opencode-ai",
        env=(*_OPENAI, *_ANTHROPIC, *_GEMINI, "OPENCODE_*", "OPENROUTER_API_KEY"),
        secrets=("OPENCODE_SERVER_PASSWORD",),  # it also opens an HTTP server, to everybody on the machine without
    ),
    Profile(
        mode="qwen",
        title="Qwen Code",
        protocol="acp",
        command=("qwen", "--acp"),
        install="npm install -g @qwen-code/qwen-code",
        env=(*_OPENAI, "OPENAI_MODEL", "DASHSCOPE_API_KEY", "QWEN_*"),
    ),
)


def assemble(tables: Mapping[str, Mapping[str, Any]], *, built_in: Iterable[Profile] = BUILT_IN) -> dict[str, Profile]:
    """Return all profiles by their mode; *tables* change members of built-in ones and add others.

    Raises StartRefused for a table from which no agent can be made.
    """
    profiles = {profile.mode: profile for profile in built_in}
    for mode, members in tables.items():
        known = profiles.get(mode)
        if known is None and "protocol" not in members:
            raise _refused(mode, 'lacks `protocol`: write "acp", "claude" or "shell"')
        changed = Profile(**{"mode": mode, "title": mode, **members}) if known is None else replace(known, **members)
        if known is not None and changed.protocol != known.protocol:
            raise _refused(mode, f'is built in with the protocol "{known.protocol}": give yours another name')
        if changed.protocol == "acp" and not changed.command:
            raise _refused(mode, 'lacks `command`: write a list such as ["my-agent", "--acp"]')
        if changed.protocol == "shell" and changed.command:
            raise _refused(mode, "is a shell, which has no `command`: remove it")
        if known is not None and changed.command != known.command:
            changed = replace(changed, package="", install="")
        profiles[mode] = changed
    return profiles


def _refused(mode: str, fault: str) -> StartRefused:
    return StartRefused(f"towpath.toml, key `agents`: [agents.{mode}] {fault}.")
