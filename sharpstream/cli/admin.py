"""``invites`` and ``reset-link``: links that work once, for admins to give to people."""

from __future__ import annotations

from typing import Annotated

import typer

from sharpstream.cli import printing
from sharpstream.cli.service import Json, Url, as_person
from sharpstream.client import Client, ServiceError
from sharpstream.client.models import OneTimeLink

Hours = Annotated[int, typer.Option(min=1, max=720, help="How long the link is valid.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command("reset-link")(reset_link)
    invites = typer.Typer(help="Invitations to register, for admins.", no_args_is_help=True)
    invites.command("create")(create)
    invites.command("list")(show_all)
    invites.command("revoke")(revoke)
    app.add_typer(invites, name="invites")


def reset_link(
    account: Annotated[str, typer.Argument(help="The account's e-mail address or id.")],
    *,
    hours: Hours = 72,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """For admins: make a link by which the owner of an account sets a new password, once.

    Example: `sharpstream reset-link ada@example.com`
    """
    with as_person(url).client() as client:
        link = client.create_password_reset(id_of(client, account), expires_in_hours=hours)
    _show(link, as_json=as_json)


def create(
    *,
    hours: Hours = 72,
    mail: Annotated[
        str | None, typer.Option(help="Send it to this address too, where the service sends mail.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Make an invitation, by which one account can be made.

    Example: `sharpstream invites create --hours 24 --mail ada@example.com`
    """
    with as_person(url).client() as client:
        link = client.create_invite(expires_in_hours=hours, email=mail)
    _show(link, as_json=as_json)


def show_all(*, url: Url = None, as_json: Json = False) -> None:
    """List the open invitations.

    Example: `sharpstream invites list`
    """
    with as_person(url).client() as client:
        items = client.invites().items
    if as_json:
        printing.as_json(items)
        return
    columns = {
        "id": lambda each: each.id,
        "made": lambda each: each.created_at,
        "expires": lambda each: each.expires_at,
        "mail": lambda each: each.mail or "",
    }
    printing.table(items, columns, empty="There is no open invitation.")


def revoke(
    invite_id: Annotated[str, typer.Argument(metavar="ID", help="From `invites list`.")], *, url: Url = None
) -> None:
    """Revoke an invitation that was not used.

    Example: `sharpstream invites revoke 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with as_person(url).client() as client:
        client.revoke_invite(invite_id)
    printing.line("Revoked.")


def id_of(client: Client, account: str) -> str:
    """Return the id of an account that is given by its address or id; admins may look it up."""
    if "@" not in account:
        return account
    found = [each for each in client.accounts(q=account).items if each.email == account.strip().lower()]
    if not found:
        raise ServiceError("not_found", f"There is no account with the address {account}.")
    return found[0].id


def _show(link: OneTimeLink, *, as_json: bool) -> None:
    if as_json:
        printing.as_json(link)
        return
    printing.line(link.url)
    until = f"{link.expires_at:%Y-%m-%d %H:%M}"
    printing.line(f"It works once, until {until} UTC, and is shown only now.", err=True)
