"""Scenes: photos and their splats.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sharpstream.client.models import (
    Accepted,
    Archive,
    Bulk,
    CancelAccepted,
    ExportAccepted,
    ExportPage,
    Model,
    Scene,
    ScenePage,
    StartView,
    TagList,
    Upload,
)
from sharpstream.client.request import API, Call


def delete_scene(generation_id: str) -> Call[None]:
    """Delete an ended scene, its photo, its splat, its exports and its shares, permanently.

    It disappears from every answer at once; the files follow within seconds. The account keeps its
    usage and the scene's events, which hold nothing of the photo; the last one is
    `generation.deleted.v1`. The scene's own stream is removed with it.
    """
    return Call(
        method="DELETE",
        path=f"{API}/scenes/{generation_id}",
        answer=None,
        repeatable=False,
    )


def change_scene(
    generation_id: str,
    *,
    name: str | None = None,
    tags: Sequence[str] | None = None,
    favourite: bool | None = None,
) -> Call[Scene]:
    """Change the given fields of a scene, whatever its state; the omitted ones stay.

    Exports, shares and downloads have the new name from then on.
    """
    return Call(
        method="PATCH",
        path=f"{API}/scenes/{generation_id}",
        answer=Scene,
        body={"name": name, "tags": tags, "favourite": favourite},
    )


def scenes(
    *,
    status: str | None = None,
    priority: str | None = None,
    created_after: datetime | str | None = None,
    created_before: datetime | str | None = None,
    q: str | None = None,
    tag: str | None = None,
    favourite: bool | None = None,
    model: str | None = None,
    sort: str = "newest",
    cursor: str | None = None,
    limit: int = 20,
) -> Call[ScenePage]:
    """Return the account's scenes, newest first unless `sort` says otherwise.

    A scene that exists from the first page to the last is shown exactly once, even if others are added
    or deleted in between; by `name` and `largest` one that is renamed or completed meanwhile may be
    shown twice or not. Keep the same filters and the same `sort` while you follow a cursor.

    ``created_after``: inclusive; UTC unless it says; ``created_before``: exclusive; UTC unless it says;
    ``q``: part of the name or of a tag, in any case; ``tag``: only scenes with this tag; ``favourite``:
    only favourites, or only others; ``model``: only scenes made by this model, such as `layered`;
    ``sort``: `newest` or `oldest` first, by `name`, or `largest` splat first.
    """
    return Call(
        method="GET",
        path=f"{API}/scenes",
        answer=ScenePage,
        query={
            "status": status,
            "priority": priority,
            "created_after": created_after,
            "created_before": created_before,
            "q": q,
            "tag": tag,
            "favourite": favourite,
            "model": model,
            "sort": sort,
            "cursor": cursor,
            "limit": limit,
        },
    )


def cancel(generation_id: str) -> Call[CancelAccepted]:
    """Request the cancellation of a scene; a repeated request changes nothing.

    The worker decides: the scene ends as `cancelled`, or as `completed` or `failed` where that came
    first.
    """
    return Call(
        method="POST",
        path=f"{API}/scenes/{generation_id}/cancel",
        answer=CancelAccepted,
        repeatable=False,
    )


def tags() -> Call[TagList]:
    """Return the tags of the account's scenes, the most used first."""
    return Call(
        method="GET",
        path=f"{API}/scenes/tags",
        answer=TagList,
    )


def retry(
    generation_id: str,
    *,
    focal_length_px: float | None = None,
    focal_length_mm: float | None = None,
    model: str | None = None,
    priority: Mapping[str, Any] | None = None,
) -> Call[Accepted]:
    """Make a new scene of the photo of one that was completed, failed or cancelled.

    The new scene has a copy of the photo, the name, the tags and the metadata of the old one, and names
    it as `retry_of`. The old one stays as it is; either can be deleted without the other.
    """
    return Call(
        method="POST",
        path=f"{API}/scenes/{generation_id}/retry",
        answer=Accepted,
        body={
            "focal_length_px": focal_length_px,
            "focal_length_mm": focal_length_mm,
            "model": model,
            "priority": priority,
        },
        repeatable=False,
    )


def export(
    generation_id: str, format: str, *, options: Mapping[str, Any] | None = None
) -> Call[ExportAccepted]:
    """Accept an export of a completed scene. The answer comes before the file is made.

    The same export of the same scene is made once: a repeated request returns the first, unless it
    failed or its file was erased.
    """
    return Call(
        method="POST",
        path=f"{API}/scenes/{generation_id}/export",
        answer=ExportAccepted,
        body={"format": format, "options": options},
        repeatable=False,
    )


def exports(generation_id: str, *, cursor: str | None = None, limit: int = 20) -> Call[ExportPage]:
    """Return the exports of one scene, newest first."""
    return Call(
        method="GET",
        path=f"{API}/scenes/{generation_id}/exports",
        answer=ExportPage,
        query={"cursor": cursor, "limit": limit},
    )


def change_scenes(
    action: str,
    scene_ids: Sequence[str],
    *,
    tags: Sequence[str] | None = None,
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Call[Bulk]:
    """Delete, tag, mark or export up to 100 scenes.

    Each scene has an outcome of its own, with the codes that the request for it alone would have. Sent
    again, a request changes nothing more; an export that was refused by a quota is to be sent again in
    a while.
    """
    return Call(
        method="POST",
        path=f"{API}/scenes/bulk",
        answer=Bulk,
        body={"action": action, "scene_ids": scene_ids, "tags": tags, "format": format, "options": options},
    )


def archive(scene_ids: Sequence[str], *, format: str = "result") -> Call[Archive]:
    """Return a link to a zip of the splats, or of the newest exports in a format, of up to 100 scenes.

    The files are stored in it as they are, 4 GiB at most. The link needs no credentials and is good for
    15 minutes. What is not there is left out: export it first.
    """
    return Call(
        method="POST",
        path=f"{API}/scenes/archive",
        answer=Archive,
        body={"scene_ids": scene_ids, "format": format},
    )


def create_upload(size: int, media_type: str) -> Call[Upload]:
    """Return a URL that takes one PUT of exactly these bytes and this type, with these headers.

    Then give the `upload_id` to `POST /scenes/generate`. An upload makes one scene; unused ones are
    removed.
    """
    return Call(
        method="POST",
        path=f"{API}/uploads",
        answer=Upload,
        body={"bytes": size, "media_type": media_type},
        repeatable=False,
    )


def set_start_view(generation_id: str, right_m: float, up_m: float, forward_m: float) -> Call[StartView]:
    """Save from where the scene is seen at first: on its page, by its shares, and in other pages.

    Zeros are where the photo was taken, which is the start of every scene until another is saved.
    Viewers look at the middle of the scene, and stay within what one photo can show.
    """
    return Call(
        method="PUT",
        path=f"{API}/scenes/{generation_id}/start-view",
        answer=StartView,
        body={"right_m": right_m, "up_m": up_m, "forward_m": forward_m},
    )


def models() -> Call[list[Model]]:
    """Return the models, their licences and sizes, and which one runs here.

    A model may change its network while it runs; which one it uses is known from the newest completed
    scene.
    """
    return Call(
        method="GET",
        path=f"{API}/models",
        answer=list[Model],
        public=True,
    )
