"""What is worth waking somebody for: each a warning in the log, once, and a gauge.

A condition is looked at every CHECK_SECONDS, and warned of again when it comes back after AGAIN_SECONDS, or lasts so
long.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator

import anyio

from api.streams import Streams
from api.waiting import Waiting
from domain.errors import LogFull, LogUnavailable
from domain.ports import EventLog, Machine

logger = logging.getLogger(__name__)

CHECK_SECONDS = 10.0
AGAIN_SECONDS = 3600.0
DISK_FREE_BYTES = 512 * 1024 * 1024
DISK_FREE_PART = 0.02
SLOW_APPEND_SECONDS = 1
LONG_WAIT_SECONDS = 3600
_MIB = 1024 * 1024

CONDITIONS = (
    "disk-nearly-full",
    "log-full",
    "log-unavailable",
    "log-slow",
    "session-quarantined",
    "streams-at-the-cap",
    "processes-unended",
    "approval-waits",
)


class Alarms:
    """The conditions that hold, as of the last look."""

    def __init__(self, *, log: EventLog, streams: Streams, waiting: Waiting, machine: Machine) -> None:
        self.holding: dict[str, str] = {}
        self._log = log
        self._streams = streams
        self._waiting = waiting
        self._machine = machine
        self._warned: dict[str, float] = {}
        self._before: Counter[str] = Counter()

    async def watch(self) -> None:
        """Look as long as the server runs."""
        while True:
            self.look(time.monotonic())
            await anyio.sleep(CHECK_SECONDS)

    def look(self, now: float) -> None:
        """Find what holds at *now* (monotonic seconds), and warn of what was not warned of."""
        self.holding = dict(self._conditions())
        for name, text in self.holding.items():
            if now - self._warned.get(name, -AGAIN_SECONDS) >= AGAIN_SECONDS:
                self._warned[name] = now
                logger.warning("%s: %s", name, text)

    def _conditions(self) -> Iterator[tuple[str, str]]:
        usage, measures = self._machine.usage(), self._log.measures
        least = min(DISK_FREE_BYTES, usage.disk_bytes * DISK_FREE_PART)
        if usage.disk_free_bytes < least:
            yield "disk-nearly-full", f"the disk of the log has {usage.disk_free_bytes // _MIB} MiB left"
        if count := self._more("full", measures.failures[LogFull]):
            yield "log-full", f"{count} appends failed since the last look: the disk of the log is full"
        if count := self._more("unavailable", measures.failures[LogUnavailable]):
            yield "log-unavailable", f"{count} appends failed since the last look: the log can't be written"
        if self._more("slow", measures.latency.above(SLOW_APPEND_SECONDS)):
            yield "log-slow", f"to record an event took more than {SLOW_APPEND_SECONDS} s"
        if measures.quarantined:
            yield (
                "session-quarantined",
                f"{measures.quarantined} sessions are damaged and not served; see `towpath doctor`",
            )
        if count := self._more("overload", self._streams.endings["overload"]):
            yield "streams-at-the-cap", f"{count} streams were turned away since the last look: there are enough"
        if count := self._more("unended", usage.unended):
            yield "processes-unended", f"{count} commands could not be killed since the last look"
        if (waited := self._waiting.oldest_seconds) > LONG_WAIT_SECONDS:
            yield "approval-waits", f"a question has been open for {waited / 3600:.1f} h; {len(self._waiting)} are"

    def _more(self, name: str, count: int) -> int:
        """Return by how much a count has grown since the last look."""
        grown = count - self._before[name]
        self._before[name] = count
        return grown
