"""Generations: accepted here, moved on by the ledger; this file writes a row once and reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

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

    async def get(self, account_id: UUID, generation_id: UUID) -> SceneRow | None:
        """Return the account's generation."""
        row = await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM scene_generations WHERE id = $1 AND user_id = $2"  # noqa: S608
            " AND deleted_at IS NULL",
            generation_id,
            account_id,
        )
        return SceneRow(**row) if row else None

    async def list(
        self,
        account_id: UUID,
        *,
        limit: int,
        before: tuple[datetime, UUID] | None = None,
        status: str | None = None,
        priority: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> list[SceneRow]:
        """Return up to ``limit`` of the account's generations, newest first, older than ``before``.

        ``created_after`` is inclusive, ``created_before`` exclusive.
        """
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM scene_generations WHERE user_id = $1 AND deleted_at IS NULL"  # noqa: S608
            " AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))"
            " AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR priority = $5)"
            " AND ($6::timestamptz IS NULL OR created_at >= $6)"
            " AND ($7::timestamptz IS NULL OR created_at < $7)"
            " ORDER BY created_at DESC, id DESC LIMIT $8",
            account_id,
            *(before or (None, None)),
            status,
            priority,
            created_after,
            created_before,
            limit,
        )
        return [SceneRow(**row) for row in rows]


def key_of(url: str) -> str:
    """Return the blob key of a stored ``s3://bucket/key``."""
    return url.removeprefix("s3://").partition("/")[2]
