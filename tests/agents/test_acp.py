"""Turns of an agent over ACP: what it says, asks and does, and how they end."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group
from msgspec import UNSET

from contracts.events import (
    AgentMessage,
    AgentThought,
    PlanUpdated,
    SessionError,
    SessionOutput,
    SessionStatus,
    SessionUpdated,
    ToolCall,
    ToolDiff,
    ToolText,
    UsageUpdated,
)
from domain.errors import AgentUnavailable
from domain.ports import GivenBlob, GivenFile, GivenText
from tests.agents.acp_stage import acp_stage
from tests.fakes import says_no

OPTIONS = [{"optionId": "y", "name": "Yes", "kind": "allow_once"}]


def update(name: str, **members: Any) -> list[Any]:
    return ["update", {"sessionUpdate": name, **members}]


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


async def test_a_prompt_is_answered_by_a_program_that_stays(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        first = await stage.prompt(text="hello")
        second = await stage.prompt(text="again")
        pids = {event.pid for event in stage.of(SessionStatus)}

    assert (first.stop_reason, second.stop_reason) == ("end", "end")
    assert stage.said == "echo: helloecho: again"
    assert [event.turn_id for event in stage.of(AgentMessage)] == ["turn-00000001", "turn-00000002"]
    assert len({event.message_id for event in stage.of(AgentMessage)}) == 2
    assert len(pids) == 1
    assert len(stage.of(SessionUpdated)) == 1
    assert stage.errors == []


async def test_every_kind_of_update_becomes_an_event(tmp_path: Path) -> None:
    diff = {"type": "diff", "path": "/a", "oldText": "x", "newText": "y"}
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(
            update("agent_thought_chunk", content=text("hm ")),
            update("agent_thought_chunk", content=text("so")),
            update("agent_message_chunk", content=text("a"), messageId="m"),
            update("tool_call", toolCallId="t", title="Edit", kind="edit", locations=[{"path": "/a", "line": 3}]),
            update("tool_call_update", toolCallId="t", status="completed", content=[diff]),
            update("agent_message_chunk", content=text("b"), messageId="m"),
            update("plan", entries=[{"content": "do", "priority": "high", "status": "in_progress"}]),
            update("usage_update", used=10, size=100, cost={"amount": 0.5, "currency": "USD"}),
            update("current_mode_update", currentModeId="careful"),
            update("available_commands_update", availableCommands=[{"name": "go", "description": ""}]),
            update("session_info_update", title="A title"),
            update("config_option_update", configOptions=[]),
            update("no_such_kind", x=1),
            update("tool_call", title="no id"),
            update("user_message_chunk", content=text("said again")),
        )

    thought, first = stage.of(AgentThought), stage.of(AgentMessage)
    opened, changed = (call for call in stage.calls if call.tool_call_id == "t")
    kept = [call.tool_call_id for call in stage.calls if call.tool_call_id != "t"]
    (plan,), (usage,) = stage.of(PlanUpdated), stage.of(UsageUpdated)
    assert "".join(event.text for event in thought) == "hm so"
    assert len({event.message_id for event in thought}) == 1
    assert stage.said == "ab"
    assert len({event.message_id for event in first}) == 1
    assert (opened.title, opened.kind, opened.status) == ("Edit", "edit", "pending")
    assert (changed.title, changed.kind, changed.status) == (UNSET, UNSET, "completed")
    assert changed.content == [ToolDiff(path="/a", old_text="x", new_text="y")]
    assert (plan.entries[0].content, plan.entries[0].priority) == ("do", "high")
    assert (usage.used, usage.size, usage.cost.amount) == (10, 100, 0.5)
    assert stage.desk.agent_mode == "careful"
    assert kept == [
        "update-available_commands_update", "update-session_info_update", "update-config_option_update",
        "update-no_such_kind", "update-tool_call",
    ]  # fmt: skip
    assert stage.calls[-2].input == {"sessionUpdate": "no_such_kind", "x": 1}


async def test_updates_keep_their_order_and_join(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(["flood", 5000])

    assert stage.said == "".join(f"{number} " for number in range(5000))
    assert len(stage.of(AgentMessage)) < 1000


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", "end"), ("cancelled", "cancelled"), ("refusal", "refused"), ("max_tokens", "limit"),
        ("max_turn_requests", "limit"), ("no_such_reason", "end"),
    ],
)  # fmt: skip
async def test_the_agent_says_how_a_turn_ended(tmp_path: Path, said: str, reason: str) -> None:
    async with acp_stage(tmp_path) as stage:
        end = await stage.prompt(["end", said])

    assert end.stop_reason == reason
    assert stage.errors == (["agent-protocol"] if said == "no_such_reason" else [])


async def test_usage_of_a_turn_is_told(tmp_path: Path) -> None:
    usage = {"totalTokens": 3, "inputTokens": 1, "outputTokens": 2, "thoughtTokens": None}
    async with acp_stage(tmp_path) as stage:
        end = await stage.prompt(["answer", {"result": {"stopReason": "end_turn", "usage": usage}}])

    assert end.usage is not UNSET
    assert (end.usage.total_tokens, end.usage.input_tokens, end.usage.thought_tokens) == (3, 1, UNSET)


async def test_an_error_of_the_agent_ends_the_turn_and_no_more(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        failed = await stage.prompt(["fail", -32603, "overloaded"])
        end = await stage.prompt(text="hello")

    assert (failed.stop_reason, end.stop_reason) == ("error", "end")
    assert stage.errors == ["agent-error"]
    assert "overloaded" in stage.of(SessionError)[0].error


async def test_what_is_no_message_is_told_and_harms_nothing(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        end = await stage.prompt(
            ["raw", "junk\n[]\nnull\n"], ["bytes", "ff0a"], ["elsewhere", {"sessionUpdate": "plan", "entries": []}],
            ["say", "done"],
        )  # fmt: skip

    assert (end.stop_reason, stage.said) == ("end", "done")
    assert stage.errors == ["agent-protocol"] * 5


async def test_junk_without_end_is_told_a_few_times(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(["raw", "junk\n" * 5000], ["say", "done"])

    assert len(stage.errors) == 20
    assert stage.said == "done"


async def test_a_line_of_forty_megabytes_is_taken(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        end = await stage.prompt(["big", 40_000_000])

    assert end.stop_reason == "end"
    assert len(stage.said) == 40_000_000


async def test_a_flood_on_stderr_blocks_nothing_and_is_cut(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        end = await stage.prompt(["stderr", 1_000_000], ["say", "done"])
        await stage.until(lambda: "beyond this" in stage.of(SessionOutput)[-1].content)

    assert (end.stop_reason, stage.said) == ("end", "done")
    assert 64 * 1024 <= sum(len(event.content) for event in stage.of(SessionOutput)) < 66 * 1024


async def test_what_comes_after_the_answer_belongs_to_its_turn(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(["end", "end_turn"], ["say", "late"])
        await stage.until(lambda: stage.said == "late")

    assert stage.of(AgentMessage)[0].turn_id == "turn-00000001"


# Permissions


async def test_an_agent_is_told_what_was_chosen_and_the_tool_call_is_made_from_what_it_asks(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(["ask", "rm x"])
        stage.desk.answer = says_no
        await stage.prompt(["ask", "rm y"])

    assert stage.said == "[y][n]"
    assert [(call.title, call.kind, call.input) for call in stage.calls] == [
        ("rm x", "execute", {"command": "rm x"}), ("rm y", "execute", {"command": "rm y"})
    ]  # fmt: skip
    asked = stage.desk.asked[0]
    assert [option.kind for option in asked.options] == ["allow-once", "allow-session", "reject-once"]
    assert asked.tool_call_id == stage.calls[0].tool_call_id


async def test_a_question_is_known_again_by_all_that_was_told_of_its_call(tmp_path: Path) -> None:
    def edit(new: str) -> dict[str, Any]:
        return {"content": [{"type": "diff", "path": "/a", "oldText": "", "newText": new}]}

    def words(text: str) -> dict[str, Any]:
        return {"content": [{"type": "content", "content": {"type": "text", "text": text}}]}

    def given(command: str, number: int) -> dict[str, Any]:
        return {"rawInput": {"command": ["sh", "-c", command], "call_id": f"{number}", "started_at_ms": number}}

    told = [edit("one"), edit("two"), words("Run a?"), words("Run b?"), given("x", 1), given("x", 2), given("y", 3)]
    async with acp_stage(tmp_path) as stage:
        for number, call in enumerate(told):
            named = {"toolCallId": f"call-{number}"}
            ask = {"toolCall": named, "options": OPTIONS}
            await stage.prompt(
                update("tool_call", title="Do", **named, **call),
                ["call", "session/request_permission", ask],
            )

    one, two, a, b, x, x_again, y = (asking.input for asking in stage.desk.asked)
    assert x == x_again
    assert all(left != right for left, right in combinations((one, two, a, b, x, y), 2))
    assert {asking.command for asking in stage.desk.asked} == {"Do"}


async def test_an_agent_asks_in_its_own_words(tmp_path: Path) -> None:
    words = [{"type": "content", "content": {"type": "text", "text": "It leaves a mark."}}]
    ask = {"toolCall": {"toolCallId": "call", "content": words}, "options": OPTIONS}
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(["call", "session/request_permission", ask])

    assert stage.desk.asked[0].explanation.endswith(" asks. It leaves a mark.")


async def test_options_are_known_by_their_kind_and_odd_ones_mean_nothing(tmp_path: Path) -> None:
    odd = [
        {"optionId": "1", "name": "?", "kind": "no_such_kind"},
        {"optionId": "", "name": "?", "kind": "allow_once"},
        {"optionId": "proceed", "name": "Always", "kind": "allow_always"},
    ]
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(["ask", "x", odd])
        stage.desk.answer = says_no
        end = await stage.prompt(["ask", "x", odd])

    assert stage.said == "[proceed]"
    assert end.stop_reason == "cancelled"


async def test_several_are_asked_at_once(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(["ask_all", "a", "b", "c"])

    assert stage.said == "[y][y][y]"
    assert [asking.command for asking in stage.desk.asked] == ["a", "b", "c"]


async def test_a_turn_that_is_stopped_while_it_asks_is_cancelled(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        stage.desk.answer = None
        ends: list[Any] = []

        async def prompt() -> None:
            ends.append(await stage.prompt(["ask", "rm x"]))

        async with create_task_group() as tasks:
            tasks.start_soon(prompt)
            await stage.until(lambda: bool(stage.calls))
            await stage.agent.cancel()
        stage.desk.answer = says_no
        end = await stage.prompt(text="go on")

    assert [end.stop_reason for end in ends] == ["cancelled"]
    assert end.stop_reason == "end"
    assert stage.errors == []


async def test_a_question_that_is_taken_back_is_withdrawn(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        stage.desk.answer = None
        end = await stage.prompt(["withdraw", "rm x"], ["say", "done"])

    assert (end.stop_reason, stage.said) == ("end", "done")


# Files, and what no client has


async def test_files_are_read_and_written_through_the_session(tmp_path: Path) -> None:
    async with acp_stage(tmp_path) as stage:
        stage.desk.files["/a"] = "1\n2\n3\n"
        await stage.prompt(
            ["call", "fs/read_text_file", {"path": "/a", "line": 2, "limit": 1}],
            ["call", "fs/read_text_file", {"path": "/b"}],
            ["call", "fs/write_text_file", {"path": "/c", "content": "new"}],
            ["call", "fs/write_text_file", {"path": "elsewhere", "content": "new"}],
            ["call", "fs/write_text_file", {"path": "/c"}],
            ["call", "no/such_method", {}],
        )

    assert stage.said == '{"content": "2\\n"}-32002{}-32603-32602-32601'
    assert stage.desk.files["/c"] == "new"


async def test_what_is_hidden_from_an_agent_is_not_done_for_it(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, hide=("readTextFile",)) as stage:
        stage.desk.files["/a"] = ""
        await stage.prompt(["call", "fs/read_text_file", {"path": "/a"}])

    assert stage.said == "-32601"


async def test_what_is_given_with_a_prompt_comes_in_forms_that_the_agent_takes(tmp_path: Path) -> None:
    given = [
        GivenFile(path="/a b"),
        GivenText(name="note", text="x"),
        GivenBlob(blob_id="b" * 8, data=b"\xff", media_type="image/png"),
        GivenBlob(blob_id="b" * 8, data=b"\xff"),
    ]
    async with acp_stage(tmp_path) as stage:
        await stage.prompt(["blocks"], context=given)

    assert stage.said == "text resource_link resource image resource"


# Modes


async def test_an_agent_is_brought_into_the_mode_of_its_profile(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with acp_stage(tmp_path, "--modes=auto,default", f"--journal={journal}", agent_mode="default") as stage:
        await stage.prompt(text="one")
        await stage.prompt(text="two")

    assert journal.read_text().count("session/set_mode") == 1
    assert journal.read_text().index("session/set_mode") < journal.read_text().index("session/prompt")


@pytest.mark.parametrize("modes", ["", "auto,other"])
async def test_an_agent_without_the_mode_is_given_no_prompt(tmp_path: Path, modes: str) -> None:
    journal = tmp_path / "journal"
    async with acp_stage(tmp_path, f"--modes={modes}", f"--journal={journal}", agent_mode="default") as stage:
        with pytest.raises(AgentUnavailable, match="has no mode 'default'"):
            await stage.prompt(text="one")

    assert "session/prompt" not in journal.read_text()


async def test_an_agent_without_the_mode_that_a_human_wants_stays_and_remembers(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, "--modes=ask,go") as stage:
        await stage.prompt(text="one")
        stage.desk.agent_mode = "nonsense"
        with pytest.raises(AgentUnavailable, match="has no mode 'nonsense'"):
            await stage.prompt(text="two")
        stage.desk.agent_mode = "go"
        await stage.prompt(["mode"])

    assert stage.said == "echo: onego"
    assert stage.errors == []


async def test_the_mode_that_an_agent_comes_up_in_is_no_choice_of_a_human(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    arguments = ("--modes=auto,default", "--announces", f"--journal={journal}")
    async with acp_stage(tmp_path, *arguments, agent_mode="default") as stage:
        await stage.prompt(["mode"])

    assert stage.said == "default"
    assert stage.desk.agent_mode is None


async def test_a_mode_that_is_a_setting_is_set_as_one(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with acp_stage(tmp_path, "--settings=ask,go", f"--journal={journal}", agent_mode="go") as stage:
        await stage.prompt(["mode"])
        assert stage.said == "go"

        stage.desk.agent_mode = "nonsense"
        with pytest.raises(AgentUnavailable, match="did not take the mode 'nonsense'"):
            await stage.prompt(["mode"])

    assert '"configId":"how","value":"go"' in journal.read_text()


async def test_a_mode_that_the_agent_takes_in_a_turn_stays_over_a_restart(tmp_path: Path) -> None:
    """What a human approved there (a plan, say) must not be undone by the next start."""
    arguments = ("--modes=plan,default", "--resume", f"--store={tmp_path}", f"--journal={tmp_path}/journal")
    async with acp_stage(tmp_path, *arguments, agent_mode="plan") as stage:
        await stage.prompt(["update", {"sessionUpdate": "current_mode_update", "currentModeId": "default"}])
        assert stage.desk.agent_mode == "default"
        await stage.prompt(["exit", 0])

        await stage.prompt(["mode"])

    assert stage.said == "default"
    assert stage.errors == ["agent-exited"]


async def test_another_mode_is_taken_before_the_next_prompt(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with acp_stage(tmp_path, "--modes=ask,go", f"--journal={journal}") as stage:
        await stage.prompt(text="one")
        stage.desk.agent_mode = "go"
        await stage.prompt(text="two")

    assert '"modeId":"go"' in journal.read_text()


def test_what_is_remembered_of_tool_calls_is_bounded() -> None:
    from infrastructure.agents.updates import OPEN_BYTES, Translation  # noqa: PLC0415

    translation = Translation()
    translation.begin("turn-00000001")
    text = [{"type": "content", "content": {"type": "text", "text": "x" * (OPEN_BYTES // 4)}}]
    told = [{"sessionUpdate": "tool_call", "toolCallId": str(number), "content": text} for number in range(20)]

    calls = translation.events(told)

    assert len(calls) == len(told)
    assert [one["toolCallId"] for one in told if translation.known(one)] == ["17", "18", "19"]


def test_texts_of_tools_are_kept() -> None:
    from infrastructure.agents.updates import Translation  # noqa: PLC0415

    translation = Translation()
    translation.begin("turn-00000001")
    (call,) = translation.events(
        [{"sessionUpdate": "tool_call", "toolCallId": "t", "title": "x", "status": "failed", "rawOutput": {"code": 1}}]
    )

    assert isinstance(call, ToolCall)
    assert call.content == [ToolText(text='{"code":1}')]
