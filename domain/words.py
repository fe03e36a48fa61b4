"""A shell's text as words: read strictly where it may be allowed by a pattern, loosely where it may be forbidden.

Strictly, a text is one simple command (POSIX.1-2017, 2.9.1) of words that stand for themselves: whatever a shell would
expand, join, redirect or cut in two makes it none. Loosely, every command that can be seen anywhere in the text counts;
what a program makes up at run time can't be seen.
"""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import chain

Words = Sequence[str]

# What needs no quotes in any shell. ASCII alone: a byte of another letter is a blank in some locales.
_PLAIN = r"[A-Za-z0-9_@%+:,./=-]"
_PIECE = re.compile(rf"""(?P<plain>{_PLAIN}+)|(?P<star>\*+)|'(?P<single>[^'\x00-\x1f\x7f]*)'"""
                    r"""|"(?P<double>[^"$`\\!\x00-\x1f\x7f]*)"|(?P<blank>[ \t]+)""")  # fmt: skip
_is_plain = re.compile(f"{_PLAIN}+").fullmatch
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(\[[^]]*\])?\+?=").match

LAUNCHERS = frozenset(
    {
        ".", "ash", "bash", "builtin", "busybox", "chroot", "chrt", "command", "csh", "dash", "doas", "env", "eval",
        "exec", "fakeroot", "fish", "flock", "ionice", "ksh", "mksh", "nice", "nohup", "nsenter", "parallel", "pkexec",
        "prlimit", "rbash", "runuser", "script", "setarch", "setpriv", "setsid", "sh", "source", "ssh", "stdbuf",
        "strace", "su", "sudo", "systemd-run", "taskset", "tcsh", "time", "timeout", "toybox", "trap", "unbuffer",
        "unshare", "watch", "xargs", "zsh",
    }
)  # fmt: skip
"""Programs and builtins that run what their arguments say."""
_KEYWORDS = frozenset({"!", "coproc", "do", "elif", "else", "if", "then", "until", "while", "{"})
_NESTED = 8

_LOOSE = re.compile(
    r"""\\(?P<escaped>.)
    |\$'(?P<ansi>(?:[^'\\]|\\.)*)'
    |'(?P<single>[^']*)'
    |\$?"(?P<double>(?:[^"\\]|\\.)*)"
    |\{(?P<braced>[^{}\s'"]+)\}
    |(?P<end>\$\(|[;|&()`\n\r{}])
    |(?P<redirect>[<>]+[&|]?)
    |(?P<blank>[\s\0]|\$(?:IFS\b|\{IFS\b[^}\s]{0,64}\}))
    |(?P<plain>[^\\$'"{};|&()`\s<>\0]+|.)""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|(.))", re.DOTALL)


class Pattern:
    """A pattern over a command's words, such as ``git log *``.

    ``*`` in a word stands for text that needs no quotes, alone for a word that is neither an option nor an absolute
    path; as the last word for any number of them. ``**`` as the last word stands for options too. Without either, the
    text stands for itself.
    """

    def __init__(self, text: str, *, allowing: bool) -> None:
        """Raise ValueError for a pattern that can't match what it seems to; if *allowing*, for one of any program."""
        words = _split(text)
        self._text = text
        self._words = words if words and not _ASSIGNMENT(_value(words[0])) else None
        self._rest = ""
        if self._words is None:
            if re.search(r"(?:\A|\s)[^\s'\"]*\*", text) or not text.strip():
                raise ValueError(
                    "a pattern with `*` is the words of one command, without `; | & < > $ ( )` and the like"
                )
            return
        if allowing and _names_no_program(self._words):
            raise ValueError("it would allow every program: name the one that is meant")
        if len(self._words) > 1 and self._words[-1] in ([("*", True)], [("**", True)]):
            self._rest = self._words.pop()[0][0]
        if any(star and text != "*" for word in self._words for text, star in word):
            raise ValueError("`**` can only be the last word")

    @property
    def literal(self) -> bool:
        """Whether it stands for one text alone."""
        return not self._rest and not any(_has_star(word) for word in self._words or ())

    def allows(self, command: str) -> bool:
        """Say whether *command* is what the pattern names, and certainly nothing else."""
        if self.literal and command == self._text:
            return True
        pieces = _split(command)
        if self._words is None or not pieces or any(_has_star(word) for word in pieces):
            return False
        words = [_value(word) for word in pieces]
        if _ASSIGNMENT(words[0]) or len(words) < len(self._words):
            return False
        rest = words[len(self._words) :]
        return (
            all(_fits(pattern, word) for pattern, word in zip(self._words, words, strict=False))
            and (bool(self._rest) or not rest)
            and all(
                _is_plain(word) and _begins_here(word) and _stays(word, options=self._rest == "**") for word in rest
            )
        )

    def forbids(self, command: str) -> bool:
        """Say whether any command that can be seen in *command* is what the pattern names, other words in between.

        A pattern that is not the words of one command names the whole text.
        """
        if self._words is None:
            return command.strip() == self._text.strip()
        first, *others = ["".join(text if star else _escaped(text) for text, star in word) for word in self._words]
        return any(_contains(words, at, first, others) for words, at in _seen(command))


def same_command(one: str, other: str) -> bool:
    """Say whether *other*, or a part of it that runs by itself, is *one*, however it is quoted and spaced."""
    wanted, commands = list(_commands(one)), list(_visible(other))
    return one == other or any(
        commands[at : at + len(wanted)] == wanted for at in range(len(commands) - len(wanted) + 1 if wanted else 0)
    )


# Strictly


def _split(text: str) -> list[list[tuple[str, bool]]] | None:
    """Return words of pieces, each with whether it is a star; `None` for what is not one simple command."""
    words: list[list[tuple[str, bool]]] = []
    position, between = 0, True
    while position < len(text):
        piece = _PIECE.match(text, position)
        if piece is None:
            return None
        position = piece.end()
        if piece.lastgroup == "blank":
            between = True
            continue
        if between:
            words.append([])
        between = False
        words[-1].append((piece[piece.lastgroup or 0], piece.lastgroup == "star"))
    return words


def _value(word: list[tuple[str, bool]]) -> str:
    return "".join(text for text, _ in word)


def _has_star(word: list[tuple[str, bool]]) -> bool:
    return any(star for _, star in word)


def _fits(pattern: list[tuple[str, bool]], word: str) -> bool:
    if not _has_star(pattern):
        return _value(pattern) == word
    expression = "".join(rf"{_PLAIN}*" if star else re.escape(text) for text, star in pattern)
    here = not pattern[0][1] or _begins_here(word)
    return re.fullmatch(expression, word) is not None and here and _stays(word, options=not pattern[0][1])


def _stays(word: str, *, options: bool) -> bool:
    """Say whether a star may stand for a word: it leads to no directory above, and is an option only if it may be."""
    return (options or not word.startswith("-")) and ".." not in re.split("[/=:,]", word)


def _begins_here(word: str) -> bool:
    """Say whether a word, or what an option in it is set to, is no absolute path."""
    return re.search("(?:^|[=,])/", word) is None


def _names_no_program(words: list[list[tuple[str, bool]]]) -> bool:
    for word in words:
        value = _value(word)
        if _has_star(word) and not value.startswith("-"):
            return True
        if value.rpartition("/")[2] not in LAUNCHERS and not re.match(r"-|\d", value) and not _ASSIGNMENT(value):
            return False
    return False


# Loosely


def _seen(command: str) -> Iterator[tuple[Words, int]]:
    """Yield the words of each command in a text, and from which of them on any may be a program too."""
    for words in _visible(command):
        launched = next((at for at, word in enumerate(words) if _launches(word)), len(words))
        yield words, launched


def _launches(word: str) -> bool:
    return word.rpartition("/")[2] in LAUNCHERS or word.startswith(("-exec", "-ok"))


def _contains(words: Words, launched: int, first: str, others: Sequence[str]) -> bool:
    start = next((at for at in chain((0,), range(launched, len(words))) if _is_program(words[at], first)), None)
    if start is None:
        return False
    following = iter(words[start + 1 :])
    return all(any(fnmatchcase(word, other) for word in following) for other in others)


def _is_program(word: str, first: str) -> bool:
    return fnmatchcase(word if "/" in first else word.rpartition("/")[2], first)


def _escaped(text: str) -> str:
    return re.sub(r"[*?[]", lambda match: f"[{match[0]}]", text)


def _visible(text: str) -> Iterator[list[str]]:
    """Yield the commands of a text, and those of each line: a quote in a comment or here-document opens nothing."""
    yield from _commands(text)
    if "\n" in text and re.search("['\"`]", text):
        for line in text.replace("\\\n", "").split("\n"):
            yield from _commands(line)


def _commands(text: str, depth: int = 0) -> Iterator[list[str]]:
    """Yield the words of each command that can be seen in a text, without assignments and keywords before it."""
    nested: list[str] = []
    words: list[str] = []
    targets: list[str] = []
    word, target = "", False
    for token in _LOOSE.finditer(f"{text}\n"):
        kind = token.lastgroup or ""
        value = token[kind]
        if kind == "braced":
            first, *others = value.split(",")
            words += [word + first, *others]
            word = ""
        elif kind not in ("end", "blank", "redirect"):
            word += _meant(kind, value)
        elif word:
            dropped = target or (kind == "redirect" and word.isdigit())
            (targets if dropped else words).append(word)
            word, target = "", False
        if kind in ("redirect", "end"):
            target = kind == "redirect"
        if kind == "double" and ("`" in value or "$(" in value):
            nested.append(value)
        if kind == "end" and words:
            yield from _command(words, targets, nested)
            words, targets = [], []
    if depth < _NESTED:
        for inner in nested:
            yield from _commands(inner, depth + 1)


def _meant(kind: str, value: str) -> str:
    """Return a piece of a word as the shell understands it; a quote without its partner, or an escaped end, is none."""
    match kind:
        case "ansi":
            return _ESCAPE.sub(_decoded, value)
        case "double":
            return re.sub(r"\\([\"$`\\\n])", r"\1", value)
        case "single":
            return value
    return "" if value in ("'", '"', "\n") else value


def _command(words: list[str], targets: list[str], nested: list[str]) -> Iterator[list[str]]:
    while words and (words[0] in _KEYWORDS or _ASSIGNMENT(words[0])):
        words = words[1:]
    if any(_launches(word) for word in words):
        nested += [word for word in (*words, *targets) if re.search(r"[\s;|&]", word)]  # `sh <<< "…"` too
    if words:
        yield words


def _decoded(escape: re.Match[str]) -> str:
    hexadecimal, octal, short, long, other = escape.groups()
    if other is not None:
        return {"n": "\n", "t": "\t", "r": "\r"}.get(other, other)
    number = int(octal, 8) if octal else int(hexadecimal or short or long, 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "?"
