"""The agent profiles, and how each becomes an agent."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from secrets import token_urlsafe
from typing import TypeVar

from anyio import CapacityLimiter, create_task_group
from anyio.abc import TaskGroup
from msgspec import UNSET

from contracts.events import Event
from contracts.views import Agent as AgentProfile
from domain.errors import UnknownMode
from domain.ids import SessionId
from domain.ports import Agent, AgentSession, Desk
from infrastructure.agents.acp import AcpAgent
from infrastructure.agents.introduction import Introduction, introduce
from infrastructure.agents.profiles import Profile
from infrastructure.agents.shell import OpenDirectory, ShellAgent, find_shell
from infrastructure.agents.visits import Visit, visit
from infrastructure.processes.environment import minimal_environment
from infrastructure.processes.process import NO_LIMITS, Limits

T = TypeVar("T")

VISITED_AT_ONCE = 2
PROBED_AT_ONCE = 4  # some take two seconds of a processor to start


class ProfileLauncher:
    """Launches programs of this machine, each with this *environment* and within these *limits*.

    Its profile may let variables of *source* pass too, and narrow or widen the limits. *tasks* owns what the agents
    leave running between turns; nothing is raised into it.
    """

    def __init__(
        self,
        *,
        profiles: Mapping[str, Profile],
        environment: Mapping[str, str],
        source: Mapping[str, str],
        limits: Limits = NO_LIMITS,
        open_directory: OpenDirectory,
        tasks: TaskGroup,
    ) -> None:
        self._profiles = profiles
        self._environment = environment
        self._source = source
        self._limits = limits
        self._open_directory = open_directory
        self._tasks = tasks
        self._visits = CapacityLimiter(VISITED_AT_ONCE)

    def profiles(self) -> Sequence[AgentProfile]:
        return [self._listed(profile) for profile in self._profiles.values() if profile.enabled]

    def launch(self, session_id: SessionId, *, mode: str, working_dir: str, desk: Desk) -> Agent:  # noqa: ARG002
        profile = self._profiles.get(mode)
        if profile is None:
            raise UnknownMode(f"There is no mode {mode!r}.", member="$.mode")
        environment = self._environment_of(profile)
        limits = replace(self._limits, **profile.limits)
        match profile.protocol:
            case "shell":
                return ShellAgent(
                    shell=find_shell(environment) or "sh",
                    working_dir=working_dir,
                    environment=environment,
                    limits=limits,
                    open_directory=self._open_directory,
                    emit=desk.emit,
                    tasks=self._tasks,
                )
            case "acp" | "claude":
                return AcpAgent(
                    profile=profile,
                    working_dir=working_dir,
                    environment=environment,
                    limits=limits,
                    open_directory=self._open_directory,
                    desk=desk,
                    tasks=self._tasks,
                )

    async def sessions(self, mode: str, *, working_dir: str) -> Sequence[AgentSession]:
        return await self._visit(mode, None, lambda visited: visited.sessions(working_dir))

    async def recall(self, mode: str, *, working_dir: str, agent_session_id: str) -> Sequence[Event]:
        return await self._visit(mode, working_dir, lambda visited: visited.recall(agent_session_id, working_dir))

    async def _visit(self, mode: str, working_dir: str | None, do: Callable[[Visit], Awaitable[T]]) -> T:
        profile = self._profiles.get(mode)
        if profile is None:
            raise UnknownMode(f"There is no mode {mode!r}.", member="$.mode")
        async with self._visits:
            return await visit(
                profile,
                do,
                directory=None if working_dir is None else await self._open_directory(working_dir),
                environment=self._environment_of(profile),
                limits=replace(self._limits, **profile.limits),
                seconds=profile.start_seconds,
                tasks=self._tasks,
            )

    async def introductions(self) -> Mapping[str, Introduction]:
        """Start each agent that can start and say what it told, by its mode; all are ended again."""
        told: dict[str, Introduction] = {}
        few = CapacityLimiter(PROBED_AT_ONCE)

        async def meet(profile: Profile) -> None:
            async with few:
                told[profile.mode] = await introduce(
                    profile,
                    environment=self._environment_of(profile),
                    limits=replace(self._limits, **profile.limits),
                    tasks=self._tasks,
                )

        async with create_task_group() as tasks:
            for profile in self._profiles.values():
                if profile.enabled and not profile.missing(self._environment):
                    tasks.start_soon(meet, profile)
        return told

    def _listed(self, profile: Profile) -> AgentProfile:
        missing = profile.missing(self._environment)
        shell = find_shell(self._environment) if profile.protocol == "shell" else None
        return AgentProfile(
            mode=profile.mode,
            title=f"{profile.title} ({shell})" if shell else profile.title,
            protocol=profile.protocol,
            available=not missing,
            reason=missing or UNSET,
            detects_operations=profile.detects_operations,
        )

    def _environment_of(self, profile: Profile) -> Mapping[str, str]:
        secrets = {name: token_urlsafe(32) for name in profile.secrets}
        return minimal_environment(profile.env, self._source, {**self._environment, **secrets})
