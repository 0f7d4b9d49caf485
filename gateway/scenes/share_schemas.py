"""The JSON of shares."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gateway.http.fields import Id, Moment
from gateway.scenes.schemas import Name, PhotoUrl

_TOKEN = "l3Q0dZ3nB7y5Xv1kq8mRw2sTf4uHj6pCe9gLa0iDo4E"  # noqa: S105  (an example)


class ShareIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the link is valid: a week by default, a year at most."""

    expires_in_hours: Annotated[int, Meta(ge=1, le=8760, examples=[168])] = 168


class ShareCreatedOut(Struct, frozen=True, kw_only=True):
    """The link is shown only this once: its token is not stored and cannot be retrieved again."""

    id: Id
    scene_generation_id: Id
    token: Annotated[str, Meta(examples=[_TOKEN])]
    url: Annotated[str, Meta(examples=[f"https://splats.example.com/s/{_TOKEN}"])]
    created_at: Moment
    expires_at: Moment


class ShareOut(Struct, frozen=True, kw_only=True):
    """A live share as its owner sees it, without the token."""

    id: Id
    scene_generation_id: Id
    created_at: Moment
    expires_at: Moment


class ShareList(Struct, frozen=True, kw_only=True):
    """The live shares of a scene, newest first."""

    items: list[ShareOut]


class SharedOut(Struct, frozen=True, kw_only=True):
    """A scene as the holder of the link sees it; ``created_at`` is when the scene was requested.

    The URLs are presigned: valid for an hour, no credentials needed.
    """

    name: Name
    created_at: Moment
    expires_at: Moment
    viewer_url: Annotated[
        str | None, Meta(description="The splat for viewers on the web, SPZ; null until it is made")
    ]
    preview_url: Annotated[str | None, Meta(description="A picture of it, PNG; null until it is made")]
    photo_url: PhotoUrl
    gaussian_count: int | None
    width: Annotated[int | None, Meta(description="Pixels of the upright photo")]
    height: int | None
    focal_length_px: float | None
