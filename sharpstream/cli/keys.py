"""``keys``: API keys for programs. Only a signed-in person may make or revoke them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from sharpstream.cli import printing
from sharpstream.cli.service import Json, Url, as_person


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    keys = typer.Typer(help="API keys for programs.", no_args_is_help=True)
    keys.command("list")(show_all)
    keys.command()(create)
    keys.command()(revoke)
    app.add_typer(keys, name="keys")


def show_all(*, url: Url = None, as_json: Json = False) -> None:
    """List your keys; a key's text is shown only when it is created.

    Example: `sharpstream keys list`
    """
    with as_person(url).client() as client:
        keys = client.api_keys()
    if as_json:
        printing.as_json(keys)
        return
    columns = {
        "id": lambda key: key.id,
        "name": lambda key: key.name,
        "begins with": lambda key: key.prefix,
        "status": lambda key: key.status,
        "scopes": lambda key: key.scopes,
        "last used": lambda key: key.last_used_at,
        "expires": lambda key: key.expires_at,
    }
    printing.table(keys, columns, empty="You have no keys: sharpstream keys create NAME")


def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    *,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", "-s", help="May be given again; default: all scopes.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0.001, help="Days until it expires; default: never.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it, once.

    Examples.

    * `sharpstream keys create "render farm"`
    * `export SHARPSTREAM_API_KEY=$(sharpstream keys create ci --scope scenes:write --days 30)`
    """
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with as_person(url).client() as client:
        key = client.create_api_key(name, scopes=scope, expires_at=expires)
    if as_json:
        printing.as_json(key)
        return
    printing.line(key.key)
    printing.line("This is the only time that it is shown.", err=True)


def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="From `keys list`.")],
    *,
    end_shares: Annotated[bool, typer.Option(help="End the shares that it made, too.")] = False,
    url: Url = None,
) -> None:
    """Revoke a key, at once and everywhere.

    Example: `sharpstream keys revoke 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with as_person(url).client() as client:
        client.revoke_api_key(key_id, end_shares=end_shares)
    printing.line("Revoked.")
