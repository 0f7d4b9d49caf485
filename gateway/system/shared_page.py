"""The page of a shared scene as programs see it: its title, picture and frame, for messengers and pages.

Programs that show a link read the document's head and run no script, so the head is filled in here. The page
itself, which reads the token from its address, does the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
from litestar import MediaType, Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from gateway.accounts.rate_limits import RateLimits
from gateway.errors import DomainError
from gateway.scenes import display_name
from gateway.scenes.link_pictures import LinkPictures
from gateway.scenes.share_links import HEIGHT, WIDTH, Links
from gateway.scenes.share_routes import opened
from gateway.scenes.shares import OpenedShare, Shares
from gateway.settings import Settings
from gateway.system.static_site import ASK_AGAIN, Web
from ledger.db.scene_views import PREVIEW
from photo.rendition import LONGEST_OF_LINK

_PICTURE_KEPT: Final = "public, max-age=3600"
"""An hour, as long as the links to objects that a share has given out."""
DESCRIPTION: Final = "A 3D scene made from a single photo. Open it and move around in it."
_TITLE: Final = re.compile(rb"<title>[^<]*</title>")
_DESCRIBED: Final = re.compile(rb'<meta name="description"[^>]*>')
_ENDED: Final = {"not_found": 404, "result_erased": 410}
_LEAST: Final = 100
_MOST: Final = 10_000


@get("/s/{token:str}", operation_id="shared_page", include_in_schema=False, media_type=MediaType.HTML)
async def shared_page(
    request: Request[Any, Any, Any],
    *,
    token: FromPath[str],
    shares: NamedDependency[Shares],
    limits: NamedDependency[RateLimits],
    settings: NamedDependency[Settings],
    web: NamedDependency[Web],
) -> Response[bytes]:
    """Return the page with the scene's title and picture in its head; with 404 or 410 for an ended share."""
    share, status = await _opened(request, token, shares, limits)
    head = _head(share, Links(settings.gateway.public_url), token)
    return document(web, head, web.policy, status)


@get("/embed/{token:str}", operation_id="embedded_page", include_in_schema=False, media_type=MediaType.HTML)
async def embedded_page(
    request: Request[Any, Any, Any],
    *,
    token: FromPath[str],
    shares: NamedDependency[Shares],
    limits: NamedDependency[RateLimits],
    settings: NamedDependency[Settings],
    web: NamedDependency[Web],
) -> Response[bytes]:
    """Return the page for a frame. Which pages may hold it, the share says."""
    share, status = await _opened(request, token, shares, limits)
    origins = share.options.embed_origins if share else ()
    allowed = " ".join(origins) or "'none'"
    policy = web.policy.replace("frame-ancestors 'none'", f"frame-ancestors {allowed}")
    head = _head(share, Links(settings.gateway.public_url), token)
    found = document(web, head, policy, status)
    if origins:
        found.headers["X-Frame-Options"] = ""  # is left out: it knows no list, and the policy above decides
    return found


@get(
    ["/s/{token:str}/preview.webp", "/s/{token:str}/preview.jpg"],
    operation_id="shared_picture",
    include_in_schema=False,
)
async def shared_picture(
    request: Request[Any, Any, Any],
    *,
    token: FromPath[str],
    shares: NamedDependency[Shares],
    limits: NamedDependency[RateLimits],
    link_pictures: NamedDependency[LinkPictures],
) -> Response[bytes]:
    """Return the scene's picture, at most 1,200 pixels a side, without a signature and without metadata."""
    share = await opened(request, token, shares, limits)
    return await picture(share, request.url.path, link_pictures)


@get("/oembed", operation_id="oembed", include_in_schema=False)
async def oembed(
    request: Request[Any, Any, Any],
    *,
    url: Annotated[str, QueryParameter(max_length=500)],
    shares: NamedDependency[Shares],
    limits: NamedDependency[RateLimits],
    settings: NamedDependency[Settings],
    maxwidth: Annotated[int, QueryParameter(ge=_LEAST, le=_MOST)] = WIDTH,
    maxheight: Annotated[int, QueryParameter(ge=_LEAST, le=_MOST)] = HEIGHT,
) -> dict[str, Any]:
    """Describe the frame of a share's address, as https://oembed.com has it, version 1.0, JSON alone."""
    links = Links(settings.gateway.public_url)
    token = links.token_in(url)
    share = await opened(request, token, shares, limits) if token else None
    if token is None or share is None or not share.options.embed_origins:
        raise DomainError("not_found", "No scene that may be embedded has this address.")
    width, height = min(WIDTH, maxwidth), min(HEIGHT, maxheight)
    name = _name(share)
    return {
        "version": "1.0",
        "type": "rich",
        "provider_name": "Sharpstream",
        "provider_url": links.base,
        "title": name,
        "html": links.frame(token, width, height, name),
        "width": width,
        "height": height,
        "thumbnail_url": links.picture(token, "jpg"),
        **dict(zip(("thumbnail_width", "thumbnail_height"), picture_size(share), strict=True)),
        "cache_age": 3600,
    }


async def _opened(
    request: Request[Any, Any, Any], token: str, shares: Shares, limits: RateLimits
) -> tuple[OpenedShare | None, int]:
    """Return the share and the status of its page; none for an ended one, of which the page itself speaks."""
    try:
        return await opened(request, token, shares, limits), 200
    except DomainError as error:
        if error.code not in _ENDED:
            raise
        return None, _ENDED[error.code]


async def picture(share: OpenedShare, path: str, link_pictures: LinkPictures) -> Response[bytes]:
    """Return the scene's picture in the format of the path's end. Raises `DomainError` for none."""
    found = await link_pictures.of(share, "webp" if path.endswith(".webp") else "jpg")
    if found is None:
        raise DomainError("not_found", "There is no picture of this scene yet: try again in a minute.")
    headers = {"Cache-Control": _PICTURE_KEPT, "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(found.data, media_type=found.media_type, headers=headers)


def document(web: Web, head: bytes, policy: str, status: int) -> Response[bytes]:
    """Return the page with ``head`` for its title."""
    file = web.index
    if file is None:
        raise DomainError("not_found", "The web page is not built here; the API is, see /docs.")
    body = file.bodies["identity"]
    if head:
        body = _TITLE.sub(lambda _: head, _DESCRIBED.sub(b"", body, count=1), count=1)
    headers = {"Cache-Control": ASK_AGAIN, "Content-Security-Policy": policy}
    return Response(body, status_code=status, media_type=MediaType.HTML, headers=headers)


def _head(share: OpenedShare | None, links: Links, token: str) -> bytes:
    """Return the head of a share's page; nothing for no share."""
    if share is None:
        return b""
    name, page = _name(share), links.page(token)
    discovery = f"{links.base}/oembed?url={quote(page, safe='')}"
    frame = (
        f'<link rel="alternate" type="application/json+oembed" href="{escape(discovery)}"'
        f' title="{escape(name)}">'
    )
    return head_of(name, DESCRIPTION, page, f"The scene {name}", picture_size(share)) + frame.encode()


def head_of(name: str, description: str, page: str, shown: str, size: tuple[int, int]) -> bytes:
    """Return the title and the tags of Open Graph and of Twitter cards; the picture is below ``page``.

    ``shown``: what the picture shows. ``size``: its width and height.
    """
    picture = f"{page}/preview.jpg"
    width, height = map(str, size)
    properties = [
        ("og:type", "website"),
        ("og:site_name", "Sharpstream"),
        ("og:title", name),
        ("og:description", description),
        ("og:url", page),
        ("og:image", picture),
        ("og:image:type", "image/jpeg"),
        ("og:image:width", width),
        ("og:image:height", height),
        ("og:image:alt", shown),
        ("og:image", f"{page}/preview.webp"),
        ("og:image:type", "image/webp"),
    ]
    names = [
        ("description", description),
        ("twitter:card", "summary_large_image"),
        ("twitter:title", name),
        ("twitter:description", description),
        ("twitter:image", picture),
        ("robots", "noindex"),  # a link is for those who were given it
    ]
    return "".join([
        f"<title>{escape(name)} · Sharpstream</title>",
        *_tags("property", properties),
        *_tags("name", names),
    ]).encode()  # fmt: skip


def _tags(kind: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [f'<meta {kind}="{name}" content="{escape(text)}">' for name, text in pairs]


def _name(share: OpenedShare) -> str:
    shown = display_name.shown(_metadata(share))
    return (shown and display_name.without_suffix(shown)) or "A 3D scene"


def picture_size(share: OpenedShare) -> tuple[int, int]:
    """Return the width and height of a scene's picture, from those of the photo."""
    result = _metadata(share).get("result") or {}
    width, height = result.get("width") or WIDTH, result.get("height") or HEIGHT
    most = LONGEST_OF_LINK if share.options.show_photo else int(PREVIEW.options["size"])
    scale = min(1.0, most / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _metadata(share: OpenedShare) -> dict[str, Any]:
    text = share.scene.metadata
    return msgspec.json.decode(text, type=dict[str, Any]) if text else {}


HANDLERS: Final = (shared_page, embedded_page, shared_picture, oembed)
ROUTER: Final = Router("/", route_handlers=HANDLERS)
