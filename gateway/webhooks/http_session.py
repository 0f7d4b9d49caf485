"""The SSRF guard of customers' URLs, applied when a URL is given and at each connection."""

from __future__ import annotations

import aiohttp

from gateway.settings import WebhookSettings
from gateway.ssrf import SsrfGuard


def guard(own: WebhookSettings) -> SsrfGuard:
    """Return the guard for these settings."""
    return SsrfGuard(allow_private=own.allow_private, allow_loopback=own.allow_loopback)


def outgoing(own: WebhookSettings) -> aiohttp.ClientSession:
    """Return the HTTP session of all attempts. It checks the address whenever it connects."""
    return guard(own).session(connect_s=own.timeout_seconds, total_s=own.timeout_seconds)
