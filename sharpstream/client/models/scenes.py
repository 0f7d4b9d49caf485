"""Scenes: photos and their splats."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct, field

ENDINGS: Final = frozenset({"completed", "failed", "cancelled"})
"""The final statuses of a scene or an export."""


class Accepted(Struct, frozen=True, kw_only=True):
    """The answer to a submitted photo."""

    generation_id: str
    status: str
    message: str


class CancelAccepted(Accepted, frozen=True, kw_only=True):
    """The cancellation was requested; the scene's status shows the outcome."""

    cancel_requested_at: datetime | None = None


class Upload(Struct, frozen=True, kw_only=True):
    """Where to PUT a photo, and with which headers."""

    upload_id: str
    url: str
    method: str
    headers: dict[str, str]
    expires_at: datetime


class Queue(Struct, frozen=True, kw_only=True):
    """``position`` 1 is next; ``estimated_seconds`` is an estimate or None."""

    position: int
    estimated_seconds: float | None = None


class Timings(Struct, frozen=True, kw_only=True):
    """Milliseconds by stage; None: the stage was not reached."""

    queued_ms: float | None = None
    fetch_ms: float | None = None
    decode_ms: float | None = None
    batch_wait_ms: float | None = None
    inference_ms: float | None = None
    encode_ms: float | None = None
    upload_ms: float | None = None
    other_ms: float | None = None
    total_ms: float | None = None


class SceneSummary(Struct, frozen=True, kw_only=True):
    """A scene in a list."""

    id: str
    status: str
    priority: str = "interactive"
    name: str | None = None
    preview_url: str | None = None
    processing_time_seconds: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    error_code: str | None = None
    error_message: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in ENDINGS

    def part(self, name: str) -> dict[str, Any]:
        """Return that part of the metadata (``result``, ``timings``, ``scores``, ...), empty where absent."""
        found = self.metadata.get(name)
        return found if isinstance(found, dict) else {}


class Scene(SceneSummary, frozen=True, kw_only=True):
    """A scene's current state; the URLs are presigned and valid for about an hour."""

    original_image_url: str | None = None
    photo_url: str | None = None
    generated_3d_gaussian_url: str | None = None
    viewer_url: str | None = None
    cancel_requested_at: datetime | None = None
    timings: Timings | None = None
    queue: Queue | None = None


class ScenePage(Struct, frozen=True, kw_only=True):
    """Newest first; ``next_cursor`` None is the end."""

    items: list[SceneSummary]
    next_cursor: str | None = None


class Model(Struct, frozen=True, kw_only=True):
    """A model with its network, and its licence; ``running``: it is in use.

    ``commercial_use``: whether the licence permits use in products; None where the service is older.
    """

    name: str
    version: str
    description: str
    licence: str
    running: bool
    gaussians: int = 0
    commercial_use: bool | None = None
