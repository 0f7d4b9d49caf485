"""What is due: for each kind the rows whose time is over, and the accounts that have some.

A scene or an export counts from its end (``updated_at`` of one that has ended), webhooks and idempotency keys
from their making. The clock is the database's.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import asyncpg

ACCOUNTS: Final = 1000
"""Accounts a query."""
ENDED: Final = "('completed', 'failed', 'cancelled')"
_SCENES: Final = f"""
scene_generations s WHERE s.user_id = {{account}} AND s.deleted_at IS NULL AND s.status IN {ENDED}
AND s.updated_at < now() - make_interval(hours => {{hours}})"""
_EXPORTS: Final = """
export_jobs j JOIN scene_generations s ON s.id = j.scene_generation_id
WHERE s.user_id = {account} AND s.deleted_at IS NULL AND j.status = 'completed' AND j.erased_at IS NULL
AND j.updated_at < now() - make_interval(hours => {hours})"""
ROWS: Final = {
    "scenes": _SCENES,
    "originals": _SCENES + " AND s.original_erased_at IS NULL",
    # What an export in flight is made of stays until it has ended.
    "results": _SCENES + """
AND s.status = 'completed' AND s.result_erased_at IS NULL AND NOT EXISTS (
    SELECT FROM export_jobs j WHERE j.scene_generation_id = s.id
    AND j.status IN ('pending', 'processing'))""",
    "exports": _EXPORTS + " AND coalesce(j.purpose, 'backfill') = 'backfill'",
    "views": _EXPORTS + " AND j.purpose <> 'backfill'",
    "names": _SCENES + """
AND s.name_erased_at IS NULL AND (s.metadata ? 'name' OR s.metadata #> '{{client,name}}' IS NOT NULL
                                  OR s.client_metadata IS NOT NULL OR s.tags <> '{{}}')""",
    "client_metadata": _SCENES + """
AND s.client_metadata_erased_at IS NULL
AND (s.client_metadata IS NOT NULL OR s.metadata -> 'client' <> '{{}}')""",
    # A delivery that is not over keeps its message, and one that was repeated counts from its last attempt.
    "webhooks": """
webhook_messages m WHERE m.account_id = {account} AND m.created_at < now() - make_interval(hours => {hours})
AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.event_id = m.event_id AND (
    d.state = 'pending'
    OR greatest(d.created_at, d.attempted_at) >= now() - make_interval(hours => {hours})))""",
    "idempotency": """
idempotency_keys k WHERE k.user_id = {account} AND k.created_at < now() - make_interval(hours => {hours})
AND (k.generation_id IS NOT NULL OR k.lease_until < now())""",
}  # fmt: skip
"""Kind -> the rows that are due, as what follows FROM."""
_OWN: Final = "SELECT p.user_id AS id, p.{kind} AS hours FROM retention_policies p WHERE $1::int IS NULL"
_ALL: Final = """
SELECT u.id, CASE WHEN p.user_id IS NULL THEN $1 ELSE p.{kind} END AS hours
FROM users u LEFT JOIN retention_policies p ON p.user_id = u.id"""
_ACCOUNTS: Final = """
SELECT a.id FROM ({accounts}) a
WHERE a.hours IS NOT NULL AND a.id > $2 AND EXISTS (SELECT FROM {rows}) ORDER BY a.id LIMIT $3"""
# Those that a person asked to be deleted; one whose cancellation was requested waits for its end.
_REQUESTED: Final = f"""
SELECT DISTINCT user_id AS id FROM scene_generations
WHERE delete_at <= now() AND deleted_at IS NULL AND (status IN {ENDED} OR cancel_requested_at IS NULL)
AND user_id > $1 ORDER BY user_id LIMIT $2"""  # noqa: S608  (constants)


async def accounts(pool: asyncpg.Pool, kind: str, default: int | None, after: UUID) -> list[UUID]:
    """Return up to `ACCOUNTS` accounts, by id and behind ``after``, of which rows of the kind are due.

    ``default``: the hours of accounts without a policy of their own.
    """
    every = (_OWN if default is None else _ALL).format(kind=kind)
    rows = ROWS[kind].format(account="a.id", hours="a.hours")
    statement = _ACCOUNTS.format(accounts=every, rows=rows)
    return [row["id"] for row in await pool.fetch(statement, default, after, ACCOUNTS)]


async def requested(pool: asyncpg.Pool, after: UUID) -> list[UUID]:
    """Return up to `ACCOUNTS` accounts, by id and behind ``after``, with scenes to be deleted by request."""
    return [row["id"] for row in await pool.fetch(_REQUESTED, after, ACCOUNTS)]
