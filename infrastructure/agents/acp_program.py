"""A program of the Agent Client Protocol v1 as far as no session matters: it introduces itself, and is logged in."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from anyio import fail_after
from msgspec import Struct, ValidationError, convert, field

from domain.errors import AgentUnavailable
from infrastructure.agents.connection import Connection, Refused
from infrastructure.agents.profiles import Profile
from infrastructure.agents.wire import AUTH_REQUIRED

logger = logging.getLogger(__name__)

T = TypeVar("T")

PROTOCOL_VERSION = 1
WAYS_SHOWN = 20


class Theirs(Struct, frozen=True, rename="camel"):
    """Base of what agents answer. They may add members, and write null for what is absent."""


class PromptCapabilities(Theirs, frozen=True):
    """What a prompt may hold beside text."""

    image: bool = False
    audio: bool = False
    embedded_context: bool = False


class SessionCapabilities(Theirs, frozen=True):
    """What can be done with sessions: whatever is not null."""

    resume: Any = None
    fork: Any = None
    close: Any = None
    lists: Any = field(default=None, name="list")


class Capabilities(Theirs, frozen=True):
    """What an agent can do."""

    load_session: bool = False
    prompt_capabilities: PromptCapabilities | None = None
    session_capabilities: SessionCapabilities | None = None

    @property
    def sessions(self) -> SessionCapabilities:
        """What can be done with sessions, beside loading them."""
        return self.session_capabilities or SessionCapabilities()


class AuthMethod(Theirs, frozen=True):
    """A way to log in."""

    id: str
    name: str = ""
    description: str | None = None
    type: str = "agent"
    vars: list[Mapping[str, Any]] = field(default_factory=list)


class Implementation(Theirs, frozen=True):
    """Which program it is."""

    name: str | None = None
    version: str | None = None


class Initialized(Theirs, frozen=True):
    """The agent's side of the handshake."""

    protocol_version: int
    agent_capabilities: Capabilities | None = None
    auth_methods: list[AuthMethod] | None = None
    agent_info: Implementation | None = None


class AcpProgram:
    """A running program, spoken to over its *connection*, which another one answers for."""

    def __init__(self, connection: Connection, *, profile: Profile, environment: Mapping[str, str]) -> None:
        self.capabilities = Capabilities()
        self.about = Implementation()
        self.methods: Sequence[AuthMethod] = ()
        self._connection = connection
        self._profile = profile
        self._environment = environment

    async def begin(self, seconds: float, do: Callable[[], Awaitable[T]]) -> T:
        """Shake hands, *do* what comes first, and return what that returns. Raises AgentUnavailable, ProgramGone."""
        title = self._profile.title
        try:
            with fail_after(seconds):
                await self._shake_hands()
                return await do()
        except TimeoutError:
            raise AgentUnavailable(f"{title} did not answer within {seconds:g} s of its start.") from None
        except Refused as error:
            raise AgentUnavailable(f"{title} refused to start a session: {error.told}.") from error
        except ValidationError as error:
            raise AgentUnavailable(f"{title} answered what nobody understands: {error}.") from error

    async def _shake_hands(self) -> None:
        hidden = self._profile.hide
        can = {
            "fs": {name: name not in hidden for name in ("readTextFile", "writeTextFile")},
            "terminal": "terminal" not in hidden,
        }
        us = {"name": "towpath", "title": "Towpath", "version": "1"}
        params = {"protocolVersion": PROTOCOL_VERSION, "clientCapabilities": can, "clientInfo": us}
        told = convert(await self._connection.request("initialize", params), Initialized)
        if told.protocol_version != PROTOCOL_VERSION:
            raise AgentUnavailable(
                f"{self._profile.title} speaks version {told.protocol_version} of the Agent Client Protocol, "
                f"and Towpath version {PROTOCOL_VERSION}: install a release of it that does too."
            )
        self.capabilities = told.agent_capabilities or Capabilities()
        self.methods = told.auth_methods or ()
        self.about = told.agent_info or Implementation()

    async def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """Call a method; log in with a key that the agent was given, if it asks for that.

        Raises AgentUnavailable where it takes a human to log in; Refused, ProgramGone.
        """
        try:
            return await self._connection.request(method, params)
        except Refused as error:
            if error.code != AUTH_REQUIRED:
                raise
            for one in filter(self._has_key, self.methods):
                try:
                    await self._connection.request("authenticate", {"methodId": one.id})
                    return await self._connection.request(method, params)
                except Refused:
                    logger.info("the mode %s does not take the login %s", self._profile.mode, one.id)
            raise AgentUnavailable(self._login_advice()) from error

    def _has_key(self, method: AuthMethod) -> bool:
        """Say whether a way to log in takes a key that is there; every other one takes a human."""
        if method.type == "env_var":
            names = [variable.get("name") for variable in method.vars]
            return bool(names) and all(name in self._environment for name in names)
        keyed = "api-key" in method.id.lower().replace("_", "-")
        return keyed and any(name.endswith("_API_KEY") for name in self._environment)

    def _login_advice(self) -> str:
        ways = "; ".join(one.name or one.id for one in self.methods[:WAYS_SHOWN])
        return (
            f"{self._profile.title} wants a login{f' ({ways})' if ways else ''}: log in once with its own program, as "
            "the user that the server runs as, or give the server its key and let that pass with `env` in "
            f"[agents.{self._profile.mode}]."
        )
