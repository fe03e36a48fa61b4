"""The folder of one terminal: what it was opened for, its output, the way to its holder (holder.py).

All that is here may touch the disk: for threads, save where it says otherwise.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing, suppress
from fcntl import LOCK_NB, LOCK_SH, LOCK_UN, flock
from pathlib import Path
from typing import Self

from anyio import to_thread
from msgspec import DecodeError, Struct

import infrastructure
from contracts.codec import decoder, encode
from domain.errors import CursorExpired, TerminalUnavailable
from domain.ids import Epoch
from domain.ports import TerminalPlan, TerminalState
from infrastructure.processes import shim
from infrastructure.terminals.holder import (
    HEAD_BYTES,
    HEAD_NUMBERS,
    OUTPUT,
    SO_PEERCRED,
    SOCKET,
    SPARE_BYTES,
    pack,
    unpack,
)

PLAN, FAULTS = "plan", "faults"
MARK = "TOWPATH_TERMINAL"
PACKAGES = str(Path(infrastructure.__file__).parent.parent)
BOOTSTRAP = "import sys; sys.path.append(sys.argv[1]); from infrastructure.terminals.holder import main; main()"
OPEN_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FRESH_FLAGS = os.O_CREAT | os.O_EXCL | OPEN_FLAGS
SOCKET_PATH_BYTES = 100  # macOS takes 104, unix(7)
LOCAL_PEERPID = 2  # macOS: <sys/un.h>
KILL_ROUNDS = 5


class Record(Struct, frozen=True, kw_only=True):
    """What a terminal was opened for, kept as long as it. ``kept`` is how many bytes of output are kept at least."""

    plan: TerminalPlan
    epoch: Epoch
    created_at: int
    kept: int


_decode_record = decoder(Record)


class Place:
    """The folder of one terminal, open; its handles lead there whatever becomes of the names."""

    def __init__(self, folder: Path) -> None:
        """Open the folder. Raises OSError, and ValueError where it holds no terminal."""
        self.folder = folder
        with ExitStack() as unless_opened:
            self.handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | OPEN_FLAGS)
            unless_opened.callback(os.close, self.handle)
            with os.fdopen(os.open(PLAN, os.O_RDONLY | OPEN_FLAGS, dir_fd=self.handle), "rb") as file:
                try:
                    self.record = _decode_record(file.read())
                except DecodeError as error:
                    raise ValueError(f"{folder / PLAN} does not say what the terminal is for.") from error
            self.output = os.open(OUTPUT, os.O_RDWR | OPEN_FLAGS, dir_fd=self.handle)
            unless_opened.pop_all()
        self._open = True

    @classmethod
    def make(cls, folder: Path, record: Record) -> Self:
        """Make the folder, without a holder. Raises OSError; nothing is left then."""
        folder.mkdir(mode=0o700)
        try:
            for name, content in ((PLAN, encode(record)), (OUTPUT, bytes(HEAD_BYTES)), (FAULTS, b"")):
                with os.fdopen(os.open(folder / name, os.O_WRONLY | FRESH_FLAGS, 0o600), "wb") as file:
                    file.write(content)
            return cls(folder)
        except BaseException:
            clear(folder)
            raise

    def close(self) -> None:
        """Let go of the folder, once; what it holds stays as it is."""
        if self._open:
            self._open = False
            os.close(self.handle)
            os.close(self.output)

    # output

    def state(self) -> TerminalState:
        """Return what the head of the output says: of a terminal that is held, what was so a moment ago."""
        head = self._head()
        given_up, written, replied, pid, cols, rows, ended_at, code = head
        plan = self.record.plan
        return TerminalState(
            plan=plan,
            epoch=self.record.epoch,
            created_at=self.record.created_at,
            pid=pid,
            cols=cols or plan.cols,
            rows=rows or plan.rows,
            earliest=self._earliest(given_up),
            offset=written,
            replied=replied,
            ended_at=ended_at or None,
            exit_code=code - 1 if ended_at and code else None,
        )

    def note_end(self, at: int) -> None:
        """Record that the terminal ended, where its holder no longer could."""
        numbers = self._head()
        numbers[6] = at
        os.pwrite(self.output, pack(numbers), 0)

    async def read(self, offset: int, size: int) -> bytes:
        """Return *size* bytes of the output. Waits for the disk alone; raises CursorExpired, TerminalUnavailable."""
        if not self._open:
            raise TerminalUnavailable("The terminal was removed.")
        try:
            data = self._read(self.output, offset, size, getattr(os, "RWF_NOWAIT", 0))
        except OSError:  # it isn't in memory, or its file system can't tell
            try:
                with os.fdopen(
                    os.dup(self.output), "rb", buffering=0
                ) as output:  # whoever removes the terminal closes ours
                    data = await to_thread.run_sync(self._read, output.fileno(), offset, size)
            except OSError as error:
                raise TerminalUnavailable(f"The terminal's output can't be read: {error.strerror}.") from error
        if not self._open:
            raise TerminalUnavailable("The terminal was removed.")
        earliest = self._earliest(unpack(os.pread(self.output, HEAD_BYTES, 0))[0])  # after the data: it is true of them
        if offset < earliest:
            raise CursorExpired(earliest)
        return data

    def _read(self, output: int, offset: int, size: int, flags: int = 0) -> bytes:
        data = bytearray(size)
        rest, ring = memoryview(data), self.record.kept + SPARE_BYTES
        while rest:
            at = offset % ring
            count = os.preadv(output, [rest[: ring - at]], HEAD_BYTES + at, flags)
            if not count:
                raise TerminalUnavailable("The terminal's output is not all there.")
            rest, offset = rest[count:], offset + count
        return bytes(data)

    def _head(self) -> list[int]:
        return unpack(os.pread(self.output, HEAD_NUMBERS * 8, 0))

    def _earliest(self, given_up: int) -> int:
        return max(0, given_up - self.record.kept - SPARE_BYTES)

    # holder

    def held(self) -> bool:
        """Tell whether a holder lives; never waits."""
        try:
            flock(self.output, LOCK_SH | LOCK_NB)
        except BlockingIOError:
            return True
        flock(self.output, LOCK_UN)
        return False

    def connect(self) -> socket.socket:
        """Connect to the holder, whatever the length of the folder's path. Raises OSError."""
        path = f"/proc/self/fd/{self.handle}/{SOCKET}" if shim.LINUX else str(self.folder / SOCKET)
        if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
            raise OSError(f"the path {path} is too long for a socket of this system")
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.setblocking(False)
            connection.connect(path)
            user, _ = peer(connection)
            if user != os.geteuid():
                raise OSError(f"{self.folder / SOCKET} belongs to uid {user}")  # noqa: TRY301  # the socket is closed
        except BaseException:
            connection.close()
            raise
        return connection

    def launch(self, work: int) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """Start a holder that will work in the directory *work*; it waits for its order. Raises OSError."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs, os.fdopen(os.open(FAULTS, os.O_WRONLY | OPEN_FLAGS, dir_fd=self.handle), "wb") as faults:
                descriptors = (theirs.fileno(), self.handle, work)
                arguments = (BOOTSTRAP, PACKAGES, *map(str, descriptors), self.record.plan.terminal_id)
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=faults,
                    pass_fds=descriptors,
                    cwd="/",
                    # some builds of Python find their own library by this variable
                    env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
                    start_new_session=True,
                )
        except BaseException:
            ours.close()
            raise
        return process, ours

    def last_words(self) -> str:
        """Return what a holder that failed wrote last, "" where it wrote nothing."""
        with (
            suppress(OSError),
            os.fdopen(os.open(FAULTS, os.O_RDONLY | OPEN_FLAGS, dir_fd=self.handle), "rb") as faults,
        ):
            return faults.read()[-500:].decode(errors="replace").strip().rpartition("\n")[2]
        return ""

    def kill(self) -> None:
        """Kill a holder that does not do what it is told, and what can be found of what it holds."""
        with suppress(OSError), closing(self.connect()) as connection:
            _, holder = peer(connection)
            if not holder or not self.held():
                return
            os.kill(holder, signal.SIGSTOP)  # the tree below it can't change at its root
            for _ in range(KILL_ROUNDS):
                groups = set(filter(None, map(shim.group_of, shim.descendants(holder)))) or {self.state().pid}
                for number in (signal.SIGSTOP, signal.SIGKILL):  # what stands still starts nothing new
                    for group in groups:
                        shim.send(group, number)
            os.kill(holder, signal.SIGKILL)

    def sweep(self) -> None:
        """Kill what a holder that died before its time left: in the terminal's session; of an agent's, all marked.

        Nothing is taken for what it left that does not have the terminal's name in its environment.
        """
        mark = f"{MARK}={self.record.plan.terminal_id}".encode()
        session = None if self.record.plan.owner == "agent" else self.state().pid
        for entry in Path("/proc").glob("[0-9]*/environ"):
            process = int(entry.parent.name)
            with suppress(OSError):
                if mark in entry.read_bytes().split(b"\0") and session in (None, os.getsid(process)):
                    os.kill(process, signal.SIGKILL)


def peer(connection: socket.socket) -> tuple[int, int]:
    """Return user and process id of who listens at the other end; our own user and 0 where the system can't tell."""
    if shim.LINUX:
        credentials = connection.getsockopt(socket.SOL_SOCKET, SO_PEERCRED, 12)
        process, user, _ = (int.from_bytes(credentials[at : at + 4], sys.byteorder) for at in (0, 4, 8))
        return user, process
    with suppress(OSError):
        return os.geteuid(), connection.getsockopt(0, LOCAL_PEERPID)
    return os.geteuid(), 0


def clear(folder: Path) -> None:
    """Remove the folder of a terminal and the files in it; the record goes first, so that what is left is known."""
    (folder / PLAN).unlink(missing_ok=True)
    for entry in folder.iterdir():
        entry.unlink()
    folder.rmdir()
