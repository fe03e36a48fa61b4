"""Everything put together, from the lock on the data directory to the last closed connection."""

import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import anyio

from api.alarms import Alarms
from api.app import create_app
from api.gates import LOGIN_PATH
from api.http_protocol import ConnectionLimits
from api.legacy.policy import CHAT_PATH, Legacy
from api.logs import configure_logs
from api.metrics import Metrics
from api.server import Server, listen
from api.services import Services
from api.settings import Settings
from api.streams import Streams
from api.terminal_sources import TerminalSources
from api.version import VERSION
from api.waiting import Waiting
from api.wiring import Core, announce_server, hold_data_dir, open_core
from contracts.views import LoginCode
from domain.access import OWNER
from domain.receipts import Receipts
from domain.uploads import Uploads

LOGIN_BYTES = 4096
"""The one body that is read of strangers; a code or a token fits in, however it is escaped."""
UPLOAD_PATH = "/api/blobs"
UPLOAD_OVERHEAD_BYTES = 8192
"""What stands around a body in base64: its name, its media type."""
Ready = Callable[[LoginCode], None]


def serve(settings: Settings, on_ready: Ready) -> None:
    """Serve until a signal ends it; *on_ready* gets the owner's login URL once requests are answered.

    Raises StartRefused, LogUnavailable; SystemExit with a status that is not 0 when the server failed.
    """
    configure_logs(settings.log_level, stream=sys.stderr)
    collect_rarely()
    with hold_data_dir(settings) as data_dir:
        announce = partial(announce_server, data_dir, version=VERSION)
        core = open_core(settings, data_dir)
        try:
            anyio.run(partial(_serve, settings, core, announce, on_ready), backend_options={"use_uvloop": True})
        except BaseExceptionGroup as group:  # each task group on the way out has wrapped it once
            error = _alone(group)
            raise error from error.__cause__


def _alone(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


async def _serve(
    settings: Settings,
    opened: AbstractAsyncContextManager[Core],
    announce: Callable[[str, int], None],
    on_ready: Ready,
) -> None:
    listener = listen(settings.host, settings.port)
    async with opened as core, open_services(core, settings) as services:

        def on_listening(host: str, port: int) -> None:
            announce(host, port)
            on_ready(core.doorkeeper.make_code(OWNER, peer="console"))

        server = Server(
            create_app(services, settings, port=settings.port),
            listener=listener,
            limits=connection_limits(settings),
            drain=services.streams.drain,
            on_listening=on_listening,
        )
        await server.serve()


@asynccontextmanager
async def open_services(core: Core, settings: Settings) -> AsyncIterator[Services]:
    """Add to the core what only HTTP needs."""
    streams = Streams(
        log=core.log,
        clock=core.clock,
        heartbeat_seconds=settings.heartbeat_seconds,
        most=settings.streams,
        most_per_token=settings.streams_per_token,
        version=VERSION,
    )
    legacy = Legacy(mode=settings.legacy, sunset=settings.legacy_sunset, clock=core.clock)
    waiting = Waiting(log=core.log, reading=core.reading, clock=core.clock)
    terminal_sources = TerminalSources(terminals=core.terminals, screens=core.screens, resets=streams.resets)
    alarms = Alarms(log=core.log, streams=streams, waiting=waiting, machine=core.machine)
    core.credentials.on_revoked(streams.revoke)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(streams.sweep)
        tasks.start_soon(waiting.follow)
        tasks.start_soon(alarms.watch)
        yield Services(
            live=core.sessions,
            reading=core.reading,
            contexts=core.contexts,
            copies=core.copies,
            projects=core.projects,
            places=core.places,
            plans=core.plans,
            exports=core.exports,
            streams=streams,
            launcher=core.launcher,
            legacy=legacy,
            metrics=Metrics(
                log=core.log,
                sessions=core.sessions,
                streams=streams,
                waiting=waiting,
                legacy=legacy,
                machine=core.machine,
                alarms=alarms,
                terminals=terminal_sources,
                clock=core.clock,
            ),
            doorkeeper=core.doorkeeper,
            approvals=core.approvals,
            rules=core.rules,
            audit=core.audit,
            receipts=Receipts(log=core.log, clock=core.clock),
            terminals=core.terminals,
            terminal_sources=terminal_sources,
            screens=core.screens,
            uploads=Uploads(
                log=core.log,
                clock=core.clock,
                most_bytes=settings.blob_bytes,
                room_bytes=settings.uploads_bytes,
            ),
        )
        tasks.cancel_scope.cancel()


def collect_rarely() -> None:
    """Let the cyclic garbage collector run seldom: all that the hot paths make is freed by counting references.

    With Python's own thresholds it took 40 % of the time at 5,000 sessions with a stream each.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return what the raw connection enforces of the settings."""
    return ConnectionLimits(
        header_bytes=settings.header_bytes,
        header_seconds=settings.header_seconds,
        body_bytes=settings.body_bytes,
        body_bytes_at={LOGIN_PATH: LOGIN_BYTES, UPLOAD_PATH: settings.blob_bytes * 4 // 3 + UPLOAD_OVERHEAD_BYTES},
        body_seconds=settings.body_seconds,
        connections=settings.connections + settings.streams,
        websocket_paths=frozenset({CHAT_PATH}),
    )
