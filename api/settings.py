"""Every setting of the server, read once: flags over ``TOWPATH_*`` over ``towpath.toml`` over defaults.

The file is the user's own. One in the working directory is not looked for: whoever wrote the repository that lies
there must not choose the workspace roots or what agents get to see.
"""

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
import platformdirs
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from api.agent_settings import read_agents
from api.hosts import DEFAULT_PORTS, is_loopback, is_unspecified, netlocs
from api.words import TYPES
from contracts.requests import PROMPT_BYTES
from contracts.views import Rule
from domain.errors import StartRefused
from domain.policy import Policy

CONFIG_NAME = "towpath.toml"
_PREFIX = "TOWPATH_"
FILE_ONLY = frozenset({"rules", "agents"})
_OF_COMMANDS = {"url", "token"}  # where `towpath run` and its like find a server; the server itself takes neither
_MIB = 1024 * 1024

_NETLOC = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?").fullmatch
_FLAGS = {
    "roots": "--root",
    "public_urls": "--public-url",
    "trusted_proxies": "--trusted-proxy",
    "allowed_hosts": "--allowed-host",
}

Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0, le=10 * 365 * 86400)]
Names = tuple[str, ...]


class RuleSetting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """One rule as the file has it; docs/approvals.md tells what each member matches."""

    effect: Literal["allow", "ask", "deny"]
    mode: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    command: str | UnsetType = UNSET
    path: str | UnsetType = UNSET
    working_dir: str | UnsetType = UNSET


class Settings(Struct, frozen=True, kw_only=True):
    """The settings. Sizes are in bytes, times in seconds; a name's last word is the unit."""

    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="The TCP port to listen on.")] = 8780
    data_dir: Annotated[Path, Meta(description="Where the log and the tokens are kept.")]
    roots: Annotated[tuple[Path, ...], Meta(description="The directories under which sessions may work.")]
    public_urls: Annotated[Names, Meta(description="The origins by which browsers reach it, behind a proxy.")] = ()
    trusted_proxies: Annotated[Names, Meta(description="Networks whose X-Forwarded-* headers count, as CIDR.")] = ()
    allowed_hosts: Annotated[Names, Meta(description="Further Host names to answer to, with any port.")] = ()
    durability: Annotated[
        Literal["power", "process"],
        Meta(description="What recorded events survive: a power cut, or kill -9 of the server."),
    ] = "power"
    retention_bytes: Annotated[Positive, Meta(description="How much of a session's log is kept.")] = 256 * _MIB
    retention_seconds: Annotated[Seconds, Meta(description="How long events and tombstones are kept.")] = 90 * 86400
    heartbeat_seconds: Annotated[Seconds, Meta(description="How often an idle stream says that it is alive.")] = 15
    body_bytes: Annotated[Positive, Meta(description="The largest request body.")] = _MIB
    blob_bytes: Annotated[
        int, Meta(ge=1, le=512 * _MIB, description="The largest body that may be sent ahead of a prompt.")
    ] = 32 * _MIB
    uploads_bytes: Annotated[Positive, Meta(description="How much of such bodies is kept, for a day, in all.")] = (
        1024 * _MIB
    )
    prompt_bytes: Annotated[int, Meta(ge=1, le=PROMPT_BYTES, description="The largest prompt, in UTF-8.")] = (
        PROMPT_BYTES
    )
    operation_bytes: Annotated[Positive, Meta(description="The largest file that an operation works on.")] = 16 * _MIB
    queue: Annotated[Positive, Meta(description="Prompts that may wait in one session.")] = 32
    approval_seconds: Annotated[
        Seconds, Meta(description="How long a question to a human stands; then it is a no.")
    ] = 86400
    rules: Annotated[
        tuple[RuleSetting, ...],
        Meta(description="What runs, is asked or is forbidden: see approvals.md."),
    ] = ()
    streams_per_token: Annotated[Positive, Meta(description="Streams open at once by one token.")] = 64
    streams: Annotated[Positive, Meta(description="Streams open at once in all.")] = 1000
    connections: Annotated[Positive, Meta(description="Connections open at once that are no streams.")] = 1000
    header_bytes: Annotated[Positive, Meta(description="The largest request head.")] = 32 * 1024
    header_seconds: Annotated[Seconds, Meta(description="How long a request's head may take.")] = 10
    body_seconds: Annotated[Seconds, Meta(description="How long a request's body may take.")] = 30
    terminals: Annotated[Positive, Meta(description="Terminals whose programs run at once.")] = 50
    session_terminals: Annotated[
        Positive, Meta(description="Terminals whose programs run at once in one session, its agent's among them.")
    ] = 16
    terminal_bytes: Annotated[
        int,
        Meta(ge=2 * _MIB, le=1024 * _MIB, description="How much of each terminal's output is kept."),
    ] = 8 * _MIB
    agent_environment: Annotated[
        Names, Meta(description="Environment variables that agents get beside the usual ones.")
    ] = ()
    agent_processes: Annotated[
        Positive, Meta(description="Processes and threads that this user may have, from within an agent.")
    ] = 8192  # several desktops' worth: what it stops is a fork bomb
    agents: Annotated[
        Mapping[str, Mapping[str, Any]], Meta(description="Agents, and changes of those that are built in: see below.")
    ] = {}
    legacy: Annotated[
        Literal["bridge", "redirect", "off"],
        Meta(description="What clients of the old server meet: a bridge, the way to go, or nothing."),
    ] = "redirect"  # nothing can be done by the old protocol unless asked for, and nobody who comes by it is left alone
    legacy_sunset: Annotated[date, Meta(description="The day that legacy answers name as their last.")] = date(
        2027, 12, 31
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least weight of what is logged.")
    ] = "info"
    open: Annotated[bool, Meta(description="Open the login URL in a browser.")] = False

    @property
    def policy(self) -> tuple[Rule, ...]:
        """The rules as they are listed, in their order."""
        return tuple(
            Rule(rule_id=f"configured_{number}", source="configured", **msgspec.structs.asdict(rule))
            for number, rule in enumerate(self.rules, 1)
        )

    @property
    def url(self) -> str:
        """The origin at which a browser finds the server."""
        return self.public_urls[0] if self.public_urls else self.own_url

    @property
    def own_url(self) -> str:
        """The origin at which it listens."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


class SettingsError(StartRefused):
    """A setting makes no sense; the text says where it stands and what to write instead."""


class _Given(NamedTuple):
    """A value as somebody gave it, where, from which directory its relative paths count, and whether it has a type."""

    value: Any
    where: str
    base: Path
    typed: bool = False


def load_settings(flags: Mapping[str, Any], environ: Mapping[str, str], cwd: Path) -> Settings:
    """Return the settings; reads nothing but the configuration file.

    *flags* are named as the members of Settings, and ``config``; `None` and an empty sequence mean "not given".
    Relative paths count from *cwd*, in the file from the file's directory. Raises SettingsError.
    """
    flags = {name: value for name, value in flags.items() if value is not None and value != ()}
    variables = {
        name.removeprefix(_PREFIX).lower(): value for name, value in environ.items() if name.startswith(_PREFIX)
    }
    for name in _OF_COMMANDS:
        variables.pop(name, None)
    config = flags.pop("config", None), variables.pop("config", None)
    given = _from_file(*_config_path(config, cwd))
    given |= _from_environ(variables, cwd)
    given |= {name: _Given(value, flag_of(name), cwd) for name, value in flags.items()}
    given.setdefault("data_dir", _Given(platformdirs.user_data_path("towpath"), "the default of --data-dir", cwd))
    given.setdefault("roots", _Given((cwd,), "the default of --root", cwd))
    settings = Settings(**{name: _convert(name, value) for name, value in given.items()})
    _check_reach(settings, given)
    return settings


def described() -> Iterator[tuple[str, Any, str]]:
    """Yield each setting's name, its default (`NODEFAULT` where it depends on the machine) and what it means."""
    for field in msgspec.structs.fields(Settings):
        texts = [note.description for note in _TYPES[field.name].__metadata__ if isinstance(note, Meta)]
        yield field.name, field.default, next(text for text in texts if text)


def flag_of(name: str) -> str:
    """Return the flag by which a member of Settings is given on the command line."""
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def _config_path(given: tuple[str | None, str | None], cwd: Path) -> tuple[Path, bool]:
    """Return which file to read, and whether it must be there."""
    chosen = next((path for path in given if path), None)
    if chosen is not None:
        return cwd / Path(chosen).expanduser(), True
    return platformdirs.user_config_path("towpath") / CONFIG_NAME, False


def _from_file(path: Path, required: bool) -> dict[str, _Given]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        if required:
            raise SettingsError(f"There is no configuration file {path} (--config, {_PREFIX}CONFIG).") from error
        return {}
    except OSError as error:
        raise SettingsError(f"The configuration file {path} can't be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The configuration file {path} is not TOML: {error}") from error
    names = {name.replace("_", "-"): name for name in _TYPES}
    for key in content.keys() - names.keys():
        raise SettingsError(f"{path}: there is no setting `{key}`.{_suggestion(key.replace('_', '-'), names)}")
    return {
        names[key]: _Given(value, f"{path}, key `{key}`", path.parent, typed=True) for key, value in content.items()
    }


def _from_environ(variables: Mapping[str, str], cwd: Path) -> dict[str, _Given]:
    for name in variables.keys() - _TYPES.keys():
        raise SettingsError(
            f"The environment variable {_PREFIX}{name.upper()} is no setting."
            f"{_suggestion(name.upper(), map(str.upper, _TYPES), prefix=_PREFIX) or ' Unset it.'}"
        )
    given = {}
    for name in variables.keys() & FILE_ONLY:
        raise SettingsError(f"{_PREFIX}{name.upper()} can't be given in the environment: write it into {CONFIG_NAME}.")
    for name, text in variables.items():
        where = f"the environment variable {_PREFIX}{name.upper()}"
        if not text.strip():
            raise SettingsError(f"{where} is empty: give it a value, or unset it.")
        separator = {"roots": os.pathsep}.get(name, ",") if name in _LISTS else None
        given[name] = _Given([part.strip() for part in text.split(separator)] if separator else text, where, cwd)
    return given


def _suggestion(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    # Compared without the prefix, which alone makes all names alike.
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean `{prefix}{close[0]}`?" if close else ""


def _convert(name: str, given: _Given) -> Any:
    try:
        if name == "agents":
            return read_agents(given.value, given.base)
        value = msgspec.convert(given.value, _TYPES[name], strict=given.typed, dec_hook=_to_path)
        check = _CHECKS.get(name)
        return check(value, given.base) if check else value
    except (msgspec.ValidationError, ValueError) as error:
        if name in FILE_ONLY:
            reason = _rules_in_words(str(error)) if name == "rules" else str(error)
            raise SettingsError(f"{given.where}: {reason}") from error
        value = ", ".join(map(str, given.value)) if isinstance(given.value, (list, tuple)) else given.value
        raise SettingsError(f"{given.where}: {value!r} can't be used: {_in_words(name, str(error))}") from error


def _in_words(name: str, reason: str) -> str:
    """Return the converter's reason as a user of the command line would put it."""
    kind = _TYPES[name].__origin__
    if get_origin(kind) is Literal:
        return f"give one of {', '.join(get_args(kind))}."
    if kind is date:
        return "give a day such as 2027-12-31."
    for word, meaning in TYPES.items():
        reason = reason.replace(f"`{word}`", meaning)
    return reason


def _rules_in_words(reason: str) -> str:
    """Return what is wrong with the rules, counted from 1 as `_rules` does."""
    match = re.fullmatch(r"(.*) - at `\$\[([0-9]+)\](?:\.(.*))?`", reason, re.DOTALL)
    if match is None:
        return "write each below a line `[[rules]]`." if reason.startswith("Expected") else reason
    message, number, member = match.groups()
    advice = {"": "a rule has `effect`, and may have `mode`, `kind`, `command`, `path`, `working-dir`"}
    advice["effect"] = "give one of allow, ask, deny"
    what = f"`{member}`: " if member else re.sub("^Object (contains|missing)", r"\1", message) + "; "
    return f"rule {int(number) + 1}: {what}{advice.get(member or '', 'give a text')}."


def _to_path(_type: type, value: Any) -> Path:
    if isinstance(value, Path) or (isinstance(value, str) and value and "\0" not in value):
        return Path(value)
    raise ValueError("give a path.")


def _host(value: str, _: Path) -> str:
    if value != "localhost":
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError("give an IP address such as 127.0.0.1 or ::1, or localhost.") from None
    return value


def _origins(values: Names, _: Path) -> Names:
    origins = tuple(dict.fromkeys(_origin(value) for value in values))
    known: dict[str, str] = {}
    for origin in origins:
        for netloc in netlocs(origin):
            if known.setdefault(netloc, origin) != origin:
                raise ValueError(f"{known[netloc]} and {origin} can't be told apart by their Host header; name one.")
    return origins


def _origin(value: str) -> str:
    """Write a URL as browsers write an origin: in lower case, without a default port."""
    parts = urlsplit(value)
    advice = "give a scheme, a name and perhaps a port, such as https://towpath.example.org."
    if parts.scheme not in DEFAULT_PORTS or parts.path.strip("/") or not _NETLOC(parts.netloc.lower()):
        raise ValueError(advice)
    if re.search(r"[?#\s]", value) or parts.port == 0:  # urlsplit passes over some of them
        raise ValueError(advice)
    if is_unspecified(parts.hostname or ""):
        raise ValueError("no browser can be told to go there; " + advice)
    default = parts.port in (None, DEFAULT_PORTS[parts.scheme])
    netloc = parts.netloc.lower()
    return f"{parts.scheme}://{netloc.removesuffix(f':{parts.port}') if default else netloc}"


def _networks(values: Names, _: Path) -> Names:
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError as error:
            raise ValueError(f"{error}; give an address or a network such as 10.0.0.0/8.") from error
    return values


def _host_names(values: Names, _: Path) -> Names:
    names = tuple(value.lower() for value in values)
    for name in names:
        match = _NETLOC(name)
        if match is None or match[1] or is_unspecified(name):
            raise ValueError(f"{name!r} is no bare host name such as towpath.lan.")
    return names


def _variables(values: Names, _: Path) -> Names:
    for value in values:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
            raise ValueError(f"{value!r} is no name of an environment variable.")
    return values


def _rules(values: tuple[RuleSetting, ...], base: Path) -> tuple[RuleSetting, ...]:
    rules = tuple(
        rule
        if rule.working_dir is UNSET
        else replace(rule, working_dir=str(base / Path(rule.working_dir).expanduser()))
        for rule in values
    )
    for number, rule in enumerate(rules, 1):
        try:
            Policy([Rule(rule_id="configured", source="configured", **msgspec.structs.asdict(rule))])
        except ValueError as error:
            raise ValueError(f"rule {number}: {error}.") from error
    return rules


def _directory(value: Path, base: Path) -> Path:
    return base / value.expanduser()


def _roots(values: tuple[Path, ...], base: Path) -> tuple[Path, ...]:
    if not values:
        raise ValueError("name at least one directory.")
    roots = [_directory(value, base) for value in values]
    for root in roots:
        if not root.is_dir():
            raise ValueError(f"{root} is not a directory; make it, or name another.")
    return tuple(dict.fromkeys(root.resolve(strict=True) for root in roots))


_TYPES: dict[str, Any] = get_type_hints(Settings, include_extras=True)
_LISTS = frozenset({"roots", "public_urls", "trusted_proxies", "allowed_hosts", "agent_environment"})
_CHECKS: dict[str, Callable[[Any, Path], Any]] = {
    "host": _host,
    "data_dir": _directory,
    "roots": _roots,
    "public_urls": _origins,
    "trusted_proxies": _networks,
    "allowed_hosts": _host_names,
    "agent_environment": _variables,
    "rules": _rules,
}


def _check_reach(settings: Settings, given: Mapping[str, _Given]) -> None:
    """Refuse an address that other machines reach while nothing says by which name they come."""
    if not is_loopback(settings.host) and not settings.public_urls:
        raise SettingsError(
            f"{given['host'].where}: {settings.host} can be reached from other machines. Name the URL by which "
            "browsers will come, such as --public-url https://towpath.example.org, or listen on 127.0.0.1."
        )
