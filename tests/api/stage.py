"""The whole application in memory, around an agent that runs nothing: it answers every prompt with golden samples."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Literal

import anyio
import msgspec
from msgspec.structs import replace
from typing_extensions import override

from api.app import create_app
from api.serving import open_services
from api.settings import Settings
from api.wiring import Core
from contracts.events import Event
from contracts.requests import CreateProject, CreateSession, SubmitPrompt
from contracts.views import Agent as AgentProfile
from contracts.views import Rule
from domain.access import OWNER, FailedAttempts, Principal
from domain.agent_files import AgentFiles
from domain.agents import Agents
from domain.approvals import Approvals
from domain.commands import Commands
from domain.contexts import Contexts
from domain.copies import Copies
from domain.desk import Workshop
from domain.doorkeeper import Doorkeeper
from domain.errors import UnknownMode
from domain.exports import Exports
from domain.ids import SessionId
from domain.operations.carrying import Locks
from domain.operations.proposals import Proposals
from domain.owners import Owners
from domain.places import Places
from domain.plans import Plans
from domain.policy import Policy
from domain.ports import Agent, Desk, Emit, Turn, TurnEnd, Usage
from domain.projects import Projects
from domain.reading import Reading
from domain.retention import Retention
from domain.rules import Rules
from domain.sessions import Limits, Sessions
from domain.system import SystemLog
from domain.terminals import Limits as TerminalLimits
from domain.terminals import NewTerminal, Terminals
from domain.turns import Turns
from infrastructure.clock import SystemClock
from infrastructure.eventlogs.memory import MemoryEventLog
from infrastructure.tokens import FileCredentials
from tests.access.stage import RecordedAudit
from tests.fakes import FakeDiffer, FakeFiles, FakeLauncher, FakeScreens, FakeTerminals, FakeWorkspace, FakeWorktrees

MODES: list[tuple[str, Literal["shell", "acp"]]] = [("shell", "shell"), ("writer", "acp")]
TOKEN = "the-token-of-these-tests-is-no-secret-at-all"
WORKING_DIR = "/srv/project"
WAIT = "wait"
ASKED = "ask a human first"
POLICY = [Rule(rule_id="configured_1", source="configured", effect="ask", command="ask *")]
LONG = "a long prompt " * 5000
_SAMPLES = Path(__file__).parents[2] / "openapi" / "examples"
_SAID = ("agent-thought", "plan-updated", "tool-call", "session-output", "usage-updated", "agent-message")


def read_sample(name: str) -> Event:
    event: Event = msgspec.json.decode((_SAMPLES / f"{name}.json").read_bytes(), type=Event)
    return event


class ReplayAgent:
    """Runs nothing. The prompt WAIT takes until it is cancelled."""

    alive = False

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._cancelled = anyio.Event()

    async def run(self, turn: Turn) -> TurnEnd:
        if turn.command == WAIT:
            await self._cancelled.wait()
            return TurnEnd(stop_reason="cancelled", cwd=turn.cwd)
        for name in _SAID:
            event: Any = read_sample(name)
            await self._emit(replace(event, session_id="", seq=0, timestamp=0, **_of(turn, event)))
        return TurnEnd(stop_reason="end", cwd=turn.cwd)

    async def cancel(self) -> None:
        self._cancelled.set()

    async def close(self) -> None:
        self._cancelled.set()

    async def fork(self, working_dir: str) -> None:
        del working_dir


def _of(turn: Turn, event: Any) -> dict[str, str]:
    return {"turn_id": turn.turn_id} if hasattr(event, "turn_id") else {}


class ReplayLauncher(FakeLauncher):
    @override
    def profiles(self) -> Sequence[AgentProfile]:
        return [AgentProfile(mode=mode, title="Replay", protocol=protocol, available=True) for mode, protocol in MODES]

    @override
    def launch(self, session_id: SessionId, *, mode: str, working_dir: str, desk: Desk) -> Agent:
        del session_id, working_dir
        if mode not in dict(MODES):
            raise UnknownMode(f"There is no mode {mode!r}.", member="$.mode")
        return ReplayAgent(desk.emit)


class OneDirectory(FakeWorkspace):
    """Has one directory, with files of any name."""

    @override
    async def sizes(self, directory: str, paths: Sequence[str]) -> Sequence[int | None]:
        return [len(path) if len(path) % 2 else None for path in paths]


class EmptyMachine:
    def usage(self) -> Usage:
        return Usage(log_bytes=0, disk_bytes=100, disk_free_bytes=100, processes=0, unended=0)


class FilesInMemory:
    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        return self._files.get(name)

    def replace(self, name: str, data: bytes) -> None:
        self._files[name] = data


class LastingCredentials(FileCredentials):
    """Has one token of the owner's that no revocation ends: whoever tries every route tries that too."""

    @override
    def by_token(self, secret: bytes) -> Principal | None:
        return OWNER if secret == TOKEN.encode() else super().by_token(secret)


class NeverTooMany(FailedAttempts):
    """Whoever tries every route without and with wrong credentials is wrong more often than anybody may be."""

    @override
    def add(self, peer: str, now: float) -> None:
        """Forget it."""


class Stage:
    """An ASGI application that opens everything at its lifespan's start, and seeds sessions."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(
            **{
                "data_dir": Path("unused"),
                "roots": (Path(WORKING_DIR),),
                "allowed_hosts": ("testserver",),
                "heartbeat_seconds": 0.05,
                **settings,
            }
        )
        self.session_ids: list[str] = []
        self.blob_id = ""
        self.asking_id = ""
        self.approval_id = ""
        self.project_id = ""
        self.terminal_ids: list[str] = []
        self.core: Core
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        async with AsyncExitStack() as stack:
            await self.open(stack)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def open(self, stack: AsyncExitStack) -> None:
        clock, audit, launcher = SystemClock(), RecordedAudit(), ReplayLauncher()
        log = MemoryEventLog()
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        system = SystemLog(log=log, clock=clock)
        owners = Owners(log=log, clock=clock, tasks=tasks)
        retention = Retention(log=log, owners=owners, system=system, clock=clock, most_bytes=1 << 20, most_ms=1 << 40)
        rules = Rules(policy=Policy(POLICY), system=system, clock=clock, audit=audit, approval_ms=1 << 40)
        files = FakeFiles(a=b"one\ntwo\n")
        proposals = Proposals(owners=owners, files=files, differ=FakeDiffer(), clock=clock)
        workspace = OneDirectory(WORKING_DIR)
        programs, screens = FakeTerminals(clock), FakeScreens()
        programs.greeting = b"$ "
        terminals = Terminals(
            host=programs,
            screens=screens,
            owners=owners,
            system=system,
            workspace=workspace,
            clock=clock,
            tasks=tasks,
            limits=TerminalLimits(in_all=1 << 20, in_session=1 << 20),
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
        places = Places(log=log, workspace=workspace, worktrees=FakeWorktrees(WORKING_DIR), system=system)
        sessions = Sessions(
            log=log,
            owners=owners,
            turns=turns,
            workspace=workspace,
            places=places,
            terminals=terminals,
            agents=Agents(log=log, launcher=launcher, workspace=workspace),
            limits=Limits(prompt_bytes=256 * 1024, queue=32),
        )
        credentials = LastingCredentials(files=FilesInMemory(), clock=clock, monotonic=time.monotonic)
        commands = Commands(owners=owners, turns=turns, rules=rules, launcher=launcher, tasks=tasks)
        core = Core(
            log=log,
            clock=clock,
            launcher=launcher,
            credentials=credentials,
            doorkeeper=Doorkeeper(
                credentials=credentials,
                attempts=NeverTooMany(),
                log=log,
                launcher=launcher,
                audit=audit,
                emit=system.emit,
                monotonic=time.monotonic,
                url="http://testserver",
            ),
            audit=audit,
            sessions=sessions,
            commands=commands,
            approvals=Approvals(
                log=log, owners=owners, turns=turns, commands=commands, rules=rules, clock=clock, audit=audit
            ),
            rules=rules,
            reading=Reading(log=log, clock=clock),
            contexts=Contexts(log=log, workspace=workspace),
            machine=EmptyMachine(),
            copies=Copies(log=log, owners=owners, turns=turns, places=places, clock=clock, wait_seconds=0.05),
            projects=Projects(log=log, system=system, owners=owners, places=places),
            places=places,
            plans=Plans(
                log=log,
                owners=owners,
                files=files,
                proposals=proposals,
                commands=commands,
                clock=clock,
                locks=locks,
                retention_ms=1 << 40,
            ),
            exports=Exports(log=log),
            terminals=terminals,
            screens=screens,
            tasks=tasks,
        )
        self.core = core
        services = await stack.enter_async_context(open_services(core, self.settings))
        self._app = create_app(services, self.settings, port=8780)
        self.project_id = (await core.projects.create(CreateProject(name="P", root_dir=WORKING_DIR))).project_id
        self.session_ids = [await self._seed(sessions, command) for command in (LONG, WAIT, "say all there is")]
        self.asking_id = await self._seed(sessions, ASKED)
        self.terminal_ids = [await self._open_terminal(terminals, one) for one in (None, self.session_ids[1])]
        programs.opened[-1].exit(3)
        with anyio.fail_after(5):
            while not (questions := await core.approvals.pending(SessionId(self.asking_id))):
                await anyio.lowlevel.checkpoint()
        self.approval_id = questions[0].approval_id
        (sent,) = (await log.read(SessionId(self.session_ids[0]), after=0, limit=9, types={"command-sent"})).events
        self.blob_id = msgspec.json.decode(sent.data)["command"]["blobId"]

    async def _open_terminal(self, terminals: Terminals, session_id: str | None) -> str:
        wanted = NewTerminal(session_id=None if session_id is None else SessionId(session_id))
        return (await terminals.open(wanted)).state.plan.terminal_id

    async def _seed(self, sessions: Sessions, command: str) -> str:
        session = await sessions.open(CreateSession(mode="shell"))
        await sessions.submit(SessionId(session.session_id), SubmitPrompt(command=command))
        return session.session_id
