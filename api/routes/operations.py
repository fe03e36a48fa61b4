"""What an answer proposes: previewed, carried out, undone."""

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api.openapi import problems
from api.parameters import PlanIdParameter, SessionIdParameter
from api.services import Services
from contracts import views
from contracts.requests import ExecuteOperations, PreviewOperations, RevertOperations
from domain.ids import SessionId


class Operations(Controller):
    """A session's plans."""

    path = "/api/session/{sessionId:str}"
    tags = ("operations",)

    @post(
        "/operations/preview",
        operation_id="previewOperations",
        status_code=200,
        responses=problems(403, 404, 410, 413, 422, 503, 507),
    )
    async def preview(
        self, services: NamedDependency[Services], session_id: SessionIdParameter, data: JSONBody[PreviewOperations]
    ) -> views.OperationsPreviewed:
        """Find the operations in a text, and show what they would do."""
        return await services.plans.preview(SessionId(session_id), data)

    @post(
        "/operations/execute",
        operation_id="executeOperations",
        status_code=200,
        responses=problems(403, 404, 409, 410, 413, 422, 503, 507),
    )
    async def execute(
        self, services: NamedDependency[Services], session_id: SessionIdParameter, data: JSONBody[ExecuteOperations]
    ) -> views.PlanExecuted:
        """Carry out a plan, or some of its operations: all of them as they were shown, or none.

        Operations given in the request are planned and carried out in one step, for callers that have shown them.
        """
        return await services.plans.execute(SessionId(session_id), data)

    @post(
        "/operations/revert",
        operation_id="revertOperations",
        status_code=200,
        responses=problems(403, 404, 409, 410, 422, 503, 507),
    )
    async def revert(
        self, services: NamedDependency[Services], session_id: SessionIdParameter, data: JSONBody[RevertOperations]
    ) -> views.PlanReverted:
        """Undo a plan: every file becomes what it was, byte for byte, unless one of them changed since."""
        return await services.plans.revert(SessionId(session_id), data.plan_id)

    @get("/plans", operation_id="listPlans", responses=problems(400, 404, 410))
    async def list_plans(self, services: NamedDependency[Services], session_id: SessionIdParameter) -> views.PlanList:
        """List the session's newest plans, the oldest first."""
        return await services.plans.overview(SessionId(session_id))

    @get("/plans/{planId:str}", operation_id="getPlan", responses=problems(400, 404, 410))
    async def get_plan(
        self, services: NamedDependency[Services], session_id: SessionIdParameter, plan_id: PlanIdParameter
    ) -> views.Plan:
        """Look a plan up: what each operation would do, as it was when the plan was made."""
        return await services.plans.get(SessionId(session_id), plan_id)
