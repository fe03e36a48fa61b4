"""What sessions are found by: prompts at once, answers joined when their turn is over, whatever crashes meanwhile."""

from contracts.codec import encode
from contracts.events import AgentMessage, CommandSent, LargeBody, TurnCompleted
from domain.ids import SessionId
from domain.ports import ListingFilter, SearchText, Turn, TurnEnd
from domain.texts import TEXT_CHARACTERS, Texts
from tests.domain.stage import Stage, of, staged
from tests.fakes import FakeAgent


def said(text: str, message_id: str = "message_1", turn_id: str = "turn_0001") -> AgentMessage:
    return AgentMessage(turn_id=turn_id, message_id=message_id, text=text)


def over(turn_id: str = "turn_0001", seq: int = 9) -> TurnCompleted:
    return TurnCompleted(turn_id=turn_id, stop_reason="end", seq=seq, session_id="session_a", timestamp=1)


def test_pieces_of_one_message_join_and_messages_do_not() -> None:
    texts = Texts()

    assert not texts.take([said("con"), said("tainer"), said("s", "message_2")], str)
    assert texts.take([over()], str) == [SearchText(9, "container\ns")]
    assert not texts.take([over()], str)


def test_a_turn_taken_out_of_the_queue_ends_no_other() -> None:
    texts = Texts()
    texts.take([said("one")], str)

    assert not texts.take([over("turn_0002")], str)
    assert texts.take([over()], str) == [SearchText(9, "one")]


def test_texts_have_a_bound() -> None:
    texts = Texts()
    long = "x" * TEXT_CHARACTERS + "y"
    body = LargeBody(blob_id="blob_0001", bytes=len(long), preview="")

    (prompt,) = texts.take([CommandSent(turn_id="turn_0001", command=body, delivery="queue", seq=2)], lambda _: long)
    texts.take([said("z" * 1000)] * 100, str)
    (answer,) = texts.take([over()], str)

    assert prompt == SearchText(2, long[:TEXT_CHARACTERS])
    assert answer.text == "z" * TEXT_CHARACTERS
    assert encode(answer)


async def talk(agent: FakeAgent, turn: Turn) -> TurnEnd:
    """Answer in pieces; a prompt that begins with `stay` takes until a test says go."""
    await agent.emit(said("pie", turn_id=turn.turn_id), said("ces", turn_id=turn.turn_id))
    if turn.command.startswith("stay"):
        await agent.go.wait()
    return TurnEnd(stop_reason="end")


async def found(stage: Stage, *words: str) -> list[SessionId]:
    return [
        SessionId(session.session_id)
        for session in await stage.reading.page(ListingFilter(words=words), before=None, limit=5)
    ]


async def test_a_session_is_found_by_prompt_and_answer() -> None:
    async with staged(play=talk) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "stay a while")
        await stage.until(session_id, lambda events: len(of(events, AgentMessage)) == 2)

        assert await found(stage, "while") == [session_id]
        assert await found(stage, "pieces") == []
        stage.launcher.agent.go.set()
        await stage.rested(session_id)

        assert await found(stage, "while", "pieces") == [session_id]


async def test_what_was_answered_before_a_crash_is_found_after_it() -> None:
    async with staged(play=talk) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "stay a while")
        await stage.until(session_id, lambda events: len(of(events, AgentMessage)) == 2)
        log = stage.log

    async with staged(log=log) as stage:
        await stage.sessions.recover()

        assert await found(stage, "pieces") == [session_id]


async def test_a_prompt_too_long_for_an_event_is_found_whole() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "word " * 6000 + "needle")
        await stage.rested(session_id)

        assert await found(stage, "needle") == [session_id]
