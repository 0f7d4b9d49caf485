"""The queue of due deliveries: claims them for a limited time and records their results.

A claim is a lease. It sets when the delivery is due again, so the claims of a killed or frozen sender expire.
Each claim has a number (``claim``), so a stale sender that resumes late overwrites nothing. Every statement
handles a whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from gateway.webhooks.attempt import Outcome
from gateway.webhooks.receiver_concurrency import ReceiverConcurrency

_FIRST: Final = UUID(int=0)
_LAST: Final = UUID(int=2**128 - 1)

# An index skip scan reads the head of each receiver's queue: one long queue does not slow the others.
_CLAIM: Final = """
WITH RECURSIVE lanes AS (
    (SELECT lane FROM webhook_deliveries WHERE state = 'pending' AND lane BETWEEN $5 AND $6
     ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT d.lane FROM webhook_deliveries d
            WHERE d.state = 'pending' AND d.lane > l.lane AND d.lane <= $6 ORDER BY d.lane LIMIT 1)
    FROM lanes l WHERE l.lane IS NOT NULL
), picked AS (
    SELECT d.id FROM lanes l CROSS JOIN LATERAL (
        SELECT id FROM webhook_deliveries
        WHERE state = 'pending' AND lane = l.lane AND due_at <= now()
        ORDER BY due_at LIMIT coalesce(($2::jsonb ->> l.lane::text)::integer, $3)
        FOR UPDATE SKIP LOCKED) d
    LIMIT $1
), taken AS (
    UPDATE webhook_deliveries SET claim = claim + 1, due_at = now() + make_interval(secs => $4)
    WHERE id = ANY(ARRAY(SELECT id FROM picked))
    RETURNING id, claim, attempts, lane, endpoint_id, account_id, url, event_id, created_at
)
SELECT t.id, t.claim, t.attempts, t.lane, t.endpoint_id, t.account_id, t.created_at,
    coalesce(t.url, e.url) AS url, coalesce(e.secret, a.secret) AS secret,
    CASE WHEN e.previous_until > now() THEN e.previous_secret
         WHEN a.previous_until > now() THEN a.previous_secret END AS previous_secret,
    m.event_id, m.body, m.correlation_id, m.traceparent
FROM taken t JOIN webhook_messages m ON m.event_id = t.event_id
LEFT JOIN webhook_endpoints e ON e.id = t.endpoint_id
LEFT JOIN webhook_account_secrets a ON a.account_id = t.account_id AND t.endpoint_id IS NULL"""
# The CASE hides the state from the planner, which would use the index of pending deliveries, assuming few:
# with thousands pending, each result would read them all.
_RESULTS: Final = """
UPDATE webhook_deliveries d SET state = r.state, attempts = d.attempts + 1, attempted_at = now(),
    due_at = now() + make_interval(secs => r.wait), duration_ms = r.ms, response_status = r.status,
    response_body = r.body, error = r.error
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::float8[], $5::float8[], $6::int[], $7::text[], $8::text[])
  AS r (id, claim, state, wait, ms, status, body, error)
WHERE d.id = r.id AND d.claim = r.claim
    AND CASE d.state WHEN 'pending' THEN true ELSE false END RETURNING d.id"""
_RETURN: Final = """
UPDATE webhook_deliveries d SET due_at = now() FROM unnest($1::uuid[], $2::int[]) AS r (id, claim)
WHERE d.id = r.id AND d.claim = r.claim
    AND CASE d.state WHEN 'pending' THEN true ELSE false END"""
# In the order of ids, because two senders may update the same endpoints.
_MARK_HEALTHY: Final = """
UPDATE webhook_endpoints SET failing_since = NULL WHERE id IN (
    SELECT id FROM webhook_endpoints WHERE id = ANY($1::uuid[]) AND failing_since IS NOT NULL
    ORDER BY id FOR NO KEY UPDATE)"""
_MARK_FAILING: Final = """
UPDATE webhook_endpoints SET failing_since = now() WHERE id IN (
    SELECT id FROM webhook_endpoints WHERE id = ANY($1::uuid[]) AND failing_since IS NULL
    ORDER BY id FOR NO KEY UPDATE)"""
_FAILING_LONGER_THAN: Final = """
SELECT id FROM webhook_endpoints
WHERE id = ANY($1::uuid[]) AND state = 'active' AND failing_since < now() - make_interval(secs => $2)"""
_DUE: Final = """
SELECT count(*) AS due, coalesce(extract(epoch FROM max(now() - due_at)), 0)::float8 AS lag
FROM (SELECT due_at FROM webhook_deliveries WHERE state = 'pending' AND due_at <= now() LIMIT 100000) d"""

_OLDEST: Final = """
SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8
FROM (SELECT created_at FROM webhook_deliveries WHERE state = 'pending' LIMIT 100000) d"""
_ENDPOINTS: Final = """
SELECT count(*) FILTER (WHERE state = 'active' AND failing_since IS NULL) AS active,
    count(*) FILTER (WHERE state = 'active' AND failing_since IS NOT NULL) AS failing,
    count(*) FILTER (WHERE state = 'disabled') AS disabled
FROM webhook_endpoints"""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryJob:
    """A claimed delivery with everything needed to send it; ``secret`` None: the account has none yet."""

    id: UUID
    claim: int
    attempts: int
    lane: UUID
    endpoint_id: UUID | None
    account_id: UUID
    created_at: datetime
    url: str
    secret: bytes | None
    previous_secret: bytes | None
    event_id: UUID
    body: str
    correlation_id: str | None
    traceparent: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The result of a job: its next ``state``, and for a pending one the wait until it is due."""

    job: DeliveryJob
    outcome: Outcome
    state: str
    wait_s: float = 0.0


class Queue:
    """A sender's view of ``webhook_deliveries``; ``lease_s`` must outlast an attempt and its write."""

    def __init__(self, pool: asyncpg.Pool, *, lease_s: float) -> None:
        self._pool, self._lease_s = pool, lease_s

    async def claim(self, concurrency: ReceiverConcurrency) -> list[DeliveryJob]:
        """Claim due deliveries up to the free slots, starting at a random receiver for fairness."""
        rooms = msgspec.json.encode({str(lane): room for lane, room in concurrency.rooms().items()}).decode()
        pivot, left = uuid4(), concurrency.free
        arguments = (rooms, concurrency.beginning, self._lease_s)
        rows = await self._pool.fetch(_CLAIM, left, *arguments, pivot, _LAST)
        if len(rows) < left:
            below = UUID(int=pivot.int - 1)
            rows += await self._pool.fetch(_CLAIM, left - len(rows), *arguments, _FIRST, below)
        return [DeliveryJob(**row) for row in rows]

    async def give_back(self, jobs: Sequence[DeliveryJob]) -> None:
        """Release the claims of jobs that were not started."""
        await self._pool.execute(_RETURN, [job.id for job in jobs], [job.claim for job in jobs])

    async def record_results(self, results: Sequence[Result]) -> int:
        """Write the results of jobs and mark their endpoints; return how many claims were still valid."""
        columns: list[tuple[Any, ...]] = [
            (r.job.id, r.job.claim, r.state, r.wait_s, 1000 * o.seconds, o.status, o.body, o.error)
            for r, o in ((r, r.outcome) for r in results)
        ]
        healthy = {r.job.endpoint_id for r in results if r.outcome.delivered and r.job.endpoint_id}
        failing = {
            r.job.endpoint_id for r in results if not r.outcome.delivered and r.job.endpoint_id
        } - healthy
        async with self._pool.acquire() as connection, connection.transaction():
            written = await connection.fetch(_RESULTS, *zip(*columns, strict=True))
            if healthy:
                await connection.execute(_MARK_HEALTHY, list(healthy))
            if failing:
                await connection.execute(_MARK_FAILING, list(failing))
        return len(written)

    async def failing_longer_than(self, endpoints: Sequence[UUID], after_s: float) -> list[UUID]:
        """Return those active endpoints whose attempts have all failed for longer than ``after_s``."""
        return [row["id"] for row in await self._pool.fetch(_FAILING_LONGER_THAN, list(endpoints), after_s)]

    async def due(self) -> tuple[int, float]:
        """Return the number of due deliveries and how long the oldest has been due, in seconds."""
        row = await self._pool.fetchrow(_DUE)
        return row["due"], row["lag"]

    async def oldest_pending_s(self) -> float:
        """Return the age of the oldest pending delivery, which may wait for its next attempt."""
        found: float = await self._pool.fetchval(_OLDEST)
        return found

    async def endpoints(self) -> dict[str, int]:
        """Return the number of endpoints that are active, failing (and still active) and disabled."""
        return dict(await self._pool.fetchrow(_ENDPOINTS))
