"""A client of the old server's protocol: JSON in text messages over one WebSocket, sessions named in each."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from api.legacy.policy import CHAT_PATH
from tests.servers import Place

SECONDS = 20

Message = dict[str, Any]


class OldClient:
    """A socket, and all that it was told."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[Message] = []

    def say(self, type_: str, **members: Any) -> None:
        self.socket.send(json.dumps({"type": type_, **members}))

    def hear(self) -> Message:
        message: Message = json.loads(self.socket.recv(SECONDS))
        self.seen.append(message)
        return message

    def until(self, wanted: Callable[[Message], bool]) -> Message:
        while not wanted(message := self.hear()):
            pass
        return message

    def until_type(self, *types: str) -> Message:
        return self.until(lambda message: message["type"] in types)

    def ask(self, type_: str, **members: Any) -> Message:
        """Say something; return the answer to it, events passed over."""
        self.say(type_, **members)
        return self.until(lambda message: "seq" not in message)

    def closed(self) -> int:
        """Read on until the server closes; return its code."""
        with suppress(ConnectionClosed):
            while True:
                self.hear()
        return self.socket.protocol.close_code or 0

    def events(self, session_id: str) -> list[Message]:
        return [message for message in self.seen if "seq" in message and message["sessionId"] == session_id]

    def output(self, session_id: str) -> str:
        return "".join(event["content"] for event in self.events(session_id) if event["type"] == "session-output")


@contextmanager
def old_client(place: Place, query: str = "", **options: Any) -> Iterator[OldClient]:
    """Connect as the owner, or with the *additional_headers* that are given."""
    options = {"additional_headers": place.headers, "max_size": None, **options}
    url = f"ws://127.0.0.1:{place.port}{CHAT_PATH}{query}"
    with connect(url, proxy=None, open_timeout=SECONDS, close_timeout=2, compression=None, **options) as socket:
        yield OldClient(socket)
