"""What streams read of terminals: no byte twice, none missing unsaid, and nobody runs far ahead of a reader."""

import json
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from api.sources import Source, StoreSource
from api.terminal_sources import (
    CHUNK_BYTES,
    PIECE_BYTES,
    MixedSource,
    TerminalSource,
    TerminalSources,
    nothing_left,
)
from domain.cursors import TerminalStart, parse_cursor, parse_stream_cursor, start_in_terminal
from domain.errors import InvalidCursor, TerminalNotFound, TerminalUnavailable
from domain.terminals import NewTerminal
from tests.domain.stage import Stage, staged
from tests.fakes import FakeTerminal


class Frame(NamedTuple):
    type: str
    id: str
    data: dict[str, Any]

    @property
    def octets(self) -> bytes:
        return b64decode(self.data["data"])


class House:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.sources = TerminalSources(terminals=stage.terminals, screens=stage.screens, resets=Counter())

    async def open(self) -> FakeTerminal:
        terminal = await self.stage.terminals.open(NewTerminal())
        assert isinstance(terminal, FakeTerminal)
        return terminal

    def follow(self, terminal: FakeTerminal, cursor: str | None = None) -> TerminalSource:
        position = None if cursor is None else parse_cursor(cursor, member="after")
        return self.sources.open(terminal, start_in_terminal(position, terminal.state))

    def mix(self, *terminals: FakeTerminal, cursor: str = "") -> MixedSource:
        store, offsets = parse_stream_cursor(cursor or "0", member="after")
        chosen, gone = self.sources.choose([one.state.plan.terminal_id for one in terminals], offsets)
        assert not gone
        after = int(store.partition(".")[2] or 0)
        log = self.stage.log
        return MixedSource(StoreSource(log, None, after, types=None, lifecycle=False, resets=Counter()), chosen)


@asynccontextmanager
async def housed() -> AsyncIterator[House]:
    async with staged() as stage:
        yield House(stage)


async def read(source: Source) -> list[Frame]:
    """Return all frames that there are now."""
    text = b""
    while True:
        found = await source.next()
        text += found.frames
        if found.at_head or found.over:
            return [parsed(block) for block in text.decode().split("\n\n") if block]


def parsed(block: str) -> Frame:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    return Frame(fields["event"], fields["id"], json.loads(fields["data"]))


def kinds(frames: list[Frame]) -> list[str]:
    return [frame.type for frame in frames]


def output(frames: list[Frame]) -> bytes:
    """Return the joined output, which must have no gap."""
    joined, pieces = b"", [frame for frame in frames if frame.type == "terminal-output"]
    for piece in pieces:
        assert piece.data["offset"] == pieces[0].data["offset"] + len(joined)
        joined += piece.octets
    return joined


async def test_without_a_cursor_a_stream_begins_with_what_is_shown() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.say(b"long ago and now")
        source = house.follow(terminal)

        (snapshot,) = await read(source)
        assert (snapshot.type, snapshot.octets, snapshot.data["offset"]) == ("terminal-snapshot", b" and now", 16)

        terminal.say(b"!")
        assert output(await read(source)) == b"!"


async def test_who_was_cut_before_the_snapshot_misses_nothing() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.say(b"before ")
        cut_at = house.follow(terminal).cursor

        assert output(await read(house.follow(terminal, cut_at))) == b"before "


async def test_pieces_stay_small_and_every_one_can_be_resumed_from() -> None:
    async with housed() as house:
        terminal = await house.open()
        wrote = bytes(range(256)) * 1200
        terminal.say(wrote)

        frames = await read(house.follow(terminal, "0"))

        assert kinds(frames)[0] == "terminal-resized"
        assert max(len(frame.octets) for frame in frames[1:]) == PIECE_BYTES
        assert len(wrote) > CHUNK_BYTES
        for frame in frames[1:]:
            end = frame.data["offset"] + len(frame.octets)
            assert frame.id == f"{terminal.state.epoch}.{end}"
            assert output(await read(house.follow(terminal, frame.id))) == wrote[end:]


@pytest.mark.parametrize(
    ("cursor", "reason"), [("{}.99", "future"), ("anotherepoch.3", "epoch"), ("{}.1", "trimmed")], ids=str
)
async def test_what_cannot_be_continued_is_said_and_shown(cursor: str, reason: str) -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.room = 4
        terminal.say(b"0123456789")

        reset, snapshot, *rest = await read(house.follow(terminal, cursor.format(terminal.state.epoch)))

        assert (reset.type, reset.data["reason"]) == ("stream-reset", reason)
        assert reset.data["earliest"] == f"{terminal.state.epoch}.6"
        assert (snapshot.type, snapshot.data["offset"]) == ("terminal-snapshot", 10)
        assert not rest
        assert house.sources.resets == {reason: 1}


async def test_the_beginning_is_what_is_kept() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.room = 4
        terminal.say(b"0123456789")

        assert output(await read(house.follow(terminal, "0"))) == b"6789"


async def test_a_reader_that_is_overtaken_is_told_and_goes_on() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.room = 4
        source = house.follow(terminal, "0")
        await read(source)
        terminal.say(b"0123456789")

        assert kinds(await read(source)) == ["stream-reset", "terminal-snapshot"]
        terminal.say(b"x")
        assert output(await read(source)) == b"x"


async def test_a_change_of_size_is_told() -> None:
    async with housed() as house:
        terminal = await house.open()
        source = house.follow(terminal)
        await read(source)
        await terminal.resize(100, 40)

        (resized,) = await read(source)
        assert (resized.type, resized.data["cols"], resized.data["rows"]) == ("terminal-resized", 100, 40)


async def test_an_ended_terminal_ends_its_streams_and_who_saw_that_has_nothing_left() -> None:
    async with housed() as house:
        terminal = await house.open()
        source = house.follow(terminal, "0")
        terminal.say(b"bye")
        terminal.exit(3)

        *_, last_output, closed = await read(source)
        assert source.over
        assert (closed.type, closed.data["exitCode"], closed.data["seq"]) == ("terminal-closed", 3, 0)
        assert kinds(await read(house.follow(terminal, last_output.id)))[-1] == "terminal-closed"
        start = start_in_terminal(parse_cursor(closed.id, member="after"), terminal.state)
        assert nothing_left(start, terminal.state, follow=True)


async def test_a_terminal_that_was_removed_is_not_found() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.say(b"unread")
        source = house.follow(terminal, "0")
        await house.stage.terminals.remove(terminal.state.plan.terminal_id)
        terminal.unanswering = True

        with pytest.raises(TerminalNotFound):
            await read(source)


async def test_a_holder_that_does_not_answer_is_not_said_to_be_gone() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.say(b"unread")
        terminal.unanswering = True

        with pytest.raises(TerminalUnavailable):
            await read(house.follow(terminal, "0"))


async def test_one_cursor_resumes_all_terminals_and_the_sessions() -> None:
    async with housed() as house:
        first, second = await house.open(), await house.open()
        source = house.mix(first, second)
        seen = await read(source)
        for round_ in range(3):
            first.say(b"1%d" % round_)
            second.say(b"22%d" % round_)
            cut_in = await read(source)
            for frame in cut_in:
                again = await read(house.mix(first, second, cursor=frame.id))
                assert output([one for one in again if one.data.get("terminalId") == _id(second)]) in b"22%d" % round_
                assert "terminal-snapshot" not in kinds(again)
            seen += cut_in

        assert kinds(seen)[:4] == ["terminal-created", "terminal-created", "terminal-snapshot", "terminal-snapshot"]
        assert output([one for one in seen if one.data.get("terminalId") == _id(first)]) == b"101112"


def _id(terminal: FakeTerminal) -> str:
    return terminal.state.plan.terminal_id


async def test_a_cursor_is_good_for_any_choice_of_terminals() -> None:
    async with housed() as house:
        first, second = await house.open(), await house.open()
        source = house.mix(first)
        await read(source)
        first.say(b"missed")

        frames = await read(house.mix(second, first, cursor=source.cursor))
        assert kinds(frames) == ["terminal-snapshot", "terminal-resized", "terminal-output"]
        assert output(frames) == b"missed"


async def test_on_a_stream_of_many_a_closed_terminal_is_told_once_and_a_removed_one_is_gone() -> None:
    async with housed() as house:
        closes, goes, stays = await house.open(), await house.open(), await house.open()
        source = house.mix(closes, goes, stays)
        await read(source)
        closes.exit(0)
        frames = [one for one in await read(source) if one.data.get("seq") == 0]
        assert kinds(frames) == ["terminal-closed"]
        assert [one for one in await read(house.mix(closes, cursor=source.cursor)) if one.data.get("seq") == 0] == []

        goes.say(b"unread")
        await house.stage.terminals.remove(_id(goes))
        goes.unanswering = True
        stays.say(b"on")
        frames = await read(source)
        assert [one.data["terminalId"] for one in frames if one.type == "stream-reset"] == [_id(goes)]
        assert output(frames) == b"on"


@pytest.mark.parametrize("cursor", ["x", "abcdefgh.1~", "abcdefgh.1~ab.1", "0~abcdefgh.1", "abcdefgh.1" * 17])
def test_a_malformed_cursor_of_many_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        parse_stream_cursor(cursor, member="after")


async def test_a_stream_holds_from_its_first_byte_to_its_end() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.say(b"12345")
        source = house.follow(terminal, "0")
        end = source.watch(lambda: None, lambda _: False)
        await read(source)
        assert (terminal.held_at, len(terminal.readers)) == ([0, 5], 1)

        terminal.say(b"678")
        await read(source)
        assert terminal.held_at == [0, 5, 5, 8]
        end()
        assert not terminal.readers


async def test_one_that_ends_at_the_head_is_ahead_of_all_there() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminal.say(b"12345")

        await read(house.sources.open(terminal, TerminalStart(0), follow=False))

        assert terminal.held_at[0] == 0
        assert terminal.held_at[-1] > 2**50


async def test_a_viewer_looks_as_long_as_its_stream() -> None:
    async with housed() as house:
        terminal = await house.open()
        terminals = house.stage.terminals
        source = house.sources.open(terminal, TerminalStart(0), viewers=["viewer-one", "viewer-two"])
        end = source.watch(lambda: None, lambda _: False)
        assert set(terminals._held[_id(terminal)].viewers._streams) == {"viewer-one", "viewer-two"}

        end()
        assert not terminals._held[_id(terminal)].viewers._streams
