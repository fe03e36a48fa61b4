"""What live readers need of the log, in memory: the newest events of each session, and who waits for more.

Runs in the event loop alone; asyncio's by nature, since only its call_later joins wakes without a task per watcher.
"""

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from operator import attrgetter

from msgspec import Struct

from domain.errors import CursorExpired
from domain.ids import SessionId
from domain.ports import Batch, Head, Recorded, Take, Wake
from infrastructure.eventlogs.recording import select

# An event's own objects beside its bytes, measured with sys.getsizeof.
EVENT_OVERHEAD = 130
# Writing to one stream takes about 14 µs: so those of one session take a third of the time at most.
WATCHER_SECONDS = 0.000_025

_seq = attrgetter("seq")
_position = attrgetter("position")


class Known(Struct, frozen=True, gc=False):
    """A session's head, the position of its newest event, and that of the last one that was trimmed (or 0)."""

    head: Head
    position: int
    trimmed: int


class _Watcher:
    __slots__ = ("take", "wake")

    def __init__(self, wake: Wake, take: Take | None) -> None:
        self.wake = wake
        self.take = take


class _Watched:
    __slots__ = ("due", "pause", "timer", "watchers")

    def __init__(self) -> None:
        self.watchers: tuple[_Watcher, ...] = ()
        self.pause = 0.0
        self.due = 0.0
        self.timer: asyncio.TimerHandle | None = None


class Watchers:
    """Who is to be woken for which session; `None` stands for the lifecycle of all.

    The first event after a pause wakes at once, and is handed to those who take it. Further wakes within a window,
    which begins at *window_seconds* and grows with the watchers, are joined by one timer per session, so that watchers
    cost nothing while nothing happens.
    """

    def __init__(self, *, window_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._window_seconds = window_seconds
        self._watched: dict[SessionId | None, _Watched] = {}

    def watch(self, session_id: SessionId | None, wake: Wake, take: Take | None = None) -> Callable[[], None]:
        watched = self._watched.get(session_id)
        if watched is None:
            watched = self._watched[session_id] = _Watched()
        own = _Watcher(wake, take)  # the same function may watch twice, and each watch ends by itself
        self._set(watched, (*watched.watchers, own))
        return partial(self._end, session_id, own)

    def count(self, session_id: SessionId) -> int:
        watched = self._watched.get(session_id)
        return len(watched.watchers) if watched else 0

    def notify(self, news: Iterable[tuple[SessionId | None, Sequence[Recorded]]]) -> None:
        """Tell of one commit's sessions and their events, all of them or none."""
        now = self._loop.time()
        for session_id, events in news:
            watched = self._watched.get(session_id)
            if watched is None or watched.timer is not None:
                continue
            if now >= watched.due:
                self._wake(watched, now, Batch(events, events[-1].seq, True) if events else None)
            else:
                watched.timer = self._loop.call_at(watched.due, self._wake_late, watched)

    def _wake_late(self, watched: _Watched) -> None:
        watched.timer = None
        self._wake(watched, self._loop.time(), None)

    def _wake(self, watched: _Watched, now: float, news: Batch | None) -> None:
        watched.due = now + watched.pause
        for watcher in watched.watchers:
            if news is None or watcher.take is None or not watcher.take(news):
                watcher.wake()

    def _set(self, watched: _Watched, watchers: tuple[_Watcher, ...]) -> None:
        watched.watchers = watchers
        watched.pause = self._window_seconds + WATCHER_SECONDS * len(watchers)

    def _end(self, session_id: SessionId | None, own: _Watcher) -> None:
        watched = self._watched.get(session_id)
        if watched is None:
            return
        self._set(watched, tuple([watcher for watcher in watched.watchers if watcher is not own]))
        if not watched.watchers:
            del self._watched[session_id]
            if watched.timer is not None:
                watched.timer.cancel()


class Tail:
    """The newest events of one session, and what is known of it.

    While ``known`` is set, ``events`` are the last ones up to its head, without a gap, and hold every event that is
    kept and has a position after ``floor``.
    """

    __slots__ = ("events", "floor", "known", "memo", "size")

    def __init__(self) -> None:
        self.known: Known | None = None
        self.events: list[Recorded] = []
        self.floor = 0
        self.size = 0
        self.memo: tuple[tuple[object, ...], Batch] | None = None

    def extend(self, events: Sequence[Recorded]) -> None:
        self.events += events
        self.size += sum([len(event.data) for event in events]) + EVENT_OVERHEAD * len(events)
        self.memo = None

    def drop(self, count: int) -> None:
        dropped = self.events[:count]
        del self.events[:count]
        self.size -= sum([len(event.data) for event in dropped]) + EVENT_OVERHEAD * len(dropped)
        if dropped:
            self.floor = dropped[-1].position
        self.memo = None

    def shrink(self, size: int) -> None:
        """Drop the oldest events until *size* bytes are left; at least the newest stays."""
        excess, count = self.size - size, 0
        while excess > 0 and count < len(self.events) - 1:
            excess -= len(self.events[count].data) + EVENT_OVERHEAD
            count += 1
        self.drop(count)

    def read(self, known: Known, after: int, limit: int, types: Collection[str] | None) -> Batch | None:
        """Return what `EventLog.read` does, or `None` where the store must be asked."""
        head = known.head
        if after < head.earliest:
            raise CursorExpired(head.earliest)
        if after >= head.seq:
            return Batch((), after, True)
        start = after + 1 - self.events[0].seq if self.events else -1
        return None if start < 0 else self._batch(start, head.seq, limit, types, _seq)

    def read_position(self, after: int, limit: int, types: Collection[str] | None, upto: int) -> Batch:
        """Return the events after a position, which is not before ``floor``; the log is at *upto*."""
        start = bisect_right(self.events, after, key=_position)
        if start == len(self.events):
            return Batch((), max(after, upto), True)
        return self._batch(start, upto, limit, types, _position)

    def since(self, after: int) -> Sequence[Recorded]:
        """Return the events after a position, which is not before ``floor``."""
        return self.events[bisect_right(self.events, after, key=_position) :]

    def _batch(
        self, start: int, upto: int, limit: int, types: Collection[str] | None, place: Callable[[Recorded], int]
    ) -> Batch:
        """Make a batch once for all who read from the same event on."""
        key = (start, limit, types)
        if self.memo is None or self.memo[0] != key:
            events, complete = select(self.events, start, limit, types)
            self.memo = key, Batch(events, upto if complete else place(events[-1]), complete)
        return self.memo[1]


class Tails:
    """The tails of all sessions that are watched or were written lately, bounded in bytes each and together."""

    def __init__(self, *, session_bytes: int, total_bytes: int) -> None:
        self._session_bytes = session_bytes
        self._total_bytes = total_bytes
        self._tails: dict[SessionId, Tail] = {}
        self._filled: OrderedDict[SessionId, Tail] = OrderedDict()  # those that hold events, the last written last
        self._kept: set[SessionId] = set()
        self._size = 0

    def keep(self, session_id: SessionId) -> None:
        """Remember what is learned of this session, until `release`."""
        self._kept.add(session_id)
        self._tails.setdefault(session_id, Tail())

    def release(self, session_id: SessionId) -> None:
        self._kept.discard(session_id)
        if session_id not in self._filled:
            self._tails.pop(session_id, None)

    def get(self, session_id: SessionId) -> tuple[Tail, Known] | None:
        tail = self._tails.get(session_id)
        return None if tail is None or tail.known is None else (tail, tail.known)

    def unknown(self, session_id: SessionId) -> Tail | None:
        """Return the tail that waits to be told of its session, to take before the store is asked.

        What the store says goes to `learn` with it: a tail made meanwhile has missed what was committed since.
        """
        tail = self._tails.get(session_id)
        return tail if tail is not None and tail.known is None else None

    @staticmethod
    def learn(tail: Tail | None, known: Known) -> None:
        """Take what the store said, unless a commit has told newer things since the question."""
        if tail is not None and tail.known is None:
            tail.known = known
            tail.floor = known.position

    def extend(self, session_id: SessionId, known: Known, floor: int, events: Sequence[Recorded]) -> None:
        """Take a commit's *events*; *floor* is the position of the session's last event before them."""
        tail = self._tails.get(session_id)
        if tail is None:
            tail = self._tails[session_id] = Tail()
        before = tail.size
        if not tail.events:
            tail.floor = floor
        tail.known = known
        tail.extend(events)
        if known.head.earliest:
            self._drop_expired(tail, known)
        if tail.size > self._session_bytes:
            tail.shrink(self._session_bytes * 3 // 4)  # not event by event: each drop moves the rest
        self._filled[session_id] = tail
        self._filled.move_to_end(session_id)
        self._size += tail.size - before
        while self._size > self._total_bytes and len(self._filled) > 1:
            self._strip(next(iter(self._filled)))

    def update(self, session_id: SessionId, known: Known) -> None:
        """Take a change that brought no events."""
        tail = self._tails.get(session_id)
        if tail is not None:
            before = tail.size
            tail.known = known
            self._drop_expired(tail, known)
            self._size += tail.size - before

    def forget(self, session_id: SessionId) -> None:
        self._strip(session_id)
        if session_id in self._kept:
            self._tails[session_id] = Tail()

    @staticmethod
    def _drop_expired(tail: Tail, known: Known) -> None:
        if tail.events and tail.events[0].seq <= known.head.earliest:
            floor = tail.floor
            tail.drop(known.head.earliest + 1 - tail.events[0].seq)
            tail.floor = floor  # what is gone from the store too is not missing here

    def _strip(self, session_id: SessionId) -> None:
        tail = self._filled.pop(session_id, None)
        if tail is not None:
            self._size -= tail.size
            tail.drop(len(tail.events))
        if session_id not in self._kept:
            self._tails.pop(session_id, None)
