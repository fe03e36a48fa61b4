"""What an agent says of itself when it is started and ended again; for `towpath doctor`."""

from collections.abc import Mapping
from time import monotonic

from anyio.abc import TaskGroup
from msgspec import Struct

from domain.errors import AgentUnavailable
from infrastructure.agents.acp_program import AcpProgram, PromptCapabilities
from infrastructure.agents.profiles import Profile
from infrastructure.agents.visits import Visit, visit
from infrastructure.processes.process import Limits

MOST_SECONDS = 30.0
_PROMPTS = {"image": "images", "audio": "audio", "embedded_context": "texts in prompts"}
_SESSIONS = {"close": "close", "fork": "fork", "lists": "list", "resume": "resume"}


class Introduction(Struct, frozen=True):
    """Whether an agent answered as it should, and what there is to say, a line or two."""

    sound: bool
    text: str


async def introduce(
    profile: Profile, *, environment: Mapping[str, str], limits: Limits, tasks: TaskGroup
) -> Introduction:
    """Start the agent, let it introduce itself, end it with all that it started. Raises nothing of its doing."""
    if profile.protocol == "shell":
        return Introduction(True, "can start")
    began = monotonic()

    async def meet(visited: Visit) -> Introduction:
        return Introduction(True, _in_words(visited.program, monotonic() - began))

    seconds = min(profile.start_seconds, MOST_SECONDS)
    try:
        return await visit(
            profile, meet, directory=None, environment=environment, limits=limits, seconds=seconds, tasks=tasks
        )
    except AgentUnavailable as error:
        return Introduction(False, str(error))


def _in_words(program: AcpProgram, seconds: float) -> str:
    name = f"{program.about.name or 'a nameless program'} {program.about.version or '(version unknown)'}"
    can = program.capabilities
    sessions = {word for key, word in _SESSIONS.items() if getattr(can.sessions, key) is not None}
    sessions |= {"load"} if can.load_session else set()
    prompts = can.prompt_capabilities or PromptCapabilities()
    takes = [word for key, word in _PROMPTS.items() if getattr(prompts, key)]
    text = f"{name} speaks ACP 1, ready in {seconds:.1f} s; sessions: {', '.join(sorted(sessions)) or 'new ones alone'}"
    text += f"; takes {', '.join(takes)}" if takes else ""
    if not sessions & {"load", "resume"}:
        text += "\nit can't go on with a session after a restart: then it begins anew"
    if methods := [method.name for method in program.methods if method.name]:
        text += f"\nwhere it wants a login: {', '.join(methods)}"
    return text
