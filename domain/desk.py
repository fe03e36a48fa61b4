"""What a session offers to its agent: its log, and the humans who may be asked."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts.events import (
    ApprovalConfirmed,
    ApprovalRequest,
    Event,
    Location,
    OptionKind,
    RunStarted,
    SessionError,
    SessionStatus,
    ToolCall,
)
from domain.agent_files import AgentFiles
from domain.errors import OutsideRoots, PathOutside, TerminalNotFound
from domain.ids import make_id
from domain.owner import Answered, Owner
from domain.policy import Action
from domain.ports import Asking, Emit, Permission, TerminalOutput, TerminalState
from domain.questions import describe, permission, subject
from domain.rules import Rules
from domain.terminals import NewTerminal, Terminals
from domain.tools import EXECUTE, exact_command, tool_action

Ask = Callable[[ApprovalRequest], Awaitable[ApprovalConfirmed | None]]
Settle = Callable[[Awaitable[None]], Awaitable[None]]


class Workshop(Struct, frozen=True):
    """What agents work with beside their own tools."""

    files: AgentFiles
    terminals: Terminals


class SessionDesk:
    """The desk of one live session; *emit*, *ask* and *settle* are its owner's."""

    def __init__(self, *, owner: Owner, rules: Rules, workshop: Workshop, emit: Emit, ask: Ask, settle: Settle) -> None:
        self._owner = owner
        self._workshop = workshop
        self._rules = rules
        self._emit = emit
        self._ask = ask
        self._settle = settle

    @property
    def agent_session_id(self) -> str | None:
        return self._owner.state.agent_session_id or None

    @property
    def agent_mode(self) -> str | None:
        return self._owner.state.agent_mode or None

    async def emit(self, *events: Event) -> None:
        at_work = self._owner.state.turn is not None
        told = [e for e in events if not (at_work and isinstance(e, SessionStatus) and e.status == "exited")]
        if told:
            await self._emit(*told)

    async def ask(self, asking: Asking) -> Permission | None:
        asked = tool_action(self._owner.state, asking.tool_call_id)
        if asked.kind == EXECUTE and asked.command is None:  # the state keeps no large input
            asked = replace(asked, command=exact_command(asking.input))
        verdict = await self._rules.judge(asked)
        turn = self._owner.state.turn
        if turn is None or self._is_stopped(turn.turn_id):
            return None
        if verdict.effect == "deny":
            assert verdict.rule is not None
            reason = f"{describe(verdict.rule)} forbids this: {asking.command}"
            await self.emit(SessionError(error=reason, code="denied-by-rule", recoverable=True))
            return permission(asking.options, "reject-once", None)
        if (answered := self._take(asking, asked)) is not None:
            return await self._allowed_before(turn.turn_id, asking, answered)
        if verdict.effect == "allow":
            return permission(asking.options, "allow-once", None)
        question = self._rules.tool_question(self._owner.state, asking, asked, verdict, turn_id=turn.turn_id)
        outcome = await self._ask(question)
        if outcome is None:
            return None if self._is_stopped(turn.turn_id) else permission(asking.options, "reject-once", None)
        return permission(asking.options, _kind(question, outcome), outcome)

    async def read_text(self, path: str, *, line: int | None = None, limit: int | None = None) -> str:
        try:
            text = await self._workshop.files.read(self._owner, path)
        except (OutsideRoots, PathOutside) as error:
            await self._refused("read", path)
            raise PathOutside(str(error), member="path") from error
        turn = self._owner.state.turn
        if turn is not None and not self._is_told(path):
            call = ToolCall(
                turn_id=turn.turn_id,
                tool_call_id=make_id(),
                title=f"Read {path}",
                kind="read",
                status="completed",
                locations=[Location(path=path)],
            )
            await self.emit(call)
        if line is None and limit is None:
            return text
        first = max(line or 1, 1) - 1
        lines = _lines(text)  # splitlines knows more ends of lines than agents count
        return "".join(lines[first : None if limit is None else first + max(limit, 0)])

    async def write_text(self, path: str, text: str) -> None:
        try:
            await self._workshop.files.write(self._owner, path, text)
        except PathOutside:
            await self._refused("write", path)
            raise

    async def open_terminal(
        self, command: Sequence[str], *, working_dir: str | None, environment: Mapping[str, str]
    ) -> str:
        wanted = NewTerminal(
            session_id=self._owner.state.session_id,
            owner="agent",
            mode=self._owner.state.mode,
            working_dir=working_dir,
            command=command,
            environment=environment,
        )
        return (await self._workshop.terminals.open(wanted)).state.plan.terminal_id

    async def terminal_output(self, terminal_id: str, *, limit: int) -> tuple[TerminalOutput, TerminalState]:
        terminal = self._own(terminal_id).get(terminal_id)
        state = terminal.state
        return await terminal.read(after=max(state.earliest, state.offset - limit), limit=limit), state

    async def wait_terminal(self, terminal_id: str) -> TerminalState:
        return await self._own(terminal_id).wait(terminal_id)

    async def end_terminal(self, terminal_id: str) -> None:
        await self._own(terminal_id).end(terminal_id)

    def _own(self, terminal_id: str) -> Terminals:
        """Return the terminals, if this one is the session's."""
        plan = self._workshop.terminals.get(terminal_id).state.plan
        if plan.session_id != self._owner.state.session_id:
            raise TerminalNotFound(terminal_id)
        return self._workshop.terminals

    async def _refused(self, what: str, path: str) -> None:
        reason = f"The agent wanted to {what} {path}, which lies outside of where it may."
        await self.emit(SessionError(error=reason, code="path-outside", recoverable=True))

    def _is_told(self, path: str) -> bool:
        """Say whether a tool call that is at work names the path."""
        calls = self._owner.state.open_tool_calls
        return any(place.path == path for call in calls if call.locations is not UNSET for place in call.locations)

    def _is_stopped(self, turn_id: str) -> bool:
        return self._owner.closing or self._owner.cancelled == turn_id

    def _take(self, asking: Asking, asked: Action) -> Answered | None:
        """Take the answer that was given to the same question before the server stopped: it counts once."""
        same = subject(asking, asked)
        found = next((answered for answered in self._owner.answers if answered.question.subject == same), None)
        if found is not None:
            self._owner.answers.remove(found)
        return found

    async def _allowed_before(self, turn_id: str, asking: Asking, answered: Answered) -> Permission:
        """Record that what a human allowed begins, and tell it; found after a crash it may have run."""
        question, outcome = answered.question, answered.outcome
        if outcome.approved:
            text = question.command if outcome.custom_command is UNSET else outcome.custom_command
            started = RunStarted(turn_id=turn_id, approval_id=outcome.approval_id, command=text)
            await self._settle(self._owner.record(started))
        return permission(asking.options, _kind(question, outcome), outcome)


_lines = re.compile(r"[^\n]*\n|[^\n]+").findall


def _kind(question: ApprovalRequest, outcome: ApprovalConfirmed) -> OptionKind:
    chosen = (option.kind for option in question.options if option.option_id == outcome.option_id)
    return next(chosen, "allow-once" if outcome.approved else "reject-once")
