"""What an agent answers in one turn, kept until the turn is over and can be searched."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from contracts.events import AgentMessage, Event, Operation
from domain.errors import PlanTooLarge
from domain.operations.parsing import find

# What is kept in memory while a turn runs, and searched at once.
ANSWER_CHARACTERS = 4 * 1024 * 1024


class Answer:
    """The messages of one turn; pieces with one ``messageId`` join."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[str]] = {}
        self._room = ANSWER_CHARACTERS

    def add(self, events: Sequence[Event]) -> None:
        """Take what the agent said."""
        for event in events:
            if isinstance(event, AgentMessage):
                self._room -= len(event.text)
                if self._room >= 0:
                    self._pieces.setdefault(event.message_id, []).append(event.text)

    def operations(self) -> tuple[list[Operation], str | UnsetType]:
        """Return what is proposed, and in which message if it is one. Raises PlanTooLarge for an endless answer."""
        if self._room < 0:
            reason = f"The answer has more than {ANSWER_CHARACTERS} characters; it was not searched for operations."
            raise PlanTooLarge(reason, member="$.response")
        found = {message_id: find("".join(pieces)) for message_id, pieces in self._pieces.items()}
        proposing = [message_id for message_id, operations in found.items() if operations]
        operations = [each.operation for message_id in proposing for each in found[message_id]]
        return operations, proposing[0] if len(proposing) == 1 else UNSET
