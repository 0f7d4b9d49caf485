"""Reads the generations of an account; the ledger updates them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import Column
from piccolo.querystring import QueryString

from bus.contract import splat
from bus.contract.blob_ref import BlobLocation, BlobRef
from gateway.errors import DomainError
from gateway.scenes.scene_list import Key, Wanted
from ledger.db.queries import columns_of, run, run_one
from ledger.db.tables.scenes import ExportJob, SceneGeneration, SceneRendition


@dataclass(frozen=True, kw_only=True, slots=True)
class _OwnColumns:
    """The columns of ``scene_generations`` that are shown; those that hold JSON are text."""

    id: UUID
    user_id: UUID
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
    thumbnail_url: str | None
    delete_at: datetime | None
    original_erased_at: datetime | None
    result_erased_at: datetime | None
    name_erased_at: datetime | None
    client_metadata_erased_at: datetime | None
    start_view: str | None
    tags: Sequence[str]
    favourite: bool
    retry_of: UUID | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneRow(_OwnColumns):
    """One row of ``scene_generations``, with the ``s3://`` URLs of its newest preview and viewer file.

    ``scores``: those of the preview, JSON text. ``rendition_url``, ``own_thumbnail_url``: the gateway's own;
    ``rendition_tried``: whether they were made, or cannot be. ``views_erased_at``: of its viewer file.
    """

    preview_url: str | None
    viewer_url: str | None
    scores: str | None
    rendition_url: str | None
    own_thumbnail_url: str | None
    rendition_tried: bool
    views_erased_at: datetime | None


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
    QueryString("{}", _rendition(SceneRendition.thumbnail_url), alias="own_thumbnail_url"),
    QueryString("{} IS NOT NULL", _rendition(SceneRendition.created_at), alias="rendition_tried"),
    _newest(ExportJob.erased_at, "viewer", "views_erased_at"),
)
"""The columns of a `SceneRow`, for a query of `SceneGeneration`."""


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

    async def list(self, account_id: UUID, wanted: Wanted, *, limit: int) -> list[tuple[SceneRow, Key]]:
        """Return up to ``limit`` of the account's generations after ``wanted.after``, with sort keys."""
        key = wanted.key
        query = SceneGeneration.select(*COLUMNS, QueryString("{}", key, alias="sort_key")).where(
            SceneGeneration.user_id == account_id, SceneGeneration.deleted_at.is_null()
        )
        for condition in wanted.conditions():
            query = query.where(condition)
        query = query.order_by(key, SceneGeneration.id, ascending=wanted.ascending).limit(limit)
        rows = await run(self._pool, query)
        return [(SceneRow(**row), found) for row in rows for found in [row.pop("sort_key")]]


def key_of(url: str) -> str:
    """Return the blob key of a stored ``s3://bucket/key``."""
    return BlobLocation.parse(url).key


def splat_of(scene: SceneRow) -> BlobRef:
    """Return the blob reference of the scene's result.

    Raises `DomainError` scene_unfinished, or result_erased.
    """
    if scene.result_erased_at is not None:
        raise result_erased()
    if scene.status != "completed" or not scene.generated_3d_gaussian_url:
        hint = {"failed": "it failed", "cancelled": "it was cancelled"}.get(
            scene.status, "it is not done yet"
        )
        raise DomainError(
            "scene_unfinished",
            f"Only a completed scene can be exported; {hint}.",
            status=scene.status,
        )
    if scene.result_blob is not None:
        return msgspec.json.decode(scene.result_blob, type=BlobRef)
    # Written by an older release, which stored the reference in parts and without its media type.
    result = msgspec.json.decode(scene.metadata or "{}")["result"]
    return BlobRef(
        key=key_of(scene.generated_3d_gaussian_url),
        sha256=result["sha256"],
        bytes=result["bytes"],
        media_type=splat.MEDIA_TYPE,
    )


def result_erased() -> DomainError:
    """Return the error for a scene whose splat was erased."""
    return DomainError(
        "result_erased",
        "The scene's result was erased, as its account's retention says. Send the photo again for a new one.",
    )
