"""What a session did, to take away: its worktree's changes, and its history as a document."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Stream

from api.openapi import document_stream, problems
from api.parameters import ExportFormat, SessionIdParameter
from api.services import Services
from contracts import views
from domain.ids import SessionId

MARKDOWN, LINES = "text/markdown", "application/jsonl"


class Export(Controller):
    """One session's outcome."""

    path = "/api/session/{sessionId:str}"
    tags = ("sessions",)

    @get("/changes", operation_id="getChanges", responses=problems(400, 404, 410, 422, 503))
    async def get_changes(self, services: NamedDependency[Services], session_id: SessionIdParameter) -> views.Changes:
        """Compare a session's worktree with the commit that it began with."""
        await services.reading.get(SessionId(session_id))
        return await services.places.changes(SessionId(session_id))

    @get(
        "/export",
        operation_id="exportSession",
        operation_class=document_stream(MARKDOWN, LINES),
        responses=problems(400, 404, 410),
    )
    async def export_session(
        self,
        services: NamedDependency[Services],
        session_id: SessionIdParameter,
        format: ExportFormat = "markdown",  # noqa: A002 - errors name it so
    ) -> Stream:
        """Return a session's history up to now as one document."""
        markdown = format == "markdown"
        export = services.exports.markdown if markdown else services.exports.lines
        return Stream(
            await export(SessionId(session_id)),
            media_type=MARKDOWN if markdown else LINES,  # Litestar adds the charset to every text
            headers={
                "Content-Disposition": f'attachment; filename="{session_id}.{"md" if markdown else "jsonl"}"',
                "Content-Security-Policy": "sandbox",
            },
        )
