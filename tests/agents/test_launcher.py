from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import create_task_group
from msgspec import UNSET

from contracts.events import Event
from contracts.views import Agent as AgentProfile
from domain.errors import UnknownMode
from infrastructure.agents.launcher import ProfileLauncher
from infrastructure.agents.profiles import assemble
from infrastructure.workspace import Workspace
from tests.agents.sessions import SESSION
from tests.fakes import FakeDesk


async def emit(*_: Event) -> None:
    raise AssertionError("nothing happens before the first turn")


@pytest.fixture
async def launcher(tmp_path: Path) -> AsyncIterator[ProfileLauncher]:
    """Yield a launcher that finds programs in tmp_path alone."""
    async with create_task_group() as tasks:
        yield ProfileLauncher(
            profiles=assemble({"old": {"protocol": "shell", "enabled": False}}),
            environment={"PATH": str(tmp_path)},
            source={},
            open_directory=Workspace(roots=[tmp_path]).open_directory,
            tasks=tasks,
        )


def shell_of(launcher: ProfileLauncher) -> AgentProfile:
    return next(profile for profile in launcher.profiles() if profile.mode == "shell")


async def test_the_shell_profile_names_the_best_shell_there_is(tmp_path: Path, launcher: ProfileLauncher) -> None:
    titles = []
    for name in ("sh", "bash"):
        (tmp_path / name).symlink_to("/bin/sh")
        shell = shell_of(launcher)
        assert (shell.mode, shell.protocol, shell.available, shell.reason) == ("shell", "shell", True, UNSET)
        titles.append(shell.title)

    assert titles == ["Shell (sh)", "Shell (bash)"]


async def test_without_a_shell_the_profile_says_what_to_do(launcher: ProfileLauncher) -> None:
    shell = shell_of(launcher)

    assert not shell.available
    assert isinstance(shell.reason, str)
    assert "install bash" in shell.reason


async def test_an_agent_that_is_not_there_says_how_to_get_it_and_a_disabled_one_is_not_listed(
    launcher: ProfileLauncher,
) -> None:
    listed = {profile.mode: profile for profile in launcher.profiles()}

    assert "old" not in listed
    assert listed["demo"].available
    assert not listed["gemini"].available
    assert listed["gemini"].reason == (
        "The program gemini is not on the server's PATH: npm install -g @google/gemini-cli."
    )


async def test_an_agent_starts_nothing_before_its_first_turn(tmp_path: Path, launcher: ProfileLauncher) -> None:
    agent = launcher.launch(SESSION, mode="shell", working_dir=str(tmp_path), desk=FakeDesk(emit))

    assert not agent.alive
    await agent.cancel()
    await agent.close()


async def test_an_unknown_mode_is_refused(tmp_path: Path, launcher: ProfileLauncher) -> None:
    with pytest.raises(UnknownMode):
        launcher.launch(SESSION, mode="nobody", working_dir=str(tmp_path), desk=FakeDesk(emit))
