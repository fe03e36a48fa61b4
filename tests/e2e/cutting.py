"""A network that cuts connections: a TCP proxy that lets so many bytes of an answer through."""

import socket
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketAttribute, SocketStream

from tests.ports import free_port

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class CuttingProxy:
    """Cuts one connection after the other, as far into its answer as *cuts* says; the later ones it leaves whole."""

    def __init__(self, port: int, cuts: Iterable[int]) -> None:
        self.port = free_port()
        self.connections = 0
        self._target = port
        self._cuts = iter(cuts)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["CuttingProxy"]:
        async with (
            await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self.port) as listener,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(listener.serve, self._pass)
            yield self
            tasks.cancel_scope.cancel()

    async def _pass(self, client: SocketStream) -> None:
        self.connections += 1
        left = next(self._cuts, None)
        async with (
            client,
            await anyio.connect_tcp("127.0.0.1", self._target) as server,
            anyio.create_task_group() as both,
        ):
            both.start_soon(_copy, client, server)
            try:
                async for piece in server:
                    await client.send(piece if left is None else piece[:left])
                    if left is not None and (left := left - len(piece)) <= 0:
                        # every other cut is a reset, not an end
                        if self.connections % 2:
                            raw: socket.socket = client.extra(SocketAttribute.raw_socket)
                            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        break
            except anyio.BrokenResourceError:
                pass
            both.cancel_scope.cancel()


async def _copy(source: SocketStream, target: SocketStream) -> None:
    try:
        async for piece in source:
            await target.send(piece)
    except anyio.BrokenResourceError:
        pass
