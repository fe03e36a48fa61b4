"""What agents do well and badly, and what the session makes of it."""

from anyio import move_on_after
from anyio.lowlevel import checkpoint

from contracts.events import (
    SessionError,
    SessionOutput,
)
from domain.errors import (
    AgentUnavailable,
)
from domain.ports import Turn, TurnEnd
from tests.domain.stage import ends, of, staged, status
from tests.fakes import FakeAgent, work


async def test_an_agent_that_raises_ends_its_turn_and_no_more() -> None:
    async def fail(agent: FakeAgent, turn: Turn) -> TurnEnd:
        del agent, turn
        raise RuntimeError("secret")

    async with staged(play=fail) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.submit(session_id)
        events = await stage.rested(session_id, turns=2)

    assert [reason for _, reason in ends(events)] == ["error", "error"]
    assert [error.code for error in of(events, SessionError)] == ["agent-failed"] * 2
    assert "secret" not in str(events)


async def test_an_agent_that_can_not_start_says_why() -> None:
    async def fail(agent: FakeAgent, turn: Turn) -> TurnEnd:
        del agent, turn
        raise AgentUnavailable("Install it.")

    async with staged(play=fail) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        events = await stage.rested(session_id)

    assert [(error.code, error.error) for error in of(events, SessionError)] == [("agent-unavailable", "Install it.")]
    assert ends(events)[0][1] == "error"
    assert status(events) == "idle"


async def test_an_event_that_can_not_be_encoded_fails_its_turn_alone() -> None:
    async def babble(agent: FakeAgent, turn: Turn) -> TurnEnd:
        await agent.emit(SessionOutput(turn_id=turn.turn_id, stream="stdout", content="\ud800"))
        return TurnEnd(stop_reason="end")

    async with staged(play=babble) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        events = await stage.rested(session_id)
        await stage.submit(session_id)
        later = await stage.rested(session_id, turns=2)

    assert ends(events)[0][1] == "error"
    assert [event.seq for event in later] == list(range(1, len(later) + 1))


async def test_an_agent_whose_cancel_raises_harms_nobody() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.running(session_id)
        agent = stage.launcher.agent

        async def fail() -> None:
            agent.stop.set()
            raise RuntimeError

        agent.cancel = fail  # type: ignore[method-assign]
        await stage.cancel(session_id)
        events = await stage.rested(session_id)

    assert ends(events)[0][1] == "cancelled"


async def test_the_agent_waits_while_too_much_is_not_durable() -> None:
    said: list[int] = []

    async def babble(agent: FakeAgent, turn: Turn) -> TurnEnd:
        await agent.go.wait()
        for number in range(40):
            await agent.emit(SessionOutput(turn_id=turn.turn_id, stream="stdout", content="x" * 60_000))
            said.append(number)
        return TurnEnd(stop_reason="end")

    async with staged(play=babble) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.until(session_id, lambda _: bool(stage.launcher.commands))
        stage.log.held = True
        stage.launcher.agent.go.set()
        for _ in range(100):
            await checkpoint()
        before = len(said)
        stage.log.release()
        events = await stage.rested(session_id)

    assert 10 < before < 20
    assert len(of(events, SessionOutput)) == 40


async def test_a_cancelled_turn_of_a_waiting_agent_leaves_its_session_whole() -> None:
    async def babble(agent: FakeAgent, turn: Turn) -> TurnEnd:
        with move_on_after(0):
            for _ in range(30):
                await agent.emit(SessionOutput(turn_id=turn.turn_id, stream="stdout", content="x" * 60_000))
        return TurnEnd(stop_reason="end")

    async with staged(play=babble) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        events = await stage.rested(session_id)
        await stage.submit(session_id)
        await stage.rested(session_id, turns=2)

    assert ends(events)[0][1] == "end"


async def test_what_the_agent_says_between_turns_is_recorded() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.rested(session_id)

        await stage.launcher.agent.emit(SessionOutput(stream="stdout", content="later"))
        events = await stage.until(session_id, lambda events: len(of(events, SessionOutput)) == 2)

    assert of(events, SessionOutput)[-1].content == "later"
