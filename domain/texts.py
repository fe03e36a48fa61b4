"""What a session is found by, beside its title: its prompts, and the answers joined, since pieces split words."""

from collections.abc import Callable, Iterable, Sequence

from contracts.codec import decode_event
from contracts.events import AgentMessage, CommandSent, Event, LargeBody, TurnCompleted
from domain.ids import SessionId
from domain.ports import EventLog, SearchText

# Of a prompt, and of the answers of one turn: so that no turn fills the index.
TEXT_CHARACTERS = 64 * 1024
TEXT_TYPES = frozenset({"command-sent", "agent-message", "turn-completed"})
PAGE_EVENTS = 512


class Texts:
    """Follows one session's events, and holds what was answered in the turn that runs."""

    def __init__(self) -> None:
        self._turn_id = ""
        self._message_id = ""
        self._pieces: list[str] = []
        self._room = 0

    def take(self, events: Iterable[Event], blob: Callable[[str], str]) -> Sequence[SearchText]:
        """Return the texts that *events* complete; *blob* returns a large body whole."""
        found: list[SearchText] = []
        for event in events:
            match event:
                case AgentMessage():
                    self._hear(event)
                case CommandSent(seq=seq, command=command):
                    text = blob(command.blob_id) if isinstance(command, LargeBody) else command
                    found.append(SearchText(seq, text[:TEXT_CHARACTERS]))
                case TurnCompleted(seq=seq, turn_id=turn_id) if turn_id == self._turn_id:
                    found.append(SearchText(seq, "".join(self._pieces)))
                    self._turn_id = ""
        return found

    def _hear(self, event: AgentMessage) -> None:
        if event.turn_id != self._turn_id:
            self._turn_id, self._message_id = event.turn_id, event.message_id
            self._pieces, self._room = [], TEXT_CHARACTERS
        elif event.message_id != self._message_id:
            self._message_id = event.message_id
            self._pieces.append("\n")
        if self._room:
            piece = event.text[: self._room]
            self._room -= len(piece)
            self._pieces.append(piece)


async def texts_at(log: EventLog, session_id: SessionId, turn_id: str) -> Texts:
    """Return what was answered so far in a turn that an earlier run of the server began."""
    texts = Texts()
    head = await log.head(session_id)
    after, needle = head.earliest, turn_id.encode()
    while after < head.seq:
        batch = await log.read(session_id, after=after, limit=PAGE_EVENTS, types=("agent-message",))
        texts.take((decode_event(recorded.data) for recorded in batch.events if needle in recorded.data), str)
        after = batch.upto
    return texts
