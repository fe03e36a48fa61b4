"""`towpath run` and `towpath prompt`: one prompt, what it does, and how it ended."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from types import FrameType

import click
from msgspec import UNSET

from api.client import Client, Received
from api.commands.answers import Answers
from api.commands.connection import directory_for_server, speak
from api.commands.screen import open_screen, show_trouble
from api.commands.target import Target
from api.failures import Failure, Refused
from api.render import Transcript
from contracts.events import CommandSent, Connected, Event, SessionOutput, TurnCompleted, TurnStarted
from contracts.requests import CreateSession, SubmitPrompt
from contracts.views import PromptAccepted, Session

_FAILED = 5
_CANCELLED = 130


def run(target: Target, mode: str, folder: str | None, text: str) -> int:
    """Send *text* to a new session in *folder*; return the exit code."""
    command = _read(text)

    async def talk(client: Client) -> int:
        parts = [part for part in (directory_for_server(target), folder) if part]
        order = CreateSession(mode=mode, working_dir=str(Path(*parts)) if parts else UNSET)
        return await begin(client, target, order, command)

    return speak(target, talk)


async def begin(client: Client, target: Target, order: CreateSession, command: str) -> int:
    """Send *command* to the new session of *order* and show what happens; return the exit code."""
    session = await client.make_session(order)
    try:
        accepted = await client.submit(session.session_id, SubmitPrompt(command=command))
    except Refused:
        await client.remove_session(session.session_id)
        raise
    return await _follow(client, target, session, accepted)


def prompt(target: Target, prefix: str, text: str, *, wait: bool) -> int:
    """Send *text* to a session; return the exit code."""
    command = _read(text)

    async def talk(client: Client) -> int:
        session = await client.find_session(prefix)
        accepted = await client.submit(session.session_id, SubmitPrompt(command=command))
        if wait:
            return await _follow(client, target, session, accepted)
        click.echo(accepted.turn_id)
        return 0

    return speak(target, talk)


def _read(text: str) -> str:
    if text != "-":
        return text
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise Failure(f"The standard input is not UTF-8: {error.reason} at byte {error.start}.") from error


async def _follow(client: Client, target: Target, session: Session, accepted: PromptAccepted) -> int:
    screen = open_screen()
    page = f"{client.locate().url}/session/{session.session_id}"
    screen.note(page)
    if accepted.state == "queued":
        screen.note("queued behind another turn")
    turn = _Turn(accepted.turn_id, Transcript(screen, page=page), Answers(target, session.session_id, screen))

    def cancel() -> None:
        screen.note("stopping the turn; Ctrl-C again leaves at once")
        try:
            speak(target, lambda another: another.cancel(session.session_id, accepted.turn_id))
        except Failure as failure:
            screen.note(failure.format_message())

    with _first_interrupt(cancel):
        async with aclosing(client.follow(session.session_id, after=session.cursor)) as items:
            async for item in items:
                if isinstance(item, Received):
                    if item.event is not None and turn.show(item.event):
                        return turn.exit_code
                elif isinstance(item, Connected):
                    if item.status == "interrupted" and not turn.started:
                        screen.note("held after a restart of the server: it runs at the next prompt")
                else:
                    show_trouble(screen, item)
    return _FAILED  # the session was deleted


class _Turn:
    """One turn out of a session's stream."""

    def __init__(self, turn_id: str, transcript: Transcript, answers: Answers) -> None:
        self._turn_id = turn_id
        self._transcript = transcript
        self._answers = answers
        self.started = False
        self.exit_code = 0

    def show(self, event: Event) -> bool:
        """Show what belongs to this turn, or to the session while it runs; return whether the turn is over."""
        turn_id = getattr(event, "turn_id", UNSET)
        if turn_id != self._turn_id and not (turn_id is UNSET and self.started):
            return False
        if isinstance(event, CommandSent):  # whoever typed it knows it
            return False
        self._transcript.show(event)
        self._answers.note(event)
        if isinstance(event, TurnStarted):
            self.started = True
        elif isinstance(event, SessionOutput) and turn_id is not UNSET and event.exit_code is not UNSET:
            self.exit_code = event.exit_code
        elif isinstance(event, TurnCompleted):
            if event.stop_reason != "end":
                self.exit_code = _CANCELLED if event.stop_reason == "cancelled" else self.exit_code or _FAILED
            return True
        return False


@contextmanager
def _first_interrupt(act: Callable[[], None]) -> Iterator[None]:
    """Have the first Ctrl-C call *act* in a thread, which no blocked terminal holds up; the next one leaves."""

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=act, daemon=True).start()

    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
