"""One session of Claude Code: its program by the SDK, started at the first prompt, again when it has died.

What it remembers lies in its own transcripts, by the session's id; a program that is started again takes it from there.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import unquote
from uuid import uuid4

from anyio import TASK_STATUS_IGNORED, Event, move_on_after
from anyio.abc import TaskGroup, TaskStatus
from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    ClaudeSDKError,
    PermissionMode,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultMessage,
    SettingSource,
    SystemMessage,
    ToolPermissionContext,
    get_session_info,
)

from infrastructure.agents.claude_updates import Translation, Update, tool_call, usage, window

MESSAGE_BYTES = 64 * 1024 * 1024  # the SDK's own 1 MiB ends the session at one large tool result
INTERRUPT_SECONDS = 1.0
MODES: dict[PermissionMode, str] = {
    "default": "Asks before it changes or runs anything",
    "acceptEdits": "Edits files without asking",
    "plan": "Plans, and changes nothing",
    "dontAsk": "Refuses what it would have to ask for",
}
# Of no use to a program that is installed with its server and has no terminal; a profile's own setting wins.
QUIET = {"DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}

ALLOW, REJECT = "allow", "reject"
# To remember an answer is Towpath's business: its rules are shown, and can be taken back.
OPTIONS = [
    {"optionId": ALLOW, "name": "Allow", "kind": "allow_once"},
    {"optionId": REJECT, "name": "Reject", "kind": "reject_once"},
]
STOP_REASONS = {"max_tokens": "max_tokens", "refusal": "refusal"}


class Peer(Protocol):
    """The other side of the protocol."""

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Tell something; in the order of the calls."""

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        """Ask something, and return the answer; None where the other side refused to give one."""


class PromptFailed(Exception):
    """The turn failed; ``login`` is whether for want of a credential."""

    def __init__(self, text: str, *, login: bool = False) -> None:
        super().__init__(text)
        self.login = login


class Prompt:
    """A prompt at work, by the id that results name it by."""

    def __init__(self) -> None:
        self.id = str(uuid4())
        self.sent = False
        self.cancelled = False
        self.over = Event()
        self.result: ResultMessage | None = None
        self.failure = ""

    def ended_by(self, result: ResultMessage) -> bool:
        """Return whether *result* is its own: a background task's end makes a turn, and a result, too."""
        named = result.user_message_uuids
        return self.id in named if named else result.origin is None


class ClaudeSession:
    """A session by its id."""

    def __init__(
        self,
        session_id: str,
        *,
        cwd: str,
        setting_sources: list[SettingSource],
        peer: Peer,
        tasks: TaskGroup,
    ) -> None:
        self.session_id = session_id
        self.mode: PermissionMode = "default"
        self._cwd = cwd
        self._setting_sources = setting_sources
        self._peer = peer
        self._tasks = tasks
        self._client: ClaudeSDKClient | None = None
        self._prompt: Prompt | None = None
        self._translation = Translation()
        self._priced = True

    async def prompt(self, blocks: Sequence[Mapping[str, Any]]) -> Update:
        """Work on a prompt; return how it ended. Raises PromptFailed."""
        if self._prompt is not None:
            raise PromptFailed("A prompt is at work already.")
        prompt = self._prompt = Prompt()
        try:
            client = self._client or await self._tasks.start(self._live)
            if not prompt.cancelled:
                await client.query(_one(_message(blocks, prompt.id)))
                prompt.sent = True
                await prompt.over.wait()
        except (ClaudeSDKError, OSError) as error:
            raise PromptFailed(str(error)) from error
        finally:
            self._prompt = None
        return await self._outcome(prompt)

    async def cancel(self) -> None:
        """Have the prompt that is at work end as cancelled; returns when it has."""
        prompt = self._prompt
        if prompt is None:
            return
        prompt.cancelled = True
        while not prompt.over.is_set() and self._client is not None:
            with move_on_after(INTERRUPT_SECONDS):
                if prompt.sent:  # one that the program has not yet read is not interrupted: hence again and again
                    with suppress(ClaudeSDKError):
                        await self._client.interrupt()
                await prompt.over.wait()

    async def set_mode(self, mode: PermissionMode) -> None:
        """Change who is asked for what; *mode* is one of MODES."""
        if self._client is not None:
            await self._client.set_permission_mode(mode)
        self.mode = mode

    async def _live(self, *, task_status: TaskStatus[ClaudeSDKClient] = TASK_STATUS_IGNORED) -> None:
        """Run the program, and pass on what it says, until it ends. Once it runs, this raises nothing."""
        known = get_session_info(self.session_id, self._cwd) is not None
        self._priced = not known  # the program counts from its own start
        failure = "Claude Code has ended."
        try:
            async with ClaudeSDKClient(self._options(known=known)) as client:
                self._client = client
                task_status.started(client)
                async for message in client.receive_messages():
                    await self._take(message)
        except ClaudeSDKError as error:
            if self._client is None:
                raise
            failure = f"Claude Code has ended: {error}"
        finally:
            self._client = None
            self._translation = Translation()
            if (prompt := self._prompt) is not None:
                prompt.failure = failure
                prompt.over.set()

    def _options(self, *, known: bool) -> ClaudeAgentOptions:
        return ClaudeAgentOptions(
            cwd=self._cwd,
            session_id=None if known else self.session_id,
            resume=self.session_id if known else None,
            permission_mode=self.mode,  # never left to the program, which may begin in one that asks nobody
            can_use_tool=self._may_use,
            include_partial_messages=True,
            setting_sources=self._setting_sources,
            strict_mcp_config=not self._setting_sources,
            system_prompt={"type": "preset", "preset": "claude_code"},
            max_buffer_size=MESSAGE_BYTES,
            env={**QUIET, **{name: os.environ[name] for name in QUIET if name in os.environ}},
        )

    async def _take(self, message: object) -> None:
        for update in self._translation.updates(message):
            await self._update(update)
        prompt = self._prompt
        if isinstance(message, SystemMessage) and message.subtype == "init":
            await self._tell_mode(message.data.get("permissionMode"))
        if isinstance(message, ResultMessage) and prompt is not None and prompt.ended_by(message):
            if (filled := window(message, self._translation.used, priced=self._priced)) is not None:
                await self._update(filled)
            prompt.result = message
            prompt.over.set()

    async def _update(self, update: Update) -> None:
        await self._peer.notify("session/update", {"sessionId": self.session_id, "update": update})

    async def _tell_mode(self, mode: PermissionMode | None) -> None:
        if mode is not None and mode != self.mode:  # a plan that was approved ends the mode of that name
            self.mode = mode
            await self._update({"sessionUpdate": "current_mode_update", "currentModeId": mode})

    async def _outcome(self, prompt: Prompt) -> Update:
        result = prompt.result
        if prompt.cancelled:
            return {"stopReason": "cancelled", **({} if result is None else {"usage": usage(result)})}
        if result is None:
            raise PromptFailed(prompt.failure)
        if result.subtype == "error_max_turns":
            return {"stopReason": "max_turn_requests", "usage": usage(result)}
        if result.is_error:  # also of those whose subtype is "success"
            text = result.result or "; ".join(result.errors or ()) or result.subtype
            raise PromptFailed(text, login=self._translation.failure == "authentication_failed")
        return {"stopReason": STOP_REASONS.get(result.stop_reason or "", "end_turn"), "usage": usage(result)}

    async def _may_use(
        self, name: str, given: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResultAllow | PermissionResultDeny:
        call = tool_call(context.tool_use_id or str(uuid4()), name, given)
        if name == "AskUserQuestion":
            return await self._ask_user(call, given)
        chosen = await self._choose(call, OPTIONS)
        if chosen == ALLOW:
            running = {"sessionUpdate": "tool_call_update", "toolCallId": call["toolCallId"], "status": "in_progress"}
            await self._update(running)
            return PermissionResultAllow(updated_input=given)
        return _denied(chosen)

    async def _ask_user(self, call: Update, given: Mapping[str, Any]) -> PermissionResultAllow | PermissionResultDeny:
        answers: dict[str, str] = {}
        for question in given.get("questions", []):
            labels = [option["label"] for option in question["options"]]
            offered = [
                *({"optionId": f"answer-{n}", "name": label, "kind": "allow_once"} for n, label in enumerate(labels)),
                {"optionId": REJECT, "name": "Answer nothing", "kind": "reject_once"},
            ]
            chosen = await self._choose({**call, "title": question["question"]}, offered)
            if chosen is None or not chosen.startswith("answer-"):
                return _denied(chosen)
            answers[question["question"]] = labels[int(chosen.removeprefix("answer-"))]
        return PermissionResultAllow(updated_input={**given, "answers": answers})

    async def _choose(self, call: Update, options: Sequence[Mapping[str, str]]) -> str | None:
        """Return the option that was chosen; None if nobody chose."""
        params = {"sessionId": self.session_id, "toolCall": call, "options": options}
        match await self._peer.request("session/request_permission", params):
            case {"outcome": {"outcome": "selected", "optionId": str(chosen)}}:
                return chosen
        return None


def _denied(chosen: str | None) -> PermissionResultDeny:
    if chosen is None:
        return PermissionResultDeny(message="Nobody answered: that counts as no.", interrupt=True)
    return PermissionResultDeny(message="The user refused this.")


def _message(blocks: Sequence[Mapping[str, Any]], message_id: str) -> Update:
    """Return the prompt as the program takes it; one that holds more than the user wrote is taken literally.

    In what the user wrote ``/command`` and ``@file`` mean something; in a file that was given nothing does.
    """
    content = [_part(block) for block in blocks]
    literal = {"client_composed": True} if any(block.get("type") == "resource" for block in blocks) else {}
    message = {"role": "user", "content": content}
    return {"type": "user", "uuid": message_id, "message": message, "parent_tool_use_id": None, **literal}


def _part(block: Mapping[str, Any]) -> Update:
    match block:
        case {"type": "text", "text": text}:
            return {"type": "text", "text": text}
        case {"type": "image", "data": data, "mimeType": media_type}:
            return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
        case {"type": "resource_link", "uri": str(uri)}:
            return {"type": "text", "text": f"The user points at {unquote(uri.removeprefix('file://'))}"}
        case {"type": "resource", "resource": {"uri": uri, "text": text}}:
            return {"type": "text", "text": f"<context uri={uri!r}>\n{text}\n</context>"}
        case {"type": "resource", "resource": {"blob": data, "mimeType": "application/pdf"}}:
            return {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": data}}
    raise PromptFailed("Claude Code can be given texts, images and PDF documents, and nothing else.")


async def _one(message: Update) -> AsyncIterator[Update]:
    yield message
