"""The one statement that accepts a generation: row, outbox row, quota, upload and repeated request at once.

Each condition is a part of the statement that hands on a row or none; without all of them nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from bus.bridges import outbox
from bus.contract import topics
from bus.contract.envelope import OutRecord
from bus.contract.messages import GenerateScene, GenerationRequested, Priority
from gateway.errors import DomainError
from gateway.outbox import told
from gateway.scenes.idempotency import Claim
from gateway.trace import Trace

_ROOM: Final = """
room AS MATERIALIZED (
    SELECT id, CASE WHEN $6 = 'bulk' THEN 'bulk' ELSE lane END AS lane
    FROM (SELECT u.id, in_flight_lane(u.id, $3, $14) AS lane FROM users u WHERE u.id = $2 AND u.is_active) own
    WHERE lane IS NOT NULL)"""
# In this order: who lost the key must not have used the upload up. Nobody else can use it up meanwhile.
_UPLOAD: Final = """
upload AS (
    UPDATE uploads SET used_at = now() FROM room
    WHERE uploads.id = $11 AND uploads.user_id = $2 AND used_at IS NULL RETURNING uploads.id)"""
_KEY: Final = """
claim AS (
    UPDATE idempotency_keys k SET generation_id = $1 FROM {after}
    WHERE k.user_id = $2 AND k.key = $12 AND k.token = $13 AND k.generation_id IS NULL RETURNING k.key)"""
_WRITE: Final = """
written AS (
    INSERT INTO scene_generations (id, user_id, api_key_id, original_image_url, status, priority,
                                   asked_priority, metadata, webhook_url, created_at, updated_at)
    SELECT $1, $2, $4, $5, 'pending', lane.lane, $6, $7::text::jsonb, $8, $9, $9
    FROM {after} CROSS JOIN (SELECT lane FROM room) AS lane RETURNING priority),
published AS (
    INSERT INTO outbox (records) SELECT CASE priority WHEN $6 THEN $10::bytea ELSE $15::bytea END
    FROM written RETURNING id),
told AS (SELECT pg_notify('{channel}', '') FROM published)
SELECT written.priority FROM written, told
WHERE ($11::uuid, $12::text, $13::uuid) IS NOT NULL OR true  -- which parts there are decides who uses them"""
_WHY: Final = "SELECT is_active FROM users WHERE id = $1"
_USED: Final = "SELECT used_at IS NOT NULL FROM uploads WHERE id = $1 AND user_id = $2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A generation that may be accepted, and under which conditions."""

    command: GenerateScene
    url: str
    metadata: dict[str, Any]
    max_in_flight: int
    interactive_at_once: int
    api_key_id: UUID | None = None
    webhook_url: str | None = None
    upload_id: UUID | None = None
    claim: Claim | None = None


Where: TypeAlias = asyncpg.Pool | asyncpg.Connection
"""A pool, or a connection: then the statement is a part of the caller's transaction."""


async def accept(pool: Where, order: Order, trace: Trace) -> Priority:
    """Store the row and publish command and event, all or nothing; return the lane that it took.

    An account that has ``interactive_at_once`` under way goes on in the other lane: its flood then holds
    nobody else up. What it sent as bulk itself does not count. Raises `DomainError`: account_inactive,
    quota_in_flight, upload_used, idempotency_in_progress.
    """
    command, claim = order.command, order.claim
    later = msgspec.structs.replace(command, priority=Priority.BULK)
    done = await pool.fetchval(
        _statement(upload=order.upload_id is not None, claim=claim is not None),
        command.generation_id,
        command.account_id,
        order.max_in_flight,
        order.api_key_id,
        order.url,
        command.priority.value,
        msgspec.json.encode(order.metadata).decode(),
        order.webhook_url,
        command.requested_at,
        outbox.dump(_records(command, order.api_key_id, trace)),
        order.upload_id,
        claim and claim.key,
        claim and claim.token,
        order.interactive_at_once,
        outbox.dump(_records(later, order.api_key_id, trace)),
    )
    if done is None:
        raise await _why(pool, order)
    return Priority(done)


@lru_cache(maxsize=4)
def _statement(*, upload: bool, claim: bool) -> str:
    parts, after = [_ROOM], "room"
    if upload:
        parts.append(_UPLOAD)
        after = "upload"
    if claim:
        parts.append(_KEY.format(after=after))
        after = "claim"
    return f"WITH {','.join(parts)}, {_WRITE.format(after=after, channel=outbox.CHANNEL)}"


async def _why(pool: Where, order: Order) -> DomainError:
    account_id = order.command.account_id
    if not await pool.fetchval(_WHY, account_id):
        return DomainError("account_inactive", "The account is closed.")
    if order.upload_id is not None and await pool.fetchval(_USED, order.upload_id, account_id):
        return DomainError("upload_used", "This upload has been used already; make another one.")
    if order.claim is not None and await _lost(pool, order.claim):
        return DomainError(
            "idempotency_in_progress", "Another request has taken over this Idempotency-Key; ask again."
        )
    return DomainError(
        "quota_in_flight",
        f"The account has {order.max_in_flight} generations under way, its quota; wait for one to end.",
        retry_after_s=5,
        limit=order.max_in_flight,
    )


async def _lost(pool: Where, claim: Claim) -> bool:
    token = await pool.fetchval(
        "SELECT token FROM idempotency_keys WHERE user_id = $1 AND key = $2", claim.account_id, claim.key
    )
    return bool(token != claim.token)


def _records(command: GenerateScene, api_key_id: UUID | None, trace: Trace) -> list[OutRecord]:
    """Return the command in its lane and the event in the log of record: one atomic publication."""
    event = GenerationRequested(
        generation_id=command.generation_id,
        account_id=command.account_id,
        source=command.source,
        priority=command.priority,
        api_key_id=api_key_id,
    )
    at = command.requested_at
    return [
        told(
            topics.commands_topic(command.priority), command, key=command.generation_id, time=at, trace=trace
        ),
        told(topics.EVENTS, event, key=command.account_id, time=at, trace=trace),
    ]
