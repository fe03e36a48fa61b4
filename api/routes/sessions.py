"""Sessions: list, make, look up, change, delete; their state, history and large bodies."""

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET, Raw

from api.openapi import problems
from api.parameters import (
    ABSENT,
    AfterSeq,
    ArchivedFilter,
    BeforeSeq,
    BlobIdParameter,
    DiscardWorktree,
    Limit,
    ModeFilter,
    PageCursor,
    ProjectFilter,
    Search,
    SessionIdParameter,
    StatusFilter,
    Types,
    choose_project,
    choose_types,
    choose_words,
    parse_page_cursor,
)
from api.services import Services
from contracts import views
from contracts.requests import CreateSession, UpdateSession
from domain.cursors import format_cursor
from domain.ids import SessionId
from domain.ports import ListingFilter
from domain.reading import Window

_BLOB = "application/octet-stream"


class SessionList(Controller):
    """All sessions."""

    path = "/api/sessions"
    tags = ("sessions",)

    @get("/", operation_id="listSessions", responses=problems(400))
    async def list_sessions(
        self,
        services: NamedDependency[Services],
        limit: Limit = 50,
        cursor: PageCursor = "",
        status: StatusFilter = "",
        mode: ModeFilter = "",
        archived: ArchivedFilter = "",
        project_id: ProjectFilter = "",
        q: Search = "",
    ) -> views.SessionPage:
        """List sessions, the last active first."""
        criteria = ListingFilter(
            status=status or UNSET,
            mode=mode or UNSET,
            archived=UNSET if not archived else archived == "true",
            project_id=choose_project(project_id),
            words=choose_words(q),
        )
        sessions = await services.reading.page(criteria, before=parse_page_cursor(cursor), limit=limit)
        last = sessions[-1] if len(sessions) == limit else None
        return views.SessionPage(
            sessions=sessions, next_cursor=UNSET if last is None else f"{last.last_activity}.{last.session_id}"
        )

    @post("/", operation_id="createSession", responses=problems(403, 404, 409, 422, 503, 507))
    async def create_session(
        self, services: NamedDependency[Services], data: JSONBody[CreateSession]
    ) -> Response[views.Session]:
        """Make a session. Nothing is started before its first prompt."""
        session = await services.live.open(data)
        return Response(session, headers={"Location": f"/api/session/{session.session_id}"})


class OneSession(Controller):
    """One session."""

    path = "/api/session/{sessionId:str}"
    tags = ("sessions",)

    @get("/", operation_id="getSession", responses=problems(400, 404, 410))
    async def get_session(self, services: NamedDependency[Services], session_id: SessionIdParameter) -> views.Session:
        """Look a session up."""
        return await services.reading.get(SessionId(session_id))

    @patch("/", operation_id="updateSession", responses=problems(404, 410, 503, 507))
    async def update_session(
        self, services: NamedDependency[Services], session_id: SessionIdParameter, data: JSONBody[UpdateSession]
    ) -> views.Session:
        """Change a session's settings."""
        return await services.live.update(SessionId(session_id), data)

    @delete("/", operation_id="deleteSession", status_code=200, responses=problems(400, 404, 410, 503, 507))
    async def delete_session(
        self,
        services: NamedDependency[Services],
        session_id: SessionIdParameter,
        discard_worktree: DiscardWorktree = False,
    ) -> views.SessionRemoved:
        """End a session's processes and delete it.

        A worktree of its own goes too if it is clean, or to be discarded; its branch if it holds no commits of its own.
        """
        return await services.live.delete(SessionId(session_id), discard_worktree=discard_worktree)

    @get("/status", operation_id="getSessionStatus", responses=problems(400, 404, 410))
    async def get_status(
        self, services: NamedDependency[Services], session_id: SessionIdParameter
    ) -> views.SessionStatusView:
        """Tell how a session stands."""
        return await services.reading.status(SessionId(session_id))

    @get("/snapshot", operation_id="getSessionSnapshot", responses=problems(400, 404, 410))
    async def get_snapshot(self, services: NamedDependency[Services], session_id: SessionIdParameter) -> views.Snapshot:
        """Return a session's state, and the cursor from which a stream goes on after it."""
        return await services.reading.snapshot(SessionId(session_id))

    @get("/history", operation_id="getSessionHistory", responses=problems(400, 404, 410))
    async def get_history(
        self,
        services: NamedDependency[Services],
        session_id: SessionIdParameter,
        after: AfterSeq = ABSENT,
        before: BeforeSeq = ABSENT,
        limit: Limit = 200,
        types: Types = "",
    ) -> views.History:
        """Return a window of a session's events: with no bound, the newest."""
        window = await services.reading.history(
            SessionId(session_id),
            after=None if after == ABSENT else after,
            before=None if before == ABSENT else before,
            limit=limit,
            types=choose_types(types),
        )
        return _history(window)

    @get("/blobs/{blobId:str}", operation_id="getBlob", media_type=_BLOB, responses=problems(400, 404, 410))
    async def get_blob(
        self, services: NamedDependency[Services], session_id: SessionIdParameter, blob_id: BlobIdParameter
    ) -> Response[bytes]:
        """Return a large body whole."""
        # Never a page of ours: whoever opens it in a browser gets a file.
        headers = {"Content-Disposition": "attachment", "Content-Security-Policy": "sandbox"}
        body = await services.reading.blob(SessionId(session_id), blob_id)
        return Response(body, headers=headers)


def _history(window: Window) -> views.History:
    epoch = window.head.epoch
    return views.History(
        epoch=epoch,
        # Raw goes out as it is stored: decoding and encoding again would cost 2.5 times.
        events=[Raw(recorded.data) for recorded in window.events],  # type: ignore[misc]
        earliest=format_cursor(epoch, window.head.earliest),
        cursor=format_cursor(epoch, window.head.seq),
        next_before=UNSET if window.next_before is None else window.next_before,
        next_after=UNSET if window.next_after is None else window.next_after,
    )
