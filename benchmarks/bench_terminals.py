"""What a terminal's holder costs: a keystroke's echo beside a bare PTY's, and memory and CPU of those at rest.

python -m benchmarks.bench_terminals [keystrokes] [terminals]

Prints p50 and p99 in µs, memory in KiB for each holder, CPU seconds of all in a minute.
"""

import os
import pty
import select
import sys
import tempfile
import time
from pathlib import Path

import anyio

from benchmarks.machine import cpu_seconds, description
from domain.ports import Terminal
from tests.terminals.stage import holder_of, make_plan, open_host, sh, shows, until_offset

ECHO = sh("stty raw -echo; echo ready; exec cat")
PAUSE_SECONDS = 0.006  # longer than what the holder joins
REST_SECONDS = 10


def bare(count: int) -> list[float]:
    child, master = pty.fork()
    if child == 0:
        os.execvp(ECHO[0], list(ECHO))
    seen = b""
    while b"ready\n" not in seen:
        seen += os.read(master, 100)
    took = []
    for _ in range(count):
        began = time.perf_counter()
        os.write(master, b"x")
        select.select([master], [], [])
        os.read(master, 10)
        took.append(time.perf_counter() - began)
        time.sleep(PAUSE_SECONDS)
    os.close(master)
    os.waitpid(child, 0)
    return took


async def held(terminal: Terminal, count: int) -> list[float]:
    after = await shows(terminal, b"ready\n")
    took = []
    async with anyio.create_task_group() as typing:
        for seq in range(1, count + 1):
            began = time.perf_counter()
            typing.start_soon(terminal.write, "client", seq, b"x")
            await until_offset(terminal, after)
            after = (await terminal.read(after=after, limit=100)).offset
            took.append(time.perf_counter() - began)
            await anyio.sleep(PAUSE_SECONDS)
    await terminal.end()
    return took


def memory(process: int, kind: str) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def percentiles(took: list[float]) -> str:
    took.sort()
    return f"p50 {took[len(took) // 2] * 1e6:.0f} µs, p99 {took[len(took) * 99 // 100] * 1e6:.0f} µs"


async def measure(folder: Path, keystrokes: int, count: int) -> None:
    print(f"echo, bare PTY: {percentiles(bare(keystrokes))}")
    async with open_host(folder) as host:
        print(f"echo, by a holder: {percentiles(await held(await host.open(make_plan(*ECHO)), keystrokes))}")
        terminals = [await host.open(make_plan()) for _ in range(count)]
        await anyio.sleep(1)
        holders = list(map(holder_of, terminals))
        before = cpu_seconds(holders)
        await anyio.sleep(REST_SECONDS)
        cpu = (cpu_seconds(holders) - before) * 60 / REST_SECONDS
        resident, own = (sum(memory(holder, kind) for holder in holders) // count for kind in ("Rss", "Pss"))
        print(
            f"{count} at rest, each: {resident} KiB resident, {own} KiB proportional; all: {cpu:.2f} s CPU in a minute"
        )
        async with anyio.create_task_group() as ending:
            for terminal in terminals:
                ending.start_soon(terminal.end)


if __name__ == "__main__":
    figures = [*map(int, sys.argv[1:]), *(2000, 50)[len(sys.argv) - 1 :]]
    print(description())
    with tempfile.TemporaryDirectory() as place:
        anyio.run(measure, Path(place) / "terminals", figures[0], figures[1], backend_options={"use_uvloop": True})
