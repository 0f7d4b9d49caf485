"""``usage``: the account's usage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from sharpstream.cli import printing
from sharpstream.cli.service import Json, Key, Url, locate
from sharpstream.client.models import QuotaUse, UsageRow, UsageTotal


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(usage)


def usage(
    *,
    since: Annotated[str | None, typer.Option(help="From this day or time on; default: 30 days ago.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this day or time; default: now.")] = None,
    by_key: Annotated[bool, typer.Option("--by-key", help="Count each API key separately.")] = False,
    rows: Annotated[bool, typer.Option("--rows", help="The rows behind the totals, newest first.")] = False,
    quotas: Annotated[
        bool, typer.Option("--quotas", help="Your quotas, and how much of each is used now.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Rows at most.")] = 100,
    url: Url = None,
    api_key: Key = None,
    as_json: Json = False,
) -> None:
    """Show your account's usage: totals by day and kind, or the rows behind them.

    Examples.

    * `sharpstream usage --since 2026-01-01`
    * `sharpstream usage --rows --json`
    * `sharpstream usage --by-key --csv > usage.csv`
    * `sharpstream usage --quotas`
    """
    with locate(url, api_key).client() as client:
        if quotas:
            names = ("name", "used", "limit", "window_seconds", "resets_at")
            return _show(client.quotas().items, names, as_json=as_json, as_csv=as_csv)
        if rows:
            found = client.usage_rows(from_=since, to=until, limit=limit).items
            of_row = ("created_at", "event_type", "event_id", "api_key_id")
            return _show(found, of_row, as_json=as_json, as_csv=as_csv)
        totals = client.usage(from_=since, to=until, group_by="key" if by_key else None).totals
    columns = ("day", "event_type", "count") + (("api_key_id",) if by_key else ())
    return _show(totals, columns, as_json=as_json, as_csv=as_csv)


def _show(
    found: Sequence[UsageRow | UsageTotal | QuotaUse], names: tuple[str, ...], *, as_json: bool, as_csv: bool
) -> None:
    if as_csv:
        printing.as_csv(names, ([getattr(row, name) for name in names] for row in found))
        return
    if as_json:
        printing.as_json(found)
        return
    columns = {name.replace("_", " "): lambda row, name=name: getattr(row, name) for name in names}
    printing.table(found, columns, empty="Nothing was used in that time.")
