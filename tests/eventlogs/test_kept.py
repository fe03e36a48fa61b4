"""What every log keeps beside sessions for a while: receipts in the commit of their effect, and uploads."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import fail_after
from msgspec.structs import replace

from domain.errors import BlobNotFound, SequenceConflict, UploadsFull
from domain.ports import EventLog, Receipt, Upload
from tests.eventlogs.stage import A, Owner, created, opened

ENDLESS = 2**40


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    with fail_after(30):
        async with opened(request.param, tmp_path) as made:
            yield made


def make_receipt(receipt_id: str = "one", made_at: int = 1_000) -> Receipt:
    return Receipt(receipt_id=receipt_id, fingerprint="what", made_at=made_at)


def make_upload(blob_id: str = "blob_0001", data: bytes = b"\x00\xff", made_at: int = 1_000) -> Upload:
    return Upload(blob_id=blob_id, made_at=made_at, name="a.png", media_type="image/png", data=data)


async def test_a_receipt_says_what_was_done(log: EventLog) -> None:
    owner = await created(log, A, "x")

    await owner.write("y", "z", receipt=make_receipt())

    assert await log.receipt("one") == replace(make_receipt(), session_id=A, after=2, upto=4)
    assert await log.receipt("two") is None


async def test_what_fails_leaves_no_receipt(log: EventLog) -> None:
    owner = await created(log, A)
    owner.seq = 5

    with pytest.raises(SequenceConflict):
        await owner.write("x", receipt=make_receipt())

    assert await log.receipt("one") is None


async def test_an_answer_is_added_and_the_effect_stays(log: EventLog) -> None:
    owner = Owner(log)
    await owner.create(receipt=make_receipt())

    await log.keep_receipt(replace(make_receipt(), answer=b"answer"))

    assert await log.receipt("one") == replace(make_receipt(), session_id=A, after=0, upto=1, answer=b"answer")


async def test_a_request_without_an_effect_has_a_receipt_too(log: EventLog) -> None:
    await log.keep_receipt(replace(make_receipt(), answer=b"answer"))

    assert await log.receipt("one") == replace(make_receipt(), answer=b"answer")


async def test_a_receipt_outlives_its_session(log: EventLog) -> None:
    owner = await created(log, A)
    await owner.write("x", receipt=make_receipt())
    await owner.delete()
    await log.forget(before=ENDLESS)

    kept = await log.receipt("one")

    assert kept is not None
    assert kept.session_id == A


async def test_an_upload_comes_back_whole(log: EventLog) -> None:
    large = make_upload(data=bytes(range(256)) * 10_000)

    await log.keep_upload(large, most_bytes=ENDLESS)

    assert await log.upload("blob_0001") == large
    with pytest.raises(BlobNotFound):
        await log.upload("blob_0002")


async def test_uploads_have_so_much_room_together(log: EventLog) -> None:
    await log.keep_upload(make_upload(data=b"x" * 60), most_bytes=100)

    with pytest.raises(UploadsFull):
        await log.keep_upload(make_upload("blob_0002", b"x" * 41), most_bytes=100)
    await log.keep_upload(make_upload("blob_0003", b"x" * 40), most_bytes=100)

    with pytest.raises(BlobNotFound):
        await log.upload("blob_0002")


async def test_what_is_kept_for_a_while_goes_then(log: EventLog) -> None:
    for number, made_at in enumerate((1_000, 2_000)):
        await log.keep_receipt(make_receipt(f"receipt {number}", made_at))
        await log.keep_upload(make_upload(f"blob_000{number}", made_at=made_at), most_bytes=ENDLESS)

    await log.expire(before=2_000)

    assert await log.receipt("receipt 0") is None
    assert await log.receipt("receipt 1") is not None
    with pytest.raises(BlobNotFound):
        await log.upload("blob_0000")
    await log.upload("blob_0001")


async def test_all_of_it_survives_a_restart(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path) as log:
        await Owner(log).create(receipt=make_receipt())
        await log.keep_upload(make_upload(), most_bytes=ENDLESS)

    async with opened("sqlite", tmp_path) as log:
        assert await log.receipt("one") == replace(make_receipt(), session_id=A, upto=1)
        assert await log.upload("blob_0001") == make_upload()
