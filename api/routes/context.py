"""What a session has read, written or was given."""

from litestar import Controller, get
from litestar.di import NamedDependency

from api.openapi import problems
from api.parameters import SessionIdParameter
from api.services import Services
from contracts import views
from domain.ids import SessionId


class Context(Controller):
    """One session's context."""

    path = "/api/session/{sessionId:str}"
    tags = ("sessions",)

    @get("/context", operation_id="getSessionContext", responses=problems(400, 404, 410))
    async def get_context(
        self, services: NamedDependency[Services], session_id: SessionIdParameter
    ) -> views.SessionContext:
        """Tell what a session has touched, with sizes, and how full the agent's context window is."""
        return await services.contexts.get(SessionId(session_id))
