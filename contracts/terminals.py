"""What is said of terminals: requests, views, and the frames that carry their output.

Output is bytes, in base64 (RFC 4648, section 4). Offsets count its bytes from the terminal's beginning; a terminal's
cursor is its epoch and an offset, and one more after `terminal-closed`.
"""

from base64 import b64decode
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from contracts.events import (
    MAX_SAFE_INTEGER,
    Count,
    Cursor,
    ExitCode,
    FrameBase,
    Identifier,
    Milliseconds,
    Pid,
    TerminalOwner,
)
from contracts.requests import BASE64_PATTERN, Mode, Path, Request
from contracts.views import View

INPUT_BYTES = 64 * 1024
INPUT_BASE64 = (INPUT_BYTES + 2) // 3 * 4

Extent = Annotated[int, Meta(ge=1, le=1000)]
Octets = Annotated[bytes, Meta(description="In base64.", examples=[b"hello\r\n"])]


class OpenTerminal(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new terminal: where it works (default: where its session does, or the first workspace root), and its size.

    It runs your shell. With a session it ends when the session is deleted.
    """

    mode: Mode = "shell"
    working_dir: Path | UnsetType = UNSET
    session_id: Identifier | UnsetType = UNSET
    cols: Extent = 80
    rows: Extent = 24


class TypeInput(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to type: text, or any bytes in base64; 64 KiB at most. NUL is allowed.

    ``seq`` counts a client's inputs from 1: each is typed once and in order, however often it is sent.
    """

    forms = (
        {"data": {"maxLength": INPUT_BYTES}},
        {"encoding": {"const": "utf8"}, "data": {"maxLength": INPUT_BYTES}},
        {"encoding": {"const": "base64"}, "data": {"pattern": BASE64_PATTERN}},
    )

    client_id: Identifier
    seq: Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
    data: Annotated[str, Meta(max_length=INPUT_BASE64)]
    encoding: Annotated[Literal["utf8", "base64"], Meta(description="By default utf8.")] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError, which the decoder reports as invalid, for what is no base64, or too much."""
        if len(self.octets) > INPUT_BYTES:
            raise ValueError(f"`data` has at most {INPUT_BYTES} bytes.")

    @property
    def octets(self) -> bytes:
        """What to type, as bytes."""
        return b64decode(self.data, validate=True) if self.encoding == "base64" else self.data.encode()


class ResizeTerminal(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The size that a viewer wants. The smallest of those that look counts, unless one takes control.

    ``control``: take it, or give it up; absent: as before. A viewer lives as long as a stream with its `viewerId`.
    """

    viewer_id: Identifier
    cols: Extent
    rows: Extent
    control: bool | UnsetType = UNSET


class TerminalView(View, frozen=True, kw_only=True):
    """A terminal. ``cursor`` is the end of its output, ``earliest`` the beginning of what is kept of it.

    ``exitCode`` is 128 + n after signal n, and absent where it is not known.
    """

    terminal_id: Identifier
    session_id: Identifier | UnsetType = UNSET
    mode: str
    working_dir: str
    owner: TerminalOwner
    cols: Extent
    rows: Extent
    title: Annotated[str, Meta(description="What the program called its window. Not in listings.")] | UnsetType = UNSET
    status: Literal["running", "ended"]
    pid: Pid | UnsetType = UNSET
    created_at: Milliseconds
    ended_at: Milliseconds | UnsetType = UNSET
    exit_code: ExitCode | UnsetType = UNSET
    cursor: Cursor
    earliest: Cursor


class TerminalList(View, frozen=True, kw_only=True):
    """The terminals, the oldest first; those that ended stay for a day, the newest 50 of them."""

    terminals: list[TerminalView]


class TerminalRemoved(View, frozen=True, kw_only=True):
    """A terminal was ended with all that it had started, and its output is gone."""

    success: Literal[True] = True
    message: str
    terminal_id: Identifier


class InputTaken(View, frozen=True, kw_only=True):
    """What was typed: all of this client's inputs up to ``acked``."""

    success: Literal[True] = True
    terminal_id: Identifier
    acked: Count


class TerminalResizedView(View, frozen=True, kw_only=True):
    """The size that the terminal has now: that of its smallest viewer, or of the one in control."""

    success: Literal[True] = True
    terminal_id: Identifier
    cols: Extent
    rows: Extent


class OutputPage(View, frozen=True, kw_only=True):
    """A piece of a terminal's output. ``offset`` is that of its first byte; ask again with ``cursor``.

    ``closed``: the program has ended, and this is the last of it. ``reset``: it does not go on where you were.
    """

    terminal_id: Identifier
    data: Octets
    offset: Count
    cursor: Cursor
    earliest: Cursor
    closed: bool
    exit_code: ExitCode | UnsetType = UNSET
    reset: Literal["trimmed", "epoch", "future"] | UnsetType = UNSET


class TerminalOutput(FrameBase, frozen=True, kw_only=True, tag="terminal-output", gc=False):
    """The terminal wrote something. ``offset`` is that of its first byte."""

    terminal_id: Identifier
    offset: Count
    data: Octets


class TerminalSnapshot(FrameBase, frozen=True, kw_only=True, tag="terminal-snapshot"):
    """What the terminal shows after ``offset`` bytes of output: ``data`` paints it on one of that size that was reset.

    ``exact`` is false where output that is gone may have mattered.
    """

    terminal_id: Identifier
    offset: Count
    cols: Extent
    rows: Extent
    title: str
    data: Octets
    exact: bool


class TerminalResized(FrameBase, frozen=True, kw_only=True, tag="terminal-resized"):
    """The terminal has this size: told at the beginning of a stream, and after each change."""

    terminal_id: Identifier
    offset: Count
    cols: Extent
    rows: Extent


TerminalFrame = TerminalOutput | TerminalSnapshot | TerminalResized
