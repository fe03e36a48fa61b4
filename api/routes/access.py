"""Logins and tokens: how browsers and programs get in, and how they are shut out again."""

from typing import Annotated

from litestar import Controller, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET

from api.gates import GatedRequest, Visitor
from api.idempotency import TELLS_SECRET
from api.openapi import PUBLIC, problems
from api.services import Services
from api.version import VERSION
from contracts import views
from contracts.events import ID_PATTERN
from contracts.requests import CreateToken, Login
from domain.access import Principal
from domain.ports import LOGIN_SECONDS

TokenIdParameter = Annotated[
    str, PathParameter(name="tokenId", pattern=ID_PATTERN, description="A token; `owner_token` is the owner's.")
]


class Logins(Controller):
    """How a browser gets its cookie, and loses it."""

    path = "/api"
    tags = ("access",)

    @post("/login", operation_id="logIn", security=PUBLIC, status_code=200, responses=problems(401, 429, 507))
    async def log_in(
        self, request: GatedRequest, services: NamedDependency[Services], data: JSONBody[Login]
    ) -> Response[views.WhoAmI]:
        """Trade a login code, or a token, for a cookie of this browser's own."""
        login = await services.doorkeeper.log_in(data, peer=request.user.peer)
        return Response(_whoami(login.principal), cookies=[_cookie(request.user, login.secret, LOGIN_SECONDS)])

    @post("/logout", operation_id="logOut", status_code=200, responses=problems(507))
    async def log_out(self, request: GatedRequest, services: NamedDependency[Services]) -> Response[views.LoggedOut]:
        """End this browser's login and its streams. A token that a program sent stays good."""
        await services.doorkeeper.log_out(request.auth, peer=request.user.peer)
        return Response(views.LoggedOut(), cookies=[_cookie(request.user, "", 0)])

    @get("/whoami", operation_id="getWhoAmI")
    async def get_whoami(self, request: GatedRequest) -> views.WhoAmI:
        """Tell whose credential this request carries."""
        return _whoami(request.auth)

    @post("/login-codes", operation_id="createLoginCode", status_code=201, opt={TELLS_SECRET: True})
    async def create_login_code(self, request: GatedRequest, services: NamedDependency[Services]) -> views.LoginCode:
        """Make a code that logs one browser in, once, within ten minutes."""
        return services.doorkeeper.make_code(request.auth, peer=request.user.peer)


class Tokens(Controller):
    """The further tokens, beside the owner's."""

    path = "/api/tokens"
    tags = ("access",)

    @get("/", operation_id="listTokens")
    async def list_tokens(self, services: NamedDependency[Services]) -> views.TokenList:
        """List the further tokens, without their secrets."""
        return views.TokenList(tokens=services.doorkeeper.tokens())

    @post(
        "/",
        operation_id="createToken",
        status_code=201,
        opt={TELLS_SECRET: True},
        responses=problems(404, 410, 503, 507),
    )
    async def create_token(
        self, request: GatedRequest, services: NamedDependency[Services], data: JSONBody[CreateToken]
    ) -> views.TokenMade:
        """Make a token; its secret is shown this once."""
        return await services.doorkeeper.make_token(request.auth, data, peer=request.user.peer)

    @delete("/{tokenId:str}", operation_id="revokeToken", status_code=200, responses=problems(404, 503, 507))
    async def revoke_token(
        self, request: GatedRequest, services: NamedDependency[Services], token_id: TokenIdParameter
    ) -> views.TokenRemoved:
        """End a token, its logins and its streams. The owner's is replaced: the new one is in the data directory."""
        return await services.doorkeeper.revoke_token(request.auth, token_id, peer=request.user.peer)


ROUTES = (Logins, Tokens)


def _whoami(principal: Principal) -> views.WhoAmI:
    return views.WhoAmI(
        token_id=principal.token_id,
        name=principal.name,
        scope=principal.scope,
        session_id=UNSET if principal.session_id is None else principal.session_id,
        server_version=VERSION,
    )


def _cookie(visitor: Visitor, secret: str, seconds: int) -> Cookie:
    return Cookie(
        key=visitor.cookie,
        value=secret,
        max_age=seconds,
        secure=visitor.site.secure,
        httponly=True,
        samesite="strict",
    )
