"""The gateway's HTML pages: self-contained, without scripts or external resources."""

from __future__ import annotations

from html import escape
from typing import Final

_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
    "padding:0 1rem}code{font-family:ui-monospace,monospace}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #8884;vertical-align:top}"
    "details{border:1px solid #8884;border-radius:.4rem;padding:.4rem .8rem;margin:.4rem 0}"
    "summary{cursor:pointer}pre{background:#8882;padding:.8rem;border-radius:.4rem;overflow:auto}"
)


TAGLINE: Final = (
    "A photo goes in, a metric 3D Gaussian splat comes out, and every subscriber gets each event exactly"
    " once."
)


def page(title: str, body: str) -> bytes:
    """Return a whole page around ``body``, which must be escaped already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    ).encode()


def landing(public_url: str) -> bytes:
    """Return the page at the root: a description and how to start."""
    base = escape(public_url.rstrip("/"))
    return page(
        "Sharpstream",
        f"<h1>Sharpstream</h1><p>{TAGLINE}</p>"
        '<p><a href="/docs">API reference</a> &middot;'
        ' <a href="/docs/openapi.json">OpenAPI document</a> &middot;'
        ' <a href="/docs/asyncapi">Kafka topics</a> &middot; <a href="/llms.txt">llms.txt</a> &middot;'
        ' <a href="/api/v1/models">models</a> &middot; <a href="/health/ready">health</a></p>'
        "<h2>Begin</h2><p>Register, sign in, make an API key, then send a photo:</p>"
        f"<pre>curl -H &quot;X-API-Key: $KEY&quot; -F image=@photo.jpg {base}/api/v1/scenes/generate</pre>"
        "<p>and follow it:</p>"
        f"<pre>curl -N -H &quot;X-API-Key: $KEY&quot; {base}/api/v1/scenes/$ID/events</pre>",
    )
