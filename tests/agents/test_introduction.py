import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after

from infrastructure.agents.introduction import Introduction, introduce
from infrastructure.agents.profiles import Profile, Protocol, assemble
from infrastructure.processes.environment import PRESENT
from infrastructure.processes.process import NO_LIMITS
from tests.processes.living import children

OTHER_VERSION = (
    "Mine speaks version 2 of the Agent Client Protocol, and Towpath version 1: install a release of it that does too."
)
SCRIPTED = Path(__file__).with_name("scripted_agent.py")


async def met(command: Sequence[str], *, start_seconds: float = 20, protocol: Protocol = "acp") -> Introduction:
    """Have a program introduce itself; nothing of it may be left."""
    profile = Profile(mode="mine", title="Mine", protocol=protocol, command=command, start_seconds=start_seconds)
    with fail_after(25):
        async with create_task_group() as tasks:
            introduction = await introduce(profile, environment=PRESENT, limits=NO_LIMITS, tasks=tasks)
    assert not children(os.getpid())
    return introduction


def scripted(*faults: str) -> Sequence[str]:
    return (sys.executable, "-I", str(SCRIPTED), *faults)


async def test_the_demo_introduces_itself() -> None:
    introduction = await met(assemble({})["demo"].command)

    assert introduction.sound
    assert introduction.text.startswith("towpath-demo 1 speaks ACP 1, ready in ")
    assert introduction.text.endswith("sessions: close, fork, load, resume; takes images, texts in prompts")


async def test_what_an_agent_lacks_and_how_one_logs_in_is_told() -> None:
    introduction = await met(scripted("--auth", "needed"))

    assert introduction.sound
    first, missing, login = introduction.text.split("\n")
    assert "sessions: new ones alone" in first
    assert "can't go on with a session after a restart" in missing
    assert login == "where it wants a login: A key"


async def test_claude_code_in_another_python_introduces_itself_too() -> None:
    """Its package is not among ours."""
    introduction = await met(scripted(), protocol="claude")

    assert introduction.text.startswith("scripted 1.0 speaks ACP 1, ready in ")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (
            scripted("--version", "2"),
            OTHER_VERSION,
        ),
        (scripted("--refuse", "initialize"), "Mine refused to start a session: No initialize today."),
        (
            scripted("--exit-at", "start"),
            "Mine ended without an answer. Its last words: fatal: no start today",
        ),
        (
            scripted("--exit-at", "initialize"),
            "Mine ended without an answer. Its last words: fatal: not in the mood for initialize",
        ),
        (
            ("/bin/sh", "-c", "printf 'x:1\\nSyntaxError: no such name\\n  at y:2\\n\\nNode.js v1\\n' >&2"),
            "Mine ended without an answer. Its last words: SyntaxError: no such name",
        ),
        (("/no/such/agent",), "Mine does not start: /no/such/agent: No such file or directory"),
        (("/bin/sh", "-c", "exec yes"), "Mine writes what is no message, without an end."),
        (
            ("/bin/sh", "-c", "echo hello; echo '[]'; printf '\\377\\n'; exec cat"),
            "Mine refused to start a session: Method not found: initialize.",
        ),
    ],
    ids=["version", "refused", "exit at start", "exit in initialize", "trace", "missing", "endless", "echo"],
)
async def test_an_agent_that_does_not_answer_well_is_told_with_the_reason(command: Sequence[str], text: str) -> None:
    introduction = await met(command)

    assert not introduction.sound
    assert introduction.text == text


async def test_one_that_never_answers_and_never_ends_is_ended() -> None:
    introduction = await met(scripted("--silent", "initialize", "--stubborn"), start_seconds=0.3)

    assert introduction == Introduction(False, "Mine did not answer within 0.3 s of its start.")
