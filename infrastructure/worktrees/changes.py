"""What a worktree holds that its base commit does not, as git tells it."""

from collections.abc import Iterator, Mapping

from msgspec import UNSET, UnsetType

from contracts.views import ChangedFile, ChangeStatus

FILES = 1000
COMPARE = (
    "diff",
    "--raw",
    "--numstat",
    "--patch",
    "-z",
    "--find-renames",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=dirty",  # to look into one, git would run there by the configuration that it has
)
STATUSES: Mapping[str, ChangeStatus] = {"A": "added", "D": "deleted", "R": "renamed"}
UNCOUNTED: tuple[int | UnsetType, int | UnsetType] = (UNSET, UNSET)
NEXT_FILE = b"\ndiff --git "


def read_comparison(out: bytes, *, whole: bool, diff_bytes: int) -> tuple[list[ChangedFile], str, bool]:
    """Return the files and the diff that COMPARE printed, and whether either was cut.

    The diff holds whole files only, and at most *diff_bytes*.
    """
    fields = Fields(out)
    raw = list(_raw(fields))
    counts = dict(_counts(fields))
    diff = out[fields.place :]
    if not whole or len(diff) > diff_bytes:
        cut = diff.rfind(NEXT_FILE, 0, diff_bytes + len(NEXT_FILE))
        diff, whole = diff[: max(0, cut + 1)], False
    files = [
        ChangedFile(
            path=_name(path),
            previous_path=_name(before) if before else UNSET,
            status=status,
            additions=counts.get(path, UNCOUNTED)[0],
            deletions=counts.get(path, UNCOUNTED)[1],
        )
        for status, before, path in raw[:FILES]
    ]
    return files, diff.decode(errors="replace"), not whole or len(raw) > FILES


class Fields:
    """What ``-z`` ends with NUL, one after the other; what is behind them begins at ``place``."""

    def __init__(self, out: bytes) -> None:
        self.place = 0
        self._out = out

    def peek(self) -> bytes:
        """Return the next field, empty where there is none."""
        return self._out[self.place : max(self.place, self._out.find(b"\0", self.place))]

    def take(self) -> bytes:
        field = self.peek()
        self.place = min(len(self._out), self.place + len(field) + 1)
        return field


def _raw(fields: Fields) -> Iterator[tuple[ChangeStatus, bytes, bytes]]:
    """Yield status, the name before where there was another, and the name of each changed file."""
    while fields.peek().startswith(b":"):
        letter = chr(fields.take().rpartition(b" ")[2][0])
        before = fields.take() if letter == "R" else b""
        if path := fields.take():  # else the output was cut here
            yield STATUSES.get(letter, "modified"), before, path


def _counts(fields: Fields) -> Iterator[tuple[bytes, tuple[int | UnsetType, int | UnsetType]]]:
    """Yield the added and the deleted lines of each file; of a binary one git tells none."""
    while field := fields.take():
        added, deleted, path = field.split(b"\t", 2)
        if not path:
            fields.take()
            path = fields.take()
        yield path, (_count(added), _count(deleted))


def _count(digits: bytes) -> int | UnsetType:
    return UNSET if digits == b"-" else int(digits)


def _name(path: bytes) -> str:
    return path.decode(errors="replace")
