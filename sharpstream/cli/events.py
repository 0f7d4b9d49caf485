"""``events``: past and live events of the account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer

from sharpstream.cli import printing
from sharpstream.cli.service import Key, Url, locate
from sharpstream.client import Client, Event


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(events)


def events(
    scene_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Follow this scene to its end; default: the account.")
    ] = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Continue with new events, until Ctrl-C.")
    ] = False,
    after: Annotated[
        str | None, typer.Option(help="Begin after this cursor, which every event shows; 0 is the oldest.")
    ] = None,
    types: Annotated[str | None, typer.Option(help="Only these, comma-separated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One CloudEvent per line, for programs.")] = False,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Show events of the account, oldest first, or of one scene. Lost connections are resumed.

    Examples.

    * `sharpstream events`
    * `sharpstream events -f --types generation.completed.v1 --json | jq -r .subject`
    * `sharpstream events 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    wanted = [name.strip() for name in types.split(",")] if types else None
    with locate(url, api_key).client() as client:
        found = _chosen(client, scene_id, after, wanted, follow=follow)
        try:
            for event in found:
                printing.line(msgspec.json.encode(event).decode() if as_json else _line(event), flush=True)
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def _chosen(
    client: Client, scene_id: str | None, after: str | None, types: list[str] | None, *, follow: bool
) -> Iterator[Event]:
    if scene_id is not None:
        return client.follow(scene_id)
    if follow:
        return client.stream(after=after, types=types)
    return _pages(client, after, types)


def _pages(client: Client, after: str | None, types: list[str] | None) -> Iterator[Event]:
    while True:
        page = client.events(after=after, types=types, limit=500)
        yield from page.events
        if not page.events:
            return
        after = page.next_cursor


def _line(event: Event) -> str:
    data = json.dumps(event.data, separators=(",", ":"))
    return f"{event.time}  {event.cursor or '-':<10}  {event.type:<26}  {event.subject}  {data[:200]}"
