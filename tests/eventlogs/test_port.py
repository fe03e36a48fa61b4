"""What domain.ports.EventLog promises, of every log. "tailless" is SQLite that keeps nothing in memory."""

import gc
import logging
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import fail_after
from anyio.lowlevel import checkpoint
from msgspec import UNSET

from contracts.codec import decode_event
from contracts.events import SessionOutput, SessionStatus
from domain.errors import BlobNotFound, CursorExpired, SequenceConflict, SessionNotFound
from domain.ids import SessionId
from domain.ports import BATCH_BYTES, Blob, EventLog, ListingFilter, StoredSnapshot
from tests.eventlogs.stage import A, B, C, Owner, created, opened, read_on, seqs

ENDLESS = 2**62


@pytest.fixture(params=["memory", "sqlite", "tailless", "process"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    options: dict[str, Any] = {}
    if request.param == "tailless":
        options["tail_bytes"] = (1, 1)
    if request.param == "process":
        options["durability"] = "process"
    with fail_after(30):
        async with opened(request.param, tmp_path, **options) as made:
            yield made


async def test_numbers_events_from_one_without_gaps_and_keeps_what_was_said(log: EventLog) -> None:
    owner = await created(log, A, "one", "two")
    await owner.write("three", "four")

    batch = await log.read(A, after=0, limit=10)

    assert seqs(batch) == [1, 2, 3, 4, 5]
    assert batch.upto == 5
    events = [decode_event(event.data) for event in batch.events]
    assert [event.content for event in events if isinstance(event, SessionOutput)] == ["one", "two", "three", "four"]
    for recorded, event in zip(batch.events, events, strict=True):
        assert (recorded.session_id, recorded.seq, recorded.type) == (A, event.seq, event.__struct_config__.tag)
        assert b"\n" not in recorded.data


async def test_text_of_every_kind_comes_back(log: EventLog) -> None:
    texts = ["a,b\n\r\n", "\x00\x1f\u2028", "ü€😀", '"\\', ""]
    await created(log, A, *texts)

    batch = await log.read(A, after=1, limit=10)

    events = [decode_event(event.data) for event in batch.events]
    assert [event.content for event in events if isinstance(event, SessionOutput)] == texts


async def test_positions_grow_over_all_sessions(log: EventLog) -> None:
    first, second = await created(log, A), await created(log, B)
    for _ in range(3):
        first.write("a")
        await second.write("b")

    batch = await log.read_all(after=0, sessions=[B, A], limit=100)

    positions = [event.position for event in batch.events]
    assert positions == sorted(set(positions))
    assert [(event.session_id, event.seq) for event in batch.events] == [
        (A, 1),
        (B, 1),
        *[(one, seq) for seq in (2, 3, 4) for one in (A, B)],
    ]
    assert batch.upto == log.position == positions[-1]


async def test_nothing_is_visible_before_it_is_durable(log: EventLog) -> None:
    owner = await created(log, A)

    pending = owner.write("x")
    head, batch = await log.head(A), await log.read(A, after=1, limit=10)

    assert head.seq in (1, 2)  # a log in memory may be done by now, but not before the loop's next turn
    assert log.position >= head.seq
    assert len(batch.events) <= 1
    await pending
    assert (await log.head(A)).seq == 2
    assert seqs(await log.read(A, after=1, limit=10)) == [2]


async def test_an_append_does_not_wait_and_order_is_the_order_of_calls(log: EventLog) -> None:
    owner = await created(log, A)

    pending = [owner.write(str(number)) for number in range(300)]
    await pending[-1]

    assert all(future.done() for future in pending)  # type: ignore[attr-defined]
    batch = await log.read(A, after=1, limit=300)
    contents = [decode_event(event.data) for event in batch.events]
    assert [event.content for event in contents if isinstance(event, SessionOutput)] == [str(n) for n in range(300)]


async def test_all_events_of_an_append_are_there_or_none(log: EventLog) -> None:
    owner = await created(log, A)
    owner.seq = 5

    with pytest.raises(SequenceConflict):
        await owner.write("x", "y")

    assert (await log.head(A)).seq == 1


async def test_after_a_failed_append_those_in_line_fail_too(log: EventLog) -> None:
    owner, other = await created(log, A), await created(log, B)
    owner.seq += 1

    pending = [owner.write("x") for _ in range(5)]
    fine = other.write("y")

    for one in pending:
        with pytest.raises(SequenceConflict):
            await one
    await fine
    assert (await log.head(A)).seq == 1
    owner.seq = 1
    await owner.write("again")
    assert (await log.head(A)).seq == 2


async def test_failures_that_nobody_awaits_make_no_noise(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    owner = await created(log, A)
    owner.seq = 7
    with caplog.at_level(logging.ERROR):
        owner.write("x")
        owner.write("y")
        await created(log, B)

        gc.collect()
        await checkpoint()

    assert not caplog.records


async def test_a_session_is_made_once(log: EventLog) -> None:
    await created(log, A)

    with pytest.raises(SequenceConflict):
        await Owner(log, A).create()


async def test_a_cancelled_wait_does_not_undo_the_append(log: EventLog) -> None:
    owner = await created(log, A)

    with anyio.move_on_after(0):
        await owner.write("x")
    await owner.write("y")

    assert (await log.head(A)).seq == 3


async def test_events_of_another_session_or_seq_are_refused_at_once(log: EventLog) -> None:
    owner = await created(log, A)
    stray = SessionOutput(session_id=B, seq=2, timestamp=1, stream="stdout", content="")

    with pytest.raises(ValueError, match="event 2 of"):
        log.append(A, [stray], expected_seq=1, listing=None)
    with pytest.raises(ValueError, match="begins with"):
        log.append(B, [], expected_seq=0, listing=None)

    await owner.write("still fine")


async def test_unknown_sessions_are_not_found(log: EventLog) -> None:
    snapshot = StoredSnapshot(0, b"")

    for question in (
        lambda: log.head(A),
        lambda: log.read(A, after=0, limit=1),
        lambda: log.snapshot(A),
        lambda: log.blob(A, "blob_0000"),
        lambda: log.trim(A, max_bytes=0, oldest=0, snapshot=snapshot),
        lambda: Owner(log, A, seq=3).write("x"),
    ):
        with pytest.raises(SessionNotFound):
            await question()


async def test_reads_up_to_a_limit_from_any_cursor(log: EventLog) -> None:
    await created(log, A, *"abcdefgh")

    for after in range(10):
        assert await read_on(log, A, after=after, limit=3) == list(range(after + 1, 10))
    batch = await log.read(A, after=2, limit=3)
    assert (seqs(batch), batch.upto) == ([3, 4, 5], 5)


async def test_a_cursor_at_or_past_the_head_reads_nothing_and_stays(log: EventLog) -> None:
    await created(log, A)

    for after in (1, 2, 999):
        batch = await log.read(A, after=after, limit=5)
        assert (len(batch.events), batch.upto) == (0, after)


async def test_reads_by_type_and_says_how_far_it_looked(log: EventLog) -> None:
    owner = await created(log, A)
    for _ in range(3):
        await owner.write(*"abc")
        await owner.append(SessionStatus(status="idle"))

    first = await log.read(A, after=0, limit=2, types={"session-status"})
    rest = await log.read(A, after=first.upto, limit=2, types=["session-status"])
    none = await log.read(A, after=0, limit=2, types={"turn-started"})

    assert (seqs(first), first.upto) == ([5, 9], 9)
    assert (seqs(rest), rest.upto) == ([13], 13)
    assert (seqs(none), none.upto) == ([], 13)


async def test_reads_by_type_through_a_long_log(log: EventLog) -> None:
    owner = await created(log, A)
    for _ in range(10):
        owner.write(*["x"] * 999)
        await owner.append(SessionStatus(status="idle"))

    assert await read_on(log, A, types={"session-status"}) == [1 + 1000 * n for n in range(1, 11)]


@pytest.mark.parametrize("types", [None, {"session-output"}])
@pytest.mark.parametrize("size", [10, 3_000, 60_000, BATCH_BYTES])
async def test_a_batch_ends_early_where_events_are_large(
    log: EventLog, size: int, types: Collection[str] | None
) -> None:
    owner = await created(log, A)
    await owner.write(*["x" * (size if number % 3 else 5) for number in range(40)])

    after, found = 1, 0
    while after < owner.seq:
        batch = await log.read(A, after=after, limit=1_000, types=types)
        assert sum(len(event.data) for event in batch.events[:-1]) < BATCH_BYTES
        assert seqs(batch) == list(range(after + 1, batch.upto + 1))
        after, found = batch.upto, found + len(batch.events)

    assert found == 40


async def test_counts_what_became_durable_by_type(log: EventLog) -> None:
    owner = await created(log, A, "x", "y")
    owner.seq = 9
    with pytest.raises(SequenceConflict):
        await owner.write("z")

    assert log.counts == {"session-created": 1, "session-output": 2}


async def test_readers_at_one_cursor_share_what_is_rendered(log: EventLog, request: pytest.FixtureRequest) -> None:
    if "tailless" in request.node.name:
        pytest.skip("what is read from the disk is not shared")
    await created(log, A, *"abc")

    first, second = [await log.read(A, after=1, limit=10) for _ in range(2)]
    filtered = [await log.read(A, after=1, limit=10, types={"session-output"}) for _ in range(2)]

    assert first is second
    assert filtered[0] is filtered[1]
    assert filtered[0] is not first


async def test_trims_the_oldest_until_it_fits_and_says_so_to_older_cursors(log: EventLog) -> None:
    await created(log, A, *["x" * 100] * 9)
    size = sum(len(event.data) for event in (await log.read(A, after=6, limit=4)).events)

    earliest = await log.trim(A, max_bytes=size, oldest=0, snapshot=StoredSnapshot(10, b"state"))

    assert earliest == 6
    assert ((await log.head(A)).earliest, (await log.head(A)).seq) == (earliest, 10)
    for after in range(earliest):
        with pytest.raises(CursorExpired) as caught:
            await log.read(A, after=after, limit=5)
        assert caught.value.earliest == earliest
    assert await read_on(log, A, after=earliest) == list(range(earliest + 1, 11))


async def test_trims_by_age(log: EventLog) -> None:
    owner = await created(log, A)
    for now in range(2_000, 10_000, 1_000):
        owner.now = now
        await owner.write("x")

    earliest = await log.trim(A, max_bytes=ENDLESS, oldest=5_000, snapshot=StoredSnapshot(9, b""))

    assert earliest == 4
    assert await log.trim(A, max_bytes=ENDLESS, oldest=5_000, snapshot=StoredSnapshot(9, b"")) == 4


@pytest.mark.parametrize(("snapshot", "earliest"), [(1, 1), (5, 5), (10, 9)])
async def test_trims_neither_past_the_snapshot_nor_the_newest_event(
    log: EventLog, snapshot: int, earliest: int
) -> None:
    await created(log, A, *"abcdefghi")

    assert await log.trim(A, max_bytes=0, oldest=ENDLESS, snapshot=StoredSnapshot(snapshot, b"")) == earliest

    assert await read_on(log, A, after=earliest) == list(range(earliest + 1, 11))


async def test_appends_go_on_after_a_trim(log: EventLog) -> None:
    owner = await created(log, A, *"abc")
    await log.trim(A, max_bytes=0, oldest=0, snapshot=StoredSnapshot(4, b""))

    await owner.write("d")

    assert await read_on(log, A, after=3) == [4, 5]
    assert await log.overgrown(max_bytes=0, oldest=0) == [A]


async def test_keeps_the_newest_snapshot(log: EventLog) -> None:
    owner = await created(log, A)
    before = await log.snapshot(A)
    await owner.write("a", "b", snapshot=b"at 3")
    await owner.write("c")

    assert before is None
    assert await log.snapshot(A) == StoredSnapshot(3, b"at 3")
    await log.trim(A, max_bytes=ENDLESS, oldest=0, snapshot=StoredSnapshot(2, b"at 2"))
    assert await log.snapshot(A) == StoredSnapshot(3, b"at 3")
    await log.trim(A, max_bytes=ENDLESS, oldest=0, snapshot=StoredSnapshot(4, b"at 4"))
    assert await log.snapshot(A) == StoredSnapshot(4, b"at 4")


async def test_keeps_large_bodies_by_session(log: EventLog) -> None:
    owner, _ = await created(log, A), await created(log, B)
    body = bytes(range(256)) * 4_000

    await owner.write("x", blobs=[Blob("blob_0001", body), Blob("blob_0002", b"")])

    assert await log.blob(A, "blob_0001") == body
    assert await log.blob(A, "blob_0002") == b""
    with pytest.raises(BlobNotFound):
        await log.blob(B, "blob_0001")


async def test_a_deleted_session_leaves_its_last_event(log: EventLog) -> None:
    owner = await created(log, A, *"abc")
    await owner.write("d", snapshot=b"", blobs=[Blob("blob_0001", b"x")])
    epoch = (await log.head(A)).epoch

    await owner.delete()

    head = await log.head(A)
    assert (head.epoch, head.seq, head.earliest, head.listing, head.deleted) == (epoch, 6, 5, None, True)
    assert [event.type for event in (await log.read(A, after=5, limit=5)).events] == ["session-deleted"]
    with pytest.raises(CursorExpired):
        await log.read(A, after=4, limit=5)
    assert await log.snapshot(A) is None
    with pytest.raises(BlobNotFound):
        await log.blob(A, "blob_0001")
    with pytest.raises(SequenceConflict):
        await owner.write("more")
    assert not await log.page(ListingFilter(), before=None, limit=5)
    assert not await log.restless()
    assert await log.trim(A, max_bytes=0, oldest=ENDLESS, snapshot=StoredSnapshot(6, b"")) == 5


async def test_forgets_tombstones_by_age_and_the_id_may_begin_anew(log: EventLog) -> None:
    young, old = await created(log, A), await created(log, B)
    old.now, young.now = 1_000, 2_000
    epoch = (await log.head(B)).epoch
    await old.delete()
    await young.delete()

    await log.forget(before=2_000)

    assert (await log.head(A)).deleted
    with pytest.raises(SessionNotFound):
        await log.head(B)
    again = await created(log, B, "x")
    assert (await log.head(B)).epoch != epoch
    assert await read_on(log, B) == [1, 2]
    assert again.seq == 2


async def test_sessions_created_and_deleted_in_one_commit_leave_a_tombstone(log: EventLog) -> None:
    owner = Owner(log, A)
    owner.create()
    owner.write("x")
    await owner.delete()

    assert (await log.head(A)).deleted
    assert await read_on(log, A, after=2) == [3]


async def test_reads_many_sessions_page_by_page_by_position(log: EventLog) -> None:
    owners = [await created(log, one) for one in (A, B, C)]
    for number in range(90):
        await owners[number % 3 if number < 60 else 0].write(str(number))

    after, found = 0, []
    while True:
        batch = await log.read_all(after=after, sessions={A, B}, limit=20)
        if not batch.events:
            break
        assert len(batch.events) <= 20
        found += [(event.session_id, event.seq) for event in batch.events]
        assert [event.position for event in batch.events] == sorted(event.position for event in batch.events)
        assert batch.events[0].position > after
        assert batch.upto >= batch.events[-1].position
        after = batch.upto
    assert len(found) == len(set(found)) == 72
    assert [seq for one, seq in found if one == A] == list(range(1, 52))
    assert after == log.position


async def test_reads_many_sessions_by_type_and_passes_over_those_that_are_not(log: EventLog) -> None:
    first, second = await created(log, A, "x"), await created(log, B, "y")
    await first.append(SessionStatus(status="idle"))
    await second.append(SessionStatus(status="idle"))

    batch = await log.read_all(after=0, sessions=[A, C, B, A], limit=20, types={"session-status"})

    assert [(event.session_id, event.seq) for event in batch.events] == [(A, 3), (B, 3)]
    assert batch.upto == log.position


async def test_lifecycle_of_all_sessions_is_read_without_their_output(log: EventLog) -> None:
    for one in (A, B):
        owner = await created(log, one, "x", "y")
        await owner.append(SessionStatus(status="idle"))

    everything = await log.read_all(after=0, sessions=None, limit=20)
    page = await log.read_all(after=everything.events[0].position, sessions=None, limit=2)
    typed = await log.read_all(after=0, sessions=None, limit=20, types={"session-created"})
    nothing = await log.read_all(after=log.position, sessions=None, limit=20)

    assert [(event.session_id, event.seq) for event in everything.events] == [(A, 1), (A, 4), (B, 1), (B, 4)]
    assert everything.upto == log.position
    assert [(event.session_id, event.seq) for event in page.events] == [(A, 4), (B, 1)]
    assert page.upto == page.events[-1].position
    assert [event.session_id for event in typed.events] == [A, B]
    assert (len(nothing.events), nothing.upto) == (0, log.position)


async def test_chosen_sessions_and_all_lifecycles_are_read_as_one_each_event_once(log: EventLog) -> None:
    owners = [await created(log, one) for one in (A, B, C)]
    for number in range(30):
        await owners[number % 3].write("x" * number)
        await owners[(number + 1) % 3].append(SessionStatus(status="idle"))
    chosen = [await log.read_all(after=0, sessions=wanted, limit=200) for wanted in ([A, B], None)]
    wanted = sorted({(event.position, event.session_id, event.seq) for batch in chosen for event in batch.events})

    for limit in (1, 2, 7, 200):
        found: list[tuple[int, SessionId, int]] = []
        after, complete = 0, False
        while not complete:
            batch = await log.read_all(after=after, sessions=[B, A, B], limit=limit, lifecycle=True)
            assert len(batch.events) <= limit
            assert batch.upto > after
            found += [(event.position, event.session_id, event.seq) for event in batch.events]
            after, complete = batch.upto, batch.complete
        assert found == wanted
        assert after == log.position
    assert {one for _, one, _ in wanted} == {A, B, C}


async def test_a_filter_counts_for_lifecycles_and_chosen_sessions_alike(log: EventLog) -> None:
    for one in (A, B):
        owner = await created(log, one, "x")
        await owner.append(SessionStatus(status="idle"))

    async def found(sessions: list[SessionId], types: set[str]) -> list[tuple[SessionId, int]]:
        batch = await log.read_all(after=0, sessions=sessions, limit=20, types=types, lifecycle=True)
        assert batch.complete
        assert batch.upto == log.position
        return [(event.session_id, event.seq) for event in batch.events]

    assert await found([A], {"session-status"}) == [(A, 3), (B, 3)]
    assert await found([A], {"session-output", "session-created"}) == [(A, 1), (A, 2), (B, 1)]
    assert await found([], {"session-created"}) == [(A, 1), (B, 1)]
    assert await found([A], {"turn-started"}) == []


async def test_lifecycles_beside_chosen_sessions_are_told_of_what_was_trimmed(log: EventLog) -> None:
    await created(log, A, *"abc")
    other = await created(log, B, *"abc")
    trimmed = (await log.read(A, after=2, limit=1)).events[0].position
    await log.trim(A, max_bytes=0, oldest=0, snapshot=StoredSnapshot(3, b""))

    with pytest.raises(CursorExpired) as caught:
        await log.read_all(after=trimmed - 1, sessions=[A], limit=5, lifecycle=True)
    assert caught.value.earliest == trimmed

    batch = await log.read_all(after=trimmed, sessions=[A], limit=5, lifecycle=True)
    assert [(event.session_id, event.seq) for event in batch.events] == [(A, 4), (B, 1)]
    await other.delete()  # makes up for what it takes away
    batch = await log.read_all(after=batch.upto, sessions=[A], limit=5, lifecycle=True)
    assert [(event.session_id, event.type) for event in batch.events] == [(B, "session-deleted")]


async def test_many_sessions_are_told_of_trimmed_events_but_not_of_deleted_ones(log: EventLog) -> None:
    await created(log, A, *"abc")
    gone = await created(log, B, "x")
    trimmed = (await log.read(A, after=2, limit=1)).events[0].position

    await log.trim(A, max_bytes=0, oldest=0, snapshot=StoredSnapshot(3, b""))
    await gone.delete()

    with pytest.raises(CursorExpired) as caught:
        await log.read_all(after=trimmed - 1, sessions=[B, A], limit=5)
    assert caught.value.earliest == trimmed
    batch = await log.read_all(after=trimmed, sessions=[B, A], limit=5)
    assert [(event.session_id, event.seq) for event in batch.events] == [(A, 4), (B, 3)]
    assert [event.seq for event in (await log.read_all(after=0, sessions=[B], limit=5)).events] == [3]


async def test_lists_by_last_activity_in_pages(log: EventLog) -> None:
    for number, one in enumerate((A, B, C)):
        owner = Owner(log, one)
        owner.now = 1_000 + number // 2
        await owner.create()
    hidden = Owner(log, "system_0")  # type: ignore[arg-type]
    await hidden.create(listing=None)

    first = await log.page(ListingFilter(), before=None, limit=2)
    last, head, _ = first[-1]
    second = await log.page(ListingFilter(), before=(head.last_activity, last.session_id), limit=2)

    assert [listing.session_id for listing, *_ in [*first, *second]] == [C, B, A]
    assert [head for _, head, _ in [*first, *second]] == [await log.head(one) for one in (C, B, A)]


async def test_a_session_that_moves_up_between_pages_is_neither_lost_nor_blocks(log: EventLog) -> None:
    owners = []
    for number, one in enumerate((A, B, C)):
        owner = Owner(log, one)
        owner.now = 1_000 + number
        await owner.create()
        owners.append(owner)

    first = await log.page(ListingFilter(), before=None, limit=1)
    owners[0].now = 9_000
    await owners[0].write("x")
    rest = await log.page(ListingFilter(), before=(first[0][1].last_activity, C), limit=5)
    again = await log.page(ListingFilter(), before=None, limit=1)

    assert [listing.session_id for listing, *_ in rest] == [B]
    assert [listing.session_id for listing, *_ in again] == [A]


async def test_lists_what_the_filter_lets_through(log: EventLog) -> None:
    for one, status, mode, archived, project in (
        (A, "idle", "shell", False, UNSET),
        (B, "running", "shell", True, "project_1"),
        (C, "idle", "claude", False, "project_2"),
    ):
        owner = Owner(log, one)
        owner.status, owner.mode, owner.archived = status, mode, archived  # type: ignore[assignment]
        owner.project_id = project
        await owner.create()

    for criteria, expected in (
        (ListingFilter(), [C, B, A]),
        (ListingFilter(status="idle"), [C, A]),
        (ListingFilter(mode="shell"), [B, A]),
        (ListingFilter(archived=True), [B]),
        (ListingFilter(status="idle", mode="claude", archived=False), [C]),
        (ListingFilter(status="waiting"), []),
        (ListingFilter(project_id="project_2"), [C]),
        (ListingFilter(project_id="project_2", archived=True), []),
    ):
        assert [listing.session_id for listing, *_ in await log.page(criteria, before=None, limit=9)] == expected


async def test_names_the_sessions_that_are_not_at_rest(log: EventLog) -> None:
    owner, _ = await created(log, A), await created(log, B)
    owner.at_rest = False
    await owner.write("x")

    assert await log.restless() == [A]
    owner.at_rest = True
    await owner.write("x")
    assert not await log.restless()


async def test_names_the_sessions_that_hold_too_much_or_too_old_events(log: EventLog) -> None:
    await created(log, A, "x" * 5_000)
    await created(log, B, "x")
    young = Owner(log, C)
    young.now = 9_000
    await young.create()
    await young.write("x")

    assert await log.overgrown(max_bytes=5_000, oldest=0) == [A]
    assert sorted(await log.overgrown(max_bytes=ENDLESS, oldest=2_000)) == [A, B]
    await log.trim(A, max_bytes=0, oldest=0, snapshot=StoredSnapshot(2, b""))
    assert await log.overgrown(max_bytes=5_000, oldest=2_000) == [B]


async def test_stores_have_a_history_of_their_own(log: EventLog, tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path / "other") as other:
        assert log.epoch
        assert log.epoch != other.epoch
        assert other.position == 0


async def test_says_how_long_an_append_took_and_what_a_commit_held(log: EventLog) -> None:
    owner = await created(log, A, "one", "two")
    await owner.write("three")

    measures = log.measures

    assert measures.batch.sum == 4
    assert 1 <= sum(measures.batch.counts) <= 4
    assert 1 <= sum(measures.latency.counts) <= 4
    assert 0 < measures.latency.sum < 30
    assert not measures.failures


async def test_counts_the_appends_that_failed(log: EventLog) -> None:
    await created(log, A)
    with pytest.raises(SequenceConflict):
        await Owner(log, A, seq=7).write("x")

    assert log.measures.failures == {SequenceConflict: 1}
