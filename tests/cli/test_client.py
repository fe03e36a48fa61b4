"""The client keeps a stream together over every kind of cut."""

from contextlib import aclosing
from typing import Any

import anyio
import pytest

from api.client import Cut, Item, Missing, Received, Server, connect
from api.failures import NoServer, Refused, Unreachable, WrongSettings
from contracts.events import Connected, SessionOutput, StreamReset
from tests.cli.stage import (
    EPOCH,
    QUICK,
    SESSION,
    TOKEN,
    Answer,
    Stage,
    Stream,
    connected,
    event,
    frame,
    output,
    problem,
    session,
)
from tests.ports import free_port

EVENTS = f"GET /api/session/{SESSION}/events"
DELETED = event("session-deleted", 9)


async def follow(stage: Stage, after: str | None = "0", *, until: int | None = None, **options: Any) -> list[Item]:
    """Return what a client of the stage sees, up to *until* events or the end."""
    seen: list[Item] = []
    with anyio.fail_after(20):
        async with (
            connect(lambda: Server(stage.url, TOKEN), through_proxies=False) as client,
            aclosing(client.follow(SESSION, after=after, **options)) as items,
        ):
            async for item in items:
                seen.append(item)
                if until is not None and len(contents(seen)) == until:
                    return seen
    return seen


def contents(seen: list[Item]) -> list[str]:
    events = [item.event for item in seen if isinstance(item, Received)]
    return [event.content for event in events if isinstance(event, SessionOutput)]


async def test_resumes_after_a_cut_in_the_middle_of_a_frame_without_gap_or_duplicate() -> None:
    torn = output(2, "two")
    first = Stream([QUICK, connected(0), output(1, "one"), torn[: len(torn) // 2]], end="cut")
    second = Stream([connected(1), output(2, "two"), output(3, "three"), DELETED])

    with Stage({EVENTS: [first, second]}).playing() as stage:
        seen = await follow(stage, types="session-output,session-deleted")

    assert contents(seen) == ["one", "two", "three"]
    assert [request.headers.get("last-event-id") for request in stage.asked(EVENTS)] == [None, f"{EPOCH}.1"]
    assert "after=0" in stage.asked(EVENTS)[0].query
    assert "after" not in stage.asked(EVENTS)[1].query
    assert isinstance(seen[-1], Received)
    assert seen[-1].type == "session-deleted"


async def test_drops_events_that_come_twice() -> None:
    first = Stream(
        [QUICK, connected(0), output(1, "one"), output(2, "two"), output(2, "two"), output(1, "one")], end="cut"
    )
    second = Stream([connected(0), output(1, "one"), output(2, "two"), output(3, "three")])

    with Stage({EVENTS: [first, second]}).playing() as stage:
        seen = await follow(stage, until=3)

    assert contents(seen) == ["one", "two", "three"]
    assert not [item for item in seen if isinstance(item, Missing)]


async def test_says_that_events_are_missing() -> None:
    with Stage({EVENTS: [Stream([connected(0), output(1, "one"), output(4, "four")])]}).playing() as stage:
        seen = await follow(stage, until=2)

    assert Missing(after=1, before=4) in seen


async def test_holes_in_a_filtered_stream_are_no_gaps() -> None:
    with Stage({EVENTS: [Stream([connected(0), output(1, "one"), output(4, "four")])]}).playing() as stage:
        seen = await follow(stage, until=2, types="session-output")

    assert not [item for item in seen if isinstance(item, Missing)]
    assert stage.asked(EVENTS)[0].query == "types=session-output&after=0"


async def test_heartbeats_move_the_cursor_of_a_filtered_stream() -> None:
    beat = frame("heartbeat", 7, cursor=f"{EPOCH}.7", timestamp=0)
    first = Stream([QUICK, connected(0), beat], end="clean")
    second = Stream([connected(7), output(8, "eight")])

    with Stage({EVENTS: [first, second]}).playing() as stage:
        await follow(stage, until=1, types="session-output")

    assert stage.asked(EVENTS)[1].headers["last-event-id"] == f"{EPOCH}.7"


async def test_a_reset_is_handed_on_and_the_new_history_read_from_its_start() -> None:
    reset = frame("stream-reset", 0, "otherera", reason="epoch", sessionId=SESSION, earliest="otherera.0")
    first = Stream([QUICK, connected(0), output(1, "one"), output(2, "two")], end="cut")
    second = Stream([connected(2), reset, output(1, "uno", epoch="otherera"), output(2, "due", epoch="otherera")])

    with Stage({EVENTS: [first, second]}).playing() as stage:
        seen = await follow(stage, until=4)

    assert contents(seen) == ["one", "two", "uno", "due"]
    assert [item.reason for item in seen if isinstance(item, StreamReset)] == ["epoch"]
    assert not [item for item in seen if isinstance(item, Missing)]


async def test_a_trimmed_cursor_goes_on_from_the_earliest_kept_event() -> None:
    reset = frame("stream-reset", 40, reason="trimmed", sessionId=SESSION, earliest=f"{EPOCH}.40")

    with Stage({EVENTS: [Stream([connected(3), reset, output(41, "kept")])]}).playing() as stage:
        seen = await follow(stage, f"{EPOCH}.3", until=1)

    assert contents(seen) == ["kept"]
    assert not [item for item in seen if isinstance(item, Missing)]
    assert stage.asked(EVENTS)[0].headers["last-event-id"] == f"{EPOCH}.3"


async def test_from_now_resumes_where_it_first_connected() -> None:
    first = Stream([QUICK, connected(5)], end="clean")

    with Stage({EVENTS: [first, Stream([connected(5), output(6, "six")])]}).playing() as stage:
        await follow(stage, None, until=1)

    assert stage.asked(EVENTS)[0].query == ""
    assert "last-event-id" not in stage.asked(EVENTS)[0].headers
    assert stage.asked(EVENTS)[1].headers["last-event-id"] == f"{EPOCH}.5"


async def test_other_line_breaks_are_data() -> None:
    text = "a\u2028b\u0085c\x0bd\x0ce\x1cf"

    with Stage({EVENTS: [Stream([connected(0), output(1, text)])]}).playing() as stage:
        seen = await follow(stage, until=1)

    assert contents(seen) == [text]


async def test_a_character_split_between_two_chunks_stays_whole() -> None:
    whole = output(1, "träumen 🌊")
    pieces = [bytes([byte]) for byte in whole]

    with Stage({EVENTS: [Stream([connected(0), *pieces])]}).playing() as stage:
        seen = await follow(stage, until=1)

    assert contents(seen) == ["träumen 🌊"]


async def test_silence_longer_than_three_heartbeats_is_a_cut() -> None:
    first = Stream([QUICK, connected(0, heartbeat=0.05), output(1, "one")])
    second = Stream([connected(1), output(2, "two")])

    with Stage({EVENTS: [first, second]}).playing() as stage:
        seen = await follow(stage, until=2)

    assert contents(seen) == ["one", "two"]
    assert ["gives no sign of life" in item.reason for item in seen if isinstance(item, Cut)] == [True]


async def test_heartbeats_keep_a_silent_stream() -> None:
    beats = [frame("heartbeat", 0, cursor=f"{EPOCH}.0", timestamp=0)] * 3
    parts = [connected(0), *beats, frame("caught-up", 0, cursor=f"{EPOCH}.0"), output(1, "one")]

    with Stage({EVENTS: [Stream(parts)]}).playing() as stage:
        seen = await follow(stage, until=1)

    assert [type(item) for item in seen] == [Connected, Received]


async def test_delays_grow_and_differ_until_something_arrives() -> None:
    short = Stream([QUICK, connected(0)], end="clean")

    with Stage({EVENTS: [*[short] * 5, Stream([connected(0), output(1, "one")])]}).playing() as stage:
        seen = await follow(stage, until=1)

    delays = [item.seconds for item in seen if isinstance(item, Cut)]
    assert len(delays) == 5
    for number, delay in enumerate(delays):
        assert 0.5 <= delay / (0.01 * 2**number) <= 1.5
    assert len(set(delays)) == 5


async def test_waits_through_a_restart_on_another_port() -> None:
    stages = [Stage({EVENTS: [Stream([QUICK, connected(0), output(1, "one")], end="cut")]})]
    stages.append(Stage({EVENTS: [Stream([connected(1), output(2, "two")])]}))
    tries = iter([stages[0], None, None, stages[1]])

    def locate() -> Server:
        stage = next(tries)
        if stage is None:
            raise NoServer("No server runs.")
        return Server(stage.url, TOKEN)

    seen: list[Item] = []
    with stages[0].playing(), stages[1].playing(), anyio.fail_after(20):
        async with (
            connect(locate, through_proxies=False) as client,
            aclosing(client.follow(SESSION, after="0")) as items,
        ):
            async for item in items:
                seen.append(item)
                if len(contents(seen)) == 2:
                    break

    assert contents(seen) == ["one", "two"]
    cuts = [item for item in seen if isinstance(item, Cut)]
    assert [(item.reason, item.again) for item in cuts[1:]] == [("No server runs.", False), ("No server runs.", True)]
    assert cuts[2].seconds <= 0.015


@pytest.mark.parametrize("status", [502, 503, 429])
async def test_a_passing_refusal_in_mid_stream_is_waited_out(status: int) -> None:
    script: list[Answer | Stream] = [
        Stream([QUICK, connected(0), output(1, "one")], end="cut"),
        Answer(b"<html>Bad Gateway</html>", status),
        Stream([connected(1), output(2, "two")]),
    ]

    with Stage({EVENTS: script}).playing() as stage:
        seen = await follow(stage, until=2)

    assert contents(seen) == ["one", "two"]


@pytest.mark.parametrize(
    ("status", "says"), [(401, "Set TOWPATH_TOKEN"), (404, r"^It is over\.$"), (410, r"^It is over\.$")]
)
async def test_a_lasting_refusal_in_mid_stream_ends_it(status: int, says: str) -> None:
    script: list[Answer | Stream] = [
        Stream([QUICK, connected(0), output(1, "one")], end="cut"),
        Answer(problem(status, "unauthorized", "No longer", "It is over."), status),
    ]

    with (
        Stage({EVENTS: script}).playing() as stage,
        pytest.raises(Refused, match=says) as refused,
    ):
        await follow(stage)

    assert refused.value.status == status


async def test_what_was_never_connected_is_not_waited_for() -> None:
    with pytest.raises(Unreachable, match="Nothing listens"):
        await follow(Stage({}))


async def test_a_stranger_on_the_port_is_named_as_one() -> None:
    with (
        Stage({EVENTS: [Answer({"hello": "world"})]}).playing() as stage,
        pytest.raises(Unreachable, match="no Towpath"),
    ):
        await follow(stage)


async def test_events_of_a_newer_server_are_handed_on_undecoded() -> None:
    with Stage({EVENTS: [Stream([connected(0), event("brand-new", 1, x=1), output(2, "two")])]}).playing() as stage:
        seen = await follow(stage, until=1)

    newer = seen[1]
    assert isinstance(newer, Received)
    assert (newer.type, newer.event) == ("brand-new", None)


async def test_a_proxy_never_sees_the_token_of_a_local_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "")

    with Stage({EVENTS: [Stream([connected(0), output(1, "one")])]}).playing() as stage:
        seen = await follow(stage, until=1)

    assert contents(seen) == ["one"]


async def find(stage: Stage, prefix: str) -> str:
    async with connect(lambda: Server(stage.url, TOKEN), through_proxies=False) as client:
        return (await client.find_session(prefix)).session_id


def pages(*ids: str) -> list[Answer | Stream]:
    listed = [{"sessions": [session(session_id)], "nextCursor": "more"} for session_id in ids]
    del listed[-1]["nextCursor"]
    return [Answer(page) for page in listed]


async def test_a_unique_beginning_of_an_id_is_enough() -> None:
    with Stage({"GET /api/sessions": pages("aaaa000000", "aabb000000", "cccc000000")}).playing() as stage:
        found = await find(stage, "aab")

    assert found == "aabb000000"
    assert [request.query for request in stage.asked("GET /api/sessions")][1].endswith("cursor=more")


async def test_an_ambiguous_beginning_names_the_candidates() -> None:
    with (
        Stage({"GET /api/sessions": pages("aaaa000000", "aabb000000", "cccc000000")}).playing() as stage,
        pytest.raises(WrongSettings, match="2 sessions begin with 'aa': aaaa000000, aabb000000"),
    ):
        await find(stage, "aa")


@pytest.mark.parametrize("prefix", ["zz", "", "zzzzzzzzzz", "../sessions", "a b"])
async def test_what_begins_no_id_is_refused(prefix: str) -> None:
    with (
        Stage({"GET /api/sessions": pages("aaaa000000")}).playing() as stage,
        pytest.raises(Refused, match="No session"),
    ):
        await find(stage, prefix)


async def test_a_whole_id_costs_no_listing() -> None:
    with Stage({f"GET /api/session/{SESSION}": [Answer(session())]}).playing() as stage:
        found = await find(stage, SESSION)

    assert found == SESSION
    assert not stage.asked("GET /api/sessions")
