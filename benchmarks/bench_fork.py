"""How long a fork takes, from the call until its session is in the log.

python -m benchmarks.bench_fork [events]

Prints the median and the slowest of nine forks of one session, in ms.
"""

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

import uvloop
from msgspec import UNSET
from msgspec.structs import replace

from api.settings import Settings
from api.wiring import Core, open_core
from benchmarks.machine import description
from contracts.events import AgentMessage, CommandSent, Event, SessionCreated, SessionOutput, TurnCompleted, TurnStarted
from contracts.requests import ForkSession
from domain.ids import SessionId, make_id
from domain.state import begin, listing
from infrastructure.datadir import DataDir

TURN_EVENTS = 100


async def fill(core: Core, root: Path, count: int) -> SessionId:
    """Make a session of turns that each say about 10 KiB, half as an answer, half as output."""
    session_id = SessionId(make_id())
    created = SessionCreated(session_id=session_id, seq=1, timestamp=1, mode="shell", working_dir=str(root), title="")
    row = listing(begin(created))
    await core.log.append(session_id, [created], expected_seq=0, listing=row)
    for first in range(2, count + 1, TURN_EVENTS):
        turn = f"turn_{first:08d}"
        said = [
            AgentMessage(turn_id=turn, message_id=f"message_{first}", text="word " * 20)
            if number % 2
            else SessionOutput(turn_id=turn, stream="stdout", content="output " * 14)
            for number in range(TURN_EVENTS - 3)
        ]
        events: list[Event] = [
            CommandSent(turn_id=turn, command="make", delivery="queue"),
            TurnStarted(turn_id=turn),
            *said,
        ]
        events = [*events, TurnCompleted(turn_id=turn, stop_reason="end")][: count + 1 - first]
        stamped = [
            replace(event, session_id=session_id, seq=seq, timestamp=seq) for seq, event in enumerate(events, first)
        ]
        await core.log.append(session_id, stamped, expected_seq=first - 1, listing=row)
    return session_id


async def measure(root: Path, count: int) -> None:
    settings = Settings(data_dir=root / "data", roots=(root,))
    with closing(DataDir(settings.data_dir)) as data_dir:
        async with open_core(settings, data_dir) as core:
            session_id = await fill(core, root, count)
            took = []
            for _ in range(9):
                began = time.perf_counter()
                forked = await core.copies.fork(session_id, ForkSession())
                took.append((time.perf_counter() - began) * 1000)
                origin = forked.session.origin
                assert origin is not UNSET
                assert origin.seq == count
    print(f"{description()}\n{count} events: median {median(took):.0f} ms, slowest {max(took):.0f} ms")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        uvloop.run(measure(Path(folder).resolve(), int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
