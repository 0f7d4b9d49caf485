"""Checks the invariants periodically and reports exceptions, failures and times by metrics and in the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NoReturn
from uuid import UUID

import asyncpg
import structlog

from bus.runtime.periodic import repeat
from ledger import invariant_ranges, invariants, metrics
from ledger.invariant_runbook import REMEDIES

log = structlog.get_logger(__name__)

ROUND_S: Final = 60.0
"""A round does what is due; so a check that failed is tried again at once, not after an hour."""
_AGREE: Final = """
UPDATE restores r SET agreed_at = now() WHERE agreed_at IS NULL AND cardinality($1::text[]) = (
    SELECT count(*) FROM invariant_checks c
    WHERE c.rule = ANY($1) AND c.exceptions = 0 AND c.checked_at > r.restored_at) RETURNING id"""


async def inspect(pool: asyncpg.Pool, *, every_s: float) -> NoReturn:
    """Check all rules about every ``every_s`` seconds, until cancelled. A failure is retried in a minute."""
    every = timedelta(seconds=every_s)

    async def work() -> None:
        await report(pool)  # also what another ledger, or this one before its restart, has found
        if completed := await invariant_ranges.check_due(pool, every):
            await report(pool, logged=completed)
        if restored := await agree(pool):
            log.info("restore_agreed", backups=[str(each) for each in restored])

    await repeat("invariants", work, every_s=min(every_s, ROUND_S), at_once=True)


async def report(pool: asyncpg.Pool, *, logged: Sequence[str] = ()) -> None:
    """Set the metrics from the last complete check of each rule; log exceptions to those in ``logged``."""
    for found in await invariant_ranges.results(pool):
        metrics.EXCEPTIONS.labels(found.rule).set(found.count)
        metrics.CHECKED.labels(found.rule).set(found.at.timestamp())
        if found.count and found.rule in logged:
            log.error(
                "invariant_violated",
                rule=found.rule,
                count=found.count,
                ids=found.ids[:10],
                remedy=REMEDIES[found.rule],
            )


async def agree(pool: asyncpg.Pool) -> list[UUID]:
    """Note that every rule was checked and holds since a restore; return those of which that is new."""
    return [row["id"] for row in await pool.fetch(_AGREE, list(invariants.RULES))]
