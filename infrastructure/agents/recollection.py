"""A conversation that an agent tells again when it loads a session, as the turns of a log. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import ValidationError, convert

from contracts.events import CommandSent, Event, TurnCompleted, TurnStarted
from domain.ids import make_id
from infrastructure.agents.updates import HISTORY, Chunk, Translation, text_of

NO_PROMPT = "(What was asked here is not known.)"


def turns(updates: Iterable[Any]) -> Iterator[Event]:
    """Yield the turns that *updates* tell of: each prompt, and what followed until the next.

    An agent's own words to its model, which some keep as prompts, stay beside the prompt that they were sent with.
    """
    translation = Translation()
    prompt: list[str] = []
    said: list[Any] = []
    for update in updates:
        kind = update.get("sessionUpdate") if isinstance(update, Mapping) else None
        if kind == "user_message_chunk":
            if said:
                yield from _turn(translation, prompt, said)
                prompt, said = [], []
            prompt.append(_prompt(update))
        elif kind in HISTORY:
            said.append(update)
    if prompt or said:
        yield from _turn(translation, prompt, said)


def _turn(translation: Translation, prompt: list[str], said: list[Any]) -> Iterator[Event]:
    turn_id = make_id()
    translation.begin(turn_id)
    yield CommandSent(turn_id=turn_id, command="\n\n".join(filter(None, prompt)) or NO_PROMPT, delivery="queue")
    yield TurnStarted(turn_id=turn_id)
    yield from translation.events(said)
    yield TurnCompleted(turn_id=turn_id, stop_reason="end")


def _prompt(update: Mapping[str, Any]) -> str:
    try:
        return text_of(convert(update, Chunk).content)
    except ValidationError:
        return ""
