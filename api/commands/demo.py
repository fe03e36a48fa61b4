"""`towpath demo`: a session with the scripted agent, in a directory of its own."""

from pathlib import Path

import anyio
from msgspec import UNSET, UnsetType

from api.client import Client
from api.commands.connection import directory_for_server, speak
from api.commands.prompts import begin
from api.commands.target import Target
from api.failures import Failure, Refused
from contracts.codec import decoder
from contracts.requests import CreateSession
from contracts.views import FileNames

FOLDER = "towpath-demo"
_decode_names = decoder(FileNames)


def demo(target: Target, folder: str | None, text: str) -> int:
    """Send *text* to the demo; return the exit code."""

    async def talk(client: Client) -> int:
        order = CreateSession(mode="demo", title="Demo", working_dir=await _stage(client, target, folder))
        return await begin(client, target, order, text)

    return speak(target, talk)


async def _stage(client: Client, target: Target, folder: str | None) -> str | UnsetType:
    """Return where to play: in *folder*, else in one of its own, made here or under the server's first root.

    On another machine nothing can be made: there it is the first root itself.
    """
    here = directory_for_server(target)
    if folder is not None:
        return str(here / folder) if here else folder
    if here is None:
        return UNSET
    try:
        root = (await client.get("/api/files", _decode_names, root=str(here))).root
    except Refused:
        root = (await client.get("/api/files", _decode_names)).root
    path = Path(root, FOLDER)
    try:
        await anyio.Path(path).mkdir(exist_ok=True)
    except OSError as error:
        raise Failure(f"{path} can't be made: {error.strerror}. Name a directory by --dir.") from error
    return str(path)
