"""Writes down what the format modules declare, for those who may not import them.

``python -m export_consumer.catalogue`` writes ``bus/contract/formats.json``, which the gateway and the export
consumer read, and the table of formats in ``docs/formats.md``. A test fails when either is out of date.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from bus.contract.format_catalogue import Facts
from export_consumer.formats import MADE, Format, load

ROOT: Final = Path(__file__).parents[1]
JSON: Final = ROOT / "bus" / "contract" / "formats.json"
DOCS: Final = ROOT / "docs" / "formats.md"
BEGIN: Final = "<!-- by python -m export_consumer.catalogue: begin -->\n"
END: Final = "<!-- end -->\n"
_HEADER: Final = (
    "| format | file | axes | unit | colour | 1.18 M Gaussians |\n",
    "|---|---|---|---|---|---|\n",
)


def declared() -> dict[str, Format]:
    """Return every format by name, in the order of lists. Imports them all, which takes seconds."""
    loaded = {name: load(name) for name in MADE}
    return dict(sorted(loaded.items(), key=lambda item: (item[1].rank, item[0])))


def as_json(formats: Mapping[str, Format]) -> bytes:
    """Return the catalogue as it is committed."""
    facts = {
        name: Facts(
            kind=each.kind,
            media_type=each.media_type,
            extension=each.suffix,
            title=each.title,
            description=each.description,
            options=each.options,
        )
        for name, each in formats.items()
    }
    encoded = msgspec.json.encode(facts)
    msgspec.json.decode(encoded, type=dict[str, Facts])  # as its readers will
    return msgspec.json.format(encoded, indent=2) + b"\n"


def as_docs(formats: Mapping[str, Format], text: str) -> str:
    """Return the text of docs/formats.md with the table of these formats."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    rows = [f"| `{name}` | {' | '.join(each.docs)} |\n".replace("  ", " ") for name, each in formats.items()]
    return "".join([before, BEGIN, "\n", *_HEADER, *rows, "\n", END, after])


def main() -> None:
    """Write both files."""
    formats = declared()
    JSON.write_bytes(as_json(formats))
    DOCS.write_text(as_docs(formats, DOCS.read_text()))


if __name__ == "__main__":
    main()
