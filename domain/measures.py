"""Counts that cost next to nothing to keep, for whoever watches the server."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
EVENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
LONG_SECONDS = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)


class Histogram:
    """How many observations lie at or below each of ascending *bounds*, and how many in all."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def above(self, bound: float) -> int:
        """Return how many observations lie above one of the bounds."""
        return sum(self.counts[bisect_left(self.bounds, bound) + 1 :])


class LogMeasures:
    """How a log does beside what it holds.

    ``latency``: seconds from an append to its end, for one append at a time. ``batch``: events of each commit that
    holds some. ``failures``: appends that failed, by the error's class. ``quarantined``: sessions that are not served.
    """

    def __init__(self) -> None:
        self.latency = Histogram(SECONDS)
        self.batch = Histogram(EVENTS)
        self.failures: Counter[type[Exception]] = Counter()
        self.quarantined = 0
