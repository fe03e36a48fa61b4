"""A server process for the tests beside it: echoes bodies, streams until it is drained, tells its port on stdout."""

import os
import sys
from typing import Any

import anyio
import msgspec

from api.http_protocol import CONNECTION_EXTENSION, ConnectionLimits
from api.server import Server, listen


class Options(msgspec.Struct):
    """What a test may ask of its server."""

    port: int
    limits: ConnectionLimits = ConnectionLimits()
    grace_seconds: int = 5
    deaf_streams: bool = False
    failing: str = ""
    hoard_files: bool = False


class Echo:
    """The application. A stream starts with one frame and ends with another when drained."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.draining = anyio.Event()
        self.streams = 0
        self.hoard: list[int] = []

    async def drain(self) -> None:
        self.draining.set()
        if self.options.failing == "drain":
            raise RuntimeError("no drain")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
        elif scope["path"].endswith("/events"):
            await self.stream(receive, send)
        elif scope["path"] == "/refuse":
            await self.answer(send, 401, b"refused")
        elif scope["path"] == "/abort":
            scope["extensions"][CONNECTION_EXTENSION]["abort"]()
        elif scope["path"] == "/large":
            await self.answer(send, 200, b"x" * 16_000_000)
        elif scope["path"] == "/streams":
            await self.answer(send, 200, str(self.streams).encode())
        else:
            await self.echo(scope, receive, send)

    async def live(self, receive: Any, send: Any) -> None:
        await receive()
        if self.options.failing == "startup":
            await send({"type": "lifespan.startup.failed", "message": "no start"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("lifespan over", flush=True)
        failed = self.options.failing == "shutdown"
        await send({"type": f"lifespan.shutdown.{'failed' if failed else 'complete'}"})

    async def stream(self, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"event: connected\n\n", "more_body": True})
        self.streams += 1
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.end_when_gone, receive, tasks.cancel_scope)
                if self.options.deaf_streams:
                    await anyio.sleep_forever()
                await self.draining.wait()
                await send({"type": "http.response.body", "body": b"event: stream-closing\n\n"})
                tasks.cancel_scope.cancel()
        finally:
            self.streams -= 1

    async def end_when_gone(self, receive: Any, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        if scope["path"] == "/headers":
            body = b"\n".join(b"%b: %b" % pair for pair in scope["headers"])
        await self.answer(send, 200, body or scope["path"].encode())

    async def answer(self, send: Any, status: int, body: bytes) -> None:
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def listening(self, host: str, port: int) -> None:
        if self.options.hoard_files:
            while len(self.hoard) < 100_000:
                try:
                    self.hoard.append(os.open(os.devnull, os.O_RDONLY))
                except OSError:
                    break
            for number in self.hoard[:20]:
                os.close(number)
        print(f"listening on {host}:{port}", flush=True)


def main() -> None:
    options = msgspec.json.decode(sys.argv[1], type=Options)
    app = Echo(options)
    Server(
        app,
        listener=listen("127.0.0.1", options.port),
        limits=options.limits,
        drain=app.drain,
        on_listening=app.listening,
        grace_seconds=options.grace_seconds,
    ).run()


if __name__ == "__main__":
    main()
