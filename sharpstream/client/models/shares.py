"""Shares: scenes shown to anyone who has the link."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Share(Struct, frozen=True, kw_only=True):
    """A live share of a scene."""

    id: str
    scene_generation_id: str
    created_at: datetime
    expires_at: datetime


class NewShare(Share, frozen=True, kw_only=True):
    """A share just made: its link is shown only once."""

    token: str
    url: str


class ShareList(Struct, frozen=True, kw_only=True):
    """Newest first."""

    items: list[Share]


class Shared(Struct, frozen=True, kw_only=True):
    """A scene as holders of the link see it; the URLs are presigned and valid for about an hour."""

    name: str | None = None
    created_at: datetime
    expires_at: datetime
    viewer_url: str | None = None
    preview_url: str | None = None
    photo_url: str | None = None
    gaussian_count: int | None = None
    width: int | None = None
    height: int | None = None
    focal_length_px: float | None = None
