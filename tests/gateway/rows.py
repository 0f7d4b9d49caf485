"""Scenes as the ledger would have written them, without Kafka."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bus.contract.ids import new_id
from tests.gateway.conftest import Api

RESULT = {"gaussian_count": 3, "bytes": 3, "sha256": "ab" * 32, "focal_length_px": 9.0}
TIMINGS = {"queued_ms": 100.0, "decode_ms": 20.5, "inference_ms": 800.0}


async def put_scene(api: Api, account: UUID, status: str = "completed", **columns: Any) -> UUID:
    """Insert a scene and return its id; a completed one names its splat."""
    generation_id = columns.pop("id", None) or new_id()
    now = datetime.now(UTC)
    row = {
        "id": generation_id,
        "user_id": account,
        "original_image_url": f"s3://{api.services.blobs.bucket}/originals/{generation_id}/photo",
        "status": status,
        "priority": "interactive",
        "metadata": json.dumps({"client": {"room": "kitchen"}, "image": {"width": 1}}),
        "created_at": now,
        "updated_at": now,
    }
    if status == "completed":
        row["generated_3d_gaussian_url"] = (
            f"s3://{api.services.blobs.bucket}/results/{generation_id}/winner.ply"
        )
        row["processing_time_seconds"] = 0.8205
        row["metadata"] = json.dumps({"client": {"room": "kitchen"}, "result": RESULT, "timings": TIMINGS})
    row |= columns
    names, placeholders = ", ".join(row), ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await api.sql(f"INSERT INTO scene_generations ({names}) VALUES ({placeholders})", *row.values())
    return generation_id


async def put_objects(api: Api, *keys: str) -> list[str]:
    """Store something under each key; return the keys."""
    for key in keys:
        await api.services.blobs.put(key, b"ply", "application/octet-stream")
    return list(keys)


async def end(api: Api, generation_id: UUID, status: str = "completed") -> None:
    """End a scene as the ledger does."""
    await api.sql(
        "UPDATE scene_generations SET status = $2, updated_at = now() WHERE id = $1", generation_id, status
    )
