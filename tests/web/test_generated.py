"""What is generated for the pages and committed: the client, from the published document."""

import os
import subprocess
from pathlib import Path

from tests.node_tools import NODE
from tests.web.stage import WEB


def test_the_client_is_that_of_the_document(tmp_path: Path) -> None:
    generated = subprocess.run(
        [NODE, "node_modules/@hey-api/openapi-ts/bin/run.js", "--silent"],
        cwd=WEB,
        env={**os.environ, "OUT": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert generated.returncode == 0, generated.stdout + generated.stderr
    assert contents(tmp_path) == contents(WEB / "src" / "api" / "gen"), "run make openapi"


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.ts")}


def test_the_lock_names_no_registry() -> None:
    assert "://registry" not in (WEB / "package-lock.json").read_text()
    assert '"resolved"' not in (WEB / "package-lock.json").read_text()
