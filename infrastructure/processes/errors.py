"""What can go wrong with a supervised command.

ProcessError
├── CommandNotStarted
├── SupervisorLost
└── ProcessesRemain
"""

import os

STAGES = {
    "supervisor": "its supervisor does not start: ",
    "terminal": "there is no terminal for it: ",
    "directory": "its working directory can't be entered: ",
    "limits": "its limits can't be set: ",
    "program": "",
}


class ProcessError(Exception):
    """Base of everything that supervision raises."""


class CommandNotStarted(ProcessError):
    """The command does not run: ``stage``, one of STAGES, is how far it came; ``errno`` is the system's reason."""

    def __init__(self, *, program: str, stage: str, errno: int) -> None:
        super().__init__(f"{program}: {STAGES[stage]}{os.strerror(errno)}")
        self.stage = stage
        self.errno = errno


class SupervisorLost(ProcessError):
    """The command's shim ended before its time; what could be found of the command was killed."""


class ProcessesRemain(ProcessError):
    """Something does not die of SIGKILL: it hangs in the kernel, or belongs to another user."""
