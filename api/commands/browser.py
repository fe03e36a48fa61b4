"""A login URL on its way into a browser."""

import html
import os
import threading
import time
import webbrowser
from pathlib import Path

from contracts.views import LoginCode

BROWSER_SECONDS = 2


def minutes_left(code: LoginCode) -> int:
    """Return how long a login code still works, in minutes."""
    return max(1, round((code.expires_at / 1000 - time.time()) / 60))


def open_page(url: str, folder: Path) -> None:
    """Open a page of ours that leads to *url*: on the browser's own command line everybody could read the code."""
    page = folder / "login.html"
    page.unlink(missing_ok=True)
    with open(page, "w", opener=lambda path, flags: os.open(path, flags | os.O_EXCL, 0o600)) as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(url)}">')
    opening = threading.Thread(target=webbrowser.open, args=(page.as_uri(),), daemon=True)
    opening.start()
    opening.join(BROWSER_SECONDS)  # a browser without windows stays until it is closed
