"""`towpath serve`: start the server and say how to reach it."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import platformdirs

from api.commands.browser import minutes_left, open_page
from api.commands.configuration import settings_of
from api.commands.target import Target
from api.failures import Failure
from api.server import AddressUnavailable
from api.serving import serve as run_server
from api.settings import Settings
from api.version import VERSION
from contracts.views import LoginCode
from domain.errors import TowpathError


def serve(target: Target, flags: Mapping[str, object]) -> None:
    """Serve until a signal ends it."""
    settings = settings_of(target, **flags)

    def announce(code: LoginCode) -> None:
        click.echo(announcement(settings, code))
        if settings.open:
            open_page(code.url, settings.data_dir)

    try:
        run_server(settings, on_ready=announce)
    except (TowpathError, AddressUnavailable) as refusal:
        raise Failure(str(refusal)) from refusal


def announcement(settings: Settings, code: LoginCode) -> str:
    """Return what a newcomer needs once the server listens."""
    here = Path.cwd()
    directory = here if any(here.is_relative_to(root) for root in settings.roots) else settings.roots[0]
    command = own_command(settings.data_dir, directory)
    published = f", which a proxy publishes as {settings.url}" if settings.public_urls else ""
    return (
        f"Towpath {VERSION} listens on {settings.own_url}{published}\n\n"
        f"In a browser, once and within {minutes_left(code)} minutes (`{command} login` prints another):\n"
        f"  {code.url}\n\n"
        f"In a second terminal:\n"
        f"  cd {shlex.quote(str(directory))}\n"
        f"  {command} run 'echo hello'\n"
        f"  {command} demo\n\n"
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
