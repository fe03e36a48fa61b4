"""Which append takes a request's receipt along: the request's own first one, and no other."""

from contracts.requests import UpdateSession
from domain.ports import Receipt
from domain.receipts import asking, take
from tests.domain.stage import staged
from tests.fakes import work

ASKED = Receipt(receipt_id="one", fingerprint="what", made_at=1)


def test_a_receipt_is_taken_once_and_is_gone_with_its_request() -> None:
    assert take() is None
    with asking(ASKED):
        assert (take(), take()) == (ASKED, None)
    with asking(ASKED):
        pass
    assert take() is None


async def test_the_first_append_takes_it() -> None:
    async with staged() as stage:
        with asking(ASKED):
            session_id = await stage.open()
            await stage.submit(session_id)
        await stage.rested(session_id)

        kept = await stage.log.receipt("one")

        assert kept is not None
        assert (kept.session_id, kept.after, kept.upto) == (session_id, 0, 2)


async def test_what_is_put_right_on_the_way_takes_none() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.running(session_id)
        log = stage.log

    async with staged(log=log) as stage:
        with asking(ASKED):
            await stage.sessions.update(session_id, UpdateSession(archived=False))
        assert await log.receipt("one") is None

        with asking(ASKED):
            await stage.sessions.update(session_id, UpdateSession(archived=True))
        kept = await log.receipt("one")

        assert kept is not None
        assert kept.upto == kept.after + 1 == (await log.head(session_id)).seq


async def test_what_a_request_starts_takes_none() -> None:
    async with staged(play=work) as stage:
        session_id = await stage.open()
        await stage.submit(session_id)
        await stage.running(session_id)

        with asking(ASKED):
            await stage.cancel(session_id)
        await stage.rested(session_id)

        assert await stage.log.receipt("one") is None
