"""Bytes of a process to text, and text to pieces that fit into an event."""

import codecs
from collections.abc import Iterator

SHORT_ESCAPES = b'"\\\b\f\n\r\t'  # two bytes each in JSON (RFC 8259, section 7)
LONG_ESCAPES = bytes(sorted(set(range(0x20)) - set(SHORT_ESCAPES)))  # six


def utf8_decoder() -> codecs.IncrementalDecoder:
    """Return a decoder whose ``decode(data)`` keeps a split character for later and replaces what is wrong.

    At the end, ``decode(b"", True)`` gives what was kept.
    """
    return codecs.getincrementaldecoder("utf-8")(errors="replace")


def pieces(text: str, max_bytes: int) -> Iterator[str]:
    """Cut *text*, never within a character, into pieces of at most *max_bytes* each inside a JSON string."""
    if json_bytes(text) <= max_bytes or len(text) == 1:
        if text:
            yield text
        return
    middle = len(text) // 2
    yield from pieces(text[:middle], max_bytes)
    yield from pieces(text[middle:], max_bytes)


def json_bytes(text: str) -> int:
    """Return how many bytes *text* takes in a JSON string that escapes only what it must."""
    data = text.encode()
    short = len(data) - len(data.translate(None, SHORT_ESCAPES))
    long = len(data) - len(data.translate(None, LONG_ESCAPES))
    return len(data) + short + 5 * long
