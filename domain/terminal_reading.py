"""What is looked up of terminals: their views, and their output page by page."""

from msgspec import UNSET

from contracts.terminals import OutputPage, TerminalView
from domain.cursors import Position, TerminalStart, end_of_output, format_cursor, parse_cursor, start_in_terminal
from domain.errors import CursorExpired
from domain.ports import Terminal, TerminalState


def terminal_view(state: TerminalState, *, title: str = "") -> TerminalView:
    """Return a terminal as clients see it."""
    plan, ended = state.plan, state.ended_at is not None
    return TerminalView(
        terminal_id=plan.terminal_id,
        session_id=plan.session_id or UNSET,
        mode=plan.mode,
        working_dir=plan.working_dir,
        owner=plan.owner,
        cols=state.cols,
        rows=state.rows,
        title=title or UNSET,
        status="ended" if ended else "running",
        pid=UNSET if ended or not state.pid else state.pid,
        created_at=state.created_at,
        ended_at=UNSET if state.ended_at is None else state.ended_at,
        exit_code=UNSET if state.exit_code is None else state.exit_code,
        cursor=format_cursor(state.epoch, end_of_output(state)),
        earliest=format_cursor(state.epoch, state.earliest),
    )


async def output_page(terminal: Terminal, since: str, *, limit: int) -> OutputPage:
    """Return up to *limit* bytes after a cursor, an offset or, for an empty text, from the beginning.

    Where they can't be continued: from the earliest that is kept. Raises InvalidCursor, TerminalUnavailable.
    """
    state = terminal.state
    offset = since.isascii() and since.isdigit()
    position = Position(state.epoch, int(since)) if offset else parse_cursor(since or "0", member="since")
    start = start_in_terminal(position, state)
    while True:
        after = state.earliest if start.after is None else start.after
        over = after > state.offset
        try:
            data = b"" if over else (await terminal.read(after=after, limit=limit)).data
        except CursorExpired:  # trimmed since
            state, start = terminal.state, TerminalStart(None, start.reset or "trimmed")
            continue
        break
    state = terminal.state
    after = min(after, state.offset)
    closed = state.ended_at is not None and after + len(data) == state.offset
    return OutputPage(
        terminal_id=state.plan.terminal_id,
        data=data,
        offset=after,
        cursor=format_cursor(state.epoch, end_of_output(state) if closed else after + len(data)),
        earliest=format_cursor(state.epoch, state.earliest),
        closed=closed,
        exit_code=UNSET if state.exit_code is None else state.exit_code,
        reset=start.reset or UNSET,
    )
