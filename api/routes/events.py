"""What happens, as streams: one session's, or many sessions' on one connection."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.status_codes import HTTP_204_NO_CONTENT
from litestar.types import ASGIApp, Receive, Scope, Send

from api.gates import GatedRequest
from api.openapi import event_stream, problems
from api.parameters import (
    AfterCursor,
    Follow,
    LastEventId,
    SessionIdParameter,
    SessionIds,
    Types,
    choose_cursor,
    choose_sessions,
    choose_types,
)
from api.services import Services
from contracts import views
from domain.ids import SessionId
from domain.reading import Opening, StoreOpening


class SessionEvents(Controller):
    """One session's stream."""

    path = "/api/session/{sessionId:str}/events"
    tags = ("events",)

    @get(
        "/",
        operation_id="streamSessionEvents",
        operation_class=event_stream("SessionStreamItem"),
        responses=problems(400, 404, 410),
    )
    async def stream_session(
        self,
        request: GatedRequest,
        services: NamedDependency[Services],
        session_id: SessionIdParameter,
        last_event_id: LastEventId = "",
        after: AfterCursor = "",
        follow: Follow = True,
        types: Types = "",
    ) -> ASGIApp:
        """Stream a session's events from a cursor on, without a gap; resume with the id of the last frame seen.

        `session-deleted` ends the stream, and comes whatever `types` chooses.
        """
        chosen = choose_types(types)
        cursor, member = choose_cursor(last_event_id, after)
        opening = await services.reading.open_stream(SessionId(session_id), cursor, member=member)
        if not follow and _at_head(opening):
            return _nothing
        return services.streams.session(
            SessionId(session_id), opening, holder=request.auth, types=chosen, follow=follow
        )

    @get("/status", operation_id="getEventsStatus", responses=problems(400, 404, 410))
    async def get_events_status(
        self, services: NamedDependency[Services], session_id: SessionIdParameter
    ) -> views.EventsStatus:
        """Tell how a session's stream stands."""
        return await services.reading.events_status(SessionId(session_id))


class StoreEvents(Controller):
    """Many sessions' stream."""

    path = "/api/events"
    tags = ("events",)

    @get("/", operation_id="streamEvents", operation_class=event_stream("StreamItem"), responses=problems(400))
    async def stream_store(
        self,
        request: GatedRequest,
        services: NamedDependency[Services],
        last_event_id: LastEventId = "",
        after: AfterCursor = "",
        sessions: SessionIds = "",
        follow: Follow = True,
        types: Types = "",
    ) -> ASGIApp:
        """Stream the events of chosen sessions, or the lifecycle events of all, on one connection."""
        chosen_types, chosen = choose_types(types), choose_sessions(sessions)
        cursor, member = choose_cursor(last_event_id, after)
        opening = await services.reading.open_store_stream(chosen, cursor, member=member)
        if not follow and _at_head(opening) and not opening.gone:
            return _nothing
        return services.streams.store(opening.sessions, opening, holder=request.auth, types=chosen_types, follow=follow)


def _at_head(opening: Opening | StoreOpening) -> bool:
    return opening.start.reset is None and opening.start.after == opening.head.seq


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": HTTP_204_NO_CONTENT, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
