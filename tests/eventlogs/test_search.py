"""By which words sessions are found, of every log; and that the stored index can be made anew."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest
from anyio import fail_after

from contracts.events import AgentMessage, CommandSent, LargeBody, TurnCompleted
from domain.ids import SessionId
from domain.ports import Blob, EventLog, ListingFilter, SearchText, StoredSnapshot
from infrastructure.eventlogs.sqlite import SqliteEventLog
from tests.eventlogs.stage import A, B, C, Owner, opened

TURN = "turn_0001"


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    with fail_after(30):
        async with opened(request.param, tmp_path) as made:
            yield made


async def say(owner: Owner, text: str) -> None:
    """Have the next event of a session found by *text*."""
    await owner.write("x", texts=[SearchText(owner.seq + 1, text)])


async def told(log: EventLog, session_id: SessionId, *texts: str, title: str = "", now: int = 1_000) -> Owner:
    owner = Owner(log, session_id)
    owner.title, owner.now = title, now
    await owner.create()
    for text in texts:
        await say(owner, text)
    return owner


async def found(log: EventLog, *words: str, **filters: object) -> list[SessionId]:
    page = await log.page(ListingFilter(words=words, **filters), before=None, limit=10)  # type: ignore[arg-type]
    return [listed.listing.session_id for listed in page]


async def test_all_words_are_in_a_session_wherever(log: EventLog) -> None:
    await told(log, A, "start the docker daemon", "it ran into a timeout", title="Deploy")
    await told(log, B, "docker", now=2_000)

    assert await found(log, "docker") == [B, A]
    assert await found(log, "docker", "timeout") == [A]
    assert await found(log, "Deploy", "docker", "timeout") == [A]
    assert await found(log, "docker", "elsewhere") == []


async def test_the_last_word_may_be_a_beginning_the_others_not(log: EventLog) -> None:
    await told(log, A, "containers restarted")

    assert await found(log, "contain") == [A]
    assert await found(log, "containers", "rest") == [A]
    assert await found(log, "contain", "restarted") == []


async def test_case_and_accents_do_not_count(log: EventLog) -> None:
    await told(log, A, "Das Café schließt", title="MÜLLTONNE")

    for word in ("cafe", "CAFÉ", "cafe\u0301", "mulltonne", "müll"):
        assert await found(log, word) == [A]


async def test_words_of_scripts_without_spaces_are_found_inside(log: EventLog) -> None:
    await told(log, A, "明日の会議室を予約してください", "세션을 다시 시작", "ห้องประชุม")

    for word in ("会議", "議室", "予約", "ください", "세션", "시작", "ประชุม"):
        assert await found(log, word) == [A], word
    for word in ("会室", "約予", "션세"):
        assert await found(log, word) == [], word


async def test_a_word_is_data_whatever_it_holds(log: EventLog) -> None:
    await told(log, A, "run my_function(x) of C++ NEAR the end")

    for word in (
        "my_function",
        "my_function(x)",
        "C++",
        "(near)",
        "near/2",
        "^run",
        "run*",
        "text:run",
        "-run",
        "+run",
    ):
        assert await found(log, word) in ([A], []), word
    matching: tuple[tuple[str, ...], ...] = (
        ("my_func",),
        ("C++", "NEAR"),
        ("--", "run"),
        ("run", "*"),
        ('"run"',),
        ("run", '"'),
        ("run", "→"),
        (*("run" for _ in range(40)),),
    )
    for words in matching:
        assert await found(log, *words) == [A], words
    missing: tuple[tuple[str, ...], ...] = (
        ("functionless",),
        ("OR",),
        ("run", "NOT", "x"),
        ('"',),
        ("--",),
        ("'; DROP TABLE search; --",),
        ("\ud7ff\uffff",),
        (*("run" for _ in range(40)), "nothing"),
    )
    for words in missing:
        assert await found(log, *words) == [], words


async def test_shows_the_newest_text_that_was_found_on_one_line(log: EventLog) -> None:
    await told(log, A, "an old needle", "stack " * 200 + "\na new\n\tneedle  here", "hay", title="Needle")
    await told(log, B, "会議室の針", now=2_000)

    (listed,) = await log.page(ListingFilter(words=["needle"]), before=None, limit=5)
    (other,) = await log.page(ListingFilter(words=["会議室"]), before=None, limit=5)

    assert "a new needle here" in listed.snippet
    assert "old" not in listed.snippet
    assert other.snippet == "会議室の針"
    assert (await log.page(ListingFilter(), before=None, limit=1))[0].snippet == ""


async def test_pages_and_filters_what_was_found(log: EventLog) -> None:
    for number, one in enumerate((A, B, C)):
        owner = await told(log, one, "needle", now=1_000 + number)
        if one == B:
            owner.archived = True
            await owner.write("x")

    first = await log.page(ListingFilter(words=["needle"]), before=None, limit=2)
    rest = await log.page(
        ListingFilter(words=["needle"]),
        before=(first[-1].head.last_activity, first[-1].listing.session_id),
        limit=2,
    )

    assert [one.listing.session_id for one in (*first, *rest)] == [C, B, A]
    assert await found(log, "needle", archived=False) == [C, A]
    assert await found(log, "needle", archived=True, mode="shell") == [B]


async def test_a_new_title_takes_the_old_ones_place(log: EventLog) -> None:
    owner = await told(log, A, title="first")
    owner.title = "second"
    await owner.write("x")

    assert await found(log, "first") == []
    assert await found(log, "second") == [A]
    owner.title = ""
    await owner.write("x")
    assert await found(log, "second") == []


async def test_what_is_deleted_or_trimmed_is_not_found(log: EventLog) -> None:
    owner = await told(log, A, "early", "late", title="kept")
    gone = await told(log, B, "early", title="gone")

    await gone.delete()
    await log.trim(A, max_bytes=0, oldest=0, snapshot=StoredSnapshot(2, b""))

    assert await found(log, "early") == []
    assert await found(log, "gone") == []
    assert await found(log, "late") == [A]
    assert await found(log, "kept") == [A]
    assert owner.seq == 3


async def test_a_text_that_was_not_recorded_finds_nothing(log: EventLog) -> None:
    owner = await told(log, A)
    owner.seq = 7

    with pytest.raises(Exception, match="is at 1"):
        await say(owner, "needle")

    assert await found(log, "needle") == []


async def converse(owner: Owner, *answers: tuple[str, str], prompt: str = "hello") -> None:
    """Record a turn without telling the index."""
    await owner.append(CommandSent(turn_id=TURN, command=prompt, delivery="queue"))
    for message_id, text in answers:
        await owner.append(AgentMessage(turn_id=TURN, message_id=message_id, text=text))
    await owner.append(TurnCompleted(turn_id=TURN, stop_reason="end"))


async def test_the_index_is_made_anew_from_the_events(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path) as log:
        owner = await told(log, A, "no event says this", title="Title")
        await converse(owner, ("message_1", "con"), ("message_1", "tainer"), ("message_2", "second"))
        whole = "a very long prompt"
        large = CommandSent(
            turn_id=TURN, command=LargeBody(blob_id="blob_0001", bytes=len(whole), preview="a"), delivery="queue"
        )
        await owner.append(large, blobs=[Blob("blob_0001", whole.encode())])
        assert await found(log, "container") == []

        assert await log.reindex() == 4

        assert await found(log, "container") == [A]
        assert await found(log, "Title", "hello", "second", "long") == [A]
        assert await found(log, "says") == []
        await say(owner, "goes on")
        assert await found(log, "goes") == [A]


def damage(directory: Path) -> None:
    connection = apsw.Connection(str(directory / "log" / "log.db"))
    connection.execute("UPDATE search_data SET block = x'00010203040506070809'")
    connection.close()


async def test_a_damaged_index_stops_no_session_and_is_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened("sqlite", tmp_path) as log:
        owner = await told(log, A, title="Title")
        await converse(owner)
    damage(tmp_path)

    with caplog.at_level(logging.ERROR):
        async with opened("sqlite", tmp_path) as log:
            owner.log = log
            await say(owner, "needle")
            await told(log, B)
            assert (await log.head(A)).seq == owner.seq

    assert "search index" in caplog.text
    async with opened("sqlite", tmp_path) as log:
        assert await found(log, "title", "hello") == [A]


async def test_a_crash_while_the_index_is_made_leaves_it_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened("sqlite", tmp_path) as log:
        await converse(await told(log, A, title="Title"))
    connection = apsw.Connection(str(tmp_path / "log" / "log.db"))
    connection.execute("UPDATE meta SET indexed = 0; DROP TABLE search")
    connection.close()

    def crash(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("infrastructure.eventlogs.search.spaced", crash)
        with pytest.raises(KeyboardInterrupt):
            async with SqliteEventLog.open(tmp_path / "log" / "log.db", durability="power"):
                pass

    async with opened("sqlite", tmp_path) as log:
        assert await found(log, "title", "hello") == [A]
