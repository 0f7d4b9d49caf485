"""Shares: scenes shown to anyone who has the link.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from sharpstream.client.models import (
    AlbumList,
    NewAlbum,
    NewShare,
    Shared,
    SharedAlbum,
    ShareList,
)
from sharpstream.client.request import API, Call


def shares(generation_id: str) -> Call[ShareList]:
    """Return the live shares of a scene, newest first.

    An API key gets the links of those shares that it has made itself, which end with it.
    """
    return Call(
        method="GET",
        path=f"{API}/scenes/{generation_id}/shares",
        answer=ShareList,
    )


def share(
    generation_id: str,
    *,
    expires_in_hours: int = 168,
    show_photo: bool = True,
    allow_download: bool = False,
    embed_origins: Sequence[str] | None = None,
) -> Call[NewShare]:
    """Make a link that shows a completed scene without an account, until it expires.

    It shows the scene, its name, its size and, unless you hide it, the photo, never the file that was
    sent. A share that an API key makes lasts 30 days at most, and no longer than the key.
    """
    return Call(
        method="POST",
        path=f"{API}/scenes/{generation_id}/shares",
        answer=NewShare,
        body={
            "expires_in_hours": expires_in_hours,
            "show_photo": show_photo,
            "allow_download": allow_download,
            "embed_origins": embed_origins,
        },
        repeatable=False,
    )


def end_share(share_id: str) -> Call[None]:
    """End a share at once. URLs of files that it has already given out stay valid for up to an hour."""
    return Call(
        method="DELETE",
        path=f"{API}/shares/{share_id}",
        answer=None,
        repeatable=False,
    )


def shared(token: str, *, again: bool = False) -> Call[Shared]:
    """Return the scene of a share. No credentials are needed: the token is enough.

    The first look has its picture and its file for viewers made; look again within seconds, with
    `again`.

    ``again``: not counted: the same viewer asks again.
    """
    return Call(
        method="GET",
        path=f"{API}/shared/{token}",
        answer=Shared,
        query={"again": again},
        public=True,
    )


def albums() -> Call[AlbumList]:
    """Return the account's live albums, newest first.

    An API key gets the links of those that it has made itself, which end with it.
    """
    return Call(
        method="GET",
        path=f"{API}/albums",
        answer=AlbumList,
    )


def create_album(
    title: str,
    scene_ids: Sequence[str],
    *,
    expires_in_hours: int = 168,
    show_photo: bool = True,
    allow_download: bool = False,
) -> Call[NewAlbum]:
    """Make one link that shows completed scenes without an account, in this order, until it expires.

    A scene that is deleted leaves the album, and the others stay. One that an API key makes lasts 30
    days at most, and no longer than the key.
    """
    return Call(
        method="POST",
        path=f"{API}/albums",
        answer=NewAlbum,
        body={
            "title": title,
            "scene_ids": scene_ids,
            "expires_in_hours": expires_in_hours,
            "show_photo": show_photo,
            "allow_download": allow_download,
        },
        repeatable=False,
    )


def end_album(album_id: str) -> Call[None]:
    """End an album at once; its scenes stay. URLs of files that it gave out are valid for up to an hour."""
    return Call(
        method="DELETE",
        path=f"{API}/albums/{album_id}",
        answer=None,
        repeatable=False,
    )


def shared_album(token: str, *, again: bool = False) -> Call[SharedAlbum]:
    """Return the scenes of an album. No credentials are needed: the token is enough.

    ``again``: not counted: the same viewer asks again.
    """
    return Call(
        method="GET",
        path=f"{API}/shared-albums/{token}",
        answer=SharedAlbum,
        query={"again": again},
        public=True,
    )


def shared_album_scene(token: str, position: str) -> Call[Shared]:
    """Return one scene of an album, as a share shows it.

    The first look has its picture and its file for viewers made; look again within seconds.
    """
    return Call(
        method="GET",
        path=f"{API}/shared-albums/{token}/scenes/{position}",
        answer=Shared,
        public=True,
    )
