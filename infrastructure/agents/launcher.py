"""The agent profiles, and how each becomes an agent."""

from collections.abc import Mapping, Sequence

from anyio.abc import TaskGroup
from msgspec import UNSET

from contracts.views import Agent as AgentProfile
from domain.errors import UnknownMode
from domain.ids import SessionId
from domain.ports import Agent, Emit
from infrastructure.agents.shell import OpenDirectory, ShellAgent, find_shell
from infrastructure.processes.process import NO_LIMITS, Limits


class ProfileLauncher:
    """Launches programs of this machine, with exactly this *environment* and within these *limits*.

    *tasks* owns what the agents leave running between turns; nothing is raised into it.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        limits: Limits = NO_LIMITS,
        open_directory: OpenDirectory,
        tasks: TaskGroup,
    ) -> None:
        self._environment = environment
        self._limits = limits
        self._open_directory = open_directory
        self._tasks = tasks

    def profiles(self) -> Sequence[AgentProfile]:
        shell = find_shell(self._environment)
        return [
            AgentProfile(
                mode="shell",
                title=f"Shell ({shell})" if shell else "Shell",
                protocol="shell",
                available=shell is not None,
                reason=UNSET if shell else "Neither bash nor sh is on the server's PATH: install bash.",
            )
        ]

    def launch(self, session_id: SessionId, *, mode: str, working_dir: str, emit: Emit) -> Agent:  # noqa: ARG002
        if mode != "shell":
            raise UnknownMode(f"There is no mode {mode!r}.", member="$.mode")
        return ShellAgent(
            shell=find_shell(self._environment) or "sh",
            working_dir=working_dir,
            environment=self._environment,
            limits=self._limits,
            open_directory=self._open_directory,
            emit=emit,
            tasks=self._tasks,
        )
