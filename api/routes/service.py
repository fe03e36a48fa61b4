"""The server itself: health, metrics."""

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from api.openapi import PUBLIC
from api.services import Services
from contracts import views


class Service(Controller):
    """Whether the server is well, and what it has done."""

    tags = ("service",)

    @get("/healthz", operation_id="getHealth", security=PUBLIC)
    async def get_health(self) -> views.Health:
        """Answer while the process lives."""
        return views.Health()

    @get("/readyz", operation_id="getReadiness", security=PUBLIC)
    async def get_readiness(self) -> views.Health:
        """Answer once the log is open and what a crash left is put right: nothing is served before that."""
        return views.Health()

    @get("/metrics", operation_id="getMetrics", media_type="text/plain")
    async def get_metrics(self, services: NamedDependency[Services]) -> Response[bytes]:
        """Return the metrics in Prometheus' text format."""
        return Response(services.metrics.text(), media_type=services.metrics.MEDIA_TYPE)

    @get("/api/debug/metrics", operation_id="getDebugMetrics")
    async def get_debug_metrics(self, services: NamedDependency[Services]) -> views.DebugMetrics:
        """Return the counts since the server started."""
        return services.metrics.view()
