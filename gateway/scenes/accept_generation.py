"""Accepts a generation in one SQL statement: row, outbox row, quota, upload and Idempotency-Key.

Each condition is a CTE that yields one row or none; unless all yield one, no generation is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from bus.bridges import outbox
from bus.contract.messages import GenerateScene, Priority
from gateway import job_submission
from gateway.errors import DomainError
from gateway.scenes.effective_priority import effective_priority
from gateway.scenes.idempotency import Claim
from gateway.trace import Trace

_RULE: Final = effective_priority(
    account="u.id", asked="$6", max_in_flight="$3", interactive_at_once="$14", bulk_at_once="$18"
)
_ROOM: Final = f"""
room AS MATERIALIZED (
    SELECT id, effective, CASE effective WHEN 'held' THEN 'bulk' ELSE effective END AS priority
    FROM (SELECT u.id, {_RULE} AS effective FROM users u WHERE u.id = $2 AND u.is_active) own
    WHERE effective IS NOT NULL)"""  # noqa: S608  (a constant of this package)
# Each part runs only where the part before it has yielded a row: room, claimable, upload, claim.
_CLAIMABLE: Final = """
claimable AS (
    SELECT k.key FROM idempotency_keys k, room
    WHERE k.user_id = $2 AND k.key = $12 AND k.token = $13 AND k.generation_id IS NULL FOR UPDATE OF k)"""
_UPLOAD: Final = """
upload AS (
    UPDATE uploads SET used_at = now() FROM {after}
    WHERE uploads.id = $11 AND uploads.user_id = $2 AND used_at IS NULL RETURNING uploads.id)"""
_KEY: Final = """
claim AS (
    UPDATE idempotency_keys k SET generation_id = $1 FROM {after}
    WHERE k.user_id = $2 AND k.key = $12 AND k.token = $13 AND k.generation_id IS NULL RETURNING k.key)"""
_WRITE: Final = """
written AS (
    INSERT INTO scene_generations (id, user_id, api_key_id, original_image_url, status, priority,
                                   asked_priority, metadata, webhook_url, created_at, updated_at,
                                   expires_at, client_metadata, delete_at, retry_of, tags)
    SELECT $1, $2, $4, $5, 'pending', own.priority, $6, $7::text::jsonb, $8, $9, $9, $16, $17, $21,
           $22, $23::text[]
    FROM {after} CROSS JOIN (SELECT priority FROM room) AS own RETURNING priority),
published AS (
    INSERT INTO outbox (records, held_for) SELECT each.records, each.held_for FROM written, room, LATERAL (
        SELECT CASE written.priority WHEN $6 THEN $10::bytea ELSE $15::bytea END, NULL::uuid, 0
        WHERE effective <> 'held'
        UNION ALL SELECT $19, NULL, 0 WHERE effective = 'held'
        UNION ALL SELECT $20, room.id, 1 WHERE effective = 'held'
    ) AS each (records, held_for, place) ORDER BY each.place RETURNING id),
told AS (SELECT pg_notify('{channel}', '') FROM published LIMIT 1)
SELECT written.priority FROM written, told
WHERE ($11::uuid, $12::text, $13::uuid) IS NOT NULL OR true  -- which parts there are decides who uses them"""
_WHY: Final = "SELECT is_active FROM users WHERE id = $1"
_USED: Final = "SELECT used_at IS NOT NULL FROM uploads WHERE id = $1 AND user_id = $2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance:
    """A generation to accept: its command, the other values of its row, and the conditions of both.

    ``url``: of the stored photo. ``metadata``: the row's own; ``client_metadata``: the caller's, as sent.
    ``upload_id``: the upload to use. ``claim``: the Idempotency-Key to bind to the generation.
    ``delete_at``: when the scene is to be deleted. ``retry_of``: the scene whose photo this is.
    """

    command: GenerateScene
    url: str
    metadata: dict[str, Any]
    max_in_flight: int
    interactive_at_once: int
    bulk_at_once: int
    api_key_id: UUID | None = None
    webhook_url: str | None = None
    upload_id: UUID | None = None
    claim: Claim | None = None
    client_metadata: str | None = None
    delete_at: datetime | None = None
    retry_of: UUID | None = None
    tags: Sequence[str] = ()


Where: TypeAlias = asyncpg.Pool | asyncpg.Connection
"""A pool, or a connection whose transaction the statement then joins."""


async def accept(pool: Where, acceptance: Acceptance, trace: Trace) -> Priority:
    """Store the row and publish command and event, all or nothing; return the effective priority.

    The statement itself determines the priority (`gateway.scenes.effective_priority`), so it takes the
    records for both and picks one. Raises `DomainError`: account_inactive, quota_in_flight, upload_used,
    idempotency_in_progress.
    """
    claim, api_key_id = acceptance.claim, acceptance.api_key_id
    retry_of = acceptance.retry_of
    asked = job_submission.generation(
        acceptance.command, api_key_id=api_key_id, trace=trace, retry_of=retry_of
    )
    command = asked.command
    as_bulk = job_submission.generation(
        msgspec.structs.replace(command, priority=Priority.BULK),
        api_key_id=api_key_id,
        trace=trace,
        retry_of=retry_of,
    )
    now, later = as_bulk.held
    done = await pool.fetchval(
        _statement(upload=acceptance.upload_id is not None, claim=claim is not None),
        command.generation_id,
        command.account_id,
        acceptance.max_in_flight,
        api_key_id,
        acceptance.url,
        command.priority.value,
        msgspec.json.encode(acceptance.metadata).decode(),
        acceptance.webhook_url,
        command.requested_at,
        outbox.dump(asked.records),
        acceptance.upload_id,
        claim and claim.key,
        claim and claim.token,
        acceptance.interactive_at_once,
        outbox.dump(as_bulk.records),
        command.expires_at,
        acceptance.client_metadata,
        acceptance.bulk_at_once,
        outbox.dump(now),
        outbox.dump(later),
        acceptance.delete_at,
        retry_of,
        list(acceptance.tags),
    )
    if done is None:
        raise await _why(pool, acceptance)
    return Priority(done)


@lru_cache(maxsize=4)
def _statement(*, upload: bool, claim: bool) -> str:
    parts, after = [_ROOM], "room"
    if upload and claim:  # an upload is not used up by a request whose key another has taken over
        parts.append(_CLAIMABLE)
        after = "claimable"
    if upload:
        parts.append(_UPLOAD.format(after=after))
        after = "upload"
    if claim:
        parts.append(_KEY.format(after=after))
        after = "claim"
    return f"WITH {','.join(parts)}, {_WRITE.format(after=after, channel=outbox.CHANNEL)}"


async def _why(pool: Where, acceptance: Acceptance) -> DomainError:
    account_id = acceptance.command.account_id
    if not await pool.fetchval(_WHY, account_id):
        return DomainError("account_inactive", "The account is closed.")
    if acceptance.upload_id is not None and await pool.fetchval(_USED, acceptance.upload_id, account_id):
        return DomainError("upload_used", "This upload has been used already; make another one.")
    if acceptance.claim is not None and await _lost(pool, acceptance.claim):
        return DomainError(
            "idempotency_in_progress", "Another request has taken over this Idempotency-Key; ask again."
        )
    return DomainError(
        "quota_in_flight",
        f"The account has {acceptance.max_in_flight} generations in flight, its quota; wait for one to end.",
        retry_after_s=5,
        limit=acceptance.max_in_flight,
    )


async def _lost(pool: Where, claim: Claim) -> bool:
    token = await pool.fetchval(
        "SELECT token FROM idempotency_keys WHERE user_id = $1 AND key = $2", claim.account_id, claim.key
    )
    return bool(token != claim.token)
