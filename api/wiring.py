"""The only module that names an adapter: what the server is made of, opened top to bottom and closed bottom to top.

Light to import: the commands use it to find a running server.
"""

import os
import resource
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import anyio
from anyio.abc import TaskGroup

from api.settings import Settings
from contracts.views import Agent as AgentProfile
from domain.access import FailedAttempts
from domain.agent_files import AgentFiles
from domain.agents import Agents
from domain.approvals import Approvals
from domain.commands import Commands
from domain.contexts import Contexts
from domain.copies import Copies
from domain.desk import Workshop
from domain.doorkeeper import Doorkeeper
from domain.exports import Exports
from domain.operations.carrying import Locks
from domain.operations.proposals import Proposals
from domain.owners import Owners
from domain.places import Places
from domain.plans import Plans
from domain.policy import Policy
from domain.ports import AgentLauncher, Audit, Clock, Credentials, EventLog, Machine, Screens
from domain.projects import Projects
from domain.reading import Reading
from domain.retention import Retention
from domain.rules import Rules
from domain.sessions import Limits, Sessions
from domain.system import SystemLog
from domain.terminals import Limits as TerminalLimits
from domain.terminals import Terminals
from domain.turns import Turns
from infrastructure.agents.launcher import ProfileLauncher
from infrastructure.agents.profiles import assemble
from infrastructure.audit import AuditFile
from infrastructure.clock import SystemClock
from infrastructure.datadir import DataDir, RunningServer, running_server
from infrastructure.eventlogs.sqlite import SqliteEventLog
from infrastructure.files.differ import UnifiedDiffer
from infrastructure.files.workspace_files import JournaledFiles
from infrastructure.machine import HostMachine
from infrastructure.processes.environment import ALLOWED, minimal_environment
from infrastructure.processes.process import Limits as ProcessLimits
from infrastructure.screens.drawer import Drawer
from infrastructure.screens.screens import GhosttyScreens
from infrastructure.terminals.census import end_holder, list_holders
from infrastructure.terminals.host import HeldTerminals
from infrastructure.tokens import FileCredentials, owner_token
from infrastructure.workspace import Workspace
from infrastructure.worktrees.worktrees import GitWorktrees

RETENTION_CHECK_SECONDS = 60
EXPIRY_CHECK_SECONDS = 1
MOVE_WAIT_SECONDS = 30  # proxies give up after a minute
DRAIN_SECONDS = 10


class Core(NamedTuple):
    """The server without its HTTP side."""

    log: EventLog
    clock: Clock
    launcher: AgentLauncher
    credentials: Credentials
    doorkeeper: Doorkeeper
    audit: Audit
    sessions: Sessions
    commands: Commands
    approvals: Approvals
    rules: Rules
    reading: Reading
    contexts: Contexts
    copies: Copies
    projects: Projects
    places: Places
    plans: Plans
    exports: Exports
    terminals: Terminals
    screens: Screens
    machine: Machine
    tasks: TaskGroup


@contextmanager
def hold_data_dir(settings: Settings) -> Iterator[DataDir]:
    """Hold the data directory's lock. Raises StartRefused, saying who holds it."""
    with closing(DataDir(Path(settings.data_dir))) as data_dir:
        yield data_dir


def find_server(data_dir: Path) -> tuple[str, str] | None:
    """Return the URL of the server that runs on a data directory, and the owner's token; `None` if none runs."""
    server = running_server(data_dir)
    return None if server is None else (server.url, owner_token(data_dir))


def held_terminals(data_dir: Path) -> Sequence[tuple[str, int, bool]]:
    """Return the id of each terminal that is held, its holder's process, and whether that answers; needs no server."""
    return [(held.terminal_id, held.holder, held.answers) for held in list_holders(data_dir)]


def end_holders(data_dir: Path) -> int:
    """End all terminals of a data directory and return how many there were. Raises TerminalUnavailable."""
    held = list_holders(data_dir)
    for one in held:
        end_holder(data_dir, one.terminal_id)
    return len(held)


def announce_server(data_dir: DataDir, host: str, port: int, *, version: str) -> None:
    """Say in the data directory where the server is, for the commands."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - listening anywhere includes here
    url = f"http://[{here}]:{port}" if ":" in here else f"http://{here}:{port}"
    now = SystemClock().now()
    data_dir.announce(RunningServer(pid=os.getpid(), url=url, started_at=now, version=version))


@asynccontextmanager
async def open_core(settings: Settings, data_dir: DataDir) -> AsyncIterator[Core]:
    """Open everything, put right what a crash left; at the end drain the sessions and close the log.

    Raises StartRefused where a file in the data directory forbids it.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        audit = stack.enter_context(closing(AuditFile(data_dir.path / "audit.jsonl", clock=clock)))
        credentials = FileCredentials(files=data_dir, clock=clock, monotonic=time.monotonic)
        log = await stack.enter_async_context(
            SqliteEventLog.open(data_dir.path / "towpath.db", durability=settings.durability)
        )
        checkouts = data_dir.folder("worktrees")
        workspace = Workspace(roots=settings.roots, closed=data_dir.path, worktrees=checkouts)
        drawer = Drawer(environment=_environment(settings))
        stack.push_async_callback(drawer.aclose)  # behind the tasks, which keep what is drawn when they are cancelled
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        launcher = _launcher(settings, workspace, tasks)
        system = SystemLog(log=log, clock=clock)
        owners = Owners(log=log, clock=clock, tasks=tasks)
        retention = Retention(
            log=log,
            owners=owners,
            system=system,
            clock=clock,
            most_bytes=settings.retention_bytes,
            most_ms=int(settings.retention_seconds * 1000),
        )
        worktrees = GitWorktrees(checkouts, environment=_environment(settings), open_directory=workspace.open_directory)
        places = Places(log=log, workspace=workspace, worktrees=worktrees, system=system)
        projects = Projects(log=log, system=system, owners=owners, places=places)
        rules = Rules(
            policy=Policy(settings.policy),
            system=system,
            clock=clock,
            audit=audit,
            approval_ms=int(settings.approval_seconds * 1000),
        )
        files = JournaledFiles(
            data_dir=data_dir.path, open_directory=workspace.open_directory, most_bytes=settings.operation_bytes
        )
        differ = UnifiedDiffer(folder=data_dir.path / "diffs", environment=_environment(settings))
        proposals = Proposals(owners=owners, files=files, differ=differ, clock=clock)
        screens = GhosttyScreens(data_dir.folder("terminals"), drawer=drawer, clock=clock, tasks=tasks)
        terminals = Terminals(
            host=_terminal_host(settings, data_dir, workspace, clock, tasks),
            screens=screens,
            owners=owners,
            system=system,
            workspace=workspace,
            clock=clock,
            tasks=tasks,
            limits=TerminalLimits(in_all=settings.terminals, in_session=settings.session_terminals),
        )
        locks = Locks()
        agent_files = AgentFiles(owners=owners, files=files, workspace=workspace, proposals=proposals, locks=locks)
        turns = Turns(
            log=log,
            owners=owners,
            launcher=launcher,
            retention=retention,
            rules=rules,
            proposals=proposals,
            workshop=Workshop(agent_files, terminals),
            tasks=tasks,
        )
        agents = Agents(log=log, launcher=launcher, workspace=workspace)
        sessions = Sessions(
            log=log,
            owners=owners,
            turns=turns,
            workspace=workspace,
            places=places,
            terminals=terminals,
            agents=agents,
            limits=Limits(prompt_bytes=settings.prompt_bytes, queue=settings.queue),
        )
        commands = Commands(owners=owners, turns=turns, rules=rules, launcher=launcher, tasks=tasks)
        approvals = Approvals(
            log=log, owners=owners, turns=turns, commands=commands, rules=rules, clock=clock, audit=audit
        )
        plans = Plans(
            log=log,
            owners=owners,
            files=files,
            proposals=proposals,
            commands=commands,
            clock=clock,
            locks=locks,
            retention_ms=int(settings.retention_seconds * 1000),
        )
        doorkeeper = Doorkeeper(
            credentials=credentials,
            attempts=FailedAttempts(),
            log=log,
            launcher=launcher,
            audit=audit,
            emit=system.emit,
            monotonic=time.monotonic,
            url=settings.url,
        )
        await sessions.recover()
        await terminals.recover()
        await projects.recover()
        await plans.recover()
        tasks.start_soon(places.sweep)
        await approvals.expire()
        tasks.start_soon(_expire, approvals)
        tasks.start_soon(_retain, retention, plans, projects, terminals)
        stack.push_async_callback(_drain, sessions)
        yield Core(
            log=log,
            clock=clock,
            launcher=launcher,
            credentials=credentials,
            doorkeeper=doorkeeper,
            audit=audit,
            sessions=sessions,
            commands=commands,
            approvals=approvals,
            rules=rules,
            reading=Reading(log=log, clock=clock),
            machine=HostMachine(data_dir.path / "towpath.db"),
            contexts=Contexts(log=log, workspace=workspace),
            copies=Copies(
                log=log, owners=owners, turns=turns, places=places, clock=clock, wait_seconds=MOVE_WAIT_SECONDS
            ),
            projects=projects,
            places=places,
            plans=plans,
            exports=Exports(log=log),
            terminals=terminals,
            screens=screens,
            tasks=tasks,
        )


def _launcher(settings: Settings, workspace: Workspace, tasks: TaskGroup) -> ProfileLauncher:
    return ProfileLauncher(
        profiles=assemble(settings.agents),
        environment=_environment(settings),
        source=os.environ,
        limits=_process_limits(settings),
        open_directory=workspace.open_directory,
        tasks=tasks,
    )


def _terminal_host(
    settings: Settings, data_dir: DataDir, workspace: Workspace, clock: Clock, tasks: TaskGroup
) -> HeldTerminals:
    return HeldTerminals(
        data_dir.folder("terminals"),
        kept=settings.terminal_bytes,
        environment=_environment(settings),
        limits=_process_limits(settings),
        open_directory=workspace.open_directory,
        clock=clock,
        tasks=tasks,
    )


def _process_limits(settings: Settings) -> ProcessLimits:
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]  # as we found it: the server lifts its own
    return ProcessLimits(processes=settings.agent_processes, open_files=open_files)


def _environment(settings: Settings) -> dict[str, str]:
    return minimal_environment((*ALLOWED, *settings.agent_environment), os.environ, {})


@asynccontextmanager
async def open_log(settings: Settings, data_dir: DataDir) -> AsyncIterator[EventLog]:
    """Open the log alone, to look through it: no crash is put right, nothing is trimmed."""
    async with SqliteEventLog.open(data_dir.path / "towpath.db", durability=settings.durability) as log:
        yield log


async def agent_profiles(settings: Settings) -> Sequence[AgentProfile]:
    """Return the agent profiles that a server with these settings has."""
    async with _lone_launcher(settings) as launcher:
        return launcher.profiles()


async def introduce_agents(settings: Settings) -> Mapping[str, tuple[bool, str]]:
    """Start each agent and end it; return by its mode whether it answered well, and what there is to say."""
    async with _lone_launcher(settings) as launcher:
        introductions = await launcher.introductions()
    return {mode: (said.sound, said.text) for mode, said in introductions.items()}


@asynccontextmanager
async def _lone_launcher(settings: Settings) -> AsyncIterator[ProfileLauncher]:
    async with anyio.create_task_group() as tasks:
        yield _launcher(settings, Workspace(roots=settings.roots), tasks)


async def _expire(approvals: Approvals) -> None:
    while True:
        await anyio.sleep(EXPIRY_CHECK_SECONDS)
        await approvals.expire()


async def _retain(retention: Retention, plans: Plans, projects: Projects, terminals: Terminals) -> None:
    while True:
        await retention.trim()
        await anyio.sleep(RETENTION_CHECK_SECONDS)
        await plans.recover()
        await projects.recover()
        await terminals.tend()


async def _drain(sessions: Sessions) -> None:
    with anyio.move_on_after(DRAIN_SECONDS, shield=True):
        await sessions.drain()
