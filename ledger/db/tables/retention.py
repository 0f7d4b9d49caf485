"""Retention: accounts' policies, and the record of what was erased."""

from __future__ import annotations

from piccolo.columns import UUID, BigInt, Date, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES
from ledger.db.tables.accounts import User


class RetentionPolicy(Table, tablename="retention_policies", db=POSTGRES):
    """Hours for which an account keeps each kind; null is for ever."""

    user_id = ForeignKey(User, primary_key=True, on_delete=OnDelete.cascade, null=False, default=None)
    scenes = Integer(default=None, null=True)
    originals = Integer(default=None, null=True)
    results = Integer(default=None, null=True)
    exports = Integer(default=None, null=True)
    views = Integer(default=None, null=True)
    names = Integer(default=None, null=True)
    client_metadata = Integer(default=None, null=True)
    webhooks = Integer(default=None, null=True)
    idempotency = Integer(default=None, null=True)
    updated_at = Timestamptz(default=None)


class Erasure(Table, tablename="erasures", db=POSTGRES):
    """How much of one kind retention erased of one account on one day (UTC)."""

    id = UUID(primary_key=True, default=None)
    account_id = UUID(default=None)
    kind = Text(default=None)
    day = Date(default=None)
    erased = BigInt(default=None)
    first_at = Timestamptz(default=None)
    last_at = Timestamptz(default=None)
