"""States of screens beside the output they come from, so that a restart goes on from there."""

import os
from contextlib import suppress
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from msgspec import DecodeError, Struct, msgpack

from domain.ids import Epoch

FILE = "screen"
DIGEST_BYTES = 16
MOST_BYTES = 64 * 1024 * 1024


class Kept(Struct, frozen=True, kw_only=True):
    """A state after *offset* bytes, as the library of that *version* told it at *saved_at*."""

    version: str
    epoch: Epoch
    offset: int
    exact: bool
    cols: int
    rows: int
    saved_at: int
    state: bytes


_encoder, _decoder = msgpack.Encoder(), msgpack.Decoder(Kept)
VERSION = version("pyghostty")


def load(folder: Path) -> Kept | None:
    """Return what was kept of a terminal; None if that is nothing, damaged, or another version's."""
    try:
        descriptor = os.open(folder / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MOST_BYTES)
        if blake2b(data[DIGEST_BYTES:], digest_size=DIGEST_BYTES).digest() != data[:DIGEST_BYTES]:
            return None
        kept = _decoder.decode(data[DIGEST_BYTES:])
    except (OSError, DecodeError):
        return None
    return kept if kept.version == VERSION else None


def keep(folder: Path, kept: Kept) -> None:
    """Put *kept* in the place of what was kept before; where that can't be done, a restart reads more output."""
    data = _encoder.encode(kept)
    fresh = folder / f".{FILE}.new"
    with suppress(OSError):
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(blake2b(data, digest_size=DIGEST_BYTES).digest() + data)
        fresh.replace(folder / FILE)


def forget(folder: Path) -> None:
    """Drop what was kept."""
    with suppress(OSError):
        (folder / FILE).unlink()
