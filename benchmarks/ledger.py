"""Measures the projection of events into rows: in batches with a fixed number of statements, and singly.

Kafka is left out: records are made in memory and given to the projector, so the benchmark measures decoding
and Postgres. Half the events are `generation.requested.v1`, half `generation.completed.v1` (the scene's
update and a usage row). Several accounts run concurrently, as partitions do. As in production the scene's row
exists before its first event, because the gateway writes it when it accepts the photo. Where rows are "made"
there is none, as in a rebuild, and the first event makes it.

"one at a time" is the same projection with batches of one: a transaction an event, as most consumers do.

It starts its own Postgres, which syncs every commit. Each figure is the best of three alternating rounds,
because other load on the machine can only slow a round down.

    python benchmarks/ledger.py
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

sys.path.append(sys.path.pop(0))  # this file would hide the package of the same name

from _events import accept, account_of, events_of, projector_of
from _postgres import own_postgres
from pydantic import SecretStr

from bus.bridges.projector import RawRecord
from bus.runtime.settings import DatabaseSettings
from ledger.db import database
from ledger.db.migrate import migrate

ROUNDS = 3


async def measure(
    pool: asyncpg.Pool, *, batch: int, partitions: int, count: int, accepted: bool = True
) -> dict[str, Any]:
    """Project ``count`` events in each partition, all partitions at once."""
    projector, epoch = projector_of(pool)
    streams = []
    for partition in range(partitions):
        account = await account_of(pool)
        streams.append(events_of(account, partition, count))
        if accepted:
            await accept(pool, account, streams[-1])
    gc.collect()
    gc.freeze()  # a ledger holds only a batch, not a whole run of records

    async def project_batches(records: list[RawRecord]) -> None:
        for start in range(0, len(records), batch):
            await projector.project(records[start : start + batch])

    began = time.perf_counter()
    await asyncio.gather(*map(project_batches, streams))
    seconds = time.perf_counter() - began
    written = await pool.fetchval("SELECT count(*) FROM event_log WHERE epoch = $1", epoch)
    if written != partitions * count:
        raise RuntimeError(f"{written} of {partitions * count} events were written")
    gc.unfreeze()
    await asyncio.sleep(1)  # the next run needs an epoch of its own
    return {
        "batch": batch,
        "partitions": partitions,
        "rows_made": not accepted,
        "events_per_second": round(written / seconds),
    }


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Warm up, then measure every batch size."""
    async with (
        own_postgres(arguments.shared_buffers) as url,
        database.open_pool(DatabaseSettings(url=SecretStr(url)), role="bench") as pool,
    ):
        async with pool.acquire() as connection:
            await migrate(connection)
            server = await connection.fetchval("SHOW server_version")
        await measure(pool, batch=200, partitions=2, count=1000)
        wanted = [{"batch": batch, "accepted": True} for batch in arguments.batches]
        wanted.append({"batch": max(arguments.batches), "accepted": False})
        best: list[dict[str, Any]] = [{} for _ in wanted]
        for turn in range(ROUNDS):
            for index, what in enumerate(wanted):
                count = arguments.events if what["batch"] > 1 else max(arguments.events // 20, 100)
                reported = await measure(pool, **what, partitions=arguments.partitions, count=count)
                print(turn, json.dumps(reported), file=sys.stderr)
                best[index] = max(best[index], reported, key=lambda run: run.get("events_per_second", 0))
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "postgres": server,
        "shared_buffers": arguments.shared_buffers,
        "runs": best,
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a table."""
    one = next((r["events_per_second"] for r in report["runs"] if r["batch"] == 1), None)
    lines = [
        "# Ledger",
        "",
        f"Events into Postgres {report['postgres']} (shared_buffers {report['shared_buffers']}),"
        f" {report['machine']}, {report['date']}; one process.",
        "",
        "| events a transaction | partitions | scenes' rows | events/s | times one at a time |",
        "|---:|---:|---|---:|---:|",
    ]
    for r in report["runs"]:
        ratio = f"{r['events_per_second'] / one:.1f}" if one else "-"
        rows = "made" if r["rows_made"] else "there"
        lines.append(f"| {r['batch']} | {r['partitions']} | {rows} | {r['events_per_second']} | {ratio} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Parse the command line, run, write JSON and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--batches", type=lambda s: [int(b) for b in s.split(",")], default=[1, 100, 500, 2000]
    )
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--events", type=int, default=20_000, help="in each partition")
    parser.add_argument("--shared-buffers", default="512MB")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    report = asyncio.run(run(arguments))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "ledger.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "ledger.md").write_text(markdown(report))
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
