"""Screens are followed live, survive a restart and the death of the process that draws, and answer queries once."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio import fail_after
from typing_extensions import override

from domain.ports import Terminal, TerminalScreen
from infrastructure.clock import SystemClock
from infrastructure.screens.core import Core
from infrastructure.screens.drawer import Drawer
from infrastructure.screens.screens import GhosttyScreens
from tests.processes.living import until
from tests.screens.views import view
from tests.terminals.stage import make_plan, open_host, shows, until_ended, until_offset

ENVIRONMENT = {"PATH": os.environ["PATH"]}
ASK = r"printf 'asking\033[6n'; stty raw -echo; head -c 6 | od -An -c; echo answered"


@asynccontextmanager
async def open_screens(folder: Path) -> AsyncIterator[tuple[GhosttyScreens, Drawer]]:
    drawer = Drawer(environment=ENVIRONMENT)
    try:
        async with anyio.create_task_group() as tasks:
            yield GhosttyScreens(folder, drawer=drawer, clock=SystemClock(), tasks=tasks), drawer
            tasks.cancel_scope.cancel()
    finally:
        await drawer.aclose()


async def output(terminal: Terminal) -> bytes:
    whole = b""
    while len(whole) < terminal.state.offset:
        whole += (await terminal.read(after=len(whole), limit=1 << 20)).data
    return whole


def painted(screen: TerminalScreen) -> Core:
    core = Core(screen.cols, screen.rows)
    core.write(screen.data)
    return core


async def equals_the_stream(screen: TerminalScreen, terminal: Terminal) -> bool:
    core = Core(screen.cols, screen.rows)
    core.write((await output(terminal))[: screen.offset])
    return view(painted(screen)) == view(core)


async def test_a_screen_is_what_was_printed_until_then(tmp_path: Path) -> None:
    async with open_host(tmp_path / "t") as host, open_screens(tmp_path / "t") as (screens, _):
        terminal = await host.open(make_plan("sh", "-c", r"seq 100; printf '\033]2;named\007\033[31mred'; cat"))
        screens.follow(terminal)
        with fail_after(10):
            await shows(terminal, b"red")
            screen = await screens.screen(terminal)

        assert (screen.exact, screen.title, screen.offset) == (True, "named", terminal.state.offset)
        assert await equals_the_stream(screen, terminal)
        await terminal.remove()


async def test_a_query_is_answered_without_a_viewer(tmp_path: Path) -> None:
    async with open_host(tmp_path / "t") as host, open_screens(tmp_path / "t") as (screens, _):
        terminal = await host.open(make_plan("sh", "-c", ASK))
        screens.follow(terminal)
        with fail_after(10):
            await until_ended(terminal)

        assert b"answered" in await output(terminal)
        assert terminal.state.replied > 0


async def test_a_query_is_answered_once_over_a_restart(tmp_path: Path) -> None:
    program = r"stty raw -echo; printf 'asking\033[6n'; while :; do head -c 1 | od -An -c; done"
    async with open_host(tmp_path / "t") as host:
        terminal = await host.open(make_plan("sh", "-c", program))
        with fail_after(20):
            for _ in range(2):
                async with open_screens(tmp_path / "t") as (screens, _):
                    screens.follow(terminal)
                    await shows(terminal, b"R")
                    await screens.screen(terminal)
            await terminal.write("me", 1, b"!")
            await shows(terminal, b"!")

        assert (await output(terminal)).count(b"R") == 1
        await terminal.remove()


async def test_an_old_query_is_not_answered(tmp_path: Path) -> None:
    class Later(SystemClock):
        @override
        def now(self) -> int:
            return super().now() + 60_000

    async with open_host(tmp_path / "t") as host:
        terminal = await host.open(make_plan("sh", "-c", r"printf 'asking\033[6n'; cat"))
        with fail_after(10):
            await shows(terminal, b"asking")
            drawer = Drawer(environment=ENVIRONMENT)
            async with anyio.create_task_group() as tasks:
                screens = GhosttyScreens(tmp_path / "t", drawer=drawer, clock=Later(), tasks=tasks)
                screens.follow(terminal)
                await screens.screen(terminal)
                tasks.cancel_scope.cancel()
            await drawer.aclose()

        assert terminal.state.replied == 0
        await terminal.remove()


async def test_a_screen_goes_on_from_what_was_kept(tmp_path: Path) -> None:
    program = r"printf '\033]2;early\007'; read go; head -c 300000 /dev/zero | tr '\0' x; cat"
    async with open_host(tmp_path / "t", kept=64 * 1024) as host:
        terminal = await host.open(make_plan("sh", "-c", program))
        with fail_after(20):
            async with open_screens(tmp_path / "t") as (screens, _):
                screens.follow(terminal)
                await screens.screen(terminal)
                await terminal.write("me", 1, b"go\n")
                await until_offset(terminal, 300_000)
                await screens.screen(terminal)
            async with open_screens(tmp_path / "t") as (screens, _):
                screens.follow(terminal)
                again = await screens.screen(terminal)

        assert again.title == "early"
        await terminal.remove()


async def test_the_death_of_the_process_that_draws_costs_nothing(tmp_path: Path) -> None:
    async with open_host(tmp_path / "t") as host, open_screens(tmp_path / "t") as (screens, drawer):
        terminals = [await host.open(make_plan("sh", "-c", f"echo mine {n}; cat")) for n in range(3)]
        with fail_after(20):
            for terminal in terminals:
                screens.follow(terminal)
                await shows(terminal, b"mine")
                await screens.screen(terminal)
            assert drawer.pid
            os.kill(drawer.pid, signal.SIGKILL)
            for terminal in terminals:
                screen = await screens.screen(terminal)
                assert screen.exact
                assert await equals_the_stream(screen, terminal)
                await terminal.remove()


async def test_a_piece_that_hangs_the_process_that_draws_costs_its_own_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.screens.drawer.ANSWER_SECONDS", 3)
    async with open_host(tmp_path / "t") as host, open_screens(tmp_path / "t") as (screens, drawer):
        deadly, other = [await host.open(make_plan("sh", "-c", f"stty -echo; echo mine {n}; cat")) for n in range(2)]
        with fail_after(40):
            for terminal in (deadly, other):
                screens.follow(terminal)
                await shows(terminal, b"mine")
                await screens.screen(terminal)
            for terminal in (deadly, other):  # nothing but what is typed is the next order
                await until((tmp_path / "t" / terminal.state.plan.terminal_id / "screen").exists)
            hung = drawer.pid
            assert hung
            os.kill(hung, signal.SIGSTOP)
            await deadly.write("me", 1, b"deadly\n")
            await shows(deadly, b"deadly")
            lost = await screens.screen(deadly)
            assert not lost.exact
            assert b"deadly" not in lost.data
            assert drawer.pid != hung
            seen = await screens.screen(other)
            assert seen.exact
            assert await equals_the_stream(seen, other)

            await deadly.write("me", 2, b"\x1bcback\n")
            await shows(deadly, b"back")
            again = await screens.screen(deadly)
            assert again.exact
            assert await equals_the_stream(again, deadly)
            for terminal in (deadly, other):
                await terminal.remove()


async def test_an_ended_terminal_shows_its_last(tmp_path: Path) -> None:
    async with open_host(tmp_path / "t") as host, open_screens(tmp_path / "t") as (screens, _):
        terminal = await host.open(make_plan("sh", "-c", "echo the last"))
        screens.follow(terminal)
        with fail_after(10):
            await until_ended(terminal)
            screen = await screens.screen(terminal)

        assert b"the last" in screen.data


@pytest.mark.parametrize("damage", [b"", b"rubbish", bytes(200)])
async def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, damage: bytes) -> None:
    async with open_host(tmp_path / "t") as host, open_screens(tmp_path / "t") as (screens, _):
        terminal = await host.open(make_plan("sh", "-c", "echo here; cat"))
        (tmp_path / "t" / terminal.state.plan.terminal_id / "screen").write_bytes(damage)
        with fail_after(10):
            await shows(terminal, b"here")
            screens.follow(terminal)
            screen = await screens.screen(terminal)

        assert screen.exact
        assert b"here" in screen.data
        await terminal.remove()


async def test_a_flood_is_followed_to_its_end(tmp_path: Path) -> None:
    async with open_host(tmp_path / "t") as host, open_screens(tmp_path / "t") as (screens, _):
        terminal = await host.open(make_plan("sh", "-c", "read go; seq 1500000; echo done; cat"))
        screens.follow(terminal)
        with fail_after(30):
            await screens.screen(terminal)
            await terminal.write("me", 1, b"go\n")
            await until_offset(terminal, 12_388_896 + len("go\r\ndone\r\n") - 1)
            screen = await screens.screen(terminal)

        assert screen.exact
        assert b"done" in screen.data
        await terminal.remove()


async def test_a_terminal_that_is_removed_is_followed_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.screens.screens.RETRY_SECONDS", 0.001)
    async with open_host(tmp_path / "t") as host, open_screens(tmp_path / "t") as (screens, _):
        terminal = await host.open(make_plan("echo", "unseen"))
        with fail_after(10):
            await until_ended(terminal)
            await terminal.remove()
            await screens._screen(terminal).follow()  # which ends, in the background else
