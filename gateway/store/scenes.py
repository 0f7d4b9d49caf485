"""Generations: accepted here, moved on by the ledger; this file writes a row once and reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from bus import topics
from bus.envelope import OutRecord
from bus.messages import GENERATION_ENDINGS, GenerateScene, GenerationRequested
from gateway.context import Trace
from gateway.cursor import Position
from gateway.errors import ApiError
from gateway.store.publish import told, write_and_publish

ENDINGS: Final = tuple(str(kind.__struct_config__.tag) for kind in GENERATION_ENDINGS)
"""The event types that end a generation."""
_COLUMNS: Final = (
    "id, status, priority, original_image_url, generated_3d_gaussian_url, processing_time_seconds,"
    " metadata::text AS metadata, error_message, cancel_requested_at, created_at, updated_at"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneRow:
    """One row of ``scene_generations``; ``metadata`` is its JSON text."""

    id: UUID
    status: str
    priority: str
    original_image_url: str
    generated_3d_gaussian_url: str | None
    processing_time_seconds: float | None
    metadata: str | None
    error_message: str | None
    cancel_requested_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Scenes:
    """The ``scene_generations`` table. ``bucket`` is where the URLs of its rows point to."""

    def __init__(self, pool: asyncpg.Pool, bucket: str) -> None:
        self._pool, self._bucket = pool, bucket

    async def accept(
        self, command: GenerateScene, *, api_key_id: UUID | None, metadata: dict[str, Any], trace: Trace
    ) -> None:
        """Store the row and publish command and event, all or nothing.

        Raises `ApiError` account_inactive where the account is closed.
        """
        row = await write_and_publish(
            self._pool,
            "INSERT INTO scene_generations (id, user_id, api_key_id, original_image_url, status, priority,"
            " metadata, created_at, updated_at)"
            " SELECT $1, users.id, $3, $4, 'pending', $5, $6::text::jsonb, $7, $7 FROM users"
            " WHERE users.id = $2 AND is_active RETURNING id",
            [
                command.generation_id,
                command.account_id,
                api_key_id,
                f"s3://{self._bucket}/{command.source.key}",
                command.priority.value,
                msgspec.json.encode(metadata).decode(),
                command.requested_at,
            ],
            _records(command, api_key_id, trace),
        )
        if row is None:
            raise ApiError("account_inactive", "The account is closed.")

    async def get(self, account_id: UUID, generation_id: UUID) -> SceneRow | None:
        """Return the account's generation."""
        row = await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM scene_generations WHERE id = $1 AND user_id = $2",  # noqa: S608
            generation_id,
            account_id,
        )
        return SceneRow(**row) if row else None

    async def list(
        self, account_id: UUID, *, status: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[SceneRow]:
        """Return up to ``limit`` of the account's generations, newest first, older than ``before``."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM scene_generations WHERE user_id = $1"  # noqa: S608
            " AND ($2::text IS NULL OR status = $2)"
            " AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))"
            " ORDER BY created_at DESC, id DESC LIMIT $5",
            account_id,
            status,
            *(before or (None, None)),
            limit,
        )
        return [SceneRow(**row) for row in rows]

    async def ending(self, account_id: UUID, generation_id: UUID) -> tuple[bool, Position | None]:
        """Tell whether the account has this generation, and where its ending lies in the log, if there."""
        row = await self._pool.fetchrow(
            'SELECT e.epoch, e."offset" FROM scene_generations s LEFT JOIN event_log e'
            " ON e.subject = s.id AND e.type = ANY($3::text[]) WHERE s.id = $1 AND s.user_id = $2",
            generation_id,
            account_id,
            list(ENDINGS),
        )
        if row is None:
            return False, None
        return True, None if row["epoch"] is None else (row["epoch"], row["offset"])


def _records(command: GenerateScene, api_key_id: UUID | None, trace: Trace) -> list[OutRecord]:
    """Return the command in its lane and the event in the log of record: one atomic publication."""
    event = GenerationRequested(
        generation_id=command.generation_id,
        account_id=command.account_id,
        source=command.source,
        priority=command.priority,
        api_key_id=api_key_id,
    )
    return [
        told(
            topics.commands_topic(command.priority),
            command,
            key=command.generation_id,
            time=command.requested_at,
            trace=trace,
        ),
        told(topics.EVENTS, event, key=command.account_id, time=command.requested_at, trace=trace),
    ]


def key_of(url: str) -> str:
    """Return the blob key of a stored ``s3://bucket/key``."""
    return url.removeprefix("s3://").partition("/")[2]
