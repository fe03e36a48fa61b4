"""A file of an earlier version is brought up to date, whole or not at all."""

from pathlib import Path

import apsw
import pytest
from anyio import fail_after

from domain.ports import ListingFilter
from infrastructure.eventlogs.doctor import verify
from infrastructure.eventlogs.schema import MIGRATIONS, StoreRefused, connect, create_file, migrate
from infrastructure.eventlogs.sqlite import SqliteEventLog
from tests.eventlogs.stage import A, B, created, opened, read_on
from tests.eventlogs.test_search import converse, found, told

BACK_TO_2 = "DROP VIEW heads_now; PRAGMA user_version = 2"
BACK_TO_1 = """
DROP VIEW heads_now; DROP TABLE search; DROP TABLE receipts; DROP TABLE uploads;
ALTER TABLE sessions DROP COLUMN project_id; ALTER TABLE meta DROP COLUMN indexed; PRAGMA user_version = 1;
"""


def tables(path: Path) -> dict[str, list[str]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    names = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = {
        name: sorted(
            str(row[1]) for row in connection.execute("SELECT * FROM pragma_table_info(?)", (name,)).fetchall()
        )
        for name in names
    }
    connection.close()
    return columns


async def test_a_log_of_version_1_is_kept_and_found(tmp_path: Path) -> None:
    path = tmp_path / "log" / "log.db"
    async with opened("sqlite", tmp_path) as log:
        await converse(await told(log, A, title="Old title"), ("message_1", "an old an"), ("message_1", "swer"))
        await told(log, B, now=2_000)
        heads = [await log.head(one) for one in (A, B)]
    connection = apsw.Connection(str(path))
    connection.execute(BACK_TO_1)
    connection.close()
    create_file(tmp_path / "one" / "log.db")
    first = connect(tmp_path / "one" / "log.db")
    migrate(first, MIGRATIONS[:1])
    first.close()
    assert not [*verify(path)]
    assert tables(path) == tables(tmp_path / "one" / "log.db")

    with fail_after(20):
        async with SqliteEventLog.open(path, durability="power") as log:
            assert [await log.head(one) for one in (A, B)] == heads
            assert await read_on(log, A) == [1, 2, 3, 4, 5]
            assert await found(log, "old", "title", "hello", "answer") == [A]
            owner = await told(log, "session_d", "new")  # type: ignore[arg-type]
            owner.project_id = "project_1"
            await owner.write("x")
            page = await log.page(ListingFilter(project_id="project_1"), before=None, limit=5)
            assert [listed.listing.session_id for listed in page] == ["session_d"]


async def test_a_log_of_version_2_goes_on_and_is_refused_by_what_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "log" / "log.db"
    async with opened("sqlite", tmp_path) as log:
        owner = await created(log, A, "x", "y")
        heads = [await log.head(A)]
    connection = connect(path)
    connection.execute(BACK_TO_2)

    async with SqliteEventLog.open(path, durability="power") as log:
        assert [await log.head(A)] == heads
        owner.log = log
        for text in "xyz":
            await owner.write(text)
    with pytest.raises(StoreRefused, match="version 3"):
        migrate(connection, MIGRATIONS[:2])
    connection.close()
