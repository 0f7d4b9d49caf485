"""``queue``: what waits and who works, for admins."""

from __future__ import annotations

import typer

from sharpstream.cli import printing
from sharpstream.cli.service import Json, Url, as_person


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(queue)


def queue(*, url: Url = None, as_json: Json = False) -> None:
    """For admins: show what waits, by priority and account, and the inference workers that live.

    Example: `sharpstream queue`
    """
    with as_person(url).client() as client:
        found = client.queue()
    if as_json:
        printing.as_json(found)
        return
    printing.table(
        found.waiting,
        {
            "priority": lambda each: each.priority,
            "waiting": lambda each: each.waiting,
            "at work": lambda each: each.processing,
            "oldest": lambda each: each.oldest,
        },
        empty="Nothing waits.",
    )
    printing.table(
        found.accounts,
        {
            "account": lambda each: each.email,
            "interactive": lambda each: each.interactive,
            "bulk": lambda each: each.bulk,
            "held": lambda each: each.held,
            "oldest": lambda each: each.oldest,
        },
        empty="No account has anything in flight.",
    )
    workers = (
        "unknown: Kafka does not answer" if found.workers is None else ", ".join(found.workers) or "none"
    )
    printing.line(f"Workers: {workers}")
