"""How fast events become rows: whole batches in a fixed number of statements, or one event at a time.

Kafka is left out: records are made in memory and given to the projector, so what is measured is decoding and
Postgres. Half the events are `generation.requested.v1` (a new row each), half `generation.completed.v1` (the
row's update and a usage row), the dearest there are. Several accounts run side by side, as partitions do.
"one at a time" is the same projection with batches of one: a transaction an event, as most consumers do.

    DATABASE_URL=postgresql://... python benchmarks/projection.py  # a scratch database; it is left with rows
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from bus import envelope, topics
from bus.ids import new_id
from bus.messages import AnyMessage, BlobRef, GenerationCompleted, GenerationRequested, ModelRun, Timings
from bus.projector import Projector, RawRecord
from bus.settings import DatabaseSettings, load
from ledger import database
from ledger.intake import Intake
from ledger.migrate import migrate
from ledger.projection import PROJECTOR, EventProjection

PHOTO = BlobRef(key="originals/g/1", sha256="aa" * 32, bytes=1_234_567, media_type="image/jpeg")
SPLAT = BlobRef(key="results/g/1.ply", sha256="bb" * 32, bytes=66_060_288, media_type="model/ply")
MODEL = ModelRun(
    name="sharp", version="1", weights_sha256="cc" * 32, dtype="float16", device="cuda", batch_size=4
)
TIMINGS = Timings(queued_ms=12.5, fetch_ms=9.1, decode_ms=20.2, inference_ms=700.3, upload_ms=120.9)


def events_of(account: UUID, partition: int, count: int) -> list[RawRecord]:
    """Return ``count`` events of one account, 50 generations open at a time."""
    told: list[AnyMessage] = []
    while len(told) < count:
        open_now = [new_id() for _ in range(50)]
        told += [requested(generation, account) for generation in open_now]
        told += [completed(generation, account) for generation in open_now]
    began = datetime.now(UTC)
    return [
        raw(message, began + timedelta(milliseconds=offset), account, partition, offset)
        for offset, message in enumerate(told[:count])
    ]


def requested(generation: UUID, account: UUID) -> GenerationRequested:
    """Return the event of an accepted photo."""
    return GenerationRequested(generation_id=generation, account_id=account, source=PHOTO)


def completed(generation: UUID, account: UUID) -> GenerationCompleted:
    """Return the event of a stored splat."""
    return GenerationCompleted(
        generation_id=generation,
        account_id=account,
        result=SPLAT,
        gaussian_count=1_179_648,
        image_width=1536,
        image_height=1024,
        focal_length_px=1281.25,
        input_sha256=PHOTO.sha256,
        model=MODEL,
        timings=TIMINGS,
    )


def raw(message: AnyMessage, at: datetime, account: UUID, partition: int, offset: int) -> RawRecord:
    """Return the message as it lies in Kafka."""
    out = envelope.record(topics.EVENTS, message, key=account, source="/bench", time=at)
    return RawRecord(
        topic=topics.EVENTS.name,
        partition=partition,
        offset=offset,
        key=out.key,
        value=out.value,
        headers=out.headers,
        timestamp=at,
    )


async def account_of(pool: asyncpg.Pool) -> UUID:
    """Insert an account."""
    account = new_id()
    await pool.execute(
        "INSERT INTO users VALUES ($1, $2, 'x', 'a', 'b', 'user', now(), now(), true)",
        account,
        f"{account}@example.org",
    )
    return account


async def measure(pool: asyncpg.Pool, *, batch: int, partitions: int, count: int) -> dict[str, Any]:
    """Project ``count`` events in each partition, all partitions at once."""
    epoch = time.time_ns() // 1_000_000_000  # of its own, so that runs can follow each other
    write = EventProjection(epoch=epoch, bucket="bench").write
    intake = Intake(topics.EVENTS, projector=PROJECTOR, epoch=epoch, write=write)
    projector = Projector(pool, name=PROJECTOR, epoch=epoch, apply=intake.apply)
    lanes = [events_of(await account_of(pool), partition, count) for partition in range(partitions)]

    async def lane(records: list[RawRecord]) -> None:
        for start in range(0, len(records), batch):
            await projector.project(records[start : start + batch])

    began = time.perf_counter()
    await asyncio.gather(*map(lane, lanes))
    seconds = time.perf_counter() - began
    written = await pool.fetchval("SELECT count(*) FROM event_log WHERE epoch = $1", epoch)
    if written != partitions * count:
        raise RuntimeError(f"{written} of {partitions * count} events were written")
    await asyncio.sleep(1)  # the next run needs an epoch of its own
    return {"batch": batch, "partitions": partitions, "events_per_second": round(written / seconds)}


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Warm up, then measure every batch size."""
    async with database.open_pool(load(DatabaseSettings), role="bench") as pool:
        async with pool.acquire() as connection:
            await migrate(connection)
            server = await connection.fetchval("SHOW server_version")
        await measure(pool, batch=200, partitions=2, count=1000)
        runs = []
        for batch in arguments.batches:
            count = arguments.events if batch > 1 else max(arguments.events // 20, 100)
            runs.append(await measure(pool, batch=batch, partitions=arguments.partitions, count=count))
            print(json.dumps(runs[-1]), file=sys.stderr)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "postgres": server,
        "runs": runs,
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a table."""
    lines = [
        "# Projection",
        "",
        f"Events into Postgres {report['postgres']}, {report['machine']}, {report['date']}.",
        "",
        "| events a transaction | partitions | events/s |",
        "|---:|---:|---:|",
    ]
    lines += [f"| {r['batch']} | {r['partitions']} | {r['events_per_second']} |" for r in report["runs"]]
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
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    report = asyncio.run(run(arguments))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "projection.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "projection.md").write_text(markdown(report))
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
