"""What makes sessions of sessions, or takes them elsewhere."""

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api.openapi import OptionalBody, problems
from api.parameters import SessionIdParameter
from api.services import Services
from contracts import views
from contracts.requests import ForkSession, MoveSession
from domain.ids import SessionId

ALL_OF_IT = ForkSession()


class Copying(Controller):
    """Copies and moves of one session."""

    path = "/api/sessions/{sessionId:str}"
    tags = ("sessions",)

    @post("/duplicate", operation_id="duplicateSession", responses=problems(400, 403, 404, 410, 422, 503, 507))
    async def duplicate_session(
        self, services: NamedDependency[Services], session_id: SessionIdParameter
    ) -> Response[views.Session]:
        """Make a session with the same settings and an empty log."""
        session = await services.copies.duplicate(SessionId(session_id))
        return Response(session, headers={"Location": f"/api/session/{session.session_id}"})

    @post(
        "/fork",
        operation_id="forkSession",
        operation_class=OptionalBody,
        responses=problems(403, 404, 409, 410, 422, 503, 507),
    )
    async def fork_session(
        self,
        services: NamedDependency[Services],
        session_id: SessionIdParameter,
        data: JSONBody[ForkSession] = ALL_OF_IT,
    ) -> Response[views.SessionForked]:
        """Make a session that begins with this one's history.

        Its events 2 to `atSeq` are the original's, with their numbers and times; what was open there is closed by
        further events. Of the original's files nothing is copied, unless it gets a worktree of its own.
        """
        forked = await services.copies.fork(SessionId(session_id), data)
        return Response(forked, headers={"Location": f"/api/session/{forked.session.session_id}"})

    @post(
        "/move",
        operation_id="moveSession",
        status_code=200,
        responses=problems(403, 404, 409, 410, 422, 503, 507),
    )
    async def move_session(
        self, services: NamedDependency[Services], session_id: SessionIdParameter, data: JSONBody[MoveSession]
    ) -> views.SessionMoved:
        """Have a session go on in another project or directory, or change nothing.

        Not while a turn runs. In a new directory its agent begins anew, and what it left running in the old is ended.
        """
        return await services.copies.move(SessionId(session_id), data)
