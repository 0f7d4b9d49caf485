"""Removes objects from the blob store that the tables no longer need; the queue survives restarts.

Every gateway runs one worker. The requests lie in ``blob_removals``, written in the transaction that makes
the objects unneeded (`ledger.db.removals`). A row is deleted only after its objects are gone. Claiming a row
sets when it is due again, so that it is retried after a killed process as after an unreachable store.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Final

import asyncpg
import structlog

from bus.blobs import Blobs
from ledger.db import restores

_log = structlog.stdlib.get_logger(__name__)

POLL_INTERVAL_S: Final = 5.0
"""Between polls without `Removals.wake`: for requests of other processes, and for retries that are due."""
BATCH: Final = 100
_AT_ONCE: Final = 8

# The next attempt is 1, 2, 4 ... minutes after the claim, an hour at most: far longer than one removal takes.
_CLAIM: Final = f"""
UPDATE blob_removals SET attempts = attempts + 1,
    due_at = now() + least(interval '1 hour', interval '1 minute' * 2 ^ least(attempts, 10))
WHERE id IN (SELECT id FROM blob_removals WHERE due_at <= now() AND {restores.NO_BACKUP}
             ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING id, key, attempts"""  # noqa: S608  (a constant of ours)
_DONE: Final = "DELETE FROM blob_removals WHERE id = ANY($1::bigint[])"
_FAILED: Final = """
UPDATE blob_removals b SET error = f.error FROM unnest($1::bigint[], $2::text[]) AS f (id, error)
WHERE b.id = f.id"""


class Removals:
    """The queue and its worker."""

    def __init__(self, pool: asyncpg.Pool, store: Blobs) -> None:
        self._pool, self._store = pool, store
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Poll now, because new rows are committed; otherwise they wait for up to `POLL_INTERVAL_S`."""
        self._woken.set()

    async def run(self) -> None:
        """Process the queue until cancelled."""
        while True:
            self._woken.clear()
            try:
                while await self.work() == BATCH:
                    pass
            except Exception as error:  # noqa: BLE001  (the next poll retries)
                _log.warning("removals_interrupted", error=repr(error))
            with suppress(TimeoutError):
                # Jitter, because all gateways poll one table.
                await asyncio.wait_for(self._woken.wait(), POLL_INTERVAL_S * random.uniform(0.8, 1.2))  # noqa: S311

    async def work(self) -> int:
        """Carry out up to `BATCH` requests that are due; return how many were claimed."""
        claimed = await self._pool.fetch(_CLAIM, BATCH)
        gate = asyncio.Semaphore(_AT_ONCE)
        errors = await asyncio.gather(*(self._carry_out(gate, row) for row in claimed))
        failed = {row["id"]: error for row, error in zip(claimed, errors, strict=True) if error}
        if failed:
            await self._pool.execute(_FAILED, list(failed), list(failed.values()))
        if done := [row["id"] for row in claimed if row["id"] not in failed]:
            await self._pool.execute(_DONE, done)
        return len(claimed)

    async def _carry_out(self, gate: asyncio.Semaphore, row: asyncpg.Record) -> str | None:
        """Remove the objects of one request; return the error, which must not stop the other requests."""
        key: str = row["key"]
        async with gate:
            try:
                for each in await self._store.keys(key) if key.endswith("/") else [key]:
                    await self._store.delete(each)
            except Exception as error:  # noqa: BLE001  (kept in the row, retried)
                _log.warning("blob_not_removed", key=key, attempts=row["attempts"], error=repr(error))
                return repr(error)
        return None
