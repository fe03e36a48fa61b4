"""`towpath login`: let a browser in."""

import tempfile
from pathlib import Path

import click

from api.client import Client
from api.commands.browser import minutes_left, open_page
from api.commands.configuration import settings_of
from api.commands.connection import speak
from api.commands.target import Target
from contracts.codec import decoder
from contracts.views import LoginCode

_decode_code = decoder(LoginCode)


def login(target: Target, *, open_browser: bool) -> None:
    """Print a login URL of the running server."""

    async def talk(client: Client) -> LoginCode:
        return await client.post("/api/login-codes", None, _decode_code)

    code = speak(target, talk)
    click.echo(code.url)
    click.echo(f"It works once, within {minutes_left(code)} minutes.", err=True)
    if open_browser:
        data_dir = settings_of(target).data_dir
        open_page(code.url, data_dir if data_dir.is_dir() else Path(tempfile.mkdtemp(prefix="towpath-")))
