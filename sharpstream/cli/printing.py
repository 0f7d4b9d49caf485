"""Output of the verbs: tables for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

T = TypeVar("T")


def as_json(value: Any) -> None:
    """Print a value of the client as JSON."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def table(rows: Iterable[T], columns: Mapping[str, Callable[[T], Any]], *, empty: str) -> None:
    """Print a line per row, or ``empty`` if there are none. Lines are folded on a terminal only."""
    rows = list(rows)
    if not rows:
        print(empty)
        return
    shown = Table(box=None, padding=(0, 1), header_style="bold")
    for name in columns:
        shown.add_column(name, overflow="fold")
    for row in rows:
        # A plain string would be read as markup.
        shown.add_row(*(Text(_words(read(row))) for read in columns.values()))
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    console.print(shown)


def facts(pairs: Mapping[str, Any]) -> None:
    """Print a name and a value per line; absent values are left out."""
    shown = {name: value for name, value in pairs.items() if value not in {None, ""}}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        print(f"{name:<{width}}  {_words(value)}")


def _words(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case float():
            return f"{value:.2f}"
        case list() | tuple():
            return ", ".join(map(str, value)) or "-"
        case _:
            return str(value)
