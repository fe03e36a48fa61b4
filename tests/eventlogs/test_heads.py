"""A head's row is written at most once a second: nobody can tell, after a crash either."""

import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import fail_after

from domain.errors import SessionQuarantined
from domain.ids import SessionId
from domain.ports import EventLog, ListingFilter, StoredSnapshot
from infrastructure.eventlogs import writer
from infrastructure.eventlogs.doctor import verify
from infrastructure.eventlogs.schema import connect
from infrastructure.eventlogs.sqlite import SqliteEventLog
from tests.eventlogs import append_until_killed
from tests.eventlogs.stage import A, B, C, Owner, created, read_on

HEAD = "SELECT seq, position, bytes, last_activity FROM heads JOIN sessions USING (key) WHERE session_id = ?"
TRUTH = """
SELECT max(id) & 0xFFFFFFFFFF, max(position), sum(length(data)), max(timestamp)
FROM events JOIN sessions ON key = id >> 40 WHERE session_id = ?
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "log.db"


@pytest.fixture(autouse=True)
async def _bounded() -> AsyncIterator[None]:
    with fail_after(60):
        yield


def ask(path: Path, statement: str, *bindings: object) -> list[tuple[Any, ...]]:
    connection = connect(path, read_only=True)
    try:
        return [*connection.execute(statement, bindings).fetchall()]
    finally:
        connection.close()


def written_seq(path: Path, session_id: SessionId = A) -> int:
    return int(ask(path, HEAD, session_id)[0][0])


async def overgrown(log: EventLog, max_bytes: int) -> set[str]:
    return {*await log.overgrown(max_bytes=max_bytes, oldest=0)}


async def listed(log: EventLog, limit: int = 9) -> list[tuple[str, int]]:
    """Return each listed session and its seq, read page by page."""
    found: list[tuple[str, int]] = []
    before = None
    while page := await log.page(ListingFilter(), before=before, limit=limit):
        found += [(one.listing.session_id, one.head.seq) for one in page]
        before = page[-1].head.last_activity, page[-1].listing.session_id
    return found


async def kill_one_that_appends(path: Path) -> None:
    command = [sys.executable, "-m", append_until_killed.__name__, str(path)]
    async with await anyio.open_process(command, stderr=None, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        acknowledged = 0
        while acknowledged < 40_000:
            acknowledged += len(await process.stdout.receive())
        process.send_signal(signal.SIGKILL)


def damage_page(path: Path, index: str) -> None:
    """Damage the last page of an index."""
    ((page, size),) = ask(path, "SELECT max(pageno), pgsize FROM dbstat WHERE name = ? AND pagetype = 'leaf'", index)
    content = bytearray(path.read_bytes())
    content[(page - 1) * size] ^= 0xFF
    path.write_bytes(content)


async def test_what_a_killed_log_did_not_write_into_its_heads_is_known(path: Path) -> None:
    await kill_one_that_appends(path)
    sessions = [SessionId(f"session_{number}") for number in range(append_until_killed.SESSIONS)]
    truth = {one: ask(path, TRUTH, one)[0] for one in sessions}
    behind = [one for one in sessions if written_seq(path, one) < truth[one][0]]
    assert behind

    async with SqliteEventLog.open(path, durability="power") as log:
        assert log.position == max(position for _, position, *_ in truth.values())
        assert {*await listed(log)} == {(one, seq) for one, (seq, *_) in truth.items()}
        for one, (seq, _, size, timestamp) in truth.items():
            head = await log.head(one)
            assert (head.seq, head.last_activity) == (seq, timestamp)
            assert one in await overgrown(log, size - 1)
            assert one not in await overgrown(log, size)
            assert await read_on(log, one, limit=500) == list(range(1, seq + 1))
        first = behind[0]
        assert await log.trim(first, max_bytes=truth[first][2], oldest=0, snapshot=StoredSnapshot(1, b"")) == 0
        assert await log.trim(first, max_bytes=truth[first][2] - 1, oldest=0, snapshot=StoredSnapshot(1, b"")) == 1
        await Owner(log, behind[-1], seq=truth[behind[-1]][0]).write("goes on")
    assert not [*verify(path)]


async def test_a_closed_log_has_true_heads(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        for one in (A, B):
            await created(log, one, "x", "y", "z")
        assert written_seq(path) < 4

    assert [ask(path, HEAD, one) for one in (A, B)] == [ask(path, TRUTH, one) for one in (A, B)]


async def test_all_but_more_of_the_same_is_written_at_once(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        owner = await created(log, A, "xxx")
        at = written_seq(path)

        async def writes_head() -> bool:
            nonlocal at
            before, at = at, written_seq(path)
            assert at in (before, owner.seq)
            return at > before

        assert await writes_head() is False
        await owner.write("y")
        assert not await writes_head()
        owner.title = "another"
        await owner.write("y")
        assert await writes_head()
        owner.now += 999
        await owner.write("y")
        assert not await writes_head()
        owner.now += 1
        await owner.write("y")
        assert await writes_head()
        await owner.write("larger than any before")
        assert await writes_head()
        await owner.write("y")
        await log.trim(A, max_bytes=0, oldest=0, snapshot=StoredSnapshot(owner.seq, b""))
        assert await writes_head()
        await owner.write("y")
        await owner.delete()
        assert await writes_head()


async def test_the_first_write_of_a_run_marks_its_session(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="process", machine="boot-1") as log:
        owner = await created(log, A, "x")
    async with SqliteEventLog.open(path, durability="process", machine="boot-1") as log:
        first = (await log.head(A)).epoch
        owner.log = log
        await owner.write("x")
        assert ask(path, "SELECT run, seq FROM heads") == [(2, 3)]
        await owner.write("x")
        assert ask(path, "SELECT run, seq FROM heads") == [(2, 3)]
    connection = connect(path)
    connection.execute("UPDATE meta SET clean = 0")
    connection.close()

    async with SqliteEventLog.open(path, durability="process", machine="boot-2") as log:
        assert (await log.head(A)).epoch != first


async def test_what_the_writer_no_longer_holds_is_looked_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CACHED_SESSIONS", 1)
    async with SqliteEventLog.open(path, durability="process", tail_bytes=(1, 1)) as log:
        owners = [await created(log, one) for one in (A, B, C)]
        for _ in range(5):
            for owner in owners:
                await owner.write("x", "y")
        sizes = [int(ask(path, TRUTH, one)[0][2]) for one in (A, B, C)]
        assert [written_seq(path, one) < 11 for one in (A, B, C)] == [True] * 3
        assert await listed(log) == [(C, 11), (B, 11), (A, 11)]
        assert await log.trim(A, max_bytes=sizes[0], oldest=0, snapshot=StoredSnapshot(11, b"")) == 0
        assert await log.trim(B, max_bytes=sizes[1] - 1, oldest=0, snapshot=StoredSnapshot(11, b"")) == 1

    async with SqliteEventLog.open(path, durability="process") as log:
        assert await listed(log) == [(C, 11), (B, 11), (A, 11)]
        assert await overgrown(log, sizes[2] - 1) == {A, C}
    assert not [*verify(path)]


async def test_pages_show_each_session_once_while_heads_are_behind(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="process") as log:
        owners = [Owner(log, SessionId(f"session_{number}")) for number in range(9)]
        for number, owner in enumerate(owners):
            owner.now = 1_000 + number
            await owner.create()
        for number, owner in enumerate(reversed(owners)):
            owner.now = 1_100 + number
            await owner.write("x")

        for limit in (1, 2, 4):
            assert {*await listed(log, limit)} == {(owner.session_id, 2) for owner in owners}
            assert len(await listed(log, limit)) == 9


async def test_one_session_whose_end_can_not_be_found_is_quarantined_and_others_go_on(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        owners = [Owner(log, one) for one in (A, B)]
        for owner in owners:
            await owner.create()
            await owner.write(*["x"] * 3_000)
    connection = connect(path)
    connection.execute("UPDATE heads SET seq = 1")  # so that both must be looked up
    connection.close()
    damage_page(path, "sqlite_autoindex_events_1")

    async with SqliteEventLog.open(path, durability="power") as log:
        assert {*await listed(log)} == {(A, 1), (B, 1)}
        assert await overgrown(log, 2**50) == set()
        assert await read_on(log, A, limit=500) == list(range(1, 3_002))
        with pytest.raises(SessionQuarantined):
            await log.read_all(after=0, sessions=[A, B], limit=5)
        with pytest.raises(SessionQuarantined):
            await log.head(B)
        await Owner(log, A, seq=3_001).write("goes on")
    assert B in {finding.session_id for finding in verify(path)}
