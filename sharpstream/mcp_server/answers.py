"""What the tools answer: few fields with a description each, since a model reads all of them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from sharpstream.client.models import Export, ExportFormat, NewShare, Scene, SceneSummary


class SceneAnswer(BaseModel):
    """A scene."""

    id: str
    name: str | None = None
    status: str = Field(
        description="pending, processing, completed, failed or cancelled; the last three are final."
    )
    queue_position: int | None = Field(None, description="How many jobs go first, while it is pending.")
    estimated_seconds: float | None = Field(None, description="Until it is done; an estimate.")
    gaussian_count: int | None = None
    width: int | None = Field(None, description="Pixels of the photo.")
    height: int | None = None
    focal_length_px: float | None = None
    splat_url: str | None = Field(None, description="The 3DGS .ply; a link for about half an hour.")
    error: str | None = Field(None, description="Why it failed, with the code in brackets.")
    created_at: str | None = None

    @classmethod
    def of(cls, scene: Scene) -> SceneAnswer:
        """Return the answer of a whole scene."""
        result = scene.part("result")
        return cls(
            **_common(scene),
            queue_position=scene.queue.position if scene.queue else None,
            estimated_seconds=scene.queue.estimated_seconds if scene.queue else None,
            width=result.get("width"),
            height=result.get("height"),
            focal_length_px=result.get("focal_length_px"),
            splat_url=scene.generated_3d_gaussian_url,
        )

    @classmethod
    def of_list(cls, scene: SceneSummary) -> SceneAnswer:
        """Return the answer of a scene in a list, which has no links."""
        return cls(**_common(scene))


class SceneListAnswer(BaseModel):
    """Scenes, newest first."""

    scenes: list[SceneAnswer]
    next_cursor: str | None = Field(
        None, description="Give it as cursor for older scenes; null: there are none."
    )


class FormatAnswer(BaseModel):
    """A format that a scene can be exported to."""

    name: str
    kind: str
    title: str
    description: str
    extension: str
    options: dict[str, Any] = Field(description="JSON Schema of each option.")

    @classmethod
    def of(cls, found: ExportFormat) -> FormatAnswer:
        """Return the answer."""
        return cls(
            name=found.name,
            kind=found.kind,
            title=found.title,
            description=found.description,
            extension=found.extension,
            options=found.options.get("properties", {}),
        )


class FormatListAnswer(BaseModel):
    """All formats."""

    formats: list[FormatAnswer]


class ExportAnswer(BaseModel):
    """A finished export."""

    id: str
    format: str
    path: str | None = Field(None, description="The file on this machine, where one was asked for.")
    bytes: int | None = None
    sha256: str | None = None
    url: str | None = Field(None, description="The file in the store; a link for about half an hour.")

    @classmethod
    def of(cls, export: Export, **file: Any) -> ExportAnswer:
        """Return the answer; ``file``: its path, bytes and sha256 where it was fetched."""
        return cls(id=export.id, format=export.export_format, url=export.export_file_url, **file)


class ShareAnswer(BaseModel):
    """A link that shows a scene without an account."""

    url: str
    expires_at: str

    @classmethod
    def of(cls, share: NewShare) -> ShareAnswer:
        """Return the answer."""
        return cls(url=share.url or "", expires_at=share.expires_at.isoformat())


def _common(scene: SceneSummary) -> dict[str, Any]:
    failed = scene.error_message or scene.error_code
    return {
        "id": scene.id,
        "name": scene.name,
        "status": scene.status,
        "gaussian_count": scene.part("result").get("gaussian_count"),
        "error": failed and f"{failed} [{scene.error_code}]",
        "created_at": scene.created_at and scene.created_at.isoformat(),
    }
