"""Mails: what is to be sent, and the links in what was sent."""

from __future__ import annotations

from piccolo.columns import UUID, Integer, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES


class Mail(Table, tablename="mails", db=POSTGRES):
    """One mail, until its link is used or over; the token of the link as a keyed hash."""

    id = UUID(primary_key=True, default=None)
    kind = Text(default=None)
    user_id = UUID(default=None, null=True)
    address = Text(default=None, null=True)
    token_hash = Text(default=None, null=True, unique=True, secret=True)
    pepper = Text(default=None, null=True)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    due_at = Timestamptz(default=None, null=True)
    attempts = Integer(default=None)
    sent_at = Timestamptz(default=None, null=True)
    failure = Text(default=None, null=True)
