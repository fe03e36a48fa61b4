"""What a session touches, and what its prompts give to its agent."""

from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from contracts.codec import encode
from contracts.events import (
    CommandSent,
    ContextItem,
    Cost,
    Event,
    LargeBody,
    Location,
    OperationResult,
    OperationsExecuted,
    OperationsReverted,
    SessionError,
    ToolCall,
    ToolDiff,
    UsageUpdated,
)
from contracts.requests import PromptContext
from contracts.views import ContextWindow
from domain.context import FILES_KEPT, NAMES_CHARACTERS, Touched, estimate_tokens, is_below, locate
from domain.contexts import CONTEXT_BYTES
from domain.errors import InvalidContext, PromptTooLarge
from domain.ports import GivenBlob, GivenFile, GivenText, Turn, TurnEnd, Upload
from domain.state import SessionState, apply, begin
from tests.domain.stage import ends, of, staged
from tests.factories import SESSION_ID, TURN_ID, make_completed, make_created, make_sent, make_started
from tests.fakes import FakeAgent, wait


def stamp(event: Any, seq: int) -> Any:
    return replace(event, session_id=SESSION_ID, seq=seq, timestamp=1_000 * seq)


def fold(*events: Event) -> SessionState:
    state = begin(stamp(make_created(), 1))
    for event in events:
        state = apply(state, stamp(event, state.seq + 1))
    return state


def hows(*events: Event) -> dict[str, str]:
    return {touched.name: touched.how for touched in fold(*events).files}


def call(*paths: str, kind: Any = UNSET, status: Any = "completed", **members: Any) -> ToolCall:
    locations = [Location(path=path) for path in paths] or UNSET
    return ToolCall(
        turn_id=TURN_ID, **{"tool_call_id": "one", **members}, kind=kind, status=status, locations=locations
    )


def result(path: str, operation: Any, *, success: bool = True, to: Any = UNSET) -> OperationResult:
    return OperationResult(success=success, path=path, operation=operation, to=to)


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("read", "read"), ("search", "read"), ("other", "read"), (UNSET, "read"), ("edit", "written"),
        ("move", "written"), ("delete", "deleted"),
    ],
)  # fmt: skip
def test_a_tool_call_touches_what_it_names(kind: Any, how: str) -> None:
    assert hows(call("/srv/project/a", "b", kind=kind)) == {"/srv/project/a": how, "/srv/project/b": how}


def test_a_diff_says_what_was_written_whatever_the_kind() -> None:
    diff = ToolDiff(path="/srv/project/a", new_text="x")

    assert hows(call(content=[diff])) == {"/srv/project/a": "written"}
    assert hows(call(kind="delete", content=[diff])) == {"/srv/project/a": "deleted"}


def test_a_tool_call_counts_when_it_is_done_with_all_that_was_ever_said_of_it() -> None:
    asked = call("/a", kind="edit", status="pending")
    done = call(kind=UNSET)

    assert hows(make_sent(), make_started(), asked) == {}
    assert fold(make_sent(), make_started(), asked, done).files == (
        Touched(name="/a", how="written", at=5_000, turn_id=TURN_ID),
    )
    assert hows(asked, call(status="failed")) == {}


def test_a_tool_call_at_work_when_its_turn_ends_may_have_touched_its_files() -> None:
    running, asked = call("/a", kind="edit", status="running"), call("/b", status="pending", tool_call_id="two")

    assert hows(make_sent(), make_started(), running, asked, make_completed(stop_reason="interrupted")) == {
        "/a": "written"
    }


def test_the_strongest_of_what_was_done_counts_and_of_two_changes_the_last() -> None:
    read, written, deleted = call("/a", kind="read"), call("/a", kind="edit"), call("/a", kind="delete")
    sent = make_sent(context=[ContextItem(path="/a")])

    assert hows(sent, read) == {"/a": "given"}
    assert hows(read, sent) == {"/a": "given"}
    assert hows(written, sent, read) == {"/a": "written"}
    assert hows(written, deleted, read) == {"/a": "deleted"}
    assert hows(deleted, written) == {"/a": "written"}
    assert fold(written, read).files[0].at == 3_000


def test_a_plan_touches_what_it_did_and_its_undoing_brings_back() -> None:
    results = [
        result("a", "write"), result("./b/../c", "edit"), result("d", "delete"), result("e", "rename", to="g"),
        result("make", "command"), result("f", "write", success=False),
    ]  # fmt: skip
    executed = OperationsExecuted(plan_id="plan-one", results=results)

    root = "/srv/project"
    done = {"a": "written", "c": "written", "d": "deleted", "e": "deleted", "g": "written"}
    assert hows(executed) == {f"{root}/{name}": how for name, how in done.items()}
    undone = dict.fromkeys("acde", "written") | {"g": "deleted"}
    assert hows(executed, OperationsReverted(plan_id="plan-one", results=results)) == {
        f"{root}/{name}": how for name, how in undone.items()
    }


def test_a_prompt_gives_files_texts_and_bodies() -> None:
    large = LargeBody(blob_id="blob-one", bytes=70_000, preview="x")
    context = [
        ContextItem(path="a"),
        ContextItem(name="note", text="é"),
        ContextItem(name="long note", text=large),
        ContextItem(blob_id="picture1", bytes=99, name="a.png"),
    ]

    files = fold(make_sent(context=context)).files

    given = {"how": "given", "at": 2_000, "turn_id": TURN_ID}
    assert files == tuple(
        Touched(**given, **each)  # type: ignore[arg-type]
        for each in (
            {"name": "/srv/project/a"},
            {"kind": "text", "name": "note", "bytes": 2},
            {"kind": "text", "name": "long note", "bytes": 70_000},
            {"kind": "blob", "name": "picture1", "bytes": 99},
        )
    )


def test_the_newest_stay_the_last_touched_last() -> None:
    calls = [call(f"/{number}", tool_call_id=str(number)) for number in range(FILES_KEPT + 10)]

    names = [touched.name for touched in fold(*calls, call("/20")).files]

    assert names == [f"/{number}" for number in range(10, FILES_KEPT + 10) if number != 20] + ["/20"]
    assert hows(call(*(f"/{number}" for number in range(3 * FILES_KEPT)))).keys() == {
        f"/{number}" for number in range(2 * FILES_KEPT, 3 * FILES_KEPT)
    }


def test_long_names_do_not_make_a_large_snapshot() -> None:
    state = fold(*(call(f"/{number}{'x' * 4_000}") for number in range(100)))

    assert sum(len(touched.name) for touched in state.files) <= NAMES_CHARACTERS
    assert len(encode(state)) < 2 * NAMES_CHARACTERS
    assert state.files[-1].name.startswith("/99x")


@pytest.mark.parametrize("path", ["", ".", "/srv/project/", "x" * 5_000])
def test_what_names_no_file_is_passed_over(path: str) -> None:
    assert hows(call(path)) == {}


@pytest.mark.parametrize(
    ("path", "located", "below"),
    [
        ("a", "/srv/project/a", True), ("/srv/project//a/./b", "/srv/project/a/b", True), ("../x", "/srv/x", False),
        ("/srv/projects/a", "/srv/projects/a", False), ("//etc", "/etc", False), ("a/../../..", "/", False),
        (".", "/srv/project", False),
    ],
)  # fmt: skip
def test_a_path_is_absolute_and_normal(path: str, located: str, *, below: bool) -> None:
    assert locate("/srv/project", path) == located
    assert is_below("/srv/project", located) == below


def test_a_token_is_four_bytes() -> None:
    assert [estimate_tokens(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]


# Prompts


async def speak(agent: FakeAgent, turn: Turn) -> TurnEnd:
    """Read a file that the prompt did not give, and say how full the context window is."""
    await agent.emit(
        ToolCall(
            turn_id=turn.turn_id,
            tool_call_id="one",
            kind="read",
            status="completed",
            locations=[Location(path="/srv/project/read"), Location(path="/usr/include/stdio.h")],
        ),
        UsageUpdated(used=10, size=200, cost=Cost(amount=0.5, currency="EUR")),
    )
    return TurnEnd(stop_reason="end")


LONG = "a long note " * 5_000
CONTEXT = [PromptContext(path="src/a"), PromptContext(name="note", text="hi"), PromptContext(name="long", text=LONG)]
GIVEN = [GivenFile("/srv/project/src/a"), GivenText("note", "hi"), GivenText("long", LONG)]


async def test_an_agent_is_given_files_by_path_and_texts_whole() -> None:
    async with staged() as stage:
        stage.workspace.files["src/a"] = 9
        session_id = await stage.open()

        await stage.submit(session_id, context=CONTEXT)
        await stage.rested(session_id)

        [turn] = stage.launcher.agent.turns
    assert turn.context == GIVEN


async def test_an_uploaded_body_is_the_session_s_once_a_prompt_gave_it() -> None:
    picture = Upload(blob_id="picture1", made_at=1, name="a.png", media_type="image/png", data=b"\x89PNG")
    async with staged() as stage:
        await stage.log.keep_upload(picture, most_bytes=100)
        session_id = await stage.open()

        await stage.submit(session_id, context=[PromptContext(blob_id="picture1")] * 2)
        events = await stage.rested(session_id)
        await stage.log.expire(before=2)
        await stage.submit(session_id, context=[PromptContext(blob_id="picture1")])
        await stage.rested(session_id, turns=2)

        first, again = stage.launcher.agent.turns
    assert first.context == [GivenBlob("picture1", b"\x89PNG", "a.png", "image/png")] * 2
    assert again.context == [GivenBlob("picture1", b"\x89PNG")]
    assert (
        of(events, CommandSent)[0].context
        == [ContextItem(blob_id="picture1", name="a.png", bytes=4, media_type="image/png")] * 2
    )


async def test_bodies_that_are_unknown_or_too_large_together_are_refused_and_leave_nothing() -> None:
    async with staged() as stage:
        for blob_id in ("large-01", "large-02"):
            data = bytes(CONTEXT_BYTES // 2 + 1)
            await stage.log.keep_upload(Upload(blob_id=blob_id, made_at=1, data=data), most_bytes=2 * CONTEXT_BYTES)
        session_id, other_id = await stage.open(), await stage.open()
        large, larger = PromptContext(blob_id="large-01"), PromptContext(blob_id="large-02")
        await stage.submit(other_id, context=[large])

        with pytest.raises(InvalidContext) as unknown:
            await stage.submit(session_id, context=[large, PromptContext(blob_id="unknown1")])
        with pytest.raises(PromptTooLarge) as too_large:
            await stage.submit(session_id, context=[large, larger])

        assert len(await stage.events(session_id)) == 2
    assert unknown.value.member == too_large.value.member == "$.context[1].blobId"


async def test_what_a_queued_prompt_gives_outlives_a_restart_and_what_becomes_of_its_events() -> None:
    async with staged(play=wait) as stage:
        stage.workspace.files["src/a"] = 9
        session_id = await stage.open()
        await stage.submit(session_id, "first")
        await stage.running(session_id)
        await stage.submit(session_id, "second", context=CONTEXT)
        log = stage.log

    async with staged(log=log) as stage:
        await stage.sessions.recover()
        await stage.sessions.resume(session_id)
        await stage.rested(session_id, turns=2)

        [turn] = stage.launcher.agent.turns
    assert (turn.command, turn.context) == ("second", GIVEN)


async def test_a_turn_whose_prompt_can_not_be_handed_over_whole_ends_and_says_why() -> None:
    async with staged(play=wait) as stage:
        session_id = await stage.open()
        await stage.submit(session_id, "first")
        await stage.running(session_id)
        await stage.submit(session_id, "second", context=[PromptContext(name="long", text=LONG)])
        stage.log._sessions[session_id].blobs.clear()

        stage.launcher.agent.go.set()
        events = await stage.rested(session_id, turns=2)

    assert [event.code for event in of(events, SessionError)] == ["blob-not-found"]
    assert [reason for _, reason in ends(events)] == ["end", "error"]
    assert stage.launcher.commands == ["first"]


@pytest.mark.parametrize("path", ["missing", "../a", "/etc/passwd", "/srv/project", "."])
async def test_a_file_that_is_not_there_is_refused_by_name_and_leaves_nothing(path: str) -> None:
    async with staged() as stage:
        stage.workspace.files["src/a"] = 9
        session_id = await stage.open()

        with pytest.raises(InvalidContext) as caught:
            await stage.submit(session_id, context=[PromptContext(path="src/a"), PromptContext(path=path)])

        assert len(await stage.events(session_id)) == 2
    assert caught.value.member == "$.context[1].path"


async def test_a_session_s_context_tells_sizes_tokens_and_the_window() -> None:
    async with staged(play=speak) as stage:
        stage.workspace.files |= {"src/a": 9, "read": 4}
        session_id = await stage.open()
        turn_id = (await stage.submit(session_id, context=CONTEXT)).turn_id
        await stage.rested(session_id)
        del stage.workspace.files["src/a"]

        context = await stage.contexts.get(session_id)

    assert [(entry.path, entry.name, entry.how, entry.size, entry.token_estimate) for entry in context.files] == [
        ("/usr/include/stdio.h", UNSET, "read", None, None),
        ("/srv/project/read", UNSET, "read", 4, 1),
        (UNSET, "long", "given", len(LONG), len(LONG) // 4),
        (UNSET, "note", "given", 2, 1),
        ("/srv/project/src/a", UNSET, "given", None, None),
    ]
    assert {entry.turn_id for entry in context.files} == {turn_id}
    assert {entry.last_touched for entry in context.files} == {stage.clock.time}
    assert context.token_estimate == len(LONG) // 4 + 2
    assert context.window == ContextWindow(used=10, size=200, cost=Cost(amount=0.5, currency="EUR"))


async def test_a_new_session_has_no_context_and_no_window() -> None:
    async with staged() as stage:
        context = await stage.contexts.get(await stage.open())

    assert (context.files, context.token_estimate, context.window) == ([], 0, UNSET)
