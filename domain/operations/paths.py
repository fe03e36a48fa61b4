"""Which words name a file: in a fence's info string, in the line before a fence, in its first comment."""

import re

from msgspec import Struct

MARKDOWN = (".md", ".mdx", ".markdown")
LINE_LIMIT = 1024  # characters; a longer line names no file, which bounds what the patterns below are tried on

# Languages of what was seen, not of what shall be.
_QUOTES = {"ansi", "cmd", "console", "log", "output", "pycon", "shell-session", "shellsession", "stderr", "stdout"} | {
    "terminal", "traceback", "transcript", "bash-session", "sh-session",
}  # fmt: skip
_SHELLS = {"bash", "bat", "batch", "fish", "powershell", "ps1", "sh", "shell", "zsh"}
_EXTENSIONS = {
    "bash": "bash sh", "c": "c h", "c#": "cs", "c++": "cc cpp cxx h hh hpp", "clojure": "clj cljc cljs edn",
    "cpp": "cc cpp cxx h hh hpp", "csharp": "cs", "docker": "dockerfile", "elixir": "ex exs", "erlang": "erl hrl",
    "f#": "fs", "golang": "go", "graphql": "gql graphql", "haskell": "hs", "hcl": "hcl tf", "html": "htm html",
    "ini": "cfg conf ini", "javascript": "cjs js jsx mjs", "js": "cjs js jsx mjs", "jsx": "js jsx", "julia": "jl",
    "kotlin": "kt kts", "make": "mk", "makefile": "mk", "markdown": "markdown md mdx", "ocaml": "ml mli",
    "perl": "pl pm", "powershell": "ps1 psm1", "protobuf": "proto", "py": "py pyi", "python": "py pyi", "ruby": "rb",
    "rust": "rs", "shell": "bash sh zsh", "terraform": "tf tfvars", "ts": "cts mts ts tsx",
    "typescript": "cts mts ts tsx", "xml": "svg xml", "yaml": "yaml yml", "yml": "yaml yml", "zsh": "sh zsh",
}  # fmt: skip
_NAMES = {
    "Brewfile", "CHANGELOG", "CODEOWNERS", "Containerfile", "Dockerfile", "Gemfile", "Jenkinsfile", "Justfile",
    "LICENSE", "Makefile", "NOTICE", "Procfile", "README", "Rakefile", "Vagrantfile", "justfile", "makefile",
}  # fmt: skip

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f<>|\"'*?`:#]|\$\{")
_FILE_NAME = re.compile(r".*[^.]\.[A-Za-z][A-Za-z0-9_+-]{0,11}|\.[A-Za-z][\w.-]*")
_PLACEHOLDER = re.compile(r"/?path/to/")
_PRODUCT = re.compile(r"[A-Z][A-Za-z0-9]*\.js")  # Node.js, Vue.js: a name of software, when nothing marks it as a file

_INFO_WORD = re.compile(r"\{[^}]*\}|([A-Za-z_][\w-]*)=(\"[^\"]*\"|'[^']*'|\S+)|(\S+)")
_PATH_KEYS = {"title", "file", "filename", "path"}
_EXCERPT_KEYS = {"end", "end_line", "endline", "line", "lines", "range", "start", "start_line", "startline"}

_FILE_WORD = r"(?:new )?file(?:name| name| path)?|path"
_NEW_FILE = (
    r"create(?: (?:a )?(?:new )?file)?|"
    r"(?:[^`]{0,60} )?create (?:an? |the )?(?:new )?(?:\w+ )?file(?: called| named| at)?|"
    r"(?:[^`]{0,60} )?save (?:it|this|the following)(?: \w+)? as"
)
_LABEL = re.compile(
    r"(?P<heading>#{1,6}[ \t]+)?(?:(?:\d{1,3}[.)]|[-*+])[ \t]+)?"
    rf"(?P<word>(?:\*\*)?(?:{_FILE_WORD}|{_NEW_FILE}):?(?:\*\*)?:?[ \t]+)?"
    r"(?:(?:\*\*)?`(?P<code>[^`]+)`|\*\*(?P<bold>[^*`\s]+?):?\*\*|(?P<plain>[^*`\s]+?))"
    r":?(?:\*\*)?:?(?: \(new(?: file)?\)| with [^`]{0,60}?)?:?(?:\*\*)?:?",
    re.IGNORECASE,
)
_CODE = re.compile(r"`([^`]+)`")
_COMMENT_START = r"[ \t]*(?:#[ \t]|//|--|;|%|/\*|<!--|\{/\*)[ \t]*"
_COMMENT = re.compile(
    rf"{_COMMENT_START}(?:(?:{_FILE_WORD}):[ \t]*)?(?P<path>\S+)[ \t]*(?:\*/\}}?|-->)?", re.IGNORECASE
)
_LEFT_OUT = re.compile(
    _COMMENT_START + r"[(\[]?(?:(?:\.\.\.|…)(?:[ \t\r\n.…*/>})\]-]*\Z|.*\b(?:code|existing|keep|omitted|other|previous|"
    r"remain|remaining|remains|rest|same|unchanged)\b)|(?:the )?rest of (?:the|your) "
    r"(?:class|code|component|file|function|implementation|imports|method|module|script)\b|"
    r"(?:existing|remaining) code(?:\W*\Z|.*\b(?:goes|here|remains|stays|unchanged)\b))",
    re.IGNORECASE,
)


class Info(Struct, frozen=True):
    """What stands behind the opening of a fence: the language, and the path if one is named."""

    language: str
    path: str | None
    quotes: bool = False  # says itself that it shows what is, not what shall be


def names_file(path: str, *, spaces: bool = False) -> bool:
    """Tell whether *path* is shaped like the path of a file: an extension or a known name, no line numbers."""
    if not path or len(path) > LINE_LIMIT or _FORBIDDEN.search(path) or _PLACEHOLDER.match(path):
        return False
    if (" " in path and not spaces) or path[0] in " -!" or path[-1] in " ./,;)":
        return False
    name = path.rpartition("/")[2]
    return name in _NAMES or _FILE_NAME.fullmatch(name) is not None


def agrees(path: str, language: str) -> bool:
    """Tell whether a file at *path* would be written in *language*."""
    name, language = path.rpartition("/")[2].lower(), language.lower()
    extension = name.rpartition(".")[2]
    return extension == language or name == f"{language}file" or extension in _EXTENSIONS.get(language, "").split()


def read_info(info: str) -> Info:
    """Read ``python src/a.py``, ``python:src/a.py``, ``python title="src/a.py"`` and ``src/a.py``."""
    info = info.strip()
    if len(info) > LINE_LIMIT:
        return Info("", None, quotes=True)
    first, _, rest = info.partition(" ")
    language, colon, path = first.partition(":")
    if "=" in first or first.startswith("{"):
        language, rest = "", info
    elif "/" in language and names_file(first):
        language, colon, path = "", ":", first
    if language[:1].isdigit() or language.lower() in _QUOTES:
        return Info(language, None, quotes=True)
    positional, paths = bool(colon), [path] if colon else []
    for word in _INFO_WORD.finditer(rest):
        key, value, bare = word.groups()
        if (key is not None and key.lower() in _EXCERPT_KEYS) or (bare is not None and positional):
            return Info(language, None, quotes=True)
        if key is not None and key.lower() in _PATH_KEYS:
            paths.append(value.strip("\"'"))
        elif bare is not None and not paths and names_file(bare):
            positional, paths = True, [bare]
    if len(paths) > 1 or (colon and not names_file(path)):
        return Info(language, None, quotes=True)
    return Info(language, paths[0] if paths and names_file(paths[0], spaces=True) else None)


def named_for_edit(line: str) -> str | None:
    """Return the one path that a line before an edit names, if in a sentence, then in backticks.

    The edit's own marks say that it is meant, and it has to fit the file.
    """
    paths = {code for code in _CODE.findall(line[:LINE_LIMIT]) if names_file(code, spaces=True)}
    return _named(line, plain=True) or (paths.pop() if len(paths) == 1 else None)


def named_for_file(line: str, language: str) -> str | None:
    """Return the path that a line before a fence names alone, if the fence holds that kind of file."""
    path = _named(line, plain=False)
    return path if path and language and agrees(path, language) else None


def named_in_comment(line: str, language: str) -> str | None:
    """Return the path that a comment is made of, if the fence can hold that kind of file."""
    match = _COMMENT.fullmatch(line) if len(line) <= LINE_LIMIT else None
    if match is None or not names_file(path := match["path"]):
        return None
    return path if (agrees(path, language) if language else "/" in path) else None


def runs_commands(language: str) -> bool:
    """Tell whether *language* is a shell's: such a block is a file only where that is said, or by its first line."""
    return language.lower() in _SHELLS


def leaves_out(line: str) -> bool:
    """Tell whether *line* is a comment in place of code, like ``# ... existing code ...``."""
    return _LEFT_OUT.match(line[:LINE_LIMIT]) is not None


def _named(line: str, *, plain: bool) -> str | None:
    match = _LABEL.fullmatch(line) if len(line) <= LINE_LIMIT else None
    if match is None:
        return None
    if match["code"]:
        return match["code"] if names_file(match["code"], spaces=True) else None
    if match["plain"] and not (plain or match["heading"] or match["word"]):
        return None
    path = (match["bold"] or match["plain"]).replace("\\_", "_")  # as Markdown escapes it
    return path if names_file(path) and not (not plain and _PRODUCT.fullmatch(path)) else None
