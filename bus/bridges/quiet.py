"""When a reader of the log of record has nothing to do, its records gather: one fetch a second, not each.

Most systems have no webhook, no partner and no export in hand for most of the time, but each reader of the
log costs Kafka a fetch, and Postgres a transaction, as often as something happens to anyone. What a reader
waits for is known before its record comes: it is asked of Postgres, at most once a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import asyncpg

from bus.bridges.postgres_errors import PASSING
from bus.bridges.projection import Apply, Projector, RawRecord

ASK_S: Final = 1.0


class Quiet:
    """``busy``: a query that returns whether anything is waited for. Seconds that records gather, by that."""

    def __init__(self, pool: asyncpg.Pool, busy: str, *, busy_s: float, quiet_s: float = 1.0) -> None:
        self._pool, self._query = pool, busy
        self._busy_s, self._quiet_s = busy_s, quiet_s
        self._busy = True
        self._ask_at = 0.0

    def gather_s(self) -> float:
        """Return how long records may gather now."""
        return self._busy_s if self._busy else self._quiet_s

    async def ask(self) -> None:
        """Ask again if the last answer is old; the caller has just read records."""
        now = asyncio.get_running_loop().time()
        if now < self._ask_at:
            return
        self._ask_at = now + ASK_S
        try:
            self._busy = await self._pool.fetchval(self._query)
        except PASSING:  # the next records ask again
            self._busy = True


class QuietProjector(Projector):
    """A projector that asks after each committed batch whether it is quiet."""

    def __init__(self, pool: asyncpg.Pool, quiet: Quiet, *, name: str, epoch: int, apply: Apply) -> None:
        super().__init__(pool, name=name, epoch=epoch, apply=apply)
        self.quiet = quiet

    async def project(self, records: Sequence[RawRecord]) -> int:
        """Apply the records, then ask."""
        done = await super().project(records)
        await self.quiet.ask()
        return done
