"""What the service answers. Shares: scenes shown to anyone who has the link.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

from sharpstream.client.models.scenes import StartView


class Share(Struct, frozen=True, kw_only=True):
    """A live share as its owner sees it; ``url`` is null for one that another API key has made."""

    id: str
    scene_generation_id: str
    url: str | None = None
    embed_html: str | None = None
    created_at: datetime | None = None
    expires_at: datetime
    show_photo: bool = False
    allow_download: bool = False
    embed_origins: list[str] = field(default_factory=list)
    opened: int = 0


class ShareList(Struct, frozen=True, kw_only=True):
    """The live shares of a scene, newest first."""

    items: list[Share] = field(default_factory=list)


class NewShare(Share, frozen=True, kw_only=True):
    """A new share with its link. The token is not stored; it is derived from a secret of the service."""

    token: str


class Shared(Struct, frozen=True, kw_only=True):
    """A scene as the holder of the link sees it; ``created_at`` is when the scene was requested.

    The URLs are presigned: valid for an hour, no credentials needed.
    """

    name: str | None = None
    created_at: datetime | None = None
    expires_at: datetime
    viewer_url: str | None = None
    preview_url: str | None = None
    photo_url: str | None = None
    download_url: str | None = None
    gaussian_count: int | None = None
    width: int | None = None
    height: int | None = None
    focal_length_px: float | None = None
    focal_source: str | None = None
    scale_uncertainty: float | None = None
    start_view: StartView | None = None


class Album(Struct, frozen=True, kw_only=True):
    """A live album as its owner sees it; ``url`` is null for one that another API key has made."""

    id: str
    title: str = ""
    url: str | None = None
    scenes: int = 0
    created_at: datetime | None = None
    expires_at: datetime
    show_photo: bool = False
    allow_download: bool = False
    opened: int = 0


class AlbumList(Struct, frozen=True, kw_only=True):
    """The account's live albums, newest first."""

    items: list[Album] = field(default_factory=list)


class NewAlbum(Album, frozen=True, kw_only=True):
    """A new album with the token of its link."""

    token: str


class AlbumSceneItem(Struct, frozen=True, kw_only=True):
    """A scene of an album; ``position`` names it in the album for good."""

    position: int = 0
    name: str | None = None
    preview_url: str | None = None
    photo_url: str | None = None
    thumbnail_url: str | None = None
    width: int | None = None
    height: int | None = None


class SharedAlbum(Struct, frozen=True, kw_only=True):
    """An album as the holder of the link sees it. The URLs are presigned: valid for an hour."""

    title: str = ""
    expires_at: datetime
    items: list[AlbumSceneItem] = field(default_factory=list)
    archive_url: str | None = None
