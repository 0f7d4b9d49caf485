"""Exports: scenes in other formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sharpstream.client.models import Export, ExportAccepted, ExportFormats, ExportPage
from sharpstream.client.request import API, Call


def export(
    generation_id: str,
    format: str,  # noqa: A002 - the word of the API
    *,
    options: Mapping[str, Any] | None = None,
) -> Call[ExportAccepted]:
    """Request an export of a scene (``GLTF``, ``spz``, ...); ``options`` are those of the format."""
    body = {"format": format, "options": dict(options or {})}
    path = f"{API}/scenes/{generation_id}/export"
    return Call(method="POST", path=path, answer=ExportAccepted, body=body, repeatable=False)


def get_export(export_id: str) -> Call[Export]:
    """Return an export's current state."""
    return Call(method="GET", path=f"{API}/exports/{export_id}", answer=Export)


def exports(generation_id: str, *, cursor: str | None = None, limit: int = 20) -> Call[ExportPage]:
    """Return a page of a scene's exports, newest first."""
    query = {"cursor": cursor, "limit": limit}
    return Call(method="GET", path=f"{API}/scenes/{generation_id}/exports", answer=ExportPage, query=query)


def export_formats() -> Call[ExportFormats]:
    """Return the formats that scenes can be exported to, and their options."""
    return Call(method="GET", path=f"{API}/export-formats", answer=ExportFormats, public=True)
