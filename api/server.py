"""The server: binds first, says when it listens, ends its streams before it waits for them, exits with 0."""

import errno
import inspect
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType

import anyio
import uvicorn
from msgspec.structs import replace
from typing_extensions import override

from api.http_protocol import ConnectionLimits, make_protocol
from api.websocket_protocol import LimitedWebSocketProtocol

BACKLOG = 4096
GRACE_SECONDS = 10
WEBSOCKET_BYTES = 1024 * 1024
RESERVED_FILES = 512
"""Open files that are not connections: the log, pipes to agents, terminals."""

if sys.platform != "win32":
    import resource

logger = logging.getLogger(__name__)

_ADVICE = {
    errno.EADDRINUSE: "another program listens there; choose another --port",
    errno.EACCES: "that is not permitted; choose a --port above 1023",
    errno.EADDRNOTAVAIL: "no interface of this machine has that address; choose another --host",
}


class AddressUnavailable(Exception):
    """Nothing can listen on a host and port; the text says why and what to write instead."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on *host* (a name or an address) and *port* (0: any that is free).

    Connections wait in it until a server runs. Raises AddressUnavailable.
    """
    if not 0 <= port <= 65535:  # getaddrinfo takes it modulo 65536
        raise AddressUnavailable(f"{port} is no port; choose another --port, from 0 to 65535.")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        advice = _ADVICE.get(number or 0, f"{error}; choose another --host or --port")
        raise AddressUnavailable(f"Can't listen on {host}, port {port}: {advice}.") from error


class Server(uvicorn.Server):
    """Runs one application until SIGTERM or SIGINT; ``run()`` and ``serve()`` return when all is closed.

    On the first signal it stops listening, calls *drain* (which ends all streams), waits for the connections
    (each at most *grace_seconds*), and shuts the application's lifespan down. A second signal ends the process
    at once, by that signal. *on_listening* gets the host and port once requests are answered.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        *,
        listener: socket.socket,
        limits: ConnectionLimits,
        drain: Callable[[], Awaitable[None] | None],
        on_listening: Callable[[str, int], None],
        grace_seconds: int = GRACE_SECONDS,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                lifespan="on",
                http=make_protocol(_fit_open_files(limits)),
                ws=LimitedWebSocketProtocol,
                ws_max_size=WEBSOCKET_BYTES,
                ws_per_message_deflate=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=grace_seconds,
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
            )
        )
        self._listener = listener
        self._drain = drain
        self._on_listening = on_listening
        self._grace_seconds = grace_seconds

    @override
    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal. Raises SystemExit when the application's start (3) or its end (1) failed."""
        await super().serve(sockets or [self._listener])
        if self.lifespan.should_exit:
            raise SystemExit(1)

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self._listener.getsockname()[:2]
        self._on_listening(host, port)
        _notify(b"READY=1")

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        _notify(b"STOPPING=1")
        for server in self.servers:
            server.close()
        with anyio.move_on_after(self._grace_seconds):
            try:
                if inspect.isawaitable(ending := self._drain()):
                    await ending
            except Exception:
                logger.exception("The streams could not be drained.")
        await super().shutdown(sockets)

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn would note the signal and raise it again after the shutdown, which then looks like a crash.
        if self.should_exit:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self.should_exit = True


def _fit_open_files(limits: ConnectionLimits) -> ConnectionLimits:
    """Lift the soft limit on open files as far as *limits* needs; failing that, return fewer connections.

    The usual soft limit is 1024 (macOS: 256), which the default number of streams would use up.
    """
    if sys.platform == "win32":
        return limits
    wanted = limits.connections + limits.spare_connections + RESERVED_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except (OSError, ValueError):  # macOS has a limit below its "infinity"
        allowed = soft
    if allowed == wanted:
        return limits
    room = max(allowed - RESERVED_FILES, allowed // 2)
    return replace(limits, connections=room - room // 5, spare_connections=room // 5)


def _notify(state: bytes) -> None:
    """Tell the service manager that started us (sd_notify(3)); does nothing where there is none."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(state, "\0" + address[1:] if address.startswith("@") else address)
