"""The interactive page of the API: Swagger UI, from files of our own, in a sandbox.

Swagger UI is a large script of others, and the origin's storage holds the web page's refresh token. So the
page is served with ``sandbox`` and without ``allow-same-origin``: its origin is opaque, and it can read
neither storage nor cookies nor other pages of ours. `gateway.http.try_it` serves the calls that it makes.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import MediaType, Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.errors import DomainError
from gateway.http import openapi, try_it
from gateway.http.try_it import TryTokens
from gateway.system.static_site import ASK_AGAIN, Web
from gateway.system.static_site_routes import answer

FILES: Final = ("swagger-ui.css", "swagger-ui-bundle.js", "start.js")
"""What the page consists of; ``web/tools/api-page.ts`` writes them."""
POLICY: Final = (
    "sandbox allow-scripts allow-forms; default-src 'none'; script-src 'self';"
    " style-src 'self' 'unsafe-inline'; img-src data:; connect-src 'self'; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'none'"
)
"""'self' is the address that the page was opened at, also in a sandbox.

Of the scripts there, an opaque origin may run only those that say so (Cross-Origin-Resource-Policy).
"""
_STYLE: Final = (
    "body{margin:0;color:#222;background:#fff;font:16px/1.5 system-ui,sans-serif}"
    "header,footer{max-width:1460px;margin:auto;padding:1rem 20px}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #ddd}"
)


async def interactive(request: Request[Any, Any, Any]) -> Response[bytes] | None:
    """Return the page for ``/docs``; None for other addresses and where the web page was not built."""
    web: Web = request.app.state["web"]
    if request.scope["path_template"] != openapi.PATH or not all(web.api_page(name) for name in FILES):
        return None
    tokens: TryTokens = request.app.state["try_tokens"]
    return Response(
        _page(f"{try_it.PATH}/{tokens.current()}"),
        media_type=MediaType.HTML,
        headers={"Content-Security-Policy": POLICY},
    )


def _page(listener: str) -> bytes:
    """Return the page; ``listener`` is the address below which it may call the API."""
    style, *names = (f"{openapi.PATH}/assets/{name}" for name in FILES)
    scripts = "".join(f'<script defer src="{name}"></script>' for name in names)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>Sharpstream API</title>'
        f'<link rel="stylesheet" href="{style}"><style>{_STYLE}</style>'
        f"{scripts}</head><body>"
        f'<header><a href="{openapi.PLAIN}">Plain version</a> &middot;'
        f' <a href="{openapi.PATH}/openapi.json">OpenAPI document</a> &middot;'
        f' <a href="{openapi.PATH}/asyncapi">Kafka topics</a> &middot; <a href="/llms.txt">llms.txt</a>'
        f'<noscript><p>This page needs JavaScript; the <a href="{openapi.PLAIN}">plain version</a> does not.'
        f"</p></noscript></header>"
        f'<div id="api" data-door="{listener}"></div><footer>{openapi.errors()}</footer></body></html>'
    ).encode()


@get("/docs/assets/{name:str}", operation_id="api_page_file", include_in_schema=False, sync_to_thread=False)
def api_page_file(
    request: Request[Any, Any, Any], name: FromPath[str], web: NamedDependency[Web]
) -> Response[bytes]:
    """Return one of the page's files, to a page without an origin too."""
    file = web.api_page(name)
    if file is None:
        raise DomainError("not_found", "The page of the API has no such file; reload it.")
    return answer(request, file, {"Cache-Control": ASK_AGAIN, "Cross-Origin-Resource-Policy": "cross-origin"})


ROUTER = Router("/", route_handlers=[api_page_file])
