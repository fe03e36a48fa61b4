"""Questions to a human, and the rules that say what is asked."""

from typing import Annotated

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from api.gates import GatedRequest
from api.openapi import problems
from api.parameters import SessionIdParameter
from api.services import Services
from contracts import views
from contracts.events import ID_PATTERN
from contracts.requests import AnswerApproval
from domain.ids import SessionId

ApprovalIdParameter = Annotated[str, PathParameter(name="approvalId", pattern=ID_PATTERN, description="A question.")]
RuleIdParameter = Annotated[str, PathParameter(name="ruleId", pattern=ID_PATTERN, description="A remembered answer.")]


class SessionApprovals(Controller):
    """The questions of one session."""

    path = "/api/session/{sessionId:str}/approvals"
    tags = ("approvals",)

    @get("/", operation_id="listApprovals", responses=problems(400, 404, 410))
    async def list_approvals(
        self, services: NamedDependency[Services], session_id: SessionIdParameter
    ) -> views.ApprovalList:
        """List the questions that wait for an answer."""
        return views.ApprovalList(approvals=await services.approvals.pending(SessionId(session_id)))

    @post(
        "/{approvalId:str}",
        operation_id="answerApproval",
        status_code=200,
        responses=problems(403, 404, 409, 410, 503, 507),
    )
    async def answer_approval(
        self,
        request: GatedRequest,
        services: NamedDependency[Services],
        session_id: SessionIdParameter,
        approval_id: ApprovalIdParameter,
        data: JSONBody[AnswerApproval],
    ) -> views.ApprovalAnswered:
        """Answer a question. The first answer counts; `answer` tells all others which that was."""
        return await services.approvals.answer(
            SessionId(session_id), approval_id, data, by=request.auth, peer=request.user.peer
        )


class Rules(Controller):
    """What may run without asking, what is asked, and what may not run."""

    path = "/api/rules"
    tags = ("approvals",)

    @get("/", operation_id="listRules", responses=problems(410, 503))
    async def list_rules(self, services: NamedDependency[Services]) -> views.RuleList:
        """List the configured rules in their order, then the answers that are remembered."""
        return views.RuleList(rules=await services.rules.all())

    @delete("/{ruleId:str}", operation_id="removeRule", status_code=200, responses=problems(404, 409, 410, 503, 507))
    async def remove_rule(
        self, request: GatedRequest, services: NamedDependency[Services], rule_id: RuleIdParameter
    ) -> views.RuleRemoved:
        """Forget a remembered answer."""
        return await services.rules.remove(rule_id, by=request.auth, peer=request.user.peer)


ROUTES = (SessionApprovals, Rules)
