"""`towpath terminals`: what there is, and its end."""

import time

import click

from api import wiring
from api.client import Client
from api.commands.configuration import settings_of
from api.commands.connection import speak
from api.commands.listing import print_table
from api.commands.target import Target
from api.failures import NoServer, Refused, Unreachable, WrongSettings
from api.render import duration, line
from contracts.codec import decoder, encode
from contracts.terminals import TerminalList, TerminalRemoved, TerminalView

_COLUMNS = ("TERMINAL", "STATUS", "OPENED", "SIZE", "OWNER", "DIRECTORY")
_decode_list = decoder(TerminalList)
_decode_removed = decoder(TerminalRemoved)


def show(target: Target, *, raw: bool) -> None:
    """Print the terminals, as a table or (*raw*) as JSON, one per line."""
    found = speak(target, _all)
    now = int(time.time() * 1000)
    if raw:
        for terminal in found:
            click.echo(encode(terminal))
    elif found:
        print_table(_COLUMNS, [_row(terminal, now) for terminal in found])
    else:
        click.echo("There are no terminals. Open one with `towpath attach --new`.", err=True)


def kill(target: Target) -> None:
    """End all terminals: by the server, or, where none runs on this data directory, without it."""
    try:
        ended = speak(target, _end_all)
    except Unreachable:
        raise
    except NoServer:
        data_dir = settings_of(target).data_dir
        ended = wiring.end_holders(data_dir)
    click.echo(f"{ended} ended." if ended else "No terminal runs.", err=True)


async def find_terminal(client: Client, prefix: str) -> TerminalView:
    """Return the terminal whose id is, or alone begins with, *prefix*."""
    found = [terminal for terminal in await _all(client) if prefix and terminal.terminal_id.startswith(prefix)]
    match [terminal for terminal in found if terminal.terminal_id == prefix] or found:
        case [terminal]:
            return terminal
        case []:
            raise Refused(f"No terminal begins with {prefix!r}; `towpath terminals` lists them.", status=404)
        case several:
            names = ", ".join(terminal.terminal_id for terminal in several[:5])
            raise WrongSettings(f"{len(several)} terminals begin with {prefix!r}: {names}. Type more of the id.")


async def _all(client: Client) -> list[TerminalView]:
    return (await client.get("/api/terminals", _decode_list)).terminals


async def _end_all(client: Client) -> int:
    running = [terminal for terminal in await _all(client) if terminal.status == "running"]
    for terminal in running:
        await client.delete(f"/api/terminal/{terminal.terminal_id}", _decode_removed)
    return len(running)


def _row(terminal: TerminalView, now: int) -> tuple[str, ...]:
    return (
        terminal.terminal_id,
        terminal.status,
        f"{duration(max(0, now - terminal.created_at))} ago",
        f"{terminal.cols}x{terminal.rows}",
        terminal.owner,
        line(terminal.working_dir),
    )
