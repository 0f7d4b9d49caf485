"""Writes the table of all metrics into docs/operations/README.md, from the code that declares them.

``python deploy/metrics.py``; a test fails when the committed table is out of date.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from prometheus_client import REGISTRY

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs/operations/README.md"
PACKAGES: Final = ("bus", "gateway", "ledger", "inference_consumer", "export_consumer")
OURS: Final = "sharpstream_"
HEAD: Final = "| metric | type | labels | meaning |\n|---|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric: its ``type`` in Prometheus, its labels and what it says."""

    type: str
    labels: tuple[str, ...]
    meaning: str
    last_bucket: float | None = None


def declared() -> dict[str, Declared]:
    """Return every metric by its name in Prometheus."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "from prometheus_client import" in path.read_text():
                importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    own = importlib.import_module("gateway.metrics").Metrics().registry  # one registry an app, for tests
    gpus = importlib.import_module("inference_consumer.gpu").GpuMetrics(_OneGpu())
    return dict(_of(REGISTRY)) | dict(_of(own)) | dict(_collected(gpus))


class _OneGpu:
    """What the metrics of GPUs ask, of a machine with one; nothing else makes them without a GPU."""

    NVMLError = RuntimeError

    def __getattr__(self, name: str) -> Any:
        numbers = SimpleNamespace(gpu=0, total=0, used=0)
        return lambda *_: 1 if name == "nvmlDeviceGetCount" else numbers


def _of(registry: Any) -> Iterator[tuple[str, Declared]]:
    for metric in registry._collector_to_names:  # noqa: SLF001  (there is no other way to the labels)
        name = getattr(metric, "_name", None)
        if name is None:
            yield from _collected(metric)
        elif name.startswith(OURS):
            kind = metric._type  # noqa: SLF001
            buckets = metric._kwargs["buckets"] if kind == "histogram" else (None,)  # noqa: SLF001
            yield (
                f"{name}_total" if kind == "counter" else name,
                Declared(kind, tuple(metric._labelnames), metric._documentation, buckets[-1]),  # noqa: SLF001
            )


def _collected(collector: Any) -> Iterator[tuple[str, Declared]]:
    """Yield the metrics that are made when they are asked for: the labels are those of the first sample."""
    for metric in collector.collect():
        if metric.name.startswith(OURS):
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            yield name, Declared(metric.type, tuple(metric.samples[0].labels), metric.documentation)


def table() -> str:
    """Return the table."""
    return HEAD + "".join(_row(name, metric) for name, metric in sorted(declared().items()))


def _row(name: str, metric: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
    meaning = metric.meaning.rstrip(".")
    return f"| `{name}` | {metric.type} | {labels} | {meaning[0].lower()}{meaning[1:]} |\n"


def main() -> None:
    """Replace the table in the document."""
    before, _, rest = DOCUMENT.read_text().partition(HEAD)
    after = rest[rest.index("\n\n") + 1 :]
    DOCUMENT.write_text(before + table() + after)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
