"""JSON-RPC 2.0 in lines, as the Agent Client Protocol has it over stdio: bytes to messages and back, no I/O.

Whatever a program writes becomes messages or `Junk`; nothing that it writes raises, and nothing is passed over but
empty lines.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import UNSET, DecodeError, Struct, UnsetType

from contracts.codec import decoder, encode

# Lines of 40 MB were seen, a prompt's blobs take 43: base64 of 32 MiB (domain.contexts.CONTEXT_BYTES).
LINE_BYTES = 64 * 1024 * 1024
SHOWN_CHARACTERS = 200
# Mending takes 0.3 s of the server's one loop for each MiB.
MENDED_BYTES = 256 * 1024

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
AUTH_REQUIRED, RESOURCE_NOT_FOUND, REQUEST_CANCELLED = -32000, -32002, -32800

# JavaScript writes the half of a character that was cut in two as an escape, which is no Unicode text.
_HALVES = re.compile(
    r"(?<!\\)((?:\\\\)*)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)

RequestId = int | float | str | None


class Request(Struct, frozen=True):
    """The program asks something, and waits for the answer of that id."""

    id: RequestId
    method: str
    params: Any


class Notification(Struct, frozen=True):
    """The program tells something."""

    method: str
    params: Any


class Response(Struct, frozen=True):
    """The program answers a request of ours."""

    id: RequestId
    result: Any = None
    error: Any = None


class Junk(Struct, frozen=True):
    """A line that is no message, its beginning, and why."""

    reason: str
    text: str


Message = Request | Notification | Response | Junk


class _Envelope(Struct):
    id: RequestId | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: Any = None
    result: Any = UNSET
    error: Any = UNSET


_decode = decoder(_Envelope)


class Wire:
    """Takes a program's output as it comes."""

    def __init__(self, *, most_bytes: int = LINE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._pieces: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that are whole now, in their order."""
        *ends, rest = data.split(b"\n")
        messages = [message for end in ends for message in self._line(end)]
        self._keep(rest, messages)
        return messages

    def end(self) -> list[Message]:
        """Return what came without the end of its line, once no more comes."""
        return list(self._line(b""))

    def _line(self, end: bytes) -> Iterator[Message]:
        found: list[Message] = []
        self._keep(end, found)
        yield from found
        line, skipped = b"".join(self._pieces), self._skipping
        self._pieces, self._size, self._skipping = [], 0, False
        if not skipped and line.strip():
            yield _read(line)

    def _keep(self, piece: bytes, messages: list[Message]) -> None:
        """Keep a part of a line; of one that grows too long nothing."""
        if self._skipping or not piece:
            return
        self._size += len(piece)
        self._pieces.append(piece)
        if self._size > self._most_bytes:
            messages.append(_junk(f"a line of more than {self._most_bytes} bytes", b"".join(self._pieces)))
            self._pieces, self._skipping = [], True


def _read(line: bytes) -> Message:
    try:
        envelope = _decode(line)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            if len(line) > MENDED_BYTES:
                raise
            envelope = _decode(_mended(line))
        except (DecodeError, UnicodeDecodeError, RecursionError):
            return _junk(f"no message ({error})", line)
    if envelope.method is not UNSET:
        if envelope.id is UNSET:
            return Notification(envelope.method, envelope.params)
        return Request(envelope.id, envelope.method, envelope.params)
    if envelope.id is not UNSET and envelope.error is not UNSET and envelope.error is not None:
        return Response(envelope.id, error=envelope.error)
    if envelope.id is not UNSET and envelope.result is not UNSET:
        return Response(envelope.id, result=envelope.result)
    return _junk("neither a request nor an answer", line)


def _mended(line: bytes) -> bytes:
    """Return a line with U+FFFD for what is no Unicode text."""
    return _HALVES.sub(lambda found: f"{found[1]}\\ufffd", line.decode("utf-8", "replace")).encode()


def _junk(reason: str, line: bytes) -> Junk:
    text = line[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace").strip()
    return Junk(reason, text[:SHOWN_CHARACTERS])


def request(request_id: int, method: str, params: Mapping[str, Any]) -> bytes:
    """Return the line that asks for something."""
    return encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}) + b"\n"


def notification(method: str, params: Mapping[str, Any]) -> bytes:
    """Return the line that tells something."""
    return encode({"jsonrpc": "2.0", "method": method, "params": params}) + b"\n"


def answer(request_id: RequestId, result: Any) -> bytes:
    """Return the line that answers a request."""
    return encode({"jsonrpc": "2.0", "id": request_id, "result": result}) + b"\n"


def refusal(request_id: RequestId, code: int, message: str, data: Any = None) -> bytes:
    """Return the line that refuses a request."""
    error = {"code": code, "message": message, **({} if data is None else {"data": data})}
    return encode({"jsonrpc": "2.0", "id": request_id, "error": error}) + b"\n"
