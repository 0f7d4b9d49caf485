"""Output of the verbs: tables for people, JSON for programs.

Everything that the command line prints goes through here, because what a file or a service names itself may
steer a terminal: colours, titles, the clipboard, text that reads backwards. A test forbids other printing.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

T = TypeVar("T")


_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tabs and newlines, DEL, C1
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # directions, lines, invisible
    "\ud800-\udfff"  # bytes of a file's name that are not UTF-8, which cannot be printed at all
    "\U000e0000-\U000e007f]"
)


_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""How what a spreadsheet computes begins (OWASP, CSV injection)."""


def safe(text: str) -> str:
    """Return text whose characters that steer a terminal are spelt out, as in JSON; lines are kept."""
    return _STEERING.sub(_spelt, text)


def _spelt(found: re.Match[str]) -> str:
    encoded = found.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{encoded[at : at + 2].hex()}" for at in range(0, len(encoded), 2))


def line(text: object = "", *, err: bool = False, flush: bool = True) -> None:
    """Print a line, or JSON, which stays the same JSON, to stdout or stderr."""
    print(safe(str(text)), file=sys.stderr if err else sys.stdout, flush=flush)


def words(text: str) -> str:
    """Return text for a line of its own or a cell: safe, and without line breaks."""
    return safe(text).replace("\n", "\\n")


def as_json(value: Any) -> None:
    """Print a value of the client as JSON."""
    line(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def as_csv(names: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print CSV (RFC 4180); a text that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in rows)
    line(out.getvalue().removesuffix("\n"))


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULAS) else text


def table(rows: Iterable[T], columns: Mapping[str, Callable[[T], Any]], *, empty: str) -> None:
    """Print a line per row, or ``empty`` if there are none. Lines are folded on a terminal only."""
    rows = list(rows)
    if not rows:
        line(empty)
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
    shown = {name: value for name, value in pairs.items() if value is not None and value != ""}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        line(f"{name:<{width}}  {_words(value)}")


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
            return words(", ".join(map(str, value))) or "-"
        case _:
            return words(str(value))
