"""Transcripts: what is in them, and that nothing which an agent or a program wrote gets out of its block."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.codec import decode_event
from contracts.events import (
    AgentMessage,
    AgentThought,
    ApprovalConfirmed,
    ApprovalRequest,
    Event,
    LargeBody,
    PlanEntry,
    PlanUpdated,
    SessionError,
    ToolCall,
    ToolText,
)
from contracts.views import Session
from domain.errors import CursorExpired, SessionNotFound
from domain.ids import SessionId
from domain.ports import StoredSnapshot
from domain.transcript import OUTPUT_CHARACTERS, Transcript, fence, inline, shown
from tests.domain.stage import staged
from tests.factories import SESSION_ID, TURN_ID, make_completed, make_output, make_sent, make_started

SESSION = Session(
    session_id=SESSION_ID,
    mode="shell",
    title="*A* title",
    working_dir="/srv/project",
    status="idle",
    created_at=1_700_000_000_000,
    last_activity=0,
    cursor="k7wq2mzr5tdn4.17",
    archived=False,
)
TEXTS = st.text(alphabet=st.sampled_from("`~>#- \n\r\tx\x1b<"), max_size=60)


def written(*events: Event) -> str:
    transcript = Transcript()
    return "".join(map(transcript.add, events)) + transcript.end()


def message(text: str, message_id: str = "message1", kind: Any = AgentMessage) -> Any:
    return kind(turn_id=TURN_ID, message_id=message_id, text=text)


def blocks(markdown: str) -> Sequence[str]:
    """Return the text of each fenced block, as CommonMark has it."""
    found: list[str] = []
    bar = ""
    for line in markdown.split("\n"):
        if bar:
            if line == bar:
                bar = ""
            else:
                found[-1] += line + "\n"
        elif line.startswith("```"):
            bar = line[: len(line) - len(line.lstrip("`"))]
            found.append("")
        else:
            assert line == "" or line.startswith(("> ", "## Prompt")), line
    assert not bar, "a fence is left open"
    return found


def test_a_turn_is_a_heading_a_prompt_and_its_output() -> None:
    text = written(
        make_sent(command="echo hello"),
        make_started(timestamp=1_700_000_000_000),
        make_output(text="hel"),
        make_output(text="lo\n"),
        make_output(text="oops", stream="stderr"),
        make_output(text="", stream="exit", exit_code=1),
        make_completed(),
    )

    assert text == (
        "## Prompt, 2023-11-14 22:13:20 UTC\n\n```\necho hello\n```\n\n"
        "```\nhello\n```\n\n```stderr\noops\n```\n\n*Exit code 1.*\n\n"
    )


def test_the_heading_tells_of_the_session() -> None:
    whole = Transcript().begin(SESSION, whole=True)

    assert whole.startswith("# \\*A\\* title\n\n- Session: `u4k7wq2mzr5tdn4xbaocl6jhye`\n")
    assert "no longer kept" not in whole
    assert "no longer kept" in Transcript().begin(SESSION, whole=False)


def test_an_answer_is_a_quotation_whatever_it_leaves_open() -> None:
    text = written(
        message("Look:\n```py\nx = 1\n"),
        message("y = 2"),
        message("```never closed\n<!--", "message2"),
        make_completed(),
    )

    assert text == "> Look:\n> ```py\n> x = 1\n> y = 2\n\n> ```never closed\n> <!--\n\n"


def test_thoughts_are_told_from_answers() -> None:
    text = written(message("hm", kind=AgentThought), message("Yes.", "message2"))

    assert text == "> *Thought:*\n>\n> hm\n\n> Yes.\n\n"


def test_prompts_that_never_began_are_told_at_their_end() -> None:
    text = written(make_sent(command="a", turn_id="turn-aaaa"), make_sent(command="b", turn_id="turn-bbbb"))
    gone = written(make_sent(command="a"), make_completed(stop_reason="cancelled"))

    assert text.count("## Prompt, still waiting") == 2
    assert gone == "## Prompt, never begun\n\n```\na\n```\n\n"
    assert written(make_started()).endswith("*It is no longer kept.*\n\n")


def test_what_else_happened_is_told_in_its_place() -> None:
    large = LargeBody(blob_id="blob0001", bytes=99, preview="beginning")
    text = written(
        ToolCall(turn_id=TURN_ID, tool_call_id="c", title="Read `x`", kind="read", status="running"),
        ToolCall(turn_id=TURN_ID, tool_call_id="c", status="completed", content=[ToolText(text=large)]),
        PlanUpdated(turn_id=TURN_ID, entries=[PlanEntry(content="do", priority="high", status="completed")]),
        ApprovalRequest(
            approval_id="approval", command="rm x", explanation="", options=[], editable=True, expires_at=1
        ),
        ApprovalConfirmed(approval_id="approval", approved=True, option_id="o", custom_command="ls", answered_by="me"),
        SessionError(error="no\nluck", code="x", recoverable=True),
        make_completed(stop_reason="interrupted"),
    )

    assert text == (
        "**Tool:** `` Read `x` `` (`read`), completed\n\n```\nbeginning…\n(99 bytes, body blob0001)\n```\n\n"
        "- [x] `do`\n\n**May this run?** `rm x`\n\n*Yes, by `me`, as `ls`.*\n\n**Error:** `no luck`\n\n"
        "*The turn was interrupted.*\n\n"
    )


def test_a_long_output_is_not_held() -> None:
    transcript = Transcript()

    sizes = [len(transcript.add(make_output(text="x" * 1000 + "\n"))) for _ in range(200)]

    assert sum(size > 0 for size in sizes) == 200 * 1001 // OUTPUT_CHARACTERS


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("operations-detected", "- write `a`"),
        ("operations-executed", "- write `a`: `full`"),
        ("operations-reverted", "- write `a`: `full`"),
        ("operations-error", "`e`"),
    ],
)
def test_operations_are_listed(name: str, told: str) -> None:
    operation = {"type": "write", "path": "a", "content": "x"}
    result = {"success": False, "path": "a", "operation": "write", "error": "full"}
    raw = {"type": name, "planId": "plan0001", "operations": [operation], "results": [result], "error": "e"}

    assert told in written(decode_event(msgspec.json.encode(raw)))


@given(texts=st.lists(st.tuples(st.sampled_from(["stdout", "stderr", "message", "prompt"]), TEXTS), max_size=8))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_nothing_that_was_written_gets_out_of_its_block(texts: list[tuple[str, str]]) -> None:
    events: list[Any] = []
    fenced = ""
    for place, (kind, text) in enumerate(texts):
        if kind == "message":
            events.append(message(text, f"message{place}"))
        elif kind == "prompt":
            events += [make_sent(command=text), make_started()]
            fenced += shown(text)
        else:
            events.append(make_output(text=text, stream=kind))
            fenced += shown(text)

    markdown = written(*events)

    assert "".join(blocks(markdown)).replace("\n", "") == fenced.replace("\n", "")
    assert "\x1b" not in markdown
    assert "\r" not in markdown


@given(text=TEXTS)
def test_a_fence_and_a_span_hold_any_text(text: str) -> None:
    (held,) = blocks(fence(text))
    span = inline(text)

    assert held.rstrip("\n") == shown(text).rstrip("\n")
    assert "\n" not in span
    bar = span[: len(span) - len(span.lstrip("`"))]
    assert span.endswith(bar)
    assert f" {bar} " not in span[len(bar) : -len(bar)]


async def test_exports_read_all_that_is_kept_page_by_page() -> None:
    async with staged(retention_bytes=1) as stage:
        session_id = await stage.open(title="T")
        for number in range(1, 100):
            await stage.submit(session_id, f"echo {number}")
            await stage.rested(session_id, turns=number)

        lines = b"".join([page async for page in await stage.exports.lines(session_id)])
        markdown = b"".join([page async for page in await stage.exports.markdown(session_id)]).decode()

        assert [decode_event(line) for line in lines.splitlines()] == await stage.events(session_id)
        assert markdown.count("## Prompt") == 99
        assert "```\necho 99\n```" in markdown
        head = await stage.log.head(session_id)
        half = await stage.exports.lines(session_id)
        await anext(half)
        await stage.log.trim(session_id, max_bytes=1, oldest=0, snapshot=StoredSnapshot(head.seq, b"{}"))
        with pytest.raises(CursorExpired):  # the client's connection breaks: it is not told a part for the whole
            [page async for page in half]
        kept = b"".join([page async for page in await stage.exports.markdown(session_id)]).decode()
        assert "What came before is no longer kept" in kept
        with pytest.raises(SessionNotFound):
            await stage.exports.lines(SessionId("neverwasasession"))
