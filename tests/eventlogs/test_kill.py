"""What was acknowledged survives kill -9."""

import os
import random
import signal
import sys
from pathlib import Path

import anyio
from anyio import fail_after

from domain.errors import SessionNotFound
from domain.ids import SessionId
from infrastructure.eventlogs.doctor import verify
from infrastructure.eventlogs.sqlite import SqliteEventLog
from tests.eventlogs import append_until_killed
from tests.eventlogs.stage import read_on

CYCLES = int(os.environ.get("KILL_CYCLES", "20"))


async def test_no_acknowledged_event_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "log" / "log.db"
    acknowledged = dict.fromkeys([f"session_{number}" for number in range(append_until_killed.SESSIONS)], 0)
    with fail_after(100):
        for _ in range(CYCLES):
            output = tmp_path / "acknowledged"
            with output.open("wb") as file:
                process = await anyio.open_process(
                    [sys.executable, "-m", append_until_killed.__name__, str(path)],
                    stdout=file,
                    stderr=None,
                    cwd=Path(__file__).parents[2],
                )
            while not output.stat().st_size:  # noqa: ASYNC110 - the other process has no other way to say it
                await anyio.sleep(0.005)
            await anyio.sleep(random.random() / 20)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            for line in output.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    session_id, _, seq = line.partition(" ")
                    assert int(seq) > acknowledged[session_id]
                    acknowledged[session_id] = int(seq)

        async with SqliteEventLog.open(path, durability="power") as log:
            for session_id, newest in acknowledged.items():
                try:
                    head = await log.head(SessionId(session_id))
                except SessionNotFound:
                    assert newest == 0
                    continue
                assert head.seq >= newest
                assert await read_on(log, SessionId(session_id), limit=500) == list(range(1, head.seq + 1))
        assert not [*verify(path)]
    assert sum(acknowledged.values()) > CYCLES
