"""The names that things are known by, and how new ones are made."""

import base64
import re
import secrets
from typing import NewType

from contracts.events import ID_PATTERN

SessionId = NewType("SessionId", str)
TurnId = NewType("TurnId", str)
Epoch = NewType("Epoch", str)

is_identifier = re.compile(ID_PATTERN).match


def make_id() -> str:
    """Return a new id of 26 characters that hold 128 random bits; it never begins with a hyphen."""
    return _base32(16)


def make_epoch() -> Epoch:
    """Return a new epoch of 13 characters that hold 64 random bits."""
    return Epoch(_base32(8))


def _base32(count: int) -> str:
    return base64.b32encode(secrets.token_bytes(count)).decode().rstrip("=").lower()
