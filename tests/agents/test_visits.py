"""Agents that are asked what they remember: listed, told again, whatever they say; and nothing of them is left."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group, fail_after

from contracts.events import AgentMessage, AgentThought, CommandSent, SessionError, ToolCall, TurnCompleted, TurnStarted
from domain.errors import AgentUnavailable, InvalidAgentSession
from infrastructure.agents import visits
from infrastructure.agents.launcher import ProfileLauncher
from infrastructure.agents.profiles import assemble
from infrastructure.agents.recollection import NO_PROMPT, turns
from infrastructure.processes.environment import PRESENT
from infrastructure.workspace import Workspace
from tests.processes.living import children

SCRIPT = Path(__file__).with_name("scripted_agent.py")


@asynccontextmanager
async def launched(root: Path, *arguments: str, **members: Any) -> AsyncIterator[ProfileLauncher]:
    command = (sys.executable, "-I", str(SCRIPT), *arguments)
    mine = {"protocol": "acp", "command": command, "start_seconds": 10.0, **members}
    async with create_task_group() as tasks:
        with fail_after(25):
            yield ProfileLauncher(
                profiles=assemble({"mine": mine}),
                environment=PRESENT,
                source={},
                open_directory=Workspace(roots=[root]).open_directory,
                tasks=tasks,
            )
    assert not children(os.getpid())


def piece(kind: str, text: str, **members: Any) -> dict[str, Any]:
    return {"sessionUpdate": kind, "content": {"type": "text", "text": text}, **members}


def asked(text: str) -> dict[str, Any]:
    return piece("user_message_chunk", text)


def said(text: str) -> dict[str, Any]:
    return piece("agent_message_chunk", text)


async def test_all_pages_are_read_and_what_can_not_be_taken_up_is_left_out(tmp_path: Path) -> None:
    async with launched(tmp_path, "--list=first,second,third") as launcher:
        found = await launcher.sessions("mine", working_dir=str(tmp_path))

    assert [(one.agent_session_id, one.title) for one in found] == [
        ("agent-third", "third"),
        ("agent-second", "second"),
        ("agent-first", "first"),
    ]
    assert found[2].updated_at == 1767225600000


async def test_who_is_asked_for_a_list_does_not_start_in_the_directory(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    async with launched(tmp_path, "--list=one", f"--journal={journal}") as launcher:
        await launcher.sessions("mine", working_dir=str(tmp_path))

    assert f'"cwd":"{tmp_path}"' in journal.read_text()
    assert "session/new" not in journal.read_text()


@pytest.mark.parametrize(
    ("arguments", "members", "reason"),
    [
        ((), {}, "does not list its sessions"),
        (("--list=one", "--silent=session/list"), {"start_seconds": 0.3}, "did not answer within 0.3 s"),
        (("--list=one", "--refuse=session/list"), {}, "No session/list today"),
        (("--list=one", "--exit-at=session/list"), {}, "ended without an answer. Its last words: fatal"),
        ((), {"command": ("/no/such/agent",)}, "does not start"),
    ],
    ids=["none", "silent", "refused", "exit", "missing"],
)
async def test_why_there_is_no_list_is_told(
    tmp_path: Path, arguments: tuple[str, ...], members: dict[str, Any], reason: str
) -> None:
    async with launched(tmp_path, *arguments, **members) as launcher:
        with pytest.raises(AgentUnavailable, match=reason):
            await launcher.sessions("mine", working_dir=str(tmp_path))


async def test_what_was_said_is_told_again_as_whole_turns(tmp_path: Path) -> None:
    (tmp_path / "agent-9.json").write_text(json.dumps([asked("Who?"), said("I."), asked("Why?"), said("So.")]))
    async with launched(tmp_path, "--load", "--close", f"--store={tmp_path}") as launcher:
        events = await launcher.recall("mine", working_dir=str(tmp_path), agent_session_id="agent-9")

    assert [(type(event), getattr(event, "command", getattr(event, "text", None))) for event in events] == [
        (CommandSent, "Who?"),
        (TurnStarted, None),
        (AgentMessage, "I."),
        (TurnCompleted, None),
        (CommandSent, "Why?"),
        (TurnStarted, None),
        (AgentMessage, "So."),
        (TurnCompleted, None),
    ]


async def test_one_that_only_resumes_tells_nothing_again(tmp_path: Path) -> None:
    (tmp_path / "agent-9.json").write_text(json.dumps([asked("Who?"), said("I.")]))
    async with launched(tmp_path, "--resume", f"--store={tmp_path}") as launcher:
        assert list(await launcher.recall("mine", working_dir=str(tmp_path), agent_session_id="agent-9")) == []


async def test_a_session_that_the_agent_does_not_know_is_refused_by_name(tmp_path: Path) -> None:
    async with launched(tmp_path, "--load", f"--store={tmp_path}") as launcher:
        with pytest.raises(InvalidAgentSession, match="Resource not found") as refusal:
            await launcher.recall("mine", working_dir=str(tmp_path), agent_session_id="nobody")
    assert refusal.value.member == "$.agentSessionId"

    async with launched(tmp_path) as launcher:
        with pytest.raises(AgentUnavailable, match="can't take up sessions"):
            await launcher.recall("mine", working_dir=str(tmp_path), agent_session_id="nobody")


async def test_of_too_long_a_conversation_the_newest_is_kept_and_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "MOST_HISTORY_BYTES", 2000)
    long = [update for number in range(30) for update in (asked(f"{number}?"), said(f"{number} " * 20))]
    (tmp_path / "agent-9.json").write_text(json.dumps(long))
    async with launched(tmp_path, "--load", f"--store={tmp_path}") as launcher:
        events = await launcher.recall("mine", working_dir=str(tmp_path), agent_session_id="agent-9")

    assert isinstance(events[0], SessionError)
    assert events[0].code == "history-cut"
    assert [event.command for event in events if isinstance(event, CommandSent)][-1] == "29?"


async def test_one_that_asks_and_writes_junk_meanwhile_gets_nothing(tmp_path: Path) -> None:
    async with launched(tmp_path, command=("/bin/sh", "-c", "exec yes")) as launcher:
        with pytest.raises(AgentUnavailable, match="writes what is no message"):
            await launcher.sessions("mine", working_dir=str(tmp_path))


def test_a_history_of_any_shape_becomes_turns_that_are_over() -> None:
    call = {"sessionUpdate": "tool_call", "toolCallId": "t", "title": "make", "status": "in_progress"}
    told = [said("Hello."), asked("a"), asked("b"), piece("agent_thought_chunk", "Hm."), call, 7, asked("c")]
    told += [{"sessionUpdate": "user_message_chunk"}, {"sessionUpdate": "available_commands_update"}]

    events = list(turns(told))

    assert [event.command for event in events if isinstance(event, CommandSent)] == [NO_PROMPT, "a\n\nb", "c"]
    assert [type(event) for event in events].count(TurnCompleted) == 3
    assert [type(event) for event in events[5:8]] == [TurnStarted, AgentThought, ToolCall]
