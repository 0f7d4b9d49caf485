"""Webhook endpoints, messages and deliveries."""

from __future__ import annotations

from piccolo.columns import (
    UUID,
    Array,
    Bytea,
    DoublePrecision,
    ForeignKey,
    Integer,
    OnDelete,
    Text,
    Timestamptz,
)
from piccolo.table import Table

from ledger.db.queries import POSTGRES
from ledger.db.tables.accounts import User


class WebhookEndpoint(Table, tablename="webhook_endpoints", db=POSTGRES):
    """An account's endpoint for webhooks; its secrets are sealed by the gateway."""

    id = UUID(primary_key=True, default=None)
    account_id = ForeignKey(User, on_delete=OnDelete.cascade, null=False, default=None)
    url = Text(default=None)
    events = Array(base_column=Text(), default=None)
    description = Text(default=None)
    state = Text(default=None)
    secret = Bytea(default=None, secret=True)
    previous_secret = Bytea(default=None, null=True, secret=True)
    previous_until = Timestamptz(default=None, null=True)
    failing_since = Timestamptz(default=None, null=True)
    disabled_at = Timestamptz(default=None, null=True)
    disabled_reason = Text(default=None, null=True)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    sealing_key = Text(default=None, null=True)


class WebhookAccountSecret(Table, tablename="webhook_account_secrets", db=POSTGRES):
    """The secret that signs deliveries to the ``webhook_url`` of a single request."""

    account_id = ForeignKey(
        User, on_delete=OnDelete.cascade, null=False, default=None, primary_key=True, unique=True
    )
    secret = Bytea(default=None, secret=True)
    previous_secret = Bytea(default=None, null=True, secret=True)
    previous_until = Timestamptz(default=None, null=True)
    updated_at = Timestamptz(default=None)
    sealing_key = Text(default=None, null=True)


class WebhookMessage(Table, tablename="webhook_messages", db=POSTGRES):
    """The body of an event's deliveries, stored once for all its receivers."""

    event_id = UUID(primary_key=True, default=None)
    account_id = UUID(default=None)
    type = Text(default=None)
    subject = UUID(default=None)
    body = Text(default=None)
    correlation_id = Text(default=None, null=True)
    traceparent = Text(default=None, null=True)
    created_at = Timestamptz()


class WebhookDelivery(Table, tablename="webhook_deliveries", db=POSTGRES):
    """One delivery of one event to one receiver; owned by `gateway.webhooks`."""

    id = UUID(primary_key=True, default=None)
    endpoint_id = ForeignKey(WebhookEndpoint, on_delete=OnDelete.cascade, null=True, default=None)
    account_id = UUID(default=None)
    url = Text(default=None, null=True)
    lane = UUID(default=None)
    event_id = ForeignKey(WebhookMessage, on_delete=OnDelete.restrict, null=False, default=None)
    origin = Text(default=None)
    state = Text(default="pending")
    claim = Integer()
    attempts = Integer()
    due_at = Timestamptz()
    created_at = Timestamptz()
    attempted_at = Timestamptz(default=None, null=True)
    duration_ms = DoublePrecision(default=None, null=True)
    response_status = Integer(default=None, null=True)
    response_body = Text(default=None, null=True)
    error = Text(default=None, null=True)
