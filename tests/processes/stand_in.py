"""A server to kill: supervises commands that leave things behind, prints their process ids, and never ends."""

import sys

import anyio

from tests.processes.commands import line, shell
from tests.processes.leftovers import LEFTOVERS


async def main(mark: str) -> None:
    processes = [await shell(LEFTOVERS, mark) for _ in range(5)]
    for process in processes:
        await line(process.stdout)
        print(process.supervisor_pid, process.pid, flush=True)
    print("ready", flush=True)
    await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
