"""What an agent says of itself when it is started and ended again; for `towpath doctor`."""

import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from time import monotonic
from typing import Any

import msgspec
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream, WouldBlock, create_task_group, move_on_after
from msgspec import Struct
from typing_extensions import override

from infrastructure.agents.profiles import Profile
from infrastructure.processes.errors import ProcessError
from infrastructure.processes.pipes import OutputPipe
from infrastructure.processes.process import Limits, Process, spawn

MOST_SECONDS = 30.0
MOST_BYTES = 1024 * 1024
LAST_BYTES = 2048
_REQUEST = msgspec.json.encode(
    {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": 1,
            "clientCapabilities": {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False},
            "clientInfo": {"name": "towpath-doctor", "version": "1"},
        },
    }
)
_PROMPTS = {"image": "images", "audio": "audio", "embeddedContext": "texts in prompts"}


class Introduction(Struct, frozen=True):
    """Whether an agent answered as it should, and what there is to say, a line or two."""

    sound: bool
    text: str


class _Implementation(Struct):
    name: str = ""
    version: str = ""


class _AuthMethod(Struct):
    name: str = ""


class _Result(Struct, rename="camel"):
    protocol_version: int
    agent_info: _Implementation | None = None
    agent_capabilities: dict[str, Any] | None = None
    auth_methods: list[_AuthMethod] | None = None


class _Error(Struct):
    message: str = ""


class _Answer(Struct):
    id: object = None
    result: _Result | None = None
    error: _Error | None = None


_is_telling = re.compile(r"error\b|exception\b|fatal|panic", re.IGNORECASE).search
_decode = msgspec.json.Decoder(_Answer).decode


async def introduce(profile: Profile, *, environment: Mapping[str, str], limits: Limits) -> Introduction:
    """Start the agent, let it introduce itself, end it with all that it started. Raises nothing of its doing."""
    if profile.protocol == "shell":
        return Introduction(True, "can start")
    if profile.protocol == "claude":
        return Introduction(True, f"claude-agent-sdk {version('claude-agent-sdk')}")
    seconds = min(profile.start_seconds, MOST_SECONDS)
    began = monotonic()
    answer: _Answer | None = None
    with tempfile.TemporaryDirectory(prefix="towpath-doctor-") as folder:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            async with await spawn(
                profile.command, directory=directory, environment=environment, limits=limits, stdin=True
            ) as process:
                words = _LastWords()
                async with create_task_group() as tasks:
                    tasks.start_soon(words.hear, process.stderr)
                    with move_on_after(seconds) as deadline:
                        answer = await _ask(process)
                    tasks.cancel_scope.cancel()
                words.rest(process.stderr)
        except ProcessError as error:
            return Introduction(False, f"does not start: {error}")
        finally:
            os.close(directory)
    if answer is None:
        fault = (
            f"gave no answer within {seconds:g} s"
            if deadline.cancelled_caught
            else "ended, or said too much, without an answer"
        )
        return Introduction(False, f"{fault}{words}")
    if answer.result is None:
        return Introduction(False, f"refused: {answer.error.message if answer.error else 'its answer holds nothing'}")
    return _in_words(answer.result, monotonic() - began)


async def _ask(process: Process) -> _Answer | None:
    """Return the answer to ``initialize``; `None` if it ends, or says too much, without one."""
    assert process.stdin is not None
    try:
        await process.stdin.send(_REQUEST + b"\n")
    except (BrokenResourceError, ClosedResourceError):
        return None
    rest = b""
    received = 0
    while received < MOST_BYTES:
        try:
            data = await process.stdout.receive()
        except EndOfStream:
            return None
        received += len(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            try:
                answer = _decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # some greet in prose before they speak the protocol
            if answer.id == 0:
                return answer
    return None


class _LastWords:
    """The end of what a program writes to stderr, as a part of a sentence."""

    def __init__(self) -> None:
        self._kept = b""

    async def hear(self, pipe: OutputPipe) -> None:
        try:
            while True:
                self._kept = (self._kept + await pipe.receive())[-LAST_BYTES:]
        except EndOfStream:
            pass

    def rest(self, pipe: OutputPipe) -> None:
        """Take what waits in the pipe: it may have come with the end."""
        with suppress(WouldBlock, EndOfStream):
            self._kept = (self._kept + pipe.receive_nowait())[-LAST_BYTES:]

    @override
    def __str__(self) -> str:
        lines = [line.strip() for line in self._kept.decode(errors="replace").split("\n") if line.strip()]
        if not lines:
            return ""
        # a stack trace stands behind its reason
        telling = next((line for line in reversed(lines) if _is_telling(line)), lines[-1])
        return f"; its last words: {telling[:200]}"


def _in_words(result: _Result, seconds: float) -> Introduction:
    about = result.agent_info or _Implementation()
    name = f"{about.name or 'a nameless program'} {about.version or '(version unknown)'}"
    if result.protocol_version != 1:
        return Introduction(False, f"{name} speaks ACP {result.protocol_version}, Towpath speaks ACP 1: change either")
    told = result.agent_capabilities or {}
    sessions = {name for name, value in (told.get("sessionCapabilities") or {}).items() if value is not None}
    sessions |= {"load"} if told.get("loadSession") else set()
    takes = [word for key, word in _PROMPTS.items() if (told.get("promptCapabilities") or {}).get(key)]
    text = f"{name} speaks ACP 1, ready in {seconds:.1f} s; sessions: {', '.join(sorted(sessions)) or 'new ones alone'}"
    text += f"; takes {', '.join(takes)}" if takes else ""
    if not sessions & {"load", "resume"}:
        text += "\nit can't go on with a session after a restart: then it begins anew"
    if methods := [method.name for method in result.auth_methods or () if method.name]:
        text += f"\nwhere it wants a login: {', '.join(methods)}"
    return Introduction(True, text)
