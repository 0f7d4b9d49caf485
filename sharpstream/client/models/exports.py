"""Exports: scenes in other formats."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, field

from sharpstream.client.models.scenes import ENDINGS


class ExportAccepted(Struct, frozen=True, kw_only=True):
    """The answer to an export request."""

    export_id: str
    status: str
    message: str


class Export(Struct, frozen=True, kw_only=True):
    """One conversion in its current state; the URL is presigned and valid for about an hour."""

    id: str
    scene_generation_id: str
    export_format: str
    status: str
    options: dict[str, Any] = field(default_factory=dict)
    export_file_url: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in ENDINGS


class ExportPage(Struct, frozen=True, kw_only=True):
    """Newest first; ``next_cursor`` None is the end."""

    items: list[Export]
    next_cursor: str | None = None


class ExportFormat(Struct, frozen=True, kw_only=True):
    """A format that a scene can be exported to; ``options`` is a JSON Schema."""

    name: str
    kind: str
    media_type: str
    extension: str
    title: str
    description: str = ""
    options: dict[str, Any] = field(default_factory=dict)


class ExportFormats(Struct, frozen=True, kw_only=True):
    """All formats."""

    items: list[ExportFormat]
