"""Backups that were put back."""

from __future__ import annotations

from piccolo.columns import UUID, Array, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES


class Restore(Table, tablename="restores", db=POSTGRES):
    """One restore of this database; owned by `ledger.db.restores`."""

    id = UUID(primary_key=True, default=None)
    backup_at = Timestamptz(default=None)
    restored_at = Timestamptz()
    newer = Array(base_column=UUID())
    agreed_at = Timestamptz(default=None, null=True)
