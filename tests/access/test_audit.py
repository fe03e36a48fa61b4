import errno
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.errors import StartRefused
from infrastructure import audit
from infrastructure.audit import DENIALS_PER_MINUTE, AuditFile
from tests.access.stage import StillClock, mode_of

HOSTILE = "a\nb\r\x1b]52;c;eA==\x07\x9b31m\x7f\u2028\u202e\udcff\0"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def record(path: Path, clock: StillClock) -> Iterator[AuditFile]:
    with closing(AuditFile(path, clock=clock)) as opened:
        yield opened


def lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def test_a_note_is_one_line_of_json(record: AuditFile, path: Path, clock: StillClock) -> None:
    record.note("prompt", by="owner_token", peer="loopback", session_id="session_one")

    assert lines(path) == [
        {
            "timestamp": clock.now(),
            "action": "prompt",
            "by": "owner_token",
            "peer": "loopback",
            "session_id": "session_one",
        }
    ]
    assert mode_of(path) == 0o600


def test_nothing_in_a_line_commands_a_terminal_or_ends_it_early(record: AuditFile, path: Path) -> None:
    record.note("denied", by="nobody", path=HOSTILE)

    text = path.read_text()
    assert text.endswith("}\n")
    assert [character for character in text[:-1] if not character.isprintable()] == []
    assert lines(path)[0]["path"] == HOSTILE.replace("\udcff", "\\udcff")


def test_the_next_start_goes_on_where_the_last_ended(path: Path, clock: StillClock) -> None:
    for action in ("login", "logout"):
        with closing(AuditFile(path, clock=clock)) as opened:
            opened.note(action, by="owner_token")

    assert [line["action"] for line in lines(path)] == ["login", "logout"]


def test_a_flood_of_denials_is_counted_and_hides_nothing_else(record: AuditFile, path: Path, clock: StillClock) -> None:
    for _ in range(1000):
        record.note("denied", by="nobody")
    record.note("prompt", by="owner_token")
    clock.seconds += 60
    record.note("denied", by="nobody", code="unauthorized")

    found = lines(path)
    assert len(found) == DENIALS_PER_MINUTE + 3
    assert found[DENIALS_PER_MINUTE]["action"] == "prompt"
    assert found[-2] == {"timestamp": clock.now(), "action": "denied", "suppressed": 1000 - DENIALS_PER_MINUTE}
    assert found[-1]["code"] == "unauthorized"


def test_what_was_only_counted_is_written_at_the_end(path: Path, clock: StillClock) -> None:
    with closing(AuditFile(path, clock=clock)) as opened:
        for _ in range(DENIALS_PER_MINUTE + 5):
            opened.note("denied", by="nobody")

    assert lines(path)[-1]["suppressed"] == 5


def test_the_files_stay_bounded_and_private(path: Path, clock: StillClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "FILE_BYTES", 1000)
    with closing(AuditFile(path, clock=clock)) as opened:
        for _ in range(200):
            opened.note("prompt", by="owner_token", text="x" * 100)

    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["audit.jsonl", *(f"audit.jsonl.{number}" for number in range(1, 5))]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert {mode_of(file) for file in files} == {0o600}


def test_a_full_disk_costs_a_line_and_no_request(
    record: AuditFile, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(record._file, "flush", fail)
        record.note("prompt", by="owner_token")
    record.note("cancel", by="owner_token")

    assert "audit log can't be written" in caplog.text
    assert lines(path)[-1]["action"] == "cancel"


def test_a_link_in_its_place_is_not_followed(path: Path, clock: StillClock) -> None:
    path.symlink_to(path.parent / "elsewhere")

    with pytest.raises(StartRefused, match=r"audit\.jsonl"):
        AuditFile(path, clock=clock)
