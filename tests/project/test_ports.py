"""The ports that tests use."""

import socket

from tests.ports import free_port


def test_a_free_port_can_be_bound_and_is_never_an_ephemeral_one() -> None:
    port = free_port()

    assert 20_000 <= port < 32_768
    with socket.create_server(("127.0.0.1", port)):
        pass
