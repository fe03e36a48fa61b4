"""uvicorn's WebSocket protocol (RFC 6455) with limits where it has none: pieces of a message, pings, dead peers.

The size of a message is limited by the server's ``ws_max_size``. Leans on uvicorn 0.54's WebSocketsSansIOProtocol.
"""

from typing import Any

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from api.http_protocol import CONNECTION_EXTENSION

FRAGMENTS = 1024
"""Pieces of one message: empty ones count for nothing against its size."""
LINGER_SECONDS = 3.0
"""What the peer may take for what is still to be sent, and to answer the close."""


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection, from its handshake on."""

    scope: Any  # an ASGI scope, with an extension of ours

    @override
    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][CONNECTION_EXTENSION] = {"abort": self.transport.abort}

    @override
    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:
            return
        if len(self.frames) >= FRAGMENTS:
            self._fail(1008, "too many fragments")
        else:
            super().handle_cont(event)

    @override
    def handle_ping(self) -> None:
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():  # who takes no pong needs no more of them (RFC 6455, 5.5.3)
            self.transport.write(pong)

    @override
    def send_receive_event_to_app(self) -> None:
        try:
            if self.curr_msg_data_type == "text":
                b"".join(self.frames).decode()
        except UnicodeDecodeError:
            self.frames = []
            self._fail(1007, "not UTF-8")
        else:
            super().send_receive_event_to_app()

    @override
    def keepalive_timeout(self) -> None:
        self.transport.abort()

    @override
    def shutdown(self) -> None:
        super().shutdown()
        self._abort_soon()

    @override
    async def run_asgi(self) -> None:
        await super().run_asgi()
        self._abort_soon()

    def _fail(self, code: int, reason: str) -> None:
        if not self.close_sent:
            self.conn.fail(code, reason)
            self.handle_parser_exception()

    def _abort_soon(self) -> None:
        """Do not wait for ever for a peer that takes nothing: to close is to send first what is left."""
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)
