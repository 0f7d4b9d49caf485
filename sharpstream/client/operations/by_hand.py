"""The operations that are written by hand: a body of two kinds, a header, a list in a query.

`deploy/python_client.py` writes the others, from the OpenAPI document.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from sharpstream.client.models import Accepted, Scene
from sharpstream.client.models.events import EventPage
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
    delete_after_hours: int | None = None,
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
        "delete_after_hours": delete_after_hours,
    }
    called = name or (source.name if isinstance(source, Path) else "photo")
    # A file's name may hold bytes that are no UTF-8; a scene's name cannot.
    called = called.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
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
    delete_after_hours: int | None = None,
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
        "delete_after_hours": delete_after_hours,
    }
    return Call(
        method="POST",
        path=f"{API}/scenes/generate",
        answer=Accepted,
        body=body,
        headers=_once(idempotency_key),
    )


def scene(generation_id: str, *, wait_s: int | None = None, views: bool = False) -> Call[Scene]:
    """Return a scene's current state, or wait for its end within ``wait_s`` (at most 60) seconds.

    ``views``: have its picture and its file for viewers made if it has none; they are there seconds later.
    """
    return Call(
        method="GET",
        path=f"{API}/scenes/{generation_id}",
        answer=Scene,
        query={"views": "true"} if views else {},
        headers={} if wait_s is None else {"Prefer": f"wait={wait_s}"},
    )


def events(
    *, after: str | None = None, types: Sequence[str] | None = None, limit: int = 100
) -> Call[EventPage]:
    """Return a page of the account's events, oldest first, after a cursor."""
    query = {"after": after, "types": ",".join(types) if types else None, "limit": limit}
    return Call(method="GET", path=f"{API}/events", answer=EventPage, query=query)


def _once(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid4())}
