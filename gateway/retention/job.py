"""Erases what accounts keep no longer: every few minutes, on one gateway, in short transactions.

A transaction erases one batch of one kind of one account, writes it into the record and enqueues its objects
and events. So a process that is killed anywhere leaves whole batches, and the next turn goes on behind them.
The policy is read inside the transaction, with the account's row held: after a policy was changed, nothing is
erased by the former one. What is due was marked by no earlier batch, and is computed by the database's clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter

from bus.contract.ids import new_id
from bus.contract.retention import KINDS
from gateway.operations.blob_deletion import Removals
from gateway.retention import due
from gateway.retention.erase import ERASERS, Erased, by_request
from gateway.retention.repository import Policies
from ledger.db import leader_turns

EVERY: Final = timedelta(minutes=5)
_FIRST: Final = UUID(int=0)
_ERASED: Final = Counter("sharpstream_retention_erased_total", "What retention erased, by kind.", ["kind"])
_log = structlog.stdlib.get_logger(__name__)

# Shared, so that requests of the account go on; `Policies.put` takes it alone.
_HOLD: Final = "SELECT FROM users WHERE id = $1 FOR KEY SHARE"
_RECORD: Final = """
INSERT INTO erasures AS e (id, account_id, kind, day, erased, first_at, last_at)
VALUES ($1, $2, $3, (now() AT TIME ZONE 'UTC')::date, $4, now(), now())
ON CONFLICT (account_id, kind, day) DO UPDATE
SET erased = e.erased + excluded.erased, last_at = excluded.last_at"""

Batch = Callable[[asyncpg.Connection, UUID], Awaitable[Erased]]


class Retention:
    """The periodic work; gateways may run it concurrently."""

    def __init__(self, pool: asyncpg.Pool, policies: Policies, removals: Removals) -> None:
        self._pool, self._policies, self._removals = pool, policies, removals

    async def sweep(self) -> None:
        """Erase what is due if it is this gateway's turn."""
        if await leader_turns.claim(self._pool, "retention", EVERY):
            await self.work()

    async def work(self) -> None:
        """Erase everything that is due; an account whose batch fails stops no other."""
        async for account_id in _pages(partial(due.requested, self._pool)):
            await self._account(account_id, "scenes", by_request)
        for kind in KINDS:
            hours = getattr(self._policies.default, kind)
            async for account_id in _pages(partial(due.accounts, self._pool, kind, hours)):
                await self._account(account_id, kind, partial(self._by_policy, kind))

    async def _account(self, account_id: UUID, kind: str, batch: Batch) -> None:
        try:
            while await self._once(account_id, kind, batch):
                pass
        except Exception as error:  # noqa: BLE001  (the next turn retries)
            _log.warning("retention_failed", account_id=str(account_id), kind=kind, exc_info=error)

    async def _once(self, account_id: UUID, kind: str, batch: Batch) -> bool:
        """Erase one batch in one transaction; return whether there may be more."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_HOLD, account_id)
            done = await batch(connection, account_id)
            if done.amount:
                await connection.execute(_RECORD, new_id(), account_id, kind, done.amount)
        if done.amount:
            _ERASED.labels(kind).inc(done.amount)
            _log.info("retention_erased", account_id=str(account_id), kind=kind, count=done.amount)
            self._removals.wake()
        return done.more

    async def _by_policy(self, kind: str, connection: asyncpg.Connection, account_id: UUID) -> Erased:
        # A separate statement: it sees a policy that was committed while the account's row was waited for.
        hours = getattr((await self._policies.of(account_id, connection)).policy, kind)
        return Erased(0, more=False) if hours is None else await ERASERS[kind](connection, account_id, hours)


async def _pages(page: Callable[[UUID], Awaitable[list[UUID]]]) -> AsyncIterator[UUID]:
    after = _FIRST
    while found := await page(after):
        for each in found:
            yield each
        after = found[-1]
