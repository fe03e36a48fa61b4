"""The process that holds one terminal: its PTY, its program, its output.

place.py runs `main` as ``python -I -S``, with four arguments: the folder of our packages, and three descriptors: the
server's end (a stream socket), the terminal's folder, the directory to work in. One runs per terminal and may stay for
weeks, so it imports next to nothing. From the server it first takes a length (4 bytes, big-endian) and a marshalled
order. Then it tells lines: ``failed STAGE ERRNO`` and the end, or ``started``. From then on the socket is one of those
that `Peer` serves; others come by the Unix socket ``socket`` in the folder.

The output goes into the file ``output`` of the folder: a head (`pack`), then a ring, in which the byte with the offset
n is at n modulo its size. A part of the ring that is about to be overwritten is given up in the head before it is: who
reads bytes, then the head, knows whether they were what was asked for. The holder has the file's lock (flock(2)) as
long as it lives.
"""

# the public modules wrap the private ones, which need less memory and time
import _signal as signal  # type: ignore[import-not-found]
import _socket as socket
import errno
import fcntl
import marshal
import os
import select
import sys
import termios
import time

from infrastructure.processes import shim
from infrastructure.terminals.holds import WINDOW_BYTES, Holds

OUTPUT, SOCKET = "output", "socket"
HEAD_BYTES = 4096
HEAD_NUMBERS = 8  # given up to, written, replied, pid, columns, rows, ended at (ms) or 0, exit code + 1 or 0
SPARE_BYTES = 256 * 1024  # given up at a time, so the ring has them on top of what it is to keep
JOIN_SECONDS = 0.004  # between two words of how far the output is
READ_BYTES = 65536
TYPED_BYTES = 65536  # what may wait for the program to read it
TYPE_SECONDS = 10.0  # how long input waits for room
WAITING = 64  # inputs that wait for room at once
CLIENTS = 64  # whose last numbers are kept
PEERS = 8
LINE_BYTES = 256
ANSWER_BYTES = 4096  # a peer with so many answers unread is not listened to
LOOK_SECONDS = 3.0  # between two looks whether the folder is still there
RETRY_SECONDS = 1.0  # after a full disk, or a program that has closed its terminal
HANGUP_SECONDS, TERMINATE_SECONDS = 1.0, 2.0  # for a polite end, then a less polite one
IUTF8 = 0x4000  # so that backspace takes a whole character where the kernel edits the line; termios lacks its name
SO_PEERCRED = 17  # Linux alone; elsewhere the folder's mode alone keeps others out


def main() -> None:
    """Hold the terminal that the server asks for, until its program has ended or it is told to end."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    control, home, work = (shim.lift(int(argument)) for argument in sys.argv[2:5])
    request = shim.receive(control, int.from_bytes(shim.receive(control, 4), "big"))
    order = marshal.loads(request)  # noqa: S302  # from the server, which is the same interpreter
    command, environment, limits, size, kept, bound = order
    try:
        os.fchdir(home)
        output = os.open(OUTPUT, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        fcntl.flock(output, fcntl.LOCK_EX)
        listener = listen()
        os.chdir("/")
        master, slave = os.openpty()
        modes = termios.tcgetattr(slave)
        modes[0] |= IUTF8
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        set_size(slave, *size)
        os.set_blocking(master, False)
    except (OSError, termios.error) as error:
        shim.tell(control, b"failed terminal %d" % (error.args[0] or errno.EIO))
        os._exit(0)

    wake = signalled()
    failure_out, failure_in = map(shim.lift, os.pipe())
    holder = os.getpid()
    child = os.fork()
    if child == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for stream in (0, 1, 2):
            os.dup2(slave, stream)
        shim.become(command, environment, limits, shim=holder, directory=work, report=-1, failure=failure_in)
    for descriptor in (failure_in, slave, work):
        os.close(descriptor)
    failure = os.read(failure_out, 64)  # its end: the child became the program
    os.close(failure_out)
    if failure:
        os.waitpid(child, 0)
        shim.tell(control, b"failed " + failure)
    else:
        shim.tell(control, b"started")
        server = Peer(socket.socket(fileno=control), bound=bound)
        ring = Ring(output, kept)
        Holder(server, listener=listener, wake=wake, master=master, child=child, size=size, ring=ring, home=home).run()
    os._exit(0)


def listen() -> socket.socket:
    """Listen in the current directory, to our user alone."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(0o177)
    listener.bind(SOCKET)
    os.umask(umask)  # the program's own
    listener.listen(PEERS)
    listener.setblocking(False)
    return listener


def signalled() -> int:
    """Return a pipe that tells of each signal that matters; from now on what is orphaned below us is ours."""
    wake, woken = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    if shim.LINUX:
        shim.prctl(shim.PR_SET_CHILD_SUBREAPER, 1)
    return wake


def set_size(terminal: int, cols: int, rows: int) -> None:
    """Tell the kernel, and it the programs, how large the terminal is."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, b"".join(n.to_bytes(2, sys.byteorder) for n in (rows, cols, 0, 0)))


def pack(numbers: list[int]) -> bytes:
    """Return the head of the output file."""
    return b"".join([number.to_bytes(8, "little") for number in numbers])


def unpack(head: bytes) -> list[int]:
    """Return the numbers of the head of the output file."""
    return [int.from_bytes(head[at : at + 8], "little") for at in range(0, HEAD_NUMBERS * 8, 8)]


class Ring:
    """The newest output: at least *kept* bytes of it."""

    def __init__(self, output: int, kept: int) -> None:
        self.output = output
        self.kept = kept
        self.size = kept + SPARE_BYTES
        self.given_up = 0  # where the next part to be overwritten ends, as an offset of what is written over it
        self.offset = 0

    @property
    def earliest(self) -> int:
        return max(0, self.given_up - self.size)

    def write(self, data: bytes) -> None:
        """Keep *data*; raises OSError when the disk is full, and then holds what it held."""
        end = self.offset + len(data)
        if end > self.given_up:
            given_up = end + SPARE_BYTES - READ_BYTES
            os.pwrite(self.output, given_up.to_bytes(8, "little"), 0)
            self.given_up = given_up
        at, rest = self.offset % self.size, memoryview(data)
        while rest:
            written = os.pwrite(self.output, rest[: self.size - at], HEAD_BYTES + at)
            at, rest = (at + written) % self.size, rest[written:]
        self.offset = end


class Peer:
    """A connection: a server's, or that of a command which looks after terminals.

        to the holder    ``input REQUEST CLIENT SEQ LENGTH`` and so many bytes; ``reply REQUEST OFFSET LENGTH`` and so
                         many bytes; ``resize REQUEST COLS ROWS``; ``hold READER OFFSET``; ``release READER``;
                         ``end``
        from the holder  ``state OFFSET EARLIEST REPLIED COLS ROWS PID`` at once and after each change; the answer to a
                         request: ``ok REQUEST NUMBER``, ``gap REQUEST EXPECTED``, ``refused REQUEST``,
                         ``over REQUEST``; the end of the stream when all is over: the head of the output has the rest

    All are lines of ASCII. Numbers are decimal, REQUEST and READER are the peer's own, CLIENT any word.
    """

    def __init__(self, connection: socket.socket, *, bound: bool = False) -> None:
        """Begin to serve a connection; one that is *bound* is not outlived."""
        connection.setblocking(False)
        self.bound = bound
        self.connection = connection
        self.number = connection.fileno()
        self.unread = b""
        self.unsent = b""
        self.stale = True  # has to be told the state
        self.gone = False

    def hear(self) -> None:
        """Take what has come."""
        try:
            data = self.connection.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.unread += data
        self.gone = self.gone or not data

    def orders(self) -> "list[tuple[list[bytes], bytes]]":
        """Return what is complete of what has come: words and payloads. Who sends nonsense is not listened to."""
        found = []
        while not self.gone:
            line, end, rest = self.unread.partition(b"\n")
            if not end:
                self.gone = len(line) > LINE_BYTES
                break
            words = line.split()
            size = 0
            try:
                if len(words) > 3 and words[0] in (b"input", b"reply"):
                    size = int(words[-1])
            except ValueError:
                size = -1
            if len(line) > LINE_BYTES or not 0 <= size <= READ_BYTES:
                self.gone = True
                break
            if len(rest) < size:
                break
            found.append((words, rest[:size]))
            self.unread = rest[size:]
        return found

    def tell(self, line: bytes) -> None:
        self.unsent += line + b"\n"
        self.send()

    def send(self) -> None:
        """Send what can be sent without waiting."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.connection.send(self.unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self.gone, self.unsent = True, b""


class Input:
    """What a client wants typed, and until when it waits for room."""

    def __init__(self, peer: Peer, request: bytes, client: bytes, seq: int, data: bytes, until: float) -> None:
        self.peer = peer
        self.request = request
        self.client = client
        self.seq = seq
        self.data = data
        self.until = until


class Holder:
    """What happens from the program's start to its end."""

    def __init__(
        self,
        server: Peer,
        *,
        listener: socket.socket,
        wake: int,
        master: int,
        child: int,
        size: tuple[int, int],
        ring: Ring,
        home: int,
    ) -> None:
        self.bound = server.bound
        self.peers = [server]
        self.listener = listener
        self.wake = wake
        self.master = master
        self.family = shim.Supervision(-1, wake, child)
        self.size = size
        self.ring = ring
        self.home = home
        self.replied = 0
        self.exit_code = -1
        self.childless = False
        self.holds = Holds()
        self.clients: dict[bytes, int] = {}
        self.waiting: list[Input] = []
        self.typed = b""
        self.unkept = b""  # what did not fit on the disk
        self.full_until = 0.0  # the disk is full
        self.hung_until = 0.0  # nobody has the terminal open
        self.changed = True
        self.told = 0.0
        self.looked = 0.0
        self.stage = 0  # of the end: 0 none, 1 hung up, 2 terminated, 3 killing
        self.stage_until = 0.0

    def run(self) -> None:
        while not self.over():
            now = time.monotonic()
            self.keep_time(now)
            listened = {peer.number: peer for peer in self.peers if len(peer.unsent) < ANSWER_BYTES}
            readable, writable, _ = select.select(
                [self.wake, self.listener, *listened, *([self.master] if self.may_read(now) else ())],
                [
                    *[peer.number for peer in self.peers if peer.unsent],
                    *([self.master] if self.typed and now >= self.hung_until else ()),
                ],
                [],
                max(0.0, self.next_time(now) - now),
            )
            now = time.monotonic()
            if self.wake in readable:
                self.reap(now)
            for peer in self.peers:
                if peer.number in writable:
                    peer.send()
                if peer.number in readable:
                    peer.hear()
                for words, payload in peer.orders():
                    self.obey(peer, words, payload, now)
            self.part(now)
            if self.listener in readable:
                self.accept()
            self.type(now)
            if self.master in readable:
                self.take(now)
            self.tell(now)
        self.finish()

    def over(self) -> bool:
        """Tell whether nothing is left to be held."""
        if self.unkept and self.stage == 0:  # a full disk; told to end, the terminal does not wait for it
            return False
        return self.childless or (self.family.ended and self.stage == 0 and not self.bound)

    # time

    def keep_time(self, now: float) -> None:
        if self.unkept and now >= self.full_until:
            self.keep(b"", now)
        if now >= self.looked + LOOK_SECONDS:
            self.looked = now
            try:
                os.stat(SOCKET, dir_fd=self.home)
            except OSError:  # nobody can find this terminal any more
                self.end(now)
        if self.stage and now >= self.stage_until:
            self.go_on_ending(now)

    def next_time(self, now: float) -> float:
        times = [self.looked + LOOK_SECONDS]
        if self.changed:
            times.append(self.told + JOIN_SECONDS)
        if self.waiting:
            times.append(self.waiting[0].until)
        if self.stage:
            times.append(self.stage_until)
        times += [until for until in (self.full_until, self.hung_until) if now < until]
        if self.ring.offset >= self.most(now):
            times.append(self.holds.next_time(now))
        return min(times)

    # output

    def most(self, now: float) -> int:
        """Return how far the output may go: not far ahead of who reads it, if somebody does."""
        return int(min(self.holds.most(self.ring.earliest, now), self.ring.offset + READ_BYTES))

    def may_read(self, now: float) -> bool:
        return now >= self.hung_until and not self.unkept and self.ring.offset < self.most(now)

    def take(self, now: float) -> None:
        """Read what the program has written."""
        room = self.most(now) - self.ring.offset
        pieces = []
        while room > 0:
            try:
                piece = os.read(self.master, room)
            except BlockingIOError:
                break
            except OSError:  # EIO
                piece = b""
            if not piece:  # nobody has the terminal open; a program may open it again
                self.hung_until = now + RETRY_SECONDS
                break
            pieces.append(piece)
            room -= len(piece)
        if pieces:
            self.keep(b"".join(pieces), now)

    def keep(self, data: bytes, now: float) -> None:
        """Write *data* and what waits before it to the ring; the program waits while the disk is full."""
        self.unkept += data
        try:
            self.ring.write(self.unkept)
        except OSError:
            self.full_until = now + RETRY_SECONDS
        else:
            self.unkept = b""
            self.changed = True
            self.holds.note_output(self.ring.offset, now)

    def tell(self, now: float) -> None:
        if self.changed and now >= self.told + JOIN_SECONDS:
            self.changed = False
            self.told = now
            self.record(0)
            for peer in self.peers:
                peer.stale = True
        for peer in self.peers:
            if peer.stale and not peer.unsent:
                peer.stale = False
                peer.tell(
                    b"state %d %d %d %d %d %d"
                    % (self.ring.offset, self.ring.earliest, self.replied, *self.size, self.family.child)
                )

    def record(self, ended: int) -> None:
        numbers = [self.ring.given_up, self.ring.offset, self.replied, self.family.child, *self.size]
        try:
            os.pwrite(self.ring.output, pack([*numbers, ended, self.exit_code + 1]), 0)
        except OSError:
            return  # what stands there is older, not wrong

    # input

    def obey(self, peer: Peer, words: list[bytes], payload: bytes, now: float) -> None:
        try:
            match words:
                case [b"input", request, client, seq, _]:
                    self.waiting.append(Input(peer, request, client, int(seq), payload, now + TYPE_SECONDS))
                    if len(self.waiting) > WAITING:
                        self.waiting.pop()
                        peer.tell(b"refused " + request)
                case [b"reply", request, offset, _]:
                    self.reply(int(offset), payload)
                    self.answer(peer, request, self.replied)
                case [b"resize", request, cols, rows]:
                    self.size = (int(cols), int(rows))
                    set_size(self.master, *self.size)
                    self.changed = True
                    self.answer(peer, request, 0)
                case [b"hold", reader, offset]:
                    self.holds.hold(peer.number, reader, int(offset), head=self.ring.offset, now=now)
                case [b"release", reader]:
                    self.holds.release(peer.number, reader, now)
                case [b"end"]:
                    self.end(now)
                case _:
                    peer.gone = True
        except (ValueError, OverflowError, OSError):
            peer.gone = True

    def answer(self, peer: Peer, request: bytes, number: int) -> None:
        peer.tell(b"over " + request if self.family.ended or self.stage else b"ok %b %d" % (request, number))

    def reply(self, offset: int, data: bytes) -> None:
        if self.replied < offset <= self.ring.offset:
            self.replied = offset
            self.changed = True
            if len(self.typed) < TYPED_BYTES:
                self.typed += data

    def type(self, now: float) -> None:
        """Take the inputs for which there is room, in order, and hand the program what it reads of them."""
        while self.waiting and self.judge(self.waiting[0], now):
            self.waiting.pop(0)
        if not self.typed or now < self.hung_until:
            return
        try:
            self.typed = self.typed[os.write(self.master, self.typed) :]
        except BlockingIOError:
            return
        except OSError:
            self.hung_until = now + RETRY_SECONDS

    def judge(self, one: Input, now: float) -> bool:
        """Answer an input, unless it has to wait; what was taken before is not typed again."""
        last = self.clients.get(one.client, 0)
        if self.family.ended or self.stage:
            one.peer.tell(b"over " + one.request)
        elif one.seq <= last:
            one.peer.tell(b"ok %b %d" % (one.request, last))
        elif one.seq > last + 1:
            one.peer.tell(b"gap %b %d" % (one.request, last + 1))
        elif len(self.typed) + len(one.data) <= TYPED_BYTES:
            self.typed += one.data
            self.clients.pop(one.client, None)
            self.clients[one.client] = one.seq
            if len(self.clients) > CLIENTS:
                del self.clients[next(iter(self.clients))]
            one.peer.tell(b"ok %b %d" % (one.request, one.seq))
        elif now >= one.until:
            one.peer.tell(b"refused " + one.request)
        else:
            return False
        return True

    # peers

    def accept(self) -> None:
        try:
            number, _ = self.listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001  # all that _socket has
        except OSError:
            return
        peer = Peer(socket.socket(fileno=number))
        if len(self.peers) < PEERS and is_ours(peer.connection):
            self.peers.append(peer)
        else:
            peer.connection.close()

    def part(self, now: float) -> None:
        """Forget who is gone; what a server's readers have not seen yet is kept for a while."""
        for peer in [peer for peer in self.peers if peer.gone]:
            self.peers.remove(peer)
            peer.connection.close()
            self.holds.lose(peer.number, now)
            if peer.bound:
                self.stage, self.stage_until = 3, now

    # end

    def reap(self, now: float) -> None:
        """Collect whoever has ended, and note whether anybody is left."""
        for number in os.read(self.wake, 4096):
            if number == signal.SIGTERM:  # the machine goes down
                self.end(now)
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.childless = shim.LINUX or not shim.exists(self.family.child)
                return
            if process == 0:
                return
            if process == self.family.child:
                self.family.ended = True
                code = os.waitstatus_to_exitcode(status)
                self.exit_code = code if code >= 0 else 128 - code
                if self.bound:  # nothing that an agent started stays
                    self.stage = 3
                self.stage_until = now

    def end(self, now: float) -> None:
        """Begin to end the program and all that it started, if that has not begun."""
        if self.stage == 0:
            self.stage, self.stage_until = 1, now + HANGUP_SECONDS
            for group in set(self.family.groups()):
                if session_of(group) == self.family.child:
                    shim.send(group, signal.SIGHUP)
                    shim.send(group, signal.SIGCONT)  # what is stopped can't end before it goes on

    def go_on_ending(self, now: float) -> None:
        if self.stage == 1:
            self.stage, self.stage_until = 2, now + TERMINATE_SECONDS
            for group in set(self.family.groups()):
                shim.send(group, signal.SIGTERM)
                shim.send(group, signal.SIGCONT)
        else:
            self.stage, self.stage_until = 3, now + shim.SWEEP_SECONDS
            self.family.kill()
            if not shim.LINUX:
                self.childless = self.family.ended and not shim.exists(self.family.child)

    def finish(self) -> None:
        """Keep the last output, record that all is over."""
        now = time.monotonic()
        self.holds = Holds()  # nobody is waited for any more
        for _ in range(WINDOW_BYTES // READ_BYTES):  # what stays in the background may write for ever
            before = self.ring.offset
            if self.unkept:
                self.keep(b"", now)
            else:
                self.take(now)
            if self.ring.offset == before:
                break
        self.type(now)
        self.record(time.time_ns() // 1_000_000)
        try:
            os.unlink(SOCKET, dir_fd=self.home)
        except OSError:
            return


def is_ours(connection: socket.socket) -> bool:
    """Tell whether a peer runs as our user."""
    if not shim.LINUX:
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder) == os.geteuid()


def session_of(group: int) -> int:
    """Return the process session of a group's leader, 0 where it has none any more."""
    try:
        return os.getsid(group)
    except OSError:
        return 0
