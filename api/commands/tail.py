"""`towpath tail`: follow a session through cuts and restarts."""

import re
from contextlib import aclosing

from api.client import Client, Cut, Missing, Received
from api.commands.connection import speak
from api.commands.screen import open_screen, show_trouble
from api.commands.target import Target
from api.failures import WrongSettings
from api.render import Transcript
from contracts.codec import encode
from contracts.events import CURSOR_PATTERN, Connected, StreamReset

_BEGINNINGS = {"start": "0", "now": None}


def tail(target: Target, prefix: str, *, start: str, types: str | None, raw: bool) -> None:
    """Show a session's events until it is deleted; *raw*: as JSON, one per line."""
    if start not in _BEGINNINGS and not re.match(CURSOR_PATTERN, start):
        raise WrongSettings(
            f"--from {start}: give start, now, or a cursor as the `id` of an event, like k7wq2mzr5tdn4.17."
        )
    after = _BEGINNINGS.get(start, start)

    async def talk(client: Client) -> None:
        session = await client.find_session(prefix)
        screen = open_screen()
        transcript = Transcript(screen, page=f"{client.locate().url}/session/{session.session_id}")
        async with aclosing(client.follow(session.session_id, after=after, types=types)) as items:
            async for item in items:
                match item:
                    case Connected():
                        pass
                    case Received(data=data) if raw:
                        screen.out(f"{data}\n")
                    case Received(event=None, type=name):
                        screen.note(f"({name}: this version does not know it)")
                    case Received(event=event) if event is not None:
                        transcript.show(event)
                    case StreamReset() if raw:
                        screen.out(f"{encode(item).decode()}\n")
                    case Cut() | Missing() | StreamReset():
                        show_trouble(screen, item)

    speak(target, talk)
