"""Checks the invariants periodically and reports exceptions by a metric and in the log."""

from __future__ import annotations

from typing import Final, NoReturn

import asyncpg
import structlog
from prometheus_client import Gauge

from bus.runtime.periodic import repeat
from ledger import invariants
from ledger.invariant_runbook import REMEDIES

log = structlog.get_logger(__name__)

EXCEPTIONS: Final = Gauge("sharpstream_ledger_exceptions", "Exceptions to an invariant; 0 is good.", ["rule"])


async def inspect(pool: asyncpg.Pool, *, every_s: float) -> NoReturn:
    """Check all rules about every ``every_s`` seconds, until cancelled. A failed check is retried later."""

    async def work() -> None:
        async with pool.acquire() as connection:
            broken = {item.rule: item for item in await invariants.check(connection)}
        for rule in invariants.RULES:
            EXCEPTIONS.labels(rule).set(broken[rule].count if rule in broken else 0)
        for rule, item in broken.items():
            log.error(
                "invariant_violated", rule=rule, count=item.count, ids=item.ids[:10], remedy=REMEDIES[rule]
            )

    await repeat("invariants", work, every_s=every_s)
