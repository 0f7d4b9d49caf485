"""Partners and their commands."""

from __future__ import annotations

from piccolo.columns import UUID, Boolean, Bytea, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES
from ledger.db.tables.accounts import User


class Partner(Table, tablename="partners", db=POSTGRES):
    """An account's direct access to Kafka; ``settled`` is true once Kafka matches ``state``."""

    id = UUID(primary_key=True, default=None)
    account_id = ForeignKey(User, on_delete=OnDelete.restrict, null=False, default=None)
    slug = Text(default=None, unique=True)
    state = Text(default=None)
    settled = Boolean(default=None)
    due_at = Timestamptz(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(default=None, null=True)
    suspended_because = Text(default=None, null=True)
    unreadable_records = Integer(default=0)
    unreadable_since = Timestamptz(default=None, null=True)


class PartnerCommand(Table, tablename="partner_commands", db=POSTGRES):
    """One command of a partner and its outcome."""

    id = UUID(primary_key=True, default=None)
    partner_id = ForeignKey(Partner, on_delete=OnDelete.cascade, null=False, default=None)
    ce_id = Text(default=None, null=True)
    subject = Text(default=None, null=True)
    fingerprint = Bytea(default=None)
    generation_id = UUID(default=None, null=True, unique=True)
    code = Text(default=None, null=True)
    created_at = Timestamptz(default=None)
