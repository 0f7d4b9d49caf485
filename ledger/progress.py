"""Projects `sharp.progress.v1` into Postgres: only sets a generation that a worker took to ``processing``.

Progress may be late, repeated or missing; it never changes a generation that ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.messages import GenerationStarted
from ledger.events import Event

PROJECTOR: Final = "ledger.progress"
"""The name in ``projector_offsets``."""

# A statement of its own: joined into the update, 1,000 rows took 160 ms instead of 35. It returns the status
# instead of filtering by it: Postgres may otherwise scan the index of all rows in flight for each batch.
_LOCK: Final = """
SELECT id, status FROM scene_generations WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"""
_STARTED: Final = """
UPDATE scene_generations s SET status = 'processing', updated_at = greatest(s.updated_at, e.time)
FROM unnest($1::uuid[], $2::timestamptz[]) AS e (id, time)
WHERE s.id = e.id"""


async def lock_generations(connection: asyncpg.Connection, generations: Sequence[UUID]) -> dict[UUID, str]:
    """Lock the rows and return their status, in the order of their ids.

    Two projectors that update them would otherwise deadlock. Generations without a row are left out.
    """
    return {row["id"]: row["status"] for row in await connection.fetch(_LOCK, generations)}


async def write(connection: asyncpg.Connection, events: Sequence[Event]) -> None:
    """Move started generations from ``pending`` to ``processing``."""
    started = {
        event.message.generation_id: event.time
        for event in reversed(events)
        if isinstance(event.message, GenerationStarted)
    }
    if not started:
        return
    found = await lock_generations(connection, list(started))
    waiting = [generation for generation, status in found.items() if status == "pending"]
    if waiting:
        await connection.execute(_STARTED, waiting, [started[generation] for generation in waiting])
