"""Writes the table of all metrics into docs/operations.md, from the code that declares them.

``python deploy/metrics.py``; a test fails when the committed table is out of date.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from prometheus_client import REGISTRY

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs/operations.md"
PACKAGES: Final = ("bus", "gateway", "ledger", "inference_consumer", "export_consumer")
HEAD: Final = "| metric | type | labels | meaning |\n|---|---|---|---|\n"


def declared() -> dict[str, Any]:
    """Return every metric by its name in Prometheus."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "from prometheus_client import" in path.read_text():
                importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    own = importlib.import_module("gateway.metrics").Metrics().registry  # one registry an app, for tests
    return dict(_of(REGISTRY)) | dict(_of(own))


def _of(registry: Any) -> Iterator[tuple[str, Any]]:
    for metric in registry._collector_to_names:  # noqa: SLF001  (there is no other way to the labels)
        name = getattr(metric, "_name", "")
        if name.startswith("sharpstream_"):
            yield f"{name}_total" if metric._type == "counter" else name, metric  # noqa: SLF001


def table() -> str:
    """Return the table."""
    return HEAD + "".join(_row(name, metric) for name, metric in sorted(declared().items()))


def _row(name: str, metric: Any) -> str:
    labels = ", ".join(f"`{label}`" for label in metric._labelnames) or "-"  # noqa: SLF001
    reported = metric._documentation.rstrip(".")  # noqa: SLF001
    return f"| `{name}` | {metric._type} | {labels} | {reported[0].lower()}{reported[1:]} |\n"  # noqa: SLF001


def main() -> None:
    """Replace the table in the document."""
    before, _, rest = DOCUMENT.read_text().partition(HEAD)
    after = rest[rest.index("\n\n") + 1 :]
    DOCUMENT.write_text(before + table() + after)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
