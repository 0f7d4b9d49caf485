"""The web page: one document at each of its addresses, and its hashed files."""

from __future__ import annotations

from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from gateway.errors import DomainError
from gateway.http.context import trace_of
from gateway.http.errors import to_response
from gateway.http.html import landing
from gateway.settings import Settings
from gateway.system.static_site import ASK_AGAIN, FOREVER, File, Web

ADDRESSES: Final = (
    "/sign-in",
    "/sign-up",
    "/register",
    "/forgot-password",
    "/reset-password",
    "/confirm-email",
    "/scenes/{scene:uuid}",
    "/exports",
    "/albums",
    "/usage",
    "/keys",
    "/webhooks",
    "/webhooks/{webhook:uuid}",
    "/account",
    "/admin",
    "/admin/{part:str}",
    "/admin/users/{account:uuid}",
)
"""Addresses that a user may open or reload; the page itself decides what to show (``web/src/App.tsx``)."""

OURS: Final = ("/api/", "/assets/", "/docs", "/health")
"""Addresses of programs: a wrong one there stays a problem."""


@get("/", operation_id="landing", include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=False)
def root(
    request: Request[Any, Any, Any], settings: NamedDependency[Settings], web: NamedDependency[Web]
) -> Response[bytes]:
    """Return the page, or a plain one with first steps where it was not built."""
    if web.index is None:
        return Response(landing(settings.gateway.public_url), media_type=MediaType.HTML)
    return _document(request, web)


@get(
    list(ADDRESSES),
    operation_id="page",
    include_in_schema=False,
    media_type=MediaType.HTML,
    sync_to_thread=False,
)
def address(request: Request[Any, Any, Any], web: NamedDependency[Web]) -> Response[bytes]:
    """Return the page, which reads its address itself."""
    return _document(request, web)


@get("/assets/{name:str}", operation_id="asset", include_in_schema=False, sync_to_thread=False)
def asset(request: Request[Any, Any, Any], name: FromPath[str], web: NamedDependency[Web]) -> Response[bytes]:
    """Return one of the page's files. Its name changes with its content, so browsers cache it for good."""
    file = web.asset(name)
    if file is None:
        raise DomainError("not_found", "The page has no such file; reload it.")
    return answer(request, file, {"Cache-Control": FOREVER})


@get("/favicon.ico", operation_id="favicon", include_in_schema=False, sync_to_thread=False)
def favicon(request: Request[Any, Any, Any], web: NamedDependency[Web]) -> Response[bytes]:
    """Return the page's icon, for documents that name none, such as an API answer in a browser."""
    file = web.icon
    if file is None:
        raise DomainError("not_found", "The web page is not built here, and has no icon.")
    return answer(request, file, {"Cache-Control": "public, max-age=86400"})


def unknown_address(request: Request[Any, Any, Any], error: NotFoundException) -> Response[Any]:
    """Return the page with status 404 to a browser at a wrong address, a problem to every other client."""
    web: Web = request.app.state["web"]
    asks_for_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(OURS)
    if request.method != "GET" or not asks_for_page or web.index is None:
        return to_response(request, error)
    trace_of(request).code = "not_found"
    found = _document(request, web)
    return Response(found.content, status_code=404, media_type=MediaType.HTML, headers=found.headers)


def _document(request: Request[Any, Any, Any], web: Web) -> Response[bytes]:
    file = web.index
    if file is None:
        raise DomainError("not_found", "The web page is not built here; the API is, see /docs.")
    return answer(request, file, {"Cache-Control": ASK_AGAIN, "Content-Security-Policy": web.policy})


def answer(request: Request[Any, Any, Any], file: File, headers: dict[str, str]) -> Response[bytes]:
    """Return the file in the encoding that the client takes, or 304 where it has it."""
    headers = headers | {"ETag": file.etag, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == file.etag:
        return Response(b"", status_code=304, headers=headers)
    encoding, body = file.best(request.headers.get("accept-encoding", ""))
    if encoding != "identity":
        headers["Content-Encoding"] = encoding
    return Response(body, media_type=file.media_type, headers=headers)


ROUTER = Router("/", route_handlers=[root, address, asset, favicon], tags=["operations"])
