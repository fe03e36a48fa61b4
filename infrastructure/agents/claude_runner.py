"""Claude Code as a program that speaks the Agent Client Protocol (version 1) on its standard streams.

The server starts it as it starts any agent, under a shim, with the environment of its profile: the SDK, which hands
its whole environment on and starts processes that outlive it, sees nothing of the server's and outlives nothing.
``--setting-sources user,project`` has it read Claude Code's own settings, which it does not by itself.
"""

import argparse
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any
from uuid import uuid4

import anyio
from anyio import EndOfStream, Event
from anyio.abc import TaskGroup
from claude_agent_sdk import SettingSource, fork_session, get_session_info

from contracts.codec import decoder, encode
from infrastructure.agents.claude_session import MODES, ClaudeSession, PromptFailed
from infrastructure.processes.pipes import InputPipe, OutputPipe

decode = decoder(dict[str, Any])

METHOD_NOT_FOUND, INVALID_PARAMS, FAILED, AUTH_REQUIRED, NOT_FOUND = -32601, -32602, -32603, -32000, -32002
CAPABILITIES = {
    "loadSession": False,
    "promptCapabilities": {"image": True, "embeddedContext": True},
    "sessionCapabilities": {"resume": {}, "fork": {}},
}


class CallFailed(Exception):
    """What a request is answered in place of a result."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Connection:
    """JSON-RPC 2.0, a message a line. Requests are answered side by side, what is sent keeps its order."""

    def __init__(self, *, receiving: OutputPipe, sending: InputPipe) -> None:
        self._receiving = receiving
        self._sending = sending
        self._line = anyio.Lock()
        self._asked: dict[int, Event] = {}
        self._answers: dict[int, Any] = {}
        self._last = 0

    async def serve(self, called: Callable[[str, dict[str, Any]], Any], tasks: TaskGroup) -> None:
        """Take calls until the other side ends."""
        rest = b""
        while True:
            try:
                *lines, rest = (rest + await self._receiving.receive()).split(b"\n")
            except EndOfStream:
                return
            for line in filter(None, lines):
                message = decode(line)
                if "method" in message:
                    tasks.start_soon(self._answer, called, message)
                elif message["id"] in self._asked:
                    self._answers[message["id"]] = message.get("result")
                    self._asked[message["id"]].set()

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        await self._send({"method": method, "params": params})

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        self._last += 1
        number = self._last
        answered = self._asked[number] = Event()
        try:
            await self._send({"id": number, "method": method, "params": params})
            await answered.wait()
            return self._answers[number]
        finally:
            del self._asked[number]
            self._answers.pop(number, None)

    async def _answer(self, called: Callable[[str, dict[str, Any]], Any], message: dict[str, Any]) -> None:
        try:
            answer = {"result": await called(message["method"], message.get("params") or {})}
        except CallFailed as error:
            answer = {"error": {"code": error.code, "message": str(error)}}
        except (KeyError, TypeError, ValueError) as error:
            answer = {"error": {"code": INVALID_PARAMS, "message": f"{type(error).__name__}: {error}"}}
        if "id" in message:
            await self._send({"id": message["id"], **answer})

    async def _send(self, message: Mapping[str, Any]) -> None:
        async with self._line:
            await self._sending.send(encode({"jsonrpc": "2.0", **message}) + b"\n")


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
            case "session/resume":
                session_id, cwd = params["sessionId"], params["cwd"]
                if session_id not in self._sessions and get_session_info(session_id, cwd) is None:
                    raise CallFailed(NOT_FOUND, f"Claude Code has no session {session_id} in {cwd}.")
                return self._open(session_id, cwd)
            case "session/fork":
                return self._fork(params["sessionId"], params["cwd"])
            case "session/prompt":
                return await self._prompt(self._session(params), params["prompt"])
            case "session/cancel":
                return await self._session(params).cancel()
            case "session/set_mode":
                if params["modeId"] not in MODES:
                    raise CallFailed(INVALID_PARAMS, f"There is no mode {params['modeId']}.")
                await self._session(params).set_mode(params["modeId"])
                return {}
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

    def _fork(self, session_id: str, cwd: str) -> dict[str, Any]:
        try:
            forked = fork_session(session_id, cwd)
        except (FileNotFoundError, ValueError) as error:
            raise CallFailed(NOT_FOUND, str(error)) from error
        return self._open(forked.session_id, cwd)

    def _session(self, params: Mapping[str, Any]) -> ClaudeSession:
        session = self._sessions.get(params["sessionId"])
        if session is None:
            raise CallFailed(NOT_FOUND, f"There is no session {params['sessionId']}.")
        return session

    async def _prompt(self, session: ClaudeSession, blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        try:
            return await session.prompt(blocks)
        except PromptFailed as failed:
            raise CallFailed(AUTH_REQUIRED if failed.login else FAILED, str(failed)) from failed


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
