"""Counts what the tables hold that operators must know of: dead letters, parked records, the database's size.

Counters in the processes say what happened; after a restart only the rows say what still waits for a person.
"""

from __future__ import annotations

from typing import Final, NoReturn

import asyncpg

from bus.runtime.periodic import repeat
from ledger import dead_letters, metrics, progress
from ledger.projection import PROJECTOR

EVERY_S: Final = 30.0
PARKING: Final = (PROJECTOR, progress.PROJECTOR, "export.jobs")
"""The projectors that park records."""
_DEAD: Final = "SELECT topic, count(*) AS count FROM dead_letters WHERE state = 'open' GROUP BY topic"
_PARKED: Final = "SELECT projector, count(*) AS count FROM parked_events GROUP BY projector"
_BYTES: Final = "SELECT pg_database_size(current_database())"


async def count(pool: asyncpg.Pool) -> NoReturn:
    """Count about every `EVERY_S` seconds, until cancelled."""

    async def work() -> None:
        await report(pool)

    await repeat("stored_counts", work, every_s=EVERY_S, at_once=True)


async def report(pool: asyncpg.Pool) -> None:
    """Count once and set the metrics; what is no longer there is 0."""
    dead = {row["topic"]: row["count"] for row in await pool.fetch(_DEAD)}
    for topic in dead_letters.TOPICS:
        metrics.DEAD_OPEN.labels(topic.name).set(dead.get(topic.name, 0))
    parked = {row["projector"]: row["count"] for row in await pool.fetch(_PARKED)}
    for projector in PARKING:
        metrics.PARKED_OPEN.labels(projector).set(parked.get(projector, 0))
    metrics.DATABASE_BYTES.set(await pool.fetchval(_BYTES))
