"""The commands of plans: each is held against the rules, asked about, and run in its session once it is allowed."""

import logging
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Literal

import anyio
from anyio.abc import TaskGroup
from msgspec import UNSET, Struct

from contracts.events import (
    ApprovalConfirmed,
    ApprovalOutcome,
    ApprovalRequest,
    Event,
    RunStarted,
    SessionError,
    SessionOutput,
    SessionStatus,
    Text,
)
from domain.errors import AgentUnavailable, UnknownMode
from domain.ids import SessionId, TurnId, make_id
from domain.owner import Owner, Run
from domain.owners import Owners
from domain.policy import OPERATION
from domain.ports import AgentLauncher, Turn
from domain.questions import command_action, describe
from domain.rules import Rules
from domain.turns import Turns

logger = logging.getLogger(__name__)


class CommandOutcome(Struct, frozen=True):
    """What became of a command that a plan wants to run; ``approval_id`` names the question where one is asked."""

    command: str
    outcome: Literal["asked", "running", "denied"]
    approval_id: str | None = None


class Commands:
    """Runs the commands of a session's plans one after another, in the order in which they were allowed.

    Each runs as a prompt does in a shell of its own, in the session's working directory, beside what the session's
    turn does. It is named by the ``turnId`` of its `run-started` and ends with output on ``exit``.
    """

    def __init__(
        self, *, owners: Owners, turns: Turns, rules: Rules, launcher: AgentLauncher, tasks: TaskGroup
    ) -> None:
        self._owners = owners
        self._turns = turns
        self._rules = rules
        self._launcher = launcher
        self._tasks = tasks

    async def request(self, session_id: SessionId, plan_id: str, commands: Sequence[str]) -> Sequence[CommandOutcome]:
        """Run what the rules allow, ask about what they say to ask; all of it is in the log when this returns.

        Raises SessionNotFound, Draining, LogFull.
        """
        owner = await self._turns.working(session_id)
        judged = [
            (command, await self._rules.judge(command_action(owner.state, OPERATION, command))) for command in commands
        ]
        owner = await self._turns.working(session_id)
        events: list[Event] = []
        outcomes: list[CommandOutcome] = []
        allowed: list[tuple[TurnId, str]] = []
        for command, verdict in judged:
            if verdict.effect == "ask":
                asked = self._rules.question(owner.state, command, verdict, plan_id=plan_id)
                events.append(asked)
                outcomes.append(CommandOutcome(command, "asked", asked.approval_id))
            elif verdict.effect == "allow":
                allowed.append((TurnId(make_id()), command))
                events.append(RunStarted(turn_id=allowed[-1][0], command=command))
                outcomes.append(CommandOutcome(command, "running"))
            else:
                assert verdict.rule is not None
                reason = f"{describe(verdict.rule)} forbids a command of a plan."
                events.append(SessionError(error=reason, code="denied-by-rule", recoverable=True))
                outcomes.append(CommandOutcome(command, "denied"))
        if events:
            durable = owner.record(*owner.settled(*events))
            self._begin(owner, [Run(run_id, command, durable) for run_id, command in allowed])
            await self._owners.settle(owner, durable)
        return outcomes

    def go_on(self, owner: Owner, question: ApprovalRequest, outcome: ApprovalOutcome, command: str) -> Awaitable[None]:
        """Record what became of a question about a plan's command, and run *command* if that is a yes."""
        if not (isinstance(outcome, ApprovalConfirmed) and outcome.approved):
            return owner.record(*owner.settled(outcome))
        run_id = TurnId(make_id())
        text: Text = question.command if outcome.custom_command is UNSET else command
        started = RunStarted(turn_id=run_id, approval_id=question.approval_id, command=text)
        durable = owner.record(*owner.settled(outcome, started))
        self._begin(owner, [Run(run_id, command, durable)])
        return durable

    def _begin(self, owner: Owner, runs: Sequence[Run]) -> None:
        owner.line += runs
        if owner.line and owner.running is None:
            owner.running = anyio.Event()
            self._tasks.start_soon(self._work, owner, owner.running)

    async def _work(self, owner: Owner, done: anyio.Event) -> None:
        """Run what is in line. Never raises: a crash becomes events, or the session is folded anew from the log."""
        try:
            while owner.line:
                run = owner.line.pop(0)
                await run.durable
                reason = await self._run(owner, run)
                if run.run_id in owner.state.runs and not owner.state.deleted:
                    over = SessionOutput(turn_id=run.run_id, stream="exit", content=f"{reason}\n")
                    await self._owners.settle(owner, owner.record(over))
                if status := owner.settled():
                    await self._owners.settle(owner, owner.record(*status))
        except Exception as error:
            logger.exception("session %s stopped; it is folded anew from the log", owner.state.session_id)
            self._owners.lose(owner, error)
        finally:
            owner.running = None
            done.set()

    async def _run(self, owner: Owner, run: Run) -> str:
        """Run a command until it is over; return why it did not, where it did not."""
        state = owner.state
        if owner.closing or owner.lost is not None:
            return "The session ended before this began."
        try:
            desk = self._turns.desk(owner, partial(self._emit, owner))
            agent = self._launcher.launch(state.session_id, mode="shell", working_dir=state.working_dir, desk=desk)
            owner.run_agents = [*(kept for kept in owner.run_agents if kept.alive), agent]
            await agent.run(Turn(turn_id=run.run_id, command=run.command, cwd=state.working_dir))
        except (AgentUnavailable, UnknownMode) as error:
            return str(error)
        except Exception:
            if owner.lost is not None:
                raise
            logger.exception("a command of session %s failed", state.session_id)
        return "The command could not be run."

    async def _emit(self, owner: Owner, *events: Event) -> None:
        """Record what a command says; a turn that is at work, or waits, tells the session's status."""
        told = [event for event in events if owner.state.turn is None or not isinstance(event, SessionStatus)]
        if told:
            await self._turns.emit(owner, *told)
