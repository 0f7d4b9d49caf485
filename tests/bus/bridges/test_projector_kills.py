"""Projectors are killed and frozen under load: every record is once in Postgres, each partition in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from bus.runtime.settings import KafkaSettings
from tests.bus.bridge_servers import SESSION_S, assert_once_each, make_topic, numbered, produce, until
from tests.bus.fleet import SCALE, Fleet, havoc, kafka_environment, say, seeded

pytestmark = [pytest.mark.stack, pytest.mark.kill]

RECORDS = int(6000 * SCALE)
KILLS = int(6 * SCALE)
FREEZES = int(2 * SCALE)
PARTITIONS = 6


async def test_every_record_is_projected_once_in_order(
    kafka_settings: KafkaSettings, fresh_database: str, unique: Callable[[str], str], tmp_path: Path
) -> None:
    dice = seeded()
    incoming = await make_topic(kafka_settings, unique("in"), partitions=PARTITIONS)
    environment = kafka_environment(kafka_settings) | {
        "DATABASE_URL": fresh_database,
        "GROUP": unique("group"),
        "TOPIC_IN": incoming.name,
        "SESSION_SECONDS": str(SESSION_S),
        "MAX_RECORDS": "20",  # many small transactions give many points at which to be killed
        "WORK_SECONDS": "0.1",
    }
    await produce(
        kafka_settings, [numbered(incoming.name, f"key-{dice.randrange(40)}", n) for n in range(RECORDS)]
    )
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=2) as pool:
        await pool.execute(
            "CREATE TABLE seen (nth bigint GENERATED ALWAYS AS IDENTITY, number bigint, key text,"
            " partition int, place bigint)"
        )

        async def projected() -> int:
            return int(await pool.fetchval("SELECT count(*) FROM seen"))

        async def complete() -> bool:
            return await projected() >= RECORDS

        async with Fleet("projector_worker.py", 3, environment, tmp_path / "workers.log") as fleet:
            await havoc(
                fleet,
                dice,
                kills=KILLS,
                freezes=FREEZES,
                freeze_s=SESSION_S + 2,
                progress=projected,
                total=RECORDS,
            )
            await until(complete, what="all records", within_s=120)
        assert_once_each([row["number"] for row in await pool.fetch("SELECT number FROM seen")], RECORDS)
        # The identity column counts inserts; within a partition they must have Kafka's order.
        disorder = await pool.fetchval(
            "SELECT count(*) FROM (SELECT place,"
            " lag(place) OVER (PARTITION BY partition ORDER BY nth) AS before FROM seen) AS p"
            " WHERE place <= before"
        )
        assert disorder == 0
    say(f"exits: {dict(fleet.exits)}")
