"""What stays in memory, and how much."""

from contracts.events import SYSTEM_SESSION_ID
from domain.ids import Epoch, SessionId
from domain.ports import Head, Recorded
from infrastructure.eventlogs.tail import EVENT_OVERHEAD, Known, Tails
from tests.eventlogs.stage import A, B, C

EVENT_BYTES = 100


class Publisher:
    """Tells the tails of commits as the writer would."""

    def __init__(self, tails: Tails) -> None:
        self.tails = tails
        self.seqs: dict[SessionId, int] = {}
        self.position = 0

    def commit(self, session_id: SessionId, count: int = 1) -> None:
        floor, seq = self.position, self.seqs.get(session_id, 0)
        events = [
            Recorded(session_id, seq + number, floor + number, "session-output", b"x" * EVENT_BYTES)
            for number in range(1, count + 1)
        ]
        self.position += count
        self.seqs[session_id] = seq + count
        self.tails.extend(session_id, self.known(session_id), floor, events)

    def known(self, session_id: SessionId) -> Known:
        return Known(Head(Epoch("epoch"), self.seqs[session_id], 0, None), self.position, 0)


def make_tails(*, session_events: int, total_events: int) -> tuple[Tails, Publisher]:
    size = EVENT_BYTES + EVENT_OVERHEAD
    tails = Tails(session_bytes=session_events * size, total_bytes=total_events * size)
    return tails, Publisher(tails)


def held(tails: Tails, session_id: SessionId) -> int | None:
    found = tails.get(session_id)
    return None if found is None else len(found[0].events)


def test_a_session_holds_no_more_than_its_share() -> None:
    tails, publisher = make_tails(session_events=10, total_events=1_000)

    for _ in range(50):
        publisher.commit(A, 3)

    assert 7 <= (held(tails, A) or 0) <= 10
    tail, known = tails.get(A) or (None, None)
    assert tail is not None
    assert known is not None
    assert tail.read(known, 0, 5, None) is None
    batch = tail.read(known, 147, 5, None)
    assert batch is not None
    assert [event.seq for event in batch.events] == [148, 149, 150]
    assert tail.floor == 150 - len(tail.events)


def test_of_all_sessions_the_least_lately_written_is_dropped_first() -> None:
    tails, publisher = make_tails(session_events=10, total_events=16)

    for session_id in (A, B, A, C, A):
        publisher.commit(session_id, 5)

    assert [held(tails, one) for one in (A, B, C)] == [7, None, 5]


def test_a_watched_session_is_still_known_when_its_events_are_dropped() -> None:
    tails, publisher = make_tails(session_events=10, total_events=10)
    tails.keep(A)
    publisher.commit(A, 5)

    publisher.commit(B, 8)

    assert [held(tails, one) for one in (A, B)] == [0, 8]
    tails.release(A)
    assert held(tails, A) is None


def test_many_sessions_that_come_and_go_leave_nothing() -> None:
    tails, publisher = make_tails(session_events=10, total_events=50)
    for number in range(500):
        session_id = SessionId(f"session_{number}")
        tails.keep(session_id)
        publisher.commit(session_id, 7)
        tails.release(session_id)

    assert len(tails._tails) == len(tails._filled) <= 8
    assert not tails._kept
    for number in range(500):
        tails.forget(SessionId(f"session_{number}"))
    assert not tails._tails
    assert tails._size == 0


def test_an_answer_that_was_asked_for_before_a_watch_began_is_not_taken() -> None:
    tails, publisher = make_tails(session_events=10, total_events=50)
    session_id = SessionId(SYSTEM_SESSION_ID)
    publisher.seqs[session_id] = 3
    stale = publisher.known(session_id)
    asked_before = tails.unknown(session_id)
    tails.keep(session_id)

    tails.learn(asked_before, stale)
    unlearned = tails.get(session_id)
    tails.learn(tails.unknown(session_id), stale)

    assert unlearned is None
    assert held(tails, session_id) == 0
