"""The contract of the Kafka topics, as AsyncAPI and JSON Schema documents and as an HTML page."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Final

from litestar import MediaType, Response, Router, get
from litestar.params import FromPath

from bus.contract import asyncapi
from gateway.errors import DomainError
from gateway.http.html import page

_SCHEMA: Final = "application/schema+json"
_ASYNCAPI: Final = "application/vnd.aai.asyncapi+json;version=3.0.0"


@cache
def _document() -> bytes:
    return asyncapi.text(asyncapi.document()).encode()


@cache
def _schemas() -> dict[str, bytes]:
    return {kind: asyncapi.text(schema).encode() for kind, schema in asyncapi.schemas().items()}


@cache
def _page() -> bytes:
    document = asyncapi.document()
    channels = [
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(channel['x-key'])}</td>"
        f"<td>{escape(channel['description'])}</td>"
        f"<td>{', '.join(_link(kind) for kind in channel['messages'])}</td></tr>"
        for name, channel in document["channels"].items()
    ]
    messages = [
        f"<tr><td>{_link(kind)}</td><td>{escape(message['summary'])}</td></tr>"
        for kind, message in document["components"]["messages"].items()
    ]
    return page(
        "Sharpstream topics",
        f"<h1>Kafka topics</h1><p>{escape(document['info']['description'])}</p>"
        f'<p>As a document: <a href="/docs/asyncapi.json">AsyncAPI {document["asyncapi"]}</a>, version'
        f' {document["info"]["version"]}. REST: <a href="/docs">API reference</a>.</p>'
        "<h2>Topics</h2><table><tr><th>topic</th><th>key</th><th>what</th><th>messages</th></tr>"
        f"{''.join(channels)}</table>"
        "<h2>Messages</h2>"
        "<p>CloudEvents 1.0 in binary mode: attributes in headers, the body as the schema says.</p>"
        f"<table><tr><th>type, with its JSON Schema</th><th>what</th></tr>{''.join(messages)}</table>",
    )


def _link(kind: str) -> str:
    return f'<a href="/docs/schemas/{escape(kind)}.json"><code>{escape(kind)}</code></a>'


@get("/docs/asyncapi.json", operation_id="asyncapi", include_in_schema=False, sync_to_thread=False)
def asyncapi_document() -> Response[bytes]:
    """Return the AsyncAPI document."""
    return Response(_document(), media_type=_ASYNCAPI)


@get(
    "/docs/asyncapi",
    operation_id="asyncapi_page",
    include_in_schema=False,
    media_type=MediaType.HTML,
    sync_to_thread=False,
)
def asyncapi_page() -> bytes:
    """Return the AsyncAPI document as an HTML page."""
    return _page()


@get("/docs/schemas/{name:str}", operation_id="message_schema", include_in_schema=False, sync_to_thread=False)
def message_schema(name: FromPath[str]) -> Response[bytes]:
    """Return the JSON Schema of one type of message, named as in the AsyncAPI document."""
    found = _schemas().get(name.removesuffix(".json"))
    if found is None:
        raise DomainError("not_found", "There is no such type of message; see /docs/asyncapi.")
    return Response(found, media_type=_SCHEMA)


ROUTER = Router("/", route_handlers=[asyncapi_document, asyncapi_page, message_schema])
