"""The application: routes, error table, documents, and the gates around all of it."""

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from api.gates import Gates
from api.hosts import HostRules
from api.idempotency import Idempotency
from api.openapi import Documents
from api.parameters import StrictRequest
from api.problems import answer
from api.routes import (
    access,
    agents,
    approvals,
    blobs,
    context,
    copies,
    documents,
    events,
    exports,
    files,
    legacy,
    operations,
    pages,
    projects,
    prompts,
    service,
    sessions,
    terminals,
)
from api.services import Services
from api.settings import Settings
from api.version import VERSION


def create_app(
    services: Services, settings: Settings, *, port: int, routes: tuple[ControllerRouterHandler, ...] = ()
) -> Gates:
    """Return the whole application for a server on *port*, with further *routes* behind the same gates."""
    return Gates(
        Idempotency(
            create_litestar(services, routes),
            receipts=services.receipts,
            reading=services.reading,
            terminals=services.terminals,
        ),
        hosts=HostRules(
            bind_host=settings.host,
            public_urls=settings.public_urls,
            allowed_hosts=settings.allowed_hosts,
            trusted_proxies=settings.trusted_proxies,
        ),
        doorkeeper=services.doorkeeper,
        audit=services.audit,
        port=port,
    )


def create_litestar(services: Services | None = None, routes: tuple[ControllerRouterHandler, ...] = ()) -> Litestar:
    """Return the routes without their gates; without *services* they can be described, but not called."""
    return Litestar(
        [
            sessions.SessionList,
            sessions.OneSession,
            prompts.Prompts,
            operations.Operations,
            copies.Copying,
            *projects.ROUTES,
            files.Files,
            exports.Export,
            context.Context,
            *blobs.ROUTES,
            events.SessionEvents,
            events.StoreEvents,
            terminals.TerminalList,
            terminals.OpenedTerminal,
            terminals.OneTerminal,
            service.Service,
            agents.Agents,
            *access.ROUTES,
            *approvals.ROUTES,
            *legacy.ROUTES,
            *documents.ROUTES,
            *pages.ROUTES,
            *routes,
        ],
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
        exception_handlers={Exception: answer},
        request_class=StrictRequest,
        logging_config=None,  # its own would take the place of api/logs.py
        plugins=[Documents(version=VERSION)],
    )
