"""Who a request comes from, what that one may do, and how often a stranger may guess."""

import math
import re
from collections import OrderedDict

from msgspec import Struct

from contracts.events import TokenScope
from domain.errors import InsufficientScope, NotFound, SessionNotFound
from domain.ids import SessionId, is_identifier

OWNER_ID = "owner_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
WRONG_CREDENTIALS = 10
WINDOW_SECONDS = 60
PEERS_REMEMBERED = 1024

# What the holder of any credential may do about itself.
_OWN_PATHS = frozenset({"/api/whoami", "/api/logout"})
_TERMINAL_PATH = re.compile(r"/api/terminals?(?:/|\Z)").match
# It starts an agent, which its holder could not do otherwise.
_AGENT_SESSIONS_PATH = re.compile(r"/+api/+agents/+[^/]+/+sessions/*\Z").match
_SESSION_PATH = re.compile(r"/api/session/([^/]+)(?:/|\Z)").match


class Principal(Struct, frozen=True, kw_only=True):
    """The holder of a valid credential: of a token, or of a browser's login (``login_id``) with a token's rights."""

    token_id: str
    name: str
    scope: TokenScope
    session_id: SessionId | None = None
    login_id: str | None = None

    def depends_on(self, revoked_id: str) -> bool:
        """Say whether this one's right ends when a token, or a login, is revoked."""
        return revoked_id in (self.token_id, self.login_id)


OWNER = Principal(token_id=OWNER_ID, name="owner", scope="full")


def require_access(principal: Principal, *, method: str, path: str) -> None:
    """Let a request pass if the principal's scope covers its route; a WebSocket counts as an unsafe method.

    Raises NotFound for what a token of one session may not know of, and SessionNotFound as for a session that does
    not exist; InsufficientScope for a request of a read-only token that is unsafe, or starts an agent.
    """
    if principal.scope == "full" or path in _OWN_PATHS:
        return
    if principal.scope == "read":
        if method not in SAFE_METHODS:
            raise InsufficientScope("This token may only read. Use a token of the scope `full`.")
        if _AGENT_SESSIONS_PATH(path):
            raise InsufficientScope("This starts an agent. Use a token of the scope `full`.")
        return
    if _TERMINAL_PATH(path):  # which of them, `Terminals.visible` decides
        if method not in SAFE_METHODS:
            raise InsufficientScope("A token of one session may watch its terminals, and not use them.")
        return
    match = _SESSION_PATH(path)
    if match is None or not is_identifier(match[1]):
        raise NotFound("There is nothing here for a token of one session.")
    if match[1] != principal.session_id:
        raise SessionNotFound(SessionId(match[1]))


class FailedAttempts:
    """Counts the wrong credentials that each peer sent within the last minute, for a bounded number of peers.

    Right ones are never counted and never refused: every client on the loopback interface is one peer.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def add(self, peer: str, now: float) -> int | None:
        """Count one wrong credential at *now* (monotonic seconds).

        Returns after how many seconds the peer may be wrong again, `None` while it has not been wrong too often.
        """
        count, since = self._counts.pop(peer, (0, now))
        if now - since >= WINDOW_SECONDS:
            count, since = 0, now
        self._counts[peer] = (count + 1, since)
        if len(self._counts) > PEERS_REMEMBERED:
            self._counts.popitem(last=False)
        return math.ceil(since + WINDOW_SECONDS - now) if count >= WRONG_CREDENTIALS else None
