"""git as the server itself runs it: in a repository that nobody vouches for, bounded in time and in output.

What a repository's own configuration could make git run is switched off: hooks, the file system monitor, filters,
external diffs, editors, transports. Its owner's own shell sessions run git as ever. The user's global configuration
counts (``safe.directory``, ignored files), the system's does not.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from anyio import EndOfStream, create_task_group, move_on_after
from msgspec import Struct

from domain.errors import GitFailed, IsolationUnavailable
from infrastructure.processes.errors import CommandNotStarted, ProcessError
from infrastructure.processes.process import Limits, Process, spawn

SECONDS = 60.0  # a checkout of a large repository takes so long; whoever waits longer is told
OUTPUT_BYTES = 64 * 1024
ERROR_BYTES = 4 * 1024
CONFIGURATION_BYTES = 1024 * 1024
LIMITS = Limits(open_files=1024)

CONFIGURATION = {
    "color.ui": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.pager": "cat",
    "core.quotePath": "false",
    "core.sshCommand": "false",
    "diff.mnemonicPrefix": "false",
    "diff.noprefix": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "safe.bareRepository": "explicit",
    "submodule.recurse": "false",
}
ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_ASKPASS": "false",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_EDITOR": "false",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
DISCOVERED: Mapping[str, str] = MappingProxyType({})
# Of a filter only its commands are run; with `required` git fails where there is none.
FILTER_MEMBERS = {"clean": "", "smudge": "", "process": "", "required": "false"}


class Answer(Struct, frozen=True):
    """What git said. ``whole`` is False where there was more than was asked for."""

    code: int
    out: bytes
    error: str
    whole: bool = True

    @property
    def lines(self) -> list[str]:
        """What it printed, line by line; file names that are no UTF-8 as Python keeps them."""
        return os.fsdecode(self.out).split("\n")[:-1]


class Git:
    """Runs git with exactly this *environment* beside its own."""

    def __init__(self, *, environment: Mapping[str, str]) -> None:
        self._environment = {**environment, **ENVIRONMENT}

    async def run(
        self,
        directory: int,
        *words: str,
        places: Mapping[str, str] = DISCOVERED,
        without: Sequence[str] = (),
        most_bytes: int = OUTPUT_BYTES,
    ) -> Answer:
        """Run git in an open *directory*; *places* are GIT_DIR and its like, where git shall not look for itself.

        *without* names filters (`filters`) that are not run. Raises IsolationUnavailable where git is not installed,
        GitFailed when it takes too long.
        """
        configuration = CONFIGURATION | {
            f"filter.{name}.{member}": value for name in without for member, value in FILTER_MEMBERS.items()
        }
        environment = {**self._environment, **places, **_as_variables(configuration)}
        try:
            with move_on_after(SECONDS):
                async with await spawn(
                    ["git", *words], directory=directory, environment=environment, limits=LIMITS
                ) as process:
                    return await _answer(process, most_bytes)
        except CommandNotStarted as error:
            if error.stage == "program":
                raise IsolationUnavailable("git is not installed on the server.") from error
            raise GitFailed("git could not be started.") from error
        except ProcessError as error:
            raise GitFailed("git was ended.") from error
        raise GitFailed(f"git took more than {SECONDS:.0f} seconds and was ended.")

    async def filters(self, directory: int, *, places: Mapping[str, str] = DISCOVERED) -> Sequence[str]:
        """Return the names of all filters that are configured, to run git without them."""
        asked = await self.run(
            directory,
            *("config", "--name-only", "--null", "--get-regexp", r"^filter\."),
            places=places,
            most_bytes=CONFIGURATION_BYTES,
        )
        if not asked.whole:
            raise GitFailed("The repository configures more filters than can be switched off.")
        names = os.fsdecode(asked.out).split("\0")[:-1]
        return sorted({name.removeprefix("filter.").rpartition(".")[0] for name in names})


def _as_variables(configuration: Mapping[str, str]) -> dict[str, str]:
    """Return git's variables for a configuration: a name may hold what ``-c`` can't be given."""
    variables = {"GIT_CONFIG_COUNT": str(len(configuration))}
    for place, (name, value) in enumerate(configuration.items()):
        variables |= {f"GIT_CONFIG_KEY_{place}": name, f"GIT_CONFIG_VALUE_{place}": value}
    return variables


async def _answer(process: Process, most_bytes: int) -> Answer:
    out, error = bytearray(), bytearray()

    async def read_out() -> None:
        with suppress(EndOfStream):
            while len(out) <= most_bytes:
                out.extend(await process.stdout.receive())
            process.kill()

    async def read_error() -> None:
        with suppress(EndOfStream):
            while True:
                error.extend(await process.stderr.receive())
                del error[ERROR_BYTES:]

    async with create_task_group() as tasks:
        tasks.start_soon(read_out)
        tasks.start_soon(read_error)
    code = await process.wait()
    return Answer(code, bytes(out[:most_bytes]), error.decode(errors="replace"), len(out) <= most_bytes)
