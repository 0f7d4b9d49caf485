"""What waits and who works, for admins: counts of Postgres, and the workers that Kafka knows as members.

Read once in `KEEP_S` seconds at most, however many ask. Kafka may be away: then the workers are unknown, and
the counts are shown all the same. Which model a worker runs is known only of the scenes made lately.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from aiokafka.admin import AIOKafkaAdminClient

from bus.runtime.settings import KafkaSettings

_log = structlog.stdlib.get_logger(__name__)

KEEP_S: Final = 5.0
ACCOUNTS: Final = 20
MOST: Final = 100_000
"""Rows are counted up to here."""
ASK_S: Final = 5.0
"""Kafka answers in so long, or the workers are unknown."""
_PRIORITIES: Final = f"""
SELECT priority, count(*) FILTER (WHERE status = 'pending') AS waiting,
       count(*) FILTER (WHERE status = 'processing') AS processing,
       min(created_at) FILTER (WHERE status = 'pending') AS oldest
FROM (SELECT priority, status, created_at FROM scene_generations WHERE status IN ('pending', 'processing')
      LIMIT {MOST}) own GROUP BY priority ORDER BY priority DESC"""  # noqa: S608  (a constant)
_EXPORTS: Final = f"""
SELECT 'exports' AS priority, count(*) FILTER (WHERE status = 'pending') AS waiting,
       count(*) FILTER (WHERE status = 'processing') AS processing,
       min(created_at) FILTER (WHERE status = 'pending') AS oldest
FROM (SELECT status, created_at FROM export_jobs WHERE status IN ('pending', 'processing')
      LIMIT {MOST}) own"""  # noqa: S608
_ACCOUNTS: Final = f"""
SELECT g.user_id AS account_id, u.email, count(*) FILTER (WHERE g.priority = 'interactive') AS interactive,
       count(*) FILTER (WHERE g.priority = 'bulk') AS bulk,
       (SELECT count(*) FROM outbox o WHERE o.held_for = g.user_id) AS held, min(g.created_at) AS oldest
FROM (SELECT user_id, priority, created_at FROM scene_generations WHERE status IN ('pending', 'processing')
      LIMIT {MOST}) g JOIN users u ON u.id = g.user_id
GROUP BY g.user_id, u.email ORDER BY count(*) DESC, g.user_id LIMIT {ACCOUNTS}"""  # noqa: S608
_MODELS: Final = """
SELECT metadata #>> '{model,name}' AS name, metadata #>> '{model,device}' AS device, count(*) AS scenes,
       max(updated_at) AS last_at
FROM (SELECT metadata, updated_at FROM scene_generations WHERE status = 'completed'
      AND updated_at > now() - interval '1 hour' ORDER BY updated_at DESC LIMIT 500) own
GROUP BY 1, 2 ORDER BY last_at DESC"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Jobs of a priority, or all exports: how many wait, since when the oldest, how many are at work."""

    priority: str
    waiting: int
    processing: int
    oldest: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OfAccount:
    """What an account has in flight; ``held``: bulk commands that wait for their turn in the outbox."""

    account_id: UUID
    email: str
    interactive: int
    bulk: int
    held: int
    oldest: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """What made the scenes of the last hour (of 500 scenes at most)."""

    name: str | None
    device: str | None
    scenes: int
    last_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """All of it at one time. ``workers``: the names of the living ones; None: Kafka does not say."""

    at: datetime
    waiting: list[Waiting]
    accounts: list[OfAccount]
    workers: list[str] | None
    models: list[Made]


class QueueOverview:
    """Reads it; ``group`` is that of the inference consumers."""

    def __init__(self, pool: asyncpg.Pool, kafka: KafkaSettings, *, group: str) -> None:
        self._pool, self._kafka, self._group = pool, kafka, group
        self._turn = asyncio.Lock()
        self._known: tuple[float, Overview] | None = None

    async def read(self) -> Overview:
        """Return it, at most `KEEP_S` old."""
        async with self._turn:
            if self._known is None or self._known[0] <= time.monotonic():
                found = await self._read()
                self._known = (time.monotonic() + KEEP_S, found)
            return self._known[1]

    async def _read(self) -> Overview:
        workers = asyncio.create_task(self._workers())
        at = datetime.now(UTC)
        try:
            waiting = await self._pool.fetch(_PRIORITIES) + await self._pool.fetch(_EXPORTS)
            accounts = await self._pool.fetch(_ACCOUNTS)
            models = await self._pool.fetch(_MODELS)
            return Overview(
                at=at,
                waiting=[Waiting(**row) for row in waiting],
                accounts=[OfAccount(**row) for row in accounts],
                models=[Made(**row) for row in models],
                workers=await workers,
            )
        finally:
            workers.cancel()

    async def _workers(self) -> list[str] | None:
        """Return the members of the group by the names that they gave themselves."""
        admin = AIOKafkaAdminClient(**self._kafka.client_options(), request_timeout_ms=int(ASK_S * 1000))
        try:
            async with asyncio.timeout(ASK_S):
                await admin.start()
                (answer,) = await admin.describe_consumer_groups([self._group])
            return sorted({member[1] for described in answer.groups for member in described[5]})
        except Exception as error:  # noqa: BLE001  (the counts are shown without the workers)
            _log.warning("workers_unknown", error=repr(error))
            return None
        finally:
            await admin.close()
