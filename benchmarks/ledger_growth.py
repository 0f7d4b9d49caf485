"""Measures whether writes to and reads from the ledger slow down as the log grows.

It runs the same operations with 10 thousand rows in the log and with 10 million (and half as many scenes and
usage rows), 500 events an account in both: projecting a batch of 100, a page of an account's log, a page of
its scenes, its usage by day. Two databases of one server, which syncs every commit, are measured in turn.
Reads are of a few hundred accounts, each read once before, because uncached rows only measure the disk.

    python benchmarks/ledger_growth.py  # 15 GB and a quarter of an hour, nearly all of it to fill
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
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

sys.path.append(sys.path.pop(0))  # ledger.py beside this file would hide the package

from _events import accept, account_of, events_of, projector_of
from _postgres import own_postgres
from pydantic import SecretStr

from bus.bridges.projector import RawRecord
from bus.runtime.settings import DatabaseSettings
from ledger.db import database
from ledger.db.migrate import migrate

# Half requested, half completed, in order of arrival, ten photos of an account after each other as users send
# them; ids grow with time as UUIDv7 do.
FILL = """
WITH numbered AS (
    SELECT i, accounts.id AS account,
           (lpad(to_hex(1700000000000 + i / 2), 12, '0') || '7000' || '8'
            || substr(md5((i / 2)::text), 1, 15))::uuid AS scene,
           timestamptz '2026-01-01' + i * interval '1 second' AS at
    FROM generate_series($1::bigint, $2::bigint - 1) i
    JOIN filling accounts ON accounts.n = (i / 20) % $3::bigint
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
SELECT 1, ((i / 20) % $3::bigint) % 12, i, gen_random_uuid(),
       CASE i % 2 WHEN 0 THEN 'generation.requested.v1' ELSE 'generation.completed.v1' END,
       scene, account, '/bench', at, json_build_object('generation_id', scene, 'filler', repeat('x', 300))
FROM numbered"""
EVENTS_AN_ACCOUNT = 500
STEP = 100_000
ACTIVE = 300
BATCH = 100
PROJECT = f"project {BATCH} events"
READS = {
    "a page of the log": 'SELECT * FROM event_log WHERE account_id = $1 ORDER BY epoch, "offset" LIMIT 100',
    "a list of scenes": "SELECT * FROM scene_generations WHERE user_id = $1 AND deleted_at IS NULL"
    " ORDER BY created_at DESC, id DESC LIMIT 20",
    "usage by day": "SELECT created_at::date, event_type, count(*) FROM usage_logs"
    " WHERE user_id = $1 GROUP BY 1, 2",
}


async def grow(pool: asyncpg.Pool, rows: int) -> list[UUID]:
    """Fill the tables up to ``rows`` rows in the log if needed; return the accounts."""
    if await pool.fetchval("SELECT to_regclass('accounts')"):
        return [row[0] for row in await pool.fetch("SELECT id FROM accounts ORDER BY n")]
    accounts = [await account_of(pool) for _ in range(max(1, rows // EVENTS_AN_ACCOUNT))]
    await pool.execute("CREATE UNLOGGED TABLE filling (id uuid, n bigint)")
    await pool.execute(
        "INSERT INTO filling SELECT id, n - 1 FROM unnest($1::uuid[]) WITH ORDINALITY a (id, n)", accounts
    )
    await pool.execute("CREATE UNIQUE INDEX ON filling (n)")
    await pool.execute("ANALYZE filling")
    for start in range(0, rows, STEP):
        await pool.execute(FILL, start, min(start + STEP, rows), len(accounts), timeout=None)
        print(f"filled {min(start + STEP, rows):,} of {rows:,}", file=sys.stderr)
    for table in ("event_log", "scene_generations", "usage_logs", "users"):
        await pool.execute(f"VACUUM ANALYZE {table}", timeout=None)
    await pool.execute("CHECKPOINT", timeout=None)
    await pool.execute("ALTER TABLE filling SET LOGGED; ALTER TABLE filling RENAME TO accounts", timeout=None)
    return accounts


class Database:
    """One database, and the operations that are measured in it."""

    def __init__(self, pool: asyncpg.Pool, accounts: list[UUID]) -> None:
        self._rng = random.Random(1)
        self._pool = pool
        self._accounts = self._rng.sample(accounts, min(len(accounts), ACTIVE))
        self._batches: list[list[RawRecord]] = []

    async def prepare(self, repeat: int) -> None:
        """Make the events to project."""
        account = await account_of(self._pool)  # not read, because it has more rows than others
        records = events_of(account, 0, BATCH * repeat)
        await accept(self._pool, account, records)
        self._projector, _ = projector_of(self._pool)
        for statement in READS.values():
            for reader in self._accounts:
                await self._pool.fetch(statement, reader)
        self._batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)][::-1]

    async def project(self) -> None:
        """Project a batch of events."""
        await self._projector.project(self._batches.pop())

    async def read(self, statement: str) -> None:
        """Run the read for the next account."""
        await self._pool.fetch(statement, self._rng.choice(self._accounts))

    async def timed(self, name: str) -> float:
        """Return the milliseconds that one operation took."""
        began = time.perf_counter()
        await (self.project() if name == PROJECT else self.read(READS[name]))
        return (time.perf_counter() - began) * 1000


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fill both, then measure each operation in turn, so that other load affects both."""
    async with (
        own_postgres(arguments.shared_buffers, folder=arguments.folder) as url,
        AsyncExitStack() as stack,
    ):
        databases = {}
        for rows in arguments.rows:
            pool = await stack.enter_async_context(_database(url, f"rows_{rows}"))
            databases[rows] = Database(pool, await grow(pool, rows))
            await databases[rows].prepare(arguments.repeat)
            server = await pool.fetchval("SHOW server_version")
        gc.collect()
        gc.freeze()
        figures = {name: await _p99s(databases, name, arguments.repeat) for name in (PROJECT, *READS)}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "postgres": server,
        "shared_buffers": arguments.shared_buffers,
        "repeat": arguments.repeat,
        "p50_and_p99_ms": figures,
    }


@asynccontextmanager
async def _database(url: str, name: str) -> AsyncIterator[asyncpg.Pool]:
    server = await asyncpg.connect(url)
    if not await server.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name):
        await server.execute(f"CREATE DATABASE {name}")
    await server.close()
    own = url.rsplit("/", 1)[0] + f"/{name}"
    async with database.open_pool(DatabaseSettings(url=SecretStr(own)), role="bench") as pool:
        async with pool.acquire() as connection:
            await migrate(connection)
        yield pool


async def _p99s(databases: dict[int, Database], name: str, repeat: int) -> dict[str, list[float]]:
    took: dict[int, list[float]] = {rows: [] for rows in databases}
    for _ in range(repeat):
        for rows, each in databases.items():
            took[rows].append(await each.timed(name))
    found = {}
    for rows, times in took.items():
        ordered = sorted(times[repeat // 10 :])  # the first ones warm up
        found[str(rows)] = [round(ordered[int(len(ordered) * q)], 2) for q in (0.5, 0.99)]
    print(json.dumps({name: found}), file=sys.stderr)
    return found


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a table."""
    figures = report["p50_and_p99_ms"]
    small, *_, large = next(iter(figures.values()))
    lines = [
        "# The ledger as the log grows",
        "",
        f"Milliseconds, p50 / p99 of {report['repeat']} turns, by rows in the log; Postgres"
        f" {report['postgres']} (shared_buffers {report['shared_buffers']}), {report['machine']},"
        f" {report['date']}.",
        "",
        f"| operation | {int(small):,} | {int(large):,} | ratio p50 | ratio p99 |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, found in figures.items():
        few, many = found[small], found[large]
        lines.append(
            f"| {name} | {few[0]} / {few[1]} | {many[0]} / {many[1]} | {many[0] / few[0]:.2f} |"
            f" {many[1] / few[1]:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Parse the command line, run, write JSON and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=lambda s: [int(n) for n in s.split(",")], default=[10_000, 10_000_000])
    parser.add_argument("--repeat", type=int, default=1000)
    parser.add_argument("--shared-buffers", default="2GB", help="a ledger of millions has as much")
    parser.add_argument(
        "--folder", type=Path, help="keep the databases there, and find them filled next time"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    report = asyncio.run(run(arguments))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "ledger_growth.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "ledger_growth.md").write_text(markdown(report))
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
