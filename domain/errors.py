"""Every expected failure, as a tree.

TowpathError
├── NotFound: SessionNotFound, TurnNotFound, BlobNotFound, TokenNotFound, ProjectNotFound, WorktreeNotFound,
│             PlanNotFound, ApprovalNotFound, RuleNotFound, TerminalNotFound
├── Invalid: InvalidSessionId, InvalidCursor, InvalidParameter, InvalidPrompt, InvalidContext, PromptTooLarge,
│            InvalidAnswer, ContradictoryAnswer (one of them), UnknownMode, InvalidWorkingDir, OutsideRoots,
│            IsolationUnavailable, InvalidAgentSession, InvalidPath, PathOutside, InvalidOperation, PlanTooLarge,
│            UploadTooLarge, KeyReused
├── Conflict: TurnOver, SessionBusy, QueueFull, NotForkable, AgentSessionTaken, PlanOver, PlanConflict,
│             ApprovalOver, NotEditable
├── TerminalOver, TerminalsFull, InputGap, InputRefused
├── RuleConfigured
├── AnswerGone
├── UploadsFull
├── FilesChanged
├── Denied: WrongCredential, TooManyAttempts, InsufficientScope, DeniedByRule
├── CursorExpired
├── SequenceConflict
├── Unavailable: AgentUnavailable, LogFull, LogUnavailable, SessionQuarantined, Draining, GitFailed, FilesFull,
│                FilesUnavailable, TerminalUnavailable
└── StartRefused
"""

from collections.abc import Sequence

from contracts.events import ApprovalExpired, ApprovalOutcome
from domain.ids import SessionId, TurnId


class TowpathError(Exception):
    """Base of all expected failures; its text may be shown to a client."""


class NotFound(TowpathError):
    """What a request names does not exist."""


class SessionNotFound(NotFound):
    """No session has this id, or it was deleted."""

    def __init__(self, session_id: SessionId) -> None:
        super().__init__(f"There is no session {session_id}.")
        self.session_id = session_id


class TurnNotFound(NotFound):
    """The session never had such a turn, or none runs."""

    def __init__(self, session_id: SessionId, turn_id: TurnId | None) -> None:
        super().__init__("No turn runs in this session." if turn_id is None else f"There is no turn {turn_id} here.")
        self.session_id = session_id
        self.turn_id = turn_id


class BlobNotFound(NotFound):
    """The session holds no such body."""


class ApprovalNotFound(NotFound):
    """The session never asked this question."""


class RuleNotFound(NotFound):
    """No rule has this id."""


class TokenNotFound(NotFound):
    """No token has this id."""


class ProjectNotFound(NotFound):
    """No project has this id, or it was deleted."""

    def __init__(self, project_id: str) -> None:
        super().__init__(f"There is no project {project_id}.")


class TerminalNotFound(NotFound):
    """No terminal has this id, or it was removed."""

    def __init__(self, terminal_id: str) -> None:
        super().__init__(f"There is no terminal {terminal_id}.")


class WorktreeNotFound(NotFound):
    """The session has no worktree of its own, or it is gone from the disk."""


class PlanNotFound(NotFound):
    """The session has no such plan, or no longer."""

    def __init__(self, session_id: SessionId, plan_id: str) -> None:
        super().__init__(f"There is no plan {plan_id} in session {session_id}.")
        self.session_id = session_id
        self.plan_id = plan_id


class Invalid(TowpathError):
    """A request is understood and cannot be meant; ``member`` names what is wrong."""

    def __init__(self, detail: str, *, member: str) -> None:
        super().__init__(detail)
        self.member = member


class InvalidSessionId(Invalid):
    """A session id does not match the pattern."""


class InvalidCursor(Invalid):
    """A cursor is not of the form ``<epoch>.<seq>`` or ``0``."""


class InvalidAgentSession(Invalid):
    """A session can't be that of this agent: the agent does not know it, or not there."""


class InvalidParameter(Invalid):
    """A query parameter is understood and can't be meant."""


class InvalidPrompt(Invalid):
    """A prompt is empty, or its context is not one of the allowed forms."""


class InvalidContext(Invalid):
    """What a prompt gives beside its text is not there to be given."""


class PromptTooLarge(Invalid):
    """A prompt is over the limit."""


class InvalidAnswer(Invalid):
    """An answer chooses what its question does not offer."""


class ContradictoryAnswer(InvalidAnswer):
    """An answer allows by its option what it refuses, or the other way round."""


class UnknownMode(Invalid):
    """No agent profile has this name."""


class InvalidWorkingDir(Invalid):
    """The working directory does not exist, or is not a directory."""


class OutsideRoots(Invalid):
    """The working directory is not under a workspace root."""


class UploadTooLarge(Invalid):
    """A body that was sent ahead is over the limit."""


class KeyReused(Invalid):
    """An idempotency key came with another request before."""


class AnswerGone(TowpathError):
    """The request was carried out when it first came, and what it was answered is not kept."""


class UploadsFull(TowpathError):
    """Bodies that wait for their prompts take all the room that there is for them."""


class IsolationUnavailable(Invalid):
    """No worktree can be made of the working directory; the text says why. Nothing was made."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, member="$.isolation")


class InvalidPath(Invalid):
    """An operation's path can't be that of a file."""


class PathOutside(Invalid):
    """An operation's path does not lie in the session's working directory."""


class InvalidOperation(Invalid):
    """An operation can't be meant, or is none of the plan's."""


class PlanTooLarge(Invalid):
    """A plan would have too many operations."""


class Conflict(TowpathError):
    """The request does not fit the session's state."""

    def __init__(self, detail: str, *, session_id: SessionId, turn_id: TurnId | None = None) -> None:
        super().__init__(detail)
        self.session_id = session_id
        self.turn_id = turn_id


class TurnOver(Conflict):
    """The turn has ended already."""


class SessionBusy(Conflict):
    """A turn runs, and the prompt asked to be rejected then."""


class TerminalOver(TowpathError):
    """The terminal's program has ended."""


class TerminalsFull(TowpathError):
    """There are as many terminals as are allowed."""


class InputGap(TowpathError):
    """Input does not follow what was taken from this client before: ``expected`` is the number that would."""

    def __init__(self, expected: int) -> None:
        super().__init__(f"The next input of this client has seq {expected}.")
        self.expected = expected


class InputRefused(TowpathError):
    """The terminal's program does not read; nothing was taken."""


class QueueFull(Conflict):
    """The session's queue is full."""


class NotForkable(Conflict):
    """What was asked for is not in the session's log: it is not there yet, or no longer, or too much."""


class AgentSessionTaken(Conflict):
    """A session goes on with this conversation already, or is about to."""


class PlanOver(Conflict):
    """The plan was carried out or undone already, or is another session's."""

    def __init__(self, detail: str, *, session_id: SessionId, plan_id: str) -> None:
        super().__init__(detail, session_id=session_id)
        self.plan_id = plan_id


class PlanConflict(Conflict):
    """The plan does not fit the files as they are; nothing was changed. ``member`` names an operation at fault."""

    def __init__(self, detail: str, *, session_id: SessionId, plan_id: str | None, member: str) -> None:
        super().__init__(detail, session_id=session_id)
        self.plan_id = plan_id
        self.member = member


class ApprovalOver(Conflict):
    """The question was answered already, or expired; ``answer`` is the event that closed it."""

    def __init__(self, answer: ApprovalOutcome) -> None:
        expired = isinstance(answer, ApprovalExpired)
        super().__init__(
            "The question has expired." if expired else "The question is answered already.",
            session_id=SessionId(answer.session_id),
        )
        self.answer = answer


class NotEditable(Conflict):
    """The question is about something that can't be replaced by another command."""


class RuleConfigured(TowpathError):
    """The rule stands in the configuration; only remembered answers are removed."""


class Denied(TowpathError):
    """Who asks may not have this."""


class WrongCredential(Denied):
    """No credential, or none that is good; the text is the same for all of them."""

    def __init__(self) -> None:
        super().__init__("Send a valid token as `Authorization: Bearer`, or log in by what `towpath login` prints.")


class TooManyAttempts(Denied):
    """The peer sent too many wrong credentials; a right one still passes."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many wrong credentials. Try again in {retry_after} seconds.")
        self.retry_after = retry_after


class DeniedByRule(Denied):
    """A rule forbids what was asked for."""


class InsufficientScope(Denied):
    """The credential is good, and its scope does not reach this far."""


class CursorExpired(TowpathError):
    """An event that the caller has not seen is gone; reading goes on after ``earliest``."""

    def __init__(self, earliest: int) -> None:
        super().__init__(f"Events up to {earliest} are no longer kept.")
        self.earliest = earliest


class FilesChanged(TowpathError):
    """Files are no longer what a change was made for; nothing was changed."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(f"{', '.join(paths)} changed since.")
        self.paths = paths


class SequenceConflict(TowpathError):
    """An append does not continue the log: another writer, or an earlier append of this one failed."""


class Unavailable(TowpathError):
    """The server can't do this now."""


class TerminalUnavailable(Unavailable):
    """A terminal can't be opened, or the process that holds it does not answer."""


class AgentUnavailable(Unavailable):
    """The session's agent program can't be started; the text says why and what to do."""


class LogFull(Unavailable):
    """The disk that holds the log is full."""


class LogUnavailable(Unavailable):
    """The log can't be read or written."""


class FilesFull(Unavailable):
    """A disk is full, the one that holds the files or the one that holds the undo record."""


class FilesUnavailable(Unavailable):
    """Files can't be read or written; the text says which and why."""


class SessionQuarantined(Unavailable):
    """The session's log is damaged and is not served."""

    def __init__(self, session_id: SessionId) -> None:
        super().__init__(f"The log of session {session_id} is damaged; `towpath doctor` says what can be saved.")
        self.session_id = session_id


class Draining(Unavailable):
    """The server is about to stop and takes nothing new."""


class GitFailed(Unavailable):
    """git did not do what it was asked for."""


class StartRefused(TowpathError):
    """The server does not start as things stand; the text says where the fault is and what to do instead."""
