"""A turn as an agent takes it: its prompt and what was given beside it, as blocks of content."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from domain.ports import Given, GivenBlob, GivenFile, GivenText, Turn
from infrastructure.agents.acp_program import PromptCapabilities

AGAIN = (
    "(The connection was lost while you were at work on this. Go on where you stopped, and do not repeat what is done.)"
)
Block = Mapping[str, Any]


def prompt_blocks(turn: Turn, can: PromptCapabilities) -> list[Block]:
    """Return the prompt, then what was given with it, in forms that the agent takes."""
    blocks = [_text(turn.command), *(block for given in turn.context for block in _given(given, can))]
    return [*blocks, _text(AGAIN)] if turn.again else blocks


def _given(given: Given, can: PromptCapabilities) -> Iterator[Block]:
    match given:
        case GivenFile(path=path):
            yield {"type": "resource_link", "uri": f"file://{quote(path)}", "name": path.rpartition("/")[2]}
        case GivenText(name=name, text=text):
            yield _named_text(name, text, can)
        case GivenBlob():
            yield _blob(given, can)


def _blob(given: GivenBlob, can: PromptCapabilities) -> Block:
    name = given.name or given.blob_id
    if can.image and given.media_type.startswith("image/"):
        return {"type": "image", "data": b64encode(given.data).decode(), "mimeType": given.media_type}
    try:
        return _named_text(name, given.data.decode(), can)
    except UnicodeDecodeError:
        if not can.embedded_context:
            kind = given.media_type or "of no known kind"
            return _text(f"(The attachment {name}, {len(given.data)} bytes {kind}, can't be given to you.)")
    body = {"uri": _uri(name), "blob": b64encode(given.data).decode()}
    kinds = {"mimeType": given.media_type} if given.media_type else {}
    return {"type": "resource", "resource": {**body, **kinds}}


def _named_text(name: str, text: str, can: PromptCapabilities) -> Block:
    if can.embedded_context:
        return {"type": "resource", "resource": {"uri": _uri(name), "text": text, "mimeType": "text/plain"}}
    return _text(f"{name}:\n\n{text}")


def _uri(name: str) -> str:
    return f"attachment:///{quote(name)}"


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
