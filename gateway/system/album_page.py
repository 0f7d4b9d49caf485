"""The page of an album as programs see it: its title and its first scene's picture, for messengers."""

from __future__ import annotations

from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.accounts.rate_limits import RateLimits
from gateway.errors import DomainError
from gateway.scenes.album_routes import opened
from gateway.scenes.albums import Albums, OpenedAlbum
from gateway.scenes.link_pictures import LinkPictures
from gateway.scenes.share_links import Links
from gateway.settings import Settings
from gateway.system.shared_page import document, head_of, picture, picture_size
from gateway.system.static_site import Web


@get(
    ["/a/{token:str}", "/a/{token:str}/{position:int}"],
    operation_id="album_page",
    include_in_schema=False,
    media_type=MediaType.HTML,
)
async def album_page(
    request: Request[Any, Any, Any],
    *,
    token: FromPath[str],
    albums: NamedDependency[Albums],
    limits: NamedDependency[RateLimits],
    settings: NamedDependency[Settings],
    web: NamedDependency[Web],
) -> Response[bytes]:
    """Return the page with the album's title and picture in its head; with status 404 for an ended one."""
    try:
        album = await opened(request, token, albums, limits)
    except DomainError as error:
        if error.code != "not_found":
            raise
        return document(web, b"", web.policy, 404)
    head = _head(album, Links(settings.gateway.public_url).album(token))
    return document(web, head, web.policy, 200)


@get(
    ["/a/{token:str}/preview.webp", "/a/{token:str}/preview.jpg"],
    operation_id="album_picture",
    include_in_schema=False,
)
async def album_picture(
    request: Request[Any, Any, Any],
    *,
    token: FromPath[str],
    albums: NamedDependency[Albums],
    limits: NamedDependency[RateLimits],
    link_pictures: NamedDependency[LinkPictures],
) -> Response[bytes]:
    """Return the picture of the album's first scene, unsigned and without metadata."""
    album = await opened(request, token, albums, limits)
    _, first = album.scenes[0]
    return await picture(album.share_of(first), request.url.path, link_pictures)


def _head(album: OpenedAlbum, page: str) -> bytes:
    count = len(album.scenes)
    scenes = "A 3D scene" if count == 1 else f"{count} 3D scenes"
    description = f"{scenes} made from single photos. Open them and move around in them."
    _, first = album.scenes[0]
    return head_of(album.name, description, page, "The first scene", picture_size(album.share_of(first)))


HANDLERS: Final = (album_page, album_picture)
ROUTER: Final = Router("/", route_handlers=HANDLERS)
