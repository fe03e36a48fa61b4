"""Any order of prompts, cancellations, full disks, slow commits, restarts and deletions: what must hold at the end."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
from anyio import create_task_group, fail_after
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint
from hypothesis import given, settings

from contracts.events import CommandSent, SessionOutput
from contracts.requests import UpdateSession
from domain.errors import TowpathError
from domain.ids import SessionId, TurnId
from domain.ports import Turn, TurnEnd
from domain.reading import fold
from tests.domain.stage import Stage, ends, folded, of, started
from tests.fakes import FakeAgent, FaultyEventLog

# Runs at once, until it is stopped, until its session ends, or not at all.
COMMANDS = ("quick", "chatty", "patient", "stubborn", "broken")


async def play(agent: FakeAgent, turn: Turn) -> TurnEnd:
    if turn.command == "chatty":
        for number in range(20):
            await agent.emit(SessionOutput(turn_id=turn.turn_id, stream="stdout", content=f"{number} " * 30_000))
    if turn.command == "patient":
        await agent.stop.wait()
        return TurnEnd(stop_reason="cancelled")
    if turn.command == "stubborn":
        await agent.ended.wait()
        return TurnEnd(stop_reason="cancelled")
    if turn.command == "broken":
        raise RuntimeError
    return TurnEnd(stop_reason="end")


class Player:
    """Plays steps on one session, and remembers which prompts were taken."""

    def __init__(self, log: FaultyEventLog) -> None:
        self.log = log
        self.taken: list[str] = []
        self.ran: list[str] = []
        self.session_id = SessionId("")
        self.stage: Any = None

    def serve(self, tasks: TaskGroup) -> None:
        self.stage = Stage(tasks, play=self.play, log=self.log, rules=(), queue=4)

    async def play(self, agent: FakeAgent, turn: Turn) -> TurnEnd:
        self.ran.append(turn.turn_id)
        return await play(agent, turn)

    async def step(self, name: str, argument: Any) -> None:
        sessions = self.stage.sessions
        try:
            match name:
                case "submit":
                    command, delivery = argument
                    accepted = await self.stage.submit(self.session_id, command, delivery=delivery)
                    self.taken.append(accepted.turn_id)
                case "cancel":
                    turn_id = None if argument is None or not self.taken else self.taken[argument % len(self.taken)]
                    await sessions.cancel(self.session_id, None if turn_id is None else TurnId(turn_id))
                case "resume":
                    await sessions.resume(self.session_id)
                case "rename":
                    await sessions.update(self.session_id, UpdateSession(title=argument))
                case "trim":
                    await self.stage.retention.trim()
        except TowpathError:
            pass


deliveries = st.sampled_from(["queue", "queue", "steer", "reject"])
steps = st.one_of(
    st.tuples(st.just("submit"), st.tuples(st.sampled_from(COMMANDS), deliveries)),
    st.tuples(st.just("cancel"), st.none() | st.integers(0, 9)),
    st.tuples(st.just("resume"), st.none()),
    st.tuples(st.just("rename"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("trim"), st.none()),
    st.tuples(st.just("full"), st.booleans()),
    st.tuples(st.just("held"), st.booleans()),
    st.tuples(st.just("pause"), st.integers(1, 30)),
)
servers = st.lists(st.lists(steps, max_size=12), min_size=1, max_size=3)


@given(servers=servers)
@settings(deadline=None, max_examples=150)
async def test_what_was_taken_is_kept_and_runs_once_and_the_status_is_true(
    servers: Sequence[Sequence[tuple[str, Any]]],
) -> None:
    player = Player(FaultyEventLog())
    with fail_after(20):
        for number, script in enumerate([*servers, []]):
            async with create_task_group() as tasks:
                player.serve(tasks)
                if number == 0:
                    player.session_id = await player.stage.open()
                await player.stage.sessions.recover()
                async with create_task_group() as clients:
                    for name, argument in script:
                        await perform(player, clients, name, argument)
                    make_room(player.log)
                tasks.cancel_scope.cancel()  # killed, whatever runs
        events = await player.stage.events(player.session_id)
        state = await fold(player.log, player.session_id)

    sent = [event.turn_id for event in of(events, CommandSent)]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert state == folded(events)
    assert set(player.taken) <= set(sent)
    assert max(Counter(player.ran).values(), default=0) <= 1
    assert set(player.ran) <= set(started(events)) <= set(sent)
    assert max(Counter(started(events)).values(), default=0) <= 1
    assert max(Counter(turn_id for turn_id, _ in ends(events)).values(), default=0) <= 1
    over = {turn_id for turn_id, _ in ends(events)}
    assert {prompt.turn_id for prompt in state.queue} == set(sent) - over
    assert state.at_rest


async def perform(player: Player, clients: TaskGroup, name: str, argument: Any) -> None:
    match name:
        case "full":
            player.log.full = argument
        case "held":
            player.log.held = argument
            if not argument:
                player.log.release()
        case "pause":
            for _ in range(argument):
                await checkpoint()
        case _:
            clients.start_soon(player.step, name, argument)
            await checkpoint()


def make_room(log: FaultyEventLog) -> None:
    log.full = False
    log.release()
