"""Who a request comes from, and what that one may do."""

from msgspec import Struct

from contracts.events import TokenScope
from domain.ids import SessionId


class Principal(Struct, frozen=True, kw_only=True):
    """The holder of a valid credential."""

    token_id: str
    name: str
    scope: TokenScope
    session_id: SessionId | None = None
