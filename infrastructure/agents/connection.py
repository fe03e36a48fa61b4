"""A program that speaks JSON-RPC over its standard streams: what it tells in order, what it asks side by side.

The program is gone when its process is: something that it left behind may hold its pipes open for ever.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from anyio import (
    TASK_STATUS_IGNORED,
    BrokenResourceError,
    CancelScope,
    ClosedResourceError,
    EndOfStream,
    Event,
    Semaphore,
    WouldBlock,
    create_task_group,
    move_on_after,
    sleep,
)
from anyio.abc import TaskGroup, TaskStatus

from infrastructure.agents.output import BUSY_CHARACTERS, JOIN_SECONDS, LARGEST_PIPE_BYTES
from infrastructure.agents.wire import (
    INTERNAL_ERROR,
    METHOD_NOT_FOUND,
    REQUEST_CANCELLED,
    Junk,
    Notification,
    Request,
    RequestId,
    Response,
    Wire,
    answer,
    notification,
    refusal,
    request,
)
from infrastructure.processes.errors import ProcessesRemain, SupervisorLost
from infrastructure.processes.pipes import OutputPipe
from infrastructure.processes.process import Process
from infrastructure.processes.text import utf8_decoder

logger = logging.getLogger(__name__)

REQUESTS_AT_ONCE = 256  # what a program asks beyond that waits in its pipe
LAST_WORDS_CHARACTERS = 4000
EOF_SECONDS = 2.0  # idle, five of seven agents end within 0.4 s once their input ends; the others need SIGTERM
TERMINATE_SECONDS = 3.0
TOLD_CHARACTERS = 2000


class ProgramGone(Exception):
    """The program has ended, or does no longer read."""


class Refused(Exception):
    """A request was refused: ours by the program, or the program's by us."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    @property
    def told(self) -> str:
        """What is said of the failure; some agents tell the reason in the data alone."""
        match self.data:
            case str(detail) | {"details": str(detail)} | {"message": str(detail)} if detail != self.message:
                return f"{self.message}: {detail}"[:TOLD_CHARACTERS]
        return self.message[:TOLD_CHARACTERS]


class Handler(Protocol):
    """Whoever is spoken to. What it raises, save Refused, ends the program."""

    async def told(self, messages: Sequence[Notification | Junk]) -> None:
        """Take what was told, in its order; nothing that follows is looked at before this returns."""

    async def asked(self, method: str, params: Any, in_order: Callable[[], None]) -> Any:
        """Return the answer. Raises Refused. What follows is looked at once *in_order* is called, or this is over."""

    async def complained(self, text: str) -> None:
        """Take what the program writes on its standard error, as fast as this returns."""


class Connection:
    """A running program. ``over`` is set when nothing is left of it; ``gone`` as soon as it answers nothing more."""

    def __init__(self, process: Process, handler: Handler) -> None:
        self.process = process
        self.gone = Event()
        self.over = Event()
        self.exit_code: int | None = None
        self.failure: Exception | None = None
        self.last_words = ""
        self._handler = handler
        self._wire = Wire()
        self._errors = utf8_decoder()
        self._calls: dict[RequestId, _Call] = {}
        self._asked: dict[RequestId, CancelScope] = {}
        self._number = 0
        self._line: deque[tuple[bytes, Event]] = deque()
        self._more = Event()
        self._ended = Event()
        self._waiting = CancelScope()
        self._room = Semaphore(REQUESTS_AT_ONCE)

    async def attend(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See the program out, from its start until nothing of it is left. Raises nothing."""
        try:
            async with self.process, create_task_group() as tasks:
                tasks.start_soon(self._write)
                tasks.start_soon(self._follow_errors)
                tasks.start_soon(self._notice_the_end)
                task_status.started()
                await self._read(tasks)
                with move_on_after(EOF_SECONDS):  # one that closed its output is about to end
                    await self._ended.wait()
                self._hear(_rest(self.process.stderr))
                self._leave()
                await self.process.end(interrupt_seconds=0, terminate_seconds=TERMINATE_SECONDS)
                tasks.cancel_scope.cancel()
        except ProcessesRemain as error:
            logger.error("%s", error)  # noqa: TRY400  # it says all, and where it was raised says nothing
        except Exception as error:
            logger.exception("a connection failed")
            self.failure = self.failure or error
        finally:
            self._leave()
            self.over.set()

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        """Ask the program. Raises Refused, ProgramGone."""
        self._number += 1
        number = self._number
        call = self._calls[number] = _Call()
        try:
            await self._send(request(number, method, params))
            await call.over.wait()
        finally:
            del self._calls[number]
        if call.response is None:
            raise ProgramGone
        if call.response.error is not None:
            raise _refused(call.response.error)
        return call.response.result

    async def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Tell the program something. Raises ProgramGone."""
        await self._send(notification(method, params))

    async def close(self, *, politely: bool, eof_seconds: float = EOF_SECONDS) -> None:
        """End the program and all that it started; returns when nothing is left, even when cancelled."""
        with CancelScope(shield=True):
            if politely and self.process.stdin is not None:
                self.process.stdin.close()
                with move_on_after(eof_seconds):
                    await self.over.wait()
            if not self.over.is_set():
                with suppress(ProcessesRemain):
                    await self.process.end(interrupt_seconds=0, terminate_seconds=TERMINATE_SECONDS if politely else 0)
            await self.over.wait()

    # What the program says

    async def _read(self, tasks: TaskGroup) -> None:
        while not self._ended.is_set():
            data = b""
            with CancelScope() as self._waiting:
                try:
                    data = await self.process.stdout.receive()
                except EndOfStream:
                    break
            await self._take(tasks, data)
            if len(data) < BUSY_CHARACTERS:
                await sleep(JOIN_SECONDS)
        await self._take(tasks, _rest(self.process.stdout))
        await self._pass_on(self._wire.end())

    async def _take(self, tasks: TaskGroup, data: bytes) -> None:
        told: list[Notification | Junk] = []
        for message in self._wire.feed(data):
            match message:
                case Notification(method="$/cancel_request", params={"requestId": withdrawn}):
                    if isinstance(withdrawn, str | int) and (scope := self._asked.get(withdrawn)) is not None:
                        scope.cancel()
                case Notification() | Junk():
                    told.append(message)
                case Response(id=number):
                    told = await self._pass_on(told)
                    if (call := self._calls.get(number)) is None or call.over.is_set():
                        told.append(Junk("an answer to nothing that was asked", str(number)))
                    else:
                        call.response = message
                        call.over.set()
                case Request():
                    told = await self._pass_on(told)
                    await self._room.acquire()
                    await tasks.start(self._answer, message)
        await self._pass_on(told)

    async def _pass_on(self, told: Sequence[Any]) -> list[Notification | Junk]:
        if told and self.failure is None:
            await self._guard(self._handler.told, told)
        return []

    async def _answer(self, asked: Request, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        started = False

        def in_order() -> None:
            nonlocal started
            if not started:
                started = True
                task_status.started()

        try:
            with CancelScope() as scope:
                self._asked[asked.id] = scope
                try:
                    line = answer(asked.id, await self._handler.asked(asked.method, asked.params, in_order))
                except Refused as no:
                    line = refusal(asked.id, no.code, no.message, no.data)
                except Exception as error:
                    logger.exception("a request of an agent failed: %s", asked.method)
                    await self._fail(error)
                    line = refusal(asked.id, INTERNAL_ERROR, "The client failed.")
            if scope.cancelled_caught:
                line = refusal(asked.id, REQUEST_CANCELLED, "The request was withdrawn.")
            in_order()
            with suppress(ProgramGone):
                await self._send(line)
        finally:
            if self._asked.get(asked.id) is scope:
                del self._asked[asked.id]
            self._room.release()
            in_order()

    async def _follow_errors(self) -> None:
        while True:
            try:
                text = self._hear(await self.process.stderr.receive())
            except (EndOfStream, ClosedResourceError):
                return
            if text and self.failure is None:
                await self._guard(self._handler.complained, text)
            await sleep(JOIN_SECONDS)

    def _hear(self, data: bytes) -> str:
        text = self._errors.decode(data)
        self.last_words = (self.last_words + text)[-LAST_WORDS_CHARACTERS:]
        return text

    async def _guard(self, deliver: Callable[[Any], Awaitable[None]], what: Any) -> None:
        """Deliver what the program said; when nobody takes it, nothing may go on unseen."""
        try:
            await deliver(what)
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not end the other sessions
            await self._fail(error)

    async def _fail(self, error: Exception) -> None:
        if self.failure is None:
            self.failure = error
            logger.warning("process %d was ended, what it said could not be kept: %s", self.process.pid, error)
            self.process.kill()

    # The end

    async def _notice_the_end(self) -> None:
        with suppress(SupervisorLost):
            self.exit_code = await self.process.wait()
        self._ended.set()
        self._waiting.cancel()

    def _leave(self) -> None:
        """Let go whoever waits for the program."""
        self.gone.set()
        for call in self._calls.values():
            call.over.set()
        for _, written in self._line:
            written.set()
        self._line.clear()
        self._more.set()

    # What the program is told

    async def _send(self, line: bytes) -> None:
        """Return when the program's pipe has taken the line; who is cancelled meanwhile leaves it whole in line."""
        if self.gone.is_set():
            raise ProgramGone
        written = Event()
        self._line.append((line, written))
        self._more.set()
        await written.wait()
        if self.gone.is_set():
            raise ProgramGone

    async def _write(self) -> None:
        assert self.process.stdin is not None
        while not self.gone.is_set():
            if not self._line:
                self._more = Event()
                await self._more.wait()
                continue
            line, written = self._line[0]
            try:
                await self.process.stdin.send(line)
            except (BrokenResourceError, ClosedResourceError):  # its end is noticed by its process
                await self.gone.wait()
                return
            if self._line:
                self._line.popleft()
            written.set()


def _rest(pipe: OutputPipe) -> bytes:
    """Return what a program wrote last: not what something writes that it left behind."""
    data = b""
    with suppress(WouldBlock, EndOfStream):
        while len(data) < LARGEST_PIPE_BYTES:
            data += pipe.receive_nowait()
    return data


class _Call:
    """A request of ours that waits for its answer."""

    def __init__(self) -> None:
        self.over = Event()
        self.response: Response | None = None


def _refused(error: Any) -> Refused:
    match error:
        case {"code": int(code), "message": str(message)}:
            return Refused(code, message, error.get("data"))
    return Refused(INTERNAL_ERROR, f"The agent refused without a reason: {str(error)[:200]}")


def unknown_method(method: str) -> Refused:
    """Return the refusal of a method that a client does not have."""
    return Refused(METHOD_NOT_FOUND, f"Method not found: {method[:100]}", {"method": method[:100]})
