"""Suspends a partner that has too many consumer groups.

Each group stays in the memory of its broker and in the log of offsets for weeks, whether it has members or
not, and Kafka limits neither their number nor how fast they are made.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NoReturn

import asyncpg

from bus.runtime.periodic import repeat
from gateway.partners import suspension
from gateway.partners.kafka_admin import Cluster
from ledger.db import leader_turns

POLL_INTERVAL_S: Final = 60.0
"""At the default request quota a partner makes some ten thousand groups in that time, 10 MB of a broker."""
_ANY: Final = "SELECT EXISTS (SELECT FROM partners WHERE state = 'active')"


class GroupLimit:
    """Counts the groups of every partner, in one gateway at a time; more than ``limit`` suspend it."""

    def __init__(self, pool: asyncpg.Pool, cluster: Cluster, *, limit: int) -> None:
        self._pool, self._cluster, self._limit = pool, cluster, limit

    async def run(self) -> NoReturn:
        """Count until cancelled."""
        await repeat("partner_groups", self._take_turn, every_s=POLL_INTERVAL_S)

    async def _take_turn(self) -> None:
        if not await self._pool.fetchval(_ANY):
            return
        if await leader_turns.claim(self._pool, "partner_groups", timedelta(seconds=POLL_INTERVAL_S / 2)):
            await self.work()

    async def work(self) -> None:
        """Count once. Raises `KafkaRefusedError`."""
        counts = await self._cluster.count_groups()
        beyond = [slug for slug, count in counts.items() if count > self._limit]
        if beyond:
            await suspension.suspend(self._pool, beyond, suspension.GROUPS)
