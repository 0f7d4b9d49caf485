"""``dlq``: dead letters (jobs that failed after their last attempt), for admins."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sharpstream.cli import printing
from sharpstream.cli.service import Json, Url, as_person
from sharpstream.client.models import DeadLetter

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Dead letters' ids, from `dlq list`.")]
Status = Literal["open", "redriven", "discarded"]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    dlq = typer.Typer(help="Jobs that failed after their last attempt; for admins.", no_args_is_help=True)
    dlq.command("list")(show_all)
    dlq.command()(show)
    dlq.command()(redrive)
    dlq.command()(discard)
    app.add_typer(dlq, name="dlq")


def show_all(
    *,
    status: Annotated[Status, typer.Option(help="Only dead letters of this status.")] = "open",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 100,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List dead letters of all accounts, newest first.

    Example: `sharpstream dlq list`
    """
    found: list[DeadLetter] = []
    with as_person(url).client() as client:
        page = client.dead_letters(status=status, limit=min(limit, 100))
        found += page.items
        while page.next_cursor and len(found) < limit:
            page = client.dead_letters(status=status, cursor=page.next_cursor, limit=100)
            found += page.items
    found = found[:limit]
    if as_json:
        printing.as_json(found)
        return
    columns = {
        "id": lambda letter: letter.id,
        "died": lambda letter: letter.dead_at,
        "topic": lambda letter: letter.topic,
        "job": lambda letter: letter.subject,
        "attempts": lambda letter: letter.attempts,
        "code": lambda letter: letter.code,
        "reason": lambda letter: letter.reason,
    }
    printing.table(found, columns, empty=f"There are no {status} dead letters.")


def show(letter_id: Annotated[str, typer.Argument(metavar="ID")], *, url: Url = None) -> None:
    """Show a dead letter with its command and its position in Kafka, as JSON.

    Example: `sharpstream dlq show 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with as_person(url).client() as client:
        printing.as_json(client.dead_letter(letter_id))


def redrive(letter_ids: Ids, *, url: Url = None) -> None:
    """Run dead letters' jobs again, each as a new job that refers to the old one.

    Example: `sharpstream dlq redrive $(sharpstream dlq list --json | jq -r '.[].id')`
    """
    with as_person(url).client() as client:
        for letter_id in letter_ids:
            printing.line(f"{letter_id} -> {client.redrive(letter_id).redriven_as}")


def discard(letter_ids: Ids, *, url: Url = None) -> None:
    """Discard dead letters without another attempt; they stay listed as discarded.

    Example: `sharpstream dlq discard 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with as_person(url).client() as client:
        for letter_id in letter_ids:
            client.discard(letter_id)
            printing.line(f"{letter_id}: discarded.")
