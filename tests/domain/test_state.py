"""What each event does to a session's state."""

from collections.abc import Sequence
from typing import Any, get_args

import hypothesis.strategies as st
import pytest
from hypothesis import given
from msgspec import UNSET
from msgspec.structs import replace

from contracts.codec import decode_event, encode
from contracts.events import (
    AgentMessage,
    AgentThought,
    ApprovalConfirmed,
    ApprovalExpired,
    ApprovalRequest,
    ContextItem,
    DeleteOperation,
    Event,
    LargeBody,
    Location,
    OperationResult,
    OperationsDetected,
    OperationsError,
    OperationsExecuted,
    OperationsReverted,
    PlanUpdated,
    RunStarted,
    SessionDeleted,
    SessionError,
    SessionOutput,
    SessionUpdated,
    Status,
    SystemEvent,
    TerminalClosed,
    TerminalCreated,
    ToolCall,
    UsageUpdated,
)
from contracts.views import QueuedPrompt, RunningTurn
from domain.context import Touched
from domain.known_plans import KnownPlan
from domain.state import OPEN_CALLS, SessionState, apply, begin, decode_state, interruption, listing
from tests.factories import (
    SESSION_ID,
    TURN_ID,
    make,
    make_completed,
    make_created,
    make_output,
    make_sent,
    make_started,
    make_status,
)

OTHER_ID = "another-turn-0001"


def stamp(event: Any, seq: int) -> Any:
    return replace(event, session_id=SESSION_ID, seq=seq, timestamp=1_000 * seq)


def fold(*events: Event, state: SessionState | None = None) -> SessionState:
    """Return the state of a new session, or of *state*, after *events*."""
    state = state or begin(stamp(make_created(), 1))
    for event in events:
        state = apply(state, stamp(event, state.seq + 1))
    return state


NEW = fold()
SENT = make_sent(command="ls")
QUEUED = fold(SENT)
RUNNING = fold(SENT, make_started(), make_status("running", pid=7, uptime=500))
CALL = ToolCall(turn_id=TURN_ID, tool_call_id="call", title="Read", status="running", input={"path": "/a"})
READ = ToolCall(turn_id=TURN_ID, tool_call_id="read", kind="read", locations=[Location(path="/srv/a")])
READ_FILE = Touched(name="/srv/a", how="read", at=5_000, turn_id=TURN_ID)
WRITTEN = OperationResult(success=True, path="a", operation="write")
WRITTEN_FILE = Touched(name="/srv/project/a", how="written", at=5_000)
PROPOSAL = OperationsDetected(plan_id="plan-one", operations=[DeleteOperation(path="a"), DeleteOperation(path="b")])
PLAN = KnownPlan(plan_id="plan-one", created_at=5_000, count=2, seq=5)
QUESTION = make(ApprovalRequest, seed=1, approval_id="approval-one")
OPENED = make(TerminalCreated, seed=1, terminal_id="terminal-one")


def changes(before: SessionState, event: Event) -> dict[str, Any]:
    """Return what an event changed, its number and time apart."""
    after = fold(event, state=before)
    assert (after.seq, after.last_activity) == (before.seq + 1, 1_000 * (before.seq + 1))
    names = set(SessionState.__struct_fields__) - {"seq", "last_activity"}
    return {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}


def test_a_session_begins_idle_and_empty() -> None:
    created = stamp(make_created(title="t", project_id="project-one"), 1)

    state = begin(created)

    assert (state.mode, state.title, state.working_dir, state.cwd) == ("shell", "t", "/srv/project", "/srv/project")
    assert (state.status, state.created_at, state.last_activity, state.project_id) == (
        "idle", 1_000, 1_000, "project-one"
    )  # fmt: skip
    assert (state.turn, state.queue, state.held, state.at_rest) == (None, (), False, True)


EFFECTS = [
    (NEW, SENT, {"queue": (QueuedPrompt(turn_id=TURN_ID, command="ls", delivery="queue", sent_at=2_000),)}),
    (QUEUED, make_started(), {"queue": (), "turn": RunningTurn(turn_id=TURN_ID, command="ls", started_at=3_000)}),
    (RUNNING, make_completed(), {"turn": None}),
    (RUNNING, make_completed(cwd="/srv"), {"turn": None, "cwd": "/srv"}),
    (QUEUED, make_completed(), {"queue": ()}),
    (RUNNING, make_completed(turn_id=OTHER_ID), {}),
    (NEW, make_completed(), {}),
    (NEW, make_started(), {"turn": RunningTurn(turn_id=TURN_ID, command="", started_at=2_000)}),
    (NEW, make_status("running", pid=7, uptime=500), {"status": "running", "pid": 7, "process_started_at": 1_500}),
    (RUNNING, make_status("idle"), {"status": "idle", "pid": UNSET, "process_started_at": UNSET}),
    (NEW, SessionUpdated(title="t"), {"title": "t"}),
    (NEW, SessionUpdated(archived=True, agent_mode="plan"), {"archived": True, "agent_mode": "plan"}),
    (fold(SessionUpdated(agent_mode="plan")), SessionUpdated(agent_mode=None), {"agent_mode": UNSET}),
    (NEW, SessionUpdated(working_dir="/srv"), {"working_dir": "/srv", "cwd": "/srv"}),
    (fold(SessionUpdated(project_id="project-one")), SessionUpdated(project_id=None), {"project_id": UNSET}),
    (RUNNING, CALL, {"open_tool_calls": (stamp(CALL, 5),)}),
    (fold(CALL), replace(CALL, status="completed"), {"open_tool_calls": ()}),
    (fold(CALL), replace(CALL, status="failed"), {"open_tool_calls": ()}),
    (NEW, replace(CALL, status="completed"), {}),
    (RUNNING, replace(READ, status="completed"), {"files": (READ_FILE,)}),
    (RUNNING, replace(READ, status="failed"), {}),
    (RUNNING, OperationsExecuted(plan_id="plan-one", results=[WRITTEN]), {"files": (WRITTEN_FILE,)}),
    (RUNNING, PROPOSAL, {"plans": (PLAN,)}),
    (fold(PROPOSAL), PROPOSAL, {"plans": (replace(PLAN, created_at=2_000, seq=2, count=4),)}),
    (
        fold(SENT, make_started(), CALL, PROPOSAL),
        OperationsExecuted(plan_id="plan-one", results=[]),
        {"plans": (replace(PLAN, state="executed", settled=6),)},
    ),
    (
        fold(SENT, make_started(), CALL, PROPOSAL),
        OperationsError(plan_id="plan-one", error="", operations=[]),
        {"plans": (replace(PLAN, state="failed", settled=6),)},
    ),
    (
        fold(SENT, CALL, PROPOSAL, OperationsExecuted(plan_id="plan-one", results=[])),
        OperationsError(plan_id="plan-one", error="", operations=[]),
        {"plans": (replace(PLAN, created_at=4_000, seq=4, state="executed", settled=6),)},
    ),
    (
        fold(SENT, CALL, PROPOSAL, OperationsExecuted(plan_id="plan-one", results=[])),
        OperationsReverted(plan_id="plan-one", results=[]),
        {"plans": (replace(PLAN, created_at=4_000, seq=4, state="reverted", settled=6),)},
    ),
    (fold(QUESTION), ApprovalExpired(approval_id="approval-one"), {"pending_approvals": ()}),
    (
        fold(QUESTION),
        ApprovalConfirmed(approval_id="approval-one", approved=True, option_id="yes", answered_by="owner_token"),
        {"pending_approvals": ()},
    ),
    (fold(QUESTION), ApprovalExpired(approval_id="approval-two"), {}),
    (NEW, QUESTION, {"pending_approvals": (stamp(QUESTION, 2),)}),
    (NEW, PlanUpdated(turn_id=TURN_ID, entries=[]), {}),
    (NEW, UsageUpdated(used=1, size=2), {"usage": stamp(UsageUpdated(used=1, size=2), 2)}),
    (NEW, SessionDeleted(), {"deleted": True}),
    (NEW, OPENED, {"terminals": ("terminal-one",)}),
    (fold(OPENED), TerminalClosed(terminal_id="terminal-one"), {"terminals": ()}),
    (fold(OPENED), TerminalClosed(terminal_id="terminal-two"), {}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "event", "expected"), EFFECTS)
def test_an_event_changes_this_and_nothing_else(before: SessionState, event: Event, expected: dict[str, Any]) -> None:
    assert changes(before, event) == expected


SILENT = [
    SessionOutput, SessionError, AgentMessage, AgentThought, OperationsError,
    *(kind for kind in get_args(SystemEvent) if kind not in (TerminalCreated, TerminalClosed)),
]  # fmt: skip


@pytest.mark.parametrize("kind", SILENT)
def test_what_only_happened_changes_nothing(kind: type[Any]) -> None:
    assert changes(RUNNING, make(kind, seed=1)) == {}


def test_a_session_is_created_once() -> None:
    with pytest.raises(ValueError, match="once"):
        fold(make_created())


def test_a_steering_prompt_goes_to_the_front() -> None:
    state = fold(make_sent(), make_sent(turn_id=OTHER_ID, delivery="steer"))

    assert [prompt.turn_id for prompt in state.queue] == [OTHER_ID, TURN_ID]


def test_a_turn_s_end_closes_its_tool_calls() -> None:
    assert fold(CALL, make_completed(), state=RUNNING).open_tool_calls == ()


def test_a_tool_call_keeps_what_its_next_event_does_not_name() -> None:
    [call] = fold(CALL, ToolCall(turn_id=TURN_ID, tool_call_id="call", title="Read it")).open_tool_calls

    assert (call.title, call.status, call.input, call.seq) == ("Read it", "running", {"path": "/a"}, 3)


def test_tool_calls_without_an_end_are_not_kept_without_an_end() -> None:
    calls = [replace(CALL, tool_call_id=f"call-{number}") for number in range(OPEN_CALLS + 2)]

    kept = [call.tool_call_id for call in fold(*calls).open_tool_calls]

    assert kept == [f"call-{number}" for number in range(2, OPEN_CALLS + 2)]


@pytest.mark.parametrize("status", get_args(Status))
@pytest.mark.parametrize("turn", [True, False])
def test_a_crash_is_told_where_something_was_at_work(status: Status, *, turn: bool) -> None:
    state = fold(make_status(status), state=RUNNING if turn else NEW)

    truth = interruption(state, "gone")

    told = 2 if turn else int(status in ("starting", "running"))
    assert [getattr(event, "stop_reason", getattr(event, "status", None)) for event in truth] == ["interrupted"] * told
    after = fold(*truth, state=state)
    assert after.at_rest
    assert (after.pid is UNSET) or not truth
    assert not interruption(after, "gone")


def test_a_question_of_the_turn_outlives_a_crash() -> None:
    state = fold(replace(QUESTION, turn_id=TURN_ID), make_status("waiting"), state=RUNNING)

    assert interruption(state, "gone") == ()
    assert state.waits
    assert not state.at_rest


def test_a_crash_ends_what_ran_beside_a_question_and_the_session_waits_on() -> None:
    state = fold(QUESTION, RunStarted(turn_id=OTHER_ID, command="make"), make_status("running"))

    truth = interruption(state, "gone")
    after = fold(*truth, state=state)

    assert [getattr(event, "status", getattr(event, "stream", None)) for event in truth] == [
        "exit", "interrupted", "waiting"
    ]  # fmt: skip
    assert (state.runs, after.runs, after.standing, after.at_rest) == ((OTHER_ID,), (), "waiting", False)
    assert not interruption(after, "gone")


def test_a_run_of_the_turn_is_the_turn_s_business() -> None:
    assert changes(RUNNING, RunStarted(turn_id=TURN_ID, command="make")) == {}
    assert changes(NEW, RunStarted(command="make")) == {}


@pytest.mark.parametrize("status", get_args(Status))
def test_a_queue_without_a_turn_is_held(status: Status) -> None:
    assert fold(make_status(status), state=QUEUED).held
    assert not fold(make_status(status), state=RUNNING).held
    assert not fold(make_status(status)).held


def test_a_listing_shows_the_state() -> None:
    row = listing(RUNNING)

    assert (row.status, row.pid, row.process_started_at, row.at_rest) == ("running", 7, 3_500, False)
    assert (row.session_id, row.created_at) == (SESSION_ID, 1_000)


ids = st.sampled_from([f"turn-number-{number}" for number in range(4)])
texts = st.text(max_size=20).filter(lambda text: text.isprintable())
bodies = texts | st.builds(LargeBody, blob_id=ids, bytes=st.integers(0, 9), preview=texts)
given_items = st.builds(ContextItem, path=texts) | st.builds(ContextItem, name=texts, text=bodies)
steps = st.one_of(
    st.builds(
        make_sent,
        command=bodies,
        turn_id=ids,
        delivery=st.sampled_from(["queue", "steer"]),
        context=st.lists(given_items, max_size=3) | st.just(UNSET),
    ),
    st.builds(make_started, turn_id=ids),
    st.builds(make_completed, turn_id=ids, cwd=st.just("/srv") | st.just(UNSET)),
    st.builds(make_output, text=texts),
    st.builds(
        make_status, st.sampled_from(get_args(Status)), pid=st.just(7) | st.just(UNSET), uptime=st.integers(0, 99)
    ),
    st.builds(
        ToolCall,
        turn_id=ids,
        tool_call_id=st.sampled_from("ab"),
        title=texts | st.just(UNSET),
        kind=st.sampled_from(["read", "edit", "delete", UNSET]),
        status=st.sampled_from(["pending", "running", "completed", UNSET]),
        locations=st.lists(st.builds(Location, path=texts), max_size=2) | st.just(UNSET),
        input=st.dictionaries(texts, st.integers(0, 9) | texts, max_size=2) | st.just(UNSET),
    ),
    st.builds(SessionUpdated, title=texts, project_id=ids | st.none() | st.just(UNSET), archived=st.booleans()),
    st.builds(SessionUpdated, working_dir=st.just("/srv"), agent_mode=texts | st.none()),
    st.sampled_from(["approval-one", "approval-two"]).flatmap(
        lambda one: st.sampled_from(
            [
                make(ApprovalRequest, seed=1, approval_id=one),
                ApprovalExpired(approval_id=one),
                ApprovalConfirmed(approval_id=one, approved=False, option_id="no", answered_by="owner_token"),
            ]
        )
    ),
    st.integers(0, 3).map(lambda seed: make(PlanUpdated, seed=seed)),
    st.integers(0, 3).map(lambda seed: make(UsageUpdated, seed=seed)),
)


@given(events=st.lists(steps, max_size=30), cuts=st.sets(st.integers(0, 30)))
def test_a_history_folds_to_the_same_from_every_snapshot(events: Sequence[Event], cuts: set[int]) -> None:
    whole = fold(*events)

    state = begin(stamp(make_created(), 1))
    for place, event in enumerate(events):
        stored = decode_event(encode(stamp(event, state.seq + 1)))
        state = apply(decode_state(encode(state)) if place in cuts else state, stored)

    assert decode_state(encode(state)) == whole == state
