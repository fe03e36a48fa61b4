"""The use cases of credentials: who is at the door, who gets a key, whose key is taken away."""

from collections.abc import Callable
from typing import NamedTuple, NoReturn

from msgspec import UNSET

from contracts.events import TokenCreated, TokenRevoked
from contracts.requests import CreateToken, Login
from contracts.views import LoginCode, Token, TokenMade, TokenRemoved
from domain.access import OWNER_ID, SAFE_METHODS, FailedAttempts, Principal, require_access
from domain.errors import InsufficientScope, TooManyAttempts, WrongCredential
from domain.ids import SessionId
from domain.ports import AgentLauncher, Audit, Credentials, Emit, EventLog


class BrowserLogin(NamedTuple):
    """Who logged in, and the secret that the browser gets to keep."""

    principal: Principal
    secret: str


class Doorkeeper:
    """Tells principals from strangers. A *peer* is where a request comes from, as far as strangers are counted."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        attempts: FailedAttempts,
        log: EventLog,
        launcher: AgentLauncher,
        audit: Audit,
        emit: Emit,
        monotonic: Callable[[], float],
        url: str,
    ) -> None:
        """*emit* records events of the reserved session ``system_0``; *url* is where browsers find the server."""
        self._credentials = credentials
        self._attempts = attempts
        self._log = log
        self._launcher = launcher
        self._audit = audit
        self._emit = emit
        self._monotonic = monotonic
        self._url = url

    def admit(self, *, token: bytes | None, login: bytes | None, peer: str) -> Principal:
        """Return who sent this token or, where there is none, this browser login.

        Raises WrongCredential; TooManyAttempts for a wrong one from a peer that sent too many. To send none does not
        count.
        """
        if token is not None:
            principal = self._credentials.by_token(token)
        elif login is not None:
            principal = self._credentials.by_login(login)
        else:
            raise WrongCredential
        return principal or self._refuse(peer)

    async def authorize(self, principal: Principal, *, method: str, path: str) -> None:
        """Let a request pass if the principal's scope covers it.

        Raises what `require_access` raises, and InsufficientScope for an unsafe request of a token of one session if
        a shell runs in that session: such a token may watch a shell, and never use one.
        """
        require_access(principal, method=method, path=path)
        if principal.session_id is None or method in SAFE_METHODS or not path.startswith("/api/session/"):
            return
        listing = (await self._log.head(principal.session_id)).listing
        modes = {profile.mode for profile in self._launcher.profiles() if profile.protocol != "shell"}
        if listing is not None and listing.mode not in modes:
            raise InsufficientScope("A token of one session may watch a shell, and not use it.")

    async def log_in(self, request: Login, *, peer: str) -> BrowserLogin:
        """Give a browser a login of its own. Raises WrongCredential, TooManyAttempts."""
        principal = None
        if request.code is not UNSET:
            principal = self._credentials.by_code(request.code.encode())
        elif request.token is not UNSET:
            principal = self._credentials.by_token(request.token.encode())
        principal = principal or self._refuse(peer)
        secret = await self._credentials.make_login(principal)
        self._audit.note("login", by=principal.token_id, peer=peer)
        return BrowserLogin(principal, secret)

    async def log_out(self, principal: Principal, *, peer: str) -> None:
        """End the browser's login, and with it its streams. A token stays good."""
        if principal.login_id is not None:
            await self._credentials.end_login(principal.login_id)
            self._audit.note("logout", by=principal.token_id, peer=peer)

    def make_code(self, principal: Principal, *, peer: str) -> LoginCode:
        """Return a login code; in the URL it is the fragment, which browsers send to nobody."""
        code, expires_at = self._credentials.make_code(principal)
        self._audit.note("login-code", by=principal.token_id, peer=peer)
        return LoginCode(code=code, url=f"{self._url}/login#{code}", expires_at=expires_at)

    def tokens(self) -> list[Token]:
        """Return the further tokens."""
        return list(self._credentials.tokens())

    async def make_token(self, principal: Principal, request: CreateToken, *, peer: str) -> TokenMade:
        """Make a further token. Raises SessionNotFound."""
        session_id = None if request.session_id is UNSET else SessionId(request.session_id)
        if session_id is not None:
            await self._log.head(session_id)
        token, secret = await self._credentials.make_token(
            name=request.name, scope=request.scope, session_id=session_id
        )
        self._audit.note(
            "token-created",
            by=principal.token_id,
            peer=peer,
            token_id=token.token_id,
            name=token.name,
            scope=token.scope,
        )
        await self._emit(TokenCreated(token_id=token.token_id, name=token.name, scope=token.scope))
        return TokenMade(token=token, secret=secret)

    async def revoke_token(self, principal: Principal, token_id: str, *, peer: str) -> TokenRemoved:
        """End a token, and with it its logins and streams; the owner's is replaced. Raises TokenNotFound."""
        await self._credentials.revoke_token(token_id)
        self._audit.note("token-revoked", by=principal.token_id, peer=peer, token_id=token_id)
        await self._emit(TokenRevoked(token_id=token_id))
        return removed(token_id)

    def _refuse(self, peer: str) -> NoReturn:
        retry_after = self._attempts.add(peer, self._monotonic())
        raise WrongCredential if retry_after is None else TooManyAttempts(retry_after)


def removed(token_id: str) -> TokenRemoved:
    """Return the answer to a revocation."""
    return TokenRemoved(
        token_id=token_id,
        message="The owner's token was replaced: the new one is in the file `token` of the data directory."
        if token_id == OWNER_ID
        else f"Token {token_id} is revoked.",
    )
