"""How long a page of the list takes, over 5,000 sessions with ten texts of 150 words each, filtered and searched.

python -m benchmarks.bench_listing [texts]

Each line: what was asked, how many sessions it finds, how many pages of 50 were read, median and slowest in ms.
"""

import random
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

import uvloop

from benchmarks.machine import description
from contracts.events import CommandSent, SessionCreated
from domain.ids import SessionId
from domain.ports import Listing, ListingFilter, SearchText
from infrastructure.eventlogs.sqlite import SqliteEventLog

SESSIONS = 5_000
PAGE = 50
MOST_PAGES = 20
VOCABULARY = [f"word{number}" for number in range(20_000)]
QUESTIONS = {
    "all": ListingFilter(),
    "mode": ListingFilter(mode="shell"),
    "status of none": ListingFilter(status="error"),
    "project": ListingFilter(project_id="project_007"),
    "a rare word": ListingFilter(words=["needle"]),
    "a word in every text": ListingFilter(words=["common"]),
    "two of them": ListingFilter(words=["common", "title"]),
    "a common and a rare one": ListingFilter(words=["common", "needle"]),
    "with a project": ListingFilter(words=["common"], project_id="project_007"),
    "the beginning of 1,111 words": ListingFilter(words=["word18"]),
}


def fill_session(log: SqliteEventLog, number: int, texts: int, choice: random.Random) -> Awaitable[None]:
    session_id = SessionId(f"session_{number:05d}")
    listing = Listing(
        session_id=session_id,
        mode="shell" if number % 2 else "claude",
        title=f"common title {VOCABULARY[number]}",
        working_dir="/srv/project",
        status="idle",
        created_at=0,
        archived=False,
        at_rest=True,
        project_id=f"project_{number % 50:03d}",
    )
    created = SessionCreated(
        session_id=session_id, seq=1, timestamp=number, mode=listing.mode, working_dir="/srv/project", title=""
    )
    last = log.append(session_id, [created], expected_seq=0, listing=listing)
    for seq in range(2, 2 + texts):
        words = ["common", *choice.choices(VOCABULARY, k=150), *(["needle"] if number == SESSIONS // 2 else [])]
        sent = CommandSent(
            session_id=session_id, seq=seq, timestamp=number, turn_id="turn_0001", command="x", delivery="queue"
        )
        text = SearchText(seq, " ".join(words))
        last = log.append(session_id, [sent], expected_seq=seq - 1, listing=listing, texts=[text])
    return last


async def ask(log: SqliteEventLog, criteria: ListingFilter) -> tuple[int, list[float]]:
    found, times = 0, list[float]()
    before = None
    while len(times) < MOST_PAGES:
        begun = time.perf_counter()
        page = await log.page(criteria, before=before, limit=PAGE)
        times.append(1_000 * (time.perf_counter() - begun))
        found += len(page)
        if len(page) < PAGE:
            break
        before = page[-1].head.last_activity, page[-1].listing.session_id
    return found, sorted(times)


async def main(texts: int) -> None:
    print(description())
    choice = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        async with SqliteEventLog.open(Path(folder) / "log" / "log.db", durability="process") as log:
            for number in range(SESSIONS):
                last = fill_session(log, number, texts, choice)
                if number % 100 == 99:
                    await last
            for name, criteria in QUESTIONS.items():
                found, times = await ask(log, criteria)
                print(f"{name:30} {found:5} in {len(times):2} pages {times[len(times) // 2]:7.1f} {times[-1]:7.1f} ms")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10))
