"""What the server and the process that draws say to each other: a length (4 bytes, big-endian) and MessagePack."""

from msgspec import Struct, msgpack

HEAD_BYTES = 4


class Order(Struct, frozen=True, kw_only=True, tag_field="order", array_like=True):
    """What to do with one terminal's screen."""

    terminal: str


class Open(Order, frozen=True, kw_only=True, tag="open", array_like=True):
    """Begin it at *offset*, blank or from a state that Save told. Answered by Done; by Failed without a change."""

    offset: int
    cols: int
    rows: int
    state: bytes | None = None


class Feed(Order, frozen=True, kw_only=True, tag="feed", array_like=True):
    """Take what was printed from *offset* on, for as long as *seconds*. Answered by Fed."""

    offset: int
    data: bytes
    seconds: float


class Resize(Order, frozen=True, kw_only=True, tag="resize", array_like=True):
    """Give it another size. Answered by Done."""

    cols: int
    rows: int


class Paint(Order, frozen=True, kw_only=True, tag="paint", array_like=True):
    """Tell what it shows. Answered by Painted."""


class Save(Order, frozen=True, kw_only=True, tag="save", array_like=True):
    """Tell all of it. Answered by Saved; by Failed within a sequence."""


class Close(Order, frozen=True, kw_only=True, tag="close", array_like=True):
    """Forget it. Answered by Done."""


class Answer(Struct, frozen=True, kw_only=True, tag_field="answer", array_like=True):
    """What became of an order."""


class Done(Answer, frozen=True, kw_only=True, tag="done", array_like=True):
    """It was carried out."""


class Failed(Answer, frozen=True, kw_only=True, tag="failed", array_like=True):
    """It could not be; the terminal's screen is lost, if it was not asked to Save."""

    reason: str


class Fed(Answer, frozen=True, kw_only=True, tag="fed", array_like=True):
    """All before *offset* was taken, which cost *seconds* of processor time.

    *replies* are what the program's queries want to hear, each with its query's end. *reset* tells that it reset the
    terminal since output was passed over.
    """

    offset: int
    seconds: float
    replies: list[tuple[int, bytes]]
    reset: bool


class Painted(Answer, frozen=True, kw_only=True, tag="painted", array_like=True):
    """*data* paints what there was after *offset* bytes, the last ones outside any sequence; *exact* if it is all."""

    offset: int
    cols: int
    rows: int
    title: str
    data: bytes
    exact: bool


class Saved(Answer, frozen=True, kw_only=True, tag="saved", array_like=True):
    """All that is known after *offset* bytes."""

    offset: int
    state: bytes


Orders = Open | Feed | Resize | Paint | Save | Close
Answers = Done | Failed | Fed | Painted | Saved

_encoder = msgpack.Encoder()
decode_order = msgpack.Decoder(Orders).decode
decode_answer = msgpack.Decoder(Answers).decode


def framed(message: Orders | Answers) -> bytes:
    """Return a message with its length before it."""
    data = _encoder.encode(message)
    return len(data).to_bytes(HEAD_BYTES, "big") + data
