"""What handlers work with."""

from typing import NamedTuple

from api.metrics import Metrics
from api.streams import Streams
from domain.doorkeeper import Doorkeeper
from domain.ports import AgentLauncher, Audit
from domain.reading import Reading
from domain.sessions import Sessions


class Services(NamedTuple):
    """All use cases in one dependency: Litestar opens a task group for each request that has several."""

    live: Sessions
    reading: Reading
    streams: Streams
    launcher: AgentLauncher
    metrics: Metrics
    doorkeeper: Doorkeeper
    audit: Audit
