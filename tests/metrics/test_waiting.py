"""Open questions, as the log tells of them."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from typing_extensions import override

from api.waiting import Waiting
from contracts.events import ApprovalConfirmed, ApprovalExpired, ApprovalRequest, SessionDeleted
from domain.errors import CursorExpired, LogUnavailable
from domain.ids import SessionId
from domain.owner import Owner
from domain.ports import Batch
from domain.reading import Reading
from infrastructure.eventlogs.memory import MemoryEventLog
from tests.factories import make_created, make_output, make_status
from tests.fakes import FakeClock

SECONDS = 5
A, B = SessionId("session-a"), SessionId("session-b")


class FaultyLog(MemoryEventLog):
    """Fails one read when told to."""

    expired_once = False
    unavailable_once = False

    @override
    async def read_all(self, *, after: int, **options: Any) -> Batch:
        if self.expired_once:
            self.expired_once = False
            raise CursorExpired(after)
        if self.unavailable_once:
            self.unavailable_once = False
            raise LogUnavailable("It can't be read.")
        return await super().read_all(after=after, **options)


class Desk:
    """A log, and sessions that ask."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.log = FaultyLog(window_seconds=0)
        self.owners: dict[SessionId, Owner] = {}

    async def open(self, session_id: SessionId) -> None:
        owner, durable = Owner.create(
            session_id, make_created(), make_status(), log=self.log, clock=self.clock, outcomes=Counter()
        )
        self.owners[session_id] = owner
        await durable

    async def record(self, session_id: SessionId, *events: Any) -> None:
        await self.owners[session_id].record(*events)

    async def beat(self) -> None:
        """Let all that can go on go on, once."""
        await self.record(B if self.owners[A].state.deleted else A, make_output())

    async def ask(self, session_id: SessionId, approval_id: str) -> None:
        question = ApprovalRequest(
            approval_id=approval_id,
            command="make",
            explanation="",
            options=[],
            editable=False,
            expires_at=self.clock.now() + 1,
        )
        await self.record(session_id, question, make_status("waiting"))

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Waiting]:
        waiting = Waiting(log=self.log, reading=Reading(log=self.log, clock=self.clock), clock=self.clock)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waiting.follow)
            yield waiting
            tasks.cancel_scope.cancel()


async def until(desk: Desk, known: Callable[[], bool]) -> None:
    """Wait until what the follower does in its own time is done."""
    with anyio.fail_after(SECONDS):
        while not known():
            await desk.beat()


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    for session_id in (A, B):
        await desk.open(session_id)
    return desk


async def test_a_question_is_open_until_it_is_answered(desk: Desk) -> None:
    async with desk.watched() as waiting:
        await desk.ask(A, "question-1")
        await until(desk, lambda: len(waiting) == 1)
        desk.clock.time += 90_000
        assert waiting.oldest_seconds == 90

        for answer, approved in (("question-1", True), ("question-2", False)):
            await desk.ask(A, "question-2")
            await desk.record(
                A, ApprovalConfirmed(approval_id=answer, approved=approved, option_id="x", answered_by="me")
            )
        await until(desk, lambda: waiting.outcomes.total() == 2)

    assert (len(waiting), waiting.oldest_seconds) == (0, 0)
    assert waiting.outcomes == {"allowed": 1, "rejected": 1}
    assert waiting.answered.sum == 90


async def test_one_that_expired_counts_as_that_and_one_of_a_deleted_session_as_nothing(desk: Desk) -> None:
    async with desk.watched() as waiting:
        await desk.ask(A, "question-1")
        await desk.ask(B, "question-2")
        await until(desk, lambda: len(waiting) == 2)
        await desk.record(A, ApprovalExpired(approval_id="question-1"))
        await desk.record(B, SessionDeleted())
        await until(desk, lambda: len(waiting) == 0)

    assert waiting.outcomes == {"expired": 1}
    assert sum(waiting.answered.counts) == 0


async def test_questions_outlive_a_restart(desk: Desk) -> None:
    await desk.ask(A, "question-1")
    await desk.ask(B, "question-2")
    desk.clock.time += 5000

    async with desk.watched() as waiting:
        await until(desk, lambda: len(waiting) == 2)
        assert waiting.oldest_seconds == 5
        await desk.record(A, ApprovalExpired(approval_id="question-1"), make_status())
        await until(desk, lambda: len(waiting) == 1)


async def test_a_log_that_was_trimmed_meanwhile_is_read_from_where_it_begins(desk: Desk) -> None:
    async with desk.watched() as waiting:
        desk.log.expired_once = True
        await desk.ask(A, "question-1")
        await desk.ask(A, "question-2")
        await until(desk, lambda: len(waiting) > 0 and not desk.log.expired_once)


async def test_a_log_that_can_not_be_read_is_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.waiting.AGAIN_SECONDS", 0)
    async with desk.watched() as waiting:
        desk.log.unavailable_once = True
        await desk.ask(A, "question-1")
        await until(desk, lambda: len(waiting) == 1)
