"""Suspends a partner: many of its records cannot be decoded, or it has too many consumer groups.

A client library does not write such records, so many of them are an attack or a broken program; the partner
is suspended in the transaction that answers the last of them. The row is
suspended at once, so that further commands are rejected; the gateways then revoke the rights in Kafka
(`gateway.partners.lifecycle`). An admin's `resume` restores them and counts from zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from gateway.partners import metrics

log = structlog.stdlib.get_logger(__name__)

ADMIN: Final = "admin"
UNREADABLE: Final = "unreadable_records"
GROUPS: Final = "consumer_groups"
MESSAGES: Final = {
    ADMIN: "An admin suspended it; POST /partners/{id}/resume restores its rights.",
    UNREADABLE: "Too many of its records could not be decoded. Have its program mended, then "
    "POST /partners/{id}/resume restores its rights.",
    GROUPS: "It has too many consumer groups. Delete those that it does not need "
    "(kafka-consumer-groups --delete --group NAME), then POST /partners/{id}/resume restores its rights.",
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
WHERE id = $1 RETURNING slug, unreadable_records"""
# `settled` and `due_at` make a gateway revoke the rights in Kafka.
_SUSPEND: Final = """
UPDATE partners SET state = 'suspended', suspended_because = $2,
    settled = false, due_at = now(), updated_at = now()
WHERE slug = ANY($1::text[]) AND state = 'active' RETURNING id, slug"""


async def count_unreadable(connection: asyncpg.Connection, partner_id: UUID, *, limit: int) -> None:
    """Count one undecodable record of a partner; suspend the partner at the ``limit``."""
    metrics.UNREADABLE.inc()
    counted = await connection.fetchrow(_COUNT, partner_id, WITHIN)
    if counted["unreadable_records"] >= limit:
        await suspend(connection, [counted["slug"]], UNREADABLE)


async def suspend(where: asyncpg.Pool | asyncpg.Connection, slugs: Sequence[str], reason: str) -> None:
    """Suspend those of these partners that are active."""
    for row in await where.fetch(_SUSPEND, slugs, reason):
        metrics.SUSPENDED.labels(reason).inc()
        log.warning("partner_suspended", partner_id=str(row["id"]), slug=row["slug"], reason=reason)
