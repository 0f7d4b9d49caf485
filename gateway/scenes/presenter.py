"""Converts rows into answers: with fresh presigned URLs and timings, without storage keys."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import msgspec

from bus.blobs import Blobs
from bus.contract.messages import Priority
from gateway.scenes import display_name, renditions
from gateway.scenes.album_schemas import AlbumSceneItem
from gateway.scenes.albums import OpenedAlbum
from gateway.scenes.export_schemas import ExportOut
from gateway.scenes.exports import ExportRow
from gateway.scenes.queue_position import Backlog
from gateway.scenes.renditions import ENDED, Renditions, Stored
from gateway.scenes.repository import SceneRow, key_of
from gateway.scenes.schemas import (
    ErasedPart,
    ErasedPartOut,
    QueueOut,
    SceneItem,
    SceneOut,
    StartView,
    TimingsOut,
)
from gateway.scenes.share_schemas import SharedOut
from gateway.scenes.shares import OpenedShare


class Presenter:
    """Converts rows into answers, with presigned URLs of the store and the queue position."""

    def __init__(self, blobs: Blobs, backlog: Backlog, photos: Renditions) -> None:
        self._blobs = blobs
        self._backlog = backlog
        self._renditions = photos

    async def scene_out(self, row: SceneRow) -> SceneOut:
        """Return a scene as its owner sees it."""
        pictures = await self._renditions.of(row)
        return SceneOut(
            **_common(row),
            original_image_url=None
            if row.original_erased_at
            else await self._blobs.presign(key_of(row.original_image_url)),
            photo_url=await self._shown(pictures.rendition),
            thumbnail_url=await self._shown(pictures.thumbnail),
            preview_url=await self._shown(row.preview_url),
            viewer_url=await self._shown(row.viewer_url),
            generated_3d_gaussian_url=await self._download(row),
            cancel_requested_at=row.cancel_requested_at,
            delete_at=row.delete_at,
            erased=_erased(row),
            start_view=_start_view(row),
            timings=timings_of(row),
            queue=await self._queue(row),
        )

    async def scene_item(self, row: SceneRow) -> SceneItem:
        """Return a scene as an item of a list."""
        pictures = renditions.known(row)
        return SceneItem(
            **_common(row),
            photo_url=await self._shown(pictures.rendition),
            thumbnail_url=await self._shown(pictures.thumbnail),
            preview_url=await self._shown(row.preview_url),
        )

    async def shared_out(self, share: OpenedShare) -> SharedOut:
        """Return a scene as the holder of a share link sees it: nothing of its owner, never the original."""
        row, options = share.scene, share.options
        photo = (await self._renditions.of(row)).rendition if options.show_photo else None
        metadata = _metadata(row)
        result = metadata.get("result") or {}
        return SharedOut(
            name=display_name.shown(metadata),
            created_at=row.created_at,
            expires_at=share.expires_at,
            viewer_url=await self._shown(row.viewer_url),
            preview_url=await self._shown(row.preview_url),
            photo_url=await self._shown(photo),
            download_url=await self._download(row) if options.allow_download else None,
            gaussian_count=result.get("gaussian_count"),
            width=result.get("width"),
            height=result.get("height"),
            focal_length_px=result.get("focal_length_px"),
            focal_source=metadata.get("focal_source"),
            scale_uncertainty=metadata.get("scale_uncertainty"),
            start_view=_start_view(row),
        )

    async def album_item(self, album: OpenedAlbum, position: int, row: SceneRow) -> AlbumSceneItem:
        """Return a scene as an item of an album: its picture as the album shows it."""
        pictures = renditions.known(row) if album.options.show_photo else Stored()
        metadata = _metadata(row)
        result = metadata.get("result") or {}
        return AlbumSceneItem(
            position=position,
            name=display_name.shown(metadata),
            preview_url=await self._shown(row.preview_url),
            photo_url=await self._shown(pictures.rendition),
            thumbnail_url=await self._shown(pictures.thumbnail),
            width=result.get("width"),
            height=result.get("height"),
        )

    async def export_out(self, row: ExportRow) -> ExportOut:
        """Return an export as its owner sees it."""
        key = row.export_file_url and key_of(row.export_file_url)
        name = key and display_name.file_name(row.scene_name, row.export_format, PurePosixPath(key).suffix)
        return ExportOut(
            id=row.id,
            scene_generation_id=row.scene_generation_id,
            export_format=row.export_format,
            options=msgspec.json.decode(row.options) if row.options else {},
            export_file_url=key and await self._blobs.presign(key, filename=name),
            scene_name=row.scene_name,
            bytes=row.bytes,
            status=row.status,
            error_code=row.error_code,
            error_message=row.error_message,
            erased_at=row.erased_at,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    async def _queue(self, row: SceneRow) -> QueueOut | None:
        if row.status != "pending":
            return None
        found = await self._backlog.estimate(row.id, Priority(row.priority), row.created_at)
        return QueueOut(position=found.position, estimated_seconds=found.estimated_seconds)

    async def _download(self, row: SceneRow) -> str | None:
        result = None if row.result_erased_at else row.generated_3d_gaussian_url
        name = display_name.file_name(_shown_name(row), "ply", ".ply")
        return result and await self._blobs.presign(key_of(result), filename=name)

    async def _shown(self, url: str | None) -> str | None:
        return url and await self._blobs.presign(key_of(url))


def _shown_name(row: SceneRow) -> str | None:
    return display_name.shown(_metadata(row))


def timings_of(row: SceneRow) -> TimingsOut | None:
    """Return the time spent in each stage, None before the end."""
    if row.status not in ENDED:
        return None
    stages = _metadata(row).get("timings") or {}
    total = (row.updated_at - row.created_at).total_seconds() * 1000
    known = {name: ms for name, ms in stages.items() if name in TimingsOut.__struct_fields__}
    other = max(0.0, total - sum(known.values()))
    return TimingsOut(**known, other_ms=round(other, 3), total_ms=round(total, 3))


def _erased(row: SceneRow) -> list[ErasedPartOut]:
    at: dict[ErasedPart, datetime | None] = {
        "original": row.original_erased_at,
        "result": row.result_erased_at,
        "views": row.views_erased_at,
        "name": row.name_erased_at,
        "client_metadata": row.client_metadata_erased_at,
    }
    return [ErasedPartOut(part=part, erased_at=time) for part, time in at.items() if time is not None]


def _start_view(row: SceneRow) -> StartView | None:
    return msgspec.json.decode(row.start_view, type=StartView) if row.start_view else None


def _common(row: SceneRow) -> dict[str, Any]:
    metadata = _metadata(row)
    return {
        "id": row.id,
        "status": row.status,
        "priority": row.priority,
        "name": display_name.shown(metadata),
        "processing_time_seconds": row.processing_time_seconds,
        "metadata": _shown_metadata(row, metadata),
        "error_code": metadata.get("error", {}).get("code"),
        "error_message": row.error_message,
        "tags": list(row.tags),
        "favourite": row.favourite,
        "retry_of": row.retry_of,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _metadata(row: SceneRow) -> dict[str, Any]:
    """Return the row's own metadata, with the scores that came with its preview.

    ``client`` is the caller's only in rows of an earlier release; see `_shown_metadata`.
    """
    metadata = msgspec.json.decode(row.metadata, type=dict[str, Any]) if row.metadata else {}
    return metadata | ({"scores": msgspec.json.decode(row.scores)} if row.scores else {})


def _shown_metadata(row: SceneRow, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata with the caller's own as the text that was sent, neither parsed nor changed."""
    text = row.client_metadata
    return metadata if text is None else metadata | {"client": msgspec.Raw(text.encode())}
