"""Who is woken, when, and how often."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest
from anyio import Event, create_task_group, fail_after
from anyio.lowlevel import checkpoint

from contracts.events import SessionStatus
from domain.ports import Batch, EventLog
from tests.eventlogs.stage import A, B, created, opened

WINDOW_SECONDS = 0.05


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    with fail_after(30):
        async with opened(request.param, tmp_path, window_seconds=WINDOW_SECONDS) as made:
            yield made


class Bell:
    """Counts wakes, and lets a test wait for the next."""

    def __init__(self) -> None:
        self.rung = 0
        self._event = Event()

    def __call__(self) -> None:
        self.rung += 1
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        self._event = Event()


async def test_the_first_event_wakes_at_once(log: EventLog) -> None:
    owner = await created(log, A)
    bell = Bell()
    log.watch(A, bell)

    await owner.write("x")
    await checkpoint()

    assert bell.rung == 1


async def test_wakes_that_come_fast_are_joined_and_none_is_missed(log: EventLog) -> None:
    owner = await created(log, A)
    bell = Bell()
    log.watch(A, bell)
    for _ in range(50):
        await owner.write("x")
    rung_in_between = bell.rung

    after = 1
    while after < 51:
        batch = await log.read(A, after=after, limit=100)
        after = batch.upto
        if not batch.events:
            await bell.wait()

    await anyio.sleep(3 * WINDOW_SECONDS)
    assert rung_in_between < 25
    assert 2 <= bell.rung < 30
    assert bell.rung >= rung_in_between


async def test_only_the_watched_session_wakes(log: EventLog) -> None:
    first, second = await created(log, A), await created(log, B)
    bells = Bell(), Bell()
    log.watch(A, bells[0])
    log.watch(B, bells[1])

    await first.write("x")
    await checkpoint()

    assert [bell.rung for bell in bells] == [1, 0]
    await second.write("x")
    await checkpoint()
    assert [bell.rung for bell in bells] == [1, 1]


async def test_a_session_may_be_watched_before_it_is(log: EventLog) -> None:
    bell = Bell()
    log.watch(A, bell)

    await created(log, A)
    await bell.wait()

    assert (await log.head(A)).seq == 1


async def test_lifecycle_watchers_sleep_through_output(log: EventLog) -> None:
    owner = await created(log, A)
    bell = Bell()
    await anyio.sleep(WINDOW_SECONDS)
    log.watch(None, bell)

    await owner.write("x")
    await checkpoint()
    quiet = bell.rung
    await owner.append(SessionStatus(status="idle"))
    await checkpoint()

    assert (quiet, bell.rung) == (0, 1)


async def test_an_ended_watch_is_over_and_the_others_go_on(log: EventLog) -> None:
    owner = await created(log, A)
    bell = Bell()
    ends = [log.watch(A, bell) for _ in range(3)]  # the same function thrice

    assert log.watchers(A) == 3
    ends[0]()
    ends[0]()
    assert log.watchers(A) == 2
    await owner.write("x")
    await checkpoint()
    assert bell.rung == 2
    ends[1]()
    ends[2]()
    assert log.watchers(A) == 0
    await owner.write("x")
    await anyio.sleep(2 * WINDOW_SECONDS)
    assert bell.rung == 2


async def test_a_watch_may_end_while_it_is_woken(log: EventLog) -> None:
    owner = await created(log, A)
    bell = Bell()
    ends: list[Callable[[], None]] = []

    def end_all() -> None:
        for end in ends:
            end()

    ends += [log.watch(A, end_all), log.watch(A, bell)]

    await owner.write("x")

    assert log.watchers(A) == 0


async def test_a_reader_that_looks_when_woken_misses_nothing(log: EventLog) -> None:
    owner = await created(log, A)
    seen: list[int] = []

    async def follow() -> None:
        bell, after = Bell(), 0
        end = log.watch(A, bell)
        while after < 400:
            batch = await log.read(A, after=after, limit=16)
            seen.extend(event.seq for event in batch.events)
            after = batch.upto
            if not batch.events:
                await bell.wait()
        end()

    async with create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(follow)
        for number in range(399):
            pending = owner.write(str(number))
            if number % 7 == 0:
                await pending

    assert sorted(seen) == sorted([*range(1, 401)] * 3)


async def test_a_watcher_may_take_what_a_commit_brought(log: EventLog) -> None:
    owner = await created(log, A)
    bell = Bell()
    taken: list[Batch] = []

    def take(batch: Batch) -> bool:
        taken.append(batch)
        return len(taken) == 1

    log.watch(A, bell, take)

    await owner.write("x", "y")
    await checkpoint()

    assert [event.seq for event in taken[0].events] == [2, 3]
    assert (taken[0].upto, taken[0].complete) == (3, True)
    assert bell.rung == 0

    await anyio.sleep(WINDOW_SECONDS)
    await owner.write("z")
    await bell.wait()

    assert [event.seq for event in taken[-1].events] == [4]


async def test_joined_wakes_hand_over_nothing(log: EventLog) -> None:
    owner = await created(log, A)
    bell = Bell()
    taken: list[Batch] = []

    def take(batch: Batch) -> bool:
        taken.append(batch)
        return True

    log.watch(A, bell, take)
    for _ in range(3):
        await owner.write("x")

    await bell.wait()

    assert [event.seq for batch in taken for event in batch.events] == [2]
