"""Turns of periodic work that one process of many does."""

from __future__ import annotations

from piccolo.columns import Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES


class Chore(Table, tablename="chores", db=POSTGRES):
    """One kind of periodic work; owned by `ledger.db.leader_turns`."""

    name = Text(primary_key=True, default=None)
    next_at = Timestamptz(default=None)
