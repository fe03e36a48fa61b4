"""Wall time."""

import time


class SystemClock:
    """The machine's clock, which may be set back: order comes from seq, never from here."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000
