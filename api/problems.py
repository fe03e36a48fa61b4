"""The one table from what went wrong to the answer, and the body that every such answer has (RFC 9457)."""

import logging
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from api.words import ID_TEXT, in_words, member_of
from contracts.codec import MalformedBody
from contracts.problems import PROBLEM_JSON, Code, Problem
from domain import errors

logger = logging.getLogger(__name__)

TABLE: dict[type[errors.TowpathError], tuple[int, Code]] = {
    errors.SessionNotFound: (404, "session-not-found"),
    errors.TurnNotFound: (404, "turn-not-found"),
    errors.BlobNotFound: (404, "blob-not-found"),
    errors.TokenNotFound: (404, "token-not-found"),
    errors.ProjectNotFound: (404, "project-not-found"),
    errors.WorktreeNotFound: (404, "worktree-not-found"),
    errors.TerminalNotFound: (404, "terminal-not-found"),
    errors.PlanNotFound: (404, "plan-not-found"),
    errors.ApprovalNotFound: (404, "approval-not-found"),
    errors.RuleNotFound: (404, "rule-not-found"),
    errors.NotFound: (404, "not-found"),
    errors.WrongCredential: (401, "unauthorized"),
    errors.InsufficientScope: (403, "insufficient-scope"),
    errors.DeniedByRule: (403, "denied-by-rule"),
    errors.TooManyAttempts: (429, "too-many-attempts"),
    errors.InvalidSessionId: (400, "invalid-session-id"),
    errors.InvalidCursor: (400, "invalid-cursor"),
    errors.InvalidParameter: (400, "invalid-parameter"),
    errors.InvalidPrompt: (400, "invalid-body"),
    errors.InvalidContext: (422, "invalid-context"),
    errors.InvalidAnswer: (422, "invalid-body"),
    errors.ContradictoryAnswer: (400, "invalid-body"),
    errors.PromptTooLarge: (413, "prompt-too-large"),
    errors.UnknownMode: (422, "unknown-mode"),
    errors.InvalidWorkingDir: (422, "invalid-working-dir"),
    errors.OutsideRoots: (403, "working-dir-outside-roots"),
    errors.InvalidAgentSession: (422, "invalid-agent-session"),
    errors.IsolationUnavailable: (422, "isolation-unavailable"),
    errors.InvalidPath: (422, "invalid-path"),
    errors.PathOutside: (403, "path-outside-workspace"),
    errors.InvalidOperation: (422, "invalid-body"),
    errors.PlanTooLarge: (413, "plan-too-large"),
    errors.PlanOver: (409, "plan-over"),
    errors.PlanConflict: (409, "plan-conflict"),
    errors.FilesFull: (507, "disk-full"),
    errors.FilesUnavailable: (503, "files-unavailable"),
    errors.TurnOver: (409, "turn-over"),
    errors.ApprovalOver: (409, "approval-answered"),
    errors.NotEditable: (409, "approval-not-editable"),
    errors.RuleConfigured: (409, "rule-configured"),
    errors.SessionBusy: (409, "session-busy"),
    errors.TerminalOver: (409, "terminal-closed"),
    errors.InputGap: (409, "input-gap"),
    errors.InputRefused: (429, "input-refused"),
    errors.TerminalsFull: (429, "terminals-full"),
    errors.TerminalUnavailable: (503, "terminal-unavailable"),
    errors.QueueFull: (429, "queue-full"),
    errors.NotForkable: (409, "not-forkable"),
    errors.AgentSessionTaken: (409, "agent-session-taken"),
    errors.AgentUnavailable: (409, "agent-unavailable"),
    errors.UploadTooLarge: (413, "body-too-large"),
    errors.KeyReused: (422, "idempotency-key-reused"),
    errors.AnswerGone: (409, "answer-gone"),
    errors.UploadsFull: (429, "uploads-full"),
    errors.LogFull: (507, "log-full"),
    errors.LogUnavailable: (503, "log-unavailable"),
    errors.SequenceConflict: (503, "log-unavailable"),
    errors.SessionQuarantined: (410, "session-quarantined"),
    errors.Draining: (503, "draining"),
    errors.GitFailed: (503, "git-failed"),
}


def problem(status: int, code: Code, detail: str, *, member: str | UnsetType = UNSET) -> Problem:
    """Return the body for a failure that no domain error stands for."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code, member=member)


def of_domain(error: errors.TowpathError) -> Problem:
    """Return the body for an expected failure."""
    status, code = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    return Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=str(error),
        code=code,
        member=getattr(error, "member", None) or UNSET,
        session_id=getattr(error, "session_id", UNSET),
        turn_id=getattr(error, "turn_id", None) or UNSET,
        plan_id=getattr(error, "plan_id", None) or UNSET,
        answer=getattr(error, "answer", UNSET),
        expected=getattr(error, "expected", UNSET),
    )


def of_validation(error: ValidationException) -> Problem:
    """Return the body for what Litestar refused, the first offending member named."""
    first: dict[str, Any] = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
    source = str(getattr(first.get("source"), "value", first.get("source", "body")))
    key = _camel(str(first.get("key", "")))
    message = str(first.get("message") or error.detail)
    if source == "path":
        return problem(400, "invalid-session-id" if key == "sessionId" else "invalid-id", ID_TEXT, member=key)
    if source in ("query", "header", "cookie"):
        return problem(400, "invalid-parameter", in_words(message.partition(", got ")[0], f"`{key}`"), member=key)
    if message == "'data'":
        return problem(400, "invalid-body", "There is no body.", member="$")
    # Litestar calls the body `data`, and a member of that name too; the body itself is never to be text.
    path = "" if key == "data" and not message.startswith("Expected `str`") else key
    detail = in_words(message, f"`{path}`" if path else "The body")
    return problem(400, "invalid-body", detail, member=".".join(filter(None, ("$", path, member_of(message)))))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def of_http(error: HTTPException) -> Problem:
    """Return the body for what Litestar answers by itself."""
    match error:
        case ValidationException():
            return of_validation(error)
        case NotFoundException():
            return problem(404, "not-found", "There is nothing at this address; /docs lists what there is.")
        case MethodNotAllowedException():
            return problem(405, "method-not-allowed", "This address does not take this method; see Allow.")
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return problem(413, "body-too-large", "The body is over the limit.")
    if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem(error.status_code, "bad-request", "The request is malformed.")
    return problem(500, "internal-error", "The server failed; its log says more.")


def at(path: str, body: Problem) -> Problem:
    """Return the body with the address that was asked for."""
    return replace(body, instance=quote(path))


def headers_of(error: Exception) -> dict[str, str]:
    """Return the headers that a failure's answer has beside its body."""
    match error:
        case errors.WrongCredential():
            return {"WWW-Authenticate": "Bearer"}
        case errors.TooManyAttempts(retry_after=seconds):
            return {"Retry-After": str(seconds)}
        case HTTPException(headers=dict(headers)):
            return {name: value for name, value in headers.items() if name.lower() == "allow"}
    return {}


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Turn whatever a handler raised into the one body. Nothing unexpected is told to the client."""
    match error:
        case errors.TowpathError():
            body = of_domain(error)
        case MalformedBody():
            body = problem(400, "invalid-body", str(error), member="$")
        case HTTPException():
            body = of_http(error)
        case _:
            body = problem(500, "internal-error", "The server failed; its log says more.")
    if body.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("unexpected failure", exc_info=error)
    return Response(
        at(request.scope["path"], body), status_code=body.status, media_type=PROBLEM_JSON, headers=headers_of(error)
    )
