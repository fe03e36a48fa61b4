"""What operators watch. Everything is read when it is asked for: counting costs the streams nothing."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from math import inf
from typing import get_args

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from api.alarms import CONDITIONS, Alarms
from api.legacy.policy import Legacy
from api.problems import TABLE
from api.streams import Ending, Streams
from api.terminal_sources import TerminalSources
from api.waiting import OUTCOMES, Waiting
from contracts import views
from contracts.events import StopReason, StreamReset
from domain.measures import Histogram
from domain.ports import Clock, EventLog, Machine
from domain.sessions import Sessions

_RESETS = get_args(StreamReset.__annotations__["reason"])


class Metrics(Collector):
    """The server's counts and gauges, for Prometheus and as JSON. docs/metrics.md says what each is good for."""

    MEDIA_TYPE = "text/plain; version=1.0.0"  # Litestar adds the charset to every text

    def __init__(  # noqa: PLR0913 - figures come from everywhere
        self,
        *,
        log: EventLog,
        sessions: Sessions,
        streams: Streams,
        waiting: Waiting,
        legacy: Legacy,
        machine: Machine,
        alarms: Alarms,
        terminals: TerminalSources,
        clock: Clock,
    ) -> None:
        self._log = log
        self._sessions = sessions
        self._streams = streams
        self._waiting = waiting
        self._legacy = legacy
        self._machine = machine
        self._alarms = alarms
        self._terminals = terminals
        self._clock = clock
        self._started_at = clock.now()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    @override
    def collect(self) -> Iterator[Metric]:
        yield from self._of_log()
        yield from self._of_sessions()
        yield from self._of_streams()
        yield from self._of_terminals()
        yield from self._of_legacy()
        holding = {name: name in self._alarms.holding for name in CONDITIONS}
        yield _gauges("towpath_alarm", "Whether a condition holds that is worth waking somebody.", "condition", holding)

    def _of_log(self) -> Iterator[Metric]:
        measures, usage = self._log.measures, self._machine.usage()
        yield _counts("towpath_events", "Events recorded since the start.", "type", self._log.counts)
        yield _histogram("towpath_append_seconds", "From an append to its end, for one at a time.", measures.latency)
        yield _histogram("towpath_commit_events", "Events that one commit holds.", measures.batch)
        failures = {TABLE[kind][1] if kind in TABLE else kind.__name__: n for kind, n in measures.failures.items()}
        yield _counts("towpath_append_failures", "Appends that failed.", "code", failures)
        yield _gauge("towpath_sessions_quarantined", "Damaged sessions, which are not served.", measures.quarantined)
        yield _gauge("towpath_log_bytes", "The log's files.", usage.log_bytes)
        yield _gauge("towpath_disk_bytes", "The disk that holds the log.", usage.disk_bytes)
        yield _gauge("towpath_disk_free_bytes", "What is free of it.", usage.disk_free_bytes)
        yield _gauge("towpath_processes", "Supervised commands, with all that each started.", usage.processes)
        yield CounterMetricFamily("towpath_processes_unended", "Commands that could not be killed.", usage.unended)

    def _of_sessions(self) -> Iterator[Metric]:
        yield _gauge("towpath_sessions_active", "Sessions at work.", self._sessions.active)
        outcomes = dict.fromkeys(get_args(StopReason), 0) | self._sessions.outcomes
        yield _counts("towpath_turns", "Turns that ended, by how.", "outcome", outcomes)
        answers = dict.fromkeys(OUTCOMES, 0) | self._waiting.outcomes
        yield _counts("towpath_approvals", "Questions that ended, by how.", "outcome", answers)
        yield _histogram("towpath_approval_answer_seconds", "From a question to its answer.", self._waiting.answered)
        yield _gauge("towpath_approvals_pending", "Questions that are open.", len(self._waiting))
        oldest = self._waiting.oldest_seconds
        yield _gauge("towpath_approvals_pending_oldest_seconds", "How long the oldest has been open.", oldest)

    def _of_streams(self) -> Iterator[Metric]:
        yield _gauge("towpath_streams", "Open event streams, old clients' sockets among them.", len(self._streams))
        lag = self._streams.lag()
        yield _gauge("towpath_stream_lag_seconds", "How long the stream that is furthest behind has been so.", lag)
        resets = dict.fromkeys(_RESETS, 0) | self._streams.resets
        yield _counts("towpath_stream_resets", "Streams that could not go on where a client was.", "reason", resets)
        endings = dict.fromkeys(get_args(Ending), 0) | self._streams.endings
        yield _counts("towpath_stream_endings", "Streams that the server ended, or turned away.", "reason", endings)

    def _of_terminals(self) -> Iterator[Metric]:
        sources = self._terminals
        yield _gauge("towpath_terminals", "Terminals whose program runs.", sources.terminals.running)
        yield CounterMetricFamily("towpath_terminal_inputs", "Inputs that were typed.", sources.terminals.inputs)
        yield CounterMetricFamily("towpath_terminal_sent_bytes", "Output sent on streams.", sources.bytes_sent)

    def _of_legacy(self) -> Iterator[Metric]:
        labels = ["use", "client"]
        uses = CounterMetricFamily("towpath_legacy_uses", "Calls at the old server's addresses.", labels=labels)
        last = GaugeMetricFamily(
            "towpath_legacy_last_use_timestamp_seconds", "When the last of them came, Unix time.", labels=labels
        )
        for (use, kind), count in self._legacy.uses.items():
            uses.add_metric([use, kind], count)
            last.add_metric([use, kind], self._legacy.last_use[use, kind] / 1000)
        yield uses
        yield last
        yield _gauges("towpath_legacy_sockets", "Open sockets of old clients.", "client", self._legacy.open)
        yield _counts("towpath_legacy_messages", "Messages of old clients.", "type", self._legacy.messages)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def view(self) -> views.DebugMetrics:
        """Return the counts for the debug route."""
        by_type = dict(self._log.counts)
        return views.DebugMetrics(
            events_emitted=sum(by_type.values()),
            events_by_type=by_type,
            subscribers=len(self._streams),
            connections=len(self._streams),
            active_sessions=self._sessions.active,
            uptime=self._clock.now() - self._started_at,
        )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _counts(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, count in counts.items():
        family.add_metric([key], count)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    bounds: Iterable[float] = (*histogram.bounds, inf)
    buckets = [
        ("+Inf" if bound == inf else str(float(bound)), count)
        for bound, count in zip(bounds, accumulate(histogram.counts), strict=True)
    ]
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=histogram.sum)
