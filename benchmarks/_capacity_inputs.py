"""The inputs of the capacity calculation: what was measured, read from the results, and what is assumed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _capacity_simulation import Spread

FOLDER = Path(__file__).parent
QUIET, BUSY = 0, 2
"""Of the loads of overhead.json: the one for latencies, 2 a second, and the one for processor time, 20."""


@dataclass(frozen=True)
class Input:
    """A number and where it comes from."""

    value: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Everything that the calculation uses, in seconds and bytes; ``cores``: processor time by role."""

    assumed: Mapping[str, Input]
    stages: Mapping[str, Spread]
    cores: Mapping[str, float]
    relay: Mapping[str, float]
    ledger_events: float
    deliveries: float
    megabytes: Mapping[str, float]
    seconds: Mapping[str, float]
    tables: Mapping[str, Mapping[str, float]]
    topics: Mapping[str, float]
    wal_bytes: float

    def __getattr__(self, name: str) -> float:
        if name in self.assumed:
            return self.assumed[name].value
        raise AttributeError(name)

    @property
    def row_bytes(self) -> float:
        """Bytes of the rows that stay, with their indexes; tables without such rows have only room left."""
        return sum(table["bytes"] for table in self.tables.values() if table["rows"] >= 0.5)

    @property
    def log_bytes(self) -> float:
        """Bytes of all records that a photo leaves in Kafka, once."""
        return sum(self.topics.values())


def read(changes: Mapping[str, float], results: Path = FOLDER / "results") -> Inputs:
    """Read the inputs. Raises `SystemExit` for a change of an unknown one."""
    assumed = {
        name: Input(float(row["value"]), row["source"])
        for name, row in tomllib.loads((FOLDER / "capacity.toml").read_text()).items()
    }
    for name, value in changes.items():
        if name not in assumed:
            raise SystemExit(f"There is no input {name}; there are {', '.join(assumed)}.")
        assumed[name] = Input(value, "set for this run")
    loads = _result(results, "overhead")["loads"]
    stages = loads[QUIET]["stages"]
    job = _result(results, "capacity-job")
    formats = {row["format"]: row for row in _result(results, "exports")["formats"]}
    compute = _result(results, "postprocess")["seconds"]
    encode = compute["ours_metric"] + compute["ours_ply"]
    upload = [assumed[name].value + encode for name in ("upload_p50_s", "upload_p99_s")]
    return Inputs(
        assumed=assumed,
        stages={
            "gateway": _spread(stages, "post_ms"),
            "hop": _spread(stages, "queued_ms"),
            "fetch": _spread(stages, "fetch_ms", "decode_ms"),
            "encode": Spread(*upload),
            "event": _spread(stages, "event_ms"),
        },
        cores={name: max(0.0, ms) / 1000 for name, ms in loads[BUSY]["ms_a_job"].items()},
        relay=job["relay"],
        ledger_events=next(
            run["events_per_second"] for run in _result(results, "ledger")["runs"] if run["rows_made"]
        ),
        deliveries=_result(results, "webhooks")["ways"][0]["per_second"],
        megabytes={name: formats[name]["megabytes"] for name in ("ply", "spz", "png")},
        seconds={name: formats[name]["seconds"] for name in ("spz", "png")},
        tables=job["tables"],
        topics=job["topics"],
        wal_bytes=job["wal_bytes"],
    )


def _result(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return found


def _spread(stages: Mapping[str, Mapping[str, float]], *names: str) -> Spread:
    """Return the sum of stages: of their medians, and of their 99th percentiles, which is too much rather."""
    return Spread(*(sum(stages[name][key] for name in names) / 1000 for key in ("p50", "p99")))
