"""What happens, as streams: one session's, or many sessions' on one connection."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.types import ASGIApp

from api.gates import GatedRequest
from api.openapi import event_stream, problems
from api.parameters import (
    AfterCursor,
    Follow,
    LastEventId,
    Lifecycle,
    SessionIdParameter,
    SessionIds,
    StreamAfterCursor,
    StreamLastEventId,
    TerminalIds,
    Types,
    ViewerIds,
    choose_cursor,
    choose_sessions,
    choose_stream_cursor,
    choose_terminals,
    choose_types,
    choose_viewers,
)
from api.services import Services
from api.streams import nothing
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
            return nothing
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
    async def stream_store(  # noqa: PLR0913, PLR0917 - each is a member of the query, or comes with the request
        self,
        request: GatedRequest,
        services: NamedDependency[Services],
        last_event_id: StreamLastEventId = "",
        after: StreamAfterCursor = "",
        sessions: SessionIds = "",
        lifecycle: Lifecycle = False,
        terminals: TerminalIds = "",
        viewers: ViewerIds = "",
        follow: Follow = True,
        types: Types = "",
    ) -> ASGIApp:
        """Stream the events of chosen sessions, or the lifecycle events of all, or both, on one connection.

        Beside them the output of chosen terminals, each without a gap; at the end of one comes `terminal-closed`.
        """
        chosen_types, chosen = choose_types(types), choose_sessions(sessions)
        cursor, offsets, member = choose_stream_cursor(last_event_id, after)
        opening = await services.reading.open_store_stream(chosen, cursor, member=member)
        sources, gone = services.terminal_sources.choose(choose_terminals(terminals), offsets, choose_viewers(viewers))
        if not follow and _at_head(opening) and not opening.gone and not gone and all(one.at_head for one in sources):
            return nothing
        return services.streams.store(
            opening,
            holder=request.auth,
            types=chosen_types,
            lifecycle=lifecycle,
            follow=follow,
            terminals=sources,
            gone=gone,
        )


def _at_head(opening: Opening | StoreOpening) -> bool:
    return opening.start.reset is None and opening.start.after == opening.head.seq
