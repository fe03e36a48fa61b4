"""`towpath token`: tokens for other programs."""

from datetime import UTC, datetime

import click
from msgspec import UNSET

from api.client import Client
from api.commands.configuration import settings_of
from api.commands.connection import speak
from api.commands.listing import print_table
from api.commands.target import Target
from api.render import line
from contracts.codec import decoder, encode
from contracts.events import TokenScope
from contracts.requests import CreateToken
from contracts.views import TokenList, TokenMade, TokenRemoved
from domain.access import OWNER_ID

_decode_list = decoder(TokenList)
_decode_made = decoder(TokenMade)
_decode_removed = decoder(TokenRemoved)


def make(target: Target, name: str, *, scope: TokenScope, session: str | None) -> None:
    """Make a token and print its secret."""

    async def talk(client: Client) -> TokenMade:
        session_id = UNSET if session is None else (await client.find_session(session)).session_id
        order = CreateToken(name=name, scope=scope, session_id=session_id)
        return await client.post("/api/tokens", order, _decode_made)

    made = speak(target, talk)
    click.echo(made.secret)
    click.echo(f"It is shown this once. `towpath token revoke {made.token.token_id}` ends it.", err=True)


def show(target: Target, *, raw: bool) -> None:
    """Print the tokens, as a table or (*raw*) as JSON, one per line."""

    async def talk(client: Client) -> TokenList:
        return await client.get("/api/tokens", _decode_list)

    found = speak(target, talk).tokens
    if raw:
        for token in found:
            click.echo(encode(token))
    elif found:
        rows = [
            (
                token.token_id,
                line(token.name, 40),
                token.scope if token.session_id is UNSET else f"{token.scope} {token.session_id}",
                datetime.fromtimestamp(token.created_at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC"),
            )
            for token in found
        ]
        print_table(("ID", "NAME", "SCOPE", "MADE"), rows)
    else:
        click.echo("There are no further tokens. Make one with `towpath token make NAME`.", err=True)


def revoke(target: Target, token_id: str) -> None:
    """Revoke a token."""

    async def talk(client: Client) -> TokenRemoved:
        return await client.delete(f"/api/tokens/{token_id}", _decode_removed)

    removed = speak(target, talk)
    click.echo(removed.message, err=True)
    if removed.token_id == OWNER_ID and target.remote_url is None:
        click.echo(settings_of(target).data_dir / "token")
