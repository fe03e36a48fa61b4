"""Terminals: open, list, look up, watch, type into, resize, remove."""

from contextlib import suppress

from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ASGIApp
from msgspec import UNSET

from api.gates import GatedRequest
from api.openapi import event_stream, problems
from api.parameters import (
    AfterCursor,
    Follow,
    InputRequest,
    LastEventId,
    OutputLimit,
    OutputSince,
    TerminalIdParameter,
    ViewerId,
    choose_cursor,
    choose_viewer,
)
from api.services import Services
from api.streams import nothing
from api.terminal_sources import nothing_left
from contracts import terminals as contract
from domain.cursors import parse_cursor, start_in_terminal
from domain.errors import TerminalUnavailable
from domain.ids import SessionId
from domain.terminal_reading import output_page, terminal_view
from domain.terminals import NewTerminal
from domain.viewers import Size


class TerminalList(Controller):
    """All terminals."""

    path = "/api/terminals"
    tags = ("terminals",)

    @get("/", operation_id="listTerminals")
    async def list_terminals(self, request: GatedRequest, services: NamedDependency[Services]) -> contract.TerminalList:
        """List the terminals, the oldest first: those that run, and those that ended lately."""
        found = services.terminals.all_visible(request.auth)
        return contract.TerminalList(terminals=[terminal_view(terminal.state) for terminal in found])


class OpenedTerminal(Controller):
    """New terminals."""

    path = "/api/terminal"
    tags = ("terminals",)

    @post("/", operation_id="openTerminal", responses=problems(403, 404, 410, 422, 429, 503, 507))
    async def open_terminal(
        self, request: GatedRequest, services: NamedDependency[Services], data: JSONBody[contract.OpenTerminal]
    ) -> Response[contract.TerminalView]:
        """Open a terminal with your shell in it. It outlives the server."""
        wanted = NewTerminal(
            session_id=None if data.session_id is UNSET else SessionId(data.session_id),
            mode=data.mode,
            working_dir=None if data.working_dir is UNSET else data.working_dir,
            cols=data.cols,
            rows=data.rows,
        )
        view = terminal_view((await services.terminals.open(wanted)).state)
        services.audit.note(
            "terminal-opened", by=request.auth.token_id, peer=request.user.peer, terminal_id=view.terminal_id
        )
        return Response(view, headers={"Location": f"/api/terminal/{view.terminal_id}"})


class OneTerminal(Controller):
    """One terminal."""

    path = "/api/terminal/{terminalId:str}"
    tags = ("terminals",)

    @get("/", operation_id="getTerminal", responses=problems(400, 404))
    async def get_terminal(
        self, request: GatedRequest, services: NamedDependency[Services], terminal_id: TerminalIdParameter
    ) -> contract.TerminalView:
        """Look a terminal up."""
        terminal, title = services.terminals.visible(terminal_id, request.auth), ""
        with suppress(TerminalUnavailable):
            title = (await services.screens.screen(terminal)).title
        return terminal_view(terminal.state, title=title)

    @delete("/", operation_id="removeTerminal", status_code=200, responses=problems(400, 404, 410, 503, 507))
    async def remove_terminal(
        self, services: NamedDependency[Services], terminal_id: TerminalIdParameter
    ) -> contract.TerminalRemoved:
        """End a terminal with all that it started, and remove its output."""
        return await services.terminals.remove(terminal_id)

    @get("/output", operation_id="getTerminalOutput", responses=problems(400, 404, 503))
    async def get_output(
        self,
        request: GatedRequest,
        services: NamedDependency[Services],
        terminal_id: TerminalIdParameter,
        since: OutputSince = "",
        limit: OutputLimit = 64 * 1024,
    ) -> contract.OutputPage:
        """Return a terminal's output from somewhere on, for clients that can't follow a stream."""
        return await output_page(services.terminals.visible(terminal_id, request.auth), since, limit=limit)

    @get(
        "/events",
        operation_id="streamTerminal",
        operation_class=event_stream("TerminalStreamItem"),
        responses=problems(400, 404),
    )
    async def stream_terminal(
        self,
        request: GatedRequest,
        services: NamedDependency[Services],
        terminal_id: TerminalIdParameter,
        last_event_id: LastEventId = "",
        after: AfterCursor = "",
        follow: Follow = True,
        viewer_id: ViewerId = "",
    ) -> ASGIApp:
        """Stream a terminal's output from a cursor on, without a gap; resume with the id of the last frame seen.

        Without a cursor it begins with what the terminal shows now. `terminal-closed` ends it; who has seen that gets
        204.
        """
        terminal, viewer = services.terminals.visible(terminal_id, request.auth), choose_viewer(viewer_id)
        cursor, member = choose_cursor(last_event_id, after)
        start = start_in_terminal(None if cursor is None else parse_cursor(cursor, member=member), terminal.state)
        if nothing_left(start, terminal.state, follow=follow):
            return nothing
        source = services.terminal_sources.open(terminal, start, viewers=[viewer] if viewer else [], follow=follow)
        return services.streams.terminal(source, holder=request.auth, follow=follow)

    @post(
        "/input",
        operation_id="typeIntoTerminal",
        status_code=200,
        request_class=InputRequest,
        responses=problems(404, 409, 429, 503),
    )
    async def type_input(
        self,
        services: NamedDependency[Services],
        terminal_id: TerminalIdParameter,
        data: JSONBody[contract.TypeInput],
    ) -> contract.InputTaken:
        """Type into a terminal, once and in order however often it is sent; 429 says that nothing was taken."""
        return await services.terminals.type(terminal_id, data)

    @post("/resize", operation_id="resizeTerminal", status_code=200, responses=problems(404, 409, 503))
    async def resize_terminal(
        self,
        services: NamedDependency[Services],
        terminal_id: TerminalIdParameter,
        data: JSONBody[contract.ResizeTerminal],
    ) -> contract.TerminalResizedView:
        """Say what size a viewer has: the terminal gets that of the smallest, or of the one in control."""
        size = await services.terminals.resize(
            terminal_id,
            data.viewer_id,
            Size(data.cols, data.rows),
            control=None if data.control is UNSET else data.control,
        )
        return contract.TerminalResizedView(terminal_id=terminal_id, cols=size.cols, rows=size.rows)
