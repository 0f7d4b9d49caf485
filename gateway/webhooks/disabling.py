"""Disables endpoints: their row, pending deliveries and the event for their owner, in one transaction."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import asyncpg
import structlog

from bus.bridges import outbox
from bus.contract import ids, topics
from bus.contract.envelope import record
from bus.contract.messages import WebhookDisabled
from gateway.outbox import SOURCE
from gateway.webhooks import metrics

log = structlog.stdlib.get_logger(__name__)

_DISABLE: Final = """
UPDATE webhook_endpoints SET state = 'disabled', disabled_at = now(), disabled_reason = $2, updated_at = now()
WHERE id = $1 AND state = 'active' RETURNING account_id, disabled_at, failing_since"""
_CANCEL: Final = """
UPDATE webhook_deliveries SET state = 'cancelled', error = 'The endpoint was disabled.'
WHERE endpoint_id = $1 AND state = 'pending'"""


async def disable(connection: asyncpg.Connection, endpoint_id: UUID, *, reason: str) -> asyncpg.Record | None:
    """Disable an endpoint, inside a transaction; return account, time and since when it failed.

    Returns None if it was not active. Its pending deliveries are cancelled; a replay sends them again.
    """
    row = await connection.fetchrow(_DISABLE, endpoint_id, reason)
    if row is not None:
        await connection.execute(_CANCEL, endpoint_id)
    return row


async def give_up(pool: asyncpg.Pool, endpoint_id: UUID, *, reason: str) -> None:
    """Disable an endpoint that is ``gone`` or ``failing`` and publish ``webhook.disabled.v1``."""
    async with pool.acquire() as connection, connection.transaction():
        row = await disable(connection, endpoint_id, reason=reason)
        if row is None:
            return
        event = WebhookDisabled(
            webhook_id=endpoint_id,
            account_id=row["account_id"],
            reason=reason,
            failing_since=row["failing_since"],
        )
        # An endpoint may be disabled more than once, so the time is part of the event's id.
        kind, at = "webhook.disabled.v1", row["disabled_at"]
        event_id = ids.event_id(endpoint_id, kind, at.isoformat())
        event_record = record(
            topics.EVENTS, event, key=row["account_id"], source=SOURCE, time=at, event_id=event_id
        )
        await outbox.enqueue(connection, [event_record])
    metrics.DISABLED.labels(reason).inc()
    log.warning("webhook_disabled", webhook_id=str(endpoint_id), reason=reason)
