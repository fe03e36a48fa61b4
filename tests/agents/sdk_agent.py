"""An agent written with the protocol's Python SDK: the other side, by other hands, with its own idea of the schema."""

import asyncio
from typing import Any, cast

from acp import PROTOCOL_VERSION, run_agent, schema
from acp.helpers import (
    plan_entry,
    start_tool_call,
    tool_diff_content,
    update_agent_message_text,
    update_agent_thought_text,
    update_plan,
    update_tool_call,
)


class SdkAgent:
    def __init__(self) -> None:
        self.client: Any = None
        self.mode = "auto"
        self.stop = asyncio.Event()

    def on_connect(self, conn: Any) -> None:
        self.client = conn

    async def initialize(self, **_: Any) -> schema.InitializeResponse:
        sessions = schema.SessionCapabilities(resume=schema.SessionResumeCapabilities())
        return schema.InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_capabilities=schema.AgentCapabilities(session_capabilities=sessions),
        )

    def modes(self) -> schema.SessionModeState:
        known = [schema.SessionMode(id=mode, name=mode) for mode in ("auto", "ask")]
        return schema.SessionModeState(current_mode_id=self.mode, available_modes=known)

    async def new_session(self, **_: Any) -> schema.NewSessionResponse:
        return schema.NewSessionResponse(session_id="sdk-session", modes=self.modes())

    async def resume_session(self, **_: Any) -> schema.ResumeSessionResponse:
        return schema.ResumeSessionResponse(modes=self.modes())

    async def set_session_mode(self, mode_id: str, **_: Any) -> schema.SetSessionModeResponse:
        self.mode = mode_id
        return schema.SetSessionModeResponse()

    async def cancel(self, **_: Any) -> None:
        self.stop.set()

    async def prompt(self, prompt: list[Any], session_id: str, **_: Any) -> schema.PromptResponse:
        self.stop.clear()
        if prompt[0].text == "wait":
            await self.client.session_update(session_id, update_agent_message_text("ready"))
            await self.stop.wait()
            return schema.PromptResponse(stop_reason="cancelled")
        await self.client.session_update(session_id, update_agent_thought_text("hm"))
        await self.client.session_update(session_id, update_plan([plan_entry("edit", status="in_progress")]))
        diff = tool_diff_content("/w/a", "new", "old")
        call = start_tool_call("call", "Edit a", kind="edit", content=[diff], raw_input={"path": "/w/a"})
        await self.client.session_update(session_id, call)
        options = [
            schema.PermissionOption(option_id="go", name="Go", kind="allow_once"),
            schema.PermissionOption(option_id="stop", name="Stop", kind="reject_once"),
        ]
        asked = schema.ToolCallUpdate(tool_call_id="call")
        answer = await self.client.request_permission(session_id=session_id, tool_call=asked, options=options)
        read = await self.client.read_text_file(session_id=session_id, path="/w/a", line=1, limit=1)
        await self.client.write_text_file(session_id=session_id, path="/w/a", content="new")
        await self.client.session_update(session_id, update_tool_call("call", status="completed"))
        said = f"{answer.outcome.option_id} {read.content.strip()} {self.mode}"
        await self.client.session_update(session_id, update_agent_message_text(said))
        usage = schema.Usage(total_tokens=3, input_tokens=1, output_tokens=2)
        return schema.PromptResponse(stop_reason="end_turn", usage=usage)


if __name__ == "__main__":
    asyncio.run(run_agent(cast(Any, SdkAgent()), use_unstable_protocol=True))
