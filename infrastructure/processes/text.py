"""Bytes of a process to text."""

import codecs


def utf8_decoder() -> codecs.IncrementalDecoder:
    """Return a decoder whose ``decode(data)`` keeps a split character for later and replaces what is wrong.

    At the end, ``decode(b"", True)`` gives what was kept.
    """
    return codecs.getincrementaldecoder("utf-8")(errors="replace")
