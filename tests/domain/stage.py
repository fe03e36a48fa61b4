"""Sessions over a log in memory, and ways to wait for what happens in them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from anyio import Event as Signal
from anyio import create_task_group, fail_after
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from contracts.codec import decode_event
from contracts.events import Event, SessionStatus, TurnCompleted, TurnStarted
from contracts.requests import SubmitPrompt
from contracts.views import PromptAccepted, Rule
from domain.agent_files import AgentFiles
from domain.agents import Agents
from domain.approvals import Approvals
from domain.commands import Commands
from domain.contexts import Contexts
from domain.copies import Copies
from domain.desk import Workshop
from domain.exports import Exports
from domain.ids import SessionId, TurnId
from domain.operations.carrying import Locks
from domain.operations.proposals import Proposals
from domain.owners import Owners
from domain.places import Places
from domain.plans import Plans
from domain.policy import Policy
from domain.projects import Projects
from domain.reading import Reading
from domain.retention import Retention
from domain.rules import Rules
from domain.sessions import Limits, Sessions
from domain.state import SessionState, apply, begin
from domain.system import SystemLog
from domain.terminals import Limits as TerminalLimits
from domain.terminals import Terminals
from domain.turns import Turns
from tests.access.stage import RecordedAudit
from tests.factories import make_create
from tests.fakes import (
    FakeClock,
    FakeDiffer,
    FakeFiles,
    FakeLauncher,
    FakeScreens,
    FakeTerminals,
    FakeWorkspace,
    FakeWorktrees,
    FaultyEventLog,
    Play,
    answer,
)

LIMITS = {
    "prompt_bytes": 256 * 1024,
    "queue": 3,
    "retention_bytes": 1 << 30,
    "retention_ms": 1 << 40,
    "approval_ms": 60_000,
    "terminals": 50,
    "session_terminals": 16,
}


class Stage:
    def __init__(
        self,
        tasks: TaskGroup,
        *,
        play: Play,
        log: FaultyEventLog | None,
        programs: FakeTerminals | None = None,
        rules: Sequence[Rule],
        **limits: int,
    ) -> None:
        self.tasks = tasks
        self.log = log or FaultyEventLog()
        self.clock = FakeClock()
        self.launcher = FakeLauncher(play)
        self.reading = Reading(log=self.log, clock=self.clock)
        self.system = SystemLog(log=self.log, clock=self.clock)
        self.workspace = FakeWorkspace("/srv/project", "/srv/project/src", "/srv/other")
        self.contexts = Contexts(log=self.log, workspace=self.workspace)
        limits = {**LIMITS, **limits}
        self.owners = Owners(log=self.log, clock=self.clock, tasks=tasks)
        self.retention = Retention(
            log=self.log,
            owners=self.owners,
            system=self.system,
            clock=self.clock,
            most_bytes=limits.pop("retention_bytes"),
            most_ms=limits.pop("retention_ms"),
        )
        self.audit = RecordedAudit()
        self.rules = Rules(
            policy=Policy(rules),
            system=self.system,
            clock=self.clock,
            audit=self.audit,
            approval_ms=limits.pop("approval_ms"),
        )
        self.files = FakeFiles()
        self.proposals = Proposals(owners=self.owners, files=self.files, differ=FakeDiffer(), clock=self.clock)
        self.programs = programs or FakeTerminals(self.clock)
        self.screens = FakeScreens()
        self.terminals = Terminals(
            host=self.programs,
            screens=self.screens,
            owners=self.owners,
            system=self.system,
            workspace=self.workspace,
            clock=self.clock,
            tasks=tasks,
            limits=TerminalLimits(in_all=limits.pop("terminals"), in_session=limits.pop("session_terminals")),
        )
        locks = Locks()
        agent_files = AgentFiles(
            owners=self.owners, files=self.files, workspace=self.workspace, proposals=self.proposals, locks=locks
        )
        self.turns = Turns(
            log=self.log,
            owners=self.owners,
            launcher=self.launcher,
            retention=self.retention,
            rules=self.rules,
            proposals=self.proposals,
            workshop=Workshop(agent_files, self.terminals),
            tasks=tasks,
        )
        self.worktrees = FakeWorktrees(*self.workspace.paths)
        self.places = Places(log=self.log, workspace=self.workspace, worktrees=self.worktrees, system=self.system)
        self.copies = Copies(
            log=self.log, owners=self.owners, turns=self.turns, places=self.places, clock=self.clock, wait_seconds=5
        )
        self.projects = Projects(log=self.log, system=self.system, owners=self.owners, places=self.places)
        self.exports = Exports(log=self.log)
        self.agents = Agents(log=self.log, launcher=self.launcher, workspace=self.workspace)
        self.sessions = Sessions(
            log=self.log,
            owners=self.owners,
            turns=self.turns,
            workspace=self.workspace,
            places=self.places,
            terminals=self.terminals,
            agents=self.agents,
            limits=Limits(**limits),
        )
        self.commands = Commands(
            owners=self.owners, turns=self.turns, rules=self.rules, launcher=self.launcher, tasks=tasks
        )
        self.plans = Plans(
            log=self.log,
            owners=self.owners,
            files=self.files,
            proposals=self.proposals,
            commands=self.commands,
            clock=self.clock,
            locks=locks,
            retention_ms=1 << 40,
        )
        self.approvals = Approvals(
            log=self.log,
            owners=self.owners,
            turns=self.turns,
            commands=self.commands,
            rules=self.rules,
            clock=self.clock,
            audit=self.audit,
        )

    async def open(self, **members: Any) -> SessionId:
        return SessionId((await self.sessions.open(make_create(**members))).session_id)

    async def submit(self, session_id: SessionId, command: str = "ls", **members: Any) -> PromptAccepted:
        return await self.sessions.submit(session_id, SubmitPrompt(command=command, **members))

    async def cancel(self, session_id: SessionId, turn_id: str | None = None) -> None:
        await self.sessions.cancel(session_id, None if turn_id is None else TurnId(turn_id))

    async def events(self, session_id: SessionId) -> list[Any]:
        after, events = (await self.log.head(session_id)).earliest, list[Any]()
        while (batch := await self.log.read(session_id, after=after, limit=100)).events:
            events += [decode_event(recorded.data) for recorded in batch.events]
            after = batch.upto
        return events

    async def until(self, session_id: SessionId, done: Callable[[Sequence[Any]], bool]) -> list[Any]:
        """Return a session's events once they fit."""
        while True:
            woken = Signal()
            end = self.log.watch(session_id, woken.set)
            try:
                events = await self.events(session_id)
                if done(events):
                    return events
                await woken.wait()
            finally:
                end()

    async def running(self, session_id: SessionId) -> None:
        await self.until(session_id, lambda events: status(events) == "running")

    async def rested(self, session_id: SessionId, turns: int = 1) -> list[Any]:
        """Return a session's events once so many turns are over and nothing runs."""
        return await self.until(
            session_id,
            lambda events: status(events) in ("idle", "interrupted") and len(of(events, TurnCompleted)) >= turns,
        )


@asynccontextmanager
async def staged(
    *,
    play: Play = answer,
    log: FaultyEventLog | None = None,
    programs: FakeTerminals | None = None,
    rules: Sequence[Rule] = (),
    **limits: int,
) -> AsyncIterator[Stage]:
    """Open the sessions of one server; at the end it is gone, as if killed."""
    with fail_after(10):
        async with create_task_group() as tasks:
            stage = Stage(tasks, play=play, log=log, programs=programs, rules=rules, **limits)
            yield stage
            stage.turns.draining = True  # who is killed records nothing on the way out
            tasks.cancel_scope.cancel()


async def turns(count: int) -> None:
    """Let every other task go on as far as it gets without the log."""
    for _ in range(count):
        await checkpoint()


def of(events: Sequence[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def status(events: Sequence[Event]) -> str:
    """Return the status that was told last."""
    last: str = of(events, SessionStatus)[-1].status
    return last


def started(events: Sequence[Event]) -> list[str]:
    return [event.turn_id for event in of(events, TurnStarted)]


def ends(events: Sequence[Event]) -> list[tuple[str, str]]:
    return [(event.turn_id, event.stop_reason) for event in of(events, TurnCompleted)]


def folded(events: Sequence[Any]) -> SessionState:
    state = begin(events[0])
    for event in events[1:]:
        state = apply(state, event)
    return state
