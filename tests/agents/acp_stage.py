"""An agent over ACP without a server: the scripted program, and what was emitted."""

import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import Event as Signal
from anyio import create_task_group, fail_after

from contracts.events import AgentMessage, Event, SessionError, SessionStatus, SessionUpdated, ToolCall
from domain.ids import TurnId
from domain.ports import Turn, TurnEnd
from infrastructure.agents.acp import AcpAgent
from infrastructure.agents.profiles import Profile
from infrastructure.processes.environment import minimal_environment
from infrastructure.processes.process import NO_LIMITS
from infrastructure.workspace import Workspace
from tests.fakes import FakeDesk

SCRIPT = Path(__file__).with_name("scripted_agent.py")


class AcpStage:
    """One agent. It remembers its own id and mode as a session does."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.desk = FakeDesk(self.emit)
        self.agent: AcpAgent
        self.turns = 0
        self._heard = Signal()

    async def emit(self, *events: Event) -> None:
        for event in events:
            if isinstance(event, SessionUpdated) and isinstance(event.agent_session_id, str):
                self.desk.agent_session_id = event.agent_session_id
            if isinstance(event, SessionUpdated) and isinstance(event.agent_mode, str):
                self.desk.agent_mode = event.agent_mode
        self.events += events
        self._heard.set()
        self._heard = Signal()

    async def prompt(self, *steps: Sequence[Any], text: str | None = None, **members: Any) -> TurnEnd:
        """Run a turn of *steps* (tests/agents/scripted_agent.py)."""
        self.turns += 1
        command = json.dumps(steps) if text is None else text
        turn = Turn(turn_id=TurnId(f"turn-{self.turns:08}"), command=command, cwd="/", **members)
        with fail_after(20):
            return await self.agent.run(turn)

    async def until(self, done: Callable[[], bool]) -> None:
        await self.until_within(20, done)

    async def until_within(self, seconds: float, done: Callable[[], bool]) -> None:
        with fail_after(seconds):
            while not done():
                await self._heard.wait()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def said(self) -> str:
        return "".join(event.text for event in self.of(AgentMessage))

    @property
    def errors(self) -> list[str]:
        return [event.code for event in self.of(SessionError)]

    @property
    def statuses(self) -> list[str]:
        return [event.status for event in self.of(SessionStatus)]

    @property
    def calls(self) -> list[ToolCall]:
        return self.of(ToolCall)


@asynccontextmanager
async def acp_stage(
    root: Path, *arguments: str, environment: Mapping[str, str] | None = None, **profile: Any
) -> AsyncIterator[AcpStage]:
    """Open an agent in *root*, a real path, run with *arguments*; close it at the end."""
    stage = AcpStage()
    times = {"start_seconds": 10, "cancel_seconds": 5, "turn_seconds": 20, "idle_seconds": 60}
    command = (sys.executable, "-I", str(SCRIPT), *arguments)
    made = Profile(mode="scripted", title="Scripted", protocol="acp", **{"command": command, **times, **profile})
    async with create_task_group() as tasks:
        stage.agent = AcpAgent(
            profile=made,
            working_dir=str(root),
            environment=minimal_environment((), {}, environment or {}),
            limits=NO_LIMITS,
            open_directory=Workspace(roots=[root]).open_directory,
            desk=stage.desk,
            tasks=tasks,
        )
        try:
            yield stage
        finally:
            with fail_after(20, shield=True):
                await stage.agent.close()
            tasks.cancel_scope.cancel()
    assert not stage.agent.alive
