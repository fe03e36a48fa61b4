"""Finds the one terminal of a folder, or opens it, and works with it until it is killed, as a server would.

open OWNER  opens one, whose program leaves what is hard to end, and writes its id
read AFTER  writes the output past AFTER to standard output, by viewers that are cut at random
type SEQ    types lines with the numbers from SEQ on, and writes each number once it is taken
"""

import random
import sys
from pathlib import Path

import anyio

from domain.errors import TerminalOver
from domain.ids import make_id
from domain.ports import Terminal
from tests.processes.leftovers import LEFTOVERS
from tests.terminals.stage import make_plan, open_host, sh, until_offset

CUT_BYTES = 1_000_000
PIECE_BYTES = 48 * 1024


async def main(folder: Path, work: str, argument: str) -> None:
    async with open_host(folder) as host:
        if work == "open":
            owner, mark = argument.split(":")
            terminal = await host.open(make_plan(*sh(LEFTOVERS, mark), owner=owner))
            sys.stdout.write(f"{terminal.state.plan.terminal_id}\n")
            sys.stdout.flush()
            await anyio.sleep_forever()
        start = int(argument)
        [terminal] = await host.find()
        sys.stderr.write(f"pid {terminal.state.pid}\n")
        if work == "read":
            while terminal.state.ended_at is None or start < terminal.state.offset:
                start = await view(terminal, start)
        else:
            await type_numbers(terminal, start)


async def view(terminal: Terminal, after: int) -> int:
    """Follow the output from *after* on, until cut; return where to go on."""
    reader = make_id()
    cut = after + random.randint(1, CUT_BYTES)
    while after < cut and (terminal.state.ended_at is None or after < terminal.state.offset):
        terminal.hold(reader, after)
        output = await terminal.read(after=after, limit=random.randint(1, PIECE_BYTES))
        sys.stdout.buffer.write(output.data)
        after = output.offset
        await anyio.lowlevel.checkpoint()
        if not output.data:
            await until_offset(terminal, after)
    terminal.release(reader)
    sys.stdout.buffer.flush()
    sys.stderr.write("cut\n")
    return after


async def type_numbers(terminal: Terminal, seq: int) -> None:
    while True:
        try:
            assert await terminal.write("client", seq, b"%d\n" % seq) == seq
        except TerminalOver:
            return
        sys.stdout.write(f"{seq}\n")
        sys.stdout.flush()
        seq += 1


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), sys.argv[2], sys.argv[3])
