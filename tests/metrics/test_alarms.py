"""Each condition is warned of once, and shown as long as it holds."""

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from api.alarms import AGAIN_SECONDS, CONDITIONS, Alarms
from domain.errors import LogFull, LogUnavailable
from domain.measures import LogMeasures
from domain.ports import Usage

GIB = 1 << 30


class Server:
    """What alarms look at, all of it well."""

    def __init__(self) -> None:
        self.measures = LogMeasures()
        self.endings = {"overload": 0}
        self.oldest_seconds = 0.0
        self.free, self.unended = 10 * GIB, 0

    def __len__(self) -> int:
        return 3

    def usage(self) -> Usage:
        return Usage(log_bytes=1, disk_bytes=100 * GIB, disk_free_bytes=self.free, processes=0, unended=self.unended)


def run_out(server: Server) -> None:
    server.free = GIB // 4


def fill(server: Server) -> None:
    server.measures.failures[LogFull] += 2


def lose(server: Server) -> None:
    server.measures.failures[LogUnavailable] += 1


def slow(server: Server) -> None:
    server.measures.latency.observe(1.5)


def damage(server: Server) -> None:
    server.measures.quarantined = 1


def crowd(server: Server) -> None:
    server.endings["overload"] += 1


def outlive(server: Server) -> None:
    server.unended += 1


def forget(server: Server) -> None:
    server.oldest_seconds = 7200


CAUSES: dict[str, Callable[[Server], None]] = dict(
    zip(CONDITIONS, (run_out, fill, lose, slow, damage, crowd, outlive, forget), strict=True)
)


def alarms_of(server: Any) -> Alarms:
    return Alarms(log=SimpleNamespace(measures=server.measures), streams=server, waiting=server, machine=server)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_server_that_is_well_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    server.measures.latency.observe(0.9)
    alarms = alarms_of(server)

    alarms.look(0)

    assert alarms.holding == {}
    assert warnings(caplog) == []


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_is_warned_of_once_an_hour(condition: str, caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    alarms = alarms_of(server)
    alarms.look(0)

    for now in (10.0, 20.0, 30.0, 10.0 + AGAIN_SECONDS):
        CAUSES[condition](server)
        alarms.look(now)
        assert list(alarms.holding) == [condition]

    first, again = warnings(caplog)
    assert first.startswith(f"{condition}: ")
    assert again.startswith(f"{condition}: ")


@pytest.mark.parametrize("condition", ["log-full", "log-unavailable", "log-slow", "streams-at-the-cap"])
def test_what_has_not_happened_again_is_over(condition: str) -> None:
    server = Server()
    alarms = alarms_of(server)
    CAUSES[condition](server)
    alarms.look(0)

    alarms.look(10)

    assert alarms.holding == {}


def test_a_small_disk_is_held_to_a_part_of_it() -> None:
    server = Server()
    server.free = GIB // 4
    alarms = alarms_of(server)
    server.usage = lambda: Usage(  # type: ignore[method-assign]
        log_bytes=1, disk_bytes=GIB, disk_free_bytes=server.free, processes=0, unended=0
    )

    alarms.look(0)

    assert alarms.holding == {}
