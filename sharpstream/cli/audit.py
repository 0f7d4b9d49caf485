"""``audit``: what administrators and operators did, for admins."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sharpstream.cli import printing
from sharpstream.cli.service import Json, Url, as_person


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("audit")(audit)


def audit(
    *,
    actor: Annotated[str | None, typer.Option(help="Of this admin's account.")] = None,
    target: Annotated[str | None, typer.Option(help="Done to this account, partner or other.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="The next page, as the last one said.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """For admins: list what admins and operators did, newest first.

    Example: `sharpstream audit --target 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with as_person(url).client() as client:
        page = client.admin_acts(actor=actor, target=target, cursor=cursor, limit=limit)
    if as_json:
        printing.as_json(page)
        return
    columns = {
        "at": lambda each: each.at,
        "by": lambda each: each.actor or "operator",
        "did": lambda each: each.action,
        "to": lambda each: each.target or "",
        "details": lambda each: json.dumps(each.details) if each.details else "",
    }
    printing.table(page.items, columns, empty="Nothing was done yet.")
    if page.next_cursor:
        printing.line(f"More: --cursor {page.next_cursor}", err=True)
