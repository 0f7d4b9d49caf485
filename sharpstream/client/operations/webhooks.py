"""Webhooks: endpoints, their secrets, deliveries and redelivery.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sharpstream.client.models import Delivery, DeliveryPage, NewWebhook, Replay, Secret, Webhook
from sharpstream.client.request import API, Call


def webhooks() -> Call[list[Webhook]]:
    """Return the account's endpoints, oldest first."""
    return Call(
        method="GET",
        path=f"{API}/webhooks",
        answer=list[Webhook],
    )


def create_webhook(url: str, events: Sequence[str], *, description: str = "") -> Call[NewWebhook]:
    """Add an endpoint. From now on it gets every event of these types, signed, at least once.

    Each delivery is a POST as in Standard Webhooks; its body is the CloudEvent that `GET /events`
    shows. Any 2xx within 15 s is success; anything else is retried, up to ten attempts in three days.
    Order is not guaranteed. Deduplicate by `webhook-id`, because an event may arrive twice. The secret
    is shown once.
    """
    return Call(
        method="POST",
        path=f"{API}/webhooks",
        answer=NewWebhook,
        body={"url": url, "events": events, "description": description},
        repeatable=False,
    )


def webhook(webhook_id: str) -> Call[Webhook]:
    """Return one endpoint and its state."""
    return Call(
        method="GET",
        path=f"{API}/webhooks/{webhook_id}",
        answer=Webhook,
    )


def delete_webhook(webhook_id: str) -> Call[None]:
    """Delete an endpoint with all its deliveries. An attempt in flight may still arrive."""
    return Call(
        method="DELETE",
        path=f"{API}/webhooks/{webhook_id}",
        answer=None,
        repeatable=False,
    )


def change_webhook(
    webhook_id: str,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    description: str | None = None,
    status: str | None = None,
) -> Call[Webhook]:
    """Change the given fields. Disabling cancels pending deliveries; a replay after enabling sends them."""
    return Call(
        method="PATCH",
        path=f"{API}/webhooks/{webhook_id}",
        answer=Webhook,
        body={"url": url, "events": events, "description": description, "status": status},
    )


def rotate_webhook_secret(webhook_id: str) -> Call[Secret]:
    """Make a new secret. Both secrets sign each message for 24 hours, so that receivers can switch."""
    return Call(
        method="POST",
        path=f"{API}/webhooks/{webhook_id}/rotate-secret",
        answer=Secret,
        repeatable=False,
    )


def account_secret() -> Call[Secret]:
    """Return the secret that signs deliveries to the `webhook_url` of single requests."""
    return Call(
        method="GET",
        path=f"{API}/webhooks/account-secret",
        answer=Secret,
    )


def rotate_account_secret() -> Call[Secret]:
    """Make a new secret for `webhook_url`. Both secrets sign each message for 24 hours."""
    return Call(
        method="POST",
        path=f"{API}/webhooks/account-secret/rotate",
        answer=Secret,
        repeatable=False,
    )


def deliveries(
    webhook_id: str, *, status: str | None = None, cursor: str | None = None, limit: int = 50
) -> Call[DeliveryPage]:
    """Return deliveries, newest first, with the receiver's last response. Ended ones are kept for 30 days."""
    return Call(
        method="GET",
        path=f"{API}/webhooks/{webhook_id}/deliveries",
        answer=DeliveryPage,
        query={"status": status, "cursor": cursor, "limit": limit},
    )


def redeliver(delivery_id: str) -> Call[Delivery]:
    """Send the event of a delivery once more, as a new delivery with the same `webhook-id`."""
    return Call(
        method="POST",
        path=f"{API}/webhooks/deliveries/{delivery_id}/redeliver",
        answer=Delivery,
        repeatable=False,
    )


def test_webhook(webhook_id: str) -> Call[Delivery]:
    """Send an event of the type `webhook.test.v1`, whatever the filter. The delivery shows the response."""
    return Call(
        method="POST",
        path=f"{API}/webhooks/{webhook_id}/test",
        answer=Delivery,
        repeatable=False,
    )


def replay_webhook(
    webhook_id: str, *, since: datetime | str | None = None, after: str | None = None
) -> Call[Replay]:
    """Send the past events that match the endpoint's filter again, with the same ids, up to 1,000 a call.

    Give `since` or `after`. If `next_after` is returned there are more events: call again with it as
    `after`.

    ``since``: events from this time on; UTC unless it says; ``after``: events after this cursor of an
    event; `0`: all of them.
    """
    return Call(
        method="POST",
        path=f"{API}/webhooks/{webhook_id}/replay",
        answer=Replay,
        query={"since": since, "after": after},
        repeatable=False,
    )
