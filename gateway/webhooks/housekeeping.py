"""Removes old deliveries and messages, and counts pending deliveries."""

from __future__ import annotations

from typing import Final

import asyncpg
import structlog

from bus.runtime.periodic import repeat
from gateway.webhooks import metrics
from gateway.webhooks.queue import Queue

log = structlog.stdlib.get_logger(__name__)

COUNT_EVERY_S: Final = 10.0
SURVEY_EVERY_S: Final = 60.0
"""Reads every pending delivery and every endpoint, hence less often."""
CLEAN_EVERY_S: Final = 600.0
BATCH: Final = 2000
"""Rows a statement; short transactions hold no locks for long."""

_DELIVERIES: Final = """
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT id FROM webhook_deliveries
    WHERE state <> 'pending' AND created_at < now() - make_interval(secs => $1)
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)"""
# Messages are locked before their references are checked: inserting a delivery takes the same lock.
_MESSAGES: Final = """
DELETE FROM webhook_messages WHERE event_id IN (
    SELECT m.event_id FROM webhook_messages m
    WHERE m.created_at < now() - make_interval(secs => $1)
        AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.event_id = m.event_id)
    LIMIT $2 FOR UPDATE SKIP LOCKED)"""


async def clean(pool: asyncpg.Pool, older_than_s: float) -> int:
    """Remove old ended deliveries and old unreferenced messages; return the number of rows."""
    removed = 0
    for statement in (_DELIVERIES, _MESSAGES):
        while True:
            try:
                done = int((await pool.execute(statement, older_than_s, BATCH)).rpartition(" ")[2])
            except asyncpg.ForeignKeyViolationError:
                break  # one of them is being redelivered; the next round removes the rest
            removed += done
            if done < BATCH:
                break
    return removed


async def cleaning(pool: asyncpg.Pool, older_than_s: float) -> None:
    """Clean periodically, until cancelled."""

    async def work() -> None:
        if removed := await clean(pool, older_than_s):
            log.info("webhooks_cleaned", rows=removed)

    await repeat("webhook_cleaning", work, every_s=CLEAN_EVERY_S)


async def counting(queue: Queue) -> None:
    """Update the gauges of due deliveries, until cancelled."""

    async def work() -> None:
        due, lag = await queue.due()
        metrics.DUE.set(due)
        metrics.LAG.set(lag)

    await repeat("webhook_counting", work, every_s=COUNT_EVERY_S, spread=0, at_once=True)


async def surveying(queue: Queue) -> None:
    """Update the gauges of pending deliveries and of endpoints, until cancelled."""

    async def work() -> None:
        metrics.OLDEST.set(await queue.oldest_pending_s())
        for state, count in (await queue.endpoints()).items():
            metrics.ENDPOINTS.labels(state).set(count)

    await repeat("webhook_survey", work, every_s=SURVEY_EVERY_S, spread=0, at_once=True)
