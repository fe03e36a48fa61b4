"""The one error body (RFC 9457), and the closed set of codes that clients switch on."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.events import ApprovalOutcome, Identifier

PROBLEM_JSON = "application/problem+json"

Code = Literal[
    "agent-session-taken",
    "agent-unavailable",
    "answer-gone",
    "approval-answered",
    "approval-not-editable",
    "approval-not-found",
    "bad-request",
    "blob-not-found",
    "body-too-large",
    "denied-by-rule",
    "disk-full",
    "draining",
    "files-unavailable",
    "forbidden-origin",
    "git-failed",
    "gone",
    "header-too-large",
    "idempotency-key-reused",
    "insufficient-scope",
    "input-gap",
    "input-refused",
    "internal-error",
    "invalid-agent-session",
    "invalid-body",
    "invalid-context",
    "invalid-cursor",
    "invalid-id",
    "invalid-parameter",
    "invalid-path",
    "invalid-session-id",
    "invalid-working-dir",
    "isolation-unavailable",
    "log-full",
    "log-unavailable",
    "method-not-allowed",
    "misdirected-request",
    "not-forkable",
    "not-found",
    "overloaded",
    "project-not-found",
    "path-outside-workspace",
    "plan-conflict",
    "plan-not-found",
    "plan-over",
    "plan-too-large",
    "prompt-too-large",
    "queue-full",
    "request-timeout",
    "rule-configured",
    "rule-not-found",
    "session-busy",
    "session-not-found",
    "session-quarantined",
    "terminal-closed",
    "terminal-not-found",
    "terminal-unavailable",
    "terminals-full",
    "too-many-attempts",
    "token-not-found",
    "turn-not-found",
    "turn-over",
    "unauthorized",
    "unknown-mode",
    "unsupported-media-type",
    "uploads-full",
    "working-dir-outside-roots",
    "worktree-not-found",
]


class Problem(Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a request failed, and what to do instead (RFC 9457)."""

    type: Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})] = "about:blank"
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    instance: Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})] | UnsetType = UNSET
    code: Code
    member: (
        Annotated[str, Meta(description="The offending member of the body (`$.command`), parameter or header.")]
        | UnsetType
    ) = UNSET
    session_id: Identifier | UnsetType = UNSET
    turn_id: Identifier | UnsetType = UNSET
    plan_id: Identifier | UnsetType = UNSET
    answer: ApprovalOutcome | UnsetType = UNSET
    expected: (
        Annotated[int, Meta(description="The number that the next input of this client must have.")] | UnsetType
    ) = UNSET
