"""The OpenAPI 3.1 document and the plain page that shows it: HTML without scripts.

Where the web page is built, `gateway.system.openapi_page` replaces the page at ``/docs``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from litestar import MediaType, Request, Response, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Server

from gateway.http import introduction
from gateway.http.html import TAGLINE, page
from gateway.http.introduction import TAGS
from gateway.http.problems import PROBLEMS

PATH: Final = "/docs"
PLAIN: Final = "/docs/plain"
Instead: TypeAlias = Callable[[Request[Any, Any, Any]], Awaitable[Response[bytes] | None]]
_METHODS: Final = ("get", "post", "put", "patch", "delete")


def config(public_url: str, *, instead: Instead) -> OpenAPIConfig:
    """Return Litestar's OpenAPI configuration.

    The document is at /docs/openapi.json, the plain page at /docs/plain and at /docs. ``instead`` is asked
    before each answer below /docs and may return another.
    """
    return OpenAPIConfig(
        title="Sharpstream",
        version=version("sharpstream"),
        description=introduction.markdown(public_url),
        openapi_router=Router(PATH, route_handlers=[], include_in_schema=False, before_request=instead),
        servers=[Server(url=public_url)],
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        use_handler_docstrings=True,
        render_plugins=[OperationsPage(path=["/", "/plain"]), JsonRenderPlugin(path="/openapi.json")],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="JWT",
                    description="The access token of POST /api/v1/users/login.",
                ),
                "api_key": SecurityScheme(
                    type="apiKey",
                    name="X-API-Key",
                    security_scheme_in="header",
                    description="A key of POST /api/v1/api-keys.",
                ),
            }
        ),
        tags=list(TAGS),
    )


class OperationsPage(OpenAPIRenderPlugin):
    """Shows every operation, its parameters, responses and error codes, without scripts."""

    def __init__(self, *, path: list[str]) -> None:
        super().__init__(path=path, media_type=MediaType.HTML, favicon="", style="")
        self._page: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page; it is made once, because the document never changes while the process runs."""
        if self._page is None:
            self._page = page("Sharpstream API", _body(openapi_schema))
        return self._page


def _body(document: dict[str, Any]) -> str:
    by_tag: dict[str, list[str]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in sorted(document["paths"].items()):
        for method in _METHODS:
            if method in item:
                by_tag[item[method]["tags"][0]].append(_operation(method, path, item[method]))
    return (
        f"<h1>{escape(document['info']['title'])} API</h1><p>{TAGLINE}</p>"
        f'<p>As a document: <a href="{PATH}/openapi.json">OpenAPI {document["openapi"]}</a>.'
        ' Kafka topics: <a href="/docs/asyncapi">AsyncAPI</a>. For language models:'
        ' <a href="/llms.txt">llms.txt</a>.</p>'
        f"<h2>First calls</h2>{_calls(document['servers'][0]['url'])}"
        f"{''.join(_subject(tag, by_tag[tag['name']]) for tag in document['tags'])}{errors()}"
    )


def _calls(public_url: str) -> str:
    calls = introduction.first_calls(public_url)
    return "".join(f"<p>{escape(words)}</p><pre>{escape(command)}</pre>" for words, command in calls)


def _subject(tag: dict[str, Any], operations: list[str]) -> str:
    name, about = escape(tag["name"]), escape(tag["description"])
    return f'<h2 id="{anchor(tag["name"])}">{name}</h2><p>{about}</p>{"".join(operations)}'


def anchor(tag: str) -> str:
    """Return the id of a subject's heading on the plain page; codes of errors are ids there too."""
    return f"subject-{tag.replace(' ', '-')}"


def errors() -> str:
    """Return the table of all error codes; the ``type`` of a problem leads to its row."""
    codes = [
        f'<tr id="{code}"><td><code>{code}</code></td><td>{status}</td><td>{escape(title)}</td></tr>'
        for code, (status, title) in PROBLEMS.items()
    ]
    return (
        "<h2>Errors</h2><p>Every error is <code>application/problem+json</code> (RFC 9457) with a stable"
        " <code>code</code>.</p><table><tr><th>code</th><th>status</th><th>meaning</th></tr>"
        f"{''.join(codes)}</table>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    security = " or ".join(name for item in operation.get("security") or [] for name in item) or "none"
    rows = [
        f"<tr><td>{escape(item['in'])}</td><td><code>{escape(item['name'])}</code></td>"
        f"<td>{'required' if item.get('required') else ''}</td></tr>"
        for item in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {})
    rows += [f"<tr><td>body</td><td><code>{escape(kind)}</code></td><td></td></tr>" for kind in body]
    rows += [
        f"<tr><td>{escape(status)}</td><td colspan=2>{escape(answer['description'])}</td></tr>"
        for status, answer in sorted(operation["responses"].items())
    ]
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code>"
        f" {escape(operation.get('summary', ''))}</summary><p>{escape(operation.get('description', ''))}</p>"
        f"<p>Credentials: {escape(security)}</p><table>{''.join(rows)}</table></details>"
    )
