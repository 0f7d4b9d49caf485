"""The SSRF guard of customers' URLs, applied when a URL is given and at each connection."""

from __future__ import annotations

import aiohttp

from gateway.settings import OutgoingSettings, WebhookSettings
from gateway.ssrf import SsrfGuard


def guard(own: WebhookSettings, outgoing: OutgoingSettings) -> SsrfGuard:
    """Return the guard for these settings."""
    return SsrfGuard(
        allow_private=own.allow_private,
        loopback_ports=own.loopback_ports,
        refused_ports=outgoing.refused_ports,
    )


def session(own: WebhookSettings, outgoing: OutgoingSettings) -> aiohttp.ClientSession:
    """Return the HTTP session of all attempts. It checks the address whenever it connects."""
    return guard(own, outgoing).session(connect_s=own.timeout_seconds, total_s=own.timeout_seconds)
