"""The files that agents read and write through their session: below the workspace roots, and to be undone."""

import posixpath

from anyio import CancelScope, to_thread

from contracts.codec import encode
from contracts.events import Event, OperationResult, OperationsError, OperationsExecuted, WriteOperation
from domain.context import is_below, locate
from domain.errors import FilesUnavailable, InvalidWorkingDir, PathOutside, TowpathError
from domain.operations.carrying import Locks, Note
from domain.operations.locations import clean_path
from domain.operations.planning import aim, changes_of, paths_of, work_out
from domain.operations.proposals import Proposals
from domain.owner import Owner
from domain.owners import Owners
from domain.ports import Files, PlanKey, Workspace

MEMBER = "path"


class AgentFiles:
    """Files for the agents of all sessions."""

    def __init__(
        self, *, owners: Owners, files: Files, workspace: Workspace, proposals: Proposals, locks: Locks
    ) -> None:
        self._owners = owners
        self._files = files
        self._workspace = workspace
        self._proposals = proposals
        self._locks = locks

    async def read(self, owner: Owner, path: str) -> str:
        """Return a text whole.

        Raises FileNotFoundError, OutsideRoots, PathOutside, InvalidPath, FilesUnavailable.
        """
        directory, located = owner.state.working_dir, locate(owner.state.working_dir, path)
        if not is_below(directory, located):
            try:
                directory = await self._workspace.resolve(posixpath.dirname(located))
            except InvalidWorkingDir:
                raise FileNotFoundError(path) from None
            located = posixpath.join(directory, posixpath.basename(located))
        name = clean_path(located, directory, member=MEMBER)
        found = (await self._files.read(directory, [name]))[name]
        if found.refusal:
            raise FilesUnavailable(f"{path}: {found.refusal}")
        if found.data is None:
            raise FileNotFoundError(path)
        try:
            return found.data.decode()
        except UnicodeDecodeError:
            raise FilesUnavailable(f"{path} is no UTF-8 text.") from None

    async def write(self, owner: Owner, path: str, text: str) -> None:
        """Make or replace a file as a plan of its own, carried out at once.

        Raises PathOutside, InvalidPath, FilesUnavailable, FilesFull, FilesChanged, what recording raises.
        """
        state = owner.state
        located = locate(state.working_dir, path)
        if not is_below(state.working_dir, located):
            raise PathOutside(f"{path} does not lie in the session's working directory.", member=MEMBER)
        operation = WriteOperation(path=clean_path(located, state.working_dir, member=MEMBER), content=text)
        async with self._locks.of(state.working_dir):
            turn_id = "" if state.turn is None else state.turn.turn_id
            plan = await self._proposals.plan(state, [operation], turn_id=turn_id)
            if isinstance(reason := plan.operations[0].reason, str):
                raise FilesUnavailable(reason)
            key = PlanKey(state.session_id, plan.plan_id)
            async with self._locks.of(key):
                with CancelScope(shield=True):
                    await self._proposals.record(owner, plan)
                    await self._change(owner, key, operation)

    async def _change(self, owner: Owner, key: PlanKey, operation: WriteOperation) -> None:
        working_dir = owner.state.working_dir
        targets = aim([operation], working_dir)
        result = OperationResult(success=True, path=targets[0].path, operation="write")
        try:
            files = await self._files.read(working_dir, paths_of(targets))
            changes = changes_of(await to_thread.run_sync(lambda: work_out([operation], targets, files)), files)
            await self._files.change(working_dir, key, changes, note=encode(Note(owner.state.seq, [result])))
        except TowpathError as error:
            failed = OperationsError(plan_id=key.plan_id, error=str(error), operations=[operation])
            await self._tell(owner, key, failed)
            raise
        await self._tell(owner, key, OperationsExecuted(plan_id=key.plan_id, results=[result]))

    async def _tell(self, owner: Owner, key: PlanKey, event: Event) -> None:
        await self._owners.settle(owner, owner.record(event))
        await self._files.settle(key)
