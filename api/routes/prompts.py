"""What a session is asked to do; what comes of it arrives on the session's stream."""

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET

from api.openapi import OptionalBody, problems
from api.parameters import SessionIdParameter
from api.services import Services
from contracts import views
from contracts.requests import CancelTurn, SubmitPrompt
from domain.ids import SessionId, TurnId

THE_RUNNING_TURN = CancelTurn()


class Prompts(Controller):
    """Prompts to one session."""

    path = "/api/session/{sessionId:str}"
    tags = ("prompts",)

    @post(
        "/prompt", operation_id="submitPrompt", status_code=202, responses=problems(404, 409, 410, 422, 429, 503, 507)
    )
    async def submit_prompt(
        self, services: NamedDependency[Services], session_id: SessionIdParameter, data: JSONBody[SubmitPrompt]
    ) -> views.PromptAccepted:
        """Hand a prompt to the session's agent; what it does arrives on the event stream."""
        return await services.live.submit(SessionId(session_id), data)

    @post(
        "/cancel",
        operation_id="cancelTurn",
        operation_class=OptionalBody,
        status_code=202,
        responses=problems(404, 409, 410, 503, 507),
    )
    async def cancel_turn(
        self,
        services: NamedDependency[Services],
        session_id: SessionIdParameter,
        data: JSONBody[CancelTurn] = THE_RUNNING_TURN,
    ) -> views.TurnCancelled:
        """Stop a turn, or take it out of the queue."""
        turn_id = None if data.turn_id is UNSET else TurnId(data.turn_id)
        return await services.live.cancel(SessionId(session_id), turn_id)

    @post("/resume", operation_id="resumeSession", status_code=202, responses=problems(400, 404, 410, 503, 507))
    async def resume_session(
        self, services: NamedDependency[Services], session_id: SessionIdParameter
    ) -> views.SessionResumed:
        """Go on after a restart: release the prompts that are held."""
        return await services.live.resume(SessionId(session_id))
