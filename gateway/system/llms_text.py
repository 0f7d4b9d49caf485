"""``/llms.txt``: the service described for language models, in the form of llmstxt.org.

It is made of what the API's other pages are made of, so it cannot say less or other than they do.
"""

from __future__ import annotations

from typing import Final

from litestar import MediaType, Router, get
from litestar.di import NamedDependency

from bus.contract.format_catalogue import FACTS
from gateway.http import openapi
from gateway.http.html import TAGLINE
from gateway.http.introduction import TAGS, first_calls
from gateway.settings import Settings

_CLIENTS: Final = """\
From Python, `sharpstream.client` has every operation as a method, with retries and resumed streams:

```python
from sharpstream.client import Client

with Client("{base}", "ss_...") as client:
    scene = client.wait(client.generate("photo.jpg").generation_id)
```

The command `sharpstream generate photo.jpg` does the same; `sharpstream mcp` is a server of the Model Context
Protocol with tools to generate, wait for, list, export and share scenes."""


def text(public_url: str) -> str:
    """Return the whole text, whose links are below the service's public address."""
    base = public_url.rstrip("/")
    calls = "\n\n".join(f"{words}\n\n```sh\n{command}\n```" for words, command in first_calls(base))
    sections = {
        "API": [
            (
                "OpenAPI document",
                "/docs/openapi.json",
                "every operation with its parameters, answers and errors",
            ),
            ("API reference", openapi.PLAIN, "the same as one page without scripts"),
            ("Interactive reference", openapi.PATH, "the same, to try calls in a browser"),
        ],
        "Subjects": [
            (tag.name, f"{openapi.PLAIN}#{openapi.anchor(tag.name)}", str(tag.description)) for tag in TAGS
        ],
        "Catalogues": [
            (
                "Export formats",
                "/api/v1/export-formats",
                f"{', '.join(FACTS)}, with a JSON Schema of the options of each",
            ),
            ("Models", "/api/v1/models", "the networks that make scenes, their licences, and which one runs"),
        ],
        "Events": [
            ("AsyncAPI document", "/docs/asyncapi.json", "the Kafka topics and the messages in them"),
            ("Topics", "/docs/asyncapi", "the same as a page, with the JSON Schema of each message"),
        ],
    }
    return "\n".join(
        [
            f"# Sharpstream\n\n> {TAGLINE}\n",
            f"The REST API is below {base}/api/v1. Programs send an API key in the header `X-API-Key`. Work"
            " is done in the background: a call answers 202 with an id, which is followed by Server-Sent"
            " Events, by webhooks, or by `Prefer: wait=30`. Every error is RFC 9457 problem+json with a"
            " stable `code` and a `message` that says what to do.\n",
            f"{calls}\n",
            f"{_CLIENTS.replace('{base}', base)}\n",
            *(_section(title, base, links) for title, links in sections.items()),
        ]
    )


def _section(title: str, base: str, links: list[tuple[str, str, str]]) -> str:
    rows = "".join(f"- [{name}]({base}{path}): {about}\n" for name, path, about in links)
    return f"## {title}\n\n{rows}"


@get(
    "/llms.txt",
    operation_id="llms_text",
    include_in_schema=False,
    media_type=MediaType.TEXT,
    sync_to_thread=False,
)
def llms_text(settings: NamedDependency[Settings]) -> str:
    """Return what a language model needs to use the service."""
    return text(settings.gateway.public_url)


ROUTER = Router("/", route_handlers=[llms_text])
