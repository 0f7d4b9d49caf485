"""Final output of `generate`: for people on stdout and stderr, or one JSON document on stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sharpstream.cli import printing, scene_words
from sharpstream.client import Job, Made, ServiceError

STAGES: Final = ("queued", "fetch", "decode", "batch_wait", "inference", "encode", "upload")
"""The stages that the service times, in order; ``timings`` has each as ``<stage>_ms``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The outcome of one photo; exactly one of ``made`` and ``error`` is set. ``seconds``: time waited."""

    job: Job
    seconds: float
    made: Made | None = None
    error: ServiceError | None = None

    def document(self) -> dict[str, Any]:
        """Return the outcome as it stands in the JSON."""
        made, error = self.made, self.error
        return {
            "photo": shown(self.job.photo),
            "generation_id": self.job.generation_id,
            "status": "completed" if made else "failed",
            "path": shown(made.path) if made else None,
            "bytes": made.bytes if made else None,
            "sha256": made.sha256 if made else None,
            "gaussian_count": made.scene.part("result").get("gaussian_count") if made else None,
            "model": scene_words.model(made.scene) if made else None,
            "timings": made.scene.part("timings") if made else {},
            "seconds": round(self.seconds, 3),
            "error": describe(error) if error else None,
        }


def shown(path: Path) -> str:
    """Return a path as text that any program reads; bytes that are no UTF-8 are escaped (hexadecimal)."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def describe(error: ServiceError) -> dict[str, Any]:
    """Return an error as it stands in the JSON."""
    return {"code": error.code, "message": error.message, "correlation_id": error.correlation_id}


def print_json(outcomes: Sequence[Outcome], error: ServiceError | None = None) -> None:
    """Print the JSON document."""
    document = {
        "results": [outcome.document() for outcome in outcomes],
        "error": describe(error) if error else None,
    }
    printing.line(json.dumps(document, indent=2))


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print where each splat is and how long its stages took; failures go to stderr."""
    for outcome in outcomes:
        if outcome.made:
            name, path = (printing.words(str(each)) for each in (outcome.job.photo.name, outcome.made.path))
            printing.line(f"{name} -> {path} ({_facts(outcome)})")
    if made := [outcome for outcome in outcomes if outcome.made]:
        Console().print(_table(made))
    sys.stdout.flush()
    for outcome in outcomes:
        if outcome.error:
            printing.line(f"{printing.words(outcome.job.photo.name)}: {sentence(outcome.error)}", err=True)


def sentence(error: ServiceError) -> str:
    """Return an error for a person: its message, its code and, if the service failed, the correlation id."""
    asked = error.status is not None and error.status >= 500 and error.correlation_id
    return f"{error.message} [{error.code}{f', correlation id {error.correlation_id}' if asked else ''}]"


def _facts(outcome: Outcome) -> str:
    document = outcome.document()
    facts = [f"{document['bytes'] / 1e6:.1f} MB", f"{outcome.seconds:.1f} s"]
    if count := document["gaussian_count"]:
        facts.insert(0, f"{count:,} Gaussians")
    if document["model"]:
        facts.append(f"by {scene_words.described(document['model'])}")
    return ", ".join(facts)


def _table(made: Sequence[Outcome]) -> Table:
    table = Table(title="Milliseconds by stage", title_justify="left", box=None, padding=(0, 1))
    table.add_column("photo", overflow="fold")
    for stage in STAGES:
        table.add_column(stage.removesuffix("_wait"), justify="right")
    for outcome in made:
        timings = outcome.document()["timings"]
        cells = [timings.get(f"{stage}_ms") for stage in STAGES]
        name = Text(printing.words(outcome.job.photo.name))  # a plain string would be read as markup
        table.add_row(name, *("-" if cell is None else f"{cell:,.0f}" for cell in cells))
    return table
