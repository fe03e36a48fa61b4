from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contracts.events import TokenCreated, TokenRevoked
from contracts.requests import CreateToken, Login
from domain.access import Principal
from domain.errors import SessionNotFound, TokenNotFound, TooManyAttempts, WrongCredential
from infrastructure.datadir import DataDir
from tests.access.stage import CLAUDE_SESSION, URL, Door


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with closing(DataDir(tmp_path)) as data_dir:
        yield Door(data_dir)


def owner(door: Door) -> Principal:
    return door.keeper.admit(token=door.owner.encode(), login=None, peer="peer")


async def test_a_code_from_the_login_url_gives_a_browser_its_login(door: Door) -> None:
    made = door.keeper.make_code(owner(door), peer="peer")

    login = await door.keeper.log_in(Login(code=made.code), peer="peer")

    assert made.url == f"{URL}/login#{made.code}"
    assert door.keeper.admit(token=None, login=login.secret.encode(), peer="peer").name == "owner"
    with pytest.raises(WrongCredential):
        await door.keeper.log_in(Login(code=made.code), peer="peer")


async def test_a_token_gives_a_browser_a_login_with_its_rights(door: Door) -> None:
    made = await door.keeper.make_token(owner(door), CreateToken(name="board", scope="read"), peer="peer")

    login = await door.keeper.log_in(Login(token=made.secret), peer="peer")

    assert door.keeper.admit(token=None, login=login.secret.encode(), peer="peer").scope == "read"


async def test_wrong_codes_and_tokens_are_counted_together(door: Door) -> None:
    for number in range(10):
        with pytest.raises(WrongCredential):
            await door.keeper.log_in(Login(code="wrong") if number % 2 else Login(token="ünlike"), peer="peer")

    with pytest.raises(TooManyAttempts) as refused:
        door.keeper.admit(token=b"wrong", login=None, peer="peer")

    assert refused.value.retry_after == 60
    assert (await door.keeper.log_in(Login(token=door.owner), peer="peer")).principal.name == "owner"


async def test_a_logout_ends_the_browsers_login_and_no_token(door: Door) -> None:
    login = await door.keeper.log_in(Login(token=door.owner), peer="peer")
    browser = door.keeper.admit(token=None, login=login.secret.encode(), peer="peer")

    await door.keeper.log_out(browser, peer="peer")
    await door.keeper.log_out(owner(door), peer="peer")

    with pytest.raises(WrongCredential):
        door.keeper.admit(token=None, login=login.secret.encode(), peer="peer")
    assert owner(door).name == "owner"


async def test_a_token_is_made_and_revoked_in_the_log_and_in_the_audit(door: Door) -> None:
    request = CreateToken(name="bot", scope="session", session_id=CLAUDE_SESSION)

    made = await door.keeper.make_token(owner(door), request, peer="peer")
    token_id = made.token.token_id
    listed = door.keeper.tokens()
    await door.keeper.revoke_token(owner(door), token_id, peer="peer")

    assert listed == [made.token]
    assert door.keeper.tokens() == []
    assert door.events == [
        TokenCreated(token_id=token_id, name="bot", scope="session"),
        TokenRevoked(token_id=token_id),
    ]
    assert [note["action"] for note in door.audit.notes] == ["token-created", "token-revoked"]
    assert made.secret not in repr((door.audit.notes, door.events))


async def test_a_token_for_a_session_that_does_not_exist_is_not_made(door: Door) -> None:
    with pytest.raises(SessionNotFound):
        await door.keeper.make_token(
            owner(door), CreateToken(name="a", scope="session", session_id="never_there"), peer="peer"
        )

    assert door.keeper.tokens() == []


async def test_a_token_that_does_not_exist_is_not_revoked(door: Door) -> None:
    with pytest.raises(TokenNotFound):
        await door.keeper.revoke_token(owner(door), "never_there", peer="peer")

    assert door.events == []
