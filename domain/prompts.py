"""What a prompt must be, and what becomes of it in the log."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET, UnsetType

from contracts.codec import encode
from contracts.events import EVENT_BYTES, CommandSent, ContextItem, Event, SessionUpdated
from contracts.requests import PromptContext, SubmitPrompt
from contracts.views import PromptAccepted
from domain.errors import InvalidPrompt, PromptTooLarge, QueueFull, SessionBusy
from domain.fitting import EVENT_OVERHEAD_BYTES, INLINE_TEXT_BYTES, outline
from domain.ids import TurnId
from domain.ports import Blob, Upload
from domain.state import SessionState

TITLE_CHARACTERS = 80
BLANKS = " \t\r\n"  # as contracts.requests.PROMPT_PATTERN has them


def check_prompt(request: SubmitPrompt, *, most_bytes: int) -> None:
    """Raise InvalidPrompt for an empty prompt, PromptTooLarge for one of more than *most_bytes* of UTF-8."""
    if not request.command.strip(BLANKS):
        raise InvalidPrompt("The prompt is empty.", member="$.command")
    size = len(request.command.encode())
    if size > most_bytes:
        raise PromptTooLarge(f"The prompt has {size} bytes of UTF-8; the limit is {most_bytes}.", member="$.command")


def check_room(state: SessionState, request: SubmitPrompt, *, longest_queue: int) -> None:
    """Raise SessionBusy for a prompt that would have to wait and must not, QueueFull where too many wait."""
    if request.delivery == "reject" and (state.turn is not None or state.queue):
        raise SessionBusy(
            "The prompt would have to wait, and asked to be rejected then.",
            session_id=state.session_id,
            turn_id=None if state.turn is None else TurnId(state.turn.turn_id),
        )
    if state.turn is not None and len(state.queue) >= longest_queue:
        raise QueueFull(f"{len(state.queue)} prompts wait already; cancel one, or wait.", session_id=state.session_id)


def command_sent(
    turn_id: TurnId, request: SubmitPrompt, bodies: Mapping[str, Upload]
) -> tuple[CommandSent, Sequence[Blob]]:
    """Return a prompt's event, and what does not stand in it: long texts, and the *bodies* that it names by id.

    Raises InvalidPrompt.
    """
    blobs = [Blob(body.blob_id, body.data) for body in bodies.values()]
    sent = CommandSent(
        turn_id=turn_id,
        command=outline(request.command, INLINE_TEXT_BYTES, blobs),
        context=_given(request.context, bodies, blobs),
        delivery=request.delivery,
    )
    if len(encode(sent)) > EVENT_BYTES - EVENT_OVERHEAD_BYTES:
        raise InvalidPrompt("The prompt's context is too long for one event (64 KiB).", member="$.context")
    return sent, blobs


def accepted(sent: CommandSent, *, started: bool) -> PromptAccepted:
    """Return the answer to a prompt that is in the log as *sent*."""
    return PromptAccepted(
        session_id=sent.session_id,
        turn_id=sent.turn_id,
        state="started" if started else "queued",
        message="The prompt was taken." if started else "The prompt waits in the queue.",
        timestamp=sent.timestamp,
    )


def first_title(state: SessionState, request: SubmitPrompt) -> Sequence[Event]:
    """Return what gives a session without a title one."""
    title = "" if state.title else title_of(request.command)
    return (SessionUpdated(title=title),) if title else ()


def title_of(prompt: str) -> str:
    """Return the title that a first prompt gives: its first line."""
    line = "".join(c if c.isprintable() else " " for c in next(iter(prompt.strip().splitlines()), "")).strip()
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"


def _given(
    context: list[PromptContext] | UnsetType, bodies: Mapping[str, Upload], blobs: list[Blob]
) -> list[ContextItem] | UnsetType:
    if isinstance(context, UnsetType):
        return UNSET
    room = INLINE_TEXT_BYTES // max(1, len(context))
    return [_item(item, room, bodies, blobs) for item in context]


def _item(item: PromptContext, room: int, bodies: Mapping[str, Upload], blobs: list[Blob]) -> ContextItem:
    if item.blob_id is UNSET:
        text = UNSET if item.text is UNSET else outline(item.text, room, blobs)
        return ContextItem(path=item.path, name=item.name, text=text)
    body = bodies[item.blob_id]
    return ContextItem(
        blob_id=body.blob_id, name=body.name or UNSET, bytes=len(body.data), media_type=body.media_type or UNSET
    )
