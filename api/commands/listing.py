"""`towpath sessions`: what there is."""

import shutil
import sys
import time
from collections.abc import Sequence
from itertools import pairwise

import click

from api.client import Client
from api.commands.connection import speak
from api.commands.target import Target
from api.render import duration, line
from contracts.codec import encode
from contracts.views import Session

SHORTEST_ID = 8
_COLUMNS = ("SESSION", "MODE", "STATUS", "ACTIVE", "TITLE", "DIRECTORY")


def sessions(target: Target, *, raw: bool) -> None:
    """Print all sessions, as a table or (*raw*) as JSON, one per line."""

    async def talk(client: Client) -> list[Session]:
        return [session async for session in client.sessions()]

    found = speak(target, talk)
    if raw:
        for session in found:
            click.echo(encode(session))
    elif found:
        print_table(_COLUMNS, _rows(found, now=int(time.time() * 1000)))
    else:
        click.echo("There are no sessions. Make one with `towpath run 'echo hello'`.", err=True)


def print_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows in columns; on a terminal lines are cut at its edge."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    edge = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for row in (header, *rows):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(text.rstrip()[:edge])


def _rows(found: list[Session], *, now: int) -> list[tuple[str, ...]]:
    length = _telling_length([session.session_id for session in found])
    return [
        (
            session.session_id[:length],
            line(session.mode, 16),
            session.status + (" (archived)" if session.archived else ""),
            f"{duration(max(0, now - session.last_activity))} ago",
            line(session.title, 40),
            line(session.working_dir),
        )
        for session in found
    ]


def _telling_length(ids: list[str]) -> int:
    """Return how many characters tell all ids apart; in a sorted list the nearest relatives are neighbours."""
    shared = (_shared_length(*pair) for pair in pairwise(sorted(ids)))
    return max(SHORTEST_ID, 1 + max(shared, default=0))


def _shared_length(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
