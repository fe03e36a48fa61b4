"""The answers of requests whose server died before it could keep them, made anew from what they left in the log.

A route that is not here answers such a request by 409 `answer-gone`, which names what was done.
"""

from collections.abc import Sequence

from contracts import views
from contracts.events import (
    ApprovalConfirmed,
    CommandSent,
    Event,
    OperationsDetected,
    ProjectCreated,
    RuleDeleted,
    SessionCreated,
    SessionDeleted,
    SessionUpdated,
    TerminalClosed,
    TerminalCreated,
    TokenCreated,
    TokenRevoked,
    TurnCompleted,
    TurnStarted,
)
from contracts.terminals import TerminalView
from domain.approvals import answered
from domain.doorkeeper import removed
from domain.errors import AnswerGone, SessionNotFound, TerminalNotFound
from domain.ids import SessionId
from domain.ports import Receipt
from domain.prompts import accepted
from domain.reading import Reading
from domain.rules import forgotten
from domain.terminal_reading import terminal_view
from domain.terminals import Terminals
from domain.terminals import removed as ended

Headers = list[tuple[str, str]]
Made = tuple[int, Headers, views.View]


async def rebuild(  # noqa: PLR0911 - one arm a route
    method: str, path: str, kept: Receipt, events: Sequence[Event], reading: Reading, terminals: Terminals
) -> Made:
    """Return status, headers and body of the answer to a request that left *events*.

    A session and a terminal are shown as they are now. Raises AnswerGone where that can't be known.
    """
    place = path.rstrip("/").rpartition("/")[2]
    for event in events:
        match method, place, event:
            case "POST", "sessions" | "duplicate" | "fork", SessionCreated(session_id=session_id):
                session = await _session(session_id, kept, reading)
                made = views.SessionForked(session=session, agent_memory="none") if place == "fork" else session
                return 201, [("location", f"/api/session/{session_id}")], made
            case "POST", "prompt", CommandSent(turn_id=turn_id):
                started = any(isinstance(other, TurnStarted) and other.turn_id == turn_id for other in events)
                return 202, [], accepted(event, started=started)
            case "POST", "cancel", TurnCompleted(session_id=session_id, turn_id=turn_id):
                message = "The prompt was taken out of the queue."
                return 202, [], views.TurnCancelled(session_id=session_id, turn_id=turn_id, message=message)
            case "PATCH", _, SessionUpdated(session_id=session_id):
                return 200, [], await _session(session_id, kept, reading)
            case "POST", "preview" | "execute", OperationsDetected(plan_id=plan_id):
                raise AnswerGone(
                    f"This became the plan {plan_id} when it first came; its answer was too large to keep, or the"
                    " server died before. The plan's `state` tells what was done: one that is still proposed can be"
                    " executed under a new key."
                )
            case "POST", "terminal", TerminalCreated(terminal_id=terminal_id):
                return 201, [("location", f"/api/terminal/{terminal_id}")], _terminal(terminal_id, kept, terminals)
            case "DELETE", _, SessionDeleted(session_id=session_id):
                return 200, [], views.SessionRemoved(message="The session was deleted.", session_id=session_id)
    return _as_recorded(method, kept, events)


def _as_recorded(method: str, kept: Receipt, events: Sequence[Event]) -> Made:
    for event in events:
        match method, event:
            case "POST", ProjectCreated(project_id=project_id, name=name, root_dir=root_dir):
                project = views.Project(project_id=project_id, name=name, root_dir=root_dir, created_at=event.timestamp)
                return 201, [("location", f"/api/project/{project_id}")], project
            case "POST", ApprovalConfirmed():
                return 200, [], answered(event)
            case "DELETE", RuleDeleted(rule_id=rule_id):
                return 200, [], forgotten(rule_id)
            case "DELETE", TokenRevoked(token_id=token_id):
                return 200, [], removed(token_id)
            case "DELETE", TerminalClosed(terminal_id=terminal_id):
                return 200, [], ended(terminal_id)
            case "POST", TokenCreated(token_id=token_id):
                raise AnswerGone(
                    f"The token {token_id} was made when this first came, and its secret is kept nowhere. Revoke it and"
                    " make another, under a new key."
                )
    raise _gone(kept)


async def _session(session_id: str, kept: Receipt, reading: Reading) -> views.Session:
    try:
        return await reading.get(SessionId(session_id))
    except SessionNotFound:
        raise _gone(kept) from None


def _terminal(terminal_id: str, kept: Receipt, terminals: Terminals) -> TerminalView:
    try:
        return terminal_view(terminals.get(terminal_id).state)
    except TerminalNotFound:
        raise _gone(kept) from None


def _gone(kept: Receipt) -> AnswerGone:
    where = "" if kept.session_id is None else f" (events {kept.after + 1} to {kept.upto} of {kept.session_id})"
    return AnswerGone(
        f"This was done when it first came{where}. Its answer is not kept: it held a secret, it was too large, or the"
        " server died before."
    )
