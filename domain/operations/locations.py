"""Which paths operations may name: those of files below the session's working directory, each in one spelling."""

import re

from domain.errors import InvalidPath, PathOutside

PATH_BYTES = 4096
NAME_BYTES = 255
PATH_NAMES = 64  # each directory on the way is held open
SHOWN_CHARACTERS = 200
# Controls, what turns the reading direction (a path is shown before it is agreed to), and bytes that are not UTF-8.
_UNSPEAKABLE = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Dots, slashes and NUL as URLs escape them, once or more often: nobody's file is called so.
_ESCAPED = re.compile("%(?:25)*(?:2e|2f|5c|00)", re.IGNORECASE)
_DRIVE = re.compile("[A-Za-z]:")
_DOTS = re.compile(r"\.{2,}")


def clean_path(path: str, working_dir: str, *, member: str) -> str:
    """Return *path* relative to *working_dir*, without needless parts.

    It is relative to that directory, or absolute and inside it. Raises PathOutside, InvalidPath naming *member*.
    """
    if reason := _spelling(path):
        raise InvalidPath(f"{shown(path)} {reason}.", member=member)
    names = path.removeprefix(working_dir.rstrip("/") + "/").split("/")
    if names[0] in ("", "~") or ".." in names:
        raise PathOutside(f"{shown(path)} does not lie in the session's working directory.", member=member)
    names = [name for name in names if name != "."]
    if len(names) > PATH_NAMES:
        raise InvalidPath(f"{shown(path)} has more than {PATH_NAMES} names.", member=member)
    for name in names or [""]:
        if reason := _naming(name):
            raise InvalidPath(f"{shown(path)} {reason}.", member=member)
    return "/".join(names)


def _spelling(path: str) -> str:
    if not path or _UNSPEAKABLE.search(path):
        return "is empty, not UTF-8 or holds control characters"
    if len(path.encode()) > PATH_BYTES:
        return f"is longer than {PATH_BYTES} bytes"
    if "\\" in path or _DRIVE.match(path):
        return "is not a path of this system: write it with slashes, without a drive"
    if _ESCAPED.search(path):
        return "escapes its dots or slashes: write it plainly"
    return ""


def _naming(name: str) -> str:
    if not name:
        return "names a directory, or holds an empty name"
    if len(name.encode()) > NAME_BYTES or _DOTS.fullmatch(name):
        return f"holds a name that is all dots or longer than {NAME_BYTES} bytes"
    if name.casefold() == ".git":
        return "belongs to git, which runs what is written there"
    return ""


def shown(path: str) -> str:
    """Return *path* as an error may quote it: escaped, and not at any length."""
    short = path if len(path) <= SHOWN_CHARACTERS else path[:SHOWN_CHARACTERS] + "…"
    return f"'{short}'" if short.isprintable() else ascii(short)
