"""What a user installs."""

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"api", "contracts", "domain", "infrastructure"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names of the files in a wheel built from this tree."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(build, cwd=ROOT, check=True)
    with ZipFile(next(out.glob("*.whl"))) as archive:
        return archive.namelist()


def test_top_level_is_the_four_packages(wheel: list[str]) -> None:
    top_level = {name.split("/")[0] for name in wheel}

    assert {name for name in top_level if not name.endswith(".dist-info")} == PACKAGES


def test_carries_the_licence(wheel: list[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)


def test_carries_no_leftovers(wheel: list[str]) -> None:
    assert [name for name in wheel if "__pycache__" in name or name.endswith((".pyc", ".orig", ".rej"))] == []


def test_no_dependency_ships_a_package_of_our_names() -> None:
    owners = packages_distributions()

    strangers = {name: set(owners.get(name, [])) - {"towpath"} for name in PACKAGES | {"tests", "benchmarks"}}
    assert {name: found for name, found in strangers.items() if found} == {}
