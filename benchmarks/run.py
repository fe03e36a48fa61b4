"""Measures Towpath beside its peers; README.md says how to run this and how to read the result."""

import argparse
import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks import machine
from benchmarks.contenders import (
    BUILD,
    CONTENDERS,
    HERE,
    Contender,
    Launch,
    Unavailable,
    build_client,
    towpath_serve,
)
from benchmarks.report import Result, markdown, one_line
from benchmarks.scenarios import REPLAYED_EVENTS, SCENARIOS, Scenario
from tests.ports import free_port

RESULTS = HERE / "results"
START_SECONDS = 60
CLIENT_SECONDS = 180
SPARE_FILES = 200
REPETITIONS = 5


@contextlib.contextmanager
def started(command: list[str], launch: Launch, *, ready_path: str | None) -> Iterator[tuple[list[int], float]]:
    """Run a server on its core; yield its processes and the seconds until it answered. Ends its group."""
    server_core, _ = machine.cores()
    log = BUILD / "server.log"
    with log.open("wb") as errors, machine.pinned_to(server_core):
        begun = time.monotonic()
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True)
    try:
        while not _answers(launch.port, ready_path):
            if server.poll() is not None or time.monotonic() > begun + START_SECONDS:
                raise RuntimeError(f"the server did not start: {_last_line(log)}")
            time.sleep(0.002)
        took = time.monotonic() - begun
        yield machine.process_tree(server.pid), took
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text().strip().splitlines()
    return f"{lines[-1]} (more in {log})" if lines else "it said nothing"


def _answers(port: int, path: str | None) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.connect()
        if path is None:
            return True
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def new_launch(sessions: int) -> Iterator[Launch]:
    """Yield a free port and an empty directory beside the sources, so that fsync meets a real disk."""
    BUILD.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(dir=BUILD))
    try:
        yield Launch(port=free_port(), sessions=sessions, directory=directory)
    finally:
        shutil.rmtree(directory)


def fill(launch: Launch) -> None:
    """Record the events that a replay will ask for, and wait until all are durable."""
    token = (launch.directory / "token").read_text().strip()
    connection = http.client.HTTPConnection("127.0.0.1", launch.port, timeout=CLIENT_SECONDS)
    path = f"/publish?sessions=1&events={REPLAYED_EVENTS}&burst=1000&settled=1"
    connection.request("POST", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise RuntimeError(f"could not record events: {answer.status} {answer.read()!r}")
    connection.close()


def measure(client: Path, contender: Contender, scenario: Scenario, seconds: float) -> dict[str, object]:
    """Start a fresh server, put the load on it, return the client's figures and `foreign` beside them."""
    server_core, client_core = machine.cores()
    sessions = scenario.options.get("sessions", 1)
    assert isinstance(sessions, int)
    with new_launch(sessions) as launch:
        options = {"port": launch.port, "seconds": seconds, **scenario.options, **contender.client_options}
        ready_path = None
        if contender.is_towpath:
            options["token_file"], ready_path = launch.directory / "token", "/healthz"
        with started(contender.command(launch), launch, ready_path=ready_path) as (pids, _):
            time.sleep(0.7)  # what a server does behind its first answer is not the load's
            if options["mode"] == "replay":
                fill(launch)
            options["pids"] = ",".join(map(str, pids))
            begun, busy, own = time.monotonic(), machine.busy_seconds(server_core), machine.cpu_seconds(pids)
            load_command = [str(client), *(f"{name}={value}" for name, value in options.items())]
            with machine.pinned_to(client_core):
                load = subprocess.run(load_command, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False)
            if load.returncode:
                raise RuntimeError(load.stderr.strip()[:500] or f"the client ended with {load.returncode}")
            others = machine.busy_seconds(server_core) - busy - (machine.cpu_seconds(pids) - own)
            foreign = round(max(0.0, others / (time.monotonic() - begun)), 3)
    return {**msgspec.json.decode(load.stdout, type=dict[str, object]), "foreign": foreign}


def measure_alone() -> dict[str, object]:
    """Start Towpath as its user does: when does it answer, and what does it hold at rest."""
    with new_launch(0) as launch:
        command = towpath_serve(launch)
        with started(command, launch, ready_path="/healthz") as (pids, took):
            time.sleep(2)
            return {"readySeconds": round(took, 3), "idleMb": round(machine.resident_mb(pids), 1)}


def prepared(names: list[str]) -> list[str]:
    """Install what the named contenders need; leave out, aloud, those that can't run here."""
    able = []
    for name in names:
        try:
            CONTENDERS[name].prepare()
        except Unavailable as reason:
            print(f"skipped {name}: {reason}")
        else:
            able.append(name)
    return able


def runs(names: list[str], scenarios: list[str], repetitions: int) -> Iterator[tuple[str, int, str]]:
    """Yield scenario, repetition and contender: contenders alternate, so that a slow minute hits them all."""
    for scenario in scenarios:
        for repetition in range(repetitions):
            for name in names:
                if name == "towpath" or not SCENARIOS[scenario].towpath_only:
                    yield scenario, repetition, name
    if "towpath" in names:
        yield from (("alone", repetition, "towpath") for repetition in range(repetitions))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repetition of a second: does it run?")
    parser.add_argument("--servers", default=",".join(CONTENDERS), help="default: %(default)s")
    parser.add_argument("--scenarios", default=",".join(SCENARIOS), help="default: %(default)s")
    parser.add_argument("--repetitions", type=int, help=f"default: {REPETITIONS}")
    chosen = parser.parse_args()
    for option, known in (("servers", CONTENDERS), ("scenarios", SCENARIOS)):
        names = getattr(chosen, option).split(",")
        if unknown := [name for name in names if name not in known]:
            parser.error(f"unknown {option}: {', '.join(unknown)}; known: {', '.join(known)}")
        setattr(chosen, option, names)
    chosen.repetitions = chosen.repetitions or (1 if chosen.quick else REPETITIONS)
    return chosen


def main() -> None:
    chosen = arguments()
    seconds = 1.0 if chosen.quick else 2.0
    client = build_client()
    names = prepared(chosen.servers)
    open_files = machine.raise_open_files()
    for scenario in list(chosen.scenarios):
        streams = SCENARIOS[scenario].options.get("streams", 1)
        assert isinstance(streams, int)
        if streams + SPARE_FILES > open_files:
            print(f"skipped {scenario}: {streams} streams and {open_files} open files at most (ulimit -Hn)")
            chosen.scenarios.remove(scenario)

    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    results: list[Result] = []
    with stem.with_suffix(".jsonl").open("wb") as lines:
        for scenario, repetition, name in runs(names, chosen.scenarios, chosen.repetitions):
            try:
                if scenario == "alone":
                    figures = measure_alone()
                else:
                    figures = measure(client, CONTENDERS[name], SCENARIOS[scenario], seconds)
            except (RuntimeError, subprocess.TimeoutExpired) as failure:
                figures = {"error": str(failure)}
            result = Result(scenario=scenario, server=name, repetition=repetition, figures=figures)
            results.append(result)
            lines.write(msgspec.json.encode(result) + b"\n")
            lines.flush()
            print(one_line(result), flush=True)

    text = markdown(results, machine.description(), chosen.repetitions)
    stem.with_suffix(".md").write_text(text)
    complete = chosen.scenarios == list(SCENARIOS) and {"old", "towpath"} <= set(names)
    if complete and chosen.repetitions >= REPETITIONS and not chosen.quick:
        (RESULTS / "latest.md").write_text(text)
    print(f"\n{text}\nwritten to {stem.with_suffix('.md').relative_to(HERE)} and .jsonl")


if __name__ == "__main__":
    main()
