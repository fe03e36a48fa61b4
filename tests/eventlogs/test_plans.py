"""Nothing that is asked often looks through a whole table."""

from pathlib import Path

import pytest

from infrastructure.eventlogs import kept, reader, statements
from infrastructure.eventlogs.schema import connect, create_file, migrate


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (reader.NAMED_SESSIONS, "session_id=?"),
        (reader.PAGE_OF_ALL, "id>? AND id<?"),
        (reader.PAGE_OF_TYPES, "id>? AND id<?"),
        (reader.SIZE_OF_ALL, "id>? AND id<?"),
        (reader.LIFECYCLE, "USING INDEX events_lifecycle"),
        (reader.BISECT, "id=?"),
        (reader.LISTED, "USING INDEX heads_listed"),
        (reader.found_statement(2), "search VIRTUAL TABLE"),
        (kept.SELECT_RECEIPT, "receipt_id=?"),
        (kept.SELECT_UPLOAD, "blob_id=?"),
        (reader.RESTLESS, "sessions_restless"),
        (statements.SELECT_SESSION, "session_id=?"),
        (statements.CUT, "id>? AND id<?"),
        (statements.DROPPED, "id>? AND id<?"),
    ],
)
def test_no_statement_scans_a_table(tmp_path: Path, statement: str, index: str) -> None:
    path = tmp_path / "log" / "log.db"
    create_file(path)
    connection = connect(path)
    migrate(connection)

    bindings = dict.fromkeys(("low", "high", "excess", "oldest"), 1) if ":low" in statement else ()
    count = 10 if "?10" in statement else 7 if "?1" in statement else statement.count("?")
    plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", bindings or ("[]",) * count)]
    connection.close()

    assert any(index in step for step in plan), plan
    scans = [step for step in plan if step.startswith("SCAN") and "INDEX" not in step and "TABLE" not in step]
    assert not {step.split()[1] for step in scans} & {"events", "sessions", "heads", "e", "s"}, plan
