"""Relays are killed and frozen while rows are written: Kafka has every row once, in order."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from bus.bridges import outbox
from bus.contract.topics import RELAY_CURSOR
from bus.kafka import admin
from bus.runtime.settings import KafkaSettings
from tests.bus.bridge_servers import (
    assert_once_each,
    assert_ordered,
    make_topic,
    numbered,
    read_all,
    until,
    values,
)
from tests.bus.fleet import SCALE, Fleet, havoc, kafka_environment, say, seeded

pytestmark = [pytest.mark.stack, pytest.mark.kill]

ROWS = int(3000 * SCALE)
KILLS = int(6 * SCALE)
FREEZES = int(2 * SCALE)
LEASE_S = 2.0
WRITERS = 4


async def write(pool: asyncpg.Pool, commands: str, events: str, writer: int, gap_s: float) -> None:
    """Write rows of two records each, as a request does. The rows of one writer must keep their order."""
    for number in range(writer, ROWS, WRITERS):
        records = [
            numbered(commands, f"writer-{writer}", number),
            numbered(events, f"writer-{writer}", number),
        ]
        async with pool.acquire() as connection, connection.transaction():
            await outbox.enqueue(connection, records)
        await asyncio.sleep(gap_s)


async def test_every_row_is_published_once_in_order(
    kafka_settings: KafkaSettings, fresh_database: str, unique: Callable[[str], str], tmp_path: Path
) -> None:
    dice = seeded()
    await admin.create_topics(kafka_settings, [RELAY_CURSOR])
    commands = (await make_topic(kafka_settings, unique("commands"))).name
    events = (await make_topic(kafka_settings, unique("events"), partitions=3)).name
    environment = kafka_environment(kafka_settings) | {
        "DATABASE_URL": fresh_database,
        "RELAY_NAME": unique("relay"),
        "RELAY_LEASE_SECONDS": str(LEASE_S),
        "RELAY_MAX_ROWS": "20",  # many small transactions give many points at which to be killed
    }
    takeovers: list[float] = []
    async with (
        asyncpg.create_pool(fresh_database, min_size=1, max_size=WRITERS + 2) as pool,
        Fleet("relay_worker.py", 3, environment, tmp_path / "workers.log") as fleet,
    ):

        async def numbered_so_far() -> int:
            return await pool.fetchval("SELECT next_seq - 1 FROM relay_lease") or 0

        async def active() -> int:
            """Return the worker that holds the lease, and with probability 0.2 a random one."""
            held = await pool.fetchrow("SELECT holder, epoch FROM relay_lease")
            pid = int(held["holder"].rpartition(":")[2])
            holders = [n for n, process in fleet.processes.items() if process.pid == pid]
            if not holders or dice.random() < 0.2:
                return dice.choice(sorted(fleet.processes))
            clock.append(asyncio.ensure_future(watch_takeover(held["epoch"])))
            return holders[0]

        async def watch_takeover(epoch: int) -> None:
            # The epoch was read before the kill: read here, it could be the successor's already.
            since = time.monotonic()

            async def taken() -> bool:
                return bool(await pool.fetchval("SELECT epoch > $1 FROM relay_lease", epoch))

            await until(taken, what="a successor")
            takeovers.append(time.monotonic() - since)

        clock: list[asyncio.Future[None]] = []
        gap_s = 20 * WRITERS / 3000  # 20 s of writing at scale 1
        writers = [write(pool, commands, events, writer, gap_s) for writer in range(WRITERS)]
        await asyncio.gather(
            havoc(
                fleet,
                dice,
                kills=KILLS,
                freezes=FREEZES,
                freeze_s=2 * LEASE_S,
                progress=numbered_so_far,
                total=ROWS,
                victim=active,
            ),
            *writers,
        )
        await asyncio.gather(*clock)

        async def empty() -> bool:
            return bool(await pool.fetchval("SELECT count(*) = 0 FROM outbox"))

        await until(empty, what="an empty outbox")
    for topic in (commands, events):
        records = await read_all(kafka_settings, topic)
        assert_once_each(values(records), ROWS)
        assert_ordered(records)
    if takeovers:
        median = statistics.median(takeovers)
        say(f"takeovers: {sorted(round(t, 2) for t in takeovers)} s, median {median:.2f} s")
    say(f"exits: {dict(fleet.exits)}")
