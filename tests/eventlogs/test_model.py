"""Any order of appends, reads, trims, deletions and restarts against a model that fits on a page."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from contracts.events import LIFECYCLE_TYPES, SessionDeleted, SessionOutput, SessionStatus
from domain.errors import CursorExpired, SequenceConflict, SessionNotFound
from domain.ids import SessionId
from domain.ports import EventLog, StoredSnapshot
from tests.eventlogs.stage import A, B, C, Owner, opened

T = TypeVar("T")
SESSIONS = (A, B, C)
sessions = st.sampled_from(SESSIONS)
cursors = st.integers(min_value=0, max_value=40)
limits = st.integers(min_value=1, max_value=9)
texts = st.lists(st.text(max_size=5), max_size=6)
filters = st.sampled_from([None, {"session-output"}, {"session-status", "session-created"}, {"turn-started"}])


class Log:
    """What should be there: the types of a session's events by seq, and those that are gone."""

    def __init__(self) -> None:
        self.types: list[str] = []
        self.earliest = 0
        self.deleted = False


class EventLogMachine(RuleBasedStateMachine):
    kind: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.directory = TemporaryDirectory()
        self.expected: dict[SessionId, Log] = {}
        self.owners: dict[SessionId, Owner] = {}
        self.order: list[tuple[SessionId, int]] = []
        self.woken: set[SessionId] = set()
        self.open()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 20))

    def open(self) -> None:
        async def enter() -> tuple[EventLog, AsyncExitStack]:
            stack = AsyncExitStack()
            log = await stack.enter_async_context(opened(self.kind, Path(self.directory.name), **self.options))
            return log, stack

        self.log, self.stack = self.run(enter())
        for owner in self.owners.values():
            owner.log = self.log
        self.ends = [self.log.watch(A, lambda: self.woken.add(A))]

    @override
    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.run(self.stack.aclose())
            self.loop.close()
            self.directory.cleanup()

    def live(self, session_id: SessionId) -> Owner | None:
        log = self.expected.get(session_id)
        return self.owners[session_id] if log and not log.deleted else None

    @rule(
        session_id=sessions, texts=st.lists(st.text(max_size=5), max_size=6), status=st.booleans(), shot=st.booleans()
    )
    def append(self, session_id: SessionId, texts: list[str], *, status: bool, shot: bool) -> None:
        async def work() -> None:
            owner = self.live(session_id)
            if owner is None:
                if session_id in self.expected:
                    return
                owner = self.owners[session_id] = Owner(self.log, session_id)
                self.expected[session_id] = Log()
                owner.create()
                self.expect(session_id, "session-created")
            for text in texts:
                owner.append(SessionOutput(stream="stdout", content=text))
                self.expect(session_id, "session-output")
            events = [SessionStatus(status="idle")] if status else []
            await owner.append(*events, snapshot=b"%d" % (owner.seq + len(events)) if shot else None)
            for _ in events:
                self.expect(session_id, "session-status")

        self.woken.clear()
        before = len(self.order)
        self.run(work())
        self.run(asyncio.sleep(0.003))
        if session_id == A and len(self.order) > before:
            assert A in self.woken

    def expect(self, session_id: SessionId, kind: str) -> None:
        self.expected[session_id].types.append(kind)
        self.order.append((session_id, len(self.expected[session_id].types)))

    @rule(session_id=sessions, off=st.sampled_from([-1, 1, 5]))
    def append_out_of_order(self, session_id: SessionId, off: int) -> None:
        owner = self.live(session_id)
        if owner is None or owner.seq + off <= 0:
            return
        stray = Owner(self.log, session_id, seq=owner.seq + off)

        async def work() -> None:
            try:
                await stray.write("x")
            except SequenceConflict:
                return
            raise AssertionError("the fence let it through")

        self.run(work())

    @rule(session_id=sessions, kept=st.integers(min_value=0, max_value=900), back=st.integers(min_value=0, max_value=3))
    def trim(self, session_id: SessionId, kept: int, back: int) -> None:
        owner = self.live(session_id)
        if owner is None:
            return
        log, seq = self.expected[session_id], max(0, owner.seq - back)
        earliest = self.run(
            self.log.trim(session_id, max_bytes=kept, oldest=0, snapshot=StoredSnapshot(seq, b"%d" % seq))
        )
        assert log.earliest <= earliest <= max(log.earliest, min(seq, owner.seq - 1))
        log.earliest = earliest

    @rule(session_id=sessions)
    def delete(self, session_id: SessionId) -> None:
        owner = self.live(session_id)
        if owner is None:
            return

        async def work() -> None:
            await owner.append(SessionDeleted(), listing=None)

        self.run(work())
        self.expect(session_id, "session-deleted")
        log = self.expected[session_id]
        log.deleted, log.earliest = True, owner.seq - 1

    @rule()
    def forget(self) -> None:
        self.run(self.log.forget(before=2**50))
        for session_id in [one for one, log in self.expected.items() if log.deleted]:
            del self.expected[session_id]
            self.order = [pair for pair in self.order if pair[0] != session_id]

    @precondition(lambda self: self.kind != "memory")
    @rule()
    def reopen(self) -> None:
        position = self.log.position
        self.run(self.stack.aclose())
        self.open()
        assert self.log.position == position

    @rule(session_id=sessions, after=cursors, limit=limits, types=filters)
    def read(self, session_id: SessionId, after: int, limit: int, types: set[str] | None) -> None:
        log = self.expected.get(session_id)
        try:
            batch = self.run(self.log.read(session_id, after=after, limit=limit, types=types))
        except SessionNotFound:
            assert log is None
            return
        except CursorExpired as error:
            assert log is not None
            assert error.earliest == log.earliest > after  # noqa: PT017 - the model says whether it must be raised
            return
        assert log is not None
        assert after >= log.earliest
        wanted = [
            (seq, kind) for seq, kind in enumerate(log.types, 1) if seq > after and (types is None or kind in types)
        ]
        assert [(event.seq, event.type) for event in batch.events] == wanted[:limit]
        looked = wanted[limit - 1][0] if len(wanted) > limit else None
        assert batch.upto == looked or batch.upto >= min(max(after, len(log.types)), wanted[-1][0] if wanted else after)

    @rule(chosen=st.sets(sessions), after=cursors, limit=limits, types=filters, lifecycle=st.booleans())
    def read_all(
        self, chosen: set[SessionId], after: int, limit: int, types: set[str] | None, *, lifecycle: bool
    ) -> None:
        found: list[tuple[SessionId, int]] = []
        options: dict[str, Any] = {"sessions": chosen, "limit": limit, "types": types, "lifecycle": lifecycle}
        whole = after == 0
        while True:
            try:
                batch = self.run(self.log.read_all(after=after, **options))
            except CursorExpired as error:
                assert error.earliest > after  # noqa: PT017 - the log goes on from there
                after, found, whole = error.earliest, [], False
                continue
            found += [(event.session_id, event.seq) for event in batch.events]
            assert sorted({event.position for event in batch.events}) == [event.position for event in batch.events]
            if batch.upto >= self.log.position:
                break
            assert batch.upto > after
            after = batch.upto
        wanted = [
            (one, seq)
            for one, seq in self.order
            if (one in chosen or (lifecycle and self.expected[one].types[seq - 1] in LIFECYCLE_TYPES))
            and seq > self.expected[one].earliest
            and (types is None or self.expected[one].types[seq - 1] in types)
        ]
        if lifecycle:  # what is gone may still be told of by memory
            found = list(dict.fromkeys(pair for pair in found[::-1] if pair in wanted))[::-1]
        assert found == wanted[len(wanted) - len(found) :]
        assert not whole or found == wanted

    @invariant()
    def heads_are_right(self) -> None:
        if not hasattr(self, "stack"):
            return
        for session_id, log in self.expected.items():
            head = self.run(self.log.head(session_id))
            assert (head.seq, head.earliest, head.deleted) == (len(log.types), log.earliest, log.deleted)
            snapshot = self.run(self.log.snapshot(session_id))
            assert snapshot is None or (snapshot.data == b"%d" % snapshot.seq and snapshot.seq >= log.earliest)


class SqliteMachine(EventLogMachine):
    kind = "sqlite"


class TaillessMachine(EventLogMachine):
    kind = "tailless"
    options: ClassVar[dict[str, Any]] = {"tail_bytes": (400, 900), "durability": "process"}


class MemoryMachine(EventLogMachine):
    kind = "memory"


# Each step is a commit or a read of a real file; what fails is kept in hypothesis' own database.
_settings = settings(
    max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
TestMemory = MemoryMachine.TestCase
TestMemory.settings = _settings
TestSqlite = SqliteMachine.TestCase
TestSqlite.settings = _settings
TestTailless = TaillessMachine.TestCase
TestTailless.settings = _settings
