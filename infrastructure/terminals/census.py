"""Which terminals of a data directory are held, and how they end; for commands, also where no server runs."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep

from msgspec import Struct

from contracts.events import TerminalOwner
from domain.errors import TerminalNotFound, TerminalUnavailable
from domain.ids import SessionId
from infrastructure.terminals.place import Place, peer
from infrastructure.terminals.terminal import END_SECONDS, KILL_SECONDS

FOLDER = "terminals"
LOOK_SECONDS = 0.02


class Holding(Struct, frozen=True, kw_only=True):
    """A terminal that is held: for whom, where, its program's process and its holder's (0 where that can't be told).

    ``created_at`` is in milliseconds since the Unix epoch, ``offset`` counts the bytes of output. A holder that does
    not ``answer`` hangs or was stopped.
    """

    terminal_id: str
    owner: TerminalOwner
    session_id: SessionId | None
    working_dir: str
    created_at: int
    offset: int
    pid: int
    holder: int
    answers: bool


def list_holders(data_dir: Path) -> list[Holding]:
    """Return the terminals that are held, by age."""
    found = []
    for place in _places(data_dir):
        with closing(place):
            if place.held():
                found.append(_look(place))
    return sorted(found, key=lambda holding: holding.created_at)


def end_holder(data_dir: Path, terminal_id: str) -> None:
    """End a terminal with everything that its program started; its output stays. Nothing happens where it has ended.

    Raises TerminalNotFound, and TerminalUnavailable where something does not end.
    """
    for place in _places(data_dir):
        with closing(place):
            if place.record.plan.terminal_id == terminal_id:
                _end(place)
                return
    raise TerminalNotFound(terminal_id)


def _places(data_dir: Path) -> Iterator[Place]:
    folder = data_dir / FOLDER
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            place = Place(entry)
        except (OSError, ValueError):  # no terminal's
            continue
        yield place


def _look(place: Place) -> Holding:
    holder, answers = 0, False
    with suppress(OSError), closing(place.connect()) as connection:
        _, holder = peer(connection)
        connection.settimeout(1)
        answers = connection.recv(16).startswith(b"state ")
    state = place.state()
    return Holding(
        terminal_id=state.plan.terminal_id,
        owner=state.plan.owner,
        session_id=state.plan.session_id,
        working_dir=state.plan.working_dir,
        created_at=state.created_at,
        offset=state.offset,
        pid=state.pid,
        holder=holder,
        answers=answers,
    )


def _end(place: Place) -> None:
    with suppress(OSError), closing(place.connect()) as connection:
        connection.setblocking(True)
        connection.sendall(b"end\n")
        if _ends(place, END_SECONDS):
            return
    place.kill()
    if not _ends(place, KILL_SECONDS):
        raise TerminalUnavailable("Something that the terminal's program started does not end.")


def _ends(place: Place, seconds: float) -> bool:
    until = monotonic() + seconds
    while place.held():
        if monotonic() > until:
            return False
        sleep(LOOK_SECONDS)
    return True
