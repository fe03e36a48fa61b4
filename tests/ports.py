"""Ports for the servers that tests start."""

import os
import random
import socket

# Below 32768, where Linux begins to hand out ports to outgoing connections. A part for each process that runs tests:
# a server that is killed and started again finds its port free.
PARTS, PART = 8, 1500
LOWEST = 20_000 + PART * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % PARTS)


def free_port() -> int:
    """Return a TCP port that could be bound on 127.0.0.1 a moment ago."""
    for port in random.sample(range(LOWEST, LOWEST + PART), k=100):
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of 100 ports between {LOWEST} and {LOWEST + PART} is free")
