"""How a command finds its server and speaks to it."""

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import anyio

from api import wiring
from api.client import Client, Server, connect
from api.commands.configuration import current_directory, settings_of
from api.commands.target import Target
from api.failures import NoServer, WrongSettings

LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}

T = TypeVar("T")


def directory_for_server(target: Target) -> Path | None:
    """Return the current directory, `None` if the server is on another machine, where it means nothing."""
    url = target.remote_url
    return current_directory() if url is None or urlsplit(url).hostname in LOOPBACK_NAMES else None


def speak(target: Target, talk: Callable[[Client], Awaitable[T]]) -> T:
    """Run *talk* with a client of the target's server."""
    url = target.remote_url
    locate = partial(_local, settings_of(target).data_dir) if url is None else partial(_remote, url)

    async def conversation() -> T:
        async with connect(locate, through_proxies=url is not None) as client:
            return await talk(client)

    return anyio.run(conversation)


def _remote(url: str) -> Server:
    advice = f"{url} is not the URL of a server. Write it like https://towpath.example.org."
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise WrongSettings(advice) from error
    if not sound or parts.query or parts.fragment:
        raise WrongSettings(advice)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_NAMES:
        raise WrongSettings(f"{url} would carry the token unencrypted. Use https, or a tunnel to this machine.")
    token = os.environ.get("TOWPATH_TOKEN", "").strip()
    if not token:
        raise WrongSettings(f"Set TOWPATH_TOKEN to a token of the server at {url}; `towpath token make` makes one.")
    return Server(url.rstrip("/"), token)


def _local(data_dir: Path) -> Server:
    found = wiring.find_server(data_dir)
    if found is None:
        raise NoServer(f"No server runs on this data directory ({data_dir}). Start one with `towpath serve`.")
    return Server(*found)
