"""Terminals over a log in memory: what the log tells of them, whatever fails or dies on the way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from anyio import Event as Signal
from anyio import create_task_group, fail_after
from msgspec.structs import replace

from contracts.codec import decode_event
from contracts.events import TerminalClosed, TerminalCreated, TurnCompleted
from domain.access import OWNER, Principal
from domain.errors import (
    LogFull,
    SessionNotFound,
    TerminalNotFound,
    TerminalOver,
    TerminalsFull,
    TerminalUnavailable,
    UnknownMode,
)
from domain.ids import SessionId
from domain.ports import Turn, TurnEnd
from domain.system import SYSTEM
from domain.terminals import ENDED_KEPT, ENDED_KEPT_MS, NewTerminal
from domain.viewers import Size
from tests.domain.stage import Stage, of, staged, turns
from tests.fakes import FakeAgent, FakeTerminal, FakeTerminals, FaultyEventLog


class House:
    """One server's terminals; the programs in `programs` outlive it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.programs = stage.programs
        self.screens = stage.screens
        self.terminals = stage.terminals

    async def open(self, session_id: SessionId | None = None, **members: Any) -> FakeTerminal:
        terminal = await self.terminals.open(NewTerminal(session_id=session_id, **members))
        assert isinstance(terminal, FakeTerminal)
        return terminal

    async def told(self, session_id: SessionId | None = None) -> list[Any]:
        """Return what the log tells of terminals."""
        batch = await self.stage.log.read(
            session_id or SYSTEM, after=0, limit=100, types={"terminal-created", "terminal-closed"}
        )
        return [decode_event(recorded.data) for recorded in batch.events]

    async def ids(self) -> list[str]:
        return [one.state.plan.terminal_id for one in self.terminals.all_visible(OWNER)]


@asynccontextmanager
async def housed(
    programs: FakeTerminals | None = None,
    log: FaultyEventLog | None = None,
    terminals: int = 50,
    session_terminals: int = 16,
) -> AsyncIterator[House]:
    async with staged(log=log, programs=programs, terminals=terminals, session_terminals=session_terminals) as stage:
        house = House(stage)
        await stage.sessions.recover()
        await house.terminals.recover()
        yield house
        house.programs.leave()


def id_of(terminal: FakeTerminal) -> str:
    return terminal.state.plan.terminal_id


async def test_a_terminal_without_a_session_is_told_of_in_the_systems_log() -> None:
    async with housed() as house:
        terminal = await house.open(cols=100, rows=30)

        (created,) = await house.told()
        assert created == TerminalCreated(
            session_id=SYSTEM,
            seq=created.seq,
            timestamp=created.timestamp,
            terminal_id=id_of(terminal),
            working_dir="/srv/project",
            mode="shell",
            cols=100,
            rows=30,
            owner="user",
        )
        assert house.terminals.get(id_of(terminal)) is terminal
        assert house.screens.followed == [id_of(terminal)]


async def test_a_sessions_terminal_begins_where_the_session_works_and_is_told_of_in_its_log() -> None:
    async with housed() as house:
        session_id = await house.stage.open(working_dir="/srv/other")
        terminal = await house.open(session_id)

        assert terminal.state.plan.working_dir == "/srv/other"
        assert [one.terminal_id for one in await house.told(session_id)] == [id_of(terminal)]


async def test_a_program_that_ends_by_itself_is_told_of_once() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.exit(3)
        terminal.say(b"more of what it wrote")
        assert (await house.terminals.wait(id_of(terminal))).exit_code == 3
        await turns(20)
        await house.terminals.tend()
        await house.terminals.end(id_of(terminal))

        assert [one.exit_code for one in of(await house.told(), TerminalClosed)] == [3]
        assert house.terminals.get(id_of(terminal)) is terminal


async def test_two_who_end_a_terminal_at_once_tell_it_once() -> None:
    async with housed() as house:
        terminal = await house.open()
        async with create_task_group() as tasks:
            tasks.start_soon(house.terminals.end, id_of(terminal))
            tasks.start_soon(house.terminals.remove, id_of(terminal))
            tasks.start_soon(house.terminals.remove, id_of(terminal))

        assert len(of(await house.told(), TerminalClosed)) == 1
        assert terminal.removed
        with pytest.raises(TerminalNotFound):
            house.terminals.get(id_of(terminal))


async def test_a_mode_that_no_terminal_has_and_a_session_that_is_not_there_open_nothing() -> None:
    async with housed() as house:
        with pytest.raises(UnknownMode):
            await house.open(mode="claude")
        with pytest.raises(SessionNotFound):
            await house.open(SessionId("no-such-session"))

        assert not house.programs.opened


async def test_no_more_run_at_once_than_are_allowed() -> None:
    async with housed(terminals=2) as house:
        first = await house.open()
        await house.open()
        with pytest.raises(TerminalsFull):
            await house.open()
        first.exit()

        await house.open()
        assert len(house.programs.opened) == 3


async def test_those_that_are_being_opened_count_too() -> None:
    async with housed(terminals=1) as house:
        go = Signal()
        house.programs.before_open = go.wait
        async with create_task_group() as tasks:
            tasks.start_soon(house.open)
            await turns(5)
            with pytest.raises(TerminalsFull):
                await house.open()
            go.set()


async def test_one_session_takes_no_more_than_its_share() -> None:
    async with housed(session_terminals=2) as house:
        greedy, modest = await house.stage.open(), await house.stage.open()
        go = Signal()
        house.programs.before_open = go.wait
        async with create_task_group() as tasks:
            tasks.start_soon(house.open, greedy)
            tasks.start_soon(partial(house.open, greedy, owner="agent", command=["make"]))
            await turns(5)
            with pytest.raises(TerminalsFull, match="This session has 2 terminals"):
                await house.open(greedy)
            go.set()
        await house.open(modest)
        await house.open()
        with pytest.raises(TerminalsFull, match="This session has 2 terminals"):
            await house.open(greedy, owner="agent", command=["make"])
        house.programs.opened[0].exit()

        await house.open(greedy)


async def test_a_terminal_that_the_log_does_not_take_is_ended_at_once() -> None:
    async with housed() as house:
        session_id = await house.stage.open()
        house.stage.log.full = True
        for of_session in (session_id, None):
            with pytest.raises(LogFull):
                await house.open(of_session)

        assert not house.programs.running
        assert all(terminal.removed for terminal in house.programs.opened)
        assert await house.ids() == []


async def test_an_end_that_the_log_does_not_take_is_told_later() -> None:
    async with housed() as house:
        terminal = await house.open()
        house.stage.log.full = True
        terminal.exit(1)
        await turns(20)
        house.stage.log.full = False
        await house.terminals.tend()

        assert [one.exit_code for one in of(await house.told(), TerminalClosed)] == [1]


async def test_what_an_agent_opened_ends_with_its_turn_and_the_users_stays() -> None:
    async with housed() as house:
        session_id, other = await house.stage.open(), await house.stage.open()
        users, agents = await house.open(session_id), await house.open(session_id, owner="agent", command=["make"])
        others = await house.open(other, owner="agent", command=["make"])

        await house.terminals.end_turn(session_id)

        assert house.programs.running == [users, others]
        closed = of(await house.told(session_id), TerminalClosed)
        assert [one.terminal_id for one in closed] == [id_of(agents)]
        assert house.terminals.get(id_of(agents)) is agents


async def test_a_turn_is_over_only_after_its_terminals_are() -> None:
    async with housed() as house:
        session_id = await house.stage.open(mode="writer")

        async def play(agent: FakeAgent, turn: Turn) -> TurnEnd:
            assert not agent.alive
            await house.open(session_id, owner="agent", mode="writer", command=["make", turn.command])
            return TurnEnd(stop_reason="end")

        house.stage.launcher.play = play
        await house.stage.submit(session_id, "all")
        events = await house.stage.rested(session_id)

        order = [type(event) for event in events]
        assert order.index(TerminalCreated) < order.index(TerminalClosed) < order.index(TurnCompleted)
        assert not house.programs.running


async def test_a_deleted_session_leaves_no_terminal() -> None:
    async with housed() as house:
        session_id = await house.stage.open()
        terminal = await house.open(session_id)

        await house.stage.sessions.delete(session_id)

        assert terminal.removed
        assert await house.ids() == []


async def test_a_holder_that_does_not_answer_holds_no_turn_up() -> None:
    async with housed() as house:
        session_id = await house.stage.open()
        terminal = await house.open(session_id, owner="agent", command=["make"])
        terminal.unanswering = True

        await house.terminals.end_turn(session_id)

        with pytest.raises(TerminalUnavailable):
            await house.terminals.end(id_of(terminal))


async def test_with_a_session_all_its_terminals_go() -> None:
    async with housed() as house:
        session_id = await house.stage.open()
        running, ended = await house.open(session_id), await house.open(session_id)
        ended.exit()
        elsewhere = await house.open()

        await house.terminals.end_session(session_id)

        assert running.removed
        assert ended.removed
        assert await house.ids() == [id_of(elsewhere)]


async def test_a_terminal_that_opens_while_its_session_is_deleted_does_not_stay() -> None:
    async with housed() as house:
        session_id = await house.stage.open()
        go = Signal()
        house.programs.before_open = go.wait
        async with create_task_group() as tasks:

            async def open_late() -> None:
                with pytest.raises(SessionNotFound):
                    await house.open(session_id)

            tasks.start_soon(open_late)
            await turns(5)
            await (await house.stage.owners.get(session_id)).close()
            await house.terminals.end_session(session_id)
            go.set()

        assert not house.programs.running
        assert await house.told(session_id) == []


async def test_terminals_are_found_again_after_a_crash_each_told_of_once() -> None:
    async with housed() as first:
        session_id = await first.stage.open()
        stays, ends = await first.open(session_id), await first.open()
        log, programs = first.stage.log, first.programs

    ends.exit(7)
    for _ in range(2):
        async with housed(programs, log) as again:
            assert await again.ids() == [id_of(stays), id_of(ends)]
            assert again.screens.followed == [id_of(stays)]
            assert [one.exit_code for one in of(await again.told(), TerminalClosed)] == [7]
            assert of(await again.told(session_id), TerminalClosed) == []


async def test_a_program_that_nobody_was_told_of_is_ended_at_the_start() -> None:
    async with housed() as first:
        session_id = await first.stage.open()
        told = await first.open(session_id)
        plan = told.state.plan
        for other in (
            replace(plan, terminal_id="opened-not-told-1"),
            replace(plan, terminal_id="x" * 9, session_id=None),
        ):
            await first.programs.open(other)  # and then the server died
        log, programs = first.stage.log, first.programs

    async with housed(programs, log) as again:
        assert programs.running == [told]
        assert await again.ids() == [id_of(told)]
        assert len(await again.told(session_id)) == 1


async def test_what_an_agent_owned_and_what_a_deleted_session_had_ends_at_the_start() -> None:
    async with housed() as first:
        session_id, deleted = await first.stage.open(), await first.stage.open()
        agents, orphan = await first.open(session_id, owner="agent", command=["make"]), await first.open(deleted)
        await first.stage.sessions.delete(deleted)
        log, programs = first.stage.log, first.programs

    async with housed(programs, log) as again:
        assert not programs.running
        assert orphan.removed
        assert [one.terminal_id for one in of(await again.told(session_id), TerminalClosed)] == [id_of(agents)]


async def test_a_terminal_whose_holder_is_gone_is_told_to_be_over() -> None:
    async with housed() as first:
        session_id = await first.stage.open()
        gone = [await first.open(session_id), await first.open()]
        log, programs = first.stage.log, first.programs

    programs.lost = {id_of(one) for one in gone}
    for _ in range(2):
        async with housed(programs, log) as again:
            for of_session, terminal in zip((session_id, None), gone, strict=True):
                (closed,) = of(await again.told(of_session), TerminalClosed)
                assert closed.terminal_id == id_of(terminal)


async def test_terminals_that_cannot_be_looked_for_are_not_said_to_be_over() -> None:
    async with housed() as first:
        await first.open()
        log, programs = first.stage.log, first.programs

    programs.failure = TerminalUnavailable("No.")
    async with housed(programs, log) as again:
        assert of(await again.told(), TerminalClosed) == []


async def test_ended_terminals_are_kept_for_a_while_the_newest_of_them() -> None:
    async with housed() as house:
        running = await house.open()
        for _ in range(ENDED_KEPT + 2):
            house.stage.clock.time += 1
            (await house.open()).exit()
            await turns(20)
        await house.terminals.tend()
        assert [terminal.removed for terminal in house.programs.opened[:4]] == [False, True, True, False]

        house.stage.clock.time += ENDED_KEPT_MS + 1
        await house.terminals.tend()
        assert await house.ids() == [id_of(running)]


async def test_a_token_of_one_session_sees_the_terminals_of_that_session_alone() -> None:
    async with housed() as house:
        session_id, other = await house.stage.open(), await house.stage.open()
        mine, foreign, common = await house.open(session_id), await house.open(other), await house.open()
        holder = Principal(token_id="a-token-of-one", name="", scope="session", session_id=session_id)

        assert house.terminals.all_visible(holder) == [mine]
        assert house.terminals.visible(id_of(mine), holder) is mine
        for hidden in (foreign, common):
            with pytest.raises(TerminalNotFound):
                house.terminals.visible(id_of(hidden), holder)


async def test_the_size_follows_those_who_look() -> None:
    async with housed() as house:
        terminal = await house.open()
        leave = house.terminals.enter(id_of(terminal), "phone")
        house.terminals.enter(id_of(terminal), "desk")
        await house.terminals.resize(id_of(terminal), "desk", Size(200, 50))

        assert await house.terminals.resize(id_of(terminal), "phone", Size(40, 60)) == Size(40, 50)
        leave()
        with fail_after(1):
            while terminal.state.cols != 200:
                await turns(1)
        assert (terminal.state.cols, terminal.state.rows) == (200, 50)


async def test_an_ended_terminal_keeps_its_size() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.exit()

        with pytest.raises(TerminalOver):
            await house.terminals.resize(id_of(terminal), "desk", Size(200, 50))


async def test_a_session_may_move_while_its_terminal_runs() -> None:
    async with housed() as house:
        session_id = await house.stage.open()
        await house.open(session_id)

        assert (await house.stage.owners.get(session_id)).state.at_rest
        assert session_id in await house.stage.log.restless()
