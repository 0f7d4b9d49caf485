"""The JSON of what is done to several scenes at once."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.http.fields import Id, Moment
from gateway.scenes.export_schemas import Format, OptionName, OptionValue
from gateway.scenes.schemas import Tags

Scenes = Annotated[list[Id], Meta(min_length=1, max_length=100, description="Scenes, each once")]


class BulkIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One action on several scenes: ``tag`` and ``untag`` need ``tags``, ``export`` needs a ``format``."""

    action: Literal["delete", "tag", "untag", "favourite", "unfavourite", "export"]
    scene_ids: Scenes
    tags: Tags = []
    format: Format | None = None
    options: Annotated[dict[OptionName, OptionValue], Meta(max_length=20, examples=[{}])] = {}


class BulkItem(Struct, frozen=True, kw_only=True):
    """What came of one scene: done, or an error with its stable code."""

    id: Id
    done: bool
    export_id: Annotated[Id | None, Meta(description="Of the export, where one was ordered")]
    code: Annotated[str | None, Meta(examples=["scene_unfinished"])]
    message: str | None


class BulkOut(Struct, frozen=True, kw_only=True):
    """The outcome of each scene, in the order of the request."""

    items: list[BulkItem]
    done: Annotated[int, Meta(description="How many are done", examples=[3])]
    failed: Annotated[int, Meta(examples=[0])]


class ArchiveIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scenes to pack, and what of each: its splat as it was made, or the newest export in a format."""

    scene_ids: Scenes
    format: Annotated[str, Meta(max_length=40, description="`result`: the splat; or an export's format")] = (
        "result"
    )


class LeftOut(Struct, frozen=True, kw_only=True):
    """A scene that is not in the archive, and why."""

    id: Id
    code: Annotated[str, Meta(examples=["export_missing"])]
    message: str


class ArchiveOut(Struct, frozen=True, kw_only=True):
    """Where the archive can be downloaded once or again, without credentials, until it expires."""

    url: Annotated[str, Meta(examples=["https://splats.example.com/api/v1/archives/TICKET"])]
    name: Annotated[str, Meta(examples=["sharpstream-2026-01-31.zip"])]
    files: int
    bytes: Annotated[int, Meta(description="Size of the archive, exactly")]
    left_out: list[LeftOut]
    expires_at: Moment
