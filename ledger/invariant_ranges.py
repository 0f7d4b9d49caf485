"""Checks the invariants range by range; where each rule stands is a row, which survives restarts.

One range is one short transaction with a limit of its own. One that takes too long is counted, logged and
tried again with half the rows, so that no check can end in silence: a rule's ``checked_at`` moves only when
every range of it was read. Several ledgers share the work: who holds a rule's row does its next range.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import structlog

from ledger import invariants, metrics

log = structlog.stdlib.get_logger(__name__)

LONGEST_S: Final = 20
"""Limit of one statement; the pool's own, which would end the connection, is three times that."""
FEWEST: Final = 500
"""A range of so few rows that takes too long fails the round: the database itself is too slow."""
QUICK_S: Final = 2.0
"""After a range that took less, the next one has twice the rows, up to `invariants.RANGE`."""

_KNOW: Final = """
INSERT INTO invariant_checks (rule, range_rows) SELECT rule, $2 FROM unnest($1::text[]) AS known (rule)
ON CONFLICT DO NOTHING"""
_DUE: Final = """
SELECT rule FROM invariant_checks WHERE rule = ANY($1::text[])
AND (reached IS NOT NULL OR checked_at IS NULL OR checked_at < now() - $2::interval)
ORDER BY checked_at NULLS FIRST, rule"""
_TAKE: Final = """
SELECT reached, range_rows, found, found_ids FROM invariant_checks WHERE rule = $1
AND (reached IS NOT NULL OR checked_at IS NULL OR checked_at < now() - $2::interval)
FOR UPDATE SKIP LOCKED"""
_REACH: Final = """
UPDATE invariant_checks SET reached = $2, found = $3, found_ids = $4, range_rows = CASE
    WHEN clock_timestamp() - now() < make_interval(secs => $5) THEN least(range_rows * 2, $6)
    ELSE range_rows END WHERE rule = $1"""
_COMPLETE: Final = """
UPDATE invariant_checks SET reached = NULL, found = 0, found_ids = '{}', checked_at = now(),
    exceptions = $2, exception_ids = $3 WHERE rule = $1"""
_HALVE: Final = "UPDATE invariant_checks SET range_rows = greatest(range_rows / 2, $2) WHERE rule = $1"
_RESULTS: Final = """
SELECT rule, checked_at, exceptions, exception_ids FROM invariant_checks
WHERE rule = ANY($1::text[]) AND checked_at IS NOT NULL"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What the last complete check of a rule found, and when it ended."""

    rule: str
    at: datetime
    count: int
    ids: list[str]


async def results(pool: asyncpg.Pool) -> list[Checked]:
    """Return the last complete check of each rule that had one."""
    rows = await pool.fetch(_RESULTS, list(invariants.RULES))
    return [
        Checked(rule=row["rule"], at=row["checked_at"], count=row["exceptions"], ids=row["exception_ids"])
        for row in rows
    ]


async def check_due(
    pool: asyncpg.Pool, every: timedelta, *, longest_s: float = LONGEST_S, size: int = invariants.RANGE
) -> list[str]:
    """Check every rule whose last check began ``every`` ago, or goes on; return those completed here.

    A rule that fails stays due and hinders no other.
    """
    await pool.execute(_KNOW, list(invariants.RULES), size)
    due = [row["rule"] for row in await pool.fetch(_DUE, list(invariants.RULES), every)]
    return [rule for rule in due if await _check(pool, rule, every, longest_s=longest_s, size=size)]


async def _check(pool: asyncpg.Pool, rule: str, every: timedelta, *, longest_s: float, size: int) -> bool:
    """Go through the ranges that are left; return whether this process read the last one."""
    while True:
        try:
            done = await _range(pool, rule, every, longest_s=longest_s, size=size)
        except (asyncpg.QueryCanceledError, TimeoutError) as error:
            rows = await _halved(pool, rule)
            metrics.CHECKS_FAILED.labels("timeout").inc()
            log.warning("invariant_range_too_slow", rule=rule, range_rows=rows, error=repr(error))
            if rows is None:
                return False
        except Exception as error:  # noqa: BLE001  (one rule must not hinder the others)
            metrics.CHECKS_FAILED.labels("error").inc()
            log.error("invariant_not_checked", rule=rule, error=repr(error))
            return False
        else:
            if done is not None:
                return done


async def _range(
    pool: asyncpg.Pool, rule: str, every: timedelta, *, longest_s: float, size: int
) -> bool | None:
    """Check the next range; return True after the last one, False where another ledger has the rule."""
    stated = invariants.RULES[rule]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL statement_timeout = {int(longest_s * 1000)}")
        row = await connection.fetchrow(_TAKE, rule, every)
        if row is None:
            return False
        after = row["reached"] or invariants.BEFORE[stated.kind]
        end = await invariants.end_of_range(connection, stated, after, row["range_rows"])
        if end is None:
            await connection.execute(_COMPLETE, rule, row["found"], row["found_ids"])
            return True
        count, ids = await invariants.exceptions(connection, stated, after, end)
        found = row["found_ids"] + ids
        await connection.execute(
            _REACH, rule, end, row["found"] + count, found[: invariants.SHOWN], QUICK_S, size
        )
    return None


async def _halved(pool: asyncpg.Pool, rule: str) -> int | None:
    """Halve the rule's ranges; return their rows, None where they were the smallest already."""
    rows: int | None = await pool.fetchval("SELECT range_rows FROM invariant_checks WHERE rule = $1", rule)
    if rows is None or rows <= FEWEST:
        return None
    await pool.execute(_HALVE, rule, FEWEST)
    return max(rows // 2, FEWEST)
