"""Plans: in the log before anything happens, carried out once, undone once."""

from hashlib import sha256
from typing import Any

import pytest
from msgspec import UNSET

from contracts.events import (
    AgentMessage,
    DeleteOperation,
    LargeBody,
    OperationsDetected,
    OperationsError,
    OperationsExecuted,
    OperationsReverted,
    TurnCompleted,
)
from contracts.requests import (
    DeleteFile,
    EditFile,
    ExecuteOperations,
    ForkSession,
    GivenOperation,
    PreviewOperations,
    RunCommand,
    WriteFile,
)
from contracts.views import Plan, PlanExecuted
from domain.errors import (
    FilesFull,
    InvalidOperation,
    LogFull,
    PathOutside,
    PlanConflict,
    PlanNotFound,
    PlanOver,
    PlanTooLarge,
)
from domain.ids import SessionId
from domain.operations import answers
from tests.domain.stage import Stage, folded, of, staged
from tests.fakes import FakeFiles, work, write

ANSWER = """Let me do that.

<write path="new.txt">
hello
</write>
<edit path="a"><search>one
</search><replace>1
</replace></edit>
<delete path="b"/>
<command>make test</command>
"""


async def prepared(stage: Stage, **members: Any) -> SessionId:
    stage.files.states = FakeFiles(a=b"one\ntwo\n", b=b"bye\n").states
    return await stage.open(**members)


async def previewed(stage: Stage, session_id: SessionId, response: str = ANSWER) -> str:
    answer = await stage.plans.preview(session_id, PreviewOperations(response=response))
    assert isinstance(answer.plan_id, str)
    return answer.plan_id


async def execute(stage: Stage, session_id: SessionId, plan_id: str, *only: int) -> PlanExecuted:
    request = ExecuteOperations(plan_id=plan_id, only=list(only)) if only else ExecuteOperations(plan_id=plan_id)
    return await stage.plans.execute(session_id, request)


async def test_a_preview_shows_what_each_operation_would_do_and_changes_nothing() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)

        answer = await stage.plans.preview(session_id, PreviewOperations(response=ANSWER))

        assert answer.count == len(answer.operations) == 4
        assert [(one.path, one.applies) for one in answer.operations] == [
            ("new.txt", True), ("a", True), ("b", True), (UNSET, True)
        ]  # fmt: skip
        hashes = [None, *(sha256(data).hexdigest() for data in (b"one\ntwo\n", b"bye\n")), None]
        assert [one.base_hash for one in answer.operations] == hashes
        assert answer.operations[1].diff == "--- a/a\n+++ b/a\n@@ 'one\\ntwo\\n' '1\\ntwo\\n' @@\n"
        assert answer.operations[3].no_diff == "not-applicable"
        assert stage.files.contents == {"a": b"one\ntwo\n", "b": b"bye\n"}
        (detected,) = of(await stage.events(session_id), OperationsDetected)
        assert detected.plan_id == answer.plan_id
        assert len(detected.operations) == 4
        plan = await stage.plans.get(session_id, str(answer.plan_id))
        assert plan.operations == answer.operations
        assert plan.state == "proposed"
        (summary,) = (await stage.plans.overview(session_id)).plans
        assert (summary.plan_id, summary.count, summary.state) == (answer.plan_id, 4, "proposed")


async def test_a_text_without_operations_makes_no_plan() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)

        answer = await stage.plans.preview(session_id, PreviewOperations(response="Nothing to do."))

        assert (answer.plan_id, answer.operations, answer.count) == (UNSET, [], 0)
        assert not of(await stage.events(session_id), OperationsDetected)


async def test_a_plan_is_carried_out_once_and_undone_once() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        plan_id = await previewed(stage, session_id)

        done = await execute(stage, session_id, plan_id)

        assert [(one.operation, one.success) for one in done.results] == [
            ("write", True), ("edit", True), ("delete", True), ("command", False)
        ]  # fmt: skip
        assert (done.executed, done.results[3].error) == (3, "It waits for an answer.")
        (question,) = await stage.approvals.pending(session_id)
        assert done.approvals == [question.approval_id]
        assert (question.command, question.plan_id) == ("make test", plan_id)
        assert stage.files.contents == {"a": b"1\ntwo\n", "new.txt": b"hello\n"}
        with pytest.raises(PlanOver, match="executed"):
            await execute(stage, session_id, plan_id)

        undone = await stage.plans.revert(session_id, plan_id)

        assert [one.path for one in undone.results] == ["new.txt", "a", "b"]
        assert stage.files.contents == {"a": b"one\ntwo\n", "b": b"bye\n"}
        with pytest.raises(PlanOver, match="reverted"):
            await stage.plans.revert(session_id, plan_id)
        with pytest.raises(PlanOver, match="reverted"):
            await execute(stage, session_id, plan_id)
        events = await stage.events(session_id)
        assert [len(of(events, kind)) for kind in (OperationsExecuted, OperationsReverted, OperationsError)] == [
            1,
            1,
            0,
        ]
        assert await stage.files.recover() == []


async def test_some_of_a_plan_is_carried_out_and_the_rest_is_not() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        plan_id = await previewed(stage, session_id)

        done = await execute(stage, session_id, plan_id, 2)

        assert [one.path for one in done.results] == ["b"]
        assert stage.files.contents == {"a": b"one\ntwo\n"}
        assert await stage.approvals.pending(session_id) == []


async def test_operations_that_a_plan_does_not_have_are_refused() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        plan_id = await previewed(stage, session_id)

        with pytest.raises(InvalidOperation, match="no operation 4"):
            await execute(stage, session_id, plan_id, 0, 4)
        with pytest.raises(PlanNotFound):
            await execute(stage, session_id, "no-such-plan")
        with pytest.raises(PlanNotFound):
            await stage.plans.get(session_id, "no-such-plan")
        with pytest.raises(PlanOver):
            await stage.plans.revert(session_id, plan_id)


async def test_a_file_that_changed_since_the_preview_stops_the_plan_and_is_named() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        plan_id = await previewed(stage, session_id)
        stage.files.states |= FakeFiles(a=b"one\nmine\n").states

        with pytest.raises(PlanConflict, match="a changed since") as caught:
            await execute(stage, session_id, plan_id)

        assert caught.value.member == "$.operations[1]"
        (error,) = of(await stage.events(session_id), OperationsError)
        assert [one.path for one in error.operations] == ["a"]
        assert stage.files.contents == {"a": b"one\nmine\n", "b": b"bye\n"}
        assert (await stage.plans.get(session_id, plan_id)).state == "failed"
        stage.files.states |= FakeFiles(a=b"one\ntwo\n").states
        await execute(stage, session_id, plan_id)
        assert stage.files.contents == {"a": b"1\ntwo\n", "new.txt": b"hello\n"}


async def test_what_changes_while_it_is_written_stops_it_too() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        plan_id = await previewed(stage, session_id)

        async def meddle() -> None:
            stage.files.states |= FakeFiles(b=b"mine\n").states

        stage.files.before_change = meddle
        with pytest.raises(PlanConflict, match="b changed since") as caught:
            await execute(stage, session_id, plan_id)

        assert caught.value.member == "$.operations[2]"


async def test_an_undo_that_does_not_fit_leaves_the_plan_executed() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        plan_id = await previewed(stage, session_id)
        await execute(stage, session_id, plan_id)
        stage.files.states |= FakeFiles(b=b"mine\n").states

        with pytest.raises(PlanConflict, match="b changed since"):
            await stage.plans.revert(session_id, plan_id)

        assert (await stage.plans.get(session_id, plan_id)).state == "executed"


async def test_a_full_disk_is_told_to_everybody() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        plan_id = await previewed(stage, session_id)
        stage.files.failure = FilesFull("The disk is full.")

        with pytest.raises(FilesFull):
            await execute(stage, session_id, plan_id)

        (error,) = of(await stage.events(session_id), OperationsError)
        assert error.error == "The disk is full."


@pytest.mark.parametrize(
    ("operation", "kind", "member"),
    [
        (WriteFile(path="../x", content=""), PathOutside, "$.operations[1].path"),
        (RunCommand(command=""), InvalidOperation, "$.operations[1].command"),
        (DeleteFile(path="none"), PlanConflict, "$.operations[1]"),
        (EditFile(path="a", search="six", replace=""), PlanConflict, "$.operations[1]"),
    ],
)
async def test_given_operations_that_can_not_be_leave_nothing_behind(
    operation: GivenOperation, kind: type[Any], member: str
) -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        before = await stage.events(session_id)

        with pytest.raises(kind) as caught:
            await stage.plans.execute(
                session_id, ExecuteOperations(operations=[WriteFile(path="c", content=""), operation])
            )

        assert caught.value.member == member
        assert await stage.events(session_id) == before
        assert stage.files.contents == {"a": b"one\ntwo\n", "b": b"bye\n"}


async def test_given_operations_are_planned_and_carried_out_in_one_step() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)

        done = await stage.plans.execute(
            session_id,
            ExecuteOperations(operations=[DeleteFile(path="b"), EditFile(path="a", search="one", replace="1")]),
        )

        assert stage.files.contents == {"a": b"1\ntwo\n"}
        await stage.plans.revert(session_id, done.plan_id)
        assert stage.files.contents == {"a": b"one\ntwo\n", "b": b"bye\n"}


async def test_a_long_plan_comes_in_several_events_and_is_whole_all_the_same() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        text = "".join(
            f'<write path="{"d" * 200}/{n}">\n{"x" * (70_000 if n == 0 else 700)}\n</write>\n' for n in range(300)
        )

        plan_id = await previewed(stage, session_id, text)

        events = await stage.events(session_id)
        detected = of(events, OperationsDetected)
        assert len(detected) > 1
        assert {one.plan_id for one in detected} == {plan_id}
        told = [operation for one in detected for operation in one.operations]
        assert [operation.path.rpartition("/")[2] for operation in told] == [str(n) for n in range(300)]
        assert any(isinstance(operation.content, LargeBody) for operation in told)
        assert folded(events).plans[0].count == 300
        await execute(stage, session_id, plan_id)
        assert len(stage.files.contents) == 302
        results = [one for event in of(await stage.events(session_id), OperationsExecuted) for one in event.results]
        assert len(results) == 300


async def test_a_text_that_proposes_too_much_is_refused() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)

        with pytest.raises(PlanTooLarge):
            await previewed(stage, session_id, "".join(f'<delete path="{n}"/>\n' for n in range(501)))


async def test_an_answer_is_searched_before_its_turn_is_over() -> None:
    async with staged(play=write) as stage:
        session_id = await prepared(stage, mode="writer")
        accepted = await stage.submit(session_id, ANSWER)

        events = await stage.rested(session_id)

        (detected,) = of(events, OperationsDetected)
        assert (detected.turn_id, detected.message_id) == (accepted.turn_id, "message-one")
        assert events.index(detected) > events.index(of(events, AgentMessage)[-1])
        assert events.index(detected) < events.index(of(events, TurnCompleted)[0])
        assert (await execute(stage, session_id, detected.plan_id)).executed == 3


@pytest.mark.parametrize("mode", ["shell", "writer"])
async def test_what_proposes_nothing_or_only_quotes_is_left_alone(mode: str) -> None:
    async with staged(play=write) as stage:
        session_id = await prepared(stage, mode=mode)
        await stage.submit(session_id, ANSWER if mode == "shell" else "Nothing to do.")

        assert not of(await stage.rested(session_id), OperationsDetected)


async def test_an_endless_answer_is_not_searched_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "ANSWER_CHARACTERS", 50)
    async with staged(play=write) as stage:
        session_id = await prepared(stage, mode="writer")
        await stage.submit(session_id, ANSWER)

        events = await stage.rested(session_id)

        assert "not searched" in of(events, OperationsError)[0].error
        assert of(events, TurnCompleted)[0].stop_reason == "end"


async def test_a_turn_that_was_stopped_proposes_nothing() -> None:
    async with staged(play=work) as stage:
        session_id = await prepared(stage, mode="writer")
        await stage.submit(session_id, ANSWER)
        await stage.running(session_id)
        await stage.cancel(session_id)

        assert not of(await stage.rested(session_id), OperationsDetected)


async def test_what_a_crash_kept_from_the_log_is_told_once() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        plan_id = await previewed(stage, session_id)

        async def disk_fills() -> None:
            stage.log.full = True

        stage.files.before_change = disk_fills
        with pytest.raises(LogFull):
            await execute(stage, session_id, plan_id)
        stage.log.full, stage.files.before_change = False, None

        await stage.plans.recover()
        await stage.plans.recover()

        events = await stage.events(session_id)
        (executed,) = of(events, OperationsExecuted)
        assert [(one.operation, one.success) for one in executed.results] == [
            ("write", True), ("edit", True), ("delete", True), ("command", False)
        ]  # fmt: skip
        assert (await stage.plans.get(session_id, plan_id)).state == "executed"
        await stage.plans.revert(session_id, plan_id)
        assert stage.files.contents == {"a": b"one\ntwo\n", "b": b"bye\n"}


async def test_what_a_full_disk_kept_from_the_log_is_told_before_the_plan_is_touched_again() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        plan_id = await previewed(stage, session_id)

        async def disk_fills() -> None:
            stage.log.full = True

        stage.files.before_change = disk_fills
        with pytest.raises(LogFull):
            await execute(stage, session_id, plan_id, 0, 1, 2)
        stage.log.full = False
        with pytest.raises(PlanOver):
            await execute(stage, session_id, plan_id, 0, 1, 2)
        stage.files.before_change = disk_fills
        with pytest.raises(LogFull):
            await stage.plans.revert(session_id, plan_id)
        stage.log.full = False
        with pytest.raises(PlanOver):
            await stage.plans.revert(session_id, plan_id)

        events = await stage.events(session_id)
        assert (len(of(events, OperationsExecuted)), len(of(events, OperationsReverted))) == (1, 1)
        assert not of(events, OperationsError)
        assert stage.files.contents == {"a": b"one\ntwo\n", "b": b"bye\n"}


async def test_with_a_session_goes_what_was_kept_to_undo_its_plans() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        await execute(stage, session_id, await previewed(stage, session_id))
        assert stage.files.records

        await stage.sessions.delete(session_id)

        assert not stage.files.records


async def test_a_copy_of_a_plan_can_be_read_and_not_carried_out() -> None:
    async with staged() as stage:
        session_id = await prepared(stage)
        plan_id = await previewed(stage, session_id)
        copy = SessionId((await stage.copies.fork(session_id, ForkSession())).session.session_id)

        plan = await stage.plans.get(copy, plan_id)

        assert isinstance(plan, Plan)
        assert plan.operations[2].operation == DeleteOperation(path="b")
        with pytest.raises(PlanOver, match="copy"):
            await execute(stage, copy, plan_id)
