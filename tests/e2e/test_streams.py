"""A stream, seen by clients that others wrote, through all that can happen to it on the way."""

# ruff: noqa: ASYNC212  # requests of milliseconds, by a test that has nothing else to do

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import httpx
import pytest
from anyio import fail_after, to_thread

from tests.e2e.cutting import CuttingProxy
from tests.e2e.followers import Client, Following, Frame, each_client, following
from tests.servers import Place, history, new_session, prompt, run_prompt

SECONDS = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Start a server that the module's tests share; those that end one have their own."""
    place = Place(tmp_path_factory.mktemp("streams"))
    with place.serving():
        yield place


@pytest.fixture
def http(place: Place) -> Iterator[httpx.Client]:
    with place.client() as http:
        yield http


@pytest.fixture
def session(http: httpx.Client) -> str:
    """Make a session with two turns behind it."""
    return worked(http)


def worked(http: httpx.Client) -> str:
    session_id = new_session(http, title="of two turns")
    for number in range(2):
        run_prompt(http, session_id, f"echo {number}")
    return session_id


def cursor_of(http: httpx.Client, session_id: str, seq: int | None = None) -> str:
    epoch, _, head = str(http.get(f"/api/session/{session_id}").json()["cursor"]).partition(".")
    return f"{epoch}.{head if seq is None else seq}"


def stream_of(place: Place, session_id: str, query: str = "") -> str:
    return f"{place.url}/api/session/{session_id}/events{query}"


def end_of(turn: str) -> Callable[[Frame], bool]:
    """Tell the last event of a turn, once: its session's status after its `turn-completed`."""
    completed: object = None

    def is_end(frame: Frame) -> bool:
        nonlocal completed
        if frame.type == "turn-completed" and frame.data["turnId"] == turn:
            completed = frame.data["sessionId"]
        ended = frame.type == "session-status" and frame.data["sessionId"] == completed
        completed = None if ended else completed
        return ended

    return is_end


@each_client
async def test_a_first_connect_begins_now(client: Client, place: Place, http: httpx.Client, session: str) -> None:
    before = len(history(http, session))
    with fail_after(SECONDS):
        async with following(client, stream_of(place, session), place.token) as stream:
            await stream.until_type("caught-up")
            turn = prompt(http, session, "echo now")
            await stream.until(end_of(turn))

    assert stream.frames == ["connected", "caught-up"]
    assert stream.events == history(http, session)[before:]
    assert [event["content"] for event in stream.events if event["type"] == "session-output"] == ["now\n", ""]


@each_client
async def test_from_0_everything_comes(client: Client, place: Place, http: httpx.Client, session: str) -> None:
    with fail_after(SECONDS):
        async with following(client, stream_of(place, session, "?after=0"), place.token) as stream:
            last = await stream.until_type("caught-up")

    assert stream.frames == ["connected", "caught-up"]
    assert stream.events == history(http, session)
    assert [frame.id for frame in stream.seen[1:-1]] == [cursor_of(http, session, seq) for seq in stream.seqs]
    assert last.id == last.data["cursor"] == cursor_of(http, session)


@each_client
async def test_from_a_cursor_in_the_middle_the_rest_comes(
    client: Client, place: Place, http: httpx.Client, session: str
) -> None:
    middle = cursor_of(http, session, 5)
    with fail_after(SECONDS):
        async with following(client, stream_of(place, session, f"?after={middle}"), place.token) as stream:
            await stream.until_type("caught-up")

    assert stream.frames == ["connected", "caught-up"]
    assert stream.seen[0].id == middle
    assert stream.events == history(http, session)[5:]


@each_client
async def test_cuts_anywhere_lose_and_repeat_nothing(
    client: Client, place: Place, http: httpx.Client, session: str
) -> None:
    # in the head, in the first frames, in events; npm eventsource waits two seconds after each
    cuts = (90, 500, 1100, 1500)
    with fail_after(SECONDS):
        async with CuttingProxy(place.port, cuts).running() as proxy:
            url = f"http://127.0.0.1:{proxy.port}/api/session/{session}/events?after=0"
            async with following(client, url, place.token) as stream:
                await stream.until_type("caught-up")
                turn = prompt(http, session, "echo on")
                await stream.until(end_of(turn))

    assert proxy.connections == len(cuts) + 1
    assert stream.events == history(http, session)
    assert "stream-reset" not in stream.frames


@pytest.mark.parametrize("ending", ["kill", "stop"])
@each_client
async def test_a_restart_loses_and_repeats_nothing(client: Client, ending: str, tmp_path: Path) -> None:
    place = Place(tmp_path)
    server = place.start()
    try:
        with place.client() as http, fail_after(SECONDS):
            session = worked(http)
            async with following(client, stream_of(place, session, "?after=0"), place.token) as stream:
                await stream.until_type("caught-up")
                prompt(http, session, "echo begun; sleep 60")
                await stream.until(lambda frame: frame.data.get("content") == "begun\n")
                await to_thread.run_sync(getattr(server, ending))
                server = await to_thread.run_sync(place.start)
                await stream.until_type("connected")
                await stream.until_type("caught-up")
                turn = prompt(http, session, "echo after")
                await stream.until(end_of(turn))
            told = history(http, session)
    finally:
        server.stop()

    assert stream.events == told
    assert ("stream-closing" in stream.frames) is (ending == "stop")
    assert "stream-reset" not in stream.frames
    assert [event["stopReason"] for event in told if event["type"] == "turn-completed"] == [
        *["end"] * 2,
        "interrupted",
        "end",
    ]
    assert "Traceback" not in place.complaints


@each_client
async def test_a_trimmed_cursor_is_told_and_the_stream_goes_on_from_what_is_kept(
    client: Client, tmp_path: Path
) -> None:
    place = Place(tmp_path)
    with place.serving(), place.client() as http:
        session = worked(http)
        early = cursor_of(http, session, 2)
        whole = history(http, session)
    place.environment["TOWPATH_RETENTION_BYTES"] = "1000"
    with place.serving(), place.client() as http, fail_after(SECONDS):
        await trimmed(http, session)
        async with following(client, stream_of(place, session, f"?after={early}"), place.token) as stream:
            await stream.until_type("caught-up")
        kept = history(http, session)

    assert 0 < len(kept) < len(whole)
    assert_reset(stream, "trimmed", kept)


async def trimmed(http: httpx.Client, session_id: str) -> None:
    """Wait until the retention, which begins when the server does, has been there."""
    while http.get(f"/api/session/{session_id}/events/status").json()["earliest"].endswith(".0"):
        await to_thread.run_sync(http.get, "/healthz")


@pytest.mark.parametrize("reason", ["epoch", "future"])
@each_client
async def test_a_cursor_of_another_history_is_told(
    client: Client, reason: str, place: Place, http: httpx.Client, session: str
) -> None:
    cursor = "someotherlog.3" if reason == "epoch" else cursor_of(http, session, 99_999)
    with fail_after(SECONDS):
        async with following(client, stream_of(place, session, f"?after={cursor}"), place.token) as stream:
            await stream.until_type("caught-up")

    assert_reset(stream, reason, history(http, session))


def assert_reset(stream: Following, reason: str, kept: list[dict[str, object]]) -> None:
    """Check that the stream says why it can't go on, and begins anew with the first event that is kept."""
    connected, reset = stream.seen[:2]
    assert stream.frames == ["connected", "stream-reset", "caught-up"]
    assert reset.data["reason"] == reason
    assert reset.id == reset.data["earliest"] == connected.data["earliest"] == connected.id
    assert reset.id.endswith(f".{int(str(kept[0]['seq'])) - 1}")
    assert stream.events == kept


@each_client
async def test_without_follow_it_ends_at_the_head_for_good(
    client: Client, place: Place, http: httpx.Client, session: str
) -> None:
    with fail_after(SECONDS):
        async with following(client, stream_of(place, session, "?after=0&follow=false"), place.token) as stream:
            status = await stream.until_type("refused")

    assert stream.events == history(http, session)
    assert status.data == {"status": 204}


def test_a_stream_of_many_sessions_without_follow_ends_at_the_head_too(http: httpx.Client, session: str) -> None:
    url = f"/api/events?follow=false&sessions={session}"
    replay = http.get(url, headers={"Last-Event-ID": "0"}).text
    head = replay.rpartition("id: ")[2].partition("\n")[0]

    again = http.get(url, headers={"Last-Event-ID": head})
    with_one_gone = http.get(f"{url},unknown_session", headers={"Last-Event-ID": head})

    assert "event: turn-completed" in replay
    assert (again.status_code, again.text) == (204, "")
    assert '"reason":"gone"' in with_one_gone.text


@each_client
async def test_heartbeats_carry_a_filtered_stream_past_what_it_hides(
    client: Client, place: Place, http: httpx.Client, session: str
) -> None:
    url = stream_of(place, session, "?types=session-output,turn-completed")
    with fail_after(SECONDS):
        async with following(client, url, place.token) as stream:
            await stream.until_type("caught-up")
            run_prompt(http, session, "echo seen")
            head = cursor_of(http, session)
            await stream.until(lambda frame: frame.type == "heartbeat" and frame.id == frame.data["cursor"] == head)

    assert [event["type"] for event in stream.events] == ["session-output", "session-output", "turn-completed"]


@each_client
async def test_a_deleted_session_ends_its_stream_and_is_not_found_again(
    client: Client, place: Place, http: httpx.Client, session: str
) -> None:
    with fail_after(SECONDS):
        async with following(client, stream_of(place, session), place.token) as stream:
            await stream.until_type("caught-up")
            assert http.delete(f"/api/session/{session}").status_code == 200
            status = await stream.until_type("refused")

    assert [event["type"] for event in stream.events][-1] == "session-deleted"
    assert status.data == {"status": 404}


@each_client
async def test_one_stream_too_many_is_told_to_come_back_and_gets_in_later(client: Client, tmp_path: Path) -> None:
    place = Place(tmp_path, TOWPATH_STREAMS_PER_TOKEN="1")
    with place.serving(), place.client() as http, fail_after(SECONDS):
        session = new_session(http)
        url = stream_of(place, session, "?after=0")
        with http.stream("GET", url) as held:
            pieces = held.iter_raw()
            assert next(pieces).startswith(b"event: connected\n")
            async with following(client, url, place.token) as stream:
                refusal = await stream.until_type("stream-closing", "connected", "refused")
                held.close()
                await stream.until_type("caught-up")
        told = history(http, session)

    assert (refusal.type, refusal.data["reason"]) == ("stream-closing", "overload")
    assert stream.events == told


@each_client
async def test_a_revoked_token_ends_its_streams_within_five_seconds(
    client: Client, place: Place, http: httpx.Client, session: str
) -> None:
    made = http.post("/api/tokens", json={"name": "guest", "scope": "read"}).json()
    with fail_after(SECONDS):
        async with following(client, stream_of(place, session), made["secret"]) as stream:
            await stream.until_type("caught-up")
            asked = monotonic()
            assert http.delete(f"/api/tokens/{made['token']['tokenId']}").status_code == 200
            closing = await stream.until_type("stream-closing")
            took = monotonic() - asked
            status = await stream.until_type("refused")

    assert closing.data["reason"] == "revoked"
    assert took < 5
    assert status.data == {"status": 401}


def stream_of_many(place: Place, query: str) -> str:
    return f"{place.url}/api/events{query}"


def of_session(stream: Following, session_id: str) -> list[dict[str, object]]:
    """Return what a stream of many showed of one session; what came twice after a cut, once."""
    return list({event["seq"]: event for event in stream.events if event["sessionId"] == session_id}.values())


@each_client
async def test_one_stream_carries_many_sessions_and_says_which_are_gone(
    client: Client, place: Place, http: httpx.Client, session: str
) -> None:
    other, deleted, unknown = worked(http), new_session(http), "neverwasasession"
    http.delete(f"/api/session/{deleted}")
    url = stream_of_many(place, f"?after=0&sessions={session},{unknown},{other},{deleted}")
    with fail_after(SECONDS):
        async with following(client, url, place.token) as stream:
            await stream.until_type("caught-up")
            turns = [prompt(http, one, "echo live") for one in (session, other)]
            ends = [end_of(turn) for turn in turns]
            for _ in turns:
                await stream.until(lambda frame: any(is_end(frame) for is_end in ends))
            told = history(http, session)
            assert http.delete(f"/api/session/{session}").status_code == 200
            await stream.until_type("session-deleted")
            await stream.until(end_of(prompt(http, other, "echo still here")))

    assert [(f.data["reason"], f.data["sessionId"]) for f in stream.seen if f.type == "stream-reset"] == [
        ("gone", unknown),
        ("gone", deleted),
    ]
    assert of_session(stream, session)[:-1] == told
    assert of_session(stream, other) == history(http, other)


@each_client
async def test_one_stream_carries_the_lifecycle_of_all(client: Client, place: Place, http: httpx.Client) -> None:
    with fail_after(SECONDS):
        async with following(client, stream_of_many(place, ""), place.token) as stream:
            await stream.until_type("caught-up")
            session = new_session(http, title="first")
            run_prompt(http, session, "echo loud")
            http.patch(f"/api/session/{session}", json={"title": "second"})
            http.delete(f"/api/session/{session}")
            await stream.until_type("session-deleted")

    types = [str(event["type"]) for event in of_session(stream, session)]
    assert types[0] == "session-created"
    assert types[-2:] == ["session-updated", "session-deleted"]
    assert set(types[1:-2]) == {"session-status"}


@each_client
async def test_one_stream_carries_chosen_sessions_beside_the_lifecycle_of_all_through_cuts(
    client: Client, place: Place, http: httpx.Client, session: str
) -> None:
    other = new_session(http, title="not looked at")
    begun = cursor_of_store(http)
    with fail_after(SECONDS):
        async with CuttingProxy(place.port, (700, 3000)).running() as proxy:
            url = f"http://127.0.0.1:{proxy.port}/api/events?after={begun}&lifecycle=true&sessions={session}"
            async with following(client, url, place.token) as stream:
                await stream.until_type("caught-up")
                ends = [end_of(prompt(http, session, f"echo {number}")) for number in range(3)]
                run_prompt(http, other, "echo unseen")
                for is_end in ends:
                    await stream.until(is_end)
                http.delete(f"/api/session/{other}")
                await stream.until_type("session-deleted")

    positions = [int(frame.id.partition(".")[2]) for frame in stream.seen if "seq" in frame.data]
    assert len(set(positions)) == len(of_session(stream, session)) + len(of_session(stream, other))
    assert of_session(stream, session) == history(http, session)[-len(of_session(stream, session)) :]
    assert of_session(stream, session)[0]["type"] == "command-sent"
    assert {event["type"] for event in of_session(stream, other)} == {"session-status", "session-deleted"}
    assert stream.frames.count("connected") > 1
    assert "stream-reset" not in stream.frames


def cursor_of_store(http: httpx.Client) -> str:
    with http.stream("GET", "/api/events") as stream:
        return next(line.removeprefix("id: ") for line in stream.iter_lines() if line.startswith("id: "))


@pytest.mark.parametrize("ending", ["kill", "stop"])
@each_client
async def test_a_stream_of_many_survives_a_restart(client: Client, ending: str, tmp_path: Path) -> None:
    place = Place(tmp_path)
    server = place.start()
    try:
        with place.client() as http, fail_after(SECONDS):
            sessions = [worked(http), worked(http)]
            url = stream_of_many(place, f"?after=0&lifecycle=true&sessions={','.join(sessions)}")
            async with following(client, url, place.token) as stream:
                await stream.until_type("caught-up")
                await to_thread.run_sync(getattr(server, ending))
                server = await to_thread.run_sync(place.start)
                await stream.until_type("connected")
                for session in sessions:
                    await stream.until(end_of(prompt(http, session, "echo after")))
                made = new_session(http)
                await stream.until(lambda frame: frame.type == "session-created" and frame.data["sessionId"] == made)
            told = [history(http, session) for session in sessions]
    finally:
        server.stop()

    assert [of_session(stream, session) for session in sessions] == told
    assert "stream-reset" not in stream.frames
