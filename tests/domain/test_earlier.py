"""Conversations that an agent had elsewhere, over a log in memory."""

import pytest
from anyio import create_task_group
from msgspec import UNSET

from contracts.codec import decode_event
from contracts.requests import CreateSession
from domain.errors import (
    AgentSessionTaken,
    AgentUnavailable,
    InvalidAgentSession,
    InvalidWorkingDir,
    NotFound,
)
from domain.ids import SessionId
from domain.ports import ListingFilter
from tests.domain.stage import Stage, staged

DIRECTORY = "/srv/project"


async def taken_up(stage: Stage, **members: object) -> SessionId:
    request = CreateSession(mode="writer", agent_session_id="before", **members)  # type: ignore[arg-type]
    return SessionId((await stage.sessions.open(request)).session_id)


async def test_what_was_said_elsewhere_begins_the_log_of_the_session_that_goes_on_with_it() -> None:
    async with staged() as stage:
        session_id = await taken_up(stage)

        batch = await stage.log.read(session_id, after=0, limit=100)
        events = [decode_event(recorded.data) for recorded in batch.events]
        assert [type(event).__name__ for event in events] == [
            "SessionCreated",
            "CommandSent",
            "TurnStarted",
            "AgentMessage",
            "TurnCompleted",
            "SessionUpdated",
            "SessionStatus",
        ]
        state = (await stage.owners.get(session_id)).state
        assert (state.agent_session_id, state.title, state.status, state.turn) == (
            "before",
            "Where are we?",
            "idle",
            None,
        )


async def test_a_conversation_that_a_session_goes_on_with_is_listed_with_it_and_taken_up_by_no_other() -> None:
    async with staged() as stage:
        assert (await stage.sessions.earlier("writer", None)).agent_sessions[0].session_id is UNSET
        session_id = await taken_up(stage)

        (known,) = (await stage.sessions.earlier("writer", DIRECTORY)).agent_sessions
        assert (known.agent_session_id, known.session_id) == ("before", session_id)
        with pytest.raises(AgentSessionTaken) as refusal:
            await taken_up(stage)
        assert refusal.value.session_id == session_id

        await stage.sessions.delete(session_id)
        assert await taken_up(stage) != session_id


async def test_of_two_who_take_up_one_conversation_at_once_one_does() -> None:
    async with staged() as stage:
        refused: list[SessionId] = []

        async def take() -> None:
            try:
                await taken_up(stage)
            except AgentSessionTaken as error:
                refused.append(error.session_id)

        async with create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(take)

        (known,) = (await stage.sessions.earlier("writer", None)).agent_sessions
        assert refused == [known.session_id, known.session_id]


async def test_what_cannot_be_meant_starts_no_agent_and_leaves_no_session() -> None:
    async with staged() as stage:
        for mode, directory, error in (
            ("nobody", None, NotFound),
            ("claude", None, AgentUnavailable),
            ("writer", "/srv/nowhere", InvalidWorkingDir),
            ("shell", None, AgentUnavailable),
        ):
            with pytest.raises(error):
                await stage.sessions.earlier(mode, directory)
        with pytest.raises(InvalidAgentSession, match="worktree"):
            await taken_up(stage, isolation="worktree")
        assert stage.launcher.visits == 0

        with pytest.raises(InvalidAgentSession):
            await stage.sessions.open(CreateSession(mode="writer", agent_session_id="unheard of"))
        assert await stage.log.page(ListingFilter(), before=None, limit=9) == []
