"""What every test runs under. Nothing is imported from here."""

import signal

import pytest

# A shell that starts a job in the background has it ignore SIGINT, and that is inherited: Ctrl-C could not be tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
