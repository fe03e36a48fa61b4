"""Appends to sessions without waiting and prints each seq once it is durable, until it is killed."""

import asyncio
import sys
from pathlib import Path

from domain.errors import SessionNotFound
from domain.ids import SessionId
from infrastructure.eventlogs.sqlite import SqliteEventLog
from tests.eventlogs.stage import Owner

SESSIONS = 4


async def main(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="process") as log:
        await asyncio.gather(*[append(log, SessionId(f"session_{number}")) for number in range(SESSIONS)])


async def append(log: SqliteEventLog, session_id: SessionId) -> None:
    owner = Owner(log, session_id)
    try:
        owner.seq = (await log.head(session_id)).seq
    except SessionNotFound:
        await owner.create()
    while True:
        pending = [owner.write("x" * (owner.seq % 300)) for _ in range(20)]
        for count, one in enumerate(pending, owner.seq - 19):
            await one
            sys.stdout.write(f"{session_id} {count}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
