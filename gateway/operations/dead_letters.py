"""The dead letters in Postgres: written by the ledger, settled here, each once. Not scoped by account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from bus.bridges import outbox
from bus.contract.envelope import OutRecord
from gateway.errors import DomainError
from ledger.db.admin_acts import Act, record

_COLUMNS: Final = (
    'id, topic, partition, "offset", origin_topic, subject, account_id, code, reason, attempts, value,'
    " dead_at, state, settled_at, settled_by, redriven_as"
)
_RESOLVE: Final = """
UPDATE dead_letters SET state = $2, settled_at = now(), settled_by = $3, redriven_as = $4
WHERE id = $1 AND state = 'open' RETURNING id"""
_API_KEY: Final = """
SELECT (body ->> 'api_key_id')::uuid FROM event_log
WHERE subject = $1 AND type IN ('generation.requested.v1', 'export.requested.v1') LIMIT 1"""
# FOR SHARE: a concurrent deletion waits for the new job, or this finds no row.
_SCENE: Final = """
INSERT INTO scene_generations (id, user_id, api_key_id, original_image_url, status, priority, metadata,
                               client_metadata, created_at, updated_at, expires_at, delete_at,
                               tags, favourite, retry_of)
SELECT $1, s.user_id, $5, $3, 'pending', s.priority,
       jsonb_build_object('client', s.metadata -> 'client', 'image', s.metadata -> 'image')
           || jsonb_strip_nulls(jsonb_build_object('name', s.metadata -> 'name')),
       s.client_metadata, $4, $4, $6, s.delete_at, s.tags, s.favourite, s.id
FROM scene_generations s JOIN users u ON u.id = s.user_id
WHERE s.id = $2 AND s.deleted_at IS NULL AND u.is_active FOR SHARE OF s RETURNING id"""
_EXPORT: Final = """
INSERT INTO export_jobs (id, scene_generation_id, export_format, options, purpose, status, created_at,
                         updated_at, expires_at)
SELECT $1, s.id, j.export_format, j.options, j.purpose, 'pending', $3, $3, $4
FROM export_jobs j JOIN scene_generations s ON s.id = j.scene_generation_id JOIN users u ON u.id = s.user_id
WHERE j.id = $2 AND s.deleted_at IS NULL AND s.result_erased_at IS NULL AND u.is_active
FOR SHARE OF s RETURNING id"""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetterRow:
    """One row of ``dead_letters``; ``value`` is the command's bytes from Kafka."""

    id: UUID
    topic: str
    partition: int
    offset: int
    origin_topic: str | None
    subject: UUID | None
    account_id: UUID | None
    code: str
    reason: str
    attempts: int
    value: bytes | None
    dead_at: datetime
    state: str
    settled_at: datetime | None
    settled_by: UUID | None
    redriven_as: UUID | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """The statement that writes the row of the job that repeats a dead one."""

    id: UUID
    statement: str
    arguments: tuple[Any, ...]

    @classmethod
    def of_scene(
        cls, new_id: UUID, *, url: str, at: datetime, until: datetime, api_key_id: UUID | None
    ) -> Again:
        """Return the row of a generation whose photo is at ``url``; it expires at ``until``."""
        return cls(id=new_id, statement=_SCENE, arguments=(url, at, api_key_id, until))

    @classmethod
    def of_export(cls, new_id: UUID, *, at: datetime, until: datetime) -> Again:
        """Return the row of an export that expires at ``until``."""
        return cls(id=new_id, statement=_EXPORT, arguments=(at, until))


class DeadLetterStore:
    """The ``dead_letters`` table."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def get(self, letter_id: UUID) -> DeadLetterRow | None:
        """Return the dead letter with this id."""
        row = await self._pool.fetchrow(f"SELECT {_COLUMNS} FROM dead_letters WHERE id = $1", letter_id)  # noqa: S608
        return DeadLetterRow(**row) if row else None

    async def list(
        self, *, state: str, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[DeadLetterRow]:
        """Return up to ``limit`` dead letters of the state, newest first, older than ``before``."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM dead_letters WHERE state = $1"  # noqa: S608
            " AND ($2::timestamptz IS NULL OR (dead_at, id) < ($2, $3::uuid))"
            " ORDER BY dead_at DESC, id DESC LIMIT $4",
            state,
            *(before or (None, None)),
            limit,
        )
        return [DeadLetterRow(**row) for row in rows]

    async def discard(self, letter_id: UUID, *, by: UUID) -> None:
        """Discard the dead letter. Raises `DomainError` dead_letter_settled."""
        async with self._pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(_RESOLVE, letter_id, "discarded", by, None) is None:
                raise already_resolved()
            await record(connection, Act(action="discard_dead_letter", actor=by, target=letter_id))

    async def api_key_of(self, letter: DeadLetterRow) -> UUID | None:
        """Return the API key that requested the job, from the event log."""
        return await self._pool.fetchval(_API_KEY, letter.subject)  # type: ignore[no-any-return]

    async def redrive(
        self, letter: DeadLetterRow, again: Again, *, by: UUID, records: Sequence[OutRecord]
    ) -> None:
        """Settle the dead letter, write the new job's row and publish its records in one transaction.

        `DomainError`: dead_letter_settled where it was settled before, dead_letter_orphaned where the job's
        scene or account is gone.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if await connection.fetchval(_RESOLVE, letter.id, "redriven", by, again.id) is None:
                raise already_resolved()
            if await connection.fetchrow(again.statement, again.id, letter.subject, *again.arguments) is None:
                raise DomainError(
                    "dead_letter_orphaned",
                    "The scene, its result or its account is gone; only discarding it is left.",
                )
            await outbox.enqueue(connection, records)
            details = {"redriven_as": again.id}
            act = Act(action="redrive_dead_letter", actor=by, target=letter.id, details=details)
            await record(connection, act)


def already_resolved(state: str = "redriven or discarded") -> DomainError:
    """Return the error for a dead letter that is settled already."""
    return DomainError("dead_letter_settled", f"Somebody has settled it already: it is {state}.")
