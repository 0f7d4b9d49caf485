"""Webhooks: endpoints, their secrets, deliveries and redelivery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sharpstream.client.models import Delivery, DeliveryPage, NewWebhook, Replay, Secret, Webhook
from sharpstream.client.request import API, Call

_HERE = f"{API}/webhooks"


def create_webhook(url: str, *, events: Sequence[str] = ("*",), description: str = "") -> Call[NewWebhook]:
    """Have events of these types sent to a URL; the secret is shown only once."""
    body = {"url": url, "events": list(events), "description": description}
    return _post("", NewWebhook, body=body)


def webhooks() -> Call[list[Webhook]]:
    """Return the account's endpoints."""
    return Call(method="GET", path=_HERE, answer=list[Webhook])


def webhook(webhook_id: str) -> Call[Webhook]:
    """Return one endpoint and its state."""
    return Call(method="GET", path=f"{_HERE}/{webhook_id}", answer=Webhook)


def change_webhook(
    webhook_id: str,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    description: str | None = None,
    status: str | None = None,
) -> Call[Webhook]:
    """Change the given fields; ``status`` is ``active`` or ``disabled``."""
    body = {
        "url": url,
        "events": None if events is None else list(events),
        "description": description,
        "status": status,
    }
    return Call(method="PATCH", path=f"{_HERE}/{webhook_id}", answer=Webhook, body=body)


def delete_webhook(webhook_id: str) -> Call[None]:
    """Delete an endpoint with its deliveries."""
    return Call(method="DELETE", path=f"{_HERE}/{webhook_id}", answer=None, repeatable=False)


def rotate_webhook_secret(webhook_id: str) -> Call[Secret]:
    """Make a new secret; the old one also signs for another day."""
    return _post(f"/{webhook_id}/rotate-secret", Secret)


def account_secret() -> Call[Secret]:
    """Return the secret that signs deliveries to the ``webhook_url`` of single requests."""
    return Call(method="GET", path=f"{_HERE}/account-secret", answer=Secret)


def rotate_account_secret() -> Call[Secret]:
    """Make a new secret for ``webhook_url``; the old one also signs for another day."""
    return _post("/account-secret/rotate", Secret)


def deliveries(
    webhook_id: str, *, status: str | None = None, cursor: str | None = None, limit: int = 50
) -> Call[DeliveryPage]:
    """Return a page of deliveries to an endpoint, newest first."""
    query = {"status": status, "cursor": cursor, "limit": limit}
    return Call(method="GET", path=f"{_HERE}/{webhook_id}/deliveries", answer=DeliveryPage, query=query)


def redeliver(delivery_id: str) -> Call[Delivery]:
    """Send the event of a delivery once more, with the same ``webhook-id``."""
    return _post(f"/deliveries/{delivery_id}/redeliver", Delivery)


def test_webhook(webhook_id: str) -> Call[Delivery]:
    """Send a test event."""
    return _post(f"/{webhook_id}/test", Delivery)


def replay_webhook(
    webhook_id: str, *, since: datetime | str | None = None, after: str | None = None
) -> Call[Replay]:
    """Send up to 1,000 past events again, since a time or after a cursor."""
    return _post(f"/{webhook_id}/replay", Replay, query={"since": since, "after": after})


def _post(path: str, answer: Any, **parts: Any) -> Call[Any]:
    return Call(method="POST", path=f"{_HERE}{path}", answer=answer, repeatable=False, **parts)
