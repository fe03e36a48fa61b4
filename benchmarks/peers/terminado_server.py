"""terminado, the terminals of Jupyter: a shell for each WebSocket at /ws. Port 0 of loopback; the port is printed."""

import asyncio
import sys

from terminado import SingleTermManager, TermSocket
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application


async def main(port: int) -> None:
    manager = SingleTermManager(shell_command=["sh", "-c", "exec cat >/dev/null"])
    server = HTTPServer(Application([("/ws", TermSocket, {"term_manager": manager})]))
    server.add_sockets(bind_sockets(port, "127.0.0.1"))
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
