"""What is done to every server, in the words of the load client: client/sseload.c explains its options."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

REPLAYED_EVENTS = 100_000
PROBE = "/api/sessions"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A load; *figure* is the member of a result that the ratio to the old design is taken of."""

    title: str
    options: Mapping[str, object]
    figure: Literal["perCpuSecond", "connectSeconds"] = "perCpuSecond"
    towpath_only: bool = False


def _throughput(streams: int, sessions: int, *, batch: int, window: int, burst: int = 1) -> dict[str, object]:
    load = {"streams": streams, "sessions": sessions, "batch": batch, "window": window, "burst": burst}
    return {"mode": "throughput", **load}


def _paced(sessions: int, **more: object) -> dict[str, object]:
    return {"mode": "paced", "streams": sessions, "sessions": sessions, "rate": 5000, **more}


SCENARIOS = {
    "A1": Scenario(
        title="one session, 100 streams, one event at a time",
        options=_throughput(100, 1, batch=500, window=250),
    ),
    "A20": Scenario(
        title="one session, 100 streams, 20 events at a time",
        options=_throughput(100, 1, batch=500, window=250, burst=20),
    ),
    "B1": Scenario(title="1,000 sessions, a stream each", options=_throughput(1000, 1000, batch=5000, window=2500)),
    "B5": Scenario(title="5,000 sessions, a stream each", options=_throughput(5000, 5000, batch=5000, window=5000)),
    "D": Scenario(
        title="10,000 idle streams on 100 sessions, then one event to each",
        options={"mode": "idle", "streams": 10_000, "sessions": 100, "settle": 2},
        figure="connectSeconds",
    ),
    "E": Scenario(title="100 sessions, a stream each, 50 events a second each", options=_paced(100)),
    "P": Scenario(
        title="1,000 sessions, a stream each, 5 events a second each, and a probe",
        options=_paced(1000, probe=PROBE),
        towpath_only=True,
    ),
    "R": Scenario(
        title=f"replay of {REPLAYED_EVENTS:,} events by one client, and a probe",
        options={"mode": "replay", "after": "0", "events": REPLAYED_EVENTS, "probe": PROBE},
        towpath_only=True,
    ),
}
