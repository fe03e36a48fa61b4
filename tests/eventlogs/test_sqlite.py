"""What the file must bear: restarts, damage, a full disk, other versions."""

import os
import subprocess
import threading
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import apsw
import pytest
from anyio import fail_after

from domain.errors import LogFull, LogUnavailable, SequenceConflict, SessionQuarantined
from domain.ports import Blob, EventLog, ListingFilter, StoredSnapshot
from infrastructure.eventlogs import writer
from infrastructure.eventlogs.doctor import verify
from infrastructure.eventlogs.schema import (
    APPLICATION_ID,
    MIGRATIONS,
    StoreRefused,
    connect,
    create_file,
    migrate,
    row_id,
)
from infrastructure.eventlogs.sqlite import SqliteEventLog
from tests.eventlogs.stage import A, B, C, Owner, created, read_on, seqs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "log.db"


@pytest.fixture(autouse=True)
async def _bounded() -> AsyncIterator[None]:
    with fail_after(60):
        yield


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", tmp_path], check=False).returncode
    ):
        pytest.skip("only root can mount a small disk, and not everywhere")
    (tmp_path / "ballast").write_bytes(bytes(1_000_000))
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def refuse_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def content(path: Path) -> bytes:
    return path.read_bytes()


def size(path: Path) -> int:
    return path.stat().st_size


def flip(path: Path, sound: bytes, place: int) -> None:
    damaged = bytearray(sound)
    damaged[place // 8] ^= 1 << place % 8
    path.write_bytes(damaged)


async def read_data(log: EventLog, count: int, found: list[bytes] | None = None) -> list[bytes]:
    found = [] if found is None else found
    while len(found) < count:
        found += [event.data for event in (await log.read(A, after=len(found), limit=50)).events]
    return found


async def write_until_full(owner: Owner) -> None:
    while True:
        await owner.write("x" * 10_000)


def change(path: Path, statement: str, *bindings: int) -> None:
    connection = connect(path)
    connection.execute(statement, bindings)
    connection.close()


async def test_everything_is_there_after_a_restart(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        owner = await created(log, A, *"abc")
        owner.at_rest = False
        await owner.write("d", snapshot=b"state", blobs=[Blob("blob_0001", b"x")])
        gone = await created(log, B, "x")
        await gone.delete()
        before = [await log.head(A), await log.head(B), log.position, log.epoch]
        pages = await log.page(ListingFilter(), before=None, limit=5)

    async with SqliteEventLog.open(path, durability="power") as log:
        assert [await log.head(A), await log.head(B), log.position, log.epoch] == before
        assert await log.page(ListingFilter(), before=None, limit=5) == pages
        assert await read_on(log, A) == [1, 2, 3, 4, 5]
        assert seqs(await log.read(B, after=2, limit=5)) == [3]
        assert await log.snapshot(A) == StoredSnapshot(5, b"state")
        assert await log.blob(A, "blob_0001") == b"x"
        assert await log.restless() == [A]
        lifecycle = await log.read_all(after=0, sessions=None, limit=5)
        assert [(event.session_id, event.seq) for event in lifecycle.events] == [(A, 1), (B, 3)]
        await owner_of(log, seq=5).write("e")
        assert (await log.head(A)).seq == 6
    assert not [*verify(path)]


async def test_the_file_holds_nothing_of_what_was_deleted_or_trimmed(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        kept = await created(log, A, *(f"secret {number} {'x' * 100}" for number in range(200)))
        gone = await created(log, B, *(f"secret {number} {'x' * 100}" for number in range(200)))
        await gone.write("d", snapshot=b"secret" * 1000, blobs=[Blob("blob_0001", b"secret" * 10_000)])
        await gone.delete()
        await kept.write("the last event stays")
        await log.trim(A, max_bytes=0, oldest=0, snapshot=StoredSnapshot(kept.seq, b""))

    assert b"secret" not in content(path)


def owner_of(log: EventLog, *, seq: int) -> Owner:
    return Owner(log, A, seq=seq)


async def test_positions_are_never_used_again(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        owner = await created(log, A, "x")
        await owner.delete()
        await log.forget(before=2**50)
        position = log.position

    async with SqliteEventLog.open(path, durability="power") as log:
        assert log.position == position == 3
        await created(log, B)
        assert log.position == 4


async def test_what_is_in_line_at_the_end_is_committed(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        owner = await created(log, A)
        pending = [owner.write("x") for _ in range(500)]

    assert all(future.done() for future in pending)  # type: ignore[attr-defined]
    async with SqliteEventLog.open(path, durability="power") as log:
        assert (await log.head(A)).seq == 501


async def test_a_closed_log_says_so(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        owner = await created(log, A)

    with pytest.raises(LogUnavailable, match="closed"):
        await owner.write("x")
    with pytest.raises(LogUnavailable, match="closed"):
        await log.snapshot(A)


@pytest.mark.parametrize("umask", [0o000, 0o077])
async def test_nobody_else_can_read_the_files(path: Path, umask: int) -> None:
    previous = os.umask(umask)
    try:
        async with SqliteEventLog.open(path, durability="power") as log:
            await created(log, A)
            modes = {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
    finally:
        os.umask(previous)

    assert modes == {"log.db": 0o600, "log.db-wal": 0o600, "log.db-shm": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE events SET data = CAST(replace(data, 'secret', 'Secret') AS BLOB) WHERE id = ?",
        "UPDATE events SET type = 'session-error' WHERE id = ?",
        "UPDATE events SET position = position + 1000 WHERE id = ?",
        "UPDATE events SET checksum = checksum + 1 WHERE id = ?",
        "DELETE FROM events WHERE id = ?",
    ],
)
async def test_a_damaged_session_is_quarantined_for_good_and_others_go_on(path: Path, damage: str) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        await created(log, A, "a", "secret", "c")
        await created(log, B, "b")
    change(path, damage, row_id(1, 3))

    async with SqliteEventLog.open(path, durability="power") as log:
        with pytest.raises(SessionQuarantined):
            await log.read(A, after=0, limit=10)
        questions: list[Callable[[], Awaitable[object]]] = [
            lambda: log.head(A),
            lambda: log.read(A, after=3, limit=10),
            lambda: log.read_all(after=0, sessions=[B, A], limit=10),
            lambda: owner_of(log, seq=4).write("x"),
            lambda: log.trim(A, max_bytes=0, oldest=0, snapshot=StoredSnapshot(1, b"")),
        ]
        for question in questions:
            with pytest.raises(SessionQuarantined):
                await question()
        await Owner(log, B, seq=2).write("c")
        assert await read_on(log, B) == [1, 2, 3]

    async with SqliteEventLog.open(path, durability="power") as log:
        with pytest.raises(SessionQuarantined):
            await log.head(A)
        lifecycle = await log.read_all(after=0, sessions=None, limit=10)
        assert [event.session_id for event in lifecycle.events] == [B]
        assert not await log.restless()
    assert {finding.session_id for finding in verify(path)} == {A}


async def test_flipped_bits_anywhere_in_the_file_never_pass_as_events(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        await created(log, A, *[f"{number} {'x' * 200}" for number in range(400)])
        whole = await read_data(log, 401)
    sound = content(path)
    noticed = 0
    for number in range(40):
        flip(path, sound, zlib.crc32(b"%d" % number) % (len(sound) * 8))
        found: list[bytes] = []
        try:
            async with SqliteEventLog.open(path, durability="power") as log:
                await read_data(log, len(whole), found)
        except (LogUnavailable, SessionQuarantined):
            noticed += 1
        assert found == whole[: len(found)]
    assert noticed > 20


async def test_a_damaged_snapshot_or_body_is_not_handed_out(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        for one in (A, B):
            owner = await created(log, one)
            await owner.write("x", snapshot=b"state", blobs=[Blob("blob_0001", b"body")])
    change(path, "UPDATE snapshots SET data = X'00' WHERE session = 1")
    change(path, "UPDATE blobs SET data = X'00' WHERE session = 2")

    findings = [*verify(path)]
    async with SqliteEventLog.open(path, durability="power") as log:
        with pytest.raises(SessionQuarantined):
            await log.snapshot(A)
        with pytest.raises(SessionQuarantined):
            await log.blob(B, "blob_0001")

    assert [finding.session_id for finding in findings] == [A, B]


async def test_a_full_disk_refuses_writes_until_there_is_room(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        owner = await created(log, A, "x")
        log._store.writing.execute("PRAGMA max_page_count = 40")

        with pytest.raises(LogFull, match="Free some space"):
            await write_until_full(owner)
        durable = (await log.head(A)).seq
        assert await read_on(log, A) == list(range(1, durable + 1))
        late = [owner.write("y"), owner.write("z")]
        for one in late:
            with pytest.raises((SequenceConflict, LogFull)):
                await one

        log._store.writing.execute("PRAGMA max_page_count = 4000")
        await owner_of(log, seq=durable).write("room again")
        assert await read_on(log, A) == list(range(1, durable + 2))
    assert not [*verify(path)]


async def test_a_disk_that_is_really_full_is_no_different(small_disk: Path) -> None:
    path = small_disk / "log.db"
    async with SqliteEventLog.open(path, durability="power") as log:
        owner = await created(log, A)
        with pytest.raises(LogFull):
            await write_until_full(owner)
        durable = (await log.head(A)).seq
        assert durable > 10
        assert await read_on(log, A) == list(range(1, durable + 1))
        make_room(small_disk)
        await owner_of(log, seq=durable).write("room again")
    async with SqliteEventLog.open(path, durability="power") as log:
        assert (await log.head(A)).seq == durable + 1
    assert not [*verify(path)]


def make_room(disk: Path) -> None:
    (disk / "ballast").unlink()


async def test_a_file_that_can_not_be_written_is_still_read(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        owner = await created(log, A, "x")
        log._store.writing.execute("PRAGMA query_only = ON")

        with pytest.raises(LogUnavailable, match="readonly"):
            await owner.write("y")

        assert await read_on(log, A) == [1, 2]
        log._store.writing.execute("PRAGMA query_only = OFF")
        await owner_of(log, seq=2).write("y")


async def test_one_append_that_can_not_be_written_fails_alone(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        bad, good = await created(log, A), await created(log, B)
        bad.mode = "\ud800"  # no UTF-8, found out when the listing is encoded

        before, worst, after = good.write("x"), bad.write("y"), good.write("z")

        await before
        await after
        with pytest.raises(UnicodeEncodeError):
            await worst
        assert [(await log.head(one)).seq for one in (A, B)] == [1, 3]


async def test_a_file_that_can_not_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LogUnavailable, match=r"log\.db can't be opened: "):
        async with SqliteEventLog.open(tmp_path / "file" / "log.db", durability="power"):
            pass
    with pytest.raises(LogUnavailable, match="Is a directory"):
        async with SqliteEventLog.open(tmp_path, durability="power"):
            pass


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 99; CREATE TABLE t (x)", "version 99"),
        ("PRAGMA application_id = 7; PRAGMA user_version = 1; CREATE TABLE t (x)", "another program"),
        ("CREATE TABLE t (x)", "another program"),
    ],
)
async def test_newer_and_foreign_files_are_refused_unchanged(path: Path, prepare: str, text: str) -> None:
    create_file(path)
    connection = apsw.Connection(str(path))
    connection.execute(prepare)
    connection.close()
    before = content(path)

    with pytest.raises(StoreRefused, match=text):
        async with SqliteEventLog.open(path, durability="power"):
            pass
    with pytest.raises(StoreRefused, match=text):
        [*verify(path)]

    assert content(path) == before


async def test_what_is_no_database_is_refused(path: Path) -> None:
    create_file(path)
    flip(path, b"not a database " * 1_000, 0)

    with pytest.raises(StoreRefused, match="not a database"):
        async with SqliteEventLog.open(path, durability="power"):
            pass


async def test_migrations_run_from_any_older_version_or_not_at_all(path: Path) -> None:
    create_file(path)
    connection = connect(path)
    migrate(connection)
    connection.execute("INSERT INTO meta VALUES (1, 'epoch', 0, 0, 1, 'power', 1, '', 1)")
    broken = (*MIGRATIONS, "ALTER TABLE meta ADD COLUMN news TEXT", "ALTER TABLE nothing ADD COLUMN x")

    with pytest.raises(LogUnavailable):
        migrate(connection, broken)
    untouched = connection.execute("PRAGMA user_version").get, len(connection.execute("SELECT * FROM meta").get)
    migrate(connection, broken[:-1])
    migrate(connection, broken[:-1])

    assert untouched == (len(MIGRATIONS), 9)
    assert connection.execute("SELECT epoch, news FROM meta").get == ("epoch", None)
    assert connection.execute("PRAGMA user_version").get == len(MIGRATIONS) + 1
    with pytest.raises(StoreRefused):
        migrate(connection)
    connection.close()


async def test_process_durability_renames_what_a_power_cut_may_have_taken(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="process", machine="boot-1") as log:
        await created(log, A)
        await created(log, B)
    async with SqliteEventLog.open(path, durability="process", machine="boot-1") as log:
        first = [log.epoch, (await log.head(A)).epoch, (await log.head(B)).epoch]
        await Owner(log, A, seq=1).write("x")
    for machine, renamed in (("boot-1", [False, False, False]), ("boot-2", [True, True, False])):
        change(path, "UPDATE meta SET clean = 0, boot_id = 'boot-1'")
        async with SqliteEventLog.open(path, durability="process", machine=machine) as log:
            second = [log.epoch, (await log.head(A)).epoch, (await log.head(B)).epoch]
            assert [one != other for one, other in zip(first, second, strict=True)] == renamed
            if machine == "boot-1":  # a killed process loses nothing, but is no reason to trust the disk later
                await Owner(log, A, seq=2).write("y")
                first = second


async def test_a_clean_stop_or_power_durability_keeps_every_epoch(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power", machine="boot-1") as log:
        await created(log, A)
        epochs = [log.epoch, (await log.head(A)).epoch]
    async with SqliteEventLog.open(path, durability="process", machine="boot-2") as log:
        assert [log.epoch, (await log.head(A)).epoch] == epochs
    change(path, "UPDATE meta SET clean = 0, durability = 'power'")
    async with SqliteEventLog.open(path, durability="power", machine="boot-3") as log:
        assert [log.epoch, (await log.head(A)).epoch] == epochs


async def test_the_write_ahead_log_does_not_grow_without_end(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="process") as log:
        owner = await created(log, A)
        grew = written = 0
        with fail_after(60):
            while written < grew + 8:  # 8 MB into a file that did not grow: it was begun anew
                before = size(path.with_name("log.db-wal"))
                owner.write(*["x" * 10_000] * 100)
                await owner.write("x")
                written += 1
                if size(path.with_name("log.db-wal")) > before:
                    grew = written


async def test_the_writer_goes_on_where_no_thread_can_be_started(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        monkeypatch.setattr(writer, "CHECKPOINT_PAGES", 1)
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", refuse_thread)
            owner = await created(log, A, "x", "y")
        await owner.write("z")

        assert (await log.head(A)).seq == 4


async def test_what_the_store_hands_out_whole_is_told_to_be_complete(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        for one in (A, B):
            await created(log, one, "x", "y")
    async with SqliteEventLog.open(path, durability="power") as log:
        for sessions in (None, [A, B, C]):
            whole = await log.read_all(after=0, sessions=sessions, limit=10)
            part = await log.read_all(after=0, sessions=sessions, limit=1)

            assert (whole.complete, whole.upto) == (True, log.position)
            assert not part.complete


async def test_a_session_that_is_watched_and_read_needs_no_thread_after_the_first_question(path: Path) -> None:
    async with SqliteEventLog.open(path, durability="power") as log:
        await created(log, A, "x")
    async with SqliteEventLog.open(path, durability="power") as log:
        end = log.watch(A, lambda: None)
        await log.head(A)

        for question in (
            log.head(A),
            log.read(A, after=2, limit=5),
            log.read_all(after=log.position, sessions=[A], limit=5),
        ):
            with pytest.raises(StopIteration):
                question.send(None)
        end()
