"""What the writer says to the store."""

from functools import cache

ROWS_PER_STATEMENT = (256, 64, 16, 4, 1)
SELECT_SESSION = """
SELECT key, epoch, deleted_at, seq, position, earliest, trimmed, bytes, largest, oldest, run,
       written_seq, written_activity, last_activity, listing
FROM sessions JOIN heads_now USING (key) WHERE session_id = ?
"""
EVENT_WIDTH, HEAD_WIDTH, SESSION_WIDTH = 7, 10, 10
EVENT_TYPE = 2
INSERT_EVENTS = "INSERT INTO events (id, position, type, timestamp, lifecycle, checksum, data) VALUES {rows}"
UPSERT_HEADS = """
INSERT INTO heads (key, seq, position, earliest, trimmed, bytes, largest, oldest, run, last_activity) VALUES {rows}
ON CONFLICT (key) DO UPDATE SET
    seq = excluded.seq, position = excluded.position, earliest = excluded.earliest, trimmed = excluded.trimmed,
    bytes = excluded.bytes, largest = excluded.largest, oldest = excluded.oldest, run = excluded.run,
    last_activity = excluded.last_activity
"""
UPSERT_SESSIONS = """
INSERT INTO sessions (key, session_id, epoch, deleted_at, listing, status, mode, archived, at_rest, project_id)
VALUES {rows}
ON CONFLICT (key) DO UPDATE SET
    deleted_at = excluded.deleted_at, listing = excluded.listing, status = excluded.status, mode = excluded.mode,
    archived = excluded.archived, at_rest = excluded.at_rest, project_id = excluded.project_id
"""
UPSERT_SNAPSHOT = """
INSERT INTO snapshots (session, seq, checksum, data) VALUES (?, ?, ?, ?) ON CONFLICT (session) DO UPDATE
SET seq = excluded.seq, checksum = excluded.checksum, data = excluded.data WHERE excluded.seq >= seq
"""
REPLACE_BLOB = "REPLACE INTO blobs (session, blob_id, checksum, data) VALUES (?, ?, ?, ?)"
# Up to which event must go: the first that leaves few enough bytes, or the last that is too old, whichever is later.
CUT = """
SELECT max(
    coalesce((SELECT id FROM (SELECT id, sum(length(data)) OVER (ORDER BY id) AS gone FROM events
                              WHERE id > :low AND id <= :high) WHERE gone >= :excess ORDER BY id LIMIT 1), :high)
        * (:excess > 0),
    coalesce((SELECT id - 1 FROM events WHERE id > :low AND id <= :high AND timestamp >= :oldest
              ORDER BY id LIMIT 1), :high),
    :low)
"""
DROPPED = """
SELECT sum(length(data)), max(position), coalesce(max(position) FILTER (WHERE lifecycle), 0)
FROM events WHERE id > ? AND id <= ?
"""


@cache
def rows_statement(template: str, width: int, rows: int) -> str:
    """Return an INSERT of so many rows of so many columns."""
    return template.format(rows=", ".join(["(" + ", ".join("?" * width) + ")"] * rows))
