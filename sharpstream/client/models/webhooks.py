"""Webhooks: endpoints, their secrets, and deliveries."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Webhook(Struct, frozen=True, kw_only=True):
    """An endpoint. ``disabled_reason``: ``gone``, ``failing`` or ``owner``."""

    id: str
    url: str
    events: list[str]
    status: str
    description: str = ""
    disabled_reason: str | None = None
    disabled_at: datetime | None = None
    failing_since: datetime | None = None
    previous_secret_valid_until: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class NewWebhook(Webhook, frozen=True, kw_only=True):
    """An endpoint just made; ``secret`` is shown only once."""

    secret: str


class Secret(Struct, frozen=True, kw_only=True):
    """A secret that signs; the one before it signs too until ``previous_valid_until``."""

    secret: str
    previous_valid_until: datetime | None = None


class Delivery(Struct, frozen=True, kw_only=True):
    """The delivery of one event to one endpoint; the answer is the last attempt's."""

    id: str
    url: str
    event_id: str
    event_type: str
    status: str
    attempts: int
    origin: str = "event"
    webhook_id: str | None = None
    subject: str = ""
    created_at: datetime | None = None
    due_at: datetime | None = None
    attempted_at: datetime | None = None
    duration_ms: float | None = None
    response_status: int | None = None
    response_body: str | None = None
    error: str | None = None


class DeliveryPage(Struct, frozen=True, kw_only=True):
    """Newest first; ``next_cursor`` None is the end."""

    items: list[Delivery]
    next_cursor: str | None = None


class Replay(Struct, frozen=True, kw_only=True):
    """The number of events that will be sent again; ``next_after``: more follow this cursor."""

    queued: int
    next_after: str | None = None
