"""Plans: what an answer proposes is previewed against the files, carried out as it was shown or not at all, and undone.

Whether files were changed is in the journal of `Files` first and in the log then; `recover` tells the log what a crash
kept from it, once.
"""

import logging
from collections.abc import AsyncIterator, Collection, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager

from anyio import CancelScope, to_thread
from msgspec import UnsetType
from msgspec.structs import replace

from contracts import views
from contracts.codec import decoder, encode
from contracts.events import (
    CommandOperation,
    Operation,
    OperationResult,
    OperationsError,
    OperationsExecuted,
    OperationsReverted,
)
from contracts.requests import ExecuteOperations, PreviewOperations
from domain.commands import Commands
from domain.errors import (
    BlobNotFound,
    FilesChanged,
    InvalidOperation,
    PlanConflict,
    PlanNotFound,
    PlanOver,
    SessionNotFound,
    TowpathError,
)
from domain.ids import SessionId
from domain.known_plans import KnownPlan
from domain.operations.carrying import Locks, Note, decode_note
from domain.operations.parsing import find
from domain.operations.planning import aim, built_upon, changes_of, hash_of, name_of, paths_of, work_out
from domain.operations.proposals import Proposals
from domain.operations.telling import as_operation, pieces
from domain.owner import Owner
from domain.owners import Owners
from domain.ports import Change, Clock, EventLog, Files, PlanKey, Unsettled
from domain.reading import fold, plan_summary
from domain.state import SessionState

logger = logging.getLogger(__name__)

# Of the operations at fault an event names so many.
FAULTS_SHOWN = 20
NOT_RUN = {"asked": "It waits for an answer.", "denied": "A rule forbids this command."}

_decode_plan = decoder(views.Plan)


class Plans:
    """The plans of all sessions. Of those in one directory one is carried out or undone at a time; others wait."""

    def __init__(
        self,
        *,
        log: EventLog,
        owners: Owners,
        files: Files,
        proposals: Proposals,
        commands: Commands,
        clock: Clock,
        locks: Locks,
        retention_ms: int,
    ) -> None:
        self._log = log
        self._owners = owners
        self._files = files
        self._proposals = proposals
        self._commands = commands
        self._clock = clock
        self._retention_ms = retention_ms
        self._locks = locks
        self._at_work: set[PlanKey] = set()

    async def preview(self, session_id: SessionId, request: PreviewOperations) -> views.OperationsPreviewed:
        """Find operations in a text and plan them. Raises SessionNotFound, PlanTooLarge, InvalidWorkingDir, LogFull."""
        found = await to_thread.run_sync(find, request.response)
        state = (await self._owners.get(session_id)).state
        if not found:
            return views.OperationsPreviewed(operations=[], count=0)
        plan = await self._proposals.plan(state, [each.operation for each in found])
        await self._proposals.record(await self._owners.get(session_id), plan)
        return views.OperationsPreviewed(plan_id=plan.plan_id, operations=plan.operations, count=len(plan.operations))

    async def overview(self, session_id: SessionId) -> views.PlanList:
        """Return the session's newest plans. Raises SessionNotFound."""
        state = await fold(self._log, session_id)
        return views.PlanList(plans=[plan_summary(plan) for plan in state.plans])

    async def get(self, session_id: SessionId, plan_id: str) -> views.Plan:
        """Return a plan whole. Raises SessionNotFound, PlanNotFound."""
        state = await fold(self._log, session_id)
        known = _known(state, plan_id)
        return replace(await self._load(session_id, plan_id), state=known.state)

    async def execute(self, session_id: SessionId, request: ExecuteOperations) -> views.PlanExecuted:
        """Carry out a plan, some of its operations, or operations that were shown elsewhere.

        Raises SessionNotFound, PlanNotFound, PlanOver, PlanConflict, InvalidPath, PathOutside, InvalidOperation,
        InvalidWorkingDir, FilesFull, FilesUnavailable, LogFull.
        """
        if not isinstance(request.operations, UnsetType):
            plan_id = await self._take(session_id, [as_operation(given) for given in request.operations])
            return await self._execute(session_id, plan_id, None)
        assert not isinstance(request.plan_id, UnsetType)
        only = None if isinstance(request.only, UnsetType) else frozenset(request.only)
        return await self._execute(session_id, request.plan_id, only)

    async def revert(self, session_id: SessionId, plan_id: str) -> views.PlanReverted:
        """Undo a plan. Raises as `execute` does."""
        key = PlanKey(session_id, plan_id)
        async with self._alone(key) as (owner, plan):
            _check_state(owner.state, plan_id, {"executed"}, "there is nothing to undo")
            with CancelScope(shield=True):
                note = decode_note(await self._files.note(key))
                results = [result for result in note.results if result.success and result.operation != "command"]
                try:
                    await self._files.undo(key, note=encode(Note(owner.state.seq, results)))
                except TowpathError as error:
                    raise await self._failed(key, plan, plan.operations, error) from error
                await self._tell(key, OperationsReverted, results)
        return views.PlanReverted(plan_id=plan_id, results=results)

    async def recover(self) -> None:
        """Put right what a crash left of plans at work, tell the log, and drop what is no longer kept. Never raises."""
        try:
            for key in {each.key: None for each in await self._files.recover()}:
                async with self._locks.of(key):
                    await self._put_right(key)
            for session_id in await self._files.kept():
                await self._tidy(session_id)
        except Exception:
            logger.exception("plans could not be put right; the next time tries again")

    async def _take(self, session_id: SessionId, operations: Sequence[Operation]) -> str:
        """Plan operations that are to be carried out at once; what can't be is refused before anything is recorded."""
        state = (await self._owners.get(session_id)).state
        for target in aim(operations, state.working_dir):
            if target.refusal is not None:
                raise target.refusal
        plan = await self._proposals.plan(state, operations)
        for planned in plan.operations:
            if isinstance(planned.reason, str):
                member = f"$.operations[{planned.index}]"
                raise PlanConflict(planned.reason, session_id=session_id, plan_id=None, member=member)
        await self._proposals.record(await self._owners.get(session_id), plan)
        return plan.plan_id

    async def _load(self, session_id: SessionId, plan_id: str) -> views.Plan:
        try:
            return _decode_plan(await self._log.blob(session_id, plan_id))
        except BlobNotFound as error:
            raise PlanNotFound(session_id, plan_id) from error

    # Carrying out

    async def _execute(self, session_id: SessionId, plan_id: str, only: Collection[int] | None) -> views.PlanExecuted:
        key = PlanKey(session_id, plan_id)
        async with self._alone(key) as (owner, plan):
            _check_state(owner.state, plan_id, {"proposed", "failed"}, "preview its operations again")
            if plan.working_dir != owner.state.working_dir:
                reason = f"The session has left {plan.working_dir}: preview the plan's operations again."
                raise PlanOver(reason, session_id=session_id, plan_id=plan_id)
            chosen = _choose(plan, only)
            with CancelScope(shield=True):
                try:
                    changes = await self._changes(session_id, plan, [planned.index for planned in chosen])
                    results = [_result(planned) for planned in chosen]
                    note = encode(Note(owner.state.seq, results))
                    await self._files.change(plan.working_dir, key, changes, note=note)
                except TowpathError as error:
                    raise await self._failed(key, plan, chosen, error) from error
                approvals = await self._run(key, chosen, results)
                await self._tell(key, OperationsExecuted, results)
        executed = sum(result.success for result in results)
        return views.PlanExecuted(plan_id=plan_id, results=results, executed=executed, approvals=approvals)

    async def _changes(self, session_id: SessionId, plan: views.Plan, chosen: Sequence[int]) -> list[Change]:
        """Return what the *chosen* operations do to the files as they are: what was shown. Raises PlanConflict."""

        def conflict(reason: str, index: int) -> PlanConflict:
            member = f"$.operations[{index}]"
            return PlanConflict(reason, session_id=session_id, plan_id=plan.plan_id, member=member)

        operations = [planned.operation for planned in plan.operations]
        targets = aim(operations, plan.working_dir)
        files = await self._files.read(plan.working_dir, paths_of([targets[index] for index in chosen]))
        hashes = await to_thread.run_sync(lambda: {path: hash_of(state) for path, state in files.items()})
        for index in chosen:
            if (refusal := targets[index].refusal) is not None:
                raise refusal
            path = targets[index].path
            if path and files[path].refusal == "" and hashes[path] != plan.operations[index].base_hash:
                raise conflict(f"{path} changed since the plan was made.", index)
        steps = await to_thread.run_sync(lambda: work_out(operations, targets, files, only=frozenset(chosen)))
        for step in steps:
            if step.reason:
                raise conflict(step.reason, step.index)
        for index, earlier in built_upon(targets, operations, chosen):
            raise conflict(f"Operation {index} was shown as coming after operation {earlier}: choose both.", index)
        return changes_of(steps, files)

    async def _run(
        self, key: PlanKey, chosen: Sequence[views.PlannedOperation], results: list[OperationResult]
    ) -> list[str]:
        """Have the plan's commands asked for, note in *results* what was not, and return the questions."""
        places = [
            (place, planned.operation.command)
            for place, planned in enumerate(chosen)
            if isinstance(planned.operation, CommandOperation)
        ]
        if not places:
            return []
        try:
            outcomes = await self._commands.request(key.session_id, key.plan_id, [command for _, command in places])
        except TowpathError as error:
            for place, _ in places:
                results[place] = replace(results[place], success=False, error=str(error))
            return []
        for (place, _), outcome in zip(places, outcomes, strict=True):
            if outcome.outcome != "running":
                results[place] = replace(results[place], success=False, error=NOT_RUN[outcome.outcome])
        return [outcome.approval_id for outcome in outcomes if outcome.approval_id is not None]

    @asynccontextmanager
    async def _alone(self, key: PlanKey) -> AsyncIterator[tuple[Owner, views.Plan]]:
        """Yield the session's owner and the plan, while nobody else changes files in its directory."""
        _known((await self._owners.get(key.session_id)).state, key.plan_id)
        plan = await self._load(key.session_id, key.plan_id)
        async with self._locks.of(key), self._locks.of(plan.working_dir):
            self._at_work.add(key)
            try:
                await self._put_right(key)
                yield await self._owners.get(key.session_id), plan
            finally:
                self._at_work.remove(key)

    # Telling the log

    async def _tell(
        self, key: PlanKey, kind: type[OperationsExecuted | OperationsReverted], results: Sequence[OperationResult]
    ) -> None:
        owner = await self._owners.get(key.session_id)
        events = [kind(plan_id=key.plan_id, results=piece) for piece in pieces(results)]
        await self._owners.settle(owner, owner.record(*events))
        await self._settle(key)

    async def _failed(
        self, key: PlanKey, plan: views.Plan, chosen: Sequence[views.PlannedOperation], error: TowpathError
    ) -> TowpathError:
        """Record that nothing was changed, and return what to raise."""
        at_fault = list(chosen)
        if isinstance(error, FilesChanged):
            paths = set(error.paths)
            at_fault = [planned for planned in chosen if {planned.path, planned.to} & paths] or at_fault
            member = f"$.operations[{at_fault[0].index}]"
            error = PlanConflict(str(error), session_id=key.session_id, plan_id=key.plan_id, member=member)
        elif isinstance(error, PlanConflict):
            at_fault = [planned for planned in chosen if f"$.operations[{planned.index}]" == error.member]
        operations = [planned.operation for planned in at_fault[:FAULTS_SHOWN]]
        try:
            owner = await self._owners.get(key.session_id)
            event = OperationsError(plan_id=plan.plan_id, error=str(error), operations=operations)
            await self._owners.settle(owner, owner.record(event))
            await self._settle(key)
        except TowpathError:
            logger.exception("the failure of plan %s is not in the log", key.plan_id)
        return error

    async def _settle(self, key: PlanKey) -> None:
        try:
            await self._files.settle(key)
        except TowpathError:
            logger.exception("plan %s could not be settled; the next time tries again", key.plan_id)

    async def _put_right(self, key: PlanKey) -> None:
        """Tell the log how the last change of a plan ended, where a crash or a full disk kept that from it."""
        for each in await self._files.recover(key):
            await self._report(each)

    async def _report(self, unsettled: Unsettled) -> None:
        """Tell the log, unless it knows, how a change ended that a crash or a full disk cut off."""
        key = unsettled.key
        try:
            owner = await self._owners.get(key.session_id)
        except SessionNotFound:
            await self._files.forget(key.session_id)
            return
        known = next((plan for plan in owner.state.plans if plan.plan_id == key.plan_id), None)
        note = decode_note(unsettled.note)
        if known is not None and unsettled.made:
            kind, state = (OperationsReverted, "reverted") if unsettled.undo else (OperationsExecuted, "executed")
            if known.state != state:
                await self._tell(key, kind, [_unasked(result) for result in note.results])
                return
        elif known is not None and known.settled <= note.since:
            error = OperationsError(plan_id=key.plan_id, error=unsettled.error, operations=[])
            await self._owners.settle(owner, owner.record(error))
        await self._settle(key)

    async def _tidy(self, session_id: SessionId) -> None:
        oldest = self._clock.now() - self._retention_ms
        try:
            state = (await self._owners.get(session_id)).state
        except SessionNotFound:
            await self._files.forget(session_id)
            return
        at_work = {key.plan_id for key in self._at_work if key.session_id == session_id}
        kept = {plan.plan_id for plan in state.plans if plan.state == "executed" and plan.created_at >= oldest}
        await self._files.forget(session_id, keep=kept | at_work)


def _known(state: SessionState, plan_id: str) -> KnownPlan:
    for plan in state.plans:
        if plan.plan_id == plan_id:
            return plan
    raise PlanNotFound(state.session_id, plan_id)


def _check_state(state: SessionState, plan_id: str, wanted: AbstractSet[views.PlanState], advice: str) -> None:
    """Raise PlanOver for a plan in another state than these, and for one that was copied from another session."""
    known = _known(state, plan_id)
    if known.seq <= state.inherited:
        raise PlanOver("The plan is a copy of another session's.", session_id=state.session_id, plan_id=plan_id)
    if known.state not in wanted:
        raise PlanOver(f"The plan is {known.state}: {advice}.", session_id=state.session_id, plan_id=plan_id)


def _choose(plan: views.Plan, only: Collection[int] | None) -> list[views.PlannedOperation]:
    if only is None:
        return list(plan.operations)
    if beyond := [index for index in only if index >= len(plan.operations)]:
        reason = f"The plan has no operation {min(beyond)}; it has {len(plan.operations)}, counted from 0."
        raise InvalidOperation(reason, member="$.only")
    return [planned for planned in plan.operations if planned.index in only]


def _result(planned: views.PlannedOperation) -> OperationResult:
    path = "" if isinstance(planned.path, UnsetType) else planned.path
    return OperationResult(success=True, path=path, to=planned.to, operation=name_of(planned.operation))


def _unasked(result: OperationResult) -> OperationResult:
    if result.operation != "command":
        return result
    reason = "The server stopped; the session's approvals say whether it was asked."
    return replace(result, success=False, error=reason)
