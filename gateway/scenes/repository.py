"""Generations: accepted here, moved on by the ledger; this file writes a row once and reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.blob_ref import BlobLocation

COLUMNS: Final = """
s.id, s.status, s.priority, s.original_image_url, s.generated_3d_gaussian_url,
s.result_blob::text AS result_blob, s.processing_time_seconds, s.metadata::text AS metadata,
s.error_message, s.cancel_requested_at, s.created_at, s.updated_at,
(SELECT j.export_file_url FROM export_jobs j WHERE j.scene_generation_id = s.id AND j.purpose = 'preview'
 AND j.status = 'completed' ORDER BY j.created_at DESC, j.id LIMIT 1) AS preview_url,
(SELECT j.export_file_url FROM export_jobs j WHERE j.scene_generation_id = s.id AND j.purpose = 'viewer'
 AND j.status = 'completed' ORDER BY j.created_at DESC, j.id LIMIT 1) AS viewer_url"""
"""Of ``scene_generations s``: what a `SceneRow` holds."""
_NAME: Final = """
coalesce(s.metadata ->> 'name', CASE WHEN jsonb_typeof(s.metadata #> '{client,name}') = 'string'
                                THEN s.metadata #>> '{client,name}' END)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneRow:
    """One row of ``scene_generations``; ``metadata`` and ``result_blob`` are JSON text."""

    id: UUID
    status: str
    priority: str
    original_image_url: str
    generated_3d_gaussian_url: str | None
    result_blob: str | None
    processing_time_seconds: float | None
    metadata: str | None
    error_message: str | None
    cancel_requested_at: datetime | None
    created_at: datetime
    updated_at: datetime
    preview_url: str | None
    viewer_url: str | None


class Scenes:
    """The ``scene_generations`` table. ``bucket`` is where the URLs of its rows point to."""

    def __init__(self, pool: asyncpg.Pool, bucket: str) -> None:
        self._pool, self._bucket = pool, bucket

    async def get(self, account_id: UUID, generation_id: UUID) -> SceneRow | None:
        """Return the account's generation."""
        row = await self._pool.fetchrow(
            f"SELECT {COLUMNS} FROM scene_generations s WHERE s.id = $1 AND s.user_id = $2"  # noqa: S608
            " AND s.deleted_at IS NULL",
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
        q: str | None = None,
    ) -> list[SceneRow]:
        """Return up to ``limit`` of the account's generations, newest first, older than ``before``.

        ``created_after`` is inclusive, ``created_before`` exclusive, ``q`` a part of the
        name in any case.
        """
        rows = await self._pool.fetch(
            f"SELECT {COLUMNS} FROM scene_generations s WHERE user_id = $1 AND deleted_at IS NULL"  # noqa: S608
            " AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))"
            " AND ($4::text IS NULL OR status = $4) AND ($5::text IS NULL OR priority = $5)"
            " AND ($6::timestamptz IS NULL OR created_at >= $6)"
            " AND ($7::timestamptz IS NULL OR created_at < $7)"
            f" AND ($8::text IS NULL OR position(lower($8) IN lower({_NAME})) > 0)"
            " ORDER BY created_at DESC, id DESC LIMIT $9",
            account_id,
            *(before or (None, None)),
            status,
            priority,
            created_after,
            created_before,
            q,
            limit,
        )
        return [SceneRow(**row) for row in rows]


def key_of(url: str) -> str:
    """Return the blob key of a stored ``s3://bucket/key``."""
    return BlobLocation.parse(url).key
