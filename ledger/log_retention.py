"""Shortens the event log to the days that the installation keeps (LEDGER_EVENT_LOG_DAYS; default: for ever).

It removes the beginning of a partition, in short transactions, each of which moves the partition's floor: a
client that asks for what lies below it gets 410. Rows whose events are removed stay (scenes, usage); the
invariants and the rebuild know the floors. Kafka's log of record is not touched: its operator shortens it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NoReturn

import asyncpg
import structlog

from bus.contract import topics
from bus.runtime.periodic import repeat
from ledger.db import leader_turns
from ledger.projection import PROJECTOR

log = structlog.stdlib.get_logger(__name__)

LEAST_DAYS: Final = 30
"""Usage, redrives and webhooks read a job's own events: no job lives as long."""
EVERY: Final = timedelta(hours=1)
BATCH: Final = 5000
_POLL_INTERVAL_S: Final = 600.0

_PARTITIONS: Final = """
SELECT epoch, partition FROM projector_offsets WHERE projector = $1 AND topic = $2
ORDER BY epoch, partition"""
_FORGET: Final = "SELECT forget_old_events($1, $2, $3, $4)"


class LogRetention:
    """The periodic work; one ledger at a time does it."""

    def __init__(self, pool: asyncpg.Pool, days: int | None) -> None:
        self._pool, self._days = pool, days

    async def run(self) -> NoReturn:
        """Shorten the log about once an hour, until cancelled."""
        await repeat("event_log_retention", self._sweep, every_s=_POLL_INTERVAL_S)

    async def work(self) -> int:
        """Remove what is older; return how many events that were."""
        if self._days is None:
            return 0
        removed = 0
        for epoch, partition in await self._pool.fetch(_PARTITIONS, PROJECTOR, topics.EVENTS.name):
            while done := await self._once(epoch, partition, self._days):
                removed += done
        if removed:
            log.info("event_log_shortened", events=removed, days=self._days)
        return removed

    async def _sweep(self) -> None:
        if self._days is not None and await leader_turns.claim(self._pool, "event_log_retention", EVERY):
            await self.work()

    async def _once(self, epoch: int, partition: int, days: int) -> int:
        """Remove one batch of one partition in one transaction."""
        return int(await self._pool.fetchval(_FORGET, epoch, partition, days, BATCH))
