"""What a user installs: built as for a release, installed away from the checkout."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = ROOT / ".uv" / "bin" / "uv"


def build(out: Path) -> Path:
    """Return a wheel that was built from the source archive of this tree, so that it misses what that misses."""
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "-o", out], cwd=ROOT, check=True)
    return next(out.glob("*.whl"))


def install(wheel: Path, home: Path) -> Path:
    """Install a wheel and what it declares in an environment of its own; return the program."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    locked: list[str | Path] = ["--constraints", ROOT / "requirements.lock"]
    subprocess.run([UV, "pip", "install", "-q", "--python", home / "bin" / "python", *locked, wheel], check=True)
    return home / "bin" / "towpath"
