"""What a starting server prints works when it is typed elsewhere."""

import shlex
import sys
import time
from pathlib import Path

import platformdirs
import pytest

from api.commands.serving import announcement, own_command
from api.settings import Settings
from contracts.views import LoginCode

DEFAULT = platformdirs.user_data_path("towpath")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand for the running program, which is not on the PATH."""
    path = tmp_path / "checkout" / ".venv" / "bin" / "towpath"
    path.parent.mkdir(parents=True)
    path.touch(0o755)
    monkeypatch.setattr(sys, "argv", [str(path), "serve"])
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    return path


def test_a_program_on_the_path_is_called_by_its_name(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))

    assert own_command(DEFAULT, Path("/elsewhere")) == "towpath"


def test_another_program_of_that_name_is_not_meant(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "towpath").touch(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'other'}:{program.parent}")

    assert own_command(DEFAULT, Path("/elsewhere")) == str(program)


def test_an_environment_that_is_active_here_is_not_so_in_a_fresh_shell(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("VIRTUAL_ENV", str(program.parent.parent))

    assert own_command(DEFAULT, Path("/elsewhere")) == str(program)


def test_a_program_below_the_directory_is_called_from_there(program: Path) -> None:
    assert own_command(DEFAULT, program.parents[2]) == ".venv/bin/towpath"
    assert own_command(DEFAULT, program.parent) == str(program)


def test_a_module_that_runs_is_called_by_the_program_beside_its_interpreter(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/api/__main__.py", "serve"])
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    installed = own_command(DEFAULT, Path("/elsewhere"))
    program.unlink()

    assert installed == str(program)
    assert own_command(DEFAULT, Path("/elsewhere")) == f"{program.with_name('python')} -m api"


def test_a_data_directory_of_ones_own_is_named_and_quoted(program: Path) -> None:
    words = shlex.split(own_command(Path("/my data"), Path("/elsewhere")))

    assert words == [str(program), "--data-dir", "/my data"]


def test_the_second_terminal_is_sent_below_a_root(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "a root"
    (root / "below").mkdir(parents=True)
    settings = Settings(data_dir=DEFAULT, roots=(root,))
    code = LoginCode(code="c0de", url="http://127.0.0.1:8780/login#c0de", expires_at=int(time.time() * 1000) + 600_000)

    monkeypatch.chdir(tmp_path)
    elsewhere = announcement(settings, code)
    monkeypatch.chdir(root / "below")
    below = announcement(settings, code)

    assert f"  cd '{root}'\n  {program} run 'echo hello'\n" in elsewhere
    assert f"  cd '{root}/below'\n" in below
    assert "within 10 minutes" in below
    assert "  http://127.0.0.1:8780/login#c0de\n" in below


def test_behind_a_proxy_both_addresses_are_named(tmp_path: Path) -> None:
    url = "https://towpath.example.org"
    settings = Settings(data_dir=DEFAULT, roots=(tmp_path,), public_urls=(url,))
    code = LoginCode(code="c0de", url=f"{url}/login#c0de", expires_at=int(time.time() * 1000) + 600_000)

    first, _, _ = announcement(settings, code).partition("\n")

    assert first.endswith(f"listens on http://127.0.0.1:8780, which a proxy publishes as {url}")
