"""The use cases of projects: named root directories that group sessions."""

import logging
from collections.abc import Sequence

from msgspec import UNSET

from contracts import views
from contracts.events import Event, ProjectCreated, ProjectDeleted, ProjectUpdated, SessionUpdated
from contracts.requests import CreateProject, UpdateProject
from domain.errors import ProjectNotFound, SessionNotFound, SessionQuarantined
from domain.ids import SessionId, make_id
from domain.owners import Owners
from domain.places import Places
from domain.ports import EventLog, ListingFilter
from domain.system import SystemLog, SystemState

logger = logging.getLogger(__name__)

PAGE_SESSIONS = 500


class Projects:
    """Projects are facts of the system's log; which one a session belongs to is a fact of its own."""

    def __init__(self, *, log: EventLog, system: SystemLog, owners: Owners, places: Places) -> None:
        self._log = log
        self._system = system
        self._owners = owners
        self._places = places
        self._behind = True
        """Whether sessions may name projects that are gone."""

    async def all(self) -> views.ProjectList:
        """Return the projects."""
        return views.ProjectList(projects=list((await self._system.state()).projects))

    async def get(self, project_id: str) -> views.Project:
        """Return a project. Raises ProjectNotFound."""
        return await self._places.project(project_id)

    async def create(self, request: CreateProject) -> views.Project:
        """Make a project. Raises InvalidWorkingDir, OutsideRoots naming ``$.rootDir``, LogFull."""
        project_id = make_id()
        root_dir = await self._places.root_dir(request.root_dir)
        created = ProjectCreated(project_id=project_id, name=request.name, root_dir=root_dir)
        return _project(await self._system.decide(lambda _: (created,)), project_id)

    async def update(self, project_id: str, request: UpdateProject) -> views.Project:
        """Rename a project, or give it another root directory. Raises ProjectNotFound, and as `create`."""
        root_dir = UNSET if request.root_dir is UNSET else await self._places.root_dir(request.root_dir)

        def decide(state: SystemState) -> Sequence[Event]:
            project = _project(state, project_id)
            change = ProjectUpdated(
                project_id=project_id,
                name=UNSET if request.name == project.name else request.name,
                root_dir=UNSET if root_dir == project.root_dir else root_dir,
            )
            return () if change == ProjectUpdated(project_id=project_id) else (change,)

        return _project(await self._system.decide(decide), project_id)

    async def delete(self, project_id: str) -> views.ProjectRemoved:
        """Delete a project and detach its sessions. Raises ProjectNotFound, LogFull.

        Where this is cut short after the first step, `recover` does the rest.
        """

        def decide(state: SystemState) -> Sequence[Event]:
            _project(state, project_id)
            self._places.close(project_id)
            return (ProjectDeleted(project_id=project_id),)

        try:
            await self._system.decide(decide)
        except ProjectNotFound:
            raise
        except BaseException:
            self._places.reopen(project_id)
            raise
        try:
            return views.ProjectRemoved(project_id=project_id, detached=await self._detach(project_id))
        except BaseException:
            self._behind = True
            raise

    async def recover(self) -> None:
        """Detach the sessions of projects that a crash or a full disk kept from it. Never raises."""
        if not self._behind:
            return
        self._behind = False
        try:
            if (await self._system.state()).seq:
                named = await self._named()  # before the look at what there is: what is made meanwhile is there
                for project_id in named - {project.project_id for project in (await self._system.state()).projects}:
                    await self._detach(project_id)
        except Exception:
            self._behind = True
            logger.exception("sessions of projects that are gone could not be detached; the next time tries again")

    async def _named(self) -> set[str]:
        """Return all projects that sessions name."""
        named = set[str]()
        before: tuple[int, SessionId] | None = None
        while page := await self._log.page(ListingFilter(), before=before, limit=PAGE_SESSIONS):
            named.update(row.listing.project_id for row in page if row.listing.project_id is not UNSET)
            before = page[-1].head.last_activity, page[-1].listing.session_id
        return named

    async def _detach(self, project_id: str) -> int:
        """Detach a project's sessions; return how many they were. What can't be read keeps the dead name."""
        seen = set[SessionId]()
        detached = 0
        while True:  # from the top again: whatever is done in a session takes it there
            page = await self._log.page(ListingFilter(project_id=project_id), before=None, limit=PAGE_SESSIONS)
            fresh = [row.listing.session_id for row in page if row.listing.session_id not in seen]
            if not fresh:
                return detached
            for session_id in fresh:
                seen.add(session_id)
                detached += await self._detach_one(session_id, project_id)

    async def _detach_one(self, session_id: SessionId, project_id: str) -> bool:
        try:
            owner = await self._owners.get(session_id)
            if owner.state.project_id != project_id:  # moved meanwhile
                return False
            await self._owners.settle(owner, owner.record(SessionUpdated(project_id=None)))
        except (SessionNotFound, SessionQuarantined):  # deleted meanwhile, or not served
            return False
        return True


def _project(state: SystemState, project_id: str) -> views.Project:
    found = next((project for project in state.projects if project.project_id == project_id), None)
    if found is None:
        raise ProjectNotFound(project_id)
    return found
