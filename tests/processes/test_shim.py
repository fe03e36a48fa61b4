"""The shim alone, with a server that does what ours would not live to do."""

import marshal
import os
import socket
import subprocess
import sys
from pathlib import Path

from anyio import fail_after

from infrastructure.processes import shim
from tests.processes.living import fresh_mark, marked, until


async def test_a_server_that_dies_with_lines_unread_leaves_nothing_behind(tmp_path: Path) -> None:
    mark = fresh_mark()
    script = f"setsid sleep {mark} & sleep {mark}"
    request = marshal.dumps(([b"sh", b"-c", script.encode()], {b"PATH": os.environ["PATH"].encode()}, {}))
    ours, theirs = socket.socketpair()
    directory = os.open(tmp_path, os.O_RDONLY)
    with fail_after(10), ours:
        with theirs:
            process = subprocess.Popen(  # noqa: ASYNC220  # a fork of milliseconds
                [sys.executable, "-I", "-S", shim.__file__, str(theirs.fileno()), str(directory), "-1"],
                pass_fds=(theirs.fileno(), directory),
            )
        os.close(directory)
        ours.sendall(len(request).to_bytes(4, "big") + request)
        await until(lambda: len(marked(mark)) == 3)
        assert ours.recv(1, socket.MSG_PEEK) == b"c"
        ours.close()
        await until(lambda: process.poll() is not None)

        assert marked(mark) == []
        assert process.returncode == 0
