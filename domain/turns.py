"""What makes a session work: its turns, one after another, and what its agent says meanwhile."""

import logging
from collections.abc import Awaitable, Sequence
from functools import partial

import anyio
from anyio.abc import TaskGroup
from msgspec import UNSET
from msgspec.structs import replace

from contracts.events import (
    ApprovalConfirmed,
    ApprovalExpired,
    ApprovalOutcome,
    ApprovalRequest,
    CommandSent,
    Event,
    RunStarted,
    SessionError,
    SessionStatus,
    StopReason,
    TurnCompleted,
    TurnStarted,
)
from contracts.views import RunningTurn
from domain.contexts import gather, whole_text
from domain.desk import SessionDesk, Workshop
from domain.errors import AgentUnavailable, BlobNotFound, Draining, SessionNotFound, UnknownMode
from domain.ids import SessionId, TurnId
from domain.operations.answers import Answer
from domain.operations.proposals import Proposals
from domain.owner import Answered, Asked, Owner
from domain.owners import Owners
from domain.policy import PROMPT
from domain.ports import Agent, AgentLauncher, Desk, Emit, EventLog, Turn, TurnEnd
from domain.questions import command_action, describe, pending, withdrawn
from domain.retention import Retention
from domain.rules import Rules
from domain.state import SessionState, interrupted

logger = logging.getLogger(__name__)

TRIM_BYTES = 1024 * 1024


class Turns:
    """Works off each session's queue. ``draining``: nothing new begins, and what ends was interrupted.

    What a prompt wants to run in a shell is held against the rules when its turn begins.
    """

    def __init__(
        self,
        *,
        log: EventLog,
        owners: Owners,
        launcher: AgentLauncher,
        retention: Retention,
        rules: Rules,
        proposals: Proposals,
        workshop: Workshop,
        tasks: TaskGroup,
    ) -> None:
        self.draining = False
        self._log = log
        self._rules = rules
        self._agent_modes = frozenset(one.mode for one in launcher.profiles() if one.protocol != "shell")
        self._searched_modes = frozenset(one.mode for one in launcher.profiles() if one.detects_operations)
        self._answers: dict[SessionId, Answer] = {}
        self._proposals = proposals
        self._workshop = workshop
        self._owners = owners
        self._launcher = launcher
        self._retention = retention
        self._tasks = tasks

    async def emit(self, owner: Owner, *events: Event) -> None:
        """Record what an agent says, as `Emit` promises; a deleted session's words are dropped."""
        if owner.state.deleted:
            return
        if (answer := self._answers.get(owner.state.session_id)) is not None:
            answer.add(events)
        if owner.say(*events):
            self._tasks.start_soon(self._owners.follow, owner)
        await owner.room()
        if owner.untrimmed > max(TRIM_BYTES, self._retention.most_bytes // 4):  # it floods: no waiting for the round
            owner.untrimmed = 0
            await self._retention.trim_session(owner.state.session_id)

    def desk(self, owner: Owner, emit: Emit | None = None) -> Desk:
        """Return what a session offers to an agent, which says by *emit* what happens."""
        return SessionDesk(
            owner=owner,
            rules=self._rules,
            workshop=self._workshop,
            emit=emit or partial(self.emit, owner),
            ask=partial(self.ask, owner),
            settle=partial(self._owners.settle, owner),
        )

    def agent(self, owner: Owner) -> Agent:
        """Return the session's agent, which need not run. Raises UnknownMode."""
        if owner.agent is None:
            state = owner.state
            owner.agent = self._launcher.launch(
                state.session_id, mode=state.mode, working_dir=state.working_dir, desk=self.desk(owner)
            )
        return owner.agent

    def next_turn(self, state: SessionState, sent: CommandSent) -> Sequence[Event]:
        """Return what begins a turn where a prompt finds none at work: its own, or that of one which waited longer."""
        if state.turn is not None:
            return ()
        first = sent.turn_id if sent.delivery == "steer" or not state.queue else state.queue[0].turn_id
        return (TurnStarted(turn_id=first), SessionStatus(status="starting"))

    def first_turn(self, owner: Owner) -> Sequence[Event]:
        """Return what begins the turn of the prompt that waited longest; nothing where none waits, or all are held."""
        queue = owner.state.queue
        if not queue or owner.holding or owner.closing or self.draining:
            return ()
        return (TurnStarted(turn_id=queue[0].turn_id), SessionStatus(status="starting"))

    def drive(self, owner: Owner, durable: Awaitable[None]) -> None:
        """Have the owner's turn run once *durable* is; whoever drives already, and is about to end, goes on."""
        owner.begun = durable
        if owner.driving is None:
            owner.driving = anyio.Event()
            self._tasks.start_soon(self._work, owner, owner.driving)

    async def ask(self, owner: Owner, question: ApprovalRequest) -> ApprovalConfirmed | None:
        """Ask a human for an agent at work, and wait; `None` where nobody answers before the time or the turn is over.

        The answer is durable when this returns. Who cancels the call withdraws the question. Raises LogFull,
        LogUnavailable.
        """
        asked = owner.asked[question.approval_id] = Asked()
        try:
            await self._owners.settle(owner, owner.record(question, owner.status("waiting")))
            await asked.closed.wait()
            if asked.durable is None:
                assert owner.lost is not None
                raise owner.lost
            await self._owners.settle(owner, asked.durable)
        finally:
            owner.asked.pop(question.approval_id, None)
            self._withdraw(owner, question.approval_id)
        return asked.outcome if isinstance(asked.outcome, ApprovalConfirmed) else None

    def _withdraw(self, owner: Owner, approval_id: str) -> None:
        """Close a question that its agent no longer asks; what the end of the server cuts off stands."""
        if owner.lost is not None or self.draining or pending(owner.state, approval_id) is None:
            return
        expired = ApprovalExpired(approval_id=approval_id)
        if owner.say(expired, *(() if owner.after(expired).waits else (owner.status("running"),))):
            self._tasks.start_soon(self._owners.follow, owner)

    def go_on(self, owner: Owner, outcome: ApprovalOutcome) -> Awaitable[None]:
        """Record what became of the question that the turn waits for, and go on: with the turn, or after it."""
        asked = owner.asked.pop(outcome.approval_id, None)
        if asked is not None:
            works = () if owner.after(outcome).waits else (owner.status("running"),)
            durable = owner.record(outcome, *works)
            asked.close(outcome, durable)
            return durable
        question = pending(owner.state, outcome.approval_id)
        if isinstance(outcome, ApprovalConfirmed) and question is not None:
            owner.answers.append(Answered(question, outcome))
        if owner.after(outcome).waits:  # for the answer to another one
            return owner.record(outcome)
        if any(answered.outcome.approved for answered in owner.answers):
            durable = owner.record(outcome, SessionStatus(status="starting"))
            self.drive(owner, durable)
            return durable
        return self._end_waiting(owner, outcome, stop_reason="refused")

    def _end_waiting(self, owner: Owner, *outcomes: Event, stop_reason: StopReason) -> Awaitable[None]:
        """End the turn that waits for a human, and begin the next."""
        assert owner.state.turn is not None
        owner.answers.clear()
        completed = TurnCompleted(turn_id=owner.state.turn.turn_id, stop_reason=stop_reason)
        following = self.first_turn(owner)
        over = (*outcomes, completed)
        durable = owner.record(*((*over, *following) if following else owner.settled(*over)))
        if following:
            self.drive(owner, durable)
        return durable

    async def _work(self, owner: Owner, done: anyio.Event) -> None:
        """Work off the queue. Never raises: a crash becomes events, or the session is folded anew from the log."""
        try:
            while (running := owner.state.turn) is not None and not owner.state.waits:
                assert owner.begun is not None
                await owner.begun
                end = await self._run(owner, running)
                if end is None:
                    continue
                await self._workshop.terminals.end_turn(owner.state.session_id)
                owner.answers.clear()  # what its agent did not ask again allows nothing that follows
                if end.stop_reason == "interrupted" and await self._leave_waiting(owner):
                    return
                completed = TurnCompleted(
                    turn_id=running.turn_id, stop_reason=end.stop_reason, usage=end.usage, cwd=end.cwd
                )
                closed = withdrawn(owner.state, running.turn_id)
                owner.begun = owner.record(*self._over(owner, end, (*closed, completed)))
                await self._owners.settle(owner, owner.begun)
        except Exception as error:
            logger.exception("session %s stopped; it is folded anew from the log", owner.state.session_id)
            self._owners.lose(owner, error)
            await self._workshop.terminals.end_turn(owner.state.session_id)
        finally:
            owner.driving = None
            done.set()

    async def _leave_waiting(self, owner: Owner) -> bool:
        """Let a question that the end of the server cuts off stand, and its turn with it; say whether there is one."""
        if not owner.state.waits:
            return False
        gone = SessionStatus(status="waiting", reason="The server stopped.")
        await self._owners.settle(owner, owner.record(gone))
        return True

    def _over(self, owner: Owner, end: TurnEnd, over: Sequence[Event]) -> Sequence[Event]:
        """Return what a turn that is over leaves in the log: with it what follows, the next turn or a status."""
        if self.draining and (owner.state.queue or end.stop_reason == "interrupted"):
            return (*over, *interrupted(owner.after(*over), "The server stopped."))
        following = self.first_turn(owner)
        return (*over, *following) if following else owner.settled(*over)

    async def _run(self, owner: Owner, running: RunningTurn) -> TurnEnd | None:
        """Return how the turn ended; `None` when it waits for a human."""
        state = owner.state
        try:
            return await self._run_allowed(owner, running)
        except (AgentUnavailable, UnknownMode) as error:
            await self.emit(owner, SessionError(error=str(error), code="agent-unavailable", recoverable=True))
        except BlobNotFound as error:  # of the prompt, which can't be handed over whole
            await self.emit(owner, SessionError(error=str(error), code="blob-not-found", recoverable=True))
        except Exception:
            if owner.lost is not None:
                raise
            logger.exception("the agent of session %s failed", state.session_id)
            await self.emit(owner, SessionError(error="The agent failed.", code="agent-failed", recoverable=True))
        return TurnEnd(stop_reason="error")

    async def _run_allowed(self, owner: Owner, running: RunningTurn) -> TurnEnd | None:
        state, turn_id = owner.state, TurnId(running.turn_id)
        command = await whole_text(self._log, state.session_id, running.command)
        context = await gather(self._log, state, running.context)
        if _is_stopped(owner, turn_id):
            return self._ended(TurnEnd(stop_reason="cancelled"))
        again = bool(owner.answers)
        if state.mode in self._agent_modes:
            pass  # it asks for what it wants to do
        elif again:
            command = await self._begin_allowed(owner, running, command, owner.answers.pop().outcome)
        else:
            command = await self._permitted(owner, running, command)
            if not command:
                return None if owner.state.waits else TurnEnd(stop_reason="refused")
        agent = self.agent(owner)
        if _is_stopped(owner, turn_id):
            return self._ended(TurnEnd(stop_reason="cancelled"))
        turn = Turn(turn_id=turn_id, command=command, context=context, cwd=state.cwd, again=again)
        if state.mode in self._searched_modes:
            return await self._run_searched(owner, agent, turn)
        return self._ended(await agent.run(turn))

    async def _run_searched(self, owner: Owner, agent: Agent, turn: Turn) -> TurnEnd:
        """Run a turn, and plan what its answer proposes before the turn is over, unless it was stopped."""
        answer = self._answers[owner.state.session_id] = Answer()
        try:
            end = self._ended(await agent.run(turn))
        finally:
            del self._answers[owner.state.session_id]
        if end.stop_reason in ("end", "limit"):
            await self._proposals.search(owner, turn.turn_id, answer)
        return end

    async def _begin_allowed(self, owner: Owner, running: RunningTurn, command: str, answer: ApprovalConfirmed) -> str:
        """Record that what a human allowed begins; return what that is."""
        custom = answer.custom_command
        text = running.command if custom is UNSET else custom
        started = RunStarted(turn_id=running.turn_id, approval_id=answer.approval_id, command=text)
        await self._owners.settle(owner, owner.record(started))
        return command if custom is UNSET else custom

    async def _permitted(self, owner: Owner, running: RunningTurn, command: str) -> str:
        """Return what the turn may run in a shell; nothing where a rule forbids it or a human is asked."""
        verdict = await self._rules.judge(command_action(owner.state, PROMPT, command))
        if verdict.effect == "allow" or _is_stopped(owner, running.turn_id):
            return command
        if verdict.effect == "ask":
            asked = self._rules.question(owner.state, running.command, verdict, turn_id=running.turn_id)
            await self._owners.settle(owner, owner.record(asked, SessionStatus(status="waiting")))
        else:
            assert verdict.rule is not None
            reason = f"{describe(verdict.rule)} forbids this command."
            await self.emit(owner, SessionError(error=reason, code="denied-by-rule", recoverable=True))
        return ""

    def _ended(self, end: TurnEnd) -> TurnEnd:
        if self.draining and end.stop_reason == "cancelled":
            return replace(end, stop_reason="interrupted")
        return end

    def stop_turn(self, owner: Owner, turn_id: TurnId) -> Awaitable[None] | None:
        """Have the turn stopped; one that waits for a human is over at once, durably when the awaitable returns."""
        owner.cancelled = turn_id
        for approval_id in list(owner.asked):
            self.go_on(owner, ApprovalExpired(approval_id=approval_id))
        if owner.state.waits:
            return self._end_waiting(owner, *withdrawn(owner.state, turn_id), stop_reason="cancelled")
        if owner.agent is not None:
            self._tasks.start_soon(_cancel_agent, owner.agent)
        return None

    async def working(self, session_id: SessionId) -> Owner:
        """Return the owner for something that begins work. Raises Draining, SessionNotFound for a session that ends."""
        owner = await self._owners.get(session_id)
        self.refuse_while_draining()
        if owner.closing:
            raise SessionNotFound(session_id)
        return owner

    async def forget(self, session_id: SessionId) -> None:
        """Forget what was answered for a session that is gone, and how to undo it. Never raises."""
        await self._proposals.forget(session_id)
        await self._rules.forget_session(session_id)

    def refuse_while_draining(self) -> None:
        """Raise Draining once the server takes nothing new."""
        if self.draining:
            raise Draining("The server is about to stop; try again when it is back.")


def _is_stopped(owner: Owner, turn_id: str) -> bool:
    return owner.cancelled == turn_id or owner.closing or owner.lost is not None


async def _cancel_agent(agent: Agent) -> None:
    try:
        await agent.cancel()
    except Exception:
        logger.exception("an agent could not be cancelled")
