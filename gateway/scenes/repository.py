"""Reads the generations of an account; the ledger updates them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from piccolo.columns import Column
from piccolo.querystring import QueryString

from bus.contract.blob_ref import BlobLocation
from ledger.db.queries import columns_of, older_than, run, run_one
from ledger.db.tables.scenes import ExportJob, SceneGeneration, SceneRendition


@dataclass(frozen=True, kw_only=True, slots=True)
class _OwnColumns:
    """The columns of ``scene_generations`` that are shown; those that hold JSON are text."""

    id: UUID
    status: str
    priority: str
    original_image_url: str
    generated_3d_gaussian_url: str | None
    result_blob: str | None
    processing_time_seconds: float | None
    metadata: str | None
    client_metadata: str | None
    error_message: str | None
    cancel_requested_at: datetime | None
    created_at: datetime
    updated_at: datetime
    photo_url: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneRow(_OwnColumns):
    """One row of ``scene_generations``, with the ``s3://`` URLs of its newest preview and viewer file.

    ``scores``: those of the preview, JSON text. ``rendition_url``: the gateway's own; ``rendition_tried``:
    whether it was made, or cannot be.
    """

    preview_url: str | None
    viewer_url: str | None
    scores: str | None
    rendition_url: str | None
    rendition_tried: bool


def _newest(column: Column, purpose: str, alias: str) -> QueryString:
    made = (
        ExportJob.select(column)
        .where(
            ExportJob.scene_generation_id == SceneGeneration.id,
            ExportJob.purpose == purpose,
            ExportJob.status == "completed",
        )
        .order_by(ExportJob.created_at, ascending=False)
        .order_by(ExportJob.id)
        .limit(1)
    )
    return QueryString("({})", *made.querystrings, alias=alias)


def _rendition(column: Column) -> QueryString:
    found = SceneRendition.select(column).where(SceneRendition.scene_generation_id == SceneGeneration.id)
    return QueryString("({})", *found.querystrings)


COLUMNS: Final = (
    *columns_of(SceneGeneration, _OwnColumns),
    _newest(ExportJob.export_file_url, "preview", "preview_url"),
    _newest(ExportJob.export_file_url, "viewer", "viewer_url"),
    _newest(ExportJob.scores, "preview", "scores"),
    QueryString("{}", _rendition(SceneRendition.photo_url), alias="rendition_url"),
    QueryString("{} IS NOT NULL", _rendition(SceneRendition.created_at), alias="rendition_tried"),
)
"""The columns of a `SceneRow`, for a query of `SceneGeneration`."""
_PATH: Final = ["client", "name"]
_NAME: Final = QueryString(
    "coalesce({} ->> 'name', CASE WHEN jsonb_typeof({} #> {}::text[]) = 'string' THEN {} #>> {}::text[] END)",
    *(SceneGeneration.metadata, SceneGeneration.metadata, _PATH, SceneGeneration.metadata, _PATH),
)
"""The name that the owner gave, or else the one in the request's own metadata where that is text."""
_FOLDED: Final = "translate(normalize(lower(normalize({}, NFC)), NFC), '_-', '  ')"
"""Names of earlier releases are in the form in which they were sent: Unicode has several for one letter.
Cameras write IMG_12-a where people type "img 12 a"."""


class Scenes:
    """The ``scene_generations`` table."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def get(self, account_id: UUID, generation_id: UUID) -> SceneRow | None:
        """Return the account's generation."""
        row = await run_one(
            self._pool,
            SceneGeneration.select(*COLUMNS).where(
                SceneGeneration.id == generation_id,
                SceneGeneration.user_id == account_id,
                SceneGeneration.deleted_at.is_null(),
            ),
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

        ``created_after`` is inclusive, ``created_before`` exclusive, ``q`` a case-insensitive part of the
        name.
        """
        query = SceneGeneration.select(*COLUMNS).where(
            SceneGeneration.user_id == account_id, SceneGeneration.deleted_at.is_null()
        )
        if before is not None:
            query = query.where(older_than(SceneGeneration.created_at, SceneGeneration.id, before))
        if status is not None:
            query = query.where(SceneGeneration.status == status)
        if priority is not None:
            query = query.where(SceneGeneration.priority == priority)
        if created_after is not None:
            query = query.where(SceneGeneration.created_at >= created_after)
        if created_before is not None:
            query = query.where(SceneGeneration.created_at < created_before)
        if q is not None:
            query = query.where(QueryString(f"position({_FOLDED} IN {_FOLDED}) > 0", q, _NAME))
        query = query.order_by(SceneGeneration.created_at, SceneGeneration.id, ascending=False).limit(limit)
        return [SceneRow(**row) for row in await run(self._pool, query)]


def key_of(url: str) -> str:
    """Return the blob key of a stored ``s3://bucket/key``."""
    return BlobLocation.parse(url).key
