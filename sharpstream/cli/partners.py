"""``partners``: accounts that use the service over Kafka, for admins."""

from __future__ import annotations

from typing import Annotated

import typer

from sharpstream.cli import printing
from sharpstream.cli.service import Json, Url, as_person
from sharpstream.client.models import NewPartner

Id = Annotated[str, typer.Argument(metavar="ID", help="The partner's id, from `partners list`.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    partners = typer.Typer(help="Accounts that use the service over Kafka; for admins.", no_args_is_help=True)
    partners.command("list")(show_all)
    partners.command()(create)
    partners.command()(rotate)
    partners.command()(suspend)
    partners.command()(resume)
    partners.command()(delete)
    app.add_typer(partners, name="partners")


def show_all(*, url: Url = None, as_json: Json = False) -> None:
    """List partners, newest first.

    Example: `sharpstream partners list`
    """
    with as_person(url).client() as client:
        page = client.partners(limit=100)
        found = list(page.items)
        while page.next_cursor:
            page = client.partners(cursor=page.next_cursor, limit=100)
            found += page.items
    if as_json:
        printing.as_json(found)
        return
    columns = {
        "id": lambda one: one.id,
        "slug": lambda one: one.slug,
        "state": lambda one: one.state if one.settled else f"{one.state} (in progress)",
        "account": lambda one: one.account_id,
        "made": lambda one: one.created_at,
    }
    printing.table(found, columns, empty="There are none: sharpstream partners create SLUG --account-id ID")
    for one in found:
        if one.suspension is not None and one.suspension.reason != "admin":
            printing.line(f"{one.slug} is suspended: {one.suspension.message}", err=True)


def create(
    slug: Annotated[str, typer.Argument(help="1 to 40 lower-case letters, digits, inner hyphens.")],
    *,
    account_id: Annotated[str, typer.Option(help="The account that owns the jobs of its commands.")],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Create a partner and print what its program needs; the password is shown only this once.

    Example: `sharpstream partners create acme --account-id 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with as_person(url).client() as client:
        _opened(client.create_partner(slug, account_id=account_id), as_json=as_json)


def rotate(partner_id: Id, *, url: Url = None, as_json: Json = False) -> None:
    """Give a partner a new password and print it, once; connections of the old one end within ten minutes.

    Example: `sharpstream partners rotate 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with as_person(url).client() as client:
        _opened(client.rotate_partner(partner_id), as_json=as_json)


def suspend(partner_id: Id, *, url: Url = None) -> None:
    """Suspend a partner's access until `partners resume`.

    Example: `sharpstream partners suspend 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with as_person(url).client() as client:
        printing.line(f"{partner_id}: {client.suspend_partner(partner_id).state}")


def resume(partner_id: Id, *, url: Url = None) -> None:
    """Restore a suspended partner's access.

    Example: `sharpstream partners resume 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with as_person(url).client() as client:
        printing.line(f"{partner_id}: {client.resume_partner(partner_id).state}")


def delete(
    partner_id: Id,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
) -> None:
    """Delete a partner's user, rights and topics; its account and scenes stay.

    Example: `sharpstream partners delete 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    if not yes:
        typer.confirm("Delete the partner with its topics?", abort=True)
    with as_person(url).client() as client:
        client.delete_partner(partner_id)
    printing.line("Deleted.")


def _opened(partner: NewPartner, *, as_json: bool) -> None:
    if as_json:
        printing.as_json(partner)
        return
    kafka = partner.kafka
    printing.facts(
        {
            "id": partner.id,
            "bootstrap.servers": kafka.bootstrap_servers,
            "security.protocol": kafka.security_protocol,
            "sasl.mechanism": kafka.sasl_mechanism,
            "sasl.username": kafka.username,
            "sasl.password": kafka.password,
            "commands topic": partner.topics.commands,
            "events topic": partner.topics.events,
            "group.id begins with": partner.group_prefix,
            "AsyncAPI": partner.asyncapi_url,
        }
    )
    printing.line("This is the only time that the password is shown.", err=True)
