"""The examples of docs/clients.md run as they stand, against a real server."""

import os
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from tests.node_tools import FOLDER, NODE, install_packages
from tests.servers import Place

TEXT = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()


def example(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    place = Place(tmp_path_factory.mktemp("clients"))
    with place.serving():
        yield os.environ | {"TOWPATH_URL": place.url, "TOWPATH_TOKEN": place.token, "NO_PROXY": "127.0.0.1"}


def run(command: list[str | Path], environment: dict[str, str], text: str = "") -> str:
    ended = subprocess.run(
        command, env=environment, input=text, capture_output=True, text=True, check=False, timeout=60, cwd=FOLDER
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.skipif(not which("curl"), reason="no curl")
def test_the_curl_example_shows_what_the_prompt_printed(environment: dict[str, str]) -> None:
    printed = run(["bash", "-s"], environment, example("sh"))

    assert '"content":"hello from curl\\n"' in printed
    assert "event: caught-up" in printed


@pytest.mark.skipif(not which("curl"), reason="no curl")
def test_the_example_of_a_terminal_shows_its_output_to_the_end(environment: dict[str, str]) -> None:
    printed = run(["bash", "-s"], environment, example("bash"))

    output = b"".join(b64decode(data) for data in re.findall(r'"type":"terminal-output".*"data":"([^"]*)"', printed))
    assert b"42\r\nexit" in output
    assert '"exitCode":0' in printed
    assert "The terminal was ended and removed." in printed


def test_the_python_example_prints_what_the_prompt_printed(environment: dict[str, str]) -> None:
    assert run([sys.executable, "-"], environment, example("python")) == "hello from Python\n"


def test_the_javascript_example_prints_what_the_prompt_printed(environment: dict[str, str]) -> None:
    install_packages()

    assert run([NODE, "--input-type=module"], environment, example("js")) == "hello from JavaScript\n"
