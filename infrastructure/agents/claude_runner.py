"""Claude Code as a program that speaks the Agent Client Protocol (version 1) on its standard streams.

The server starts it as it starts any agent, under a shim, with the environment of its profile: the SDK, which hands
its whole environment on and starts processes that outlive it, sees nothing of the server's and outlives nothing.
``--setting-sources user,project`` has it read Claude Code's own settings, which it does not by itself.
"""

import argparse
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any, cast
from uuid import uuid4

import anyio
from anyio import EndOfStream, Event
from anyio.abc import TaskGroup
from claude_agent_sdk import PermissionMode, SettingSource, fork_session, get_session_info

from infrastructure.agents.claude_history import history, known_sessions
from infrastructure.agents.claude_session import MODES, ClaudeSession, PromptFailed
from infrastructure.agents.wire import (
    AUTH_REQUIRED,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    RESOURCE_NOT_FOUND,
    Notification,
    Request,
    Response,
    Wire,
    answer,
    notification,
    refusal,
    request,
)
from infrastructure.processes.pipes import InputPipe, OutputPipe

Called = Callable[[str, Any], Awaitable[Any]]

CAPABILITIES = {
    "loadSession": True,
    "promptCapabilities": {"image": True, "embeddedContext": True},
    "sessionCapabilities": {"resume": {}, "fork": {}, "list": {}},
}


class CallFailed(Exception):
    """What a request is answered in place of a result."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Connection:
    """The streams to the client. Requests are answered side by side, what is sent keeps its order."""

    def __init__(self, *, receiving: OutputPipe, sending: InputPipe) -> None:
        self._receiving = receiving
        self._sending = sending
        self._line = anyio.Lock()
        self._asked: dict[Any, Event] = {}
        self._answers: dict[Any, Any] = {}
        self._last = 0

    async def serve(self, called: Called, tasks: TaskGroup) -> None:
        """Take calls until the other side ends."""
        wire = Wire()
        with suppress(EndOfStream):
            while True:
                for message in wire.feed(await self._receiving.receive()):
                    match message:
                        case Request() | Notification():
                            tasks.start_soon(self._answer, called, message)
                        case Response(id=number, result=result) if number in self._asked:
                            self._answers[number] = result
                            self._asked[number].set()

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        await self._send(notification(method, params))

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        self._last += 1
        number = self._last
        answered = self._asked[number] = Event()
        try:
            await self._send(request(number, method, params))
            await answered.wait()
            return self._answers[number]
        finally:
            del self._asked[number]
            self._answers.pop(number, None)

    async def _answer(self, called: Called, message: Request | Notification) -> None:
        number = message.id if isinstance(message, Request) else None
        try:
            line = answer(number, await called(message.method, message.params))
        except CallFailed as error:
            line = refusal(number, error.code, str(error))
        except (KeyError, TypeError, ValueError) as error:
            line = refusal(number, INVALID_PARAMS, f"{type(error).__name__}: {error}")
        if isinstance(message, Request):
            await self._send(line)

    async def _send(self, line: bytes) -> None:
        async with self._line:
            await self._sending.send(line)


class Runner:
    """Answers the calls of a client."""

    def __init__(self, connection: Connection, tasks: TaskGroup, setting_sources: list[SettingSource]) -> None:
        self._connection = connection
        self._tasks = tasks
        self._setting_sources = setting_sources
        self._sessions: dict[str, ClaudeSession] = {}

    async def called(self, method: str, params: dict[str, Any]) -> Any:  # noqa: PLR0911  # an arm a method
        match method:
            case "initialize":
                sdk = version("claude-agent-sdk")
                info = {"name": "claude-agent-sdk", "title": "Claude Code", "version": sdk}
                return {"protocolVersion": 1, "agentCapabilities": CAPABILITIES, "agentInfo": info, "authMethods": []}
            case "session/new":
                return self._open(str(uuid4()), params["cwd"])
            case "session/list":
                return {"sessions": known_sessions(params["cwd"])}
            case "session/resume" | "session/load":
                return await self._take_up(params["sessionId"], params["cwd"], tells=method == "session/load")
            case "session/fork":
                return self._fork(params["sessionId"], params["cwd"])
            case "session/prompt":
                return await self._prompt(self._session(params), params["prompt"])
            case "session/cancel":
                return await self._session(params).cancel()
            case "session/set_mode":
                return await self._set_mode(self._session(params), params["modeId"])
        raise CallFailed(METHOD_NOT_FOUND, f"There is no method {method}.")

    def _open(self, session_id: str, cwd: str) -> dict[str, Any]:
        session = self._sessions.setdefault(
            session_id,
            ClaudeSession(
                session_id,
                cwd=cwd,
                setting_sources=self._setting_sources,
                peer=self._connection,
                tasks=self._tasks,
            ),
        )
        modes = [{"id": mode, "name": mode, "description": text} for mode, text in MODES.items()]
        return {"sessionId": session_id, "modes": {"currentModeId": session.mode, "availableModes": modes}}

    async def _take_up(self, session_id: str, cwd: str, *, tells: bool) -> dict[str, Any]:
        if session_id not in self._sessions and get_session_info(session_id, cwd) is None:
            raise CallFailed(RESOURCE_NOT_FOUND, f"Claude Code has no session {session_id} in {cwd}.")
        for update in history(session_id, cwd) if tells else ():
            await self._connection.notify("session/update", {"sessionId": session_id, "update": update})
        return self._open(session_id, cwd)

    async def _set_mode(self, session: ClaudeSession, mode: str) -> dict[str, Any]:
        if mode not in MODES:
            raise CallFailed(INVALID_PARAMS, f"There is no mode {mode}.")
        await session.set_mode(cast("PermissionMode", mode))
        return {}

    def _fork(self, session_id: str, cwd: str) -> dict[str, Any]:
        try:
            forked = fork_session(session_id, cwd)
        except (FileNotFoundError, ValueError) as error:
            raise CallFailed(RESOURCE_NOT_FOUND, str(error)) from error
        return self._open(forked.session_id, cwd)

    def _session(self, params: Mapping[str, Any]) -> ClaudeSession:
        session = self._sessions.get(params["sessionId"])
        if session is None:
            raise CallFailed(RESOURCE_NOT_FOUND, f"There is no session {params['sessionId']}.")
        return session

    async def _prompt(self, session: ClaudeSession, blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        try:
            return await session.prompt(blocks)
        except PromptFailed as failed:
            raise CallFailed(AUTH_REQUIRED if failed.login else INTERNAL_ERROR, str(failed)) from failed


async def run(setting_sources: list[SettingSource]) -> None:
    """Serve the standard streams until their other end is closed, or SIGTERM."""
    receiving, sending = OutputPipe(os.dup(0)), InputPipe(os.dup(1))
    os.dup2(2, 1)  # whatever prints must not speak for us
    connection = Connection(receiving=receiving, sending=sending)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_end_when_told, tasks)
        await connection.serve(Runner(connection, tasks, setting_sources).called, tasks)
        tasks.cancel_scope.cancel()


async def _end_when_told(tasks: TaskGroup) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            tasks.cancel_scope.cancel()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="claude_runner")
    parser.add_argument("--setting-sources", default="", help="user, project, local: which of its own it reads")
    sources = parser.parse_args().setting_sources
    anyio.run(run, [source for source in sources.split(",") if source])


if __name__ == "__main__":
    main()
