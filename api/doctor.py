"""`towpath doctor`: what works here, what does not, and what to do."""

import os
import platform
import shutil
import stat
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Literal, NamedTuple

import anyio
import click

from api import wiring
from api.client import Client
from api.commands.configuration import settings_of
from api.commands.connection import speak
from api.commands.target import Target
from api.failures import Failure, Refused
from api.render import printable
from api.settings import Settings
from api.version import VERSION
from contracts.codec import decoder
from contracts.views import Agent, AgentList, SessionStatusView
from domain.errors import SessionQuarantined, TowpathError
from domain.ids import SessionId
from domain.ports import EventLog, ListingFilter

PAGE = 500
SCARCE_BYTES = 1024**3

_decode_agents = decoder(AgentList)
_decode_status = decoder(SessionStatusView)


class Finding(NamedTuple):
    """What was looked at and found: ``weak`` works less well than it could, ``bad`` ends the command with 1."""

    mark: Literal["ok", "weak", "bad", "none"]
    text: str


def doctor(target: Target, *, start_agents: bool) -> int:
    """Print all findings; return 1 if one of them is bad."""
    settings = settings_of(target)
    worst = 0
    for finding in _examine(target, settings, start_agents=start_agents):
        text = printable(finding.text).replace("\n", "\n      ")
        click.echo(f"{'-' if finding.mark == 'none' else finding.mark:4}  {text}")
        worst |= finding.mark == "bad"
    return worst


def _examine(target: Target, settings: Settings, *, start_agents: bool) -> Iterator[Finding]:
    yield Finding(
        "ok", f"Towpath {VERSION}, Python {platform.python_version()}, {platform.system()} {platform.release()}"
    )
    yield from machine()
    yield from data_dir(settings.data_dir)
    yield from terminals(settings.data_dir)
    try:
        said = anyio.run(wiring.introduce_agents, settings) if start_agents else {}
        found = wiring.find_server(settings.data_dir)
        if found is None:
            yield Finding("none", "no server runs on this data directory")
            yield from agents(anyio.run(wiring.agent_profiles, settings), said)
            if settings.data_dir.exists():
                yield from anyio.run(_from_files, settings)
        else:
            yield Finding("ok", f"a server runs at {found[0]}")
            yield from speak(target, partial(_from_server, said=said))
    except (Failure, TowpathError) as failure:
        yield Finding("bad", str(failure))


def machine() -> Iterator[Finding]:
    """Say how well this machine keeps what sessions start under control."""
    if sys.platform != "linux":
        yield Finding(
            "weak",
            "off Linux, a program that leaves its process group outlives its session, and nothing ends what runs "
            "when the server is killed",
        )
    elif not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        yield Finding("weak", "/proc does not list children: what leaves its process group outlives its session")
    else:
        yield Finding("ok", "what a session starts ends with it, and with the server")
    if os.geteuid() == 0:
        yield Finding("weak", "agents run as root: start the server as a user who may do less")


def data_dir(path: Path) -> Iterator[Finding]:
    """Say whether a data directory is this user's alone and has room."""
    try:
        found = path.stat()
        files = [(entry, entry.lstat()) for entry in path.iterdir()]
    except FileNotFoundError:
        yield Finding("none", f"the data directory {path} is not made yet")
        return
    except OSError as error:
        yield Finding(
            "bad", f"the data directory {path} can't be looked at: {error.strerror}; choose another by --data-dir"
        )
        return
    open_to_others = [
        entry
        for entry, about in [(path, found), *((file, about) for file, about in files if stat.S_ISREG(about.st_mode))]
        if about.st_mode & 0o077 or about.st_uid != os.geteuid()
    ]
    for entry in open_to_others:
        yield Finding("bad", f"{entry} is not this user's alone: look through it, then `chmod go= {entry}`")
    if not open_to_others:
        yield Finding("ok", f"the data directory {path} is private")
    free = shutil.disk_usage(path).free
    if free < SCARCE_BYTES:
        yield Finding("weak", f"only {free // 1024**2} MiB are free for the log")


def terminals(path: Path) -> Iterator[Finding]:
    """Say which processes hold terminals of a data directory."""
    held = wiring.held_terminals(path)
    yield Finding("ok" if held else "none", f"{len(held)} terminals are held" if held else "no terminal is held")
    for terminal_id, holder, answers in held:
        if answers:
            yield Finding("ok", f"terminal {terminal_id} is held by process {holder}")
        else:
            yield Finding(
                "weak", f"what holds terminal {terminal_id} does not answer: `towpath terminals --kill` ends it"
            )


def agents(profiles: Sequence[Agent], said: Mapping[str, tuple[bool, str]]) -> Iterator[Finding]:
    """Say which agents can start, and what those *said* that were started here."""
    for profile in profiles:
        name = f"agent {profile.mode} ({profile.title})"
        if not profile.available:
            yield Finding("none", f"{name}: {profile.reason}")
        elif profile.mode in said:
            sound, text = said[profile.mode]
            yield Finding("ok" if sound else "weak", f"{name}: {text}")
        else:
            yield Finding("ok", f"{name} can start")


def log_findings(sessions: int, damaged: Sequence[str], how: str) -> Iterator[Finding]:
    """Say whether the log is sound."""
    for session_id in damaged:
        yield Finding(
            "bad",
            f"the log of session {session_id} is damaged and not served; a backup of towpath.db brings it back, "
            "the other sessions do not suffer",
        )
    if not damaged:
        yield Finding("ok", f"the log is sound: {sessions} sessions, {how}")


async def _from_server(client: Client, *, said: Mapping[str, tuple[bool, str]]) -> list[Finding]:
    damaged = []
    count = 0
    async for session in client.sessions():
        count += 1
        try:
            await client.get(f"/api/session/{session.session_id}/status", _decode_status)
        except Refused as refusal:
            if refusal.status == HTTPStatus.GONE:
                damaged.append(session.session_id)
    profiles = (await client.get("/api/agents", _decode_agents)).agents
    return [
        *agents(profiles, said),
        *log_findings(count, damaged, "as far as it was read; stop the server to have all read"),
    ]


async def _from_files(settings: Settings) -> list[Finding]:
    with wiring.hold_data_dir(settings) as held:
        async with wiring.open_log(settings, held) as log:
            damaged = []
            count = 0
            async for session_id, sound in look_through(log):
                count += 1
                if not sound:
                    damaged.append(session_id)
            return [*log_findings(count, damaged, "every event was read"), await _reindex(log)]


async def _reindex(log: EventLog) -> Finding:
    try:
        return Finding("ok", f"the search index was made anew: {await log.reindex()} titles, prompts and answers")
    except TowpathError as error:
        return Finding("bad", f"the search index can't be made anew: {error}")


async def look_through(log: EventLog) -> AsyncIterator[tuple[str, bool]]:
    """Read every event of every listed session; yield each session and whether all its events were sound."""
    before = None
    while page := await log.page(ListingFilter(), before=before, limit=PAGE):
        for listing, head, _ in page:
            yield listing.session_id, await _is_sound(log, listing.session_id, head.earliest, head.seq)
        before = (head.last_activity, listing.session_id)


async def _is_sound(log: EventLog, session_id: SessionId, after: int, last: int) -> bool:
    try:
        while after < last:
            after = (await log.read(session_id, after=after, limit=PAGE)).upto
    except SessionQuarantined:
        return False
    return True
