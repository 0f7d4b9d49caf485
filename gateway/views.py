"""What a client sees of a row: presigned URLs minted now, timings explained, nothing of where it lies."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import msgspec

from bus.messages import Priority
from gateway.api.schemas.exports import ExportOut
from gateway.api.schemas.scenes import QueueOut, SceneItem, SceneOut, TimingsOut
from gateway.services import Services
from gateway.store.exports import ExportRow
from gateway.store.scenes import SceneRow, key_of

ENDED = frozenset({"completed", "failed", "cancelled"})
"""The states that a scene never leaves."""


async def scene_out(services: Services, row: SceneRow) -> SceneOut:
    """Return a scene as its owner sees it."""
    original, result = row.original_image_url, row.generated_3d_gaussian_url
    return SceneOut(
        **_common(row),
        original_image_url=await services.blobs.presign(key_of(original)),
        generated_3d_gaussian_url=result
        and await services.blobs.presign(key_of(result), filename=f"{row.id}.ply"),
        cancel_requested_at=row.cancel_requested_at,
        timings=timings_of(row),
        queue=await _queue(services, row),
    )


def scene_item(row: SceneRow) -> SceneItem:
    """Return a scene as it stands in a list."""
    return SceneItem(**_common(row))


async def export_out(services: Services, row: ExportRow) -> ExportOut:
    """Return an export as its owner sees it."""
    key = row.export_file_url and key_of(row.export_file_url)
    name = key and f"{row.scene_generation_id}-{row.export_format}{PurePosixPath(key).suffix}"
    return ExportOut(
        id=row.id,
        scene_generation_id=row.scene_generation_id,
        export_format=row.export_format,
        options=msgspec.json.decode(row.options) if row.options else {},
        export_file_url=key and await services.blobs.presign(key, filename=name),
        status=row.status,
        error_code=row.error_code,
        error_message=row.error_message,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def timings_of(row: SceneRow) -> TimingsOut | None:
    """Return where the time went, None before the end."""
    if row.status not in ENDED:
        return None
    stages = _metadata(row).get("timings") or {}
    total = (row.updated_at - row.created_at).total_seconds() * 1000
    known = {name: ms for name, ms in stages.items() if name in TimingsOut.__struct_fields__}
    other = max(0.0, total - sum(known.values()))
    return TimingsOut(**known, other_ms=round(other, 3), total_ms=round(total, 3))


async def _queue(services: Services, row: SceneRow) -> QueueOut | None:
    if row.status != "pending":
        return None
    found = await services.backlog.place(row.id, Priority(row.priority), row.created_at)
    return QueueOut(position=found.position, estimated_seconds=found.estimated_seconds)


def _common(row: SceneRow) -> dict[str, Any]:
    metadata = _metadata(row)
    return {
        "id": row.id,
        "status": row.status,
        "priority": row.priority,
        "processing_time_seconds": row.processing_time_seconds,
        "metadata": metadata,
        "error_code": metadata.get("error", {}).get("code"),
        "error_message": row.error_message,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _metadata(row: SceneRow) -> dict[str, Any]:
    return msgspec.json.decode(row.metadata, type=dict[str, Any]) if row.metadata else {}
