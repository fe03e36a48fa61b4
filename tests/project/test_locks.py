"""The locks: whole, hashed, silent about where they were made, and in line with pyproject.toml."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LINE = re.compile(
    r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==[^\s;]+( ; [^\\]+)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    r"|    #( .*)?"
)
GROUPS: dict[str, list[str | None]] = {
    "bootstrap.lock": ["bootstrap"],
    "requirements.lock": ["build", None],
    "requirements-dev.lock": ["dev", "build", None],
    "requirements-agents.lock": ["claude", "build", None],
}
locks = pytest.mark.parametrize("lock", list(GROUPS))


def declared(group: str | None) -> list[Requirement]:
    """Return what pyproject.toml asks for in *group* or for an extra, or at run time for None."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = {**project["dependency-groups"], **project["project"]["optional-dependencies"]}
    wanted = groups[group] if group else project["project"]["dependencies"]
    return [Requirement(item) for item in wanted if isinstance(item, str)]


def pins(lock: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9][a-z0-9._-]*)[^=]*==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


@locks
def test_every_line_is_a_pin_or_its_hash(lock: str) -> None:
    strange = [line for line in (ROOT / lock).read_text().splitlines() if not LINE.fullmatch(line)]

    assert strange == []


@locks
def test_every_pin_has_a_hash(lock: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text())

    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@locks
def test_names_no_host_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text()

    assert re.findall(r"://|--(?:extra-)?index|--find-links|(?<![\w.])/\w+", text) == []


@locks
def test_satisfies_pyproject(lock: str) -> None:
    pinned = pins(lock)

    wanted = [requirement for group in GROUPS[lock] for requirement in declared(group)]
    unmet = [str(r) for r in wanted if not r.specifier.contains(pinned.get(canonicalize_name(r.name), "0"))]
    assert unmet == []


def test_developers_run_what_users_run() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()
    assert pins("requirements.lock").items() <= pins("requirements-agents.lock").items()
