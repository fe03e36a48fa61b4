"""Ports for the servers that tests start."""

import random
import socket

LOWEST, HIGHEST = 20_000, 32_000  # below 32768, where Linux begins to hand out ports to outgoing connections


def free_port() -> int:
    """Return a TCP port that could be bound on 127.0.0.1 a moment ago."""
    for port in random.sample(range(LOWEST, HIGHEST), k=100):
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of 100 ports between {LOWEST} and {HIGHEST} is free")
