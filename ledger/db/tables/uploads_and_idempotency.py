"""Uploads, idempotency keys, quotas and rate limits, which the gateway checks before it accepts a job."""

from __future__ import annotations

from piccolo.columns import UUID, BigInt, Bytea, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES
from ledger.db.tables.accounts import User


class Upload(Table, tablename="uploads", db=POSTGRES):
    """A photo uploaded directly to the store; used once."""

    id = UUID(primary_key=True, default=None)
    user_id = ForeignKey(User, on_delete=OnDelete.cascade, null=False, default=None)
    key = Text(default=None)
    media_type = Text(default=None)
    bytes = BigInt(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)


class IdempotencyKey(Table, tablename="idempotency_keys", db=POSTGRES):
    """A request that may be retried; the key is (user_id, key)."""

    user_id = ForeignKey(User, on_delete=OnDelete.cascade, null=False, default=None)
    key = Text(primary_key=True, default=None)
    fingerprint = Bytea(default=None)
    token = UUID(default=None)
    lease_until = Timestamptz(default=None)
    generation_id = UUID(default=None, null=True)
    created_at = Timestamptz(default=None)


class AccountQuota(Table, tablename="account_quotas", db=POSTGRES):
    """An account's overrides of its role's quota."""

    user_id = ForeignKey(User, primary_key=True, on_delete=OnDelete.cascade, null=False, default=None)
    max_in_flight = Integer(default=None, null=True)
    requests_per_minute = Integer(default=None, null=True)
    max_streams = Integer(default=None, null=True)
    updated_at = Timestamptz(default=None)


class RateLimit(Table, tablename="rate_limits", db=POSTGRES):
    """The time when a bucket will be empty again; the key is (policy, subject)."""

    policy = Text(primary_key=True, default=None)
    subject = Text(default=None)
    empty = Timestamptz(default=None)
