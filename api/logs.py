"""What the server says of itself on stderr: short lines for a terminal, JSON lines for everything else."""

import logging
from datetime import UTC, datetime
from typing import TextIO

from typing_extensions import override

from api.render import printable
from contracts.codec import encode_line


class JsonLines(logging.Formatter):
    """One JSON object on one line; nothing in it can command a terminal."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str | int] = {
            "timestamp": int(record.created * 1000),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return encode_line(line)


class ShortLines(logging.Formatter):
    """Time, level and message; a traceback follows, indented, so that no text can pass for a line of its own."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return f"{time} {record.levelname.lower():7} {printable(text)}".replace("\n", "\n    ")


def configure_logs(level: str, *, stream: TextIO) -> None:
    """Send every log of this process to *stream*, from *level* (debug, info, warning, error) up.

    uvicorn is to be run with ``log_config=None, access_log=False``: what a client sends in a URL stays out of the log.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ShortLines() if stream.isatty() else JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
