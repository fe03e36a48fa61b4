from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import anyio
import anyio.from_thread
import pytest

from domain.access import OWNER_ID, Principal
from domain.errors import LogFull, StartRefused, TokenNotFound, WrongCredential
from domain.ids import SessionId
from domain.ports import LOGIN_SECONDS
from infrastructure.datadir import DataDir
from infrastructure.tokens import CODE_SECONDS, LIVE_CODES, LIVE_LOGINS, FileCredentials, owner_token
from tests.access.stage import StillClock, make_credentials, mode_of


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[DataDir]:
    with closing(DataDir(tmp_path / "data")) as opened:
        yield opened


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def credentials(data_dir: DataDir, clock: StillClock) -> FileCredentials:
    return make_credentials(data_dir, clock)


def owner(credentials: FileCredentials, data_dir: DataDir) -> Principal:
    found = credentials.by_token(owner_token(data_dir.path).encode())
    assert found is not None
    return found


def test_the_first_start_makes_a_token_that_only_the_owner_can_read(
    credentials: FileCredentials, data_dir: DataDir
) -> None:
    secret = owner_token(data_dir.path)

    assert len(secret) >= 43  # 256 bits
    assert mode_of(data_dir.path / "token") == 0o600
    assert owner(credentials, data_dir) == Principal(token_id=OWNER_ID, name="owner", scope="full")


def test_the_next_start_keeps_the_owners_token(data_dir: DataDir, clock: StillClock) -> None:
    make_credentials(data_dir, clock)
    secret = owner_token(data_dir.path)

    assert make_credentials(data_dir, clock).by_token(secret.encode()) is not None


@pytest.mark.parametrize("content", [b"", b" ", b"\n", b"short\n", b"\xff" * 40, b"a" * 40 + b" " + b"b" * 40])
def test_a_token_file_without_a_token_refuses_the_start(data_dir: DataDir, clock: StillClock, content: bytes) -> None:
    data_dir.replace("token", content)

    with pytest.raises(StartRefused, match="Delete the file"):
        make_credentials(data_dir, clock)


def test_a_token_that_others_can_read_refuses_the_start(data_dir: DataDir, clock: StillClock) -> None:
    make_credentials(data_dir, clock)
    (data_dir.path / "token").chmod(0o644)

    with pytest.raises(StartRefused, match="chmod 600"):
        make_credentials(data_dir, clock)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"tokens": [{}]}', b"\xff"])
def test_a_damaged_token_list_refuses_the_start(data_dir: DataDir, clock: StillClock, content: bytes) -> None:
    data_dir.replace("tokens.json", content)

    with pytest.raises(StartRefused, match=r"tokens\.json"):
        make_credentials(data_dir, clock)


def test_whatever_differs_from_the_token_opens_nothing(credentials: FileCredentials, data_dir: DataDir) -> None:
    right = owner_token(data_dir.path).encode()
    wrong = [
        b"",
        right[:-1],
        right + b"x",
        right + b"\0",
        right + b"\n",
        b" " + right,
        right.swapcase(),
        (b"a" if right[:1] != b"a" else b"b") + right[1:],
        "ä€".encode() * 20,
        b"\xff" * 43,
        b"x" * 100_000,
    ]

    assert [credentials.by_token(secret) for secret in wrong] == [None] * len(wrong)
    assert [credentials.by_login(secret) for secret in [right, *wrong]] == [None] * (len(wrong) + 1)
    assert [credentials.by_code(secret) for secret in [right, *wrong]] == [None] * (len(wrong) + 1)


async def test_a_further_token_survives_a_restart_and_its_secret_is_not_stored(
    credentials: FileCredentials, data_dir: DataDir, clock: StillClock
) -> None:
    token, secret = await credentials.make_token(name="CI", scope="session", session_id=SessionId("some_session"))

    again = make_credentials(data_dir, clock)
    assert again.by_token(secret.encode()) == Principal(
        token_id=token.token_id, name="CI", scope="session", session_id=SessionId("some_session")
    )
    assert again.tokens() == [token]
    assert secret.encode() not in (data_dir.path / "tokens.json").read_bytes()
    assert mode_of(data_dir.path / "tokens.json") == 0o600


async def test_a_revoked_token_its_logins_and_its_codes_are_no_longer_good(
    credentials: FileCredentials, data_dir: DataDir, clock: StillClock
) -> None:
    token, secret = await credentials.make_token(name="phone", scope="full", session_id=None)
    holder = credentials.by_token(secret.encode())
    assert holder is not None
    login = await credentials.make_login(holder)
    code, _ = credentials.make_code(holder)
    revoked: list[str] = []
    credentials.on_revoked(revoked.append)

    await credentials.revoke_token(token.token_id)

    assert revoked == [token.token_id]
    for current in (credentials, make_credentials(data_dir, clock)):
        assert current.by_token(secret.encode()) is None
        assert current.by_login(login.encode()) is None
        assert current.by_code(code.encode()) is None


async def test_the_owners_token_is_replaced_when_it_is_revoked(
    credentials: FileCredentials, data_dir: DataDir, clock: StillClock
) -> None:
    old = owner_token(data_dir.path)
    login = await credentials.make_login(owner(credentials, data_dir))

    await credentials.revoke_token(OWNER_ID)

    assert mode_of(data_dir.path / "token") == 0o600
    for current in (credentials, make_credentials(data_dir, clock)):
        assert current.by_token(old.encode()) is None
        assert current.by_login(login.encode()) is None
        assert current.by_token(owner_token(data_dir.path).encode()) is not None


async def test_a_token_that_does_not_exist_can_not_be_revoked(credentials: FileCredentials) -> None:
    with pytest.raises(TokenNotFound):
        await credentials.revoke_token("no_such_token")


async def test_a_browser_login_has_its_own_secret_and_survives_a_restart(
    credentials: FileCredentials, data_dir: DataDir, clock: StillClock
) -> None:
    holder = owner(credentials, data_dir)
    first, second = await credentials.make_login(holder), await credentials.make_login(holder)

    again = make_credentials(data_dir, clock)
    found = [again.by_login(secret.encode()) for secret in (first, second)]

    assert [principal and principal.token_id for principal in found] == [OWNER_ID, OWNER_ID]
    assert len({principal and principal.login_id for principal in found}) == 2
    assert again.by_token(first.encode()) is None


async def test_a_browser_login_ends_by_logout_alone_and_by_age(
    credentials: FileCredentials, data_dir: DataDir, clock: StillClock
) -> None:
    holder = owner(credentials, data_dir)
    first, second = await credentials.make_login(holder), await credentials.make_login(holder)
    principal = credentials.by_login(first.encode())
    assert principal is not None
    assert principal.login_id is not None

    await credentials.end_login(principal.login_id)
    await credentials.end_login(principal.login_id)

    assert credentials.by_login(first.encode()) is None
    assert credentials.by_login(second.encode()) is not None
    clock.seconds += LOGIN_SECONDS - 1
    assert credentials.by_login(second.encode()) is not None
    clock.seconds += 1
    assert credentials.by_login(second.encode()) is None


async def test_too_many_browser_logins_end_the_oldest(credentials: FileCredentials, data_dir: DataDir) -> None:
    holder = owner(credentials, data_dir)
    revoked: list[str] = []
    credentials.on_revoked(revoked.append)
    logins = [await credentials.make_login(holder) for _ in range(LIVE_LOGINS)]
    first = credentials.by_login(logins[0].encode())
    assert first is not None

    await credentials.make_login(holder)

    assert revoked == [first.login_id]
    assert credentials.by_login(logins[0].encode()) is None
    assert credentials.by_login(logins[1].encode()) is not None


async def test_the_logins_of_one_token_push_out_nobody_elses(credentials: FileCredentials, data_dir: DataDir) -> None:
    owners = await credentials.make_login(owner(credentials, data_dir))
    _, secret = await credentials.make_token(name="reader", scope="read", session_id=None)
    reader = credentials.by_token(secret.encode())
    assert reader is not None

    for _ in range(LIVE_LOGINS + 1):
        await credentials.make_login(reader)

    assert credentials.by_login(owners.encode()) is not None


async def test_no_key_is_made_while_a_revocation_is_written(clock: StillClock, data_dir: DataDir) -> None:
    class Watched:
        on_write: Callable[[], None] = staticmethod(lambda: None)

        def read(self, name: str) -> bytes | None:
            return data_dir.read(name)

        def replace(self, name: str, data: bytes) -> None:
            anyio.from_thread.run_sync(self.on_write)
            data_dir.replace(name, data)

    files = Watched()
    data_dir.replace("token", b"t" * 43)
    credentials = FileCredentials(files=files, clock=clock, monotonic=clock.monotonic)
    refused: list[Exception] = []

    async def insist(make: Callable[[], Awaitable[object]]) -> None:
        try:
            await make()
        except WrongCredential as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:

        def ask() -> None:
            files.on_write = staticmethod(lambda: None)
            thief = credentials.by_token(b"t" * 43)
            assert thief is not None
            tasks.start_soon(insist, lambda: credentials.make_login(thief))
            tasks.start_soon(insist, lambda: credentials.make_token(name="x", scope="full", session_id=None))

        files.on_write = staticmethod(ask)
        await credentials.revoke_token(OWNER_ID)

    assert len(refused) == 2
    assert credentials.tokens() == []
    assert b"ownerToken" not in (data_dir.read("tokens.json") or b"")


def test_a_login_code_is_good_once(credentials: FileCredentials, data_dir: DataDir) -> None:
    holder = owner(credentials, data_dir)
    code, _ = credentials.make_code(holder)

    assert credentials.by_code(code.encode()) == holder
    assert credentials.by_code(code.encode()) is None


def test_a_login_code_is_good_for_ten_minutes(
    credentials: FileCredentials, data_dir: DataDir, clock: StillClock
) -> None:
    holder = owner(credentials, data_dir)
    (early, _), (late, expires_at) = credentials.make_code(holder), credentials.make_code(holder)

    assert expires_at == clock.now() + CODE_SECONDS * 1000
    clock.seconds += CODE_SECONDS - 1
    assert credentials.by_code(early.encode()) == holder
    clock.seconds += 1
    assert credentials.by_code(late.encode()) is None


def test_of_too_many_login_codes_the_oldest_goes(credentials: FileCredentials, data_dir: DataDir) -> None:
    codes = [credentials.make_code(owner(credentials, data_dir))[0] for _ in range(LIVE_CODES + 1)]

    assert [credentials.by_code(code.encode()) is not None for code in codes] == [False] + [True] * LIVE_CODES


async def test_a_revocation_holds_though_the_disk_is_full(clock: StillClock, data_dir: DataDir) -> None:
    class FullDisk:
        full = False

        def read(self, name: str) -> bytes | None:
            return data_dir.read(name)

        def replace(self, name: str, data: bytes) -> None:
            if self.full:
                raise LogFull("The disk is full.")
            data_dir.replace(name, data)

    disk = FullDisk()
    credentials = FileCredentials(files=disk, clock=clock, monotonic=clock.monotonic)
    token, secret = await credentials.make_token(name="CI", scope="full", session_id=None)
    disk.full = True

    with pytest.raises(LogFull):
        await credentials.revoke_token(token.token_id)

    assert credentials.by_token(secret.encode()) is None
    with pytest.raises(LogFull):
        await credentials.make_token(name="other", scope="full", session_id=None)
    assert credentials.tokens() == []
