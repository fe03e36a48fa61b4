"""The old server's addresses: sent on, bridged for a while, or gone (docs/migration.md)."""

from typing import Any, cast

from litestar import get, post, websocket
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse

from api.gates import ADMIT_AGAIN, GatedRequest
from api.legacy.bridge import CLOSINGS, MOVED, Bridge, Socket
from api.legacy.messages import deprecation
from api.legacy.policy import CHAT_PATH, SESSIONS_PATH, SESSIONS_SUCCESSOR, chat_successor
from api.openapi import problems
from api.problems import at, problem
from api.services import Services
from api.streams import CloseReason, Stream
from contracts.codec import encode
from contracts.problems import PROBLEM_JSON
from domain.errors import Denied

_GONE = "The old server's addresses are closed here; the header Link names what takes the place of this one."


@get(
    SESSIONS_PATH,
    operation_id="listLegacySessions",
    tags=["legacy"],
    deprecated=True,
    status_code=308,
    responses=problems(410),
)
async def list_sessions(request: GatedRequest, services: NamedDependency[Services]) -> ASGIResponse:
    """Send a client of the old server on to the list of sessions."""
    return _moved(request, services)


@post(
    SESSIONS_PATH,
    operation_id="createLegacySession",
    tags=["legacy"],
    deprecated=True,
    status_code=308,
    responses=problems(410),
)
async def create_session(request: GatedRequest, services: NamedDependency[Services]) -> ASGIResponse:
    """Send a client of the old server on to where sessions are made, with its method and body (308)."""
    return _moved(request, services)


@websocket(CHAT_PATH)
async def chat(socket: Socket, services: NamedDependency[Services]) -> None:
    """Speak the old protocol, say what takes its place, or refuse."""
    legacy = services.legacy
    session_id = str(socket.query_params.get("sessionId", ""))
    headers = legacy.headers(chat_successor(session_id))
    kind = legacy.note("chat", socket.headers.get("user-agent", ""))
    if legacy.mode == "off":
        await _refuse(socket, headers)
        return
    await socket.accept(headers=headers)
    await socket.send_data(encode(deprecation(legacy)).decode(), mode="text")
    if legacy.mode == "redirect":
        await socket.close(MOVED, "moved: use the addresses in the message before")
        return
    stream = _admit(socket, services)
    if not isinstance(stream, Stream):
        await socket.close(*CLOSINGS[stream])
        return
    stream.connect(socket.scope)
    bridge = Bridge(
        socket=socket,
        stream=stream,
        live=services.live,
        approvals=services.approvals,
        reading=services.reading,
        streams=services.streams,
        legacy=legacy,
        audit=services.audit,
    )
    legacy.open[kind] += 1
    try:
        await bridge.run(session_id)
    finally:
        legacy.open[kind] -= 1
        services.streams.release(stream)


ROUTES = (list_sessions, create_session, chat)


def _moved(request: GatedRequest, services: Services) -> ASGIResponse:
    legacy = services.legacy
    legacy.note("sessions", request.headers.get("user-agent", ""))
    headers = legacy.headers(SESSIONS_SUCCESSOR)
    if legacy.mode == "off":
        body = at(request.scope["path"], problem(410, "gone", _GONE))
        return ASGIResponse(body=encode(body), status_code=410, media_type=PROBLEM_JSON, headers=headers)
    query = request.scope["query_string"].decode("latin-1")
    location = f"{SESSIONS_SUCCESSOR}?{query}" if query else SESSIONS_SUCCESSOR
    return ASGIResponse(status_code=308, headers={**headers, "Location": location})


def _admit(socket: Socket, services: Services) -> Stream | CloseReason:
    try:
        cast("dict[str, Any]", socket.scope)[ADMIT_AGAIN]()
    except Denied:  # revoked while the handshake was under way
        return "revoked"
    return services.streams.admit(socket.auth)


async def _refuse(socket: Socket, headers: dict[str, str]) -> None:
    """Answer the handshake with a problem (ASGI's extension "Websocket Denial Response")."""
    await socket.receive()  # websocket.connect
    body = encode(at(CHAT_PATH, problem(410, "gone", _GONE)))
    fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    start: Any = {
        "type": "websocket.http.response.start",
        "status": 410,
        "headers": [(b"content-type", PROBLEM_JSON.encode()), *fields],
    }
    end: Any = {"type": "websocket.http.response.body", "body": body, "more_body": False}
    await socket.send(start)
    await socket.send(end)
