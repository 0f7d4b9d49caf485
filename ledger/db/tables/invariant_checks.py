"""How far the checks of the invariants have come."""

from __future__ import annotations

from piccolo.columns import Array, BigInt, Integer, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES


class InvariantCheck(Table, tablename="invariant_checks", db=POSTGRES):
    """One rule; owned by `ledger.invariant_ranges`. ``reached``: the last key of the check that goes on."""

    rule = Text(primary_key=True, default=None)
    reached = Text(default=None, null=True)
    range_rows = Integer(default=None)
    found = BigInt()
    found_ids = Array(base_column=Text())
    checked_at = Timestamptz(default=None, null=True)
    exceptions = BigInt()
    exception_ids = Array(base_column=Text())
