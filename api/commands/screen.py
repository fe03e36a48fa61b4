"""The terminal that a command writes to, and what it says of a stream in trouble."""

import os
import sys

from api.client import Cut, Missing
from api.render import Screen, duration
from contracts.events import StreamReset

_RESETS = {
    "trimmed": "events from before {earliest} are no longer kept and not shown",
    "epoch": "the session's history was replaced: what follows begins at {earliest}",
    "future": "the history ends before that cursor: what follows begins at {earliest}",
    "gone": "the session is gone",
}


def open_screen() -> Screen:
    """Return the screen that the standard streams make."""
    out, err = sys.stdout.isatty(), sys.stderr.isatty()
    return Screen(
        out=sys.stdout.buffer, err=sys.stderr.buffer, together=out and err, dim=err and not os.environ.get("NO_COLOR")
    )


def show_trouble(screen: Screen, item: Cut | Missing | StreamReset) -> None:
    """Say what became of a stream, and what is not shown because of it."""
    match item:
        case Cut(again=True):
            pass
        case Cut(reason=reason, seconds=seconds):
            screen.note(f"{reason.rstrip('.')}; trying again in {duration(round(seconds * 1000))}")
        case Missing(after=after, before=before):
            screen.note(f"events between {after} and {before} are missing; please report it")
        case StreamReset(reason=reason, earliest=earliest):
            screen.note(_RESETS[reason].format(earliest=earliest or "its start"))
