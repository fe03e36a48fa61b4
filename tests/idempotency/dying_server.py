"""A server that kills itself between the effect of a request with a key and its answer, while a file says so."""

import os
import signal
from pathlib import Path
from typing import Any

from api.cli import main
from domain.receipts import Receipts

keep = Receipts.keep


async def die(self: Receipts, *arguments: Any) -> None:
    if Path("die").exists():  # noqa: ASYNC240 - it is about to die
        os.kill(os.getpid(), signal.SIGKILL)
    await keep(self, *arguments)


Receipts.keep = die  # type: ignore[assignment,method-assign]
main()
