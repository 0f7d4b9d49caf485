"""Scenes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from gateway.api.schemas.fields import Id, Moment, Status


class GenerateOut(Struct, frozen=True, kw_only=True):
    """The photo was accepted; the Location header tells where to look."""

    generation_id: Id
    status: Status
    message: str


class SceneOut(Struct, frozen=True, kw_only=True):
    """A generation. The URLs are presigned: good for an hour, no credentials needed."""

    id: Id
    status: Status
    priority: Annotated[str, Meta(examples=["interactive"])]
    original_image_url: str
    generated_3d_gaussian_url: str | None
    processing_time_seconds: float | None
    metadata: dict[str, Any]
    error_message: str | None
    cancel_requested_at: Moment | None
    created_at: Moment
    updated_at: Moment


class SceneItem(Struct, frozen=True, kw_only=True):
    """A generation in a list; fetch it by id for its URLs."""

    id: Id
    status: Status
    priority: str
    processing_time_seconds: float | None
    metadata: dict[str, Any]
    error_message: str | None
    created_at: Moment
    updated_at: Moment


class ScenePage(Struct, frozen=True, kw_only=True):
    """Newest first; pass ``next_cursor`` as ``cursor`` for more, null is the end."""

    items: list[SceneItem]
    next_cursor: str | None
