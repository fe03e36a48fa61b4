"""The receipt that the request at hand asks for. Its first append takes it along, so that both are kept or neither.

A context variable, since a request's way to its append leads through use cases that have nothing to do with it. What
the request starts in the background inherits the variable, and finds nothing in it: a receipt is taken once, and is
gone when the request ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from domain.ports import Receipt

_asked: ContextVar[list[Receipt] | None] = ContextVar("receipts", default=None)


@contextmanager
def asking(receipt: Receipt) -> Iterator[None]:
    """Have the first append of the block take *receipt*."""
    asked = [receipt]
    token = _asked.set(asked)
    try:
        yield
    finally:
        asked.clear()
        _asked.reset(token)


def take() -> Receipt | None:
    """Return what an append must take along, if anything."""
    asked = _asked.get()
    return asked.pop() if asked else None
