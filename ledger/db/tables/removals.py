"""Pending removals from the blob store."""

from __future__ import annotations

from piccolo.columns import BigInt, Integer, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES


class BlobRemoval(Table, tablename="blob_removals", db=POSTGRES):
    """One object, or one folder where the key ends with a slash; owned by `ledger.db.removals`."""

    id = BigInt(primary_key=True, default=None)
    key = Text(default=None)
    attempts = Integer()
    due_at = Timestamptz()
    created_at = Timestamptz()
    error = Text(default=None, null=True)
