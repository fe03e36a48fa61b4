"""How far a program may run ahead of those who read its output. The holder imports it, so it imports nothing."""

WINDOW_BYTES = 1024 * 1024  # how far ahead of its readers: what Ctrl-C can't take back
PATIENCE_SECONDS = 5.0  # how long the program waits for a reader that does not come on, or was cut off,
LOST_SECONDS = 30.0  # and for one whose server is gone: a start took 8 s on a busy machine, and clients wait
AHEAD_BYTES = 256 * 1024  # a reader that is back has got at most so much more than its server told of it
READERS = 256
FOREVER = float("inf")


class Hold:
    """Where a reader is, and until when the program waits for it: for ever while there is nothing that it lacks."""

    def __init__(self, offset: int, now: float) -> None:
        self.offset = offset
        self.patience = PATIENCE_SECONDS
        self.until = now + PATIENCE_SECONDS

    def move(self, offset: int, head: int, now: float) -> None:
        """Note where the reader is. One that was waited for in vain is waited for half as long from then on."""
        if now >= self.until:
            self.patience /= 2
        if offset != self.offset:
            self.until = now + self.patience
        self.offset = offset
        if offset >= head:
            self.until = FOREVER


class Holds:
    """The readers of one terminal: those that read, and those that were cut off and may come back."""

    def __init__(self) -> None:
        self.readers: dict[tuple[int, bytes], Hold] = {}
        self.absent: list[Hold] = []

    def hold(self, peer: int, reader: bytes, offset: int, *, head: int, now: float) -> None:
        """Note how far a peer's reader is. A new one takes the place of an absent one that it can be."""
        hold = self.readers.get((peer, reader))
        if hold is None:
            returned = [one for one in self.absent if offset <= one.offset + AHEAD_BYTES]
            if returned:
                self.absent.remove(min(returned, key=lambda one: abs(one.offset - offset)))
            hold = self.readers[peer, reader] = Hold(offset, now)
            if len(self.readers) > READERS:
                del self.readers[next(iter(self.readers))]
        hold.move(offset, head, now)

    def release(self, peer: int, reader: bytes, now: float) -> None:
        """Note that a reader was cut off."""
        self._leave([key for key in [(peer, reader)] if key in self.readers], now, PATIENCE_SECONDS)

    def lose(self, peer: int, now: float) -> None:
        """Note that a peer is gone with all its readers; those that were cut off before can't come back yet either."""
        self._leave([key for key in self.readers if key[0] == peer], now, LOST_SECONDS)
        for one in self.absent:
            one.until = now + LOST_SECONDS

    def _leave(self, keys: "list[tuple[int, bytes]]", now: float, seconds: float) -> None:
        for key in keys:
            hold = self.readers.pop(key)
            if now < hold.until:
                hold.until = now + seconds
                self.absent.append(hold)
        self.absent = [one for one in self.absent if now < one.until][-READERS:]

    def note_output(self, head: int, now: float) -> None:
        """Note that there is more to read."""
        for hold in self.readers.values():
            if hold.until == FOREVER and hold.offset < head:
                hold.until = now + hold.patience

    def most(self, earliest: int, now: float) -> float:
        """Return how far the output may go; what is gone can't be held."""
        held = [one.offset for one in self._waited_for(now) if one.offset >= earliest]
        return min(held, default=FOREVER) + WINDOW_BYTES

    def next_time(self, now: float) -> float:
        """Return when the output may go further though no reader comes on."""
        return min([one.until for one in self._waited_for(now)], default=FOREVER)

    def _waited_for(self, now: float) -> "list[Hold]":
        return [one for one in [*self.readers.values(), *self.absent] if now < one.until]
