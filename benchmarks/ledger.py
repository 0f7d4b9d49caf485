"""How fast events become rows, and whether that and the reading of them stay so when the log is long.

Rate: whole batches in a fixed number of statements, against one event at a time in the same run.

Kafka is left out: records are made in memory and given to the projector, so what is measured is decoding and
Postgres. Half the events are `generation.requested.v1`, half `generation.completed.v1` (the scene's update
and a usage row). Several accounts run side by side, as partitions do. As in life the scene's row is there
before its first event, for the gateway writes it when it accepts the photo; where rows are "made" there is
none, as in a rebuild: then the first event makes it.
"one at a time" is the same projection with batches of one: a transaction an event, as most consumers do.

Growth: the same operations with 10 thousand rows in the log and with 10 million (and half as many scenes and
usage rows), 500 events an account in both. p99 of projecting a batch of 100, of a page of an account's log,
of its list of scenes, of its usage by day. It starts a Postgres of its own, which syncs every commit.

    python benchmarks/ledger.py
    python benchmarks/ledger.py --rows 10000,10000000  # with growth; 15 GB and a quarter of an hour
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import random
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

sys.path.append(sys.path.pop(0))  # this very file would hide the package

from _postgres import own_postgres

from bus import envelope, topics
from bus.ids import new_id
from bus.messages import AnyMessage, BlobRef, GenerationCompleted, GenerationRequested, ModelRun, Timings
from bus.projector import Projector, RawRecord
from bus.settings import DatabaseSettings
from ledger import database
from ledger.events import decode
from ledger.intake import Intake
from ledger.migrate import migrate
from ledger.projection import PROJECTOR, EventProjection

PHOTO = BlobRef(key="originals/g/1", sha256="aa" * 32, bytes=1_234_567, media_type="image/jpeg")
SPLAT = BlobRef(key="results/g/1.ply", sha256="bb" * 32, bytes=66_060_288, media_type="model/ply")
MODEL = ModelRun(
    name="sharp", version="1", weights_sha256="cc" * 32, dtype="float16", device="cuda", batch_size=4
)
REQUESTED = "generation.requested.v1"
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


_ACCEPTED = """
INSERT INTO scene_generations (id, user_id, original_image_url, status, priority, metadata,
                               created_at, updated_at)
SELECT id, $2, 's3://b/o', 'pending', 'interactive', '{"client": {}, "image": {"bytes": 1234567}}', at, at
FROM unnest($1::uuid[], $3::timestamptz[]) AS r (id, at)"""


async def accept(pool: asyncpg.Pool, account: UUID, records: list[RawRecord]) -> None:
    """Write the scenes' rows, as the gateway does before the log tells of them."""
    events = [event for event in decode(topics.EVENTS, records)[0] if event.type == REQUESTED]
    await pool.execute(_ACCEPTED, [e.subject for e in events], account, [e.time for e in events])


async def measure(
    pool: asyncpg.Pool, *, batch: int, partitions: int, count: int, accepted: bool = True
) -> dict[str, Any]:
    """Project ``count`` events in each partition, all partitions at once."""
    epoch = time.time_ns() // 1_000_000_000  # of its own, so that runs can follow each other
    write = EventProjection(epoch=epoch, bucket="bench").write
    intake = Intake(topics.EVENTS, projector=PROJECTOR, epoch=epoch, write=write)
    projector = Projector(pool, name=PROJECTOR, epoch=epoch, apply=intake.apply)
    lanes = []
    for partition in range(partitions):
        account = await account_of(pool)
        lanes.append(events_of(account, partition, count))
        if accepted:
            await accept(pool, account, lanes[-1])
    gc.collect()
    gc.freeze()  # a ledger holds a batch, not a whole run of records

    async def lane(records: list[RawRecord]) -> None:
        for start in range(0, len(records), batch):
            await projector.project(records[start : start + batch])

    began = time.perf_counter()
    await asyncio.gather(*map(lane, lanes))
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


# Half requested, half completed, in the order in which they would have come; ids grow with time as UUIDv7 do.
FILL = """
WITH numbered AS (
    SELECT i, accounts.id AS account,
           (lpad(to_hex(1700000000000 + i / 2), 12, '0') || '7000' || '8'
            || substr(md5((i / 2)::text), 1, 15))::uuid AS scene,
           timestamptz '2026-01-01' + i * interval '1 second' AS at
    FROM generate_series($1::bigint, $2::bigint - 1) i
    JOIN accounts ON accounts.n = (i / 2) % $3::bigint
), scenes AS (
    INSERT INTO scene_generations (id, user_id, original_image_url, generated_3d_gaussian_url, status,
                                   priority, processing_time_seconds, metadata, created_at, updated_at)
    SELECT scene, account, 's3://b/o', 's3://b/r', 'completed', 'interactive', 0.9,
           jsonb_build_object('result', jsonb_build_object('sha256', md5(i::text))), at, at
    FROM numbered WHERE i % 2 = 0
), used AS (
    INSERT INTO usage_logs (id, event_id, user_id, event_type, details, created_at)
    SELECT gen_random_uuid(), gen_random_uuid(), account, 'scene_generate', '{}', at
    FROM numbered WHERE i % 2 = 1
)
INSERT INTO event_log (epoch, partition, "offset", event_id, type, subject, account_id, source, time, body)
SELECT 1, ((i / 2) % $3::bigint) % 12, i, gen_random_uuid(),
       CASE i % 2 WHEN 0 THEN 'generation.requested.v1' ELSE 'generation.completed.v1' END,
       scene, account, '/bench', at, json_build_object('generation_id', scene, 'filler', repeat('x', 300))
FROM numbered"""
EVENTS_AN_ACCOUNT = 500
STEP = 100_000


async def grow(pool: asyncpg.Pool, rows: int) -> list[UUID]:
    """Fill empty tables up to so many rows in the log; return the accounts."""
    await pool.execute("TRUNCATE event_log, usage_logs, scene_generations, users, projector_offsets CASCADE")
    accounts = [await account_of(pool) for _ in range(max(1, rows // EVENTS_AN_ACCOUNT))]
    await pool.execute("DROP TABLE IF EXISTS accounts")
    await pool.execute(
        "CREATE UNLOGGED TABLE accounts AS"
        " SELECT id, n - 1 AS n FROM unnest($1::uuid[]) WITH ORDINALITY a (id, n)",
        accounts,
    )
    await pool.execute("CREATE UNIQUE INDEX ON accounts (n)")
    await pool.execute("ANALYZE accounts")
    gate = asyncio.Semaphore(os.cpu_count() or 2)

    async def step(start: int) -> None:
        async with gate:
            await pool.execute(FILL, start, min(start + STEP, rows), len(accounts), timeout=None)
            print(f"filled {start + STEP:,} of {rows:,}", file=sys.stderr)

    await asyncio.gather(*(step(start) for start in range(0, rows, STEP)))
    for table in ("event_log", "scene_generations", "usage_logs", "users"):
        await pool.execute(f"VACUUM ANALYZE {table}", timeout=None)
    await pool.execute("CHECKPOINT", timeout=None)
    return accounts


async def p99s(pool: asyncpg.Pool, accounts: list[UUID], *, repeat: int) -> dict[str, float]:
    """Return the p99 of each operation in milliseconds."""
    rng = random.Random(1)
    epoch = time.time_ns() // 1_000_000_000
    write = EventProjection(epoch=epoch, bucket="bench").write
    intake = Intake(topics.EVENTS, projector=PROJECTOR, epoch=epoch, write=write)
    projector = Projector(pool, name=PROJECTOR, epoch=epoch, apply=intake.apply)
    account = rng.choice(accounts)
    records = events_of(account, 0, 100 * repeat)
    await accept(pool, account, records)
    batches = iter([records[start : start + 100] for start in range(0, len(records), 100)])
    gc.collect()
    gc.freeze()

    async def project() -> None:
        await projector.project(next(batches))

    async def read(statement: str) -> None:
        await pool.fetch(statement, rng.choice(accounts))

    operations: dict[str, Callable[[], Awaitable[None]]] = {
        "project 100 events": project,
        "a page of the log": lambda: read(
            'SELECT * FROM event_log WHERE account_id = $1 ORDER BY epoch, "offset" LIMIT 100'
        ),
        "a list of scenes": lambda: read(
            "SELECT * FROM scene_generations WHERE user_id = $1 AND deleted_at IS NULL"
            " ORDER BY created_at DESC, id DESC LIMIT 20"
        ),
        "usage by day": lambda: read(
            "SELECT created_at::date, event_type, count(*) FROM usage_logs WHERE user_id = $1 GROUP BY 1, 2"
        ),
    }
    found = {}
    for name, operation in operations.items():
        took = []
        for _ in range(repeat):
            began = time.perf_counter()
            await operation()
            took.append((time.perf_counter() - began) * 1000)
        took = sorted(took[repeat // 10 :])  # the first ones warm up
        found[name] = round(took[int(len(took) * 0.99)], 2)
    gc.unfreeze()
    return found


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Warm up, then measure every batch size."""
    async with (
        own_postgres(arguments.shared_buffers) as url,
        database.open_pool(DatabaseSettings(url=url), role="bench") as pool,
    ):
        async with pool.acquire() as connection:
            await migrate(connection)
            server = await connection.fetchval("SHOW server_version")
        await measure(pool, batch=200, partitions=2, count=1000)
        runs = []
        for batch in arguments.batches:
            count = arguments.events if batch > 1 else max(arguments.events // 20, 100)
            runs.append(await measure(pool, batch=batch, partitions=arguments.partitions, count=count))
            print(json.dumps(runs[-1]), file=sys.stderr)
        largest = {"batch": max(arguments.batches), "partitions": arguments.partitions}
        runs.append(await measure(pool, **largest, count=arguments.events, accepted=False))
        growth = []
        for rows in arguments.rows:
            accounts = await grow(pool, rows)
            growth.append({"rows": rows} | await p99s(pool, accounts, repeat=arguments.repeat))
            print(json.dumps(growth[-1]), file=sys.stderr)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "postgres": server,
        "shared_buffers": arguments.shared_buffers,
        "runs": runs,
        "growth": growth,
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
    if len(report["growth"]) > 1:
        small, large = report["growth"][0], report["growth"][-1]
        lines += [
            "",
            "p99 in milliseconds, by rows in the log:",
            "",
            f"| operation | {small['rows']:,} | {large['rows']:,} | ratio |",
            "|---|---:|---:|---:|",
        ]
        lines += [
            f"| {name} | {small[name]} | {large[name]} | {large[name] / small[name]:.2f} |"
            for name in [key for key in small if key != "rows"]
        ]
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
    parser.add_argument("--rows", type=lambda s: [int(n) for n in s.split(",")], default=[])
    parser.add_argument("--repeat", type=int, default=500)
    parser.add_argument(
        "--shared-buffers", default="2GB", help="the server's; a ledger of millions has as much"
    )
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
