"""What a user installs: built as for a release, installed away from the checkout, and run."""

import re
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.servers import Place
from tests.wheels import build, install

PACKAGES = {"api", "contracts", "domain", "infrastructure"}
PAGES = ("/docs", "/docs/swagger-ui-bundle.js", "/schema/openapi.json", "/metrics")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: Path) -> list[str]:
    """Names of the files in the wheel."""
    with ZipFile(built) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def program(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(built, tmp_path_factory.mktemp("installed"))


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


def test_runs_away_from_the_checkout(program: Path, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.program = program

    python, where = program.with_name("python"), "import api; print(api.__path__[0])"
    found = subprocess.check_output([python, "-c", where], cwd=tmp_path, text=True)
    assert program.parents[1] in Path(found).parents
    with place.serving(), place.client() as client:
        code, out, err = place.call("run", "echo hello")
        assert (code, out) == (0, "hello\n"), err
        code, out, err = place.call("doctor")
        assert code == 0, out + err
        own_files = re.findall(r'(?:src|href)="(/[^"]+)"', client.get("/sessions").text)
        assert {path.rpartition(".")[2] for path in own_files} == {"css", "js"}
        for path in (*own_files, *PAGES):
            assert client.get(path).status_code == 200, path
