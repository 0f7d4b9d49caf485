"""Where webhooks may go: the guard of the addresses that customers name, when given and when used."""

from __future__ import annotations

import aiohttp

from gateway.settings import WebhookSettings
from gateway.ssrf import SsrfGuard


def guard(own: WebhookSettings) -> SsrfGuard:
    """Return the guard as the settings say."""
    return SsrfGuard(allow_private=own.allow_private, allow_loopback=own.allow_loopback)


def outgoing(own: WebhookSettings) -> aiohttp.ClientSession:
    """Return the session of all attempts: addresses are judged whenever a connection is made."""
    return guard(own).session(connect_s=own.timeout_seconds, total_s=own.timeout_seconds)
