"""`towpath serve` and `towpath login`: start the server, and let a browser in."""

import html
import os
import shlex
import shutil
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Mapping
from pathlib import Path

import click
import platformdirs

from api.client import Client
from api.commands.connection import settings_of, speak
from api.commands.target import Target
from api.failures import Failure
from api.server import AddressUnavailable
from api.serving import serve as run_server
from api.settings import Settings
from api.version import VERSION
from contracts.codec import decoder
from contracts.views import LoginCode
from domain.errors import TowpathError

BROWSER_SECONDS = 2

_decode_code = decoder(LoginCode)


def serve(target: Target, flags: Mapping[str, object]) -> None:
    """Serve until a signal ends it."""
    settings = settings_of(target, **flags)

    def announce(code: LoginCode) -> None:
        click.echo(announcement(settings, code))
        if settings.open:
            _open_browser(code.url, settings.data_dir)

    try:
        run_server(settings, on_ready=announce)
    except (TowpathError, AddressUnavailable) as refusal:
        raise Failure(str(refusal)) from refusal


def login(target: Target, *, open_browser: bool) -> None:
    """Print a login URL of the running server."""

    async def talk(client: Client) -> LoginCode:
        return await client.post("/api/login-codes", None, _decode_code)

    code = speak(target, talk)
    click.echo(code.url)
    click.echo(f"It works once, within {_minutes(code)} minutes.", err=True)
    if open_browser:
        data_dir = settings_of(target).data_dir
        _open_browser(code.url, data_dir if data_dir.is_dir() else Path(tempfile.mkdtemp(prefix="towpath-")))


def announcement(settings: Settings, code: LoginCode) -> str:
    """Return what a newcomer needs once the server listens."""
    here = Path.cwd()
    directory = here if any(here.is_relative_to(root) for root in settings.roots) else settings.roots[0]
    command = own_command(settings.data_dir, directory)
    return (
        f"Towpath {VERSION} listens on {settings.url}\n\n"
        f"In a browser, once and within {_minutes(code)} minutes (`{command} login` prints another):\n"
        f"  {code.url}\n\n"
        f"In a second terminal:\n"
        f"  cd {shlex.quote(str(directory))}\n"
        f"  {command} run 'echo hello'\n\n"
        "Ctrl-C stops the server; sessions stay.\n"
    )


def own_command(data_dir: Path, directory: Path) -> str:
    """Return what to type in *directory*, in a fresh shell, to call this very program for *data_dir*."""
    program = Path(sys.argv[0]).absolute()
    if program.name == "__main__.py":
        program = Path(sys.executable).with_name("towpath")
    # A virtual environment that is active here is not so in a fresh shell.
    active = os.environ.get("VIRTUAL_ENV", "")
    places = [place for place in os.get_exec_path() if not (active and Path(place).is_relative_to(active))]
    found = shutil.which("towpath", path=os.pathsep.join(places))
    if found and program.exists() and Path(found).samefile(program):
        words = ["towpath"]
    elif not program.exists():
        words = [sys.executable, "-m", "api"]
    elif directory in program.parent.parents:
        words = [str(program.relative_to(directory))]
    else:
        words = [str(program)]
    if data_dir != platformdirs.user_data_path("towpath"):
        words += ["--data-dir", str(data_dir)]
    return shlex.join(words)


def _minutes(code: LoginCode) -> int:
    return max(1, round((code.expires_at / 1000 - time.time()) / 60))


def _open_browser(url: str, folder: Path) -> None:
    """Open a page of ours that leads to *url*: on the browser's own command line everybody could read the code."""
    page = folder / "login.html"
    page.unlink(missing_ok=True)
    with open(page, "w", opener=lambda path, flags: os.open(path, flags | os.O_EXCL, 0o600)) as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(url)}">')
    opening = threading.Thread(target=webbrowser.open, args=(page.as_uri(),), daemon=True)
    opening.start()
    opening.join(BROWSER_SECONDS)  # a browser without windows stays until it is closed
