"""Caches the ledger's invariants for HTTP: one check at a time serves all callers.

A check reads the whole log. So a result is kept for a minute after it is complete, callers that arrive during
a check wait for its result, and Postgres ends a check that takes too long.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg

from bus.runtime.errors import TransientError
from ledger import invariants

KEEP_S: Final = 60.0
LONGEST_S: Final = 30
"""Limit for one rule. For a longer log use ``python -m ledger invariants``, which has no limit."""


class InvariantsUnreadableError(TransientError):
    """The check took too long; use ``python -m ledger invariants``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The result of a check, and when the check began."""

    checked_at: datetime
    broken: list[invariants.Broken]


class InvariantsCache:
    """Checks the invariants; ``keep_s`` is how long a result is reused."""

    def __init__(self, pool: asyncpg.Pool, *, keep_s: float = KEEP_S) -> None:
        self._pool, self._keep_s = pool, keep_s
        self._turn = asyncio.Lock()
        self._found: Found | InvariantsUnreadableError | None = None
        self._until = 0.0

    async def read(self) -> Found:
        """Return a result at most ``keep_s`` old. Raises `InvariantsUnreadableError`."""
        async with self._turn:
            if self._found is None or time.monotonic() >= self._until:
                self._found = await self._check()
                self._until = time.monotonic() + self._keep_s
            if isinstance(self._found, InvariantsUnreadableError):
                raise self._found  # cached too, so that the next caller does not repeat it
            return self._found

    async def _check(self) -> Found | InvariantsUnreadableError:
        began = datetime.now(UTC)
        async with self._pool.acquire() as connection:
            await connection.execute(f"SET statement_timeout = '{LONGEST_S}s'")
            try:
                return Found(checked_at=began, broken=await invariants.check(connection))
            except asyncpg.QueryCanceledError:
                return InvariantsUnreadableError("The log is too long to be checked in between.")
            finally:
                await connection.reset()
