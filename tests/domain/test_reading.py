"""What the log tells: windows of history against a plain list, snapshots, where streams begin."""

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import pytest
from anyio import fail_after
from hypothesis import given, settings
from msgspec.structs import replace

from contracts.codec import decode_event
from contracts.events import Event
from domain import reading as module
from domain.errors import BlobNotFound, CursorExpired, InvalidCursor, SessionNotFound, SessionQuarantined
from domain.ids import SessionId
from domain.ports import Listing, ListingFilter, Recorded, StoredSnapshot
from domain.reading import HISTORY_BYTES, Reading, Window
from tests.domain.stage import staged, status
from tests.factories import SESSION_ID, make_created, make_output, make_status
from tests.fakes import FakeClock, FaultyEventLog, work

SESSION = SessionId(SESSION_ID)
UNKNOWN = SessionId("nowhere-at-all")
PAGE_BYTES = 256 * 1024


async def filled(events: Sequence[Event], *, keep: int | None = None) -> FaultyEventLog:
    """Return a log whose one session holds *events*, of which the newest *keep* stay."""
    log = FaultyEventLog()
    listing = Listing(
        session_id=SESSION,
        mode="shell",
        title="",
        working_dir="/",
        status="idle",
        created_at=1,
        archived=False,
        at_rest=True,
    )
    stamped: list[Any] = [
        replace(event, session_id=SESSION_ID, seq=seq, timestamp=seq) for seq, event in enumerate(events, 1)
    ]
    await log.append(SESSION, stamped, expected_seq=0, listing=listing)
    if keep is not None:
        oldest, snapshot = len(events) - keep + 1, StoredSnapshot(len(events), b"")
        await log.trim(SESSION, max_bytes=1 << 40, oldest=oldest, snapshot=snapshot)
    return log


class Walker:
    """Reads a history page by page, and holds each page to its bounds."""

    def __init__(self, log: FaultyEventLog, *, limit: int, types: set[str] | None) -> None:
        self.reading = Reading(log=log, clock=FakeClock())
        self.limit = limit
        self.types = types

    async def page(self, after: int | None, before: int | None) -> Window:
        window = await self.reading.history(SESSION, after=after, before=before, limit=self.limit, types=self.types)
        seqs = numbers(window.events)
        assert seqs == sorted(set(seqs))
        assert len(seqs) <= self.limit
        assert sum(len(event.data) for event in window.events) < PAGE_BYTES
        return window

    async def forward(self, after: int | None) -> list[int]:
        found: list[int] = []
        while after is not None:
            window = await self.page(after, None)
            found += numbers(window.events)
            assert window.next_after is None or window.next_after > after
            after = window.next_after
        return found

    async def backward(self, before: int | None) -> list[int]:
        found: list[int] = []
        while before is not None:
            window = await self.page(None, before)
            found = numbers(window.events) + found
            assert window.next_before is None or window.next_before < before
            before = window.next_before
        return found


def numbers(events: Sequence[Recorded]) -> list[int]:
    return [event.seq for event in events]


large = st.sampled_from([10, 300, 15_000, 60_000]).map(lambda size: make_output(text="x" * size))
histories = st.lists(large | st.just(make_status()), max_size=150).map(lambda events: [make_created(), *events])
filters = st.sampled_from([None, {"session-output"}, {"session-status"}, {"session-created"}, {"turn-started"}])
bounds = st.none() | st.integers(0, 160)


@given(
    events=histories,
    keep=st.none() | st.integers(1, 150),
    after=bounds,
    before=bounds,
    limit=st.integers(1, 200),
    types=filters,
)
@settings(deadline=None, max_examples=150)
async def test_every_event_is_on_one_page_wherever_one_begins(
    events: Sequence[Event], keep: int | None, after: int | None, before: int | None, limit: int, types: set[str] | None
) -> None:
    with fail_after(20):
        log = await filled(events, keep=None if keep is None else min(keep, len(events)))
        earliest = (await log.head(SESSION)).earliest
        kept = [event for event in log._sessions[SESSION].events if types is None or event.type in types]
        walker = Walker(log, limit=limit, types=types)

        window = await walker.page(after, before)
        earlier = await walker.backward(window.next_before)
        later = await walker.forward(window.next_after)

    page = numbers(window.events)
    assert earlier + page + later == numbers(kept)
    assert all(seq > (after or 0) and (before is None or seq < before) for seq in page)
    assert earliest == log._sessions[SESSION].earliest
    within = [seq for seq in numbers(kept) if seq > (after or 0) and (before is None or seq < before)]
    if len(within) <= limit and sum(len(event.data) + 1 for event in kept) <= HISTORY_BYTES:
        assert page == within


async def test_without_a_bound_the_newest_events_come() -> None:
    walker = Walker(await filled([make_created(), *[make_output()] * 20]), limit=5, types=None)

    window = await walker.page(None, None)

    assert (numbers(window.events), window.next_before, window.next_after) == ([17, 18, 19, 20, 21], 17, None)


async def test_a_page_holds_one_event_at_least_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY_BYTES", 10)
    walker = Walker(await filled([make_created(), *[make_output()] * 3]), limit=5, types=None)

    assert await walker.forward(0) == [1, 2, 3, 4]
    assert await walker.backward(5) == [1, 2, 3, 4]


async def test_a_filter_that_matches_little_gives_a_page_before_the_log_is_read_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "HISTORY_SCAN_EVENTS", 64)
    log = await filled([make_created(), *[make_output()] * 1_500])
    walker = Walker(log, limit=5, types={"session-created"})

    first = await walker.page(None, None)

    assert (list(first.events), first.next_before) == ([], 1_438)
    assert await walker.backward(first.next_before) == [1]
    assert await Walker(log, limit=5, types={"turn-started"}).forward(0) == []


async def test_a_trim_between_two_reads_is_no_gap() -> None:
    log = await filled([make_created(), *[make_output(text="x" * 60_000)] * 20])
    read = log.read
    trims = iter([12])

    async def trim_first(*args: Any, **options: Any) -> Any:
        for oldest in trims:
            await log.trim(SESSION, max_bytes=1 << 40, oldest=oldest, snapshot=StoredSnapshot(21, b""))
        return await read(*args, **options)

    log.read = trim_first  # type: ignore[method-assign]
    window = await Walker(log, limit=100, types=None).page(0, None)

    assert numbers(window.events)[0] == 12
    assert window.head.earliest == 11


async def test_a_snapshot_is_the_state_at_its_cursor() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open(title="t")
        accepted = await stage.submit(session_id, "a")
        await stage.submit(session_id, "b")
        await stage.running(session_id)

        snapshot = await stage.reading.snapshot(session_id)
        opening = await stage.reading.open_stream(session_id, snapshot.cursor, member="after")

    assert snapshot.state.turn is not None
    assert (snapshot.state.turn.turn_id, snapshot.state.held) == (accepted.turn_id, False)
    assert [prompt.command for prompt in snapshot.state.queue] == ["b"]
    assert snapshot.cursor == snapshot.state.session.cursor
    assert (opening.start.after, opening.start.reset) == (opening.head.seq, None)


async def test_a_stream_begins_now_at_the_beginning_or_after_its_cursor() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        epoch = (await stage.log.head(session_id)).epoch
        cases = {None: (2, None), "0": (0, None), f"{epoch}.1": (1, None), f"{epoch}.9": (0, "future"),
                 "another-era.1": (0, "epoch")}  # fmt: skip

        for cursor, expected in cases.items():
            opening = await stage.reading.open_stream(session_id, cursor, member="after")
            assert (opening.start.after, opening.start.reset) == expected
        with pytest.raises(InvalidCursor):
            await stage.reading.open_stream(session_id, "x", member="after")


async def test_a_stream_of_many_sessions_says_which_are_gone() -> None:
    async with staged() as stage:
        kept, deleted = await stage.open(), await stage.open()
        await stage.sessions.delete(deleted)

        opening = await stage.reading.open_store_stream([kept, deleted, UNKNOWN], None, member="after")
        resumed = await stage.reading.open_store_stream(None, f"{stage.log.epoch}.1", member="after")
        ahead = await stage.reading.open_store_stream(None, f"{stage.log.epoch}.99", member="after")

    assert (opening.gone, opening.start.after) == ([deleted, UNKNOWN], stage.log.position)
    assert (resumed.gone, resumed.start.after, resumed.start.reset) == ([], 1, None)
    assert ahead.start.reset == "future"


async def test_the_status_of_a_stream_counts_who_follows() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        end = stage.log.watch(session_id, lambda: None)

        at_two = await stage.reading.events_status(session_id)
        end()

    assert (at_two.active_connections, at_two.cursor[-2:], at_two.earliest[-2:]) == (1, ".2", ".0")


async def test_a_listing_shows_the_last_active_first_and_goes_on_below() -> None:
    async with staged() as stage:
        made = []
        for _ in range(5):
            stage.clock.time += 1
            made.append(await stage.open())
        stage.clock.time += 1
        await stage.submit(made[0])
        await stage.rested(made[0])

        first = await stage.reading.page(ListingFilter(), before=None, limit=3)
        last = first[-1]
        rest = await stage.reading.page(
            ListingFilter(), before=(last.last_activity, SessionId(last.session_id)), limit=3
        )
        none = await stage.reading.page(ListingFilter(archived=True), before=None, limit=3)

    assert [view.session_id for view in [*first, *rest]] == [made[0], *reversed(made[1:])]
    assert none == []


@pytest.mark.parametrize("deleted", [True, False])
async def test_of_what_does_not_exist_nothing_is_told(*, deleted: bool) -> None:
    async with staged() as stage:
        session_id = UNKNOWN
        if deleted:
            session_id = await stage.open()
            await stage.sessions.delete(session_id)
        reading = stage.reading

        for question in (
            reading.get(session_id),
            reading.status(session_id),
            reading.open_stream(session_id, None, member="after"),
            reading.events_status(session_id),
            reading.snapshot(session_id),
            reading.blob(session_id, "no-such-blob"),
            reading.history(session_id, after=None, before=None, limit=1, types=None),
            reading.history(session_id, after=0, before=None, limit=1, types=None),
        ):
            with pytest.raises(SessionNotFound):
                await question


async def test_a_body_that_is_not_there_is_not_found() -> None:
    async with staged() as stage:
        session_id = await stage.open()

        with pytest.raises(BlobNotFound):
            await stage.reading.blob(session_id, "no-such-blob")


async def test_a_fold_that_a_trim_overtakes_begins_anew() -> None:
    async with staged() as stage:
        session_id = await stage.open(title="kept")
        for number in range(1, 4):
            await stage.submit(session_id)
            await stage.rested(session_id, turns=number)
        read, expired = stage.log.read, iter([True])

        async def overtaken(*args: Any, **options: Any) -> Any:
            for _ in expired:
                raise CursorExpired(3)
            return await read(*args, **options)

        stage.log.read = overtaken  # type: ignore[method-assign]
        state = await module.fold(stage.log, session_id)
        events = [decode_event(event.data) for event in stage.log._sessions[session_id].events]

    assert (state.title, state.seq, state.status) == ("kept", len(events), status(events))


async def test_a_fold_whose_events_are_missing_ends() -> None:
    log = await filled([make_created(), *[make_output()] * 5], keep=2)
    log._sessions[SESSION].snapshot = None

    with pytest.raises(SessionQuarantined):
        await module.fold(log, SESSION)
