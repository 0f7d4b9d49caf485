"""The routes of albums: one link that shows several scenes without an account."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream

from gateway.accounts.auth import Caller
from gateway.accounts.rate_limits import RateLimits
from gateway.errors import DomainError
from gateway.http import stored_zip
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BODY_CODES, BY_ANY, KEY_CODES, PUBLIC, problems
from gateway.scenes.album_schemas import AlbumCreatedOut, AlbumIn, AlbumList, AlbumOut, SharedAlbumOut
from gateway.scenes.albums import AlbumRow, Albums, OpenedAlbum
from gateway.scenes.archives import RESULT, Archives, Packed
from gateway.scenes.bulk_routes import ZIP, download
from gateway.scenes.owner_notes import name_of
from gateway.scenes.presenter import Presenter
from gateway.scenes.share_links import Links
from gateway.scenes.share_routes import require_room
from gateway.scenes.share_schemas import SharedOut
from gateway.scenes.shares import ShareOptions
from gateway.scenes.views import Views
from gateway.settings import Settings


@post(
    "/",
    operation_id="create_album",
    summary="Share several scenes",
    responses=problems(
        *KEY_CODES,
        "not_found",
        "scene_unfinished",
        "result_erased",
        "albums_exhausted",
        "validation_failed",
        *BODY_CODES,
    ),
)
async def create_album(
    request: Caller,
    data: JSONBody[AlbumIn],
    settings: NamedDependency[Settings],
    albums: NamedDependency[Albums],
) -> AlbumCreatedOut:
    """Make one link that shows completed scenes without an account, in this order, until it expires.

    A scene that is deleted leaves the album, and the others stay. One that an API key makes lasts 30 days at
    most, and no longer than the key.
    """
    title = name_of(data.title)
    if not title:
        field = {"field": "title", "message": "Give the album a title."}
        raise DomainError("validation_failed", "Give the album a title.", fields=[field])
    scenes = list(dict.fromkeys(data.scene_ids))
    album, token = await albums.make(
        request.user.account_id,
        title,
        scenes,
        lasting=timedelta(hours=data.expires_in_hours),
        options=ShareOptions(show_photo=data.show_photo, allow_download=data.allow_download),
        api_key_id=request.user.api_key_id,
    )
    shown = _out(album, len(scenes), Links(settings.gateway.public_url).album(token))
    return AlbumCreatedOut(**msgspec.structs.asdict(shown), token=token)


@get("/", operation_id="list_albums", summary="List your albums", responses=problems(*KEY_CODES))
async def list_albums(
    request: Caller, albums: NamedDependency[Albums], settings: NamedDependency[Settings]
) -> AlbumList:
    """Return the account's live albums, newest first.

    An API key gets the links of those that it has made itself, which end with it.
    """
    own, links = request.user.api_key_id, Links(settings.gateway.public_url)
    found = await albums.of_account(request.user.account_id)
    return AlbumList(
        items=[
            _out(
                album,
                scenes,
                links.album(albums.token(album)) if own is None or album.api_key_id == own else None,
            )
            for album, scenes in found
        ]
    )


@delete(
    "/{album_id:uuid}",
    operation_id="delete_album",
    summary="End an album",
    responses=problems(*KEY_CODES, "not_found"),
)
async def delete_album(request: Caller, album_id: FromPath[UUID], albums: NamedDependency[Albums]) -> None:
    """End an album at once; its scenes stay. URLs of files that it gave out are valid for up to an hour."""
    if not await albums.end(request.user.account_id, album_id):
        raise DomainError("not_found", "You have no album with this id.")


@get(
    "/{token:str}",
    operation_id="open_album",
    summary="Look at an album",
    responses=problems("not_found", "validation_failed", "rate_limited"),
)
async def open_album(
    request: Request[Any, Any, Any],
    *,
    token: FromPath[str],
    albums: NamedDependency[Albums],
    limits: NamedDependency[RateLimits],
    presenter: NamedDependency[Presenter],
    views: NamedDependency[Views],
    again: Annotated[bool, QueryParameter(description="Not counted: the same viewer asks again")] = False,
) -> SharedAlbumOut:
    """Return the scenes of an album. No credentials are needed: the token is enough."""
    found = await opened(request, token, albums, limits)
    if not again:
        albums.count(found.id)
        if not found.options.show_photo:  # else the photos are the pictures
            for _, scene in found.scenes:
                await views.order_missing(scene, trace_of(request))
    archive = f"/api/v1/shared-albums/{token}/archive" if found.options.allow_download else None
    return SharedAlbumOut(
        title=found.name,
        expires_at=found.expires_at,
        items=[await presenter.album_item(found, position, scene) for position, scene in found.scenes],
        archive_url=archive,
    )


@get(
    "/{token:str}/scenes/{position:int}",
    operation_id="open_album_scene",
    summary="Look at a scene of an album",
    responses=problems("not_found", "rate_limited"),
)
async def open_album_scene(
    request: Request[Any, Any, Any],
    *,
    token: FromPath[str],
    position: FromPath[int],
    albums: NamedDependency[Albums],
    limits: NamedDependency[RateLimits],
    presenter: NamedDependency[Presenter],
    views: NamedDependency[Views],
) -> SharedOut:
    """Return one scene of an album, as a share shows it.

    The first look has its picture and its file for viewers made; look again within seconds.
    """
    found = await opened(request, token, albums, limits)
    scene = next((scene for at, scene in found.scenes if at == position), None)
    if scene is None:
        raise DomainError("not_found", "The album has no such scene (any more).")
    await views.order_missing(scene, trace_of(request))
    return await presenter.shared_out(found.share_of(scene))


@get(
    "/{token:str}/archive",
    operation_id="download_album",
    summary="Download an album's splats",
    media_type=stored_zip.MEDIA_TYPE,
    responses=problems("not_found", "nothing_to_pack", "archive_too_large", "rate_limited", "busy") | ZIP,
)
async def download_album(
    request: Request[Any, Any, Any],
    token: FromPath[str],
    albums: NamedDependency[Albums],
    limits: NamedDependency[RateLimits],
    archives: NamedDependency[Archives],
) -> Stream:
    """Return the splats of an album as a zip, where its owner allows that."""
    found = await opened(request, token, albums, limits)
    if not found.options.allow_download:
        raise DomainError("not_found", "The owner of this album does not offer its files.")
    packed = Packed(
        account_id=found.account_id, format=RESULT, scenes=[scene.id for _, scene in found.scenes]
    )
    return await download(archives, packed, f"{found.name}.zip")


async def opened(
    request: Request[Any, Any, Any], token: str, albums: Albums, limits: RateLimits
) -> OpenedAlbum:
    """Return the live album of a token, counted against its address' limit. Raises `DomainError`."""
    await require_room(request, limits)
    found = await albums.open(token)
    if found is None:
        raise DomainError("not_found", "There is no such album; it may have expired or been ended.")
    return found


def _out(album: AlbumRow, scenes: int, url: str | None) -> AlbumOut:
    return AlbumOut(
        id=album.id,
        title=album.name,
        url=url,
        scenes=scenes,
        created_at=album.created_at,
        expires_at=album.expires_at,
        show_photo=album.show_photo,
        allow_download=album.allow_download,
        opened=album.opened,
    )


ROUTER = Router(
    "/albums", route_handlers=[create_album, list_albums, delete_album], security=BY_ANY, tags=["shares"]
)
SHARED = Router(
    "/shared-albums",
    route_handlers=[open_album, open_album_scene, download_album],
    security=PUBLIC,
    tags=["shares"],
)
