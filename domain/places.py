"""Where sessions work: in their project's directory, in any other under the roots, or in a worktree of their own."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import anyio
from msgspec import UNSET, UnsetType

from contracts.views import Project
from domain.errors import InvalidWorkingDir, OutsideRoots, ProjectNotFound, SessionNotFound
from domain.ids import SessionId
from domain.ports import EventLog, Leftover, Workspace, Worktrees
from domain.system import SystemLog

logger = logging.getLogger(__name__)


class Places:
    """Decides where a session may work, and makes and removes what it needs there."""

    def __init__(self, *, log: EventLog, workspace: Workspace, worktrees: Worktrees, system: SystemLog) -> None:
        self._log = log
        self._workspace = workspace
        self._worktrees = worktrees
        self._system = system
        self._leaving: set[str] = set()
        self.worktree = worktrees.find
        self.changes = worktrees.changes
        self.complete = workspace.complete

    async def project(self, project_id: str) -> Project:
        """Return a project that sessions may join. Raises ProjectNotFound."""
        projects = (await self._system.state()).projects
        found = next((project for project in projects if project.project_id == project_id), None)
        if found is None:
            raise ProjectNotFound(project_id)
        self.check(project_id)
        return found

    def check(self, project_id: str | UnsetType | None) -> None:
        """Raise ProjectNotFound if the project was closed since somebody looked: to be called right before it counts.

        Who deletes a project closes it first, so that no session joins it behind the last look for those to detach.
        """
        if project_id and project_id in self._leaving:
            raise ProjectNotFound(project_id)

    def close(self, project_id: str) -> None:
        """Let no session join a project that is about to be deleted."""
        self._leaving.add(project_id)

    def reopen(self, project_id: str) -> None:
        """Let sessions join again: the project was not deleted."""
        self._leaving.discard(project_id)

    async def root_dir(self, path: str) -> str:
        """Return the real path of a project's root directory. Raises as `Workspace.resolve`, naming ``$.rootDir``."""
        try:
            return await self._workspace.resolve(path)
        except (InvalidWorkingDir, OutsideRoots) as error:
            raise type(error)(str(error), member="$.rootDir") from error

    async def resolve(self, path: str | UnsetType | None, project_id: str | UnsetType | None) -> str:
        """Return a working directory: in the project's root directory, where there is a project.

        Raises ProjectNotFound, and as `Workspace.resolve`.
        """
        within = (await self.project(project_id)).root_dir if project_id else None
        return await self._workspace.resolve(None if path is UNSET else path, within=within)

    @asynccontextmanager
    async def opened(
        self, session_id: SessionId, source: str, isolation: Literal["none", "worktree"]
    ) -> AsyncIterator[str]:
        """Yield where a new session works that was meant for *source*.

        What was made for it is removed again unless the block puts the session into the log. Raises as
        `Worktrees.make`.
        """
        if isolation == "none":
            yield source
            return
        try:
            yield (await self._worktrees.make(session_id, source)).working_dir
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._worktrees.remove(session_id, discard=True)
            raise
        await self._worktrees.keep(session_id)

    async def leave(self, session_id: SessionId, *, discard: bool) -> Leftover:
        """Remove the worktree of a session that is gone; return what stays of it. Never raises."""
        return await self._worktrees.remove(session_id, discard=discard)

    async def sweep(self) -> None:
        """Remove the worktrees that a crash left without their session. Never raises."""
        for session_id in await self._worktrees.all():
            try:
                await self._sweep(session_id)
            except Exception:
                logger.exception("the worktree of session %s could not be looked after", session_id)

    async def _sweep(self, session_id: SessionId) -> None:
        worktree = await self._worktrees.find(session_id)
        try:
            gone = (await self._log.head(session_id)).deleted
        except SessionNotFound:
            gone = True
        if not gone:
            await self._worktrees.keep(session_id)
        elif worktree is not None:  # whose session was in the log once may hold work that is not lost lightly
            left = await self._worktrees.remove(session_id, discard=not worktree.kept)
            if left.path is not None:
                logger.warning("session %s is gone; its worktree stays, with changes: %s", session_id, left.path)
