"""What a terminal's readers and writers see while the server is killed again and again: nothing of it."""

import hashlib
import os
import random
import re
import signal
import sys
from pathlib import Path

import anyio
import pytest
from anyio import fail_after
from anyio.abc import Process

from tests.terminals import killed_server
from tests.terminals.stage import make_plan, open_host, sh, shows, whole

MEGABYTES = int(os.environ.get("TERMINAL_MEGABYTES", "30"))
KILLS = int(os.environ.get("TERMINAL_KILLS", "3"))
CUTS = MEGABYTES

pytestmark = pytest.mark.timeout(300)


async def killed(folder: Path, work: str, argument: object, told: Path) -> Process:
    with told.open("ab") as errors:
        return await anyio.open_process(
            [sys.executable, "-m", killed_server.__name__, str(folder), work, str(argument)],
            stderr=errors,
            cwd=Path(__file__).parents[2],
        )


async def test_every_byte_arrives_once_and_in_order_though_viewers_are_cut_and_servers_killed(tmp_path: Path) -> None:
    folder, source, cuts = tmp_path / "terminals", tmp_path / "source", tmp_path / "cuts"
    expected, seen = hashlib.sha256(), hashlib.sha256()
    with source.open("wb") as file:
        for number in range(MEGABYTES):
            block = random.Random(number).randbytes(1_000_000)
            expected.update(block)
            file.write(block)
    async with open_host(folder) as host:
        terminal = await host.open(make_plan(*sh('stty raw -echo; echo ready; read go; exec cat "$1"', str(source))))
        start = await shows(terminal, b"ready\n")
        terminal.hold("first", start)
        await terminal.write("a", 1, b"\n")

    after, total = start, MEGABYTES * 1_000_000
    with fail_after(250):
        while after < start + total:
            server = await killed(folder, "read", after, cuts)
            due = after + total // (KILLS + 1) * random.uniform(0.9, 1)
            assert server.stdout
            async for piece in server.stdout:
                seen.update(piece)
                after += len(piece)
                if due and after >= due:
                    server.send_signal(signal.SIGKILL)
                    due = 0
            await server.wait()
            assert not due or after == start + total, cuts.read_text()
            await server.aclose()

    assert seen.hexdigest() == expected.hexdigest()
    assert cuts.read_text().count("cut\n") >= CUTS
    assert set(re.findall(r"pid (\d+)", cuts.read_text())) == {str(terminal.state.pid)}


async def test_every_line_is_typed_once_though_answers_are_lost(tmp_path: Path) -> None:
    folder, errors = tmp_path / "terminals", tmp_path / "errors"
    with fail_after(60):
        async with open_host(folder) as host:
            terminal = await host.open(make_plan(*sh("stty -echo; echo ready; cat")))
            await shows(terminal, b"ready\r\n")
        taken = 0
        for _ in range(KILLS):
            server = await killed(folder, "type", taken + 1, errors)
            assert server.stdout
            unread, due = b"", taken + random.randint(20, 200)
            async for piece in server.stdout:
                *lines, unread = (unread + piece).split(b"\n")
                taken = int(lines[-1]) if lines else taken
                if taken >= due:
                    server.send_signal(signal.SIGKILL)
            await server.aclose()
        async with open_host(folder) as host:
            [again] = await host.find()
            newest = await again.write("client", 1, b"typed again\n")
            await again.write("other", 1, b"\x04")
            output = await whole(again)

    assert again.state.pid == terminal.state.pid
    assert newest in (taken, taken + 1)
    assert list(map(int, output.split()[1:])) == list(range(1, newest + 1))
