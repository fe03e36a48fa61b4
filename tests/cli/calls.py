"""How tests call the command line."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click.testing

from api.cli import towpath
from tests.cli.stage import TOKEN, Stage

SECONDS = 30


def call(*words: str, stage: Stage | None = None, stdin: str | bytes | None = None) -> click.testing.Result:
    """Call a command in this process, for the server that *stage* plays."""
    environ = {} if stage is None else {"TOWPATH_URL": stage.url, "TOWPATH_TOKEN": TOKEN}
    return click.testing.CliRunner().invoke(towpath, words, input=stdin, env=environ, catch_exceptions=False)


def spawn(*words: str, environ: dict[str, str], cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start a command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "api", *words],
        env=os.environ | environ,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def bounded(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """End a process with the block: a test that fails must not wait for what never ends."""
    with process:
        try:
            yield process
        finally:
            process.kill()
