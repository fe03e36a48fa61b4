"""What a client may ask for: request bodies. Unknown members are an error."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.events import ContextItem, Delivery, Identifier, TokenScope

# No control characters: these strings end up in listings, logs and titles of windows.
LINE_PATTERN = r"^[^\x00-\x1f\x7f]*$(?!\n)"
PROMPT_BYTES = 256 * 1024

Title = Annotated[str, Meta(max_length=200, pattern=LINE_PATTERN)]
Mode = Annotated[str, Meta(min_length=1, max_length=64, pattern=LINE_PATTERN, examples=["shell"])]
Path = Annotated[str, Meta(min_length=1, max_length=4096, pattern=LINE_PATTERN)]


class Request(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of request bodies."""


class CreateSession(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new session: which agent profile, in which directory (default: the first workspace root)."""

    mode: Mode
    working_dir: Path | UnsetType = UNSET
    title: Title | UnsetType = UNSET


class UpdateSession(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; absent means unchanged, ``null`` means cleared."""

    title: Title | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    agent_mode: Mode | None | UnsetType = UNSET


class SubmitPrompt(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A prompt for the session's agent. ``delivery`` says what happens while another turn runs."""

    command: Annotated[
        str, Meta(min_length=1, max_length=PROMPT_BYTES, description="At most 256 KiB of UTF-8; not only blanks.")
    ]
    context: Annotated[list[ContextItem], Meta(max_length=64)] | UnsetType = UNSET
    delivery: Delivery = "queue"


class CancelTurn(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which turn to stop or to take out of the queue; the running one if absent."""

    turn_id: Identifier | UnsetType = UNSET


class Login(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The single-use code from a login URL, or a token."""

    code: Annotated[str, Meta(min_length=1, max_length=256)] | UnsetType = UNSET
    token: Annotated[str, Meta(min_length=1, max_length=256)] | UnsetType = UNSET


class CreateToken(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A further token: full, read-only, or for one session alone."""

    name: Annotated[str, Meta(min_length=1, max_length=80, pattern=LINE_PATTERN)]
    scope: TokenScope
    session_id: Annotated[Identifier, Meta(description="Wanted with the scope `session`, and only then.")] | UnsetType = (
        UNSET
    )
