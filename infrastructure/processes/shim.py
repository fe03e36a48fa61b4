"""The parent of one supervised command: starts it, tells how it ended, ends everything that it started.

supervisor.py runs this file as ``python -I -S shim.py CONTROL DIRECTORY REPORT``: three descriptors (REPORT may
be -1), and the command's own standard streams as 0, 1 and 2. One runs per command, so it imports nothing of ours
and little else. CONTROL is a stream socket:

    from the server  a length (4 bytes, big-endian) and a marshalled (command, environment, limits); then orders:
                     I, SIGINT to the command's process group; T, SIGTERM to every process group below the shim;
                     K, or the end of the stream (the server is gone), SIGKILL to all, until nothing is left
    to the server    lines: ``child PID``, from the child itself, so that it is known before the command runs; then
                     ``failed STAGE ERRNO`` and the end; or ``started PID``, ``exited CODE`` (the command
                     itself; 128 and the signal's number if one ended it) and, when nothing is left, ``gone``

On Linux the shim is a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): what the command starts stays below it,
in whatever process session and however often orphaned, is found there by /proc (CONFIG_PROC_CHILDREN), and the kernel
says when nothing is left. The command itself also dies with the shim (PR_SET_PDEATHSIG). Elsewhere the shim knows the
command's process group alone: what leaves the group escapes orders and the end, and nothing dies with the shim.
"""

# the public modules wrap the private ones, for 2 to 4 ms each of a start that takes 10 without
import _ctypes
import _signal as signal  # type: ignore[import-not-found]
import errno
import fcntl
import marshal
import os
import resource
import select
import sys
from _collections_abc import Iterator

LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
REPORT = 3  # the report pipe's number in the command
OOM_SCORE_ADJUSTMENT = b"500"  # when memory runs out, the kernel takes a command before the server
SWEEP_SECONDS = 0.05  # between two rounds of killing; a death that is told starts one at once
LOOK_SECONDS = 0.1  # between two looks at a process group, where no signal tells that it is empty


def main() -> None:
    """Supervise the command that the server asks for."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    control, directory, report = (lift(int(argument)) for argument in sys.argv[1:])
    request = receive(control, int.from_bytes(receive(control, 4), "big"))
    if LINUX:
        prctl(PR_SET_CHILD_SUBREAPER, 1)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)

    failure_out, failure_in = map(lift, os.pipe())
    shim = os.getpid()
    child = os.fork()
    if child == 0:
        order = marshal.loads(request)  # noqa: S302  # from the server, which is the same interpreter
        os.setsid()
        tell(control, b"child %d" % os.getpid())
        become(*order, shim=shim, directory=directory, report=report, failure=failure_in)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    for descriptor in (failure_in, directory, report):
        if descriptor >= 0:
            os.close(descriptor)
    failure = os.read(failure_out, 64)  # its end: the child became the command
    if failure:
        os.waitpid(child, 0)
        tell(control, b"failed " + failure)
    else:
        tell(control, b"started %d" % child)
        Supervision(control, wake, child).run()
    os._exit(0)  # the interpreter's own clean-up takes 5 ms


def lift(descriptor: int) -> int:
    """Move *descriptor* away from the report's number and from beyond select's 1024; no command inherits it."""
    if descriptor < 0:
        return descriptor
    lifted = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return lifted


def receive(control: int, size: int) -> bytes:
    """Read *size* bytes; if the server is gone before they came, there is nothing to do."""
    data = b""
    while len(data) < size:
        piece = hear(control, size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data


def hear(control: int, size: int) -> bytes:
    """Read what the server says, at most *size* bytes; nothing if it is gone."""
    try:
        return os.read(control, size)
    except ConnectionResetError:  # it was killed with lines of ours unread (unix(7))
        return b""


def tell(control: int, line: bytes) -> None:
    """Send *line*; that the server is gone shows elsewhere."""
    try:
        os.write(control, line + b"\n")
    except OSError:
        return


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process that the standard library has no word for."""
    function = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]  # None is this program
    _ctypes.call_function(function, (option, value, 0, 0, 0))


def become(
    command: list[bytes],
    environment: dict[bytes, bytes],
    limits: dict[str, int],
    *,
    shim: int,
    directory: int,
    report: int,
    failure: int,
) -> None:
    """Turn this child into the command, or write to *failure* at which stage that failed and why."""
    stage = b"directory"
    try:
        if LINUX:
            adjust_to_linux(shim)
        os.fchdir(directory)
        stage = b"limits"
        for name, value in limits.items():
            limit(getattr(resource, name), value)
        stage = b"program"
        if report >= 0:
            os.dup2(report, REPORT)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)  # what is ignored stays ignored in the command
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execvpe(command[0], command, environment)  # noqa: S606  # the command is the product's purpose
    except (OSError, ValueError) as error:  # a NUL in an argument is a ValueError
        os.write(failure, b"%s %d" % (stage, getattr(error, "errno", errno.EINVAL)))
    finally:
        os._exit(127)


def adjust_to_linux(shim: int) -> None:
    """Let this child die with the shim, and before the server when memory runs out."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != shim:  # it died before the kernel knew
        os._exit(127)
    try:
        with open("/proc/self/oom_score_adj", "wb") as score:
            score.write(OOM_SCORE_ADJUSTMENT)
    except OSError:
        return


def limit(kind: int, value: int) -> None:
    """Set both limits to *value*, or to the hard limit where that is lower; of open files the soft one alone."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, hard if kind == resource.RLIMIT_NOFILE else value))


class Supervision:
    """What happens from the command's start to the end of the last process that it started."""

    def __init__(self, control: int, wake: int, child: int) -> None:
        self.control = control
        self.wake = wake
        self.child = child
        self.ended = False
        self.killing = False
        self.watched = [control, wake]

    def run(self) -> None:
        while self.reap():
            self.obey(select.select(self.watched, [], [], self.patience())[0])
            if self.killing:
                self.kill()
        tell(self.control, b"gone")

    def patience(self) -> float | None:
        if self.killing:
            return SWEEP_SECONDS
        return LOOK_SECONDS if self.ended and not LINUX else None

    def reap(self) -> bool:
        """Collect whoever has ended; False when nothing is left."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return not LINUX and exists(self.child)
            if process == 0:
                return True
            if process == self.child:
                self.ended = True
                code = os.waitstatus_to_exitcode(status)
                tell(self.control, b"exited %d" % (code if code >= 0 else 128 - code))

    def obey(self, readable: list[int]) -> None:
        if self.wake in readable:
            os.read(self.wake, 4096)
        if self.control not in readable:
            return
        orders = hear(self.control, 64)
        if not orders:
            self.watched = [self.wake]
        if not orders or b"K" in orders:
            self.killing = True
        if b"I" in orders and self.child in self.groups():
            send(self.child, signal.SIGINT)
        if b"T" in orders:
            for group in set(self.groups()):
                send(group, signal.SIGTERM)
                send(group, signal.SIGCONT)  # what is stopped can't end before it goes on

    def kill(self) -> None:
        """Stop all that is there, from the top down, then kill it.

        A signal reaches a whole group at one instant and no fork slips past it, and what is stopped starts nothing:
        so a storm of forks stands still at once, where a list of its members is old when it is read.
        """
        stopped: set[int] = set()
        before = -1
        while len(stopped) > before:
            before = len(stopped)
            for group in self.groups():
                if group not in stopped:
                    send(group, signal.SIGSTOP)
                    stopped.add(group)
        for group in stopped:
            send(group, signal.SIGKILL)

    def groups(self) -> Iterator[int]:
        """Name every process group below the shim; the command leads a session, so no stranger is in one."""
        if not self.ended or (not LINUX and exists(self.child)):
            yield self.child
        if LINUX:
            yield from filter(None, map(group_of, descendants(os.getpid())))


def descendants(root: int) -> Iterator[int]:
    """Name what lives below *root*, each before its own children are looked for (proc_tid_children(5))."""
    found = [root]
    for process in found:
        if process != root:
            yield process
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{thread}/children", "rb") as children:
                    found += map(int, children.read().split())
        except OSError:
            continue


def group_of(process: int) -> int:
    """Return the process group of *process*, 0 if it has just ended."""
    try:
        return os.getpgid(process)
    except ProcessLookupError:
        return 0


def exists(group: int) -> bool:
    """Tell whether a process group has members that live."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # macOS refuses where all are zombies
        return False
    return True


def send(group: int, number: int) -> None:
    """Send a signal to a process group, if it is there and ours."""
    try:
        os.killpg(group, number)
    except OSError:
        return


if __name__ == "__main__":
    main()
