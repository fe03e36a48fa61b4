"""Starts commands for the tests of their supervision."""

import os
from collections.abc import Mapping
from pathlib import Path

from anyio import EndOfStream, fail_after

from infrastructure.processes.pipes import OutputPipe
from infrastructure.processes.process import NO_LIMITS, Limits, Process, spawn

ENVIRONMENT = {"PATH": os.environ["PATH"]}


async def start(
    *command: str,
    directory: Path = Path("/"),
    environment: Mapping[str, str] = ENVIRONMENT,
    limits: Limits = NO_LIMITS,
    stdin: bool = False,
    report: bool = False,
) -> Process:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with fail_after(10):
            return await spawn(
                command,
                directory=descriptor,
                environment=environment,
                limits=limits,
                stdin=stdin,
                report=report,
            )
    finally:
        os.close(descriptor)


async def shell(script: str, *arguments: str, stdin: bool = False, report: bool = False) -> Process:
    return await start("sh", "-c", script, "sh", *arguments, stdin=stdin, report=report)


async def everything(pipe: OutputPipe) -> bytes:
    """Return what comes until nobody holds the other end any more."""
    data = b""
    with fail_after(20):
        try:
            while True:
                data += await pipe.receive()
        except EndOfStream:
            return data


async def line(pipe: OutputPipe) -> bytes:
    data = b""
    with fail_after(10):
        while not data.endswith(b"\n"):
            data += await pipe.receive(1)
    return data
