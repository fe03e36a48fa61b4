"""What terminals show, as the last of their output; adapter of `Screens`."""

from domain.ports import Terminal, TerminalScreen

SHOWN_BYTES = 64 * 1024


class LastOutput:
    """Lets whoever draws find out: nothing is followed, and queries are answered by nobody."""

    def follow(self, terminal: Terminal) -> None:
        """Keep nothing: what there is to show is read when it is asked for."""

    async def screen(self, terminal: Terminal) -> TerminalScreen:
        state = terminal.state
        after = max(state.earliest, state.offset - SHOWN_BYTES)
        shown = await terminal.read(after=after, limit=SHOWN_BYTES)
        return TerminalScreen(
            offset=shown.offset, cols=state.cols, rows=state.rows, title="", data=shown.data, exact=after == 0
        )
