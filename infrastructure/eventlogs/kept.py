"""What is kept beside the sessions for a while: receipts of requests, and bodies sent ahead of their prompts."""

from typing import Any

import apsw

from domain.errors import BlobNotFound, LogUnavailable, UploadsFull
from domain.ids import SessionId
from domain.ports import Receipt, Upload
from infrastructure.eventlogs.schema import Execute, body_checksum, translated

INSERT_RECEIPT = """
INSERT INTO receipts (receipt_id, fingerprint, made_at, session_id, after, upto, answer) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (receipt_id) DO NOTHING
"""
ANSWER_RECEIPT = INSERT_RECEIPT.replace("DO NOTHING", "DO UPDATE SET answer = excluded.answer")
SELECT_RECEIPT = """
SELECT receipt_id, fingerprint, made_at, session_id, after, upto, answer FROM receipts WHERE receipt_id = ?
"""
SELECT_UPLOAD = "SELECT made_at, name, media_type, data, checksum FROM uploads WHERE blob_id = ?"
INSERT_UPLOAD = """
INSERT INTO uploads (blob_id, made_at, name, media_type, bytes, checksum, data) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
# Checksums begin with the session that a body belongs to; these belong to none.
UPLOADS = SessionId("uploads")


def receipt_columns(receipt: Receipt) -> tuple[Any, ...]:
    """Return a receipt as INSERT_RECEIPT takes it."""
    own = receipt.receipt_id, receipt.fingerprint, receipt.made_at
    return (*own, receipt.session_id, receipt.after, receipt.upto, receipt.answer)


def keep_receipt(execute: Execute, receipt: Receipt) -> None:
    """As `EventLog.keep_receipt`."""
    execute(ANSWER_RECEIPT, receipt_columns(receipt))


def keep_upload(execute: Execute, upload: Upload, most_bytes: int) -> None:
    """As `EventLog.keep_upload`."""
    held = execute("SELECT coalesce(sum(bytes), 0) FROM uploads").get
    if held + len(upload.data) > most_bytes:
        raise UploadsFull(f"{held} bytes of bodies wait for their prompts, of {most_bytes}. Try again later.")
    about = upload.blob_id, upload.made_at, upload.name, upload.media_type, len(upload.data)
    execute(INSERT_UPLOAD, (*about, body_checksum(UPLOADS, upload.blob_id, upload.data), upload.data))


def expire(execute: Execute, before: int) -> None:
    """As `EventLog.expire`."""
    execute("DELETE FROM receipts WHERE made_at < ?", (before,))
    execute("DELETE FROM uploads WHERE made_at < ?", (before,))


def read_receipt(connection: apsw.Connection, receipt_id: str) -> Receipt | None:
    """As `EventLog.receipt`."""
    with translated(connection):
        row = connection.execute(SELECT_RECEIPT, (receipt_id,)).fetchone()
    if row is None:
        return None
    receipt_id, fingerprint, made_at, session_id, after, upto, answer = row
    return Receipt(
        receipt_id=receipt_id,
        fingerprint=fingerprint,
        made_at=made_at,
        session_id=session_id,
        after=after,
        upto=upto,
        answer=answer,
    )


def read_upload(connection: apsw.Connection, blob_id: str) -> Upload:
    """As `EventLog.upload`."""
    with translated(connection):
        row = connection.execute(SELECT_UPLOAD, (blob_id,)).fetchone()
    if row is None:
        raise BlobNotFound(f"There is no body {blob_id}; one that was sent ahead is kept for a day.")
    made_at, name, media_type, data, checksum = row
    if checksum != body_checksum(UPLOADS, blob_id, data):
        raise LogUnavailable(f"The body {blob_id} is damaged; send it again.")
    return Upload(blob_id=blob_id, made_at=made_at, name=name, media_type=media_type, data=data)
