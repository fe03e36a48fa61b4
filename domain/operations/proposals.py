"""Proposals: operations planned against the files as they are, and recorded as a plan.

A plan is in the log from then on: ``operations-detected``, and the plan whole beside it, as a body that has the plan's
own id.
"""

from collections.abc import Sequence

from anyio import to_thread
from msgspec import UNSET, UnsetType

from contracts import views
from contracts.codec import encode
from contracts.events import Operation, OperationsError
from contracts.requests import PLAN_OPERATIONS
from domain.errors import PlanTooLarge, TowpathError
from domain.ids import make_id
from domain.operations.answers import Answer
from domain.operations.planning import aim, paths_of, work_out
from domain.operations.telling import detected, planned_operations
from domain.owner import Owner
from domain.owners import Owners
from domain.ports import Blob, Clock, Differ, Files
from domain.state import SessionState


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

    async def record(self, owner: Owner, plan: views.Plan) -> None:
        """Record a plan; durable when this returns."""
        durable = owner.record(*detected(plan), blobs=[Blob(plan.plan_id, encode(plan))])
        await self._owners.settle(owner, durable)

    async def search(self, owner: Owner, turn_id: str, answer: Answer) -> None:
        """Record what an agent's answer to a turn proposes, as a plan. Raises why the owner was lost, nothing else."""
        try:
            operations, message_id = await to_thread.run_sync(answer.operations)
            plan = await self.plan(owner.state, operations, turn_id=turn_id, message_id=message_id)
        except TowpathError as error:
            await self._owners.settle(owner, owner.record(OperationsError(error=str(error), operations=[])))
            return
        if plan.operations:
            await self.record(owner, plan)
