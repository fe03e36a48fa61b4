import os
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from domain.errors import LogUnavailable, StartRefused
from infrastructure.datadir import DataDir, RunningServer, running_server
from tests.access.stage import mode_of

SERVER = RunningServer(pid=4242, url="http://127.0.0.1:8780", started_at=1_700_000_000_000, version="1.2.3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "data"


def test_it_is_made_for_its_user_alone_whatever_the_umask_is(path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(DataDir(path)) as data_dir:
            data_dir.replace("token", b"x")
            data_dir.announce(SERVER)

            modes = {found.name: mode_of(found) for found in path.iterdir()}
    finally:
        os.umask(before)

    assert mode_of(path) == 0o700
    assert modes == {"lock": 0o600, "token": 0o600, "server.json": 0o600}


def test_what_others_could_read_is_closed(path: Path) -> None:
    path.mkdir(parents=True)
    path.chmod(0o755)

    with closing(DataDir(path)):
        assert mode_of(path) == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
def test_what_others_could_write_is_refused_with_advice(path: Path, mode: int) -> None:
    path.mkdir(parents=True)
    path.chmod(mode)

    with pytest.raises(StartRefused, match="chmod 700"):
        DataDir(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert list(path.iterdir()) == []


def test_a_file_in_its_place_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("")

    with pytest.raises(StartRefused, match="not a directory"):
        DataDir(path)


def test_a_file_above_it_is_refused(path: Path) -> None:
    path.parent.write_text("")

    with pytest.raises(StartRefused, match="--data-dir"):
        DataDir(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_what_belongs_to_somebody_else_is_refused(path: Path) -> None:
    path.mkdir(parents=True, mode=0o700)
    os.chown(path, 12345, 12345)

    with pytest.raises(StartRefused, match="uid 12345"):
        DataDir(path)


def test_what_can_not_be_written_is_refused(path: Path) -> None:
    (path / "lock").mkdir(parents=True)  # fails for root too, as a missing permission would not

    with pytest.raises(StartRefused, match="can't be written"):
        DataDir(path)


def test_a_second_process_is_refused_and_told_who_holds_it(path: Path) -> None:
    with closing(DataDir(path)) as data_dir:
        data_dir.announce(SERVER)

        with pytest.raises(StartRefused) as refused:
            DataDir(path)

    assert "pid 4242" in str(refused.value)
    assert "2023-11-14 22:13:20 UTC" in str(refused.value)
    assert "http://127.0.0.1:8780" in str(refused.value)


def test_a_second_process_is_refused_also_before_the_first_answers(path: Path) -> None:
    with closing(DataDir(path)), pytest.raises(StartRefused, match="another process"):
        DataDir(path)


def test_a_running_server_is_found_until_it_ends(path: Path) -> None:
    assert running_server(path) is None
    with closing(DataDir(path)) as data_dir:
        assert running_server(path) is None
        data_dir.announce(SERVER)
        assert running_server(path) == SERVER
        assert running_server(path) == SERVER  # to ask does no harm

    assert running_server(path) is None
    assert not (path / "server.json").exists()
    with closing(DataDir(path)):
        pass


def test_a_killed_server_holds_nothing_and_is_not_found(path: Path) -> None:
    program = (
        "import os, pathlib; from infrastructure.datadir import DataDir, RunningServer\n"
        f"held = DataDir(pathlib.Path({str(path)!r}))\n"
        "held.announce(RunningServer(pid=os.getpid(), url='http://x', started_at=1, version='1'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -9
    assert (path / "server.json").exists()

    assert running_server(path) is None
    with closing(DataDir(path)):
        pass


def test_a_file_is_replaced_whole_and_only_read_when_private(path: Path) -> None:
    with closing(DataDir(path)) as data_dir:
        assert data_dir.read("token") is None
        (path / ".token.new").write_text("left by a crash")
        data_dir.replace("token", b"one")
        data_dir.replace("token", b"two")
        assert data_dir.read("token") == b"two"
        assert sorted(found.name for found in path.iterdir()) == ["lock", "token"]

        (path / "token").chmod(0o640)
        with pytest.raises(StartRefused, match="chmod 600"):
            data_dir.read("token")


def test_a_directory_in_the_place_of_server_json_is_refused_and_nothing_stays_locked(path: Path) -> None:
    with closing(DataDir(path)):
        pass
    (path / "server.json").mkdir()

    for _ in range(2):
        with pytest.raises(StartRefused, match=r"server\.json can't be removed: Is a directory\. Move it away\."):
            DataDir(path)

    (path / "server.json").rmdir()
    with closing(DataDir(path)):
        (path / "server.json").mkdir()  # while it runs
        assert running_server(path) is None
    with pytest.raises(StartRefused, match="Move it away"):
        DataDir(path)


def test_a_link_a_pipe_or_a_directory_in_a_files_place_is_refused(path: Path, tmp_path: Path) -> None:
    with closing(DataDir(path)) as data_dir:
        (path / "link").symlink_to(tmp_path / "elsewhere")
        os.mkfifo(path / "pipe", 0o600)
        (path / "folder").mkdir()

        for name in ("link", "pipe", "folder"):
            with pytest.raises(StartRefused):
                data_dir.read(name)


def test_a_write_that_fails_is_said_in_the_servers_words(path: Path) -> None:
    with closing(DataDir(path)) as data_dir:
        (path / "token").mkdir()

        with pytest.raises(LogUnavailable, match="can't be written"):
            data_dir.replace("token", b"x")
