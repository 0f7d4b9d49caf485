"""What administrators and operators did."""

from __future__ import annotations

from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES


class AdminAct(Table, tablename="admin_acts", db=POSTGRES):
    """One act; added by `ledger.db.admin_acts` in the act's own transaction, and never changed."""

    id = UUID(primary_key=True, default=None)
    at = Timestamptz()
    actor = UUID(default=None, null=True)
    action = Text(default=None)
    target = UUID(default=None, null=True)
    details = JSONB(default="{}")
