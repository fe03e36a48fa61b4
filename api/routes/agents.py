"""Agents: which there are, and what they remember."""

from litestar import Controller, get
from litestar.di import NamedDependency

from api.openapi import problems
from api.parameters import AgentModeParameter, AgentWorkingDir
from api.services import Services
from contracts import views


class Agents(Controller):
    """What a session's mode may name."""

    path = "/api/agents"
    tags = ("agents",)

    @get("/", operation_id="listAgents")
    async def list_agents(self, services: NamedDependency[Services]) -> views.AgentList:
        """List the agent profiles: what a session's mode may name."""
        return views.AgentList(agents=list(services.launcher.profiles()))

    @get("/{mode:str}/sessions", operation_id="listAgentSessions", responses=problems(400, 403, 404, 409, 422, 503))
    async def list_agent_sessions(
        self, services: NamedDependency[Services], mode: AgentModeParameter, working_dir: AgentWorkingDir = ""
    ) -> views.AgentSessionList:
        """List the conversations that an agent remembers of a directory, wherever they were held: the newest 200.

        The agent is started for that, and ended, so this takes seconds and a token of the scope `full`. Make a session
        with one's `agentSessionId` to go on with it.
        """
        return await services.live.earlier(mode, working_dir or None)
