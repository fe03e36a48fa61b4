"""What is imported is declared: a dependency of a dependency may go away."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OURS = ("api", "contracts", "domain", "infrastructure")


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level name of everything that a module imports, wherever in it that stands."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_every_import_is_of_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = sum(project["optional-dependencies"].values(), project["dependencies"])
    declared = {canonicalize_name(Requirement(item).name) for item in wanted}
    owners = packages_distributions()
    names = {name for package in OURS for path in (ROOT / package).rglob("*.py") for name in imported(path)}

    foreign = names - set(OURS) - sys.stdlib_module_names
    assert "litestar" in foreign
    owned = {name: {canonicalize_name(owner) for owner in owners.get(name, [name])} for name in foreign}
    assert [name for name, by in owned.items() if not by & declared] == []
