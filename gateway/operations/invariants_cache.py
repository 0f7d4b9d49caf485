"""The ledger's invariants for whoever asks over HTTP: computed seldom, by one caller for all.

They read the whole log, so a result is kept for a minute from when it was there, those who come meanwhile
wait for the one check that runs, and Postgres ends one that takes too long.
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
"""For one rule. A log too long for that is for ``python -m ledger invariants``, which takes its time."""


class InvariantsUnreadableError(TransientError):
    """The check took too long; ask the ledger's own command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a check found, and when it began."""

    checked_at: datetime
    broken: list[invariants.Broken]


class InvariantsCache:
    """Looks at the books; ``keep_s`` is how long a look lasts."""

    def __init__(self, pool: asyncpg.Pool, *, keep_s: float = KEEP_S) -> None:
        self._pool, self._keep_s = pool, keep_s
        self._turn = asyncio.Lock()
        self._found: Found | InvariantsUnreadableError | None = None
        self._until = 0.0

    async def read(self) -> Found:
        """Return what was found, at most ``keep_s`` ago. Raises `InvariantsUnreadableError`."""
        async with self._turn:
            if self._found is None or time.monotonic() >= self._until:
                self._found = await self._check()
                self._until = time.monotonic() + self._keep_s
            if isinstance(self._found, InvariantsUnreadableError):
                raise self._found  # for a minute, or the next to ask would try it again
            return self._found

    async def _check(self) -> Found | InvariantsUnreadableError:
        began = datetime.now(UTC)
        async with self._pool.acquire() as connection:
            await connection.execute(f"SET statement_timeout = '{LONGEST_S}s'")  # the pool resets it
            try:
                return Found(checked_at=began, broken=await invariants.check(connection))
            except asyncpg.QueryCanceledError:
                return InvariantsUnreadableError("The log is too long to be checked in between.")
