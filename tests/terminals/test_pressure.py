"""What a terminal does where one side is faster than the other."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from anyio import fail_after, move_on_after

from domain.errors import InputRefused
from domain.ports import Terminal
from infrastructure.terminals import holds, place
from infrastructure.terminals.holder import READ_BYTES, TYPED_BYTES
from infrastructure.terminals.holds import WINDOW_BYTES
from tests.terminals.stage import holder_of, make_plan, open_host, sh, shows, until_ended, until_offset, whole

FLOOD_SECONDS = float(os.environ.get("TERMINAL_FLOOD_SECONDS", "2"))
LINES = 600_000  # of seq: about 4 MB


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have holders wait shorter for something than they do."""

    def shorten(**constants: float) -> None:
        modules = {name: "holds" if hasattr(holds, name) else "holder" for name in constants}
        patience = "".join([f"{modules[name]}.{name} = {value}; " for name, value in constants.items()])
        start, _, _ = place.BOOTSTRAP.partition("from ")
        bootstrap = f"{start}from infrastructure.terminals import holder, holds; {patience}holder.main()"
        monkeypatch.setattr(place, "BOOTSTRAP", bootstrap)

    return shorten


async def at_rest(terminal: Terminal) -> int:
    """Wait until no output has come for a while."""
    offset = -1
    while offset < terminal.state.offset:
        offset = terminal.state.offset
        with move_on_after(0.3):
            await until_offset(terminal, offset)
    return offset


async def test_a_program_waits_for_who_holds_it(tmp_path: Path) -> None:
    async with open_host(tmp_path / "terminals", kept=2 * WINDOW_BYTES) as host:
        with fail_after(30):
            terminal = await host.open(make_plan(*sh(f"stty -opost; read go; seq {LINES}")))
            terminal.hold("reader", 0)
            await terminal.write("a", 1, b"\n")
            offset = await at_rest(terminal)

            assert WINDOW_BYTES <= offset < WINDOW_BYTES + READ_BYTES + 8192
            pieces, after = [], 0
            while after < terminal.state.offset or terminal.state.ended_at is None:
                terminal.hold("reader", after)
                output = await terminal.read(after=after, limit=READ_BYTES)
                pieces.append(output.data)
                after = output.offset
                if not output.data:
                    await until_offset(terminal, after)

    _, _, lines = b"".join(pieces).partition(b"\n")
    assert lines.split() == [b"%d" % n for n in range(1, LINES + 1)]


async def test_a_hold_that_is_not_renewed_holds_nobody_up(tmp_path: Path, impatient: Callable[..., None]) -> None:
    impatient(PATIENCE_SECONDS=0.5)
    async with open_host(tmp_path / "terminals", kept=WINDOW_BYTES) as host:
        with fail_after(30):
            terminal = await host.open(make_plan(*sh(f"read go; seq {LINES}")))
            terminal.hold("reader", 0)
            await terminal.write("a", 1, b"\n")
            await until_ended(terminal)

    assert terminal.state.exit_code == 0
    assert terminal.state.earliest > WINDOW_BYTES


async def test_a_hold_outlives_the_server(tmp_path: Path, impatient: Callable[..., None]) -> None:
    impatient(LOST_SECONDS=60)
    folder = tmp_path / "terminals"
    with fail_after(30):
        async with open_host(folder, kept=2 * WINDOW_BYTES) as host:
            terminal = await host.open(make_plan(*sh(f"stty -opost; sleep 0.3; seq {LINES}")))
            terminal.hold("reader", 0)
        await anyio.sleep(0.6)
        async with open_host(folder) as host:
            [terminal] = await host.find()
            offset = await at_rest(terminal)

            assert WINDOW_BYTES <= offset <= WINDOW_BYTES + READ_BYTES
            assert terminal.state.earliest == 0
            await terminal.end()


async def test_input_that_is_not_read_is_refused_whole(tmp_path: Path, impatient: Callable[..., None]) -> None:
    impatient(TYPE_SECONDS=0.3)
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(20):
            terminal = await host.open(make_plan(*sh("stty raw -echo; echo ready; read never; exec cat")))
            await shows(terminal, b"ready")
            os.kill(terminal.state.pid, signal.SIGSTOP)
            taken = refused = 0
            while not refused:
                try:
                    taken = await terminal.write("a", taken + 1, b"%07d\n" % taken * (TYPED_BYTES // 8))
                except InputRefused:
                    refused = taken + 1
            os.kill(terminal.state.pid, signal.SIGCONT)
            while taken < refused + 2:
                taken = await terminal.write("a", taken + 1, b"%07d\n" % taken * (TYPED_BYTES // 8))
            await terminal.write("a", taken + 1, b"over\n")
            await shows(terminal, b"over\n", after=terminal.state.earliest)
            await terminal.end()
            output = await whole(terminal)

    _, _, typed = output.partition(b"ready\n")
    lines = [b"%07d" % n for n in range(taken) for _ in range(TYPED_BYTES // 8)]
    assert typed.split() == [*lines[1:], b"over"]


@pytest.mark.skipif(sys.platform != "linux", reason="measures by /proc")
async def test_a_flood_takes_no_memory_and_ends_by_ctrl_c(tmp_path: Path) -> None:
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(FLOOD_SECONDS + 20):
            terminal = await host.open(make_plan("yes"))
            holder = holder_of(terminal)
            await until_offset(terminal, 1_000_000)
            before = resident(holder)
            with move_on_after(FLOOD_SECONDS):
                while True:
                    await until_offset(terminal, terminal.state.offset)
            after = resident(holder)
            with fail_after(1):
                await terminal.write("a", 1, b"\x03")
                await until_ended(terminal)

    assert after - before < 4_000  # KiB, of gigabytes: the program may run 1 MiB ahead
    assert terminal.state.exit_code == 130
    output = tmp_path / "terminals" / terminal.state.plan.terminal_id / "output"
    assert output.stat().st_size < 9_000_000


async def test_a_full_disk_has_the_program_wait_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "full"
    start, _, rest = place.BOOTSTRAP.partition("from ")
    bootstrap = f"""{start}import os
from infrastructure.terminals import holder
def pwrite(*arguments, write=os.pwrite):
    if os.path.exists({str(full)!r}):
        os.write(os.open("/dev/full", os.O_WRONLY), b"x")
    return write(*arguments)
os.pwrite = pwrite
holder.RETRY_SECONDS = 0.1
from {rest}"""
    monkeypatch.setattr(place, "BOOTSTRAP", bootstrap)
    async with open_host(tmp_path / "terminals") as host:
        with fail_after(20):
            terminal = await host.open(make_plan(*sh(f"stty -opost -echo; echo ready; read go; seq {LINES}")))
            after = await shows(terminal, b"ready\n")
            full.touch()
            await terminal.write("a", 1, b"\n")
            assert await at_rest(terminal) == after
            await terminal.resize(100, 30)  # it answers all the same
            full.unlink()
            output = await whole(terminal)

    assert output[after:].split() == [b"%d" % n for n in range(1, LINES + 1)]


def resident(process: int) -> int:
    """Return how many KiB a process has in memory."""
    [line] = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])
