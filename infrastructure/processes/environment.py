"""Which of the server's environment a command gets to see."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

# Who and where one is, the language, where programs keep things, where certificates lie. Left out on purpose:
# SSH_AUTH_SOCK and XDG_RUNTIME_DIR lead to keys and to the desktop's bus, *_PROXY may hold a password, PYTHON* and
# LD_* change what programs do. Who needs one of them allows it by name.
ALLOWED = (
    "HOME",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
)
NEVER = "TOWPATH_*"  # our own settings, tokens among them
PRESENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "TERM": "xterm-256color"}


def minimal_environment(allow: Iterable[str], source: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """Return those of *source* whose names *allow* has (``LC_*`` means all that begin so), and all of *extra*.

    PATH and TERM are always there. No TOWPATH_* passes, save by *extra*.
    """
    patterns = tuple(allow)
    allowed = {
        name: value
        for name, value in source.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns) and not fnmatchcase(name, NEVER)
    }
    return {**PRESENT, **allowed, **extra}
