"""Suspends a partner whose records cannot be decoded, in the transaction that answers the last of them.

A client library does not write such records, so many of them are an attack or a broken program. The row is
suspended at once, so that further commands are rejected; the gateways then revoke the rights in Kafka
(`gateway.partners.lifecycle`). An admin's `resume` restores them and counts from zero.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from gateway.partners import metrics

log = structlog.stdlib.get_logger(__name__)

ADMIN: Final = "admin"
UNREADABLE: Final = "unreadable_records"
MESSAGES: Final = {
    ADMIN: "An admin suspended it; POST /partners/{id}/resume restores its rights.",
    UNREADABLE: "Too many of its records could not be decoded. Have its program mended, then "
    "POST /partners/{id}/resume restores its rights.",
}
"""Reason -> what an admin reads: what happened, and the way back."""
WITHIN: Final = timedelta(hours=1)
"""The count starts again once its first record is older than this."""

_COUNT: Final = """
UPDATE partners SET
    unreadable_records =
        CASE WHEN unreadable_since > now() - $2::interval THEN unreadable_records + 1 ELSE 1 END,
    unreadable_since =
        CASE WHEN unreadable_since > now() - $2::interval THEN unreadable_since ELSE now() END
WHERE id = $1 RETURNING unreadable_records"""
# `settled` and `due_at` make a gateway revoke the rights in Kafka.
_SUSPEND: Final = """
UPDATE partners SET state = 'suspended', suspended_because = 'unreadable_records',
    settled = false, due_at = now(), updated_at = now()
WHERE id = $1 AND state = 'active' RETURNING slug"""


async def count_unreadable(connection: asyncpg.Connection, partner_id: UUID, *, limit: int) -> None:
    """Count one undecodable record of a partner; suspend the partner at the ``limit``."""
    metrics.UNREADABLE.inc()
    if await connection.fetchval(_COUNT, partner_id, WITHIN) < limit:
        return
    slug = await connection.fetchval(_SUSPEND, partner_id)
    if slug is not None:
        metrics.SUSPENDED.labels(UNREADABLE).inc()
        log.warning("partner_suspended", partner_id=str(partner_id), slug=slug, reason=UNREADABLE)
