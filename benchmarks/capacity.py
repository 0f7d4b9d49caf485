"""What the service needs for 1, 100 and 10,000 photos a second: GPUs by simulation, the rest by calculation.

Fed with measured times of the stages (benchmarks/results) and named assumptions (benchmarks/capacity.toml).

    python benchmarks/capacity.py                       # the tables: minutes, one core
    python benchmarks/capacity.py --set gpu_hour=1.85   # with another price
    python benchmarks/capacity.py --check               # the simulation against a real run: 15 minutes
    python benchmarks/capacity.py --measure             # what a photo leaves behind, and one relay's rate

`--check` and `--measure` start a whole system; run them on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.append(sys.path.pop(0))  # gateway.py and ledger.py beside this file would hide our packages

from _capacity_check import check
from _capacity_inputs import read
from _capacity_job import measure_job, measure_relay
from _capacity_report import check_page, page
from _capacity_run import Case
from _capacity_sizing import Length, limits, listed, partitions_table, size

CASES = (
    Case(batch_s=1.0, max_batch=1, workers=1, rate=0.6),
    Case(batch_s=1.0, max_batch=1, workers=2, rate=1.2),
    Case(batch_s=1.0, max_batch=1, workers=4, rate=2.4),
    Case(batch_s=1.0, max_batch=1, workers=5, rate=8.0),  # more than they can do: five are worth four
    Case(batch_s=1.0, max_batch=4, workers=1, rate=2.0),
    Case(batch_s=1.0, max_batch=4, workers=2, rate=4.0),
)


def calculate(arguments: argparse.Namespace) -> None:
    """Write the tables."""
    inputs = read(dict(arguments.set))
    length = Length(seconds=arguments.seconds)
    sizes = []
    for rate in arguments.rates:
        sizes.append(size(inputs, rate, length))
        print(json.dumps(sizes[-1]), file=sys.stderr, flush=True)
    report = {
        "date": _today(),
        "sizes": sizes,
        "limits": limits(inputs),
        "partitions": partitions_table(inputs),
        "job": json.loads((Path("benchmarks/results") / "capacity-job.json").read_text()),
        "inputs": listed(inputs),
    }
    _write(arguments.out, "capacity", report, page(report))


def compare(arguments: argparse.Namespace) -> None:
    """Write the comparison with a real run."""
    before = os.getloadavg()[0]
    rows = list(check(CASES, arguments.seconds, arguments.alone, seed=1))
    report = {
        "date": _today(),
        "machine": _machine(),
        "cores": os.cpu_count(),
        "load": [before, os.getloadavg()[0]],
        "rows": rows,
    }
    _write(arguments.out, "capacity-check", report, check_page(report))


def measure(arguments: argparse.Namespace) -> None:
    """Write what a photo leaves behind and how fast one relay is."""
    folder = Path(tempfile.mkdtemp(prefix="sharpstream-bench-", dir="/var/tmp"))
    folder.chmod(0o755)  # Postgres runs as another user if we are root
    try:
        relay = asyncio.run(measure_relay(folder, arguments.rows))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(relay, file=sys.stderr, flush=True)
    job = measure_job(arguments.photos)
    report = {"date": _today(), "machine": _machine(), "load": os.getloadavg()[0], "relay": relay, **job}
    _write(arguments.out, "capacity-job", report, None)


def _write(folder: Path, name: str, report: dict[str, Any], text: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    if text is not None:
        (folder / f"{name}.md").write_text(text)
    print(text or json.dumps(report, indent=1))


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _change(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    return name, float(value)


def main() -> int:
    """Parse the command line and do one of the three."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare the simulation with a real run")
    parser.add_argument("--measure", action="store_true", help="measure what a photo leaves behind")
    parser.add_argument("--rates", type=lambda s: [float(r) for r in s.split(",")], default=[1, 100, 10_000])
    parser.add_argument("--set", type=_change, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seconds", type=float, default=120, help="of a simulation, or of a case's load")
    parser.add_argument("--alone", type=int, default=40, help="photos sent one by one before the cases")
    parser.add_argument("--photos", type=int, default=600, help="photos of --measure")
    parser.add_argument("--rows", type=int, default=20_000, help="outbox rows of --measure")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    (compare if arguments.check else measure if arguments.measure else calculate)(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
