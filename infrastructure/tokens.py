"""The secrets that open the server: the owner's token, further tokens, browser logins and login codes.

The owner's token stands in the file ``token``, for its owner to copy. Of all else only SHA-256 hashes are kept, in
``tokens.json``: a slow hash protects guessable passwords, and nobody guesses one of 2²⁵⁶ random secrets.
"""

import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec
from msgspec import UNSET, Struct

from contracts.codec import decoder, encode
from contracts.events import TokenScope
from contracts.views import Token
from domain.access import OWNER, OWNER_ID, Principal
from domain.errors import StartRefused, TokenNotFound, WrongCredential
from domain.ids import SessionId, make_id
from domain.ports import LOGIN_SECONDS, Clock, PrivateFiles

CODE_SECONDS = 600
LIVE_CODES = 8
LIVE_LOGINS = 64  # of one token, so that nobody can push out another's
_OWNER_FILE = "token"
_TOKENS_FILE = "tokens.json"
_OWNER_TOKEN = re.compile(rb"[A-Za-z0-9_-]{32,256}").fullmatch
_PREFIX_BYTES = 8


class _StoredToken(Struct, frozen=True, kw_only=True, rename="camel"):
    token_id: str
    name: str
    scope: TokenScope
    session_id: SessionId | None = None
    created_at: int
    digest: bytes


class _StoredLogin(Struct, frozen=True, kw_only=True, rename="camel"):
    login_id: str
    token_id: str
    expires_at: int
    digest: bytes


class _Stored(Struct, frozen=True, kw_only=True):
    tokens: tuple[_StoredToken, ...] = ()
    logins: tuple[_StoredLogin, ...] = ()


_decode = decoder(_Stored)


class _Lookup:
    """Finds who holds a secret, by its hash.

    The table's key is a part of the hash and the whole is compared in constant time: how long the search takes could
    at most betray bits of a hash, which don't lead back to its secret.
    """

    def __init__(self) -> None:
        self._entries: dict[bytes, tuple[bytes, Principal, int | None]] = {}

    def add(self, digest: bytes, principal: Principal, expires_at: int | None = None) -> None:
        self._entries[digest[:_PREFIX_BYTES]] = (digest, principal, expires_at)

    def find(self, secret: bytes, now: int) -> Principal | None:
        digest = sha256(secret).digest()
        entry = self._entries.get(digest[:_PREFIX_BYTES])
        if entry is None or not hmac.compare_digest(entry[0], digest):
            return None
        return entry[1] if entry[2] is None or now < entry[2] else None


class FileCredentials:
    """Credentials in two files of the data directory, and in memory for looking up; adapter of `Credentials`."""

    def __init__(self, *, files: PrivateFiles, clock: Clock, monotonic: Callable[[], float]) -> None:
        """Read the files; make the owner's token where there is none.

        Raises StartRefused when a file is not private or makes no sense: an empty one must not mean "no credential".
        """
        self._files = files
        self._clock = clock
        self._monotonic = monotonic
        self._writing = anyio.Lock()
        self._listeners: list[Callable[[str], None]] = []
        self._codes: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()
        self._revocations = 0
        self._owner = _owner_digest(files)
        self._stored = _read_stored(files)
        self._index()

    def by_token(self, secret: bytes) -> Principal | None:
        return self._tokens.find(secret, self._clock.now())

    def by_login(self, secret: bytes) -> Principal | None:
        return self._logins.find(secret, self._clock.now())

    def by_code(self, code: bytes) -> Principal | None:
        digest = sha256(code).digest()
        for known, (principal, expires_at) in self._codes.items():
            if hmac.compare_digest(known, digest):
                del self._codes[known]
                return principal if self._monotonic() < expires_at else None
        return None

    def make_code(self, principal: Principal) -> tuple[str, int]:
        code = secrets.token_urlsafe(32)
        self._codes[sha256(code.encode()).digest()] = (principal, self._monotonic() + CODE_SECONDS)
        if len(self._codes) > LIVE_CODES:
            self._codes.popitem(last=False)
        return code, self._clock.now() + CODE_SECONDS * 1000

    async def make_login(self, principal: Principal) -> str:
        secret = secrets.token_urlsafe(32)
        revocations = self._revocations
        async with self._writing:
            self._refuse_after(revocations)
            now = self._clock.now()
            made = _StoredLogin(
                login_id=make_id(),
                token_id=principal.token_id,
                expires_at=now + LOGIN_SECONDS * 1000,
                digest=sha256(secret.encode()).digest(),
            )
            live = [login for login in self._stored.logins if now < login.expires_at]
            pushed_out = [login for login in live if login.token_id == made.token_id][: 1 - LIVE_LOGINS]
            kept = (login for login in live if login not in pushed_out)
            await self._replace(msgspec.structs.replace(self._stored, logins=(*kept, made)))
        for login in pushed_out:
            self._tell(login.login_id)
        return secret

    async def end_login(self, login_id: str) -> None:
        async with self._writing:
            self._stored = msgspec.structs.replace(
                self._stored, logins=tuple(login for login in self._stored.logins if login.login_id != login_id)
            )
            await self._revoke(login_id)

    def tokens(self) -> Sequence[Token]:
        return [_view(token) for token in self._stored.tokens]

    async def make_token(self, *, name: str, scope: TokenScope, session_id: SessionId | None) -> tuple[Token, str]:
        secret = secrets.token_urlsafe(32)
        made = _StoredToken(
            token_id=make_id(),
            name=name,
            scope=scope,
            session_id=session_id,
            created_at=self._clock.now(),
            digest=sha256(secret.encode()).digest(),
        )
        revocations = self._revocations
        async with self._writing:
            self._refuse_after(revocations)
            await self._replace(msgspec.structs.replace(self._stored, tokens=(*self._stored.tokens, made)))
        return _view(made), secret

    async def revoke_token(self, token_id: str) -> None:
        async with self._writing:
            if token_id == OWNER_ID:
                secret = secrets.token_urlsafe(32)
                await anyio.to_thread.run_sync(self._files.replace, _OWNER_FILE, f"{secret}\n".encode())
                self._owner = sha256(secret.encode()).digest()
            elif all(token.token_id != token_id for token in self._stored.tokens):
                raise TokenNotFound("There is no such token.")
            self._stored = _Stored(
                tokens=tuple(token for token in self._stored.tokens if token.token_id != token_id),
                logins=tuple(login for login in self._stored.logins if login.token_id != token_id),
            )
            self._revocations += 1
            await self._revoke(token_id)

    def on_revoked(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    def _refuse_after(self, revocations: int) -> None:
        """Make no key for whoever asked while a revocation was being written: it may be theirs that ends."""
        if self._revocations != revocations:
            raise WrongCredential

    async def _revoke(self, revoked_id: str) -> None:
        """Shut the door first, then write it down: a full disk must keep nobody's access alive."""
        self._index()
        for code in [code for code, (principal, _) in self._codes.items() if principal.depends_on(revoked_id)]:
            del self._codes[code]
        self._tell(revoked_id)
        await self._write(self._stored)

    async def _replace(self, stored: _Stored) -> None:
        """Write first: what was told to somebody survives a crash."""
        await self._write(stored)
        self._stored = stored
        self._index()

    async def _write(self, stored: _Stored) -> None:
        await anyio.to_thread.run_sync(self._files.replace, _TOKENS_FILE, encode(stored))

    def _tell(self, revoked_id: str) -> None:
        for listener in self._listeners:
            listener(revoked_id)

    def _index(self) -> None:
        self._tokens, self._logins = _Lookup(), _Lookup()
        self._tokens.add(self._owner, OWNER)
        holders = {OWNER_ID: OWNER}
        for token in self._stored.tokens:
            holders[token.token_id] = principal = Principal(
                token_id=token.token_id, name=token.name, scope=token.scope, session_id=token.session_id
            )
            self._tokens.add(token.digest, principal)
        for login in self._stored.logins:
            if login.token_id in holders:
                principal = msgspec.structs.replace(holders[login.token_id], login_id=login.login_id)
                self._logins.add(login.digest, principal, login.expires_at)


def owner_token(data_dir: Path) -> str:
    """Return the owner's token, for the commands that act through the running server. Raises StartRefused."""
    try:
        return (data_dir / _OWNER_FILE).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"The owner's token can't be read: {error}.") from error


def _owner_digest(files: PrivateFiles) -> bytes:
    found = files.read(_OWNER_FILE)
    if found is None:
        found = secrets.token_urlsafe(32).encode()
        files.replace(_OWNER_FILE, found + b"\n")
    found = found.strip()
    if not _OWNER_TOKEN(found):
        raise StartRefused(
            "The file `token` in the data directory holds no token of at least 32 letters, digits, - or _. "
            "Delete the file: the next start makes a new one."
        )
    return sha256(found).digest()


def _read_stored(files: PrivateFiles) -> _Stored:
    found = files.read(_TOKENS_FILE)
    if found is None:
        return _Stored()
    try:
        return _decode(found)
    except msgspec.DecodeError as error:
        raise StartRefused(
            f"The file `{_TOKENS_FILE}` in the data directory is damaged ({error}). Move it away: further tokens and "
            "browser logins are then to be made anew, the owner's token stays."
        ) from error


def _view(token: _StoredToken) -> Token:
    return Token(
        token_id=token.token_id,
        name=token.name,
        scope=token.scope,
        session_id=UNSET if token.session_id is None else token.session_id,
        created_at=token.created_at,
    )
