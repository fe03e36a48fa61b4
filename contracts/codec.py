"""The only encoders and decoders of JSON."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from contracts.events import Event

T = TypeVar("T")

JSON_DEPTH = 64

encode = msgspec.json.Encoder().encode
encode_sorted = msgspec.json.Encoder(order="deterministic").encode
decode_event = msgspec.json.Decoder(Event).decode
_decode_any = msgspec.json.Decoder().decode

_COMMANDING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class MalformedBody(Exception):
    """A body is not acceptable JSON, whatever it should mean; the text says why."""


def decode_body(raw: bytes, *, allow_nul: bool = False) -> Any:
    """Decode a request body to plain values.

    Raises MalformedBody when it is not UTF-8, not JSON (RFC 8259), holds NUL unless that is allowed, or nests deeper
    than JSON_DEPTH. Of duplicate members the last wins. What the values mean is checked against the request's type by
    the caller.
    """
    try:
        value = _decode_any(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(f"The body is not JSON: {error}") from error
    except RecursionError as error:
        raise MalformedBody(f"The body nests deeper than {JSON_DEPTH} levels.") from error
    _check(value, allow_nul=allow_nul)
    return value


def _check(value: Any, *, allow_nul: bool) -> None:
    level = [value]
    for _ in range(JSON_DEPTH):
        if not allow_nul and any("\0" in item for item in level if isinstance(item, str)):
            raise MalformedBody("The body holds a NUL character (\\u0000).")
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in ((*item, *item.values()) if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise MalformedBody(f"The body nests deeper than {JSON_DEPTH} levels.")


def decoder(type_: type[T]) -> Callable[[bytes], T]:
    """Return a decoder of one type; make it once, at a module's top level. It raises msgspec.DecodeError."""
    return msgspec.json.Decoder(type_).decode


def encode_line(members: Mapping[str, str | int]) -> str:
    """Encode for a log: JSON on one line in which nothing is left that a terminal would act on.

    JSON itself escapes C0; this also escapes DEL, C1, the Unicode line ends, what turns the reading direction, and
    the lone surrogates by which Python keeps bytes that are no UTF-8.
    """
    encodable = {
        name: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
        for name, value in members.items()
    }
    return _COMMANDING.sub(lambda match: f"\\u{ord(match[0]):04x}", encode(encodable).decode())
