"""Our side of the protocol against the SDK's: both have read the schema, each for itself."""

import sys
from pathlib import Path
from typing import Any

from anyio import create_task_group

from contracts.events import AgentThought, PlanUpdated, ToolDiff
from tests.agents.acp_stage import acp_stage

COMMAND = (sys.executable, "-W", "ignore", str(Path(__file__).with_name("sdk_agent.py")))


async def test_an_agent_of_the_sdk_s_is_understood_and_understands(tmp_path: Path) -> None:
    async with acp_stage(tmp_path, command=COMMAND, agent_mode="ask", start_seconds=20) as stage:
        stage.desk.files["/w/a"] = "old\n"
        end = await stage.prompt(text="work")
        ends: list[Any] = []

        async def wait() -> None:
            ends.append(await stage.prompt(text="wait"))

        async with create_task_group() as tasks:
            tasks.start_soon(wait)
            await stage.until(lambda: stage.said.endswith("ready"))
            await stage.agent.cancel()

    assert stage.errors == []
    assert (end.stop_reason, ends[0].stop_reason) == ("end", "cancelled")
    assert end.usage is not None
    assert stage.said == "go old askready"
    assert stage.desk.files["/w/a"] == "new"
    assert [event.text for event in stage.of(AgentThought)] == ["hm"]
    assert stage.of(PlanUpdated)[0].entries[0].status == "in_progress"
    assert [call.status for call in stage.calls][-1] == "completed"
    assert ToolDiff(path="/w/a", old_text="old", new_text="new") in list(stage.calls[0].content or ())
    (asked,) = stage.desk.asked
    assert asked.command == "Edit a"
    assert asked.input == [ToolDiff(path="/w/a", old_text="old", new_text="new")]
