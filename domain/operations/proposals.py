"""Proposals: operations planned against the files as they are, and recorded as a plan.

A plan is in the log from then on: ``operations-detected``, and the plan whole beside it, as a body that has the plan's
own id.
"""

import logging
from collections.abc import Sequence

from anyio import to_thread
from msgspec import UNSET, UnsetType

from contracts import views
from contracts.codec import encode
from contracts.events import Event, Operation, OperationsError
from contracts.requests import PLAN_OPERATIONS
from domain.errors import PlanTooLarge, TowpathError
from domain.ids import SessionId, make_id
from domain.operations.answers import Answer
from domain.operations.planning import aim, paths_of, work_out
from domain.operations.telling import detected, planned_operations
from domain.owner import Owner
from domain.owners import Owners
from domain.ports import Blob, Clock, Differ, Files
from domain.state import SessionState

logger = logging.getLogger(__name__)


class Proposals:
    """Makes plans."""

    def __init__(self, *, owners: Owners, files: Files, differ: Differ, clock: Clock) -> None:
        self._owners = owners
        self._files = files
        self._differ = differ
        self._clock = clock

    async def plan(
        self,
        state: SessionState,
        operations: Sequence[Operation],
        *,
        turn_id: str | UnsetType = UNSET,
        message_id: str | UnsetType = UNSET,
    ) -> views.Plan:
        """Return what operations would do, without recording it. Raises PlanTooLarge, Invalid, FilesUnavailable."""
        if len(operations) > PLAN_OPERATIONS:
            reason = f"There are {len(operations)} operations; a plan takes {PLAN_OPERATIONS}."
            raise PlanTooLarge(reason, member="$.response")
        targets = aim(operations, state.working_dir)
        files = await self._files.read(state.working_dir, paths_of(targets))
        steps = await to_thread.run_sync(lambda: work_out(operations, targets, files))
        return views.Plan(
            plan_id=make_id(),
            turn_id=turn_id,
            message_id=message_id,
            created_at=self._clock.now(),
            state="proposed",
            working_dir=state.working_dir,
            operations=await planned_operations(steps, files, self._differ),
        )

    async def forget(self, session_id: SessionId) -> None:
        """Drop what is kept to undo the plans of a session that is gone. Never raises."""
        try:
            await self._files.forget(session_id)
        except TowpathError:
            logger.exception("what is kept of session %s could not be dropped; the next time tries again", session_id)

    async def record(self, owner: Owner, plan: views.Plan) -> None:
        """Record a plan; durable when this returns."""
        events, blobs = recorded(plan)
        await self._owners.settle(owner, owner.record(*events, blobs=blobs))

    async def search(self, owner: Owner, turn_id: str, answer: Answer) -> None:
        """Record what an agent's answer to a turn proposes, as a plan. Raises why the owner was lost, nothing else."""
        try:
            operations, message_id = await to_thread.run_sync(answer.operations)
            if not operations:
                return
            plan = await self.plan(owner.state, operations, turn_id=turn_id, message_id=message_id)
            events, blobs = recorded(plan)
        except TowpathError as error:
            events, blobs = [OperationsError(error=str(error), operations=[])], ()
        except Exception:
            logger.exception("an answer in session %s could not be searched", owner.state.session_id)
            events, blobs = [OperationsError(error="The answer could not be searched.", operations=[])], ()
        await self._owners.settle(owner, owner.record(*events, blobs=blobs))


def recorded(plan: views.Plan) -> tuple[Sequence[Event], Sequence[Blob]]:
    """Return a plan as the log holds it."""
    return detected(plan), [Blob(plan.plan_id, encode(plan))]
