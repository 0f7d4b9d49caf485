"""Exports: scenes in other formats.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from sharpstream.client.models import Export, ExportFormats, ExportPage
from sharpstream.client.request import API, Call


def get_export(export_id: str) -> Call[Export]:
    """Return one export, with a fresh presigned URL once it is completed."""
    return Call(
        method="GET",
        path=f"{API}/exports/{export_id}",
        answer=Export,
    )


def all_exports(*, status: str | None = None, cursor: str | None = None, limit: int = 20) -> Call[ExportPage]:
    """Return the exports of all your scenes, newest first, with fresh presigned URLs."""
    return Call(
        method="GET",
        path=f"{API}/exports",
        answer=ExportPage,
        query={"status": status, "cursor": cursor, "limit": limit},
    )


def export_formats() -> Call[ExportFormats]:
    """Return the formats that a scene can be exported to, and the options of each."""
    return Call(
        method="GET",
        path=f"{API}/export-formats",
        answer=ExportFormats,
        public=True,
    )
