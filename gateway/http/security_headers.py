"""The security headers of every response, unless its handler set its own."""

from __future__ import annotations

from typing import Final

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
    # The pages are plain HTML with an inline style: no scripts, images or external resources.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
}
"""TLS and HSTS belong to the load balancer."""
ENCODED: Final = [(name.lower().encode(), text.encode()) for name, text in SECURITY_HEADERS.items()]
"""The same headers as ASGI takes them."""
NO_FRAME_OPTIONS: Final = (b"x-frame-options", b"")
"""A handler whose own policy says which pages may hold it in a frame sets this, and it is left out."""
