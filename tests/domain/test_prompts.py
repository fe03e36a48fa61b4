"""Which prompts are taken, and how they lie in the log."""

import pytest

from contracts.codec import encode
from contracts.events import (
    EVENT_BYTES,
    CommandSent,
    LargeBody,
    TurnStarted,
)
from contracts.requests import PromptContext
from domain.errors import (
    InvalidPrompt,
    PromptTooLarge,
)
from tests.domain.stage import of, staged


@pytest.mark.parametrize("command", ["", " \n\t"])
async def test_an_empty_prompt_is_refused(command: str) -> None:
    async with staged() as stage:
        session_id = await stage.open()

        with pytest.raises(InvalidPrompt):
            await stage.submit(session_id, command)

        assert len(await stage.events(session_id)) == 2


async def test_the_limit_of_a_prompt_counts_bytes() -> None:
    async with staged(prompt_bytes=10) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "é" * 5)

        with pytest.raises(PromptTooLarge):
            await stage.submit(session_id, "é" * 5 + "x")


@pytest.mark.parametrize("character", ["x", "\x01", "€", "\\"])
async def test_a_large_prompt_is_kept_apart_and_the_agent_gets_it_whole(character: str) -> None:
    async with staged() as stage:
        session_id = await stage.open()
        command = character * (200_000 // len(character.encode()))

        await stage.submit(session_id, command)
        events = await stage.until(session_id, lambda events: bool(of(events, TurnStarted)))
        [sent] = of(events, CommandSent)
        body = await stage.reading.blob(session_id, sent.command.blob_id)
        await stage.until(session_id, lambda _: bool(stage.launcher.commands))

    assert isinstance(sent.command, LargeBody)
    assert sent.command.bytes == len(body)
    assert body.decode() == command
    assert stage.launcher.commands == [command]
    assert all(len(encode(event)) <= EVENT_BYTES for event in events)


@pytest.mark.parametrize("character", ["x", "\x01"])
@pytest.mark.parametrize("count", [1, 5, 64])
async def test_an_event_is_small_however_long_its_context(character: str, count: int) -> None:
    async with staged() as stage:
        session_id = await stage.open()
        text = character * 15_000
        context = [PromptContext(name=f"note {number}", text=text) for number in range(count)]

        await stage.submit(session_id, "x" * 16_000, context=context[: 16 if character == "\x01" else 64])
        [sent] = of(await stage.events(session_id), CommandSent)

        given = sent.context[-1].text
        whole = given if isinstance(given, str) else (await stage.reading.blob(session_id, given.blob_id)).decode()
    assert whole == text
    assert len(encode(sent)) <= EVENT_BYTES


async def test_a_context_that_no_event_holds_is_refused_and_leaves_nothing() -> None:
    async with staged() as stage:
        session_id = await stage.open()
        stage.workspace.files["x" * 4000] = 1
        context = [PromptContext(path="x" * 4000) for _ in range(64)]

        with pytest.raises(InvalidPrompt):
            await stage.submit(session_id, context=context)

        assert len(await stage.events(session_id)) == 2
