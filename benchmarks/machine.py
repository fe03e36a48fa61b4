"""The machine under the benchmark: cores, processes, limits, and what to write above a table of results."""

import contextlib
import os
import platform
import resource
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cores() -> tuple[int, int]:
    """Return the server's core and the client's: one shared core would measure how they are scheduled."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise SystemExit("the benchmark needs two cores: one for the server, one for the client")
    return allowed[0], allowed[1]


@contextlib.contextmanager
def pinned_to(core: int) -> Iterator[None]:
    """Have processes that are started inside run on *core* alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_open_files() -> int:
    """Raise the limit on open files as far as it goes; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def process_tree(pid: int) -> list[int]:
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += process_tree(int(child))
    return found


def cpu_seconds(pids: list[int]) -> float:
    # the kernel's name for "CPU time of that process": ~pid in the upper bits, 2 for the scheduler's clock
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def busy_seconds(core: int) -> float:
    """Return how long *core* was not idle since boot, time stolen by a hypervisor included."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *figures = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = (int(figure) for figure in figures[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
    raise LookupError(f"no cpu{core} in /proc/stat")


def resident_mb(pids: list[int]) -> float:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * resource.getpagesize() / 1e6


def description() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    memory_gib = os.sysconf("SC_PHYS_PAGES") * resource.getpagesize() / 2**30
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "none"
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {model} ({platform.machine()}), {os.cpu_count()} cores, "
        f"{memory_gib:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, commit {commit}"
    )
