"""What the service answers. Webhooks: endpoints, their secrets, deliveries and redelivery.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field


class Webhook(Struct, frozen=True, kw_only=True):
    """An endpoint. ``failing_since``: no attempt has succeeded since then.

    ``disabled_reason``: ``gone`` (it answered 410), ``failing`` (all attempts failed for days) or
    ``owner``.
    """

    id: str
    url: str
    events: list[str] = field(default_factory=list)
    description: str = ""
    status: str
    disabled_reason: str | None = None
    disabled_at: datetime | None = None
    failing_since: datetime | None = None
    previous_secret_valid_until: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class NewWebhook(Webhook, frozen=True, kw_only=True):
    """An endpoint with its secret, which is not shown again; rotate it to get a new one."""

    secret: str


class Secret(Struct, frozen=True, kw_only=True):
    """The signing secret. The previous one also signs until ``previous_valid_until``."""

    secret: str
    previous_valid_until: datetime | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """The delivery of one event to one endpoint. The response is the last attempt's, its body cut at 1 kB.

    ``due_at``: the time of the next attempt while the delivery is pending.
    """

    id: str
    webhook_id: str | None = None
    url: str
    event_id: str
    event_type: str = ""
    subject: str = ""
    origin: str = ""
    status: str
    attempts: int = 0
    created_at: datetime | None = None
    due_at: datetime | None = None
    attempted_at: datetime | None = None
    duration_ms: float | None = None
    response_status: int | None = None
    response_body: str | None = None
    error: str | None = None


class DeliveryPage(Struct, frozen=True, kw_only=True):
    """Deliveries, newest first; ``next_cursor`` is null on the last page."""

    items: list[Delivery] = field(default_factory=list)
    next_cursor: str | None = None


class Replay(Struct, frozen=True, kw_only=True):
    """The number of events that will be sent again. If ``next_after`` is set there are more from there."""

    queued: int = 0
    next_after: str | None = None
