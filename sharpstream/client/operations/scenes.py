"""Scenes: photos and their splats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from sharpstream.client.models import (
    Accepted,
    CancelAccepted,
    Model,
    Scene,
    ScenePage,
    Upload,
)
from sharpstream.client.request import API, Call, Moved, Photo, present


def generate(
    photo: Path | str | bytes,
    *,
    name: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    focal_length_px: float | None = None,
    focal_length_mm: float | None = None,
    priority: str | None = None,
    webhook_url: str | None = None,
    idempotency_key: str | None = None,
    moved: Moved = lambda _done, _total: None,
) -> Call[Accepted]:
    """Turn a photo, a path or its bytes, into a scene.

    ``focal_length_mm`` is the 35 mm equivalent. Without an ``idempotency_key`` the client makes one,
    so that its own retries make one scene. ``moved`` gets the bytes of a file sent so far.
    """
    source = Path(photo) if isinstance(photo, str) else photo
    form = {
        "metadata": None if metadata is None else json.dumps(metadata),
        "focal_length_px": focal_length_px,
        "focal_length_mm": focal_length_mm,
        "priority": priority,
        "webhook_url": webhook_url,
    }
    called = name or (source.name if isinstance(source, Path) else "photo")
    return Call(
        method="POST",
        path=f"{API}/scenes/generate",
        answer=Accepted,
        form={field: str(value) for field, value in present(form).items()},
        photo=Photo(source=source, name=called, moved=moved),
        headers=_once(idempotency_key),
    )


def generate_from(
    *,
    image_url: str | None = None,
    upload_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    focal_length_px: float | None = None,
    focal_length_mm: float | None = None,
    priority: str | None = None,
    webhook_url: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Accepted]:
    """Turn a photo at a URL, or an uploaded one, into a scene; the rest is as in `generate`."""
    body = {
        "image_url": image_url,
        "upload_id": upload_id,
        "metadata": None if metadata is None else dict(metadata),
        "focal_length_px": focal_length_px,
        "focal_length_mm": focal_length_mm,
        "priority": priority,
        "webhook_url": webhook_url,
    }
    return Call(
        method="POST",
        path=f"{API}/scenes/generate",
        answer=Accepted,
        body=body,
        headers=_once(idempotency_key),
    )


def create_upload(*, size: int, media_type: str) -> Call[Upload]:
    """Get an upload URL for a photo of ``size`` bytes; send it with ``put``, then `generate_from` its id."""
    body = {"bytes": size, "media_type": media_type}
    return Call(method="POST", path=f"{API}/uploads", answer=Upload, body=body, repeatable=False)


def scene(generation_id: str, *, wait_s: int | None = None) -> Call[Scene]:
    """Return a scene's current state, or wait for its end within ``wait_s`` (at most 60) seconds."""
    headers = {} if wait_s is None else {"Prefer": f"wait={wait_s}"}
    return Call(method="GET", path=f"{API}/scenes/{generation_id}", answer=Scene, headers=headers)


def scenes(
    *,
    status: str | None = None,
    priority: str | None = None,
    created_after: datetime | str | None = None,
    created_before: datetime | str | None = None,
    q: str | None = None,
    cursor: str | None = None,
    limit: int = 20,
) -> Call[ScenePage]:
    """Return a page of the account's scenes, newest first; ``q`` is a part of the name."""
    query = {
        "status": status,
        "priority": priority,
        "created_after": created_after,
        "created_before": created_before,
        "q": q,
        "cursor": cursor,
        "limit": limit,
    }
    return Call(method="GET", path=f"{API}/scenes", answer=ScenePage, query=query)


def cancel(generation_id: str) -> Call[CancelAccepted]:
    """Request the cancellation of a scene; its ending shows the outcome."""
    return Call(method="POST", path=f"{API}/scenes/{generation_id}/cancel", answer=CancelAccepted)


def delete_scene(generation_id: str) -> Call[None]:
    """Delete an ended scene with its photo, splat and exports."""
    return Call(method="DELETE", path=f"{API}/scenes/{generation_id}", answer=None, repeatable=False)


def models() -> Call[list[Model]]:
    """Return the networks and their licences."""
    return Call(method="GET", path=f"{API}/models", answer=list[Model], public=True)


def _once(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid4())}
