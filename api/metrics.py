"""What operators watch. Everything is read when it is asked for: counting costs the streams nothing."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from api.legacy.policy import Legacy
from api.streams import Streams
from contracts import views
from domain.ports import Clock, EventLog
from domain.sessions import Sessions


class Metrics(Collector):
    """The server's counts and gauges, for Prometheus and as JSON."""

    MEDIA_TYPE = "text/plain; version=1.0.0"  # Litestar adds the charset to every text

    def __init__(self, *, log: EventLog, sessions: Sessions, streams: Streams, legacy: Legacy, clock: Clock) -> None:
        self._log = log
        self._sessions = sessions
        self._streams = streams
        self._legacy = legacy
        self._clock = clock
        self._started_at = clock.now()
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    @override
    def collect(self) -> Iterator[Metric]:
        recorded = CounterMetricFamily("towpath_events", "Events recorded since the start.", labels=["type"])
        for type_, count in self._log.counts.items():
            recorded.add_metric([type_], count)
        yield recorded
        yield GaugeMetricFamily("towpath_streams", "Open event streams.", value=len(self._streams))
        yield GaugeMetricFamily("towpath_sessions_active", "Sessions at work.", value=self._sessions.active)
        yield from self._of_legacy()

    def _of_legacy(self) -> Iterator[Metric]:
        labels = ["use", "client"]
        uses = CounterMetricFamily("towpath_legacy_uses", "Calls at the old server's addresses.", labels=labels)
        last = GaugeMetricFamily(
            "towpath_legacy_last_use_timestamp_seconds", "When the last of them came, Unix time.", labels=labels
        )
        for (use, kind), count in self._legacy.uses.items():
            uses.add_metric([use, kind], count)
            last.add_metric([use, kind], self._legacy.last_use[use, kind] / 1000)
        sockets = GaugeMetricFamily("towpath_legacy_sockets", "Open sockets of old clients.", labels=["client"])
        for kind, count in self._legacy.open.items():
            sockets.add_metric([kind], count)
        messages = CounterMetricFamily("towpath_legacy_messages", "Messages of old clients.", labels=["type"])
        for type_, count in self._legacy.messages.items():
            messages.add_metric([type_], count)
        yield from (uses, last, sockets, messages)

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
