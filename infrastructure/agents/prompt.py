"""One prompt's process and all that it starts, from its start until nothing of it is left."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from anyio import (
    TASK_STATUS_IGNORED,
    CancelScope,
    EndOfStream,
    Event,
    WouldBlock,
    create_task_group,
    move_on_after,
)
from anyio.abc import TaskStatus

from contracts.events import SessionStatus
from domain.ids import TurnId
from domain.ports import Emit
from infrastructure.agents.output import Output
from infrastructure.processes.errors import ProcessesRemain, SupervisorLost
from infrastructure.processes.process import Process
from infrastructure.processes.supervisor import KILL_SECONDS

logger = logging.getLogger(__name__)

INTERRUPT_SECONDS = 2.0
TERMINATE_SECONDS = 3.0


class Prompt:
    """A prompt at work, and later what it left in the background.

    Its agent sets ``stop`` to have all of it interrupted, then terminated, then killed, and ``finished`` when its turn
    is over. It sets ``exited`` when the turn's output is passed on, and ``exit_code`` (None if nobody could tell),
    ``report`` and ``failure`` (what emit raised) are known; ``over`` when nothing is left.
    """

    def __init__(self, turn_id: TurnId, *, emit: Emit) -> None:
        self.exit_code: int | None = None
        self.report = b""
        self.failure: Exception | None = None
        self.stop = Event()
        self.exited = Event()
        self.finished = Event()
        self.over = Event()
        self._turn_id = turn_id
        self._emit = emit
        self._process: Process | None = None

    async def attend(
        self, start: Callable[[], Awaitable[Process]], *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED
    ) -> None:
        """Start the process, pass on its output, and see it out. Once it has started, this raises nothing."""
        try:
            async with await start() as self._process:
                await self._emit(SessionStatus(status="running", pid=self._process.pid))
                task_status.started()
                await self._see_out(self._process)
        except ProcessesRemain as error:
            logger.error("%s", error)  # noqa: TRY400  # it says all, and where it was raised says nothing
        finally:
            self.exited.set()
            self.over.set()

    async def abandon(self) -> None:
        """Kill all at once and wait for it, even when cancelled."""
        if self._process is not None:
            self._process.kill()
            with move_on_after(2 * KILL_SECONDS, shield=True):
                await self.over.wait()

    async def _see_out(self, process: Process) -> None:
        output = Output(process, turn_id=self._turn_id, emit=self._emit)
        async with create_task_group() as tasks:
            for stream in output.streams:
                tasks.start_soon(self._deliver, process, output.follow, stream)
            tasks.start_soon(self._end_when_asked, process, tasks.cancel_scope)
            with suppress(SupervisorLost):
                self.exit_code = await process.wait()
                if self.stop.is_set():
                    await process.gone()
            self.report = reported(process)
            await self._deliver(process, output.drain)
            self.exited.set()
            with suppress(SupervisorLost):
                await process.gone()
            await self._deliver(process, output.drain)
            tasks.cancel_scope.cancel()

    async def _deliver(self, process: Process, deliver: Callable[..., Awaitable[None]], *what: object) -> None:
        """Pass output on; when the log does not take it, nothing may go on unseen."""
        if self.failure is not None:
            return
        try:
            await deliver(*what)
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not end the other sessions
            self.failure = error
            process.kill()
            logger.warning("process %d was ended, its output could not be kept: %s", process.pid, error)

    async def _end_when_asked(self, process: Process, attending: CancelScope) -> None:
        await self.stop.wait()
        process.interrupt()
        with move_on_after(INTERRUPT_SECONDS), suppress(SupervisorLost):
            await process.wait()
        try:
            await process.end(interrupt_seconds=0, terminate_seconds=TERMINATE_SECONDS)
        except ProcessesRemain:
            attending.cancel()


def reported(process: Process) -> bytes:
    """Return what the command has written to its report pipe."""
    if process.report is None:
        return b""
    try:
        return process.report.receive_nowait()
    except (WouldBlock, EndOfStream):
        return b""
