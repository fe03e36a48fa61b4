"""Who may import whom: the tree keeps the rules, and each rule notices when it is broken."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINT = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]

BROKEN = {
    "api/app.py": "import infrastructure.clock",
    "api/client.py": "import httpx",
    "api/commands/serving.py": "import api.client",
    "api/routes/events.py": "import api.routes.health",
    "api/routes/health.py": "",
    "contracts/codec.py": "import os",
    "contracts/events.py": "import contracts.parts.first",
    "contracts/parts/first.py": "import contracts.events",
    "domain/errors.py": "import domain.state",
    "domain/sessions.py": "import anyio\nimport socket",
    "domain/state.py": "import anyio\nimport infrastructure.agents.wire",
    "infrastructure/agents/wire.py": "import infrastructure.clock\nimport infrastructure.processes.spawn",
    "infrastructure/clock.py": "import litestar\nimport claude_agent_sdk",
    "infrastructure/processes/spawn.py": "",
}


def test_the_tree_keeps_every_rule() -> None:
    result = subprocess.run(LINT, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


def test_every_rule_notices_when_it_is_broken(tmp_path: Path) -> None:
    config = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(config)
    for name, source in BROKEN.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        for package in path.relative_to(tmp_path).parents[:-1]:
            (tmp_path / package / "__init__.py").touch()

    result = subprocess.run(LINT, cwd=tmp_path, capture_output=True, text=True, check=False)

    rules = [contract["name"] for contract in tomllib.loads(config)["tool"]["importlinter"]["contracts"]]
    assert [rule for rule in rules if f"{rule} BROKEN" not in result.stdout] == [], result.stdout
    assert "domain.sessions -> anyio" not in result.stdout
    assert "infrastructure.agents.wire -> infrastructure.processes" not in result.stdout
