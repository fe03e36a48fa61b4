"""A shell session without a server: an agent, and what it emitted."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import Condition, create_task_group, fail_after

from contracts.events import Event, SessionOutput
from domain.ids import SessionId, TurnId
from domain.ports import Agent, Turn, TurnEnd
from infrastructure.agents.launcher import ProfileLauncher
from infrastructure.agents.profiles import assemble
from infrastructure.processes.environment import ALLOWED, minimal_environment
from infrastructure.processes.process import NO_LIMITS
from infrastructure.workspace import Workspace
from tests.fakes import FakeDesk

SESSION = SessionId("s" * 26)


class ShellSession:
    """Runs prompts one after another, each where the last one ended. ``emit`` may be replaced by a slow one."""

    def __init__(self, working_dir: str) -> None:
        self.cwd = self.working_dir = working_dir
        self.events: list[Event] = []
        self.agent: Agent
        self.turns = 0
        self.emit: Callable[..., Awaitable[None]] = self.record
        self._heard = Condition()

    async def record(self, *events: Event) -> None:
        async with self._heard:
            self.events += events
            self._heard.notify_all()

    async def prompt(self, command: str) -> TurnEnd:
        self.turns += 1
        turn = Turn(turn_id=TurnId(f"turn-{self.turns:08}"), command=command, cwd=self.cwd)
        with fail_after(60):
            end = await self.agent.run(turn)
        if isinstance(end.cwd, str):
            self.cwd = end.cwd
        return end

    async def heard(self, text: str) -> None:
        """Return when *text* was written to either stream."""
        with fail_after(20):
            async with self._heard:
                while text not in self.out + self.err:
                    await self._heard.wait()

    @property
    def outputs(self) -> list[SessionOutput]:
        return [event for event in self.events if isinstance(event, SessionOutput)]

    @property
    def out(self) -> str:
        return "".join(output.content for output in self.outputs if output.stream == "stdout")

    @property
    def err(self) -> str:
        return "".join(output.content for output in self.outputs if output.stream == "stderr")

    @property
    def code(self) -> object:
        """The exit code of the last turn."""
        return [output.exit_code for output in self.outputs if output.stream == "exit"][-1]

    @property
    def late(self) -> str:
        """What came without a turn."""
        return "".join(output.content for output in self.outputs if not isinstance(output.turn_id, str))


@asynccontextmanager
async def shell_session(root: Path, *, source: Mapping[str, str] = os.environ) -> AsyncIterator[ShellSession]:
    """Open a session in *root*, a real path, and close it."""
    session = ShellSession(str(root))

    async def emit(*events: Event) -> None:
        await session.emit(*events)

    async with create_task_group() as tasks:
        launcher = ProfileLauncher(
            profiles=assemble({}),
            environment=minimal_environment(ALLOWED, source, {}),
            source={},
            limits=NO_LIMITS,
            open_directory=Workspace(roots=[root]).open_directory,
            tasks=tasks,
        )
        session.agent = launcher.launch(SESSION, mode="shell", working_dir=session.working_dir, desk=FakeDesk(emit))
        try:
            yield session
        finally:
            with fail_after(20, shield=True):
                await session.agent.close()
    assert not session.agent.alive
