"""The JSON of albums."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gateway.http.fields import Id, Moment
from gateway.scenes.bulk_schemas import Scenes
from gateway.scenes.schemas import PhotoUrl, PreviewUrl, ThumbnailUrl
from gateway.scenes.share_schemas import AllowDownload, Opened, ShowPhoto

_TOKEN = "l3Q0dZ3nB7y5Xv1kq8mRw2sTf4uHj6pCe9gLa0iDo4E"  # noqa: S105  (an example)
AlbumName = Annotated[str, Meta(min_length=1, max_length=120, examples=["Our flat"])]
AlbumUrl = Annotated[str, Meta(examples=[f"https://splats.example.com/a/{_TOKEN}"])]


class AlbumIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The completed scenes to show behind one link, in this order, for how long, and what of them."""

    title: AlbumName
    scene_ids: Scenes
    expires_in_hours: Annotated[int, Meta(ge=1, le=8760, examples=[168])] = 168
    show_photo: ShowPhoto = True
    allow_download: AllowDownload = False


class AlbumOut(Struct, frozen=True, kw_only=True):
    """A live album as its owner sees it; ``url`` is null for one that another API key has made."""

    id: Id
    title: AlbumName
    url: AlbumUrl | None
    scenes: Annotated[int, Meta(description="How many it still shows", examples=[12])]
    created_at: Moment
    expires_at: Moment
    show_photo: ShowPhoto
    allow_download: AllowDownload
    opened: Opened


class AlbumCreatedOut(AlbumOut, frozen=True, kw_only=True):
    """A new album with the token of its link."""

    url: AlbumUrl
    token: Annotated[str, Meta(examples=[_TOKEN])]


class AlbumList(Struct, frozen=True, kw_only=True):
    """The account's live albums, newest first."""

    items: list[AlbumOut]


class AlbumSceneItem(Struct, frozen=True, kw_only=True):
    """A scene of an album; ``position`` names it in the album for good."""

    position: Annotated[int, Meta(ge=1, examples=[1])]
    name: Annotated[str | None, Meta(examples=["kitchen.jpg"])]
    preview_url: PreviewUrl
    photo_url: PhotoUrl
    thumbnail_url: ThumbnailUrl
    width: int | None
    height: int | None


class SharedAlbumOut(Struct, frozen=True, kw_only=True):
    """An album as the holder of the link sees it. The URLs are presigned: valid for an hour."""

    title: AlbumName
    expires_at: Moment
    items: list[AlbumSceneItem]
    archive_url: Annotated[
        str | None, Meta(description="All splats as a zip, where the album allows downloading them")
    ]
