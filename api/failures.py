"""How a command ends when it could not do its work; each kind has an exit code of its own."""

from http import HTTPStatus

import click
from typing_extensions import override

from api.render import printable


class Failure(click.ClickException):
    """A command could not do its work; the text says why and what to do."""

    exit_code = 1

    @override
    def format_message(self) -> str:
        return printable(self.message)


class WrongSettings(Failure):
    """The settings or what was typed can't be meant."""

    exit_code = 2


class NoServer(Failure):
    """No server runs."""

    exit_code = 3


class Unreachable(NoServer):
    """A server should be there and does not answer, or not in our language."""


class Refused(Failure):
    """The server refused; ``status`` is its HTTP status."""

    exit_code = 4

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status

    @property
    def passes(self) -> bool:
        """Whether it may be otherwise in a moment: the server is busy, or a proxy speaks while it is away."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
