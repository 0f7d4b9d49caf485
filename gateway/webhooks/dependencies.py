"""The dependencies of the webhook routes."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from gateway.settings import OutgoingSettings, WebhookSettings
from gateway.ssrf import SsrfGuard
from gateway.webhooks.account_secrets import AccountKeys
from gateway.webhooks.http_session import guard
from gateway.webhooks.redelivery import Sending
from gateway.webhooks.repository import Webhooks
from gateway.webhooks.secrets import Sealer


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookDependencies:
    """The dependencies of one application."""

    receivers: SsrfGuard
    webhooks: Webhooks
    sending: Sending
    account_keys: AccountKeys


def build(pool: asyncpg.Pool, own: WebhookSettings, outgoing: OutgoingSettings) -> WebhookDependencies:
    """Return the dependencies."""
    sealer = Sealer.of(own)
    return WebhookDependencies(
        receivers=guard(own, outgoing),
        webhooks=Webhooks(pool, sealer, most=own.max_endpoints),
        sending=Sending(pool),
        account_keys=AccountKeys(pool, sealer),
    )
