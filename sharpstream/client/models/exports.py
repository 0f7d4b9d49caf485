"""What the service answers. Exports: scenes in other formats.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class ExportFormat(Struct, frozen=True, kw_only=True):
    """A format that a scene can be exported to."""

    name: str = ""
    kind: str = ""
    media_type: str = ""
    extension: str = ""
    title: str = ""
    description: str = ""
    options: dict[str, Any] = field(default_factory=dict)


class ExportFormats(Struct, frozen=True, kw_only=True):
    """All formats, the splats first."""

    items: list[ExportFormat] = field(default_factory=list)
